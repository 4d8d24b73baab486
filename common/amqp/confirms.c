/* SPDX-License-Identifier: Apache-2.0 */
#include "common/amqp/confirms.h"

#include <stdlib.h>
#include <string.h>

static struct confirm *at(const struct confirms *c, uint64_t tag)
{
    return &c->ring[tag & (c->capacity - 1)];
}

static bool is_outstanding(const struct confirms *c, uint64_t tag)
{
    return tag >= c->first && tag < c->next && !at(c, tag)->settled;
}

static void forget(struct confirm *entry)
{
    free(entry->message_id);
    *entry = (struct confirm){0};
}

void confirms_init(struct confirms *c)
{
    *c = (struct confirms){.first = 1, .next = 1};
}

void confirms_clear(struct confirms *c)
{
    for (uint64_t tag = c->first; tag < c->next; tag++)
        forget(at(c, tag));
    c->first = 1;
    c->next = 1;
    c->count = 0;
}

void confirms_finish(struct confirms *c)
{
    confirms_clear(c);
    free(c->ring);
    confirms_init(c);
}

static bool grow(struct confirms *c)
{
    const struct confirms old = *c;
    const size_t capacity = old.capacity == 0 ? 64 : old.capacity * 2;
    struct confirm *ring = calloc(capacity, sizeof *ring);
    if (ring == NULL)
        return false;
    c->ring = ring;
    c->capacity = capacity;
    for (uint64_t tag = c->first; tag < c->next; tag++)
        *at(c, tag) = *at(&old, tag);
    free(old.ring);
    return true;
}

uint64_t confirms_add(struct confirms *c, const char *message_id, void *context)
{
    if (c->next - c->first == c->capacity && !grow(c))
        return 0;
    char *copy = message_id != NULL ? strdup(message_id) : NULL;
    if (message_id != NULL && copy == NULL)
        return 0;
    *at(c, c->next) = (struct confirm){.context = context, .message_id = copy};
    c->count++;
    return c->next++;
}

void confirms_take_back(struct confirms *c)
{
    c->next--;
    c->count--;
    forget(at(c, c->next));
}

bool confirms_return(struct confirms *c, struct slice message_id)
{
    for (uint64_t tag = c->first; tag < c->next; tag++) {
        struct confirm *entry = at(c, tag);
        if (entry->settled || entry->returned || entry->message_id == NULL)
            continue;
        if (slice_equals(slice_of(entry->message_id), message_id)) {
            entry->returned = true;
            return true;
        }
    }
    return false;
}

/* As it was. */
static struct confirm take(struct confirms *c, uint64_t tag)
{
    const struct confirm taken = *at(c, tag);
    forget(at(c, tag));
    at(c, tag)->settled = true;
    c->count--;
    while (c->first < c->next && at(c, c->first)->settled)
        forget(at(c, c->first++));
    return taken;
}

void *confirms_oldest(const struct confirms *c)
{
    return c->count > 0 ? at(c, c->first)->context : NULL;
}

void *confirms_take_oldest(struct confirms *c)
{
    return c->count > 0 ? take(c, c->first).context : NULL;
}

static void settle_one(struct confirms *c, uint64_t tag, enum link_outcome outcome,
                       const struct confirms_sink *sink)
{
    const struct confirm taken = take(c, tag);
    if (taken.returned && outcome == LINK_ACKED)
        outcome = LINK_RETURNED;
    if (sink->fn != NULL)
        sink->fn(sink->arg, &(struct link_confirm){tag, taken.context, outcome});
}

bool confirms_settle(struct confirms *c, uint64_t tag, enum link_outcome outcome,
                     const struct confirms_sink *sink)
{
    if (!is_outstanding(c, tag))
        return false;
    settle_one(c, tag, outcome, sink);
    return true;
}

bool confirms_settle_upto(struct confirms *c, uint64_t tag, enum link_outcome outcome,
                          const struct confirms_sink *sink)
{
    const uint64_t last = tag == 0 ? c->next - 1 : tag;
    if (last < c->first || last >= c->next)
        return tag == 0;
    /* The sink may clear: then nothing is left between first and next. */
    while (c->first <= last && c->first < c->next)
        settle_one(c, c->first, outcome, sink);
    return true;
}
