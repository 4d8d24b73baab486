/* SPDX-License-Identifier: Apache-2.0 */
#include "common/event/event_names.h"

#include <assert.h>

static const struct event_name names[] = {
#define X(symbol, name, kind, limit) {.text = EVENT_TEXT(name), .field = EVENT_FIELD_##symbol},
    EVENT_FIELDS(X)
#undef X
#define X(name, symbol, seconds)                                                                   \
    {.text = EVENT_TEXT(name),                                                                     \
     .field = EVENT_FIELD_##symbol,                                                                \
     .is_alias = true,                                                                             \
     .in_seconds = (seconds)},
        EVENT_ALIASES(X)
#undef X
};

#define NAME_COUNT (sizeof names / sizeof names[0])

static_assert(NAME_COUNT < EVENT_NAME_SLOTS / 2, "the hash stays sparse");

static size_t slot_of(struct slice text)
{
    const unsigned char *u = (const unsigned char *)text.data;
    return (text.size * 7 + u[0] * (size_t)31 + u[text.size / 2] * (size_t)57 +
            u[text.size - 1] * (size_t)131) %
           EVENT_NAME_SLOTS;
}

void event_names_init(struct event_names *n)
{
    *n = (struct event_names){0};
    for (size_t i = 0; i < NAME_COUNT; i++) {
        size_t slot = slot_of(names[i].text);
        while (n->slot[slot] != 0)
            slot = (slot + 1) % EVENT_NAME_SLOTS;
        n->slot[slot] = (uint8_t)(i + 1);
    }
}

const struct event_name *event_names_at(size_t index)
{
    return index < NAME_COUNT ? &names[index] : NULL;
}

const struct event_name *event_names_find(const struct event_names *n, struct slice text)
{
    if (text.size == 0)
        return NULL;
    for (size_t i = slot_of(text); n->slot[i] != 0; i = (i + 1) % EVENT_NAME_SLOTS) {
        const struct event_name *name = &names[n->slot[i] - 1];
        if (slice_equals(name->text, text))
            return name;
    }
    return NULL;
}
