/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json/gate_names.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/json/json_text.h"

struct name_place {
    uint64_t serial; /* of the object; older than the scan: empty */
    uint64_t key;    /* of the object's serial and the hash */
    size_t name;     /* on the stack, while the object is open */
};

bool names_init(struct names *n)
{
    *n = (struct names){.next_serial = 1};
    return getrandom(n->seed, sizeof n->seed, 0) == sizeof n->seed;
}

void names_finish(struct names *n)
{
    free(n->stack);
    free(n->table);
    *n = (struct names){0};
}

void names_start(struct names *n)
{
    n->count = 0;
    n->table_used = 0;
    n->first_serial = n->next_serial;
}

struct names_object names_open(const struct names *n)
{
    return (struct names_object){.first = n->count};
}

void names_close(struct names *n, const struct names_object *o)
{
    n->count = o->first;
}

static inline uint64_t mix(uint64_t a, uint64_t b)
{
    __extension__ const unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t load(const char *p, size_t size)
{
    uint64_t word = 0;
    memcpy(&word, p, size);
    return word;
}

/* The last, short word of a text, each byte in it at least once. */
static inline uint64_t load_rest(const char *p, size_t size)
{
    if (size >= 4)
        return load(p, 4) << 32 | load(p + size - 4, 4);
    if (size == 0)
        return 0;
    const unsigned char *u = (const unsigned char *)p;
    return (uint64_t)u[0] << 16 | (uint64_t)u[size / 2] << 8 | u[size - 1];
}

static uint64_t hash_plain(const struct names *n, struct slice text)
{
    const char *p = text.data;
    size_t left = text.size;
    uint64_t h = n->seed[0] ^ text.size;
    for (; left > 8; p += 8, left -= 8)
        h = mix(h ^ load(p, 8), n->seed[1]);
    return mix(h ^ load_rest(p, left), n->seed[1] ^ UINT64_C(0x9e3779b97f4a7c15));
}

/* Unescapes into a small window, so that no name needs memory; hashes as hash_plain would. */
static uint64_t hash_escaped(const struct names *n, struct slice text)
{
    char window[16];
    size_t held = 0, size = 0;
    char c[4];
    for (struct slice rest = text; rest.size > 0;)
        size += json_body_next(&rest, c);
    uint64_t h = n->seed[0] ^ size;
    while (text.size > 0) {
        held += json_body_next(&text, window + held);
        if (held <= 8)
            continue;
        h = mix(h ^ load(window, 8), n->seed[1]);
        held -= 8;
        memmove(window, window + 8, 8);
    }
    return mix(h ^ load_rest(window, held), n->seed[1] ^ UINT64_C(0x9e3779b97f4a7c15));
}

static bool same_text(const struct name *a, const struct name *b)
{
    if (a->escaped || b->escaped)
        return json_body_equals(a->text, b->text);
    return slice_equals(a->text, b->text);
}

static bool push(struct names *n, struct name name)
{
    if (n->count == n->capacity) {
        const size_t capacity = n->capacity == 0 ? 64 : n->capacity * 2;
        struct name *stack = realloc(n->stack, capacity * sizeof *stack);
        if (stack == NULL)
            return false;
        n->stack = stack;
        n->capacity = capacity;
    }
    n->stack[n->count++] = name;
    return true;
}

static bool find_by_walk(const struct names *n, const struct names_object *o)
{
    const struct name *last = &n->stack[n->count - 1];
    for (const struct name *name = &n->stack[o->first]; name < last; name++) {
        if (name->hash == last->hash && same_text(name, last))
            return true;
    }
    return false;
}

/* The place of the key, or the empty one where it belongs. */
static struct name_place *find_place(const struct names *n, uint64_t serial, uint64_t key,
                                     const struct name *name)
{
    const size_t mask = n->table_size - 1;
    for (size_t i = key & mask;; i = (i + 1) & mask) {
        struct name_place *place = &n->table[i];
        if (place->serial < n->first_serial)
            return place;
        if (place->serial == serial && place->key == key && name != NULL &&
            same_text(&n->stack[place->name], name))
            return place;
    }
}

/* A table twice as large, with what belongs to this scan. */
static bool grow_table(struct names *n)
{
    struct name_place *old = n->table;
    const size_t old_size = n->table_size;
    const size_t size = old_size == 0 ? 128 : old_size * 2;
    struct name_place *table = calloc(size, sizeof *table);
    if (table == NULL)
        return false;
    n->table = table;
    n->table_size = size;
    for (size_t i = 0; i < old_size; i++) {
        if (old[i].serial >= n->first_serial)
            *find_place(n, old[i].serial, old[i].key, NULL) = old[i];
    }
    free(old);
    return true;
}

static enum names_result find_or_put(struct names *n, const struct names_object *o, size_t index)
{
    const struct name *name = &n->stack[index];
    const uint64_t key = mix(name->hash ^ o->serial, n->seed[0] | 1);
    if (n->table_used * 2 >= n->table_size && !grow_table(n))
        return NAMES_NO_MEMORY;
    struct name_place *place = find_place(n, o->serial, key, name);
    if (place->serial >= n->first_serial)
        return NAMES_DUPLICATE;
    *place = (struct name_place){o->serial, key, index};
    n->table_used++;
    return NAMES_ADDED;
}

/* The object has outgrown the walk: its names go to the table. */
static bool move_to_table(struct names *n, struct names_object *o)
{
    o->serial = n->next_serial++;
    for (size_t i = o->first; i + 1 < n->count; i++) {
        if (find_or_put(n, o, i) == NAMES_NO_MEMORY)
            return false;
    }
    return true;
}

enum names_result names_add(struct names *n, struct names_object *o, struct slice text,
                            bool escaped)
{
    const uint64_t hash = escaped ? hash_escaped(n, text) : hash_plain(n, text);
    const uint64_t bit = UINT64_C(1) << (hash >> 58);
    const bool fresh = (o->seen & bit) == 0;
    if (!push(n, (struct name){hash, text, escaped}))
        return NAMES_NO_MEMORY;
    o->seen |= bit;
    if (n->count - o->first > NAMES_WALK) {
        if (o->serial == 0 && !move_to_table(n, o))
            return NAMES_NO_MEMORY;
        return find_or_put(n, o, n->count - 1);
    }
    return !fresh && find_by_walk(n, o) ? NAMES_DUPLICATE : NAMES_ADDED;
}
