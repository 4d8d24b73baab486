/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pass over the text with a stack of its own, never recursion. The state between two steps is
 * whether a value must follow, or a comma or closing bracket; the containers that are open say the
 * rest. Nothing is recorded for the pointer of a fault: it is put together from the open containers
 * when there is one.
 *
 * A fault belongs to a value or, where a name, comma or bracket was expected, to the container
 * itself: `pointed` counts the containers whose current member or element the pointer names.
 */
#include "common/json/gate.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/json/gate_names.h"
#include "common/json/gate_text.h"
#include "common/json/json_text.h"

struct container {
    struct names_object names; /* also of an array: what is above belongs to the inside */
    size_t index;              /* of the current element of an array */
    bool is_object;
};

enum step { WANT_VALUE, WANT_SEPARATOR };

struct gate {
    struct gate_limits limits;
    struct names names;
    struct gate_member *members; /* of the object at the top; owned */
    size_t member_count, member_capacity;
    size_t names_left, digits_left; /* of the limits */
    const char *text, *end;         /* being scanned */
    const char *start, *at;         /* of the value in it, and of the next step */
    enum step step;
    struct gate_stop stop;
    size_t pointed; /* see above; set with stop */
    size_t depth;
    struct container open[GATE_DEPTH_MAX];
};

struct gate *gate_create(const struct gate_limits *limits)
{
    assert(limits->depth >= 1 && limits->depth <= GATE_DEPTH_MAX);
    struct gate *g = calloc(1, sizeof *g);
    if (g == NULL || !names_init(&g->names)) {
        gate_destroy(g);
        return NULL;
    }
    g->limits = *limits;
    return g;
}

void gate_destroy(struct gate *g)
{
    if (g == NULL)
        return;
    names_finish(&g->names);
    free(g->members);
    free(g);
}

static const char *stop_at_value(struct gate *g, enum gate_fault fault, const char *at)
{
    g->pointed = g->depth;
    return gate_stop_at(&g->stop, fault, at);
}

static const char *stop_at_container(struct gate *g, enum gate_fault fault, const char *at)
{
    g->pointed = g->depth - 1;
    return gate_stop_at(&g->stop, fault, at);
}

static inline const char *skip_space(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
        p++;
    return p;
}

/* The fault of a byte between values: what a client most likely meant there. */
static enum gate_fault stray_fault(const char *p, const char *end, enum gate_fault fault)
{
    if (p == end)
        return GATE_FAULT_ENDED;
    if ((unsigned char)*p < 0x80)
        return fault;
    if (json_utf8_size(p, end) == 0)
        return GATE_FAULT_UTF8;
    return end - p >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0 ? GATE_FAULT_BOM : fault;
}

static struct gate_member *add_member(struct gate *g)
{
    if (g->member_count == g->member_capacity) {
        const size_t capacity = g->member_capacity == 0 ? 64 : g->member_capacity * 2;
        struct gate_member *members = realloc(g->members, capacity * sizeof *members);
        if (members == NULL)
            return NULL;
        g->members = members;
        g->member_capacity = capacity;
    }
    return &g->members[g->member_count++];
}

/* Notes the name whose opening quote is at `quote`. */
static const char *take_name(struct gate *g, const char *quote, struct slice text, bool escaped)
{
    struct container *top = &g->open[g->depth - 1];
    if (g->names_left == 0)
        return stop_at_container(g, GATE_FAULT_MEMBERS, quote);
    g->names_left--;
    switch (names_add(&g->names, &top->names, text, escaped)) {
    case NAMES_DUPLICATE:
        return stop_at_value(g, GATE_FAULT_DUPLICATE, quote);
    case NAMES_NO_MEMORY:
        return stop_at_container(g, GATE_FAULT_MEMORY, quote);
    case NAMES_ADDED:
        break;
    }
    if (g->depth == 1) {
        struct gate_member *member = add_member(g);
        if (member == NULL)
            return stop_at_container(g, GATE_FAULT_MEMORY, quote);
        *member = (struct gate_member){.name = text, .name_escaped = escaped};
    }
    return text.data + text.size + 1;
}

