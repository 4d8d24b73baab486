/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The value is written anew in one pass, and that text is digested:
 *
 *   strings   "…" with only \" and \\ escaped
 *   numbers   digits without zeros at either end, and e<exponent> unless that is 0; zero is 0
 *   arrays    [v,v,]
 *   objects   {"name":v"name":v} in the order of the names' bytes
 *
 * An object is sorted when it ends: its members then lie one behind another at the end of the text,
 * and where they are at the end of a stack, since the objects inside it have ended before. So a
 * byte is moved at most once for each object around it.
 */
#include "common/json/canonical.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/json/gate.h"
#include "common/json/gate_text.h"
#include "common/json/json_text.h"

enum { KEPT_BYTES = 256 * 1024 }; /* memory kept for the next value */

/* A member in the text. */
struct span {
    size_t at, name_size, size;
};

struct container {
    size_t at;      /* its text begins there */
    size_t members; /* of an object: where its spans begin */
    bool is_object;
};

struct writing {
    struct canonical *canonical;
    struct buffer *text;
    struct slice without;
    const char *at, *end; /* in the value */
    struct container open[GATE_DEPTH_MAX];
    size_t depth;
};

void canonical_finish(struct canonical *c)
{
    buffer_finish(&c->text);
    buffer_finish(&c->members);
    buffer_finish(&c->sorted);
}

static bool is_failed(const struct canonical *c)
{
    return c->text.failed || c->members.failed || c->sorted.failed;
}

