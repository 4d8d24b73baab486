/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values live in one shared anonymous mapping: a row of cells per worker, a metric owns one cell
 * (counter, gauge) or one a bucket plus a sum (histogram; the count is the sum of the buckets).
 * Only its worker writes a row; a reader of another row sees an aligned 64-bit value, old or new.
 */
#include "common/app/metrics.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/core/clock.h"
#include "common/core/process.h"

#define METRICS_MAX   512
#define CELLS_MAX     4096
#define LATENCY_COUNT 18 /* finite buckets: 0.1 ms · 2^0 … 2^17 = 13.1 s */
#define SIZE_COUNT    19 /* 1, 2, 5 … 1e6 */

enum { CELL_PID, CELL_CONFIG_US, CELL_CONFIG_BAD, CELLS_FIRST }; /* of a row, before the metrics' */

enum kind { COUNTER, GAUGE, GREATEST, LATENCY, SIZE };

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

static void start_row(void)
{
    int64_t *own = cells + own_row * (size_t)CELLS_MAX;
    own[CELL_PID] = getpid();
    own[CELL_CONFIG_US] = clock_wall_us();
    own[CELL_CONFIG_BAD] = 0;
}

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
    cell_count = CELLS_FIRST;
    started_us = clock_wall_us();
    start_row();
    return true;
}

void metrics_config_read(bool good)
{
    if (cells == NULL)
        return;
    int64_t *own = cells + own_row * (size_t)CELLS_MAX;
    own[CELL_CONFIG_BAD] = !good;
    if (good)
        own[CELL_CONFIG_US] = clock_wall_us();
}

void metrics_use_row(unsigned worker)
{
    assert(worker < workers);
    own_row = worker;
    start_row();
    for (size_t i = 0; i < metric_count; i++) {
        if (metrics[i].kind == GAUGE || metrics[i].kind == GREATEST)
            metric_set(&metrics[i], 0);
    }
}

static size_t bucket_count(enum kind kind)
{
    return kind == LATENCY ? LATENCY_COUNT : SIZE_COUNT;
}

static struct metric *add(enum kind kind, const char *name, const char *labels, const char *help)
{
    const size_t size = kind < LATENCY ? 1 : bucket_count(kind) + 2;
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

struct metric *metrics_greatest(const char *name, const char *labels, const char *help)
{
    return add(GREATEST, name, labels, help);
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

static int64_t greatest(size_t cell)
{
    int64_t most = 0;
    for (unsigned row = 0; row < workers; row++) {
        const int64_t value = cells[row * (size_t)CELLS_MAX + cell];
        most = llabs(value) > llabs(most) ? value : most;
    }
    return most;
}

int64_t metric_of_all(const struct metric *m)
{
    return m->kind == GREATEST ? greatest(m->cell) : total(m->cell);
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
    } else if (m->kind == GREATEST) {
        buffer_printf(out, "holdfast_%s %.6f\n", m->name, (double)greatest(m->cell) * 1e-9);
    } else if (m->labels[0] != 0) {
        buffer_printf(out, "holdfast_%s{%s} %" PRId64 "\n", m->name, m->labels, metric_of_all(m));
    } else {
        buffer_printf(out, "holdfast_%s %" PRId64 "\n", m->name, metric_of_all(m));
    }
}

/* The worker that read its settings longest ago, or last in vain, is the one to know about. */
static void render_config(struct buffer *out)
{
    int64_t oldest_us = INT64_MAX, good = 1;
    for (unsigned row = 0; row < workers; row++) {
        const int64_t *own = cells + row * (size_t)CELLS_MAX;
        if (own[CELL_PID] == 0)
            continue;
        oldest_us = own[CELL_CONFIG_US] < oldest_us ? own[CELL_CONFIG_US] : oldest_us;
        good = good && own[CELL_CONFIG_BAD] == 0;
    }
    buffer_printf(out,
                  "# HELP holdfast_config_reload_timestamp_seconds When the settings in force were "
                  "read.\n"
                  "# TYPE holdfast_config_reload_timestamp_seconds gauge\n"
                  "holdfast_config_reload_timestamp_seconds %.3f\n",
                  (double)oldest_us * 1e-6);
    buffer_printf(out,
                  "# HELP holdfast_config_reload_successful 0 when the last try to read them "
                  "failed.\n"
                  "# TYPE holdfast_config_reload_successful gauge\n"
                  "holdfast_config_reload_successful %" PRId64 "\n",
                  good);
}

static void render_process(struct buffer *out)
{
    struct process_usage sum = {0};
    for (unsigned row = 0; row < workers; row++)
        process_add_usage(&sum, cells[row * (size_t)CELLS_MAX + CELL_PID]);
    process_render(&sum, started_us, out);
}

void metrics_render(struct buffer *out)
{
    static const char *const types[] = {"counter", "gauge", "gauge", "histogram", "histogram"};
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
    render_config(out);
    render_process(out);
}
