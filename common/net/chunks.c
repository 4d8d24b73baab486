/* SPDX-License-Identifier: Apache-2.0 */
#include "common/net/chunks.h"

enum {
    DIGITS_MAX = 15,     /* of a size: no sum of such overflows */
    EXTENSION_MAX = 256, /* bytes of a chunk's */
    TRAILERS_MAX = 8192, /* bytes of all */
};

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool go(struct chunks *c, enum chunks_part part)
{
    c->part = part;
    return true;
}

static bool take_size(struct chunks *c, char byte)
{
    const int digit = digit_of(byte);
    if (digit >= 0) {
        c->left = c->left << 4 | (uint64_t)digit;
        return ++c->digits <= DIGITS_MAX;
    }
    c->overhead = 0;
    if (c->digits == 0)
        return false;
    if (byte == '\r')
        return go(c, CHUNKS_SIZE_LF);
    return byte == ';' && go(c, CHUNKS_EXTENSION);
}

/* What is dropped, up to the CR of its line. */
static bool take_dropped(struct chunks *c, char byte, enum chunks_part next, size_t most)
{
    if (byte == '\r')
        return go(c, next);
    const bool is_control = ((unsigned char)byte < ' ' && byte != '\t') || byte == 0x7f;
    return ++c->overhead <= most && !is_control;
}

static bool take_byte(struct chunks *c, char byte)
{
    switch (c->part) {
    case CHUNKS_SIZE:
        return take_size(c, byte);
    case CHUNKS_EXTENSION:
        return take_dropped(c, byte, CHUNKS_SIZE_LF, EXTENSION_MAX);
    case CHUNKS_SIZE_LF:
        c->digits = c->overhead = 0;
        return byte == '\n' && go(c, c->left > 0 ? CHUNKS_DATA : CHUNKS_TRAILER);
    case CHUNKS_DATA_CR:
        return byte == '\r' && go(c, CHUNKS_DATA_LF);
    case CHUNKS_DATA_LF:
        return byte == '\n' && go(c, CHUNKS_SIZE);
    case CHUNKS_TRAILER:
        if (byte == '\r')
            return go(c, CHUNKS_LAST_LF);
        return take_dropped(c, byte, CHUNKS_LAST_LF, TRAILERS_MAX) && go(c, CHUNKS_TRAILER_LINE);
    case CHUNKS_TRAILER_LINE:
        return take_dropped(c, byte, CHUNKS_TRAILER_LF, TRAILERS_MAX);
    case CHUNKS_TRAILER_LF:
        return byte == '\n' && go(c, CHUNKS_TRAILER);
    case CHUNKS_DATA:
    case CHUNKS_LAST_LF:
        break;
    }
    return byte == '\n';
}

enum chunks_progress chunks_take(struct chunks *c, struct slice bytes, size_t *out_used,
                                 struct slice *out_data)
{
    size_t used = 0;
    *out_data = (struct slice){0};
    while (used < bytes.size && c->part != CHUNKS_DATA) {
        const bool is_last = c->part == CHUNKS_LAST_LF;
        if (!take_byte(c, bytes.data[used]))
            return CHUNKS_BAD;
        used++;
        if (is_last) {
            *out_used = used;
            return CHUNKS_ENDED;
        }
    }
    const size_t room = bytes.size - used;
    const size_t size = c->part != CHUNKS_DATA ? 0 : room < c->left ? room : (size_t)c->left;
    *out_data = (struct slice){bytes.data + used, size};
    *out_used = used + size;
    if (c->part == CHUNKS_DATA) {
        c->left -= size;
        if (c->left == 0)
            c->part = CHUNKS_DATA_CR;
    }
    return CHUNKS_MORE;
}