/* A name and its colon; p stands before them. */
static const char *scan_name(struct gate *g, const char *p)
{
    bool escaped = false;
    p = skip_space(p, g->end);
    if (p == g->end || *p != '"')
        return stop_at_container(g, stray_fault(p, g->end, GATE_FAULT_NAME), p);
    const char *behind = gate_string(p + 1, g->end, &escaped, &g->stop);
    if (behind == NULL)
        return stop_at_container(g, g->stop.fault, g->stop.at);
    p = take_name(g, p, (struct slice){p + 1, (size_t)(behind - p) - 2}, escaped);
    if (p == NULL)
        return NULL;
    p = skip_space(p, g->end);
    if (p == g->end || *p != ':')
        return stop_at_value(g, stray_fault(p, g->end, GATE_FAULT_COLON), p);
    return p + 1;
}

/* p stands on the opening bracket. An empty container is closed at once. */
static const char *open_container(struct gate *g, const char *p, enum step *step)
{
    const bool is_object = *p == '{';
    if (g->depth == g->limits.depth)
        return stop_at_value(g, GATE_FAULT_DEPTH, p);
    g->open[g->depth++] =
        (struct container){.names = names_open(&g->names), .is_object = is_object};
    p = skip_space(p + 1, g->end);
    if (p < g->end && *p == (is_object ? '}' : ']')) {
        g->depth--;
        *step = WANT_SEPARATOR;
        return p + 1;
    }
    *step = WANT_VALUE;
    return is_object ? scan_name(g, p) : p;
}

static const char *no_value(struct gate *g, const char *p)
{
    const char c = *p;
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
        return stop_at_value(g, GATE_FAULT_LITERAL, p);
    if (c == '+' || c == '.')
        return stop_at_value(g, GATE_FAULT_NUMBER, p);
    return stop_at_value(g, stray_fault(p, g->end, GATE_FAULT_SYNTAX), p);
}

static const char *scan_scalar(struct gate *g, const char *p, enum gate_kind kind)
{
    bool escaped = false;
    if (kind == GATE_STRING)
        p = gate_string(p + 1, g->end, &escaped, &g->stop);
    else if (kind != GATE_NUMBER)
        p = gate_literal(p, g->end, &g->stop);
    else if (*p == '-' || (*p >= '0' && *p <= '9'))
        p = gate_number(p, g->end, &g->digits_left, &g->stop);
    else
        return no_value(g, p);
    return p == NULL ? stop_at_value(g, g->stop.fault, g->stop.at) : p;
}

static const char *scan_value(struct gate *g, const char *p, enum step *step)
{
    p = skip_space(p, g->end);
    if (p == g->end)
        return stop_at_value(g, GATE_FAULT_ENDED, p);
    struct gate_member *member =
        g->depth == 1 && g->open[0].is_object ? &g->members[g->member_count - 1] : NULL;
    const enum gate_kind kind = gate_kind_of(*p);
    if (member != NULL) {
        member->value.data = p;
        member->kind = kind;
    }
    if (kind == GATE_OBJECT || kind == GATE_ARRAY)
        return open_container(g, p, step);
    *step = WANT_SEPARATOR;
    return scan_scalar(g, p, kind);
}

/* What follows a value inside a container: a comma, or the end of the container. */
static const char *scan_separator(struct gate *g, const char *p, enum step *step)
{
    struct container *top = &g->open[g->depth - 1];
    if (g->depth == 1 && top->is_object) {
        struct gate_member *member = &g->members[g->member_count - 1];
        member->value.size = (size_t)(p - member->value.data);
    }
    p = skip_space(p, g->end);
    if (p < g->end && *p == ',') {
        *step = WANT_VALUE;
        top->index++;
        return top->is_object ? scan_name(g, p + 1) : p + 1;
    }
    if (p == g->end || *p != (top->is_object ? '}' : ']'))
        return stop_at_container(g, stray_fault(p, g->end, GATE_FAULT_SEPARATOR), p);
    names_close(&g->names, &top->names);
    g->depth--;
    return p + 1;
}