static const char *skip_space(const char *p)
{
    while (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')
        p++;
    return p;
}

static void put_escaped(struct buffer *out, struct slice body)
{
    char c[4];
    size_t size;
    buffer_add_byte(out, '"');
    while ((size = json_body_next(&body, c)) > 0) {
        if (c[0] == '"' || c[0] == '\\')
            buffer_add_byte(out, '\\');
        buffer_add(out, c, size);
    }
    buffer_add_byte(out, '"');
}

static void put_string(struct writing *w)
{
    struct gate_stop stop;
    bool escaped;
    const char *behind = gate_string(w->at + 1, w->end, &escaped, &stop);
    assert(behind != NULL);
    const struct slice token = {w->at, (size_t)(behind - w->at)};
    if (escaped)
        put_escaped(w->text, json_body_of(token));
    else
        buffer_add_slice(w->text, token);
    w->at = behind;
}

/* What stands behind an e. The gate has seen that PostgreSQL can hold the number. */
static int64_t read_exponent(struct slice text)
{
    const bool is_signed = text.size > 0 && (text.data[0] == '-' || text.data[0] == '+');
    int64_t value = 0;
    for (size_t i = is_signed; i < text.size && value < INT32_MAX; i++)
        value = value * 10 + (text.data[i] - '0');
    return is_signed && text.data[0] == '-' ? -value : value;
}

/* The digits without zeros in front. Returns the power of ten of the last one. */
static int64_t put_digits(struct buffer *out, struct slice number)
{
    const size_t begin = out->size;
    int64_t exponent = 0;
    bool behind_point = false;
    for (size_t i = 0; i < number.size; i++) {
        const char c = number.data[i];
        if (c == 'e' || c == 'E')
            return exponent +
                   read_exponent((struct slice){number.data + i + 1, number.size - i - 1});
        if (c == '.') {
            behind_point = true;
            continue;
        }
        exponent -= behind_point;
        if (c != '0' || out->size > begin)
            buffer_add_byte(out, (uint8_t)c);
    }
    return exponent;
}

static void put_number(struct buffer *out, struct slice number)
{
    const size_t start = out->size;
    if (number.data[0] == '-') {
        buffer_add_byte(out, '-');
        number = (struct slice){number.data + 1, number.size - 1};
    }
    const size_t begin = out->size;
    int64_t exponent = put_digits(out, number);
    for (; out->size > begin && out->data[out->size - 1] == '0'; exponent++)
        buffer_truncate(out, out->size - 1);
    if (out->size == begin) {
        buffer_truncate(out, start);
        buffer_add_byte(out, '0');
    } else if (exponent != 0) {
        buffer_printf(out, "e%" PRId64, exponent);
    }
}

static bool is_word(char c)
{
    return c == '-' || c == '+' || c == '.' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
           c == 'E';
}

/* A number, true, false or null. */
static void put_word(struct writing *w)
{
    const char *start = w->at;
    while (is_word(*w->at))
        w->at++;
    const struct slice word = {start, (size_t)(w->at - start)};
    if (gate_kind_of(*start) == GATE_NUMBER)
        put_number(w->text, word);
    else
        buffer_add_slice(w->text, word);
}

static struct span *spans(const struct canonical *c, size_t at)
{
    return (struct span *)(void *)(c->members.data + at);
}

/* The value that stands at the end of the text is complete. */
static void end_value(struct writing *w)
{
    const struct canonical *c = w->canonical;
    if (w->depth == 0)
        return;
    if (!w->open[w->depth - 1].is_object) {
        buffer_add_byte(w->text, ',');
    } else if (!c->members.failed) {
        struct span *last = spans(c, c->members.size - sizeof *last);
        last->size = w->text->size - last->at;
    }
}

static int compare_names(const void *left, const void *right, void *text)
{
    const struct span *a = left, *b = right;
    const size_t shorter = a->name_size < b->name_size ? a->name_size : b->name_size;
    const int order = memcmp((char *)text + a->at, (char *)text + b->at, shorter);
    return order != 0 ? order : (a->name_size > b->name_size) - (a->name_size < b->name_size);
}

static void sort_members(struct canonical *c, const struct container *object)
{
    const size_t count = (c->members.size - object->members) / sizeof(struct span);
    struct span *member = spans(c, object->members);
    size_t in_order = 1;
    while (in_order < count &&
           compare_names(&member[in_order - 1], &member[in_order], c->text.data) < 0)
        in_order++;
    if (in_order < count) {
        qsort_r(member, count, sizeof *member, compare_names, c->text.data);
        buffer_clear(&c->sorted);
        for (size_t i = 0; i < count; i++)
            buffer_add(&c->sorted, c->text.data + member[i].at, member[i].size);
        if (!c->sorted.failed)
            memcpy(c->text.data + object->at + 1, c->sorted.data, c->sorted.size);
    }
    buffer_truncate(&c->members, object->members);
}

static void open_container(struct writing *w)
{
    assert(w->depth < GATE_DEPTH_MAX);
    w->open[w->depth++] = (struct container){
        .at = w->text->size, .members = w->canonical->members.size, .is_object = *w->at == '{'};
    buffer_add_byte(w->text, (uint8_t)*w->at++);
}

static void close_container(struct writing *w)
{
    const struct container *closed = &w->open[--w->depth];
    if (closed->is_object && !is_failed(w->canonical))
        sort_members(w->canonical, closed);
    buffer_add_byte(w->text, (uint8_t)*w->at++);
    end_value(w);
}

/* From the name to the value; false when the member is to be left out, then to behind it. */
static bool open_member(struct writing *w)
{
    struct span member = {.at = w->text->size};
    put_string(w);
    member.name_size = w->text->size - member.at;
    w->at = skip_space(skip_space(w->at) + 1);
    if (w->at == w->without.data) {
        buffer_truncate(w->text, member.at);
        w->at += w->without.size;
        return false;
    }
    buffer_add_byte(w->text, ':');
    buffer_add(&w->canonical->members, &member, sizeof member);
    return true;
}

static void put_value(struct writing *w)
{
    if (*w->at == '{' || *w->at == '[') {
        open_container(w);
        return;
    }
    if (*w->at == '"')
        put_string(w);
    else
        put_word(w);
    end_value(w);
}

/* False when all is closed. */
static bool find_value(struct writing *w)
{
    while (w->depth > 0) {
        w->at = skip_space(w->at);
        if (*w->at == ',')
            w->at = skip_space(w->at + 1);
        if (*w->at == '}' || *w->at == ']')
            close_container(w);
        else if (!w->open[w->depth - 1].is_object || open_member(w))
            return true;
    }
    return false;
}

static void trim_memory(struct canonical *c)
{
    if (c->text.capacity + c->members.capacity + c->sorted.capacity > KEPT_BYTES)
        canonical_finish(c);
}

bool canonical_digest(struct canonical *c, struct slice object, struct slice without,
                      uint8_t out[DIGEST_SIZE])
{
    struct writing w;
    assert(object.size > 1 && object.data[0] == '{');
    w.canonical = c;
    w.text = &c->text;
    w.without = without;
    w.at = object.data;
    w.end = object.data + object.size;
    w.depth = 0;
    buffer_clear(&c->text);
    buffer_clear(&c->members);
    buffer_clear(&c->sorted);
    do
        put_value(&w);
    while (find_value(&w));
    const bool good = !is_failed(c);
    if (good)
        digest_make(buffer_slice(&c->text), out);
    trim_memory(c);
    return good;
}
