/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing run of bytes. Writers chain without looking; when memory runs out the buffer turns
 * `failed`, drops what follows, and the caller checks once at the end. All zero is an empty buffer.
 */
#ifndef HOLDFAST_CORE_BUFFER_H
#define HOLDFAST_CORE_BUFFER_H

#include <string.h>

#include "common/core/slice.h"

struct buffer {
    char *data;      /* owned; NULL while nothing was added */
    size_t size;     /* bytes in use */
    size_t capacity; /* bytes allocated */
    bool failed;     /* memory ran out; the content is not to be used */
};

void buffer_finish(struct buffer *b); /* frees; leaves an empty buffer */
void buffer_clear(struct buffer *b);  /* empties and forgives; keeps the memory */
void buffer_truncate(struct buffer *b, size_t size);

char *buffer_grow(struct buffer *b, size_t size); /* buffer_reserve, when memory must be had */

/* Room for `size` more bytes at b->data + b->size; NULL when memory ran out. */
static inline char *buffer_reserve(struct buffer *b, size_t size)
{
    const bool fits = b->data != NULL && !b->failed && size <= b->capacity - b->size;
    return fits ? b->data + b->size : buffer_grow(b, size);
}

static inline void buffer_add(struct buffer *b, const void *data, size_t size)
{
    char *room = buffer_reserve(b, size);
    if (room == NULL || size == 0)
        return;
    memcpy(room, data, size);
    b->size += size;
}

void buffer_add_slice(struct buffer *b, struct slice s);
void buffer_add_text(struct buffer *b, const char *text);
void buffer_add_byte(struct buffer *b, uint8_t byte);
void buffer_add_u16(struct buffer *b, uint16_t value); /* network order, as AMQP and COPY want it */
void buffer_add_u32(struct buffer *b, uint32_t value);
void buffer_add_u64(struct buffer *b, uint64_t value);
void buffer_add_number(struct buffer *b, uint64_t value); /* in decimal digits */
void buffer_add_hex(struct buffer *b, const uint8_t *bytes, size_t size);
void buffer_printf(struct buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A JSON string with its quotes: escapes what RFC 8259 demands, and DEL for the sake of terminals;
 * passes UTF-8 through. */
void buffer_add_json_string(struct buffer *b, struct slice text);

struct slice buffer_slice(const struct buffer *b);

#endif
