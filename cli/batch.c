/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/batch.h"

#include <assert.h>
#include <stdlib.h>

void batch_clear(struct batch *b)
{
    buffer_clear(&b->body);
    b->count = 0;
}

void batch_finish(struct batch *b)
{
    buffer_finish(&b->body);
    free(b->lines);
    *b = (struct batch){0};
}

bool batch_add(struct batch *b, uint64_t number)
{
    if (b->count == b->capacity) {
        const size_t capacity = b->capacity ? b->capacity * 2 : 64;
        struct batch_line *lines = reallocarray(b->lines, capacity, sizeof *lines);
        if (!lines)
            return false;
        b->lines = lines;
        b->capacity = capacity;
    }
    b->lines[b->count++] = (struct batch_line){b->body.size, number};
    return !b->body.failed;
}

struct slice batch_slice(const struct batch *b, size_t from, size_t to)
{
    assert(from < to && to <= b->count);
    const size_t start = from > 0 ? b->lines[from - 1].end : 0;
    return (struct slice){b->body.data + start, b->lines[to - 1].end - start};
}