/* On to the end of the value, or past `pause`. NULL: a fault. */
static const char *scan(struct gate *g, const char *pause)
{
    const char *p = g->at;
    enum step step = g->step;
    do {
        p = step == WANT_VALUE ? scan_value(g, p, &step) : scan_separator(g, p, &step);
    } while (p != NULL && p <= pause && (g->depth > 0 || step == WANT_VALUE));
    g->at = p;
    g->step = step;
    return p;
}

static bool is_over(const struct gate *g)
{
    return g->depth == 0 && g->step == WANT_SEPARATOR;
}

static void tell(const struct gate *g, struct gate_verdict *out)
{
    out->fault = g->stop.fault;
    out->offset = (size_t)(g->stop.at - g->text);
    out->pointer[0] = '\0';
    for (size_t i = 0; i < g->pointed; i++) {
        const struct container *c = &g->open[i];
        if (!c->is_object) {
            json_pointer_add_index(out->pointer, c->index);
            continue;
        }
        /* What an object holds above its own names belongs to the container inside it. */
        const size_t above = i + 1 < g->depth ? g->open[i + 1].names.first : g->names.count;
        json_pointer_add(out->pointer, g->names.stack[above - 1].text);
    }
}

void gate_begin(struct gate *g, struct slice text)
{
    if (text.data == NULL)
        text = SLICE("");
    g->text = text.data;
    g->end = text.data + text.size;
    g->depth = 0;
    g->member_count = 0;
    g->names_left = g->limits.members;
    g->digits_left = g->limits.digits;
    names_start(&g->names);
    g->at = g->start = skip_space(g->text, g->end);
    g->step = WANT_VALUE;
}

static struct gate_value found(const struct gate *g)
{
    const enum gate_kind kind = gate_kind_of(*g->start);
    return (struct gate_value){.kind = kind,
                               .text = {g->start, (size_t)(g->at - g->start)},
                               .members = kind == GATE_OBJECT ? g->members : NULL,
                               .member_count = g->member_count};
}

bool gate_scan(struct gate *g, struct slice *rest, struct gate_value *out,
               struct gate_verdict *out_verdict)
{
    gate_begin(g, *rest);
    if (scan(g, g->end) == NULL) {
        tell(g, out_verdict);
        return false;
    }
    *out = found(g);
    *rest = (struct slice){g->at, (size_t)(g->end - g->at)};
    return true;
}

enum gate_progress gate_step(struct gate *g, size_t bytes, struct gate_value *out,
                             struct gate_verdict *out_verdict)
{
    const size_t left = (size_t)(g->end - g->at);
    if (scan(g, g->at + (bytes < left ? bytes : left)) == NULL) {
        tell(g, out_verdict);
        return GATE_BAD;
    }
    if (!is_over(g))
        return GATE_MORE;
    const char *p = skip_space(g->at, g->end);
    if (p < g->end) {
        *out_verdict =
            (struct gate_verdict){.fault = GATE_FAULT_TRAILING, .offset = (size_t)(p - g->text)};
        return GATE_BAD;
    }
    *out = found(g);
    return GATE_GOOD;
}

bool gate_scan_whole(struct gate *g, struct slice text, struct gate_value *out,
                     struct gate_verdict *out_verdict)
{
    gate_begin(g, text);
    return gate_step(g, text.size, out, out_verdict) == GATE_GOOD;
}

/* What starts no value counts as a number. */
enum gate_kind gate_kind_of(char first)
{
    switch (first) {
    case '{':
        return GATE_OBJECT;
    case '[':
        return GATE_ARRAY;
    case '"':
        return GATE_STRING;
    case 't':
        return GATE_TRUE;
    case 'f':
        return GATE_FALSE;
    case 'n':
        return GATE_NULL;
    default:
        return GATE_NUMBER;
    }
}

const char *gate_fault_text(enum gate_fault fault)
{
    static const char *const texts[] = {
#define X(symbol, text) [GATE_FAULT_##symbol] = (text),
        GATE_FAULTS(X)
#undef X
    };
    return texts[fault];
}
