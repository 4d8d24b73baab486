/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The settings: environment variables only, read once at start into one const struct. The table
 * in config_table.c is the single list of names, types, defaults and ranges; `--help`, the checks
 * and `--print-config` come from it. Every secret can come from a file named by NAME_FILE instead.
 */
#ifndef HOLDFAST_APP_CONFIG_H
#define HOLDFAST_APP_CONFIG_H

#include "common/core/buffer.h"

enum config_program {
    CONFIG_PRODUCER = 1,
    CONFIG_CONSUMER = 2,
    CONFIG_CLI = 4,
    CONFIG_DAEMONS = CONFIG_PRODUCER | CONFIG_CONSUMER,
};

enum config_environment { CONFIG_DEVELOPMENT, CONFIG_STAGING, CONFIG_PRODUCTION };
enum config_queue_type { CONFIG_QUORUM, CONFIG_CLASSIC };

/* Strings are owned by the config and never NULL; an unset one is "". */
struct config {
    char *database_url, *rabbitmq_url; /* what they say is also in the fields below */
    char *database_host, *database_name, *database_user, *database_password;
    char *database_admin_user, *database_admin_password, *database_reader_password;
    char *database_sslmode, *database_sslrootcert;
    int64_t database_port;
    char *rabbitmq_host; /* one host or a comma list, each perhaps with :port */
    char *rabbitmq_user, *rabbitmq_password, *rabbitmq_vhost, *rabbitmq_queue_name;
    char *rabbitmq_exchange;
    char *rabbitmq_ca_file;
    int64_t rabbitmq_port, rabbitmq_heartbeat_s, rabbitmq_queue_type;
    int64_t rabbitmq_tls; /* 0 or 1 */
    char *producer_host, *admin_api_key, *http_origins;
    int64_t producer_port, producer_workers;
    int64_t max_body_bytes, max_event_bytes, max_batch_events, max_json_depth;
    int64_t max_connections, request_timeout_ms, http_idle_timeout_s, publish_confirm_timeout_ms;
    int64_t outbox_events, outbox_bytes;
    int64_t consumer_prefetch, consumer_batch_events, consumer_writers;
    int64_t consumer_retry_attempts, consumer_retry_delay_s;
    char *catalog_dir;    /* "" = the built-in catalogue */
    int64_t catalog_mode; /* enum catalog_mode */
    int64_t feed_patience_s, feed_asks;
    char *metrics_host;
    int64_t metrics_port;
    int64_t dedup_days;
    char *url;     /* of the producer */
    char *ca_file; /* of its certificate */
    int64_t log_level, log_format, environment, shutdown_timeout_s;
};

/*
 * Reads the environment for the programs in `programs` (flags). All faults are appended to
 * `faults`, a line each: name, what is wrong, how to fix it; warnings (look-alike names) go to
 * `warnings`. False when there is a fault; `out` can be finished either way.
 */
MUST_CHECK bool config_load(struct config *out, unsigned programs, struct buffer *faults,
                            struct buffer *warnings);
void config_finish(struct config *c);

/* The table of the programs' settings for --help, with defaults. */
void config_help(unsigned programs, struct buffer *out);
/* NAME=value with where it came from; secrets masked. */
void config_print(const struct config *c, unsigned programs, struct buffer *out);

enum { CONFIG_GO_ON = -1, CONFIG_HEALTHCHECK = -2 };

/*
 * What every daemon's main does first: handles --help, --version, --check, --print-config, reads
 * the settings, opens the log. Returns CONFIG_GO_ON; or CONFIG_HEALTHCHECK when that is asked, with
 * the settings that have no fault; else the exit code (0, 2, or 78 for faults).
 */
int config_start(struct config *out, enum config_program program, const char *name, int argc,
                 char **argv);

#endif
