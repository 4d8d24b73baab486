/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wiring of the producer, in the order of an event's path:
 *
 *   server -> router -> routes -> readings -> outbox -> publisher -> link -> broker
 *                          '-> requests <- settled --'
 *
 * SIGTERM: /readyz answers 503, no new connection is accepted, requests under way are answered;
 * those that still wait after SHUTDOWN_TIMEOUT get 503; the link is closed in order. Exit 0, or 143
 * when the time was not enough.
 */
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "common/amqp/options.h"
#include "common/amqp/topology.h"
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
#include "producer/admin.h"
#include "producer/counts.h"
#include "producer/event_types.h"
#include "producer/follow.h"
#include "producer/outbox.h"
#include "producer/pause.h"
#include "producer/publisher.h"
#include "producer/readings.h"
#include "producer/request.h"
#include "producer/routes.h"
#include "producer/status.h"
#include "producer/supervisor.h"
#include "producer/watch.h"
#include "schema/catalog.h"

#define NAME "holdfast-producer"

enum { EXIT_FINE = 0, EXIT_FAILED = 1, EXIT_CONFIG = 78, EXIT_NOT_DRAINED = 143 };

enum { MAPPED_BYTES = 192 * 1024, FREE_BYTES = 4 * 1024 * 1024 };

/* Of one event; what the database takes without trouble is more. */
enum { MEMBERS_MAX = 4096, DIGITS_MAX = 131072 };

struct producer {
    const struct config *config;
    struct router *router; /* made before workers fork */
    struct probes probes;
    struct routes routes;
    struct admin admin;
    struct topology topology;
    struct catalog_source catalog; /* loaded before workers fork */
    struct server_options listen;
    char link_name[64], status_link_name[64];
    struct link_options link, status_link;
    struct notify notify; /* the service manager */
    struct watch *watch;  /* over several workers; else NULL */
    /* Of a worker: */
    struct loop *loop;
    struct server *server;
    struct service *service;
    struct event *deadline; /* of the drain */
    bool draining;
    int exit_code;
};

static void on_health(void *arg, struct probe_report *report)
{
    struct producer *x = arg;
    struct buffer info = {0};
    struct publisher *publisher = x->routes.publisher;
    const char *refusal = publisher_refusal(publisher);
    const bool quorum = x->config->rabbitmq_queue_type == CONFIG_QUORUM;
    if (!publisher_is_connected(publisher))
        probe_check(report, "rabbitmq", PROBE_UNHEALTHY, publisher_reason(publisher));
    else
        probe_check(report, "rabbitmq", refusal == NULL ? PROBE_HEALTHY : PROBE_UNHEALTHY, refusal);
    follow_report(publisher_follow(publisher), report);
    if (pause_is_on(x->routes.pause)) {
        const struct pause_state state = pause_state(x->routes.pause);
        probe_check(report, "intake", PROBE_UNHEALTHY, state.reason);
    }
    if (x->draining)
        probe_check(report, "draining", PROBE_UNHEALTHY, "the producer is stopping");
    probe_member(report, "queue_type", quorum ? "\"quorum\"" : "\"classic\"");
    status_write_info(x->routes.status, &info);
    buffer_add_byte(&info, 0);
    if (!info.failed)
        probe_member(report, "queue_info", info.data);
    buffer_clear(&info);
    status_write_waiting(x->routes.status, &info);
    buffer_add_byte(&info, 0);
    if (!info.failed)
        probe_member(report, "waiting", info.data);
    buffer_finish(&info);
}

static void on_link_closed(void *arg)
{
    struct producer *x = arg;
    loop_stop(x->loop);
}

static void on_status_closed(void *arg)
{
    struct producer *x = arg;
    publisher_close(x->routes.publisher, on_link_closed, x);
}

static void on_drained(void *arg)
{
    struct producer *x = arg;
    status_close(x->routes.status, on_status_closed, x);
}

static void on_deadline(evutil_socket_t fd, short events, void *arg)
{
    struct producer *x = arg;
    (void)fd;
    (void)events;
    log_warning("drain_overdue", "not everything could be answered in time, the rest gets 503");
    x->exit_code = EXIT_NOT_DRAINED;
    readings_refuse_all(x->routes.readings, "draining", "the producer is stopping");
    requests_refuse_all(x->routes.requests, "draining", "the producer is stopping");
    status_refuse_all(x->routes.status);
    loop_stop(x->loop);
}

static void on_terminate(void *arg)
{
    struct producer *x = arg;
    const struct timeval timeout = {.tv_sec = x->config->shutdown_timeout_s};
    log_info("draining", "stopping: answering what is in flight");
    x->draining = true;
    service_stopping(x->service);
    event_add(x->deadline, &timeout);
    server_drain(x->server, on_drained, x);
}

