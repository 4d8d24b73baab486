/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a typical event costs: the gate in MB/s, reading, writing and reading back in ns per event.
 * The median of several runs, with the spread; run it on a quiet machine.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/clock.h"
#include "common/event/event.h"

#define RUNS   9
#define ROUNDS 200000

static const char *const typical =
    "{\"event_type\":\"review_completed\",\"session_id\":48213,\"severity\":\"info\","
    "\"timestamp\":\"2026-01-31T12:00:00.123456Z\",\"service\":\"code-reviewer\","
    "\"correlation_id\":\"7d3c1a52-9f0e-4c7b-8a55-2f0c9d1e6b34\",\"duration_ms\":1834.5,"
    "\"success\":true,\"tags\":[\"nightly\",\"main\"],\"payload\":{\"files\":12,\"issues\":3,"
    "\"reviewer\":\"static-analysis\"}}";

struct bench {
    struct event_reader *reader;
    struct slice text;
    struct log_event event;
    struct buffer line;
};

static void stop(const char *why)
{
    fprintf(stderr, "bench_gate: %s\n", why);
    exit(1);
}

static struct gate_value scan(struct bench *b)
{
    struct gate_value value;
    struct gate_verdict verdict;
    if (!gate_scan_whole(event_reader_gate(b->reader), b->text, &value, &verdict))
        stop("the gate refuses the event");
    return value;
}

static void run_gate(struct bench *b)
{
    (void)scan(b);
}

static void run_read(struct bench *b)
{
    static struct event_faults faults;
    const struct gate_value value = scan(b);
    if (!event_read(b->reader, &value, &b->event, &faults))
        stop("the event is refused");
}

static void run_write(struct bench *b)
{
    buffer_clear(&b->line);
    event_write_line(&b->event, &b->line);
}

static void run_read_line(struct bench *b)
{
    static struct event_faults faults;
    struct log_event event;
    if (!event_read_line(b->reader, buffer_slice(&b->line), &event, &faults))
        stop("the line is refused");
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(const char *name, void (*run)(struct bench *), struct bench *b, size_t bytes)
{
    double ns[RUNS];
    for (int i = 0; i < RUNS; i++) {
        const int64_t start = clock_now_ns();
        for (int j = 0; j < ROUNDS; j++)
            run(b);
        ns[i] = (double)(clock_now_ns() - start) / ROUNDS;
    }
    qsort(ns, RUNS, sizeof ns[0], compare);
    printf("%-28s %7.0f ns (%.0f to %.0f)", name, ns[RUNS / 2], ns[0], ns[RUNS - 1]);
    if (bytes > 0)
        printf(" %6.0f MB/s", (double)bytes * 1000 / ns[RUNS / 2]);
    printf("\n");
}

int main(void)
{
    const struct gate_limits limits = {.depth = 32, .members = 1024, .digits = 262144};
    struct bench b = {.reader = event_reader_create(&limits), .text = slice_of(typical)};
    if (b.reader == NULL)
        stop("out of memory");
    printf("event of %zu bytes\n", b.text.size);
    measure("gate", run_gate, &b, b.text.size);
    measure("gate + event_read", run_read, &b, b.text.size);
    id_make(&b.event.id);
    b.event.received_at = clock_wall_us();
    measure("event_write_line", run_write, &b, 0);
    measure("event_read_line", run_read_line, &b, b.line.size);
    buffer_finish(&b.line);
    event_reader_destroy(b.reader);
    return 0;
}
