/* SPDX-License-Identifier: Apache-2.0 */
#include "common/event/catalog.h"

#include <stdlib.h>
#include <string.h>

#include "common/event/catalog_load.h"

enum { SLOTS_PER_NAME = 4 };

struct catalog_slot {
    struct catalog_key key;
    const struct catalog_type *type;
};

int catalog_type_find(const struct catalog_type *t, struct slice name)
{
    const struct catalog_key key = catalog_key_of(name);
    for (size_t i = catalog_key_hash(&key) % CATALOG_SLOTS; t->slot[i] != 0;
         i = (i + 1) % CATALOG_SLOTS) {
        const struct catalog_name *found = &t->names[t->slot[i] - 1];
        if (catalog_key_equals(&found->key, &key))
            return found->place;
    }
    return CATALOG_NONE;
}

/* The slot of the name, or the empty one where it would go. */
static struct catalog_slot *find_slot(const struct catalog *c, const struct catalog_key *key)
{
    size_t i = catalog_key_hash(key) & (c->slot_count - 1);
    while (c->slots[i].key.text.data != NULL && !catalog_key_equals(&c->slots[i].key, key))
        i = (i + 1) & (c->slot_count - 1);
    return &c->slots[i];
}

const struct catalog_type *catalog_find(const struct catalog *c, struct slice name)
{
    const struct catalog_key key = catalog_key_of(name);
    return name.size == 0 ? NULL : find_slot(c, &key)->type;
}

size_t catalog_type_count(const struct catalog *c)
{
    return c->type_count;
}

const struct catalog_type *catalog_type_at(const struct catalog *c, size_t index)
{
    return c->types[index];
}

struct slice catalog_type_name(const struct catalog_type *t)
{
    return t->name;
}

static void say_twice(struct catalog_load *l, struct slice name, const struct catalog_type *other)
{
    l->faulty = true;
    buffer_printf(l->faults, "%s:%zu: \"%.*s\" is a type in %s:%zu too; one must say when\n",
                  l->type->file, l->type->line, SLICE_ARGS(name), other->file, other->line);
}

/* Those with a condition in the order of the files, then the one without. */
static void put_type(struct catalog_load *l, struct catalog_type *t)
{
    const struct catalog_key key = catalog_key_of(t->name);
    struct catalog_slot *slot = find_slot(l->catalog, &key);
    const struct catalog_type *last = NULL, *after = slot->type;
    slot->key = key;
    while (after != NULL && after->has_when) {
        last = after;
        after = after->next;
    }
    if (after != NULL && !t->has_when) {
        say_twice(l, t->name, after);
        return;
    }
    t->next = after;
    if (last == NULL)
        slot->type = t;
    else
        ((struct catalog_type *)last)->next = t;
}

static void put_aliases(struct catalog_load *l, const struct catalog_type *t)
{
    for (size_t i = 0; i < t->aliases.count; i++) {
        const struct catalog_key key = catalog_key_of(t->aliases.word[i]);
        struct catalog_slot *slot = find_slot(l->catalog, &key);
        if (slot->type != NULL)
            say_twice(l, t->aliases.word[i], slot->type);
        *slot = (struct catalog_slot){key, t};
    }
}

static void make_slots(struct catalog_load *l)
{
    struct catalog *c = l->catalog;
    size_t names = 0;
    for (size_t i = 0; i < c->type_count; i++)
        names += 1 + c->types[i]->aliases.count;
    c->slot_count = 64;
    while (c->slot_count < names * SLOTS_PER_NAME)
        c->slot_count *= 2;
    c->slots = catalog_take(l, c->slot_count * sizeof *c->slots);
    if (c->slots == NULL)
        return;
    for (size_t i = 0; i < c->type_count; i++) {
        l->type = c->types[i];
        put_type(l, c->types[i]);
    }
    for (size_t i = 0; i < c->type_count; i++) {
        l->type = c->types[i];
        put_aliases(l, c->types[i]);
    }
}

static void read_file(struct catalog_load *l, const struct catalog_file *file)
{
    char *text = catalog_take(l, file->text.size + 1);
    char *name = catalog_take(l, strlen(file->name) + 1);
    if (text == NULL || name == NULL)
        return;
    memcpy(text, file->text.data, file->text.size);
    memcpy(name, file->name, strlen(file->name));
    l->file_name = name;
    l->text = (struct slice){text, file->text.size};
    catalog_read_file(l);
}

struct catalog *catalog_create(const struct catalog_file *files, size_t count,
                               struct buffer *faults)
{
    struct catalog_load l = {.faults = faults, .catalog = calloc(1, sizeof *l.catalog)};
    if (l.catalog == NULL) {
        buffer_add_text(faults, "out of memory\n");
        return NULL;
    }
    for (size_t i = 0; i < count; i++)
        read_file(&l, &files[i]);
    make_slots(&l);
    if (!l.faulty && !faults->failed)
        return l.catalog;
    catalog_destroy(l.catalog);
    return NULL;
}
