/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/stream.h"

#include "common/pg/copy.h"
#include "consumer/row.h"

#define PIECE_BYTES ((size_t)32 << 10) /* then it is given; a larger row is a piece */
#define KEPT_BYTES  (4 * PIECE_BYTES)  /* more is not kept for the next piece */

void stream_finish(struct stream *s)
{
    buffer_finish(&s->piece);
}

static void clear(struct buffer *piece)
{
    if (piece->capacity > KEPT_BYTES)
        buffer_finish(piece);
    buffer_clear(piece);
}

void stream_begin(struct stream *s, const struct stream_rows *rows)
{
    *s = (struct stream){.rows = *rows, .piece = s->piece};
    clear(&s->piece);
    buffer_add_slice(&s->piece, copy_header());
}

void stream_begin_control(struct stream *s, int64_t received_at)
{
    struct buffer values = {0};
    stream_begin(s, &(struct stream_rows){.columns = ROW_COLUMNS_ALL});
    const uint64_t own = row_write_control(received_at, &values);
    row_copy(buffer_slice(&values), own, s->rows.columns, &s->piece);
    s->piece.failed = s->piece.failed || values.failed;
    buffer_finish(&values);
}

static void add_row(struct stream *s)
{
    struct stream_rows *rows = &s->rows;
    const size_t i = rows->range.begin++;
    const struct batch_event *e = &rows->batch->events[rows->which != NULL ? rows->which[i] : i];
    const struct slice values = {rows->batch->rows.data + e->row, e->row_size};
    if (e->verdict == BATCH_STORE)
        row_copy(values, e->columns, rows->columns, &s->piece);
}

/* What has failed stays so: an end that comes too early would pass for the end. */
bool stream_next(void *stream, struct slice *out)
{
    struct stream *s = stream;
    const struct split_piece *left = &s->rows.range;
    if (s->piece.failed)
        return false;
    if (s->given)
        clear(&s->piece);
    s->given = true;
    while (left->begin < left->end && s->piece.size < PIECE_BYTES)
        add_row(s);
    if (left->begin == left->end && !s->ended) {
        buffer_add_slice(&s->piece, copy_trailer());
        s->ended = true;
    }
    *out = buffer_slice(&s->piece);
    return !s->piece.failed;
}
