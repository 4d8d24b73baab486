/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json/json_text.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_tail(unsigned char c)
{
    return (c & 0xc0) == 0x80;
}

/* The second byte alone tells overlong forms (E0, F0), surrogates (ED) and what lies beyond
 * U+10FFFF (F4) from the well-formed (RFC 3629, section 4). */
static bool second_is_right(unsigned char first, unsigned char second)
{
    switch (first) {
    case 0xe0:
        return second >= 0xa0 && second <= 0xbf;
    case 0xed:
        return second >= 0x80 && second <= 0x9f;
    case 0xf0:
        return second >= 0x90 && second <= 0xbf;
    case 0xf4:
        return second >= 0x80 && second <= 0x8f;
    default:
        return is_tail(second);
    }
}

size_t json_utf8_size(const char *p, const char *end)
{
    const unsigned char *u = (const unsigned char *)p;
    const size_t room = (size_t)(end - p);
    if (u[0] < 0x80)
        return 1;
    if (u[0] < 0xc2 || u[0] > 0xf4 || room < 2 || !second_is_right(u[0], u[1]))
        return 0;
    if (u[0] < 0xe0)
        return 2;
    if (room < 3 || !is_tail(u[2]))
        return 0;
    if (u[0] < 0xf0)
        return 3;
    return room >= 4 && is_tail(u[3]) ? 4 : 0;
}

bool json_is_utf8(struct slice text)
{
    const char *p = text.data, *end = text.size > 0 ? p + text.size : p;
    while (p < end) {
        const size_t size = json_utf8_size(p, end);
        if (size == 0)
            return false;
        p += size;
    }
    return true;
}

static unsigned hex_value(char c)
{
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a' + 10);
}

static unsigned code_unit(const char *p)
{
    return hex_value(p[0]) << 12 | hex_value(p[1]) << 8 | hex_value(p[2]) << 4 | hex_value(p[3]);
}

static size_t encode_utf8(unsigned c, char out[4])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

static void drop(struct slice *s, size_t size)
{
    assert(size <= s->size);
    s->data += size;
    s->size -= size;
}

static char unescaped(char c)
{
    switch (c) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return c;
    }
}

/* body stands on a backslash. */
static size_t escape_next(struct slice *body, char out[4])
{
    assert(body->size >= 2);
    if (body->data[1] != 'u') {
        out[0] = unescaped(body->data[1]);
        drop(body, 2);
        return 1;
    }
    assert(body->size >= 6);
    unsigned c = code_unit(body->data + 2);
    drop(body, 6);
    if (c >= 0xd800 && c < 0xdc00) {
        assert(body->size >= 6); /* the gate lets no half pair through */
        c = 0x10000 + ((c - 0xd800) << 10) + (code_unit(body->data + 2) - 0xdc00);
        drop(body, 6);
    }
    return encode_utf8(c, out);
}

size_t json_body_next(struct slice *body, char out[4])
{
    if (body->size == 0)
        return 0;
    if (body->data[0] == '\\')
        return escape_next(body, out);
    const size_t size = json_utf8_size(body->data, body->data + body->size);
    assert(size > 0);
    memcpy(out, body->data, size);
    drop(body, size);
    return size;
}

void json_body_add(struct slice body, struct buffer *out)
{
    while (body.size > 0) {
        const char *escape = memchr(body.data, '\\', body.size);
        const size_t plain = escape == NULL ? body.size : (size_t)(escape - body.data);
        char c[4];
        buffer_add(out, body.data, plain);
        drop(&body, plain);
        buffer_add(out, c, json_body_next(&body, c));
    }
}

bool json_body_equals(struct slice a, struct slice b)
{
    size_t size;
    do {
        char c[4], d[4];
        size = json_body_next(&a, c);
        if (json_body_next(&b, d) != size || memcmp(c, d, size) != 0)
            return false;
    } while (size > 0);
    return true;
}

struct slice json_body_of(struct slice string_token)
{
    assert(string_token.size >= 2 && string_token.data[0] == '"');
    return (struct slice){string_token.data + 1, string_token.size - 2};
}

#define ELLIPSIS      "\xe2\x80\xa6"
#define ELLIPSIS_SIZE (sizeof ELLIPSIS - 1)
#define POINTER_MAX   ((size_t)JSON_POINTER_SIZE - 1)

/* The end of the last whole character behind which the ellipsis still fits. */
static size_t place_of_cut(const char *pointer, size_t size)
{
    if (size <= POINTER_MAX - ELLIPSIS_SIZE)
        return size;
    size = POINTER_MAX - ELLIPSIS_SIZE;
    while (is_tail((unsigned char)pointer[size]))
        size--;
    return size > 0 && pointer[size - 1] == '~' ? size - 1 : size;
}

static bool is_cut(const char *pointer, size_t size)
{
    return size + 16 > POINTER_MAX &&
           memcmp(pointer + size - ELLIPSIS_SIZE, ELLIPSIS, ELLIPSIS_SIZE) == 0;
}

void json_pointer_add(char pointer[JSON_POINTER_SIZE], struct slice name)
{
    size_t size = strlen(pointer);
    size_t place = place_of_cut(pointer, size);
    struct slice piece = SLICE("/");
    if (is_cut(pointer, size))
        return;
    for (;;) {
        if (piece.size > POINTER_MAX - size) {
            memcpy(pointer + place, ELLIPSIS, sizeof ELLIPSIS);
            return;
        }
        memcpy(pointer + size, piece.data, piece.size);
        size += piece.size;
        if (size <= POINTER_MAX - ELLIPSIS_SIZE)
            place = size;
        if (name.size == 0)
            break;
        piece = (struct slice){name.data, json_utf8_size(name.data, name.data + name.size)};
        assert(piece.size > 0);
        drop(&name, piece.size);
        if (piece.data[0] == '~')
            piece = SLICE("~0");
        else if (piece.data[0] == '/')
            piece = SLICE("~1");
    }
    pointer[size] = '\0';
}

void json_pointer_add_index(char pointer[JSON_POINTER_SIZE], size_t index)
{
    char text[24];
    snprintf(text, sizeof text, "%zu", index);
    json_pointer_add(pointer, slice_of(text));
}

enum { EXACT_DIGITS_MAX = 15 };

/* Fifteen digits and a power of ten up to 10^15 are both exact in a double, so that one division
 * rounds right. Other numbers are left to strtod. */
double json_number(struct slice token)
{
    static const double powers[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    const bool negative = token.data[0] == '-';
    uint64_t digits = 0;
    size_t fraction = 0;
    bool in_fraction = false;
    if (token.size > EXACT_DIGITS_MAX)
        return strtod(token.data, NULL);
    for (size_t i = negative; i < token.size; i++) {
        const char c = token.data[i];
        if (c == '.') {
            in_fraction = true;
        } else if (c >= '0' && c <= '9') {
            digits = digits * 10 + (uint64_t)(c - '0');
            fraction += in_fraction;
        } else {
            return strtod(token.data, NULL);
        }
    }
    const double value = (double)digits / powers[fraction];
    return negative ? -value : value;
}
