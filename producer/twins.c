/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/twins.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { SLOTS_LEAST = 64, SLOTS_KEPT = 4096 };

struct twin {
    uint64_t digest;
    size_t count; /* 0: the slot is free */
};

void twins_finish(struct twins *t)
{
    free(t->slots);
    *t = (struct twins){0};
}

void twins_clear(struct twins *t)
{
    if (t->capacity > SLOTS_KEPT)
        twins_finish(t);
    if (t->used > 0)
        memset(t->slots, 0, t->capacity * sizeof *t->slots);
    t->used = 0;
}

static struct twin *find(const struct twins *t, uint64_t digest)
{
    uint64_t place = (digest * (t->seed | 1)) >> 32;
    while (t->slots[place & (t->capacity - 1)].count > 0 &&
           t->slots[place & (t->capacity - 1)].digest != digest)
        place++;
    return &t->slots[place & (t->capacity - 1)];
}

static bool grow(struct twins *t)
{
    struct twins larger = {.capacity = t->capacity == 0 ? SLOTS_LEAST : t->capacity * 2,
                           .used = t->used,
                           .seed = t->seed};
    larger.slots = calloc(larger.capacity, sizeof *larger.slots);
    if (larger.slots == NULL || (t->slots == NULL && getrandom(&larger.seed, sizeof larger.seed,
                                                               0) != (ssize_t)sizeof larger.seed)) {
        free(larger.slots);
        return false;
    }
    assert(t->slots != NULL || t->capacity == 0);
    for (size_t i = 0; i < t->capacity; i++) {
        if (t->slots[i].count > 0)
            *find(&larger, t->slots[i].digest) = t->slots[i];
    }
    free(t->slots);
    *t = larger;
    return true;
}

size_t twins_count(struct twins *t, uint64_t digest)
{
    if (2 * (t->used + 1) > t->capacity && !grow(t))
        return 0;
    struct twin *twin = find(t, digest);
    if (twin->count == 0)
        t->used++;
    twin->digest = digest;
    return ++twin->count;
}
