/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/stream.h"

#include "common/pg/copy.h"
#include "consumer/row.h"

#define PIECE_BYTES ((size_t)32 << 10) /* then it is given; a larger row is a piece */
#define KEPT_BYTES  (4 * PIECE_BYTES)  /* more is not kept for the next stream */

void stream_finish(struct stream *s)
{
    buffer_finish(&s->piece);
}

void stream_begin(struct stream *s, const struct batch *b, const size_t *which,
                  struct split_piece range, uint64_t columns)
{
    struct buffer piece = s->piece;
    if (piece.capacity > KEPT_BYTES)
        buffer_finish(&piece);
    buffer_clear(&piece);
    buffer_add_slice(&piece, copy_header());
    *s = (struct stream){
        .batch = b, .which = which, .left = range, .columns = columns, .piece = piece};
}

void stream_begin_control(struct stream *s, int64_t received_at)
{
    struct buffer values = {0};
    stream_begin(s, NULL, NULL, (struct split_piece){0}, ROW_COLUMNS_ALL);
    const uint64_t own = row_write_control(received_at, &values);
    row_copy(buffer_slice(&values), own, s->columns, &s->piece);
    s->piece.failed = s->piece.failed || values.failed;
    buffer_finish(&values);
}

static void add_row(struct stream *s)
{
    const size_t i = s->left.begin++;
    const struct batch_event *e = &s->batch->events[s->which != NULL ? s->which[i] : i];
    const struct slice values = {s->batch->rows.data + e->row, e->row_size};
    if (e->verdict == BATCH_STORE)
        row_copy(values, e->columns, s->columns, &s->piece);
}

bool stream_next(void *stream, struct slice *out)
{
    struct stream *s = stream;
    if (s->given)
        buffer_clear(&s->piece);
    s->given = true;
    while (s->left.begin < s->left.end && s->piece.size < PIECE_BYTES)
        add_row(s);
    if (s->left.begin == s->left.end && !s->ended) {
        buffer_add_slice(&s->piece, copy_trailer());
        s->ended = true;
    }
    *out = buffer_slice(&s->piece);
    return !s->piece.failed;
}
