/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ring over the numbers from `first` on. Receipts come about in order, so what is over is let go
 * from its beginning; the ring is as long as the oldest that is not over is far back.
 */
#include "producer/waiting.h"

#include <assert.h>
#include <stdlib.h>

#define RING_MIN ((size_t)256)

/* A receipt may come before the confirm: then it is over, and the confirm changes nothing. */
enum { OVER, SENT, HELD };

struct waiting_entry {
    int64_t sent_ns;
    uint32_t events;
    uint8_t lane, state;
};

static struct waiting_entry *at(const struct waiting *w, uint64_t number)
{
    return &w->ring[number & (w->capacity - 1)];
}

/* NULL: it is over, or was never there. */
static struct waiting_entry *find(const struct waiting *w, uint64_t number)
{
    if (number < w->first || number - w->first >= w->count)
        return NULL;
    struct waiting_entry *e = at(w, number);
    return e->state != OVER ? e : NULL;
}

static void trim(struct waiting *w)
{
    while (w->count > 0 && at(w, w->first)->state == OVER) {
        w->first++;
        w->count--;
    }
}

static void end(struct waiting *w, struct waiting_entry *e)
{
    if (e->state == HELD)
        w->events -= e->events;
    e->state = OVER;
}

static bool grow(struct waiting *w)
{
    const size_t capacity = w->capacity == 0 ? RING_MIN : 2 * w->capacity;
    struct waiting_entry *ring = malloc(capacity * sizeof *ring);
    if (ring == NULL)
        return false;
    for (uint64_t n = w->first; n < w->first + w->count; n++)
        ring[n & (capacity - 1)] = *at(w, n);
    free(w->ring);
    w->ring = ring;
    w->capacity = capacity;
    return true;
}

/* From now on it is only counted. */
static void merge_oldest(struct waiting *w)
{
    struct waiting_entry *e = at(w, w->first);
    struct waiting_lane *lane = &w->lanes[e->lane];
    if (e->state == HELD) {
        if (lane->merged_ns == 0)
            lane->merged_ns = e->sent_ns;
        lane->merged += e->events;
    }
    e->state = OVER;
    trim(w);
}

void waiting_finish(struct waiting *w)
{
    free(w->ring);
    *w = (struct waiting){0};
}

uint64_t waiting_send(struct waiting *w, enum outbox_lane lane, size_t events, int64_t now_ns)
{
    if (w->first == 0)
        w->first = 1;
    if (w->count == WAITING_APART)
        merge_oldest(w);
    if (w->count == w->capacity && !grow(w))
        return 0;
    const uint64_t number = w->first + w->count++;
    *at(w, number) = (struct waiting_entry){
        .sent_ns = now_ns, .events = (uint32_t)events, .lane = (uint8_t)lane, .state = SENT};
    return number;
}

void waiting_held(struct waiting *w, uint64_t number)
{
    struct waiting_entry *e = find(w, number);
    if (e == NULL)
        return;
    assert(e->state == SENT);
    e->state = HELD;
    w->events += e->events;
}

void waiting_refused(struct waiting *w, uint64_t number)
{
    struct waiting_entry *e = find(w, number);
    if (e != NULL)
        end(w, e);
    trim(w);
}

void waiting_lost(struct waiting *w, int64_t now_ns)
{
    w->lost_ns = now_ns;
    w->back_ns = 0;
    for (size_t lane = 0; lane < OUTBOX_LANES; lane++)
        w->lanes[lane].ready = false;
    for (uint64_t n = w->first; n < w->first + w->count; n++) {
        struct waiting_entry *e = at(w, n);
        if (e->state == SENT)
            end(w, e);
    }
    trim(w);
}

void waiting_back(struct waiting *w, int64_t now_ns)
{
    w->back_ns = now_ns;
}

int64_t waiting_stored(struct waiting *w, const struct receipt_range *range)
{
    int64_t sent_ns = 0;
    const uint64_t first = range->first > w->first ? range->first : w->first;
    for (uint64_t n = first; n <= range->last && n - w->first < w->count; n++) {
        struct waiting_entry *e = at(w, n);
        if (e->state == OVER)
            continue;
        sent_ns = e->sent_ns;
        if (sent_ns > w->lanes[e->lane].stored_ns)
            w->lanes[e->lane].stored_ns = sent_ns;
        end(w, e);
    }
    trim(w);
    return sent_ns;
}

/* It was held when the link went, whose return shows nothing of it. */
static bool is_orphan(const struct waiting *w, const struct waiting_lane *lane, int64_t sent_ns)
{
    return w->back_ns != 0 && sent_ns <= w->lost_ns && !lane->ready;
}

static int64_t since_ns(const struct waiting *w, bool orphans)
{
    int64_t first_ns = 0;
    for (uint64_t n = w->first; n < w->first + w->count && first_ns == 0; n++) {
        const struct waiting_entry *e = at(w, n);
        if (e->state == HELD && (orphans || !is_orphan(w, &w->lanes[e->lane], e->sent_ns)))
            first_ns = e->sent_ns;
    }
    for (const struct waiting_lane *l = w->lanes; l < w->lanes + OUTBOX_LANES; l++) {
        const bool counts = l->merged_ns != 0 && (orphans || !is_orphan(w, l, l->merged_ns));
        if (counts && (first_ns == 0 || l->merged_ns < first_ns))
            first_ns = l->merged_ns;
    }
    return first_ns;
}

int64_t waiting_since_ns(const struct waiting *w)
{
    return since_ns(w, true);
}

int64_t waiting_late_since_ns(const struct waiting *w)
{
    return since_ns(w, false);
}

/* What the lane got no later than then is stored. */
static void end_until(struct waiting *w, enum outbox_lane lane, int64_t until_ns)
{
    for (uint64_t n = w->first; n < w->first + w->count; n++) {
        struct waiting_entry *e = at(w, n);
        if (e->sent_ns > until_ns)
            break;
        if (e->state == HELD && e->lane == lane)
            end(w, e);
    }
    trim(w);
    struct waiting_lane *l = &w->lanes[lane];
    if (l->merged_ns > until_ns)
        return;
    w->events -= l->merged;
    l->merged = 0;
    l->merged_ns = 0;
}

void waiting_lane_seen(struct waiting *w, enum outbox_lane lane, size_t ready, int64_t now_ns)
{
    w->lanes[lane].ready = ready > 0;
    if (ready == 0)
        end_until(w, lane, now_ns - WAITING_SURE_NS);
}

void waiting_watch(struct waiting *w, int64_t now_ns)
{
    if (now_ns - w->turned_ns < WAITING_SURE_NS)
        return;
    w->turned_ns = now_ns;
    const bool long_back = w->back_ns != 0 && now_ns - w->back_ns >= 2 * WAITING_SURE_NS;
    for (size_t lane = 0; lane < OUTBOX_LANES; lane++) {
        struct waiting_lane *l = &w->lanes[lane];
        l->settled_ns = l->earlier_ns;
        l->earlier_ns = l->stored_ns;
        if (l->settled_ns != 0)
            end_until(w, (enum outbox_lane)lane, l->settled_ns);
        if (long_back && !l->ready)
            end_until(w, (enum outbox_lane)lane, w->lost_ns);
    }
}
