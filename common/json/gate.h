/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate: a strict scanner of one JSON value, RFC 8259 to the letter, and never kinder than
 * PostgreSQL's jsonb: UTF-8, no \u0000, no lone surrogate, no duplicate member at any depth, depth
 * and member caps, numbers that numeric can hold. It copies nothing: it tells where things are.
 * What it accepts, jsonb stores and gives back equal.
 */
#ifndef HOLDFAST_JSON_GATE_H
#define HOLDFAST_JSON_GATE_H

#include "common/core/slice.h"

enum gate_kind {
    GATE_NULL,
    GATE_FALSE,
    GATE_TRUE,
    GATE_NUMBER,
    GATE_STRING,
    GATE_ARRAY,
    GATE_OBJECT,
};

/* symbol, what the client reads */
#define GATE_FAULTS(X)                                                                             \
    X(NONE, "no fault")                                                                            \
    X(ENDED, "the JSON text ends before the value is complete")                                    \
    X(SYNTAX, "a JSON value was expected here")                                                    \
    X(NAME, "a member name in double quotes was expected here")                                    \
    X(COLON, "a colon was expected here")                                                          \
    X(SEPARATOR, "a comma or a closing bracket was expected here")                                 \
    X(TRAILING, "there is something after the JSON value")                                         \
    X(LITERAL, "not one of true, false, null")                                                     \
    X(NUMBER, "not a JSON number")                                                                 \
    X(NUMBER_RANGE, "the number has more digits than can be stored")                               \
    X(STRING_CONTROL, "a control character in a string must be escaped")                           \
    X(STRING_ESCAPE, "not a JSON escape sequence")                                                 \
    X(STRING_NUL, "\\u0000 cannot be stored")                                                      \
    X(STRING_SURROGATE, "half of a surrogate pair")                                                \
    X(UTF8, "not valid UTF-8")                                                                     \
    X(BOM, "a byte order mark is not allowed")                                                     \
    X(DUPLICATE, "the member appears twice")                                                       \
    X(DEPTH, "nested too deeply")                                                                  \
    X(MEMBERS, "too many members")                                                                 \
    X(MEMORY, "out of memory")
enum gate_fault {
#define X(symbol, text) GATE_FAULT_##symbol,
    GATE_FAULTS(X)
#undef X
};

#define GATE_DEPTH_MAX 65 /* 64 for clients: a line holds unknown members one level deeper */

struct gate_limits {
    size_t depth;   /* containers inside one another */
    size_t members; /* of all objects of one value together */
    size_t digits;  /* of all numbers of one value together, written out without exponents */
};

struct gate_member {    /* of the object at the top; slices lie in the text that was scanned */
    struct slice name;  /* between the quotes, escapes as they came */
    struct slice value; /* the exact text of the value, quotes and brackets included */
    enum gate_kind kind;
    bool name_escaped; /* name holds a backslash */
};

struct gate_value { /* lent until the next scan */
    enum gate_kind kind;
    struct slice text;                 /* exact text of the value */
    const struct gate_member *members; /* of an object, in order; else NULL */
    size_t member_count;
};

struct gate_verdict { /* where a scan failed */
    enum gate_fault fault;
    size_t offset;     /* of the offending byte in the text as it was given */
    char pointer[256]; /* JSON pointer (RFC 6901) to the value, cut with "…" when too long */
};

struct gate;
struct gate *gate_create(const struct gate_limits *limits); /* NULL when memory ran out */
void gate_destroy(struct gate *g);

/* Scans the one value at the start of *rest, after white space, and moves *rest behind it. On false
 * *rest is untouched and out_verdict is filled. */
MUST_CHECK bool gate_scan(struct gate *g, struct slice *rest, struct gate_value *out,
                          struct gate_verdict *out_verdict);

/* Nothing but white space may follow. */
MUST_CHECK bool gate_scan_whole(struct gate *g, struct slice text, struct gate_value *out,
                                struct gate_verdict *out_verdict);

/* The same in steps of about `bytes`, a string in one; the text is lent until the last. */
enum gate_progress { GATE_MORE, GATE_GOOD, GATE_BAD };
void gate_begin(struct gate *g, struct slice text);
MUST_CHECK enum gate_progress gate_step(struct gate *g, size_t bytes, struct gate_value *out,
                                        struct gate_verdict *out_verdict);
enum gate_kind gate_kind_of(char first); /* by the first byte of a value's text */
const char *gate_fault_text(enum gate_fault fault);

#endif
