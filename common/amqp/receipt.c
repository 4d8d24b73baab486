/* SPDX-License-Identifier: Apache-2.0 */
#include "common/amqp/receipt.h"

#include <inttypes.h>
#include <string.h>

#include "common/core/clock.h"

void receipt_write(struct buffer *out, int64_t database_us, const struct receipt_range *ranges,
                   size_t count)
{
    char time[CLOCK_TEXT_SIZE + 1];
    clock_format(database_us, time);
    buffer_add_text(out, time);
    for (const struct receipt_range *r = ranges; r < ranges + count; r++) {
        buffer_printf(out, " %" PRIu64, r->first);
        if (r->last > r->first)
            buffer_printf(out, "-%" PRIu64, r->last);
    }
}

/* What stands before the next space; the space goes with it. */
static struct slice take_word(struct slice *text)
{
    const char *space = text->size > 0 ? memchr(text->data, ' ', text->size) : NULL;
    const struct slice word = {text->data,
                               space != NULL ? (size_t)(space - text->data) : text->size};
    const size_t taken = word.size + (space != NULL);
    *text = (struct slice){text->data + taken, text->size - taken};
    return word;
}

bool receipt_take_time(struct slice *text, int64_t *out_database_us)
{
    return text->size > 0 && clock_parse(take_word(text), out_database_us);
}

static bool read_number(struct slice text, uint64_t *out)
{
    return slice_to_u64(text, UINT64_MAX - 1, out) && *out > 0;
}

bool receipt_take_range(struct slice *text, struct receipt_range *out)
{
    if (text->size == 0)
        return false;
    const struct slice word = take_word(text);
    const char *dash = word.size > 0 ? memchr(word.data, '-', word.size) : NULL;
    const size_t size = dash != NULL ? (size_t)(dash - word.data) : word.size;
    struct receipt_range r;
    if (!read_number((struct slice){word.data, size}, &r.first))
        return false;
    r.last = r.first;
    if (dash != NULL && !read_number((struct slice){dash + 1, word.size - size - 1}, &r.last))
        return false;
    if (r.last < r.first)
        return false;
    *out = r;
    return true;
}

bool receipt_is_asked(struct slice reply_to, struct slice correlation_id, uint64_t *out_number)
{
    const struct slice prefix = SLICE(RECEIPT_QUEUE ".");
    return reply_to.size > prefix.size && memcmp(reply_to.data, prefix.data, prefix.size) == 0 &&
           read_number(correlation_id, out_number);
}
