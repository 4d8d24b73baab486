/* SPDX-License-Identifier: Apache-2.0 */
/* One field of a type: what its values must be, and where they lie. Private to catalog*.c and
 * event*.c. */
#ifndef HOLDFAST_EVENT_CATALOG_FIELD_H
#define HOLDFAST_EVENT_CATALOG_FIELD_H

#include "common/event/event.h"

enum { CATALOG_NONE = -1, CATALOG_DEFAULT_BYTES_MAX = 200 };

/* symbol, name in the files, what a fault says was expected */
#define CATALOG_KINDS(X)                                                                           \
    X(TEXT, "text", "a string")                                                                    \
    X(UUID, "uuid", "a UUID")                                                                      \
    X(INTEGER, "integer", "a whole number")                                                        \
    X(NUMBER, "number", "a number")                                                                \
    X(BOOLEAN, "boolean", "true or false")                                                         \
    X(OBJECT, "object", "an object")                                                               \
    X(ARRAY, "array", "an array")                                                                  \
    X(TIME, "time", "a time such as \"2026-01-31T12:00:00Z\" (RFC 3339)")

enum catalog_kind {
#define X(symbol, name, expected) CATALOG_##symbol,
    CATALOG_KINDS(X)
#undef X
        CATALOG_KIND_COUNT
};

struct catalog_words {
    const struct slice *word;
    size_t count;
};

struct catalog_field {
    struct slice name;
    enum catalog_kind kind;
    int column; /* enum event_field; CATALOG_NONE: it lies in the payload */
    bool required;
    bool has_kind;                  /* the kind is the file's, not the column's */
    double min, max;                /* of numbers; infinite = no limit */
    struct catalog_words allowed;   /* texts; none = any */
    struct catalog_words spellings; /* older names of it */
    int otherwise;                  /* the field that takes a text not allowed here */
    struct slice fallback;          /* token; data NULL = none */
};

struct catalog_sets { /* of fields: a bit a place */
    uint64_t columns;
    uint64_t wanted;     /* required, or with a default */
    uint64_t limited;    /* whose values must be looked at */
    uint64_t redirected; /* with an otherwise */
};

const char *catalog_kind_name(enum catalog_kind kind);
const char *catalog_kind_expected(enum catalog_kind kind);
enum catalog_kind catalog_kind_of_column(enum event_field column);

#endif
