/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A name as the key of a hash table: its first and last eight bytes distinguish the names of a
 * catalogue better than a hash of all bytes, and two words compare faster than a text. The author
 * of the catalogue chooses the names, not the clients, so a client cannot cause collisions. Private
 * to catalog*.c.
 */
#ifndef HOLDFAST_EVENT_CATALOG_KEY_H
#define HOLDFAST_EVENT_CATALOG_KEY_H

#include <string.h>

#include "common/core/slice.h"

struct catalog_key {
    struct slice text; /* lent; data NULL = no name */
    uint64_t first, last;
};

struct catalog_name { /* of a field, or an older spelling of one */
    struct catalog_key key;
    int place; /* of the field, in its type */
};

static inline struct catalog_key catalog_key_of(struct slice text)
{
    struct catalog_key key = {.text = text};
    uint32_t half[2];
    if (text.size >= sizeof key.first) {
        memcpy(&key.first, text.data, sizeof key.first);
        memcpy(&key.last, text.data + text.size - sizeof key.last, sizeof key.last);
    } else if (text.size >= sizeof half[0]) {
        memcpy(&half[0], text.data, sizeof half[0]);
        memcpy(&half[1], text.data + text.size - sizeof half[1], sizeof half[1]);
        key.first = half[0];
        key.last = half[1];
    } else {
        for (size_t i = 0; i < text.size; i++)
            key.first = key.first << 8 | (unsigned char)text.data[i];
    }
    return key;
}

static inline size_t catalog_key_hash(const struct catalog_key *key)
{
    const uint64_t mixed = key->first ^ (key->last << 23 | key->last >> 41) ^ key->text.size;
    return (size_t)(mixed * UINT64_C(0x9e3779b97f4a7c15) >> 32);
}

static inline bool catalog_key_equals(const struct catalog_key *a, const struct catalog_key *b)
{
    return a->first == b->first && a->last == b->last && a->text.size == b->text.size &&
           (a->text.size <= 16 || memcmp(a->text.data, b->text.data, a->text.size) == 0);
}

#endif
