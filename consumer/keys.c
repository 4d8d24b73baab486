/* SPDX-License-Identifier: Apache-2.0 */
/* The claims of a batch on event_ids, and what becomes of events whose key is another's. */
#include "consumer/keys.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct batch_said batch_said(const struct log_event *e, struct slice line)
{
    struct batch_said said;
    const size_t head = event_head_size(e);
    digest_make((struct slice){line.data + head, line.size - head}, said.digest);
    if (e->has_said)
        memcpy(said.digest + DIGEST_SIZE - EVENT_SAID_SIZE, e->said, EVENT_SAID_SIZE);
    return said;
}

static bool is_said_again(const uint8_t *a, const uint8_t *b)
{
    const size_t half = DIGEST_SIZE / 2;
    return memcmp(a, b, half) == 0 || memcmp(a + half, b + half, half) == 0;
}

struct slice batch_key_text(const struct batch *b, const struct batch_key *k)
{
    return (struct slice){b->texts.data + k->text, k->size};
}

/* As COLLATE "C" has it. */
static int compare_texts(struct slice a, struct slice b)
{
    const size_t shorter = a.size < b.size ? a.size : b.size;
    const int order = shorter > 0 ? memcmp(a.data, b.data, shorter) : 0;
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

static int compare_keys(const void *left, const void *right, void *arg)
{
    const struct batch_key *a = left, *b = right;
    const int order = compare_texts(batch_key_text(arg, a), batch_key_text(arg, b));
    return order != 0 ? order : (a->event > b->event) - (a->event < b->event);
}

void batch_seal(struct batch *b)
{
    if (b->key_count > 0 && !b->failed)
        qsort_r(b->keys, b->key_count, sizeof *b->keys, compare_keys, b);
}

static bool is_out(const struct batch_event *e)
{
    return e->verdict == BATCH_DATA || e->verdict == BATCH_UNREADABLE;
}

/* What the event of `k` is when its key belongs to the event `id` with `digest`. */
static void judge(struct batch *b, struct batch_key *k, const struct id *id, const uint8_t *digest)
{
    struct batch_event *e = &b->events[k->event];
    const bool same = is_said_again(k->digest, digest);
    k->claims = false;
    if (is_out(e))
        return;
    e->owner = *id;
    if (id_compare(&e->id, id) != 0 && same && k->weak && !e->delivery->redelivered) {
        k->twin = true;
        e->verdict = BATCH_STORE;
    } else if (same || id_compare(&e->id, id) == 0) {
        e->verdict = BATCH_DUPLICATE;
    } else {
        e->verdict = BATCH_CONFLICT;
    }
}

static bool is_same_text(const struct batch *b, const struct batch_key *a,
                         const struct batch_key *other)
{
    return slice_equals(batch_key_text(b, a), batch_key_text(b, other));
}

/* One key's events, from `k` on: the first that is still in claims it. Returns one past them. */
static struct batch_key *begin_run(struct batch *b, struct batch_key *k)
{
    const struct batch_key *end = b->keys + b->key_count;
    const struct batch_key *first = k;
    const struct batch_key *claim = NULL;
    for (; k < end && is_same_text(b, first, k); k++) {
        if (is_out(&b->events[k->event]) || k->twin || k->second)
            continue;
        if (claim != NULL) {
            judge(b, k, &b->events[claim->event].id, claim->digest);
            continue;
        }
        k->claims = true;
        claim = k;
    }
    return k;
}

void batch_begin_try(struct batch *b)
{
    b->second = false;
    for (struct batch_key *k = b->keys; k < b->keys + b->key_count; k++) {
        k->claims = k->won = false;
        if (!is_out(&b->events[k->event]))
            b->events[k->event].verdict = BATCH_STORE;
    }
    for (struct batch_key *k = b->keys; k < b->keys + b->key_count;)
        k = begin_run(b, k);
}

static struct batch_key *find_run(struct batch *b, struct slice text)
{
    size_t low = 0, high = b->key_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (compare_texts(batch_key_text(b, &b->keys[middle]), text) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return b->keys + low;
}

struct batch_key *batch_find_claim(struct batch *b, struct slice text)
{
    const struct batch_key *end = b->keys + b->key_count;
    for (struct batch_key *k = find_run(b, text); k < end; k++) {
        if (!slice_equals(batch_key_text(b, k), text))
            return NULL;
        if (k->claims)
            return k;
    }
    return NULL;
}

void batch_key_taken(struct batch *b, struct batch_key *claim, const struct id *id,
                     const uint8_t *digest)
{
    const struct batch_key *end = b->keys + b->key_count;
    assert(claim->claims);
    for (struct batch_key *k = find_run(b, batch_key_text(b, claim));
         k < end && is_same_text(b, claim, k); k++)
        if (!k->twin && k->second == claim->second)
            judge(b, k, id, digest);
}

/* It has its event_id: it is to be stored, or has met itself. */
static bool has_first(const struct batch_event *e)
{
    return e->verdict == BATCH_STORE ||
           (e->verdict == BATCH_DUPLICATE && id_compare(&e->id, &e->owner) == 0);
}

/* The second ids of one text: somebody in the batch may have it as its event_id. */
static struct batch_key *claim_run(struct batch *b, struct batch_key *k, bool *out_claims)
{
    const struct batch_key *end = b->keys + b->key_count;
    struct batch_key *first = k;
    struct batch_key *owner = NULL;
    for (; k < end && is_same_text(b, first, k); k++)
        owner = k->won ? k : owner;
    for (struct batch_key *s = first; s < k; s++) {
        if (!s->second || !has_first(&b->events[s->event]))
            continue;
        if (owner != NULL && owner->event == s->event) /* both ids are one, and it has it */
            continue;
        if (owner != NULL) {
            judge(b, s, &b->events[owner->event].id, owner->digest);
            continue;
        }
        owner = s;
        s->claims = *out_claims = true;
    }
    return k;
}

bool batch_claim_second(struct batch *b)
{
    bool claims = false;
    if (b->second)
        return false;
    b->second = true;
    for (struct batch_key *k = b->keys; k < b->keys + b->key_count;)
        k = claim_run(b, k, &claims);
    return claims;
}
