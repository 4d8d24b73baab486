/* SPDX-License-Identifier: Apache-2.0 */
#include "common/core/id.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>

#include "common/core/clock.h"

#define RANDOM_POOL 2048 /* bytes fetched from the kernel at once: one call for 256 ids */

static uint8_t pool[RANDOM_POOL];
static size_t pool_used = RANDOM_POOL;

static void empty_pool(void)
{
    pool_used = RANDOM_POOL;
}

static void fill_pool(void)
{
    static bool registered;
    /* A forked child must not draw the numbers its parent draws. */
    if (!registered)
        registered = pthread_atfork(NULL, NULL, empty_pool) == 0;
    assert(registered);
    for (size_t got = 0; got < RANDOM_POOL;) {
        const ssize_t n = getrandom(pool + got, RANDOM_POOL - got, 0);
        /* The kernel's generator does not fail once seeded; without it no id is unique. */
        assert(n > 0 || errno == EINTR);
        got += n > 0 ? (size_t)n : 0;
    }
    pool_used = 0;
}

static uint64_t random_62(void)
{
    uint64_t value;
    if (pool_used == RANDOM_POOL)
        fill_pool();
    memcpy(&value, pool + pool_used, sizeof value);
    pool_used += sizeof value;
    return value & (UINT64_MAX >> 2);
}

/*
 * Milliseconds and counter as one 60-bit number that only ever grows: when the clock has not moved
 * (or went back) it counts on, and a full counter runs into the next millisecond.
 */
static uint64_t next_tick(void)
{
    static uint64_t last;
    const uint64_t now = (uint64_t)(clock_wall_us() / 1000) << 12;
    last = now > last ? now : last + 1;
    return last;
}

void id_make(struct id *out)
{
    const uint64_t tick = next_tick();
    const uint64_t high = (tick >> 12) << 16 | UINT64_C(0x7000) | (tick & 0xfff);
    const uint64_t low = UINT64_C(1) << 63 | random_62();
    for (unsigned i = 0; i < 8; i++) {
        out->bytes[i] = (uint8_t)(high >> (56 - 8 * i));
        out->bytes[8 + i] = (uint8_t)(low >> (56 - 8 * i));
    }
}

int64_t id_wall_us(const struct id *id)
{
    uint64_t ms = 0;
    for (unsigned i = 0; i < 6; i++)
        ms = ms << 8 | id->bytes[i];
    return (int64_t)ms * 1000;
}

void id_format(const struct id *id, char out[ID_TEXT_SIZE + 1])
{
    static const char hex[] = "0123456789abcdef";
    char *p = out;
    for (unsigned i = 0; i < sizeof id->bytes; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *p++ = '-';
        *p++ = hex[id->bytes[i] >> 4];
        *p++ = hex[id->bytes[i] & 15];
    }
    *p = 0;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool id_parse(struct slice text, struct id *out_id)
{
    struct id id;
    const char *p = text.data;
    if (text.size != ID_TEXT_SIZE)
        return false;
    for (unsigned i = 0; i < sizeof id.bytes; i++) {
        if ((i == 4 || i == 6 || i == 8 || i == 10) && *p++ != '-')
            return false;
        const int high = hex_value(p[0]), low = hex_value(p[1]);
        if (high < 0 || low < 0)
            return false;
        id.bytes[i] = (uint8_t)(high << 4 | low);
        p += 2;
    }
    *out_id = id;
    return true;
}

int id_compare(const struct id *a, const struct id *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes);
}
