/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values live in one shared anonymous mapping: a row of cells per worker, a metric owns one cell
 * (counter, gauge) or one a bucket plus a sum (histogram; the count is the sum of the buckets).
 * Only its worker writes a row; a reader of another row sees an aligned 64-bit value, old or new.
 */
#include "common/base/metrics.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/clock.h"

#define METRICS_MAX   256
#define CELLS_MAX     4096
#define LATENCY_COUNT 18 /* finite buckets: 0.1 ms · 2^0 … 2^17 = 13.1 s */
#define SIZE_COUNT    19 /* 1, 2, 5 … 1e6 */

enum kind { COUNTER, GAUGE, LATENCY, SIZE };

struct metric {
    const char *name, *labels, *help;
    enum kind kind;
    size_t cell; /* first of this metric's cells in a row */
};

static struct metric metrics[METRICS_MAX];
static size_t metric_count, cell_count;
static int64_t *cells; /* workers × CELLS_MAX, shared */
static unsigned workers, own_row;
static int64_t started_us;

bool metrics_open(unsigned rows)
{
    const size_t size = rows * sizeof(int64_t) * CELLS_MAX;
    void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED)
        return false;
    cells = map;
    workers = rows;
    own_row = 0;
    metric_count = 0;
    cell_count = 1; /* the first of a row is the worker's pid */
    cells[0] = getpid();
    started_us = clock_wall_us();
    return true;
}

void metrics_use_row(unsigned worker)
{
    assert(worker < workers);
    own_row = worker;
    cells[worker * (size_t)CELLS_MAX] = getpid();
    for (size_t i = 0; i < metric_count; i++) {
        if (metrics[i].kind == GAUGE)
            metric_set(&metrics[i], 0);
    }
}

static size_t bucket_count(enum kind kind)
{
    return kind == LATENCY ? LATENCY_COUNT : SIZE_COUNT;
}

static struct metric *add(enum kind kind, const char *name, const char *labels, const char *help)
{
    const size_t size = kind == COUNTER || kind == GAUGE ? 1 : bucket_count(kind) + 2;
    assert(cells != NULL && metric_count < METRICS_MAX && cell_count + size <= CELLS_MAX);
    struct metric *m = &metrics[metric_count++];
    *m = (struct metric){name, labels, help, kind, cell_count};
    cell_count += size;
    return m;
}

struct metric *metrics_counter(const char *name, const char *labels, const char *help)
{
    return add(COUNTER, name, labels, help);
}

struct metric *metrics_gauge(const char *name, const char *labels, const char *help)
{
    return add(GAUGE, name, labels, help);
}

struct metric *metrics_latency(const char *name, const char *labels, const char *help)
{
    return add(LATENCY, name, labels, help);
}

struct metric *metrics_size(const char *name, const char *labels, const char *help)
{
    return add(SIZE, name, labels, help);
}

static int64_t *cell_of(const struct metric *m)
{
    return cells + own_row * (size_t)CELLS_MAX + m->cell;
}

void metric_add(struct metric *m, int64_t n)
{
    *cell_of(m) += n;
}

void metric_set(struct metric *m, int64_t value)
{
    *cell_of(m) = value;
}

int64_t metric_value(const struct metric *m)
{
    return *cell_of(m);
}

/* The upper edge of a bucket: ns of a latency, else a plain number. */
static int64_t edge(enum kind kind, size_t bucket)
{
    static const int64_t steps[] = {1, 2, 5};
    if (kind == LATENCY)
        return (CLOCK_MS / 10) << bucket;
    int64_t value = steps[bucket % 3];
    for (size_t i = 0; i < bucket / 3; i++)
        value *= 10;
    return value;
}

/* The sum of a histogram is a double in its cell: the ages of old events, in nanoseconds, would
 * soon be more than an integer holds. */
static double sum_in(int64_t cell)
{
    double sum;
    memcpy(&sum, &cell, sizeof sum);
    return sum;
}

static void add_to_sum(int64_t *cell, int64_t value)
{
    const double sum = sum_in(*cell) + (double)value;
    memcpy(cell, &sum, sizeof sum);
}

static void observe(struct metric *m, int64_t value)
{
    int64_t *cell = cell_of(m);
    const size_t count = bucket_count(m->kind);
    size_t bucket = 0;
    while (bucket < count && value > edge(m->kind, bucket))
        bucket++;
    cell[bucket]++;
    add_to_sum(&cell[count + 1], value);
}

void metric_observe_ns(struct metric *m, int64_t ns)
{
    assert(m->kind == LATENCY);
    observe(m, ns);
}

void metric_observe(struct metric *m, int64_t value)
{
    assert(m->kind == SIZE);
    observe(m, value);
}

