/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One table is the whole truth about the settings: a row is the name, the type, where the value
 * goes, its default (NULL: required) and range, which programs read it, and a line of help. A URL
 * stands before the settings it may speak for.
 */
#include "common/app/config_table.h"

#define AT(field) offsetof(struct config, field)
#define ALL       (CONFIG_PRODUCER | CONFIG_CONSUMER | CONFIG_CLI)
#define DATABASE  (CONFIG_CONSUMER | CONFIG_CLI)

/* clang-format off */
const struct setting config_settings[] = {
    {"DATABASE_URL", SETTING_SECRET, AT(database_url), "", 0, 0, NULL, DATABASE, "postgresql://user:password@host:port/database; overrides the DATABASE_… settings it names"},
    {"DATABASE_HOST", SETTING_TEXT, AT(database_host), "localhost", 0, 0, NULL, DATABASE, "PostgreSQL host, or the folder of its Unix socket"},
    {"DATABASE_PORT", SETTING_NUMBER, AT(database_port), "5432", 1, 65535, NULL, DATABASE, "PostgreSQL port"},
    {"DATABASE_NAME", SETTING_TEXT, AT(database_name), "code_reviewer_logs", 0, 0, NULL, DATABASE, "database"},
    {"DATABASE_USER", SETTING_TEXT, AT(database_user), "logging_service_user", 0, 0, NULL, DATABASE, "role that stores events"},
    {"DATABASE_PASSWORD", SETTING_SECRET, AT(database_password), NULL, 0, 0, NULL, CONFIG_CONSUMER, "its password"},
    {"DATABASE_PASSWORD", SETTING_SECRET, AT(database_password), "", 0, 0, NULL, CONFIG_CLI, "its password"},
    {"DATABASE_ADMIN_USER", SETTING_TEXT, AT(database_admin_user), "", 0, 0, NULL, CONFIG_CLI, "role that holdfast migrate uses; DATABASE_USER when empty"},
    {"DATABASE_ADMIN_PASSWORD", SETTING_SECRET, AT(database_admin_password), "", 0, 0, NULL, CONFIG_CLI, "its password"},
    {"DATABASE_READER_PASSWORD", SETTING_SECRET, AT(database_reader_password), "", 0, 0, NULL, CONFIG_CLI, "password of the reader roles that holdfast migrate creates"},
    {"DATABASE_SSLMODE", SETTING_TEXT, AT(database_sslmode), "prefer", 0, 0, "disable|allow|prefer|require|verify-ca|verify-full", DATABASE, "TLS to PostgreSQL"},
    {"DATABASE_SSLROOTCERT", SETTING_TEXT, AT(database_sslrootcert), "", 0, 0, NULL, DATABASE, "CA file for verify-ca and verify-full"},
    {"RABBITMQ_URL", SETTING_SECRET, AT(rabbitmq_url), "", 0, 0, NULL, ALL, "amqp://user:password@host:port/vhost, or amqps; overrides the RABBITMQ_… settings it names"},
    {"RABBITMQ_HOST", SETTING_TEXT, AT(rabbitmq_host), "localhost", 0, 0, NULL, ALL, "broker, or a comma-separated list of its nodes, each with an optional :port"},
    {"RABBITMQ_PORT", SETTING_NUMBER, AT(rabbitmq_port), "5672", 1, 65535, NULL, ALL, "port of the nodes given without one"},
    {"RABBITMQ_USER", SETTING_TEXT, AT(rabbitmq_user), "guest", 0, 0, NULL, ALL, "user"},
    {"RABBITMQ_PASSWORD", SETTING_SECRET, AT(rabbitmq_password), "guest", 0, 0, NULL, ALL, "password; RABBITMQ_PASS is accepted too"},
    {"RABBITMQ_VHOST", SETTING_TEXT, AT(rabbitmq_vhost), "/", 0, 255, NULL, ALL, "virtual host"},
    {"RABBITMQ_QUEUE_NAME", SETTING_TEXT, AT(rabbitmq_queue_name), "log_queue", 0, 248, NULL, ALL, "queue; the urgent and the dead-letter queue add .urgent and .dead"},
    {"RABBITMQ_QUEUE_TYPE", SETTING_CHOICE, AT(rabbitmq_queue_type), "quorum", 0, 0, "quorum|classic", ALL, "classic queues do not fsync before they confirm"},
    {"RABBITMQ_EXCHANGE", SETTING_TEXT, AT(rabbitmq_exchange), "events", 0, 255, NULL, CONFIG_CONSUMER, "topic exchange to which each stored event is published; nothing is published when empty"},
    {"RABBITMQ_HEARTBEAT", SETTING_NUMBER, AT(rabbitmq_heartbeat_s), "30", 1, 600, NULL, ALL, "heartbeat interval in seconds; a broker silent for twice that is taken to be down; at most 5 with several nodes"},
    {"RABBITMQ_TLS", SETTING_SWITCH, AT(rabbitmq_tls), "off", 0, 0, NULL, ALL, "TLS to the broker"},
    {"RABBITMQ_CA_FILE", SETTING_TEXT, AT(rabbitmq_ca_file), "", 0, 0, NULL, ALL, "CA file for TLS to the broker; the system's when empty"},
    {"PRODUCER_HOST", SETTING_TEXT, AT(producer_host), "0.0.0.0", 0, 0, NULL, CONFIG_PRODUCER, "address to listen on"},
    {"PRODUCER_PORT", SETTING_NUMBER, AT(producer_port), "8001", 0, 65535, NULL, CONFIG_PRODUCER, "port to listen on"},
    {"PRODUCER_WORKERS", SETTING_NUMBER, AT(producer_workers), "1", 1, 64, NULL, CONFIG_PRODUCER, "processes sharing the port"},
    {"ADMIN_API_KEY", SETTING_SECRET, AT(admin_api_key), "", 16, 0, NULL, CONFIG_PRODUCER, "key that requests to /v1/admin must carry, at least 16 bytes; /v1/admin is disabled when empty"},
    {"MAX_BODY_BYTES", SETTING_NUMBER, AT(max_body_bytes), "20971520", 1024, INT64_C(1) << 30, NULL, CONFIG_PRODUCER, "largest request body, in bytes"},
    {"MAX_EVENT_BYTES", SETTING_NUMBER, AT(max_event_bytes), "1048576", 256, 15 << 20, NULL, CONFIG_PRODUCER, "largest event, in bytes"},
    {"MAX_BATCH_EVENTS", SETTING_NUMBER, AT(max_batch_events), "10000", 1, 1000000, NULL, CONFIG_PRODUCER, "most events in one request"},
    {"MAX_JSON_DEPTH", SETTING_NUMBER, AT(max_json_depth), "32", 2, 64, NULL, CONFIG_PRODUCER, "deepest nesting of an event"},
    {"MAX_CONNECTIONS", SETTING_NUMBER, AT(max_connections), "1000", 1, 60000, NULL, CONFIG_PRODUCER, "most open HTTP connections of a worker"},
    {"REQUEST_TIMEOUT_MS", SETTING_NUMBER, AT(request_timeout_ms), "15000", 100, 600000, NULL, CONFIG_DAEMONS, "longest time from the first byte of a request to its last, in milliseconds"},
    {"HTTP_ORIGINS", SETTING_TEXT, AT(http_origins), "", 0, 0, NULL, CONFIG_PRODUCER, "origins whose web pages may post, such as https://app.example.com: comma-separated, or * for all"},
    {"HTTP_IDLE_TIMEOUT", SETTING_NUMBER, AT(http_idle_timeout_s), "620", 1, 86400, NULL, CONFIG_DAEMONS, "seconds a connection may be idle; set it above the idle timeout of a load balancer in front"},
    {"PUBLISH_CONFIRM_TIMEOUT_MS", SETTING_NUMBER, AT(publish_confirm_timeout_ms), "5000", 100, 600000, NULL, CONFIG_PRODUCER, "longest wait of a request for the broker's confirm, in milliseconds"},
    {"OUTBOX_EVENTS", SETTING_NUMBER, AT(outbox_events), "50000", 1, 10000000, NULL, CONFIG_PRODUCER, "most events of a worker that await a confirm; further ones are answered 503"},
    {"OUTBOX_BYTES", SETTING_NUMBER, AT(outbox_bytes), "67108864", 1024, INT64_C(1) << 34, NULL, CONFIG_PRODUCER, "most bytes of the events of a worker that await a confirm"},
    {"CONSUMER_PREFETCH", SETTING_NUMBER, AT(consumer_prefetch), "256", 1, 65535, NULL, CONFIG_CONSUMER, "most unacknowledged messages of a queue"},
    {"CONSUMER_BATCH_EVENTS", SETTING_NUMBER, AT(consumer_batch_events), "2000", 1, 100000, NULL, CONFIG_CONSUMER, "most events in one transaction"},
    {"CONSUMER_WRITERS", SETTING_NUMBER, AT(consumer_writers), "2", 1, 16, NULL, CONFIG_CONSUMER, "transactions that may run at the same time, besides one for urgent events"},
    {"CONSUMER_RETRY_ATTEMPTS", SETTING_NUMBER, AT(consumer_retry_attempts), "3", 1, 1000, NULL, CONFIG_CONSUMER, "tries of a transaction before its messages go back to the queue"},
    {"CONSUMER_RETRY_DELAY", SETTING_NUMBER, AT(consumer_retry_delay_s), "5", 0, 3600, NULL, CONFIG_CONSUMER, "longest pause between two tries, in seconds"},
    {"FEED_PATIENCE", SETTING_NUMBER, AT(feed_patience_s), "10", 0, 86400, NULL, CONFIG_CONSUMER, "seconds without progress of the feed after which events are acknowledged without it; 0: never"},
    {"FEED_ASKS", SETTING_SWITCH, AT(feed_asks), "on", 0, 0, NULL, CONFIG_CONSUMER, "publish no events of a routing key that has no subscriber, found out by a mandatory message; set it to off if an exchange of another type than direct, topic, fanout or headers is bound"},
    {"DEDUP_DAYS", SETTING_NUMBER, AT(dedup_days), "30", 1, 3650, NULL, CONFIG_CONSUMER, "days a client's event_id is remembered"},
    {"CATALOG_DIR", SETTING_TEXT, AT(catalog_dir), "", 0, 0, NULL, CONFIG_DAEMONS, "folder of the catalogue's .json files; the built-in catalogue when empty"},
    {"CATALOG_MODE", SETTING_CHOICE, AT(catalog_mode), "open", 0, 0, "open|strict", CONFIG_DAEMONS, "strict refuses event types that are not in the catalogue"},
    {"METRICS_HOST", SETTING_TEXT, AT(metrics_host), "127.0.0.1", 0, 0, NULL, CONFIG_CONSUMER | CONFIG_CLI, "address of the consumer's /health and /metrics"},
    {"METRICS_PORT", SETTING_NUMBER, AT(metrics_port), "9090", 0, 65535, NULL, CONFIG_CONSUMER | CONFIG_CLI, "port of the consumer's /health and /metrics"},
    {"HOLDFAST_URL", SETTING_TEXT, AT(url), "http://127.0.0.1:8001", 0, 0, NULL, CONFIG_CLI, "producer, http://HOST:PORT or https://HOST:PORT"},
    {"HOLDFAST_CA_FILE", SETTING_TEXT, AT(ca_file), "", 0, 0, NULL, CONFIG_CLI, "CA file for https; the system's when empty"},
    {"LOG_LEVEL", SETTING_CHOICE, AT(log_level), "INFO", 0, 0, "DEBUG|INFO|WARNING|ERROR", ALL, "lowest level that is logged"},
    {"LOG_FORMAT", SETTING_CHOICE, AT(log_format), "auto", 0, 0, "auto|text|json", ALL, "auto: text on a terminal, otherwise json"},
    {"ENVIRONMENT", SETTING_CHOICE, AT(environment), "development", 0, 0, "development|staging|production", ALL, "production refuses default passwords"},
    {"SHUTDOWN_TIMEOUT", SETTING_NUMBER, AT(shutdown_timeout_s), "25", 1, 600, NULL, CONFIG_DAEMONS, "seconds that shutdown may take to finish requests and transactions under way"},
};
/* clang-format on */

const size_t config_setting_count = sizeof config_settings / sizeof config_settings[0];