static void on_hangup(void *arg)
{
    struct producer *x = arg;
    service_reloading(x->service);
    catalog_source_reload(&x->catalog);
    service_reloaded(x->service);
}

static bool open_queue_side(struct producer *x)
{
    const struct config *c = x->config;
    struct routes *r = &x->routes;
    struct event_base *base = loop_base(x->loop);
    const int64_t confirm_timeout_ns = c->publish_confirm_timeout_ms * CLOCK_MS;
    r->publisher = publisher_create(
        x->loop, &(struct publisher_options){&x->link, &x->topology, confirm_timeout_ns});
    r->requests = requests_create(base, confirm_timeout_ns);
    r->resends = resends_create(RESENDS_MOST);
    r->outbox = outbox_create(base, (size_t)c->outbox_events, (size_t)c->outbox_bytes,
                              &(struct outbox_handler){.publish = publisher_publish,
                                                       .publish_arg = r->publisher,
                                                       .on_settled = requests_on_settled,
                                                       .settled_arg = r->requests});
    r->status = status_create(
        x->loop, &(struct status_options){&x->status_link, &x->topology, r->publisher});
    if (r->publisher == NULL || r->requests == NULL || r->resends == NULL || r->outbox == NULL ||
        r->status == NULL)
        return false;
    follow_on_doubt(publisher_follow(r->publisher), status_look, r->status);
    publisher_start(r->publisher, r->outbox);
    return true;
}

static void log_no_port(const struct producer *x)
{
    const int error = errno;
    log_error("http_listen_failed",
              "cannot listen on PRODUCER_HOST and PRODUCER_PORT, the producer ends",
              LOG_TEXT("host", x->listen.host), LOG_INT("port", x->listen.port),
              LOG_TEXT("reason", strerror(error)), LOG_TEXT("mend", server_mend(error)));
}

static bool open_client_side(struct producer *x)
{
    const struct config *c = x->config;
    x->routes.readings = readings_create(
        &(struct readings_options){.base = loop_base(x->loop),
                                   .body_bytes_max = (size_t)c->max_body_bytes,
                                   .limits = {.gate = {.depth = (size_t)c->max_json_depth,
                                                       .members = MEMBERS_MAX,
                                                       .digits = DIGITS_MAX},
                                              .event_bytes = (size_t)c->max_event_bytes,
                                              .batch_events = (size_t)c->max_batch_events,
                                              .catalog = &x->catalog.choice,
                                              .resends = x->routes.resends},
                                   .on_read = routes_on_read,
                                   .arg = &x->routes});
    if (x->routes.readings == NULL)
        return false;
    x->server = server_create(x->loop, &x->listen, x->router);
    if (x->server == NULL)
        log_no_port(x);
    return x->server != NULL;
}

static void open_admin_side(struct producer *x, int worker)
{
    const struct config *c = x->config;
    const struct routes *r = &x->routes;
    x->admin = (struct admin){.key = c->admin_api_key,
                              .worker = (unsigned)worker,
                              .pause = r->pause,
                              .outbox = r->outbox,
                              .publisher = r->publisher,
                              .requests = r->requests};
}

static bool tell_readiness(struct producer *x, int worker)
{
    struct service_sign *sign = x->watch != NULL ? watch_sign(x->watch, worker) : NULL;
    x->service = service_create(&(struct service_options){x->loop, &x->probes, &x->notify, sign});
    return x->service != NULL;
}

static bool open_worker(struct producer *x, int worker)
{
    x->loop = loop_create_precise(); /* the outbox waits for less than a millisecond */
    if (x->loop == NULL)
        return false;
    x->deadline = event_new(loop_base(x->loop), -1, 0, on_deadline, x);
    if (x->deadline == NULL || !open_queue_side(x))
        return false;
    open_admin_side(x, worker);
    if (!open_client_side(x) || !tell_readiness(x, worker))
        return false;
    loop_on_terminate(x->loop, on_terminate, x);
    loop_on_hangup(x->loop, on_hangup, x);
    return true;
}

/* Against the direction of the data, so that no part hands over to one that is gone. */
static void close_worker(struct producer *x)
{
    struct routes *r = &x->routes;
    service_destroy(x->service);
    status_destroy(r->status);
    server_destroy(x->server);
    publisher_destroy(r->publisher);
    outbox_destroy(r->outbox);
    requests_destroy(r->requests);
    readings_destroy(r->readings);
    resends_destroy(r->resends);
    if (x->deadline != NULL)
        event_free(x->deadline);
    if (x->loop != NULL)
        loop_destroy(x->loop);
}

