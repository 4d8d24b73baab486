/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/counts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/app/metrics.h"
#include "common/event/catalog.h"

struct place {
    struct slice type; /* a JSON string, within the label */
    const char *label; /* the registry keeps it for ever */
    struct metric *accepted;
};

static struct metric *rejected[COUNT_KINDS];
/* In the order of types; behind them that of all others. */
static struct place places[COUNT_TYPES_MAX];
static size_t type_count;

static int compare(const void *a, const void *b)
{
    const struct slice x = ((const struct place *)a)->type, y = ((const struct place *)b)->type;
    const int order = memcmp(x.data, y.data, x.size < y.size ? x.size : y.size);
    return order != 0 ? order : (x.size > y.size) - (x.size < y.size);
}

static void add_type(struct slice name)
{
    static const char before[] = "event_type=";
    char *label = NULL;
    if (asprintf(&label, "%s\"%.*s\"", before, SLICE_ARGS(name)) < 0)
        abort();
    places[type_count++] =
        (struct place){.type = slice_of(label + sizeof before - 1), .label = label};
}

static void register_accepted(const struct catalog *types)
{
    static const char help[] = "Events answered 2xx, by their type in the catalogue.";
    for (size_t i = 0; i < catalog_type_count(types) && type_count + 1 < COUNT_TYPES_MAX; i++) {
        const struct catalog_type *t = catalog_type_at(types, i);
        if (catalog_find(types, catalog_type_name(t)) == t) /* not one more of the same name */
            add_type(catalog_type_name(t));
    }
    qsort(places, type_count, sizeof places[0], compare);
    places[type_count].label = "event_type=\"(other)\"";
    for (size_t i = 0; i <= type_count; i++)
        places[i].accepted = metrics_counter("events_accepted_total", places[i].label, help);
}

void counts_register(const struct catalog *types)
{
    static const char *const reasons[COUNT_KINDS] = {
        [COUNT_INVALID_JSON] = "reason=\"invalid_json\"",
        [COUNT_INVALID_EVENT] = "reason=\"invalid_event\"",
        [COUNT_TOO_LARGE] = "reason=\"too_large\"",
        [COUNT_UNAVAILABLE] = "reason=\"unavailable\"",
        [COUNT_CONFIRM_TIMEOUT] = "reason=\"confirm_timeout\"",
    };
    register_accepted(types);
    for (int kind = 0; kind < COUNT_KINDS; kind++)
        rejected[kind] =
            metrics_counter("events_rejected_total", reasons[kind], "Events answered otherwise.");
}

void count_rejected(enum count kind, size_t events)
{
    metric_add(rejected[kind], (int64_t)events);
}

unsigned count_place(struct slice type)
{
    const struct place key = {.type = type};
    const struct place *found = bsearch(&key, places, type_count, sizeof places[0], compare);
    return (unsigned)(found != NULL ? (size_t)(found - places) : type_count);
}

void count_accepted(const struct count_tally *t)
{
    for (size_t i = 0; i <= type_count; i++) {
        if (t->events[i] > 0)
            metric_add(places[i].accepted, t->events[i]);
    }
}
