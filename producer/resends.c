/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ring of entries in the order they came, so that the oldest is at hand, and chains of them by a
 * hash of what they say. One that is taken leaves a hole in the ring, which ends with its turn.
 */
#include "producer/resends.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/app/metrics.h"

#define NONE UINT32_MAX

struct entry {
    uint8_t said[EVENT_SAID_SIZE];
    struct id id;
    int64_t kept_ns;
    uint32_t next; /* of its chain */
    bool is_used;
};

struct resends {
    struct entry *entries; /* owned; made when first needed */
    uint32_t *chains;      /* owned */
    size_t most, chain_count;
    size_t first, count; /* of the ring, holes included */
    size_t used;
    uint64_t seed; /* nobody can choose records that share a chain */
};

static struct metric *remembered, *forgotten;

void resends_register(void)
{
    remembered = metrics_gauge("otlp_unanswered_records", "",
                               "Records of OTLP requests that ended without a 2xx, remembered so "
                               "that sent again they are not stored twice.");
    forgotten = metrics_counter("otlp_unanswered_records_forgotten_total", "",
                                "Of those, the ones forgotten early because too many were there.");
}

bool resend_list_add(struct resend_list *l, const struct resend *r)
{
    if (l->count == l->capacity) {
        const size_t capacity = l->capacity == 0 ? 16 : l->capacity * 2;
        struct resend *items = reallocarray(l->items, capacity, sizeof *items);
        if (items == NULL)
            return false;
        l->items = items;
        l->capacity = capacity;
    }
    l->items[l->count++] = *r;
    return true;
}

void resend_list_finish(struct resend_list *l)
{
    free(l->items);
    *l = (struct resend_list){0};
}

struct resends *resends_create(size_t most)
{
    struct resends *r = calloc(1, sizeof *r);
    assert(most > 0 && most < NONE);
    if (r == NULL)
        return NULL;
    r->most = most;
    r->chain_count = 1;
    while (r->chain_count < most)
        r->chain_count *= 2;
    if (getrandom(&r->seed, sizeof r->seed, 0) == (ssize_t)sizeof r->seed)
        return r;
    free(r);
    return NULL;
}

void resends_destroy(struct resends *r)
{
    if (r == NULL)
        return;
    free(r->entries);
    free(r->chains);
    free(r);
}

static bool make_room(struct resends *r)
{
    if (r->entries != NULL)
        return true;
    struct entry *entries = calloc(r->most, sizeof *entries);
    uint32_t *chains = malloc(r->chain_count * sizeof *chains);
    if (entries == NULL || chains == NULL) {
        free(entries);
        free(chains);
        return false;
    }
    memset(chains, 0xff, r->chain_count * sizeof *chains);
    r->entries = entries;
    r->chains = chains;
    return true;
}

static uint32_t *chain_of(const struct resends *r, const uint8_t *said)
{
    uint64_t word;
    memcpy(&word, said, sizeof word);
    return &r->chains[((word * (r->seed | 1)) >> 32) & (r->chain_count - 1)];
}

/* Takes it out of its chain; its place stays a hole. */
static void drop(struct resends *r, uint32_t *link)
{
    struct entry *e = &r->entries[*link];
    *link = e->next;
    e->is_used = false;
    r->used--;
    metric_set(remembered, (int64_t)r->used);
}

static void drop_entry(struct resends *r, uint32_t place)
{
    uint32_t *link = chain_of(r, r->entries[place].said);
    while (*link != place)
        link = &r->entries[*link].next;
    drop(r, link);
}

static bool is_over(const struct entry *e, int64_t now_ns)
{
    return now_ns - e->kept_ns > RESENDS_KEPT_NS;
}

/* Ends holes and what is over; then, if the ring is still full, what is oldest. */
static void end_oldest(struct resends *r, int64_t now_ns)
{
    while (r->count > 0) {
        const struct entry *e = &r->entries[r->first];
        const bool is_full = r->count == r->most;
        if (e->is_used && !is_over(e, now_ns) && !is_full)
            return;
        if (e->is_used && !is_over(e, now_ns))
            metric_add(forgotten, 1);
        if (e->is_used)
            drop_entry(r, (uint32_t)r->first);
        r->first = (r->first + 1) % r->most;
        r->count--;
    }
}

static void keep_one(struct resends *r, const struct resend *record, int64_t now_ns)
{
    if (!make_room(r)) {
        metric_add(forgotten, 1);
        return;
    }
    end_oldest(r, now_ns);
    const uint32_t place = (uint32_t)((r->first + r->count) % r->most);
    uint32_t *chain = chain_of(r, record->said);
    struct entry *e = &r->entries[place];
    *e = (struct entry){.id = record->id, .kept_ns = now_ns, .next = *chain, .is_used = true};
    memcpy(e->said, record->said, sizeof e->said);
    *chain = place;
    r->count++;
    r->used++;
    metric_set(remembered, (int64_t)r->used);
}

bool resends_take(struct resends *r, const uint8_t said[EVENT_SAID_SIZE], int64_t now_ns,
                  struct id *out)
{
    if (r->used == 0)
        return false;
    for (uint32_t *link = chain_of(r, said); *link != NONE; link = &r->entries[*link].next) {
        const struct entry *e = &r->entries[*link];
        if (memcmp(e->said, said, sizeof e->said) != 0 || is_over(e, now_ns))
            continue;
        *out = e->id;
        drop(r, link);
        return true;
    }
    return false;
}

void resends_keep(struct resends *r, const struct resend_list *l, int64_t now_ns)
{
    for (size_t i = 0; i < l->count; i++)
        keep_one(r, &l->items[i], now_ns);
}

void resends_put_back(struct resends *r, const struct resend_list *l, int64_t now_ns)
{
    for (size_t i = 0; i < l->count; i++) {
        if (l->items[i].again)
            keep_one(r, &l->items[i], now_ns);
    }
}