static int run_worker(int worker, void *arg)
{
    struct producer *x = arg;
    metrics_use_row((unsigned)worker);
    if (x->config->producer_workers > 1 && x->config->catalog_dir[0] != '\0')
        catalog_source_reload(&x->catalog); /* the parent's may be old when a worker died */
    snprintf(x->link_name, sizeof x->link_name, NAME ":%ld", (long)getpid());
    snprintf(x->status_link_name, sizeof x->status_link_name, NAME "-status:%ld", (long)getpid());
    if (open_worker(x, worker)) {
        log_info("http_listening", "listening", LOG_TEXT("host", x->config->producer_host),
                 LOG_INT("port", server_port(x->server)));
        loop_run(x->loop);
        log_info("stopped", "stopped", LOG_INT("exit_code", x->exit_code));
    } else {
        x->exit_code = EXIT_FAILED;
    }
    close_worker(x);
    return x->exit_code;
}

static bool load_catalog(struct producer *x)
{
    x->catalog = (struct catalog_source){.builtin = schema_catalog,
                                         .builtin_count = schema_catalog_count,
                                         .folder = x->config->catalog_dir,
                                         .choice.mode = (enum catalog_mode)x->config->catalog_mode};
    return catalog_source_open(&x->catalog);
}

/* What workers share: registered metrics above all. */
static bool prepare(struct producer *x)
{
    const struct config *c = x->config;
    if (!metrics_open((unsigned)c->producer_workers))
        return false;
    x->router = router_create();
    x->routes.pause = pause_create((unsigned)c->producer_workers);
    if (x->router == NULL || x->routes.pause == NULL)
        return false;
    x->probes = (struct probes){"producer", on_health, x};
    counts_register(x->catalog.choice.types);
    publisher_register();
    loop_register();
    supervisor_register();
    routes_add(&x->routes, x->router);
    admin_add(&x->admin, x->router);
    event_types_add(&x->catalog.choice, x->router);
    probes_add_routes(&x->probes, x->router);
    router_allow_origins(x->router, c->http_origins);
    router_seal(x->router);
    topology_init(&x->topology, c->rabbitmq_queue_name, c->rabbitmq_queue_type == CONFIG_QUORUM);
    x->listen = (struct server_options){
        .host = c->producer_host,
        .port = (int)c->producer_port,
        .reuse_port = c->producer_workers > 1,
        .max_body_bytes = (size_t)c->max_body_bytes,
        .max_connections = (size_t)c->max_connections,
        .request_timeout_ns = c->request_timeout_ms * CLOCK_MS,
        .idle_timeout_ns = c->http_idle_timeout_s * CLOCK_S,
    };
    x->link = link_options_of(c, x->link_name);
    x->status_link = link_options_of(c, x->status_link_name);
    return true;
}

static void log_no_memory(void)
{
    log_error("start_failed", "out of memory, the producer ends");
}

static int run_workers(struct producer *x)
{
    const struct config *c = x->config;
    struct listener_sockets reserved;
    if (!server_reserve(&x->listen, &reserved)) {
        log_no_port(x);
        return EXIT_FAILED;
    }
    x->listen.port = reserved.port;
    x->watch = watch_create((int)c->producer_workers, &x->notify);
    if (x->watch == NULL) {
        log_no_memory();
        listener_close(&reserved);
        return EXIT_FAILED;
    }
    const int code = supervisor_run(&(struct supervisor_options){
        .workers = (int)c->producer_workers,
        .watch = x->watch,
        .stop_timeout_s = (int)c->shutdown_timeout_s + 5,
        .run = run_worker,
        .arg = x,
    });
    watch_destroy(x->watch);
    listener_close(&reserved);
    return code;
}

static int run(struct producer *x)
{
    /* A large body's memory is mapped, and goes back to the system with it; of what many small
     * things had, little is kept. */
    mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES);
    mallopt(M_TRIM_THRESHOLD, FREE_BYTES);
    if (!prepare(x)) {
        log_no_memory();
        return EXIT_FAILED;
    }
    notify_init(&x->notify);
    const int code = x->config->producer_workers == 1 ? run_worker(0, x) : run_workers(x);
    notify_finish(&x->notify);
    return code;
}

int main(int argc, char **argv)
{
    struct config config;
    struct producer x = {.config = &config};
    int code = config_start(&config, CONFIG_PRODUCER, NAME, argc, argv);
    if (code == CONFIG_HEALTHCHECK)
        code = healthcheck(NAME, config.producer_host, (int)config.producer_port);
    else if (code != CONFIG_GO_ON)
        return code;
    else
        code = load_catalog(&x) ? run(&x) : EXIT_CONFIG;
    catalog_source_finish(&x.catalog);
    router_destroy(x.router);
    pause_destroy(x.routes.pause);
    config_finish(&config);
    return code;
}
