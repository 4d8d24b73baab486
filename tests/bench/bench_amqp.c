/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast the link is against a real broker: confirmed publishes with several windows and body
 * sizes, then consuming and acknowledging what they left. The broker is named by RABBITMQ_HOST,
 * RABBITMQ_PORT, RABBITMQ_USER, RABBITMQ_PASSWORD, RABBITMQ_VHOST, RABBITMQ_CA_FILE (then TLS) and
 * RABBITMQ_QUEUE_TYPE; the queue is bench_amqp.
 *
 *     bench_amqp [seconds per run]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/resource.h>

#include "common/amqp/link.h"
#include "common/base/clock.h"
#include "common/base/id.h"
#include "common/base/log.h"
#include "common/net/loop.h"

#define QUEUE "bench_amqp"

static const struct run {
    unsigned window;
    size_t body_size;
} runs[] = {{1, 300}, {64, 300}, {1024, 300}, {1, 30000}, {64, 30000}, {1024, 30000}};
#define RUNS (sizeof runs / sizeof *runs)

struct bench {
    struct loop *loop;
    struct link *link;
    size_t run;
    int64_t run_ns;     /* length of a run */
    int64_t started_ns; /* of this run */
    unsigned outstanding;
    uint64_t confirmed, failed;
    uint64_t consumed, expected, bytes;
    char body[30000];
};

static double cpu_s(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static long rss_kib(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return u.ru_maxrss;
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
        .body = {b->body, runs[b->run].body_size},
    };
    if (link_publish(b->link, &m) != 0)
        b->outstanding++;
}

static void start_run(struct bench *b)
{
    b->started_ns = clock_now_ns();
    b->confirmed = 0;
    while (b->outstanding < runs[b->run].window)
        publish(b);
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

static void end_run(struct bench *b)
{
    const double s = (double)(clock_now_ns() - b->started_ns) / 1e9;
    printf("publish window %4u body %5zu: %8.0f confirmed/s  %6.1f MB/s  failed %llu  cpu %.2f s "
           "of %.2f  rss %ld KiB\n",
           runs[b->run].window, runs[b->run].body_size, (double)b->confirmed / s,
           (double)b->confirmed * (double)runs[b->run].body_size / s / 1e6,
           (unsigned long long)b->failed, cpu_s(), s, rss_kib());
    b->expected += b->confirmed;
    if (++b->run < RUNS)
        start_run(b);
    else
        link_consume(b->link, QUEUE, "bench", 500, on_consuming, b);
}

static void on_confirm(void *arg, uint64_t tag, enum link_outcome outcome)
{
    struct bench *b = arg;
    (void)tag;
    b->outstanding--;
    b->confirmed += outcome == LINK_ACKED;
    b->failed += outcome != LINK_ACKED;
    if (clock_now_ns() - b->started_ns < b->run_ns)
        publish(b);
    else if (b->outstanding == 0)
        end_run(b);
}

static void on_delivery(void *arg, const struct link_delivery *d)
{
    struct bench *b = arg;
    b->consumed++;
    b->bytes += d->body.size;
    const bool last = b->consumed == b->expected;
    if (b->consumed % 100 == 0 || last)
        link_ack(b->link, d->generation, d->tag, true);
    if (!last)
        return;
    const double s = (double)(clock_now_ns() - b->started_ns) / 1e9;
    printf("consume %llu messages: %.0f/s  %.1f MB/s  cpu %.2f s  rss %ld KiB\n",
           (unsigned long long)b->consumed, (double)b->consumed / s, (double)b->bytes / s / 1e6,
           cpu_s(), rss_kib());
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
    start_run(b);
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
    log_open("bench_amqp", LOG_LEVEL_INFO, LOG_FORMAT_AUTO);
    memset(b.body, 'x', sizeof b.body);
    b.run_ns = (argc > 1 ? strtol(argv[1], NULL, 10) : 3) * CLOCK_S;
    b.loop = loop_create();
    b.link = b.loop != NULL ? link_create(b.loop, &options, &handler, &b) : NULL;
    if (b.link == NULL)
        return 1;
    loop_run(b.loop);
    loop_destroy(b.loop);
    return 0;
}
