/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bare broker limit: how fast the link is against a real broker. Confirmed publishes of bodies
 * of one size, so many outstanding at most; then consuming and acknowledging what they left. Prints
 * JSON; with a window of 1 the latencies are round trips of a confirm.
 *
 * The broker is named by RABBITMQ_HOST, RABBITMQ_PORT, RABBITMQ_USER, RABBITMQ_PASSWORD,
 * RABBITMQ_VHOST, RABBITMQ_CA_FILE (then TLS) and RABBITMQ_QUEUE_TYPE; the queue is bench_amqp.
 *
 *     bench_amqp WINDOW BODY_SIZE SECONDS
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/resource.h>

#include "common/amqp/link.h"
#include "common/app/log.h"
#include "common/core/clock.h"
#include "common/core/id.h"
#include "common/net/loop.h"

#define QUEUE "bench_amqp"

/* Round trips that are remembered; a run has fewer. */
#define ROUND_TRIPS (1 << 20)

struct bench {
    struct loop *loop;
    struct link *link;
    unsigned window;
    size_t body_size;
    int64_t run_ns;     /* length of the run */
    int64_t started_ns; /* of publishing, then of consuming */
    int64_t sent_ns;    /* the last message; of interest when the window is 1 */
    unsigned outstanding;
    long confirmed, failed, consumed;
    int64_t *round_trips_ns;
    char *body;
};

static double cpu_s(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void publish(struct bench *b)
{
    struct id id;
    char text[ID_TEXT_SIZE + 1];
    id_make(&id);
    id_format(&id, text);
    const struct link_message m = {
        .exchange = "",
        .routing_key = QUEUE,
        .mandatory = true,
        .message_id = text,
        .body = {b->body, b->body_size},
    };
    b->sent_ns = clock_now_ns();
    if (link_publish(b->link, &m) != 0)
        b->outstanding++;
}

static void on_consuming(void *arg, const struct link_answer *answer)
{
    struct bench *b = arg;
    if (!answer->ok) {
        fprintf(stderr, "consume: %d %s\n", answer->code, answer->text);
        exit(1);
    }
    b->started_ns = clock_now_ns();
}

static int by_size(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void end_publishing(struct bench *b)
{
    const double s = (double)(clock_now_ns() - b->started_ns) / 1e9;
    const long n = b->confirmed < ROUND_TRIPS ? b->confirmed : ROUND_TRIPS;
    qsort(b->round_trips_ns, (size_t)n, sizeof *b->round_trips_ns, by_size);
    printf("{\"window\": %u, \"body_size\": %zu, \"confirmed\": %ld, \"failed\": %ld, "
           "\"confirmed_per_s\": %.1f, \"cpu_s\": %.3f, ",
           b->window, b->body_size, b->confirmed, b->failed, (double)b->confirmed / s, cpu_s());
    if (b->window == 1 && n > 0)
        printf("\"p50_us\": %.1f, \"p99_us\": %.1f, ", (double)b->round_trips_ns[n / 2] / 1e3,
               (double)b->round_trips_ns[n * 99 / 100] / 1e3);
    link_consume(b->link, QUEUE, "bench", 500, on_consuming, b);
}

static void on_confirm(void *arg, const struct link_confirm *c)
{
    struct bench *b = arg;
    const int64_t now_ns = clock_now_ns();
    b->outstanding--;
    if (c->outcome == LINK_ACKED && b->confirmed < ROUND_TRIPS)
        b->round_trips_ns[b->confirmed] = now_ns - b->sent_ns;
    b->confirmed += c->outcome == LINK_ACKED;
    b->failed += c->outcome != LINK_ACKED;
    if (now_ns - b->started_ns < b->run_ns)
        publish(b);
    else if (b->outstanding == 0)
        end_publishing(b);
}

static void on_delivery(void *arg, const struct link_delivery *d)
{
    struct bench *b = arg;
    const bool last = ++b->consumed == b->confirmed;
    if (b->consumed % 100 == 0 || last)
        link_ack(b->link, d->generation, d->tag, true);
    if (!last)
        return;
    const double s = (double)(clock_now_ns() - b->started_ns) / 1e9;
    printf("\"consumed_per_s\": %.1f}\n", (double)b->consumed / s);
    link_close(b->link);
}

static void on_closed(void *arg)
{
    loop_stop(((struct bench *)arg)->loop);
}

static void on_declared(void *arg, const struct link_answer *answer)
{
    struct bench *b = arg;
    if (!answer->ok || answer->messages != 0) {
        fprintf(stderr, "queue: %d %s, %u messages in it\n", answer->code, answer->text,
                answer->messages);
        exit(1);
    }
    b->started_ns = clock_now_ns();
    while (b->outstanding < b->window)
        publish(b);
}

static void on_ready(void *arg, uint64_t generation)
{
    struct bench *b = arg;
    const char *type = getenv("RABBITMQ_QUEUE_TYPE");
    const struct link_queue q = {.name = QUEUE,
                                 .quorum = type == NULL || strcmp(type, "quorum") == 0};
    (void)generation;
    link_select_confirms(b->link, NULL, NULL);
    link_declare_queue(b->link, &q, on_declared, b);
}

static void on_lost(void *arg, const char *reason)
{
    (void)arg;
    fprintf(stderr, "lost: %s\n", reason);
    exit(1);
}

static const char *setting(const char *name, const char *otherwise)
{
    const char *value = getenv(name);
    return value != NULL ? value : otherwise;
}

int main(int argc, char **argv)
{
    static struct bench b;
    const struct link_options options = {
        .name = QUEUE,
        .hosts = setting("RABBITMQ_HOST", "127.0.0.1"),
        .port = (int)strtol(setting("RABBITMQ_PORT", "5672"), NULL, 10),
        .user = setting("RABBITMQ_USER", "guest"),
        .password = setting("RABBITMQ_PASSWORD", "guest"),
        .vhost = setting("RABBITMQ_VHOST", "/"),
        .ca_file = setting("RABBITMQ_CA_FILE", ""),
        .tls = getenv("RABBITMQ_CA_FILE") != NULL,
        .heartbeat_s = 10,
    };
    const struct link_handler handler = {.on_ready = on_ready,
                                         .on_lost = on_lost,
                                         .on_confirm = on_confirm,
                                         .on_delivery = on_delivery,
                                         .on_closed = on_closed};
    if (argc != 4) {
        fprintf(stderr, "usage: bench_amqp WINDOW BODY_SIZE SECONDS\n");
        return 2;
    }
    log_open("bench_amqp", LOG_LEVEL_INFO, LOG_FORMAT_AUTO);
    b.window = (unsigned)strtoul(argv[1], NULL, 10);
    b.body_size = strtoul(argv[2], NULL, 10);
    b.run_ns = (int64_t)(strtod(argv[3], NULL) * CLOCK_S);
    b.body = malloc(b.body_size);
    b.round_trips_ns = calloc(ROUND_TRIPS, sizeof *b.round_trips_ns);
    b.loop = loop_create();
    b.link = b.loop != NULL ? link_create(b.loop, &options, &handler, &b) : NULL;
    if (b.link == NULL || b.body == NULL || b.round_trips_ns == NULL)
        return 1;
    memset(b.body, 'x', b.body_size);
    loop_run(b.loop);
    loop_destroy(b.loop);
    return 0;
}
