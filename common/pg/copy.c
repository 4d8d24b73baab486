/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stream: an 11-byte signature, 32 bits of flags, the length of an extension (both 0); then for
 * each row 16 bits with the number of values and the values; then 16 bits of -1.
 *
 * A value: 32 bits of length (-1 is null) and the bytes, numbers in network order. timestamptz
 * counts microseconds from 2000-01-01; jsonb is a version byte, 1, and the text.
 *
 * An array: dimensions, has-null flag, element type, then for the one dimension its size and lower
 * bound, then the values. An empty array has no dimension.
 */
#include "common/pg/copy.h"

#include <assert.h>
#include <string.h>

#define EPOCH_2000_US  INT64_C(946684800000000)
#define ARRAY_HEAD     20
#define ARRAY_HEAD_NIL 12

static const char header[] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0";
static const char trailer[] = "\377\377";

static_assert(sizeof header == COPY_HEADER_SIZE,
              "signature, flags, extension; the NUL is its last");
static_assert(sizeof trailer - 1 == COPY_TRAILER_SIZE, "a row of -1 values");

struct slice copy_header(void)
{
    return (struct slice){header, COPY_HEADER_SIZE};
}

struct slice copy_trailer(void)
{
    return (struct slice){trailer, COPY_TRAILER_SIZE};
}

void copy_row(struct buffer *b, uint16_t columns)
{
    buffer_add_u16(b, columns);
}

void copy_null(struct buffer *b)
{
    buffer_add_u32(b, UINT32_MAX);
}

void copy_uuid(struct buffer *b, const struct id *id)
{
    copy_text(b, (struct slice){(const char *)id->bytes, sizeof id->bytes});
}

void copy_time(struct buffer *b, int64_t wall_us)
{
    copy_int8(b, wall_us - EPOCH_2000_US);
}

void copy_int2(struct buffer *b, int16_t value)
{
    buffer_add_u32(b, 2);
    buffer_add_u16(b, (uint16_t)value);
}

void copy_int4(struct buffer *b, int32_t value)
{
    buffer_add_u32(b, 4);
    buffer_add_u32(b, (uint32_t)value);
}

void copy_int8(struct buffer *b, int64_t value)
{
    buffer_add_u32(b, 8);
    buffer_add_u64(b, (uint64_t)value);
}

void copy_float8(struct buffer *b, double value)
{
    uint64_t bits = 0;
    static_assert(sizeof bits == sizeof value, "IEEE 754 binary64");
    memcpy(&bits, &value, sizeof bits);
    buffer_add_u32(b, 8);
    buffer_add_u64(b, bits);
}

void copy_bool(struct buffer *b, bool value)
{
    buffer_add_u32(b, 1);
    buffer_add_byte(b, value ? 1 : 0);
}

static void add_size(struct buffer *b, size_t size)
{
    if (size > INT32_MAX)
        b->failed = true;
    buffer_add_u32(b, (uint32_t)size);
}

void copy_text(struct buffer *b, struct slice text)
{
    add_size(b, text.size);
    buffer_add_slice(b, text);
}

void copy_json(struct buffer *b, struct slice json)
{
    add_size(b, json.size + 1);
    buffer_add_byte(b, 1);
    buffer_add_slice(b, json);
}

static void put_u32(struct buffer *b, size_t at, uint32_t value)
{
    const uint8_t bytes[] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
                             (uint8_t)value};
    if (!b->failed)
        memcpy(b->data + at, bytes, sizeof bytes);
}

size_t copy_value_begin(struct buffer *b)
{
    const size_t begin = b->size;
    buffer_add_u32(b, 0);
    return begin;
}

void copy_value_end(struct buffer *b, size_t begin)
{
    if (b->size - begin > INT32_MAX)
        b->failed = true;
    put_u32(b, begin, (uint32_t)(b->size - begin - 4));
}

struct slice copy_value_take(struct slice *values)
{
    const unsigned char *bytes = (const unsigned char *)values->data;
    assert(values->size >= 4);
    const size_t size =
        4 + ((size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 | bytes[3]);
    assert(values->size >= size);
    const struct slice value = {values->data, size};
    *values = (struct slice){values->data + size, values->size - size};
    return value;
}

size_t copy_array_begin(struct buffer *b, enum copy_type type)
{
    const size_t begin = b->size;
    buffer_add_u32(b, 1);
    buffer_add_u32(b, 1); /* may hold nulls; the server looks for itself */
    buffer_add_u32(b, (uint32_t)type);
    buffer_add_u32(b, 0);
    buffer_add_u32(b, 1);
    return begin;
}

void copy_array_end(struct buffer *b, size_t begin, uint32_t count)
{
    if (b->failed)
        return;
    assert(b->size >= begin + ARRAY_HEAD);
    put_u32(b, begin + 12, count);
    if (count > 0)
        return;
    put_u32(b, begin, 0);
    buffer_truncate(b, begin + ARRAY_HEAD_NIL);
}
