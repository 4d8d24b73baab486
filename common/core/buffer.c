/* SPDX-License-Identifier: Apache-2.0 */
#include "common/core/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buffer_finish(struct buffer *b)
{
    free(b->data);
    *b = (struct buffer){0};
}

void buffer_clear(struct buffer *b)
{
    b->size = 0;
    b->failed = false;
}

void buffer_truncate(struct buffer *b, size_t size)
{
    if (size < b->size)
        b->size = size;
}

static bool grow(struct buffer *b, size_t size)
{
    size_t capacity = b->capacity < 128 ? 128 : b->capacity;
    if (size > SIZE_MAX / 2 - b->size)
        return false;
    while (capacity < b->size + size)
        capacity *= 2;
    char *data = realloc(b->data, capacity);
    if (data == NULL)
        return false;
    b->data = data;
    b->capacity = capacity;
    return true;
}

char *buffer_grow(struct buffer *b, size_t size)
{
    if (b->failed)
        return NULL;
    if ((b->data == NULL || size > b->capacity - b->size) && !grow(b, size)) {
        b->failed = true;
        return NULL;
    }
    return b->data + b->size;
}

void buffer_add_slice(struct buffer *b, struct slice s)
{
    buffer_add(b, s.data, s.size);
}

void buffer_add_text(struct buffer *b, const char *text)
{
    buffer_add(b, text, strlen(text));
}

void buffer_add_byte(struct buffer *b, uint8_t byte)
{
    buffer_add(b, &byte, 1);
}

void buffer_add_u16(struct buffer *b, uint16_t value)
{
    const uint8_t bytes[] = {(uint8_t)(value >> 8), (uint8_t)value};
    buffer_add(b, bytes, sizeof bytes);
}

void buffer_add_u32(struct buffer *b, uint32_t value)
{
    const uint8_t bytes[] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
                             (uint8_t)value};
    buffer_add(b, bytes, sizeof bytes);
}

void buffer_add_u64(struct buffer *b, uint64_t value)
{
    buffer_add_u32(b, (uint32_t)(value >> 32));
    buffer_add_u32(b, (uint32_t)value);
}

void buffer_add_number(struct buffer *b, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + value % 10);
    while ((value /= 10) > 0);
    buffer_add(b, digits + at, sizeof digits - at);
}

void buffer_add_hex(struct buffer *b, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        buffer_printf(b, "%02x", bytes[i]);
}

void buffer_printf(struct buffer *b, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    const int size = vsnprintf(NULL, 0, format, args);
    char *room = size < 0 ? NULL : buffer_reserve(b, (size_t)size + 1);
    if (room != NULL) {
        vsnprintf(room, (size_t)size + 1, format, again);
        b->size += (size_t)size;
    }
    va_end(again);
    va_end(args);
}

static void add_escaped(struct buffer *b, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    static const char shorts[] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    if (c == '"' || c == '\\') {
        buffer_add(b, (const char[]){'\\', (char)c}, 2);
    } else if (c < sizeof shorts && shorts[c] != 0) {
        buffer_add(b, (const char[]){'\\', shorts[c]}, 2);
    } else {
        buffer_add(b, (const char[]){'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]}, 6);
    }
}

void buffer_add_json_string(struct buffer *b, struct slice text)
{
    size_t clean = 0; /* start of the run not yet added */
    buffer_add_byte(b, '"');
    for (size_t i = 0; i < text.size; i++) {
        const unsigned char c = (unsigned char)text.data[i];
        if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f)
            continue;
        buffer_add(b, text.data + clean, i - clean);
        add_escaped(b, c);
        clean = i + 1;
    }
    buffer_add(b, text.data + clean, text.size - clean);
    buffer_add_byte(b, '"');
}

struct slice buffer_slice(const struct buffer *b)
{
    return (struct slice){b->data, b->size};
}
