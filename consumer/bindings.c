/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The answer holds for the batch and no longer: its events were committed before the question, so a
 * subscriber that binds after the answer binds after they were stored, and a subscriber bound
 * before the commit was bound at the question. Remembered longer, the answer would hide events from
 * a new subscriber.
 */
#include "consumer/bindings.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define TABLE_MIN 64

static const char *key_of(const struct batch *b, const struct batch_event *e)
{
    return b->texts.data + e->notice.key;
}

/* FNV-1a, for a table that lives as long as a batch. */
static uint32_t hash_of(const char *key, uint8_t priority)
{
    uint32_t hash = (2166136261U ^ priority) * 16777619U;
    for (; *key != 0; key++)
        hash = (hash ^ (uint8_t)*key) * 16777619U;
    return hash;
}

/* In all that the exchanges between us and the queues may look at. */
static bool is_alike(const struct batch *b, const struct batch_event *a,
                     const struct batch_event *e)
{
    return a->notice.priority == e->notice.priority && strcmp(key_of(b, a), key_of(b, e)) == 0;
}

void bindings_finish(struct bindings *r)
{
    free(r->list);
    free(r->table);
    *r = (struct bindings){0};
}

static bool make_table(struct bindings *r, size_t events)
{
    size_t size = TABLE_MIN;
    while (size < 2 * events)
        size *= 2;
    if (size > r->size) {
        free(r->table);
        r->table = malloc(size * sizeof *r->table);
        r->size = r->table != NULL ? size : 0;
    }
    if (r->table != NULL)
        memset(r->table, 0, r->size * sizeof *r->table);
    return r->table != NULL;
}

static struct binding *add_binding(struct bindings *r, uint32_t event)
{
    if (r->count == r->room) {
        const size_t room = r->room == 0 ? TABLE_MIN : 2 * r->room;
        struct binding *list = reallocarray(r->list, room, sizeof *list);
        if (list == NULL)
            return NULL;
        r->list = list;
        r->room = room;
    }
    r->list[r->count] = (struct binding){.event = event};
    return &r->list[r->count++];
}

/* Chains cannot be long: the table is at most half full. */
static struct binding *find_binding(struct bindings *r, const struct batch *b, uint32_t event)
{
    const struct batch_event *e = &b->events[event];
    uint32_t *slot;
    for (size_t at = hash_of(key_of(b, e), e->notice.priority);; at++) {
        slot = &r->table[at & (r->size - 1)];
        if (*slot == 0)
            break;
        struct binding *binding = &r->list[*slot - 1];
        if (is_alike(b, &b->events[binding->event], e))
            return binding;
    }
    struct binding *binding = add_binding(r, event);
    *slot = (uint32_t)r->count;
    return binding;
}

static bool group(struct bindings *r, struct batch *b)
{
    if (!make_table(r, b->event_count))
        return false;
    for (uint32_t i = 0; i < b->event_count; i++) {
        if (!notice_is_due(&b->events[i]))
            continue;
        struct binding *binding = find_binding(r, b, i);
        if (binding == NULL)
            return false;
        binding->events++;
        b->events[i].notice.binding = (uint32_t)(binding - r->list);
    }
    return true;
}

void bindings_clear(struct bindings *r)
{
    r->count = r->next = r->open = 0;
}

void bindings_group(struct bindings *r, struct batch *b)
{
    bindings_clear(r);
    if (!group(r, b))
        bindings_clear(r);
}

struct binding *bindings_next(struct bindings *r)
{
    while (r->next < r->count && r->list[r->next].events < 2)
        r->next++;
    return r->next < r->count ? &r->list[r->next] : NULL;
}

void bindings_asked(struct bindings *r, struct binding *binding, uint64_t tag)
{
    assert(binding == &r->list[r->next] && tag > 0);
    binding->tag = tag;
    r->next++;
    r->open++;
}

void bindings_answered(struct bindings *r, uint64_t tag, enum link_outcome outcome)
{
    for (size_t i = 0; r->open > 0 && i < r->count; i++) {
        struct binding *binding = &r->list[i];
        if (binding->tag != tag || binding->answered)
            continue;
        binding->answered = true;
        binding->taken = outcome != LINK_RETURNED;
        r->open--;
        return;
    }
}

bool bindings_is_open(const struct bindings *r)
{
    return r->open > 0;
}

enum binding_answer bindings_answer_for(const struct bindings *r, const struct batch *b,
                                        const struct batch_event *e)
{
    if (r->count == 0)
        return BINDING_TELL;
    const struct binding *binding = &r->list[e->notice.binding];
    if (!binding->answered)
        return BINDING_TELL;
    if (binding->event == (uint32_t)(e - b->events))
        return BINDING_TOLD;
    return binding->taken ? BINDING_TELL : BINDING_NOBODY;
}
