/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the catalogue costs: the same events ingested under their own types, and under types nobody
 * knows. `bench_catalog` does both in turn, many times, and prints the medians of the CPU time and
 * their ratio; `bench_catalog with|without ROUNDS` does one of them, for an instrument to watch,
 * and with 0 ROUNDS prints the events. tests/bench/catalog asks all of these.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/app/catalog_source.h"
#include "common/core/clock.h"
#include "producer/ingest.h"
#include "schema/catalog.h"

#define RUNS   201
#define COPIES 20 /* a body of 120 events */

#define BOM                                                                                        \
    "\"bom_id\":\"550e8400-e29b-41d4-a716-446655440000\",\"organization_id\":\"org-123\","         \
    "\"workflow_id\":\"enrich-bom-550e8400\""

/* The first letter of the type stands apart: another one makes the type unknown. None is urgent:
 * two lanes would be two messages, and two writes to disk, for one. */
static const char *const events[][2] = {
    {"{\"event_type\":\"",
     "eview_completed\",\"session_id\":48213,\"severity\":\"info\","
     "\"timestamp\":\"2026-01-31T12:00:00.123456Z\",\"service\":\"code-reviewer\","
     "\"correlation_id\":\"7d3c1a52-9f0e-4c7b-8a55-2f0c9d1e6b34\",\"duration_ms\":1834.5,"
     "\"success\":true,\"tags\":[\"nightly\",\"main\"],\"payload\":{\"files\":12,\"issues\":3,"
     "\"reviewer\":\"static-analysis\"}}\n"},
    {"{\"event_type\":\"", "isk_alert\"," BOM ",\"payload\":{\"component_id\":\"comp-123\","
                           "\"mpn\":\"OBSOLETE-CHIP-2000\",\"manufacturer\":\"Legacy\","
                           "\"risk_score\":55.5,\"risk_factors\":[\"End of Life (EOL) status\","
                           "\"No alternative suppliers\"]}}\n"},
    {"{\"event_type\":\"", "tage_completed\"," BOM ",\"stage_name\":\"enrichment\","
                           "\"user_id\":\"user-456\",\"duration_ms\":45000,\"metadata\":{"
                           "\"total_items\":150,\"matched\":140,\"no_match\":10}}\n"},
    {"{\"event_type\":\"", "nrichment_progress\"," BOM ",\"mpn\":\"LM358\",\"manufacturer\":"
                           "\"Texas Instruments\",\"status\":\"matched\",\"confidence\":0.95,"
                           "\"source\":\"DigiKey\",\"component_id\":\"comp-123\"}\n"},
    {"{\"type\":\"", "ob_completed\",\"job_id\":\"job-1\",\"duration\":1.5,\"success\":true,"
                     "\"timestamp\":\"2026-01-31T12:00:00\"}\n"},
    {"{\"event_type\":\"", "orkflow_started\",\"system\":\"mahavishnu\",\"severity\":\"info\","
                           "\"title\":\"RAG pipeline started\",\"description\":\"Processing\","
                           "\"data\":{\"repo\":\"/path/to/repo\"},\"tags\":[\"workflow\",\"rag\"],"
                           "\"correlation_id\":\"wf_123\"}\n"},
};

#define EVENTS (sizeof events / sizeof events[0])

static const char letters[EVENTS] = {'r', 'r', 's', 'e', 'j', 'w'};

static void stop(const char *why)
{
    fprintf(stderr, "bench_catalog: %s\n", why);
    exit(1);
}

static void make_text(struct buffer *out, size_t from, size_t to, bool known)
{
    for (size_t copy = 0; copy < COPIES; copy++) {
        for (size_t i = from; i < to; i++) {
            buffer_add_text(out, events[i][0]);
            buffer_add_byte(out, known ? (uint8_t)letters[i] : 'X');
            buffer_add_text(out, events[i][1]);
        }
    }
}

/* Of this process alone: others may be at work. */
static int64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return t.tv_sec * CLOCK_S + t.tv_nsec;
}

static double ns_per_event(struct ingest *in, const struct buffer *text)
{
    struct ingest_result result;
    const struct ingest_body body = {
        .text = buffer_slice(text), .form = INGEST_LINES, .shape = &shape_plain};
    const int64_t start = cpu_ns();
    ingest_read(in, &body, &result);
    const int64_t took = cpu_ns() - start;
    if (result.good != result.count)
        stop("an event is refused");
    return (double)took / (double)result.count;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(struct ingest *in, const char *name, size_t from, size_t to)
{
    struct buffer known = {0}, unknown = {0};
    double with[RUNS], without[RUNS];
    make_text(&known, from, to, true);
    make_text(&unknown, from, to, false);
    for (size_t i = 0; i < RUNS; i++) {
        with[i] = ns_per_event(in, &known);
        without[i] = ns_per_event(in, &unknown);
    }
    qsort(with, RUNS, sizeof with[0], compare);
    qsort(without, RUNS, sizeof without[0], compare);
    printf("%-20.20s %7.0f ns with, %7.0f ns without: %.3f\n", name, with[RUNS / 2],
           without[RUNS / 2], without[RUNS / 2] / with[RUNS / 2]);
    buffer_finish(&known);
    buffer_finish(&unknown);
}

static void compare_all(struct ingest *in)
{
    for (size_t i = 0; i < EVENTS; i++)
        measure(in, events[i][1], i, i + 1);
    measure(in, "all of them", 0, EVENTS);
}

static void repeat(struct ingest *in, bool known, long rounds)
{
    struct buffer text = {0};
    make_text(&text, 0, EVENTS, known);
    if (rounds == 0)
        fwrite(text.data, 1, text.size, stdout);
    for (long i = 0; i < rounds; i++)
        (void)ns_per_event(in, &text);
    buffer_finish(&text);
}

int main(int argc, char **argv)
{
    struct catalog_source source = {
        .builtin = schema_catalog, .builtin_count = schema_catalog_count, .folder = ""};
    if (!catalog_source_open(&source))
        stop("no catalogue");
    struct ingest *in = ingest_create(
        &(struct ingest_limits){.gate = {.depth = 32, .members = 4096, .digits = 131072},
                                .event_bytes = 1 << 20,
                                .batch_events = EVENTS * COPIES,
                                .catalog = &source.choice});
    if (in == NULL)
        stop("out of memory");
    if (argc == 3)
        repeat(in, strcmp(argv[1], "with") == 0, strtol(argv[2], NULL, 10));
    else
        compare_all(in);
    ingest_destroy(in);
    catalog_source_finish(&source);
    return 0;
}