static int64_t total(size_t cell)
{
    int64_t sum = 0;
    for (unsigned row = 0; row < workers; row++)
        sum += cells[row * (size_t)CELLS_MAX + cell];
    return sum;
}

static double total_sum(size_t cell)
{
    double sum = 0;
    for (unsigned row = 0; row < workers; row++)
        sum += sum_in(cells[row * (size_t)CELLS_MAX + cell]);
    return sum;
}

static void render_histogram(const struct metric *m, struct buffer *out)
{
    const size_t count = bucket_count(m->kind);
    const char *comma = m->labels[0] != 0 ? "," : "";
    const double unit = m->kind == LATENCY ? 1e-9 : 1;
    int64_t seen = 0;
    for (size_t i = 0; i < count; i++) {
        seen += total(m->cell + i);
        buffer_printf(out, "holdfast_%s_bucket{%s%sle=\"%.10g\"} %" PRId64 "\n", m->name, m->labels,
                      comma, (double)edge(m->kind, i) * unit, seen);
    }
    seen += total(m->cell + count);
    buffer_printf(out, "holdfast_%s_bucket{%s%sle=\"+Inf\"} %" PRId64 "\n", m->name, m->labels,
                  comma, seen);
    const char *open = m->labels[0] != 0 ? "{" : "", *close = m->labels[0] != 0 ? "}" : "";
    buffer_printf(out, "holdfast_%s_sum%s%s%s %.9g\n", m->name, open, m->labels, close,
                  total_sum(m->cell + count + 1) * unit);
    buffer_printf(out, "holdfast_%s_count%s%s%s %" PRId64 "\n", m->name, open, m->labels, close,
                  seen);
}

static void render_metric(const struct metric *m, struct buffer *out)
{
    if (m->kind == LATENCY || m->kind == SIZE) {
        render_histogram(m, out);
    } else if (m->labels[0] != 0) {
        buffer_printf(out, "holdfast_%s{%s} %" PRId64 "\n", m->name, m->labels, total(m->cell));
    } else {
        buffer_printf(out, "holdfast_%s %" PRId64 "\n", m->name, total(m->cell));
    }
}

struct usage {
    int64_t ticks; /* of CPU, user and system */
    int64_t pages; /* resident */
};

/* Adds what a worker has used; nothing when it is gone. */
static void add_usage(int64_t pid, struct usage *sum)
{
    char path[64];
    long long user = 0, system = 0, pages = 0;
    snprintf(path, sizeof path, "/proc/%lld/stat", (long long)pid);
    FILE *stat = fopen(path, "re");
    if (stat == NULL)
        return;
    /* proc(5): the 14th and 15th are the times, the 24th the pages; the 2nd is our own name. */
    if (fscanf(stat,
               "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lld %lld %*d %*d %*d %*d "
               "%*d %*d %*u %*u %lld",
               &user, &system, &pages) == 3) {
        sum->ticks += user + system;
        sum->pages += pages;
    }
    fclose(stat);
}

static void render_process(struct buffer *out)
{
    struct usage sum = {0};
    for (unsigned row = 0; row < workers; row++)
        add_usage(cells[row * (size_t)CELLS_MAX], &sum);
    buffer_printf(out,
                  "# HELP process_resident_memory_bytes Resident memory of all workers.\n"
                  "# TYPE process_resident_memory_bytes gauge\n"
                  "process_resident_memory_bytes %" PRId64 "\n",
                  sum.pages * sysconf(_SC_PAGESIZE));
    buffer_printf(out,
                  "# HELP process_cpu_seconds_total User and system time of all workers.\n"
                  "# TYPE process_cpu_seconds_total counter\n"
                  "process_cpu_seconds_total %.2f\n",
                  (double)sum.ticks / (double)sysconf(_SC_CLK_TCK));
    buffer_printf(out,
                  "# HELP process_start_time_seconds Start time since the Unix epoch in seconds.\n"
                  "# TYPE process_start_time_seconds gauge\n"
                  "process_start_time_seconds %.3f\n",
                  (double)started_us * 1e-6);
}

void metrics_render(struct buffer *out)
{
    static const char *const types[] = {"counter", "gauge", "histogram", "histogram"};
    for (size_t i = 0; i < metric_count; i++) {
        const struct metric *m = &metrics[i];
        if (i == 0 || strcmp(m->name, metrics[i - 1].name) != 0)
            buffer_printf(out, "# HELP holdfast_%s %s\n# TYPE holdfast_%s %s\n", m->name, m->help,
                          m->name, types[m->kind]);
        render_metric(m, out);
    }
    buffer_add_text(out, "# HELP holdfast_build_info What is running.\n"
                         "# TYPE holdfast_build_info gauge\n"
                         "holdfast_build_info{version=\"" HOLDFAST_VERSION
                         "\",revision=\"" HOLDFAST_REVISION "\"} 1\n");
    render_process(out);
}
