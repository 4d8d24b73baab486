/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wiring of the consumer, in the order of an event's path:
 *
 *   link -> subscriber -> intake -> consumer -> writer -> PostgreSQL
 *                            ^                    |
 *                            '---- settle <- feed <-- after COMMIT
 *
 * SIGTERM: no more is taken, what is in flight is committed and acknowledged, the rest goes back.
 */
#include <errno.h>
#include <malloc.h>
#include <string.h>

#include "common/app/catalog_source.h"
#include "common/app/config.h"
#include "common/app/log.h"
#include "common/app/metrics.h"
#include "common/core/clock.h"
#include "common/net/healthcheck.h"
#include "common/net/loop.h"
#include "common/net/notify.h"
#include "common/net/probes.h"
#include "common/net/server.h"
#include "common/net/service.h"
#include "consumer/consumer.h"
#include "schema/catalog.h"

#define NAME                 "holdfast-consumer"
#define EXIT_FAILED          1
#define EXIT_CONFIG          78
#define MAPPED_BYTES         (192 * 1024)
#define FREE_BYTES           (512 * 1024)
#define PROBES_CONNECTIONS   64
#define PROBES_BODY_BYTES    1024
#define PROBES_SHARE_PERCENT 3 /* of the loop, whose work is storing */

struct program {
    struct config config;
    struct loop *loop;
    struct catalog_source catalog; /* for messages of other programs */
    struct consumer *consumer;
    struct router *router;
    struct probes probes;
    struct server *server;
    struct notify notify; /* the service manager */
    struct service *service;
};

static void on_drained(void *arg)
{
    const struct program *p = arg;
    loop_stop(p->loop);
}

static void on_terminate(void *arg)
{
    struct program *p = arg;
    service_stopping(p->service);
    consumer_drain(p->consumer, on_drained, p);
}

static void on_hangup(void *arg)
{
    struct program *p = arg;
    service_reloading(p->service);
    catalog_source_reload(&p->catalog);
    service_reloaded(p->service);
}

static bool load_catalog(struct program *p)
{
    p->catalog = (struct catalog_source){.builtin = schema_catalog,
                                         .builtin_count = schema_catalog_count,
                                         .folder = p->config.catalog_dir,
                                         .choice.mode = (enum catalog_mode)p->config.catalog_mode};
    return catalog_source_open(&p->catalog);
}

static bool start(struct program *p)
{
    if (!metrics_open(1))
        return false;
    p->loop = loop_create();
    if (p->loop == NULL)
        return false;
    p->consumer = consumer_create(p->loop, &p->config, &p->catalog.choice);
    p->router = router_create();
    return p->consumer != NULL && p->router != NULL;
}

static void log_no_memory(void)
{
    log_error("no_memory", "out of memory at start, ending");
}

static bool listen_for_probes(struct program *p)
{
    const struct server_options options = {
        .host = p->config.metrics_host,
        .port = (int)p->config.metrics_port,
        .max_body_bytes = PROBES_BODY_BYTES,
        .max_connections = PROBES_CONNECTIONS,
        .request_timeout_ns = p->config.request_timeout_ms * CLOCK_MS,
        .idle_timeout_ns = p->config.http_idle_timeout_s * CLOCK_S,
        .share_percent = PROBES_SHARE_PERCENT};
    p->probes =
        (struct probes){.service = "consumer", .on_health = consumer_report, .arg = p->consumer};
    loop_register();
    probes_add_routes(&p->probes, p->router);
    router_seal(p->router);
    p->server = server_create(p->loop, &options, p->router);
    const int error = errno;
    if (p->server == NULL)
        log_error("listen_failed", "cannot listen on METRICS_HOST and METRICS_PORT, ending",
                  LOG_TEXT("host", options.host), LOG_INT("port", options.port),
                  LOG_TEXT("reason", strerror(error)), LOG_TEXT("mend", server_mend(error)));
    return p->server != NULL;
}

static bool tell_readiness(struct program *p)
{
    notify_init(&p->notify);
    p->service = service_create(&(struct service_options){p->loop, &p->probes, &p->notify, NULL});
    if (p->service == NULL)
        log_no_memory();
    return p->service != NULL;
}

static void finish(struct program *p)
{
    service_destroy(p->service);
    notify_finish(&p->notify);
    server_destroy(p->server);
    router_destroy(p->router);
    consumer_destroy(p->consumer);
    catalog_source_finish(&p->catalog);
    loop_destroy(p->loop);
    config_finish(&p->config);
}

static int run(struct program *p)
{
    /* Messages come and go by the 128 KiB: mapped and unmapped each, they would cost a page fault
     * for every three events. What a batch grows to is kept for the next one, and mapped, it leaves
     * no holes in the heap while it grows. */
    mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES);
    mallopt(M_TRIM_THRESHOLD, FREE_BYTES);
    if (!load_catalog(p))
        return EXIT_CONFIG;
    if (!start(p)) {
        log_no_memory();
        return EXIT_FAILED;
    }
    if (!listen_for_probes(p) || !tell_readiness(p))
        return EXIT_FAILED;
    loop_on_terminate(p->loop, on_terminate, p);
    loop_on_hangup(p->loop, on_hangup, p);
    log_info("started", "storing events", LOG_TEXT("version", HOLDFAST_VERSION),
             LOG_INT("port", server_port(p->server)));
    loop_run(p->loop);
    log_info("ended", "every message is acknowledged or back in the queue");
    return 0;
}

int main(int argc, char **argv)
{
    struct program p = {.notify = {.fd = -1}};
    int status = config_start(&p.config, CONFIG_CONSUMER, NAME, argc, argv);
    if (status == CONFIG_HEALTHCHECK)
        status = healthcheck(NAME, p.config.metrics_host, (int)p.config.metrics_port);
    else if (status != CONFIG_GO_ON)
        return status;
    else
        status = run(&p);
    finish(&p);
    return status;
}
