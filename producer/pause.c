/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared without locks, so that a worker cannot block another, wherever it is killed. Each worker
 * writes a row of its own, and the row with the latest turn is in force. A row has two places: the
 * one in force is never written to, so a half-made change is never read. A reader copies the row,
 * and again if it changed meanwhile.
 */
#include "producer/pause.h"

#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>

enum { TRIES = 100 };

struct row {
    _Atomic uint64_t stamp; /* turn, then a bit for the place, then one for whether it is paused */
    struct pause_state place[2];
};

struct pause {
    _Atomic uint64_t turns; /* taken; 0: never paused yet, as most of the time */
    unsigned rows;
    struct row row[];
};

static size_t size_of(unsigned workers)
{
    return sizeof(struct pause) + workers * sizeof(struct row);
}

struct pause *pause_create(unsigned workers)
{
    struct pause *p =
        mmap(NULL, size_of(workers), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    p->rows = workers;
    return p;
}

void pause_destroy(struct pause *p)
{
    if (p != NULL)
        munmap(p, size_of(p->rows));
}

static const struct row *find_latest(const struct pause *p, uint64_t *out_stamp)
{
    const struct row *latest = &p->row[0];
    *out_stamp = atomic_load(&latest->stamp);
    for (unsigned i = 1; i < p->rows; i++) {
        const uint64_t stamp = atomic_load(&p->row[i].stamp);
        if (stamp <= *out_stamp)
            continue;
        latest = &p->row[i];
        *out_stamp = stamp;
    }
    return latest;
}

bool pause_is_on(const struct pause *p)
{
    uint64_t stamp;
    if (atomic_load(&p->turns) == 0)
        return false;
    (void)find_latest(p, &stamp);
    return (stamp & 1) != 0;
}

struct pause_state pause_state(const struct pause *p)
{
    struct pause_state state;
    for (int i = 0; i < TRIES; i++) {
        uint64_t stamp;
        const struct row *row = find_latest(p, &stamp);
        state = row->place[stamp >> 1 & 1];
        atomic_thread_fence(memory_order_acquire);
        if (atomic_load(&row->stamp) == stamp)
            break;
    }
    state.reason[PAUSE_REASON_SIZE - 1] = '\0';
    return state;
}

uint64_t pause_take_turn(struct pause *p)
{
    return atomic_fetch_add(&p->turns, 1) + 1;
}

void pause_set(struct pause *p, unsigned worker, const struct pause_state *state)
{
    struct row *row = &p->row[worker];
    const uint64_t stamp = atomic_load(&row->stamp), place = ~(stamp >> 1) & 1;
    if (state->turn < stamp >> 2)
        return;
    row->place[place] = *state;
    atomic_store(&row->stamp, state->turn << 2 | place << 1 | (state->paused ? 1 : 0));
}
