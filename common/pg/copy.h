/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PostgreSQL's binary formats over a buffer: the stream of COPY FROM STDIN (FORMAT binary), and
 * arrays as parameters of a statement. A value is the same in both: its length, then its bytes.
 * Out of memory shows as buffer.failed, once, at the end.
 */
#ifndef HOLDFAST_PG_COPY_H
#define HOLDFAST_PG_COPY_H

#include "common/core/buffer.h"
#include "common/core/id.h"

#define COPY_HEADER_SIZE  19
#define COPY_TRAILER_SIZE 2

/* Types of array elements (pg_type.oid, fixed for ever). */
enum copy_type {
    COPY_TYPE_BYTEA = 17,
    COPY_TYPE_TEXT = 25,
    COPY_TYPE_TIMESTAMPTZ = 1184,
    COPY_TYPE_UUID = 2950,
    COPY_TYPE_JSONB = 3802,
};

struct slice copy_header(void);  /* what a stream begins with; lent for ever */
struct slice copy_trailer(void); /* what it ends with */

void copy_row(struct buffer *b, uint16_t columns); /* as many values must follow */

void copy_null(struct buffer *b);
void copy_uuid(struct buffer *b, const struct id *id);
void copy_time(struct buffer *b, int64_t wall_us); /* timestamptz */
void copy_int2(struct buffer *b, int16_t value);
void copy_int4(struct buffer *b, int32_t value);
void copy_int8(struct buffer *b, int64_t value);
void copy_float8(struct buffer *b, double value);
void copy_bool(struct buffer *b, bool value);
void copy_text(struct buffer *b, struct slice text); /* also bytea, and an enum by its label */
void copy_json(struct buffer *b, struct slice json); /* jsonb */

/* A value written in pieces: whatever is added between begin and end. */
size_t copy_value_begin(struct buffer *b);
void copy_value_end(struct buffer *b, size_t begin);

struct slice copy_value_take(struct slice *values); /* the first of them, whole; not null */

/* An array of one dimension: its values are written between begin and end. As a column it stands
 * inside a value; as a parameter it is the parameter. */
size_t copy_array_begin(struct buffer *b, enum copy_type type);
void copy_array_end(struct buffer *b, size_t begin, uint32_t count);

#endif
