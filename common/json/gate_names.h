/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The member names of the objects that are open, to find one that appears twice. Private to
 * gate*.c.
 *
 * Names of open objects lie on one stack: an object's names are contiguous as soon as the objects
 * inside it are closed. A name costs O(1) whatever the sender does: a bit of its hash is enough for
 * most, a walk over the hashes for a small object, and from NAMES_WALK names on a table that all
 * big objects share, keyed by the object's serial number and the hash. Hashes are seeded at random,
 * so nobody can choose names that meet. Serial numbers never repeat, so the table needs no
 * clearing.
 */
#ifndef HOLDFAST_JSON_GATE_NAMES_H
#define HOLDFAST_JSON_GATE_NAMES_H

#include "common/core/slice.h"

#define NAMES_WALK 16

struct name {
    uint64_t hash; /* of the name unescaped */
    struct slice text;
    bool escaped;
};

struct name_place; /* of the table */

struct names {
    uint64_t seed[2];
    struct name *stack; /* owned */
    size_t count, capacity;
    struct name_place *table; /* owned; a power of two, at most half full */
    size_t table_size, table_used;
    uint64_t first_serial; /* of this scan: what is older in the table is empty */
    uint64_t next_serial;
};

/* What an open object keeps here. */
struct names_object {
    size_t first;    /* on the stack */
    uint64_t seen;   /* a bit per hash: one that is not set proves the name new */
    uint64_t serial; /* 0: not in the table yet */
};

enum names_result { NAMES_ADDED, NAMES_DUPLICATE, NAMES_NO_MEMORY };

MUST_CHECK bool names_init(struct names *n);
void names_finish(struct names *n);
void names_start(struct names *n); /* a new scan */

struct names_object names_open(const struct names *n);
void names_close(struct names *n, const struct names_object *o);

/* A duplicate is on the stack too, for its pointer. */
enum names_result names_add(struct names *n, struct names_object *o, struct slice text,
                            bool escaped);

#endif
