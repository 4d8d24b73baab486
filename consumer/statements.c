/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arrays go side by side, one element an event, and unnest makes rows of them again. Nothing a
 * message holds may make the quarantine itself fail: bytes go as bytea, and text that is not ours
 * is made printable first.
 */
#include "consumer/statements.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/core/digest.h"
#include "common/pg/copy.h"
#include "consumer/keys.h"
#include "consumer/review.h"
#include "schema/queries.h"

#define ARRAYS_MAX      7
#define MONTHS          ((2200 - 1970 + 1) * 12) /* of 1970 to 2200 */
#define TEXT_QUARANTINE 1000                     /* bytes kept of a text of somebody else's */

const struct session_statement statements_setup[] = {
    {NULL, SQL_STAGE},
    {"begin", "BEGIN"},
    {"commit", "COMMIT"},
    {"claim_keys", SQL_CLAIM_KEYS},
    {"find_keys", SQL_FIND_KEYS},
    {"quarantine_events", SQL_QUARANTINE_EVENTS},
    {"note_reviews", SQL_NOTE_REVIEWS},
    {"record_batch", SQL_RECORD_BATCH},
    {"tell_time", SQL_TELL_TIME},
    {"ensure_partitions", SQL_ENSURE_PARTITIONS},
    {"purge_keys", SQL_PURGE_KEYS},
};
const size_t statements_setup_count = sizeof statements_setup / sizeof statements_setup[0];

/* Parameters written one after the other into the scratch buffer. */
struct values {
    struct buffer *out;
    size_t begin[ARRAYS_MAX + 1]; /* of each value; one past the last */
    size_t count;
};

static struct values values_begin(const struct statement *st)
{
    buffer_clear(st->scratch);
    return (struct values){.out = st->scratch};
}

static void values_next(struct values *v)
{
    assert(v->count < ARRAYS_MAX);
    v->begin[++v->count] = v->out->size;
}

static bool values_send(const struct values *v, const struct statement *st, const char *name)
{
    struct slice slices[ARRAYS_MAX];
    if (v->out->failed)
        return false;
    for (size_t i = 0; i < v->count; i++)
        slices[i] = (struct slice){v->out->data + v->begin[i], v->begin[i + 1] - v->begin[i]};
    struct session_call calls[4] = {{0}};
    size_t count = 0;
    if (st->before != NULL)
        calls[count++] = (struct session_call){.name = st->before};
    calls[count++] = (struct session_call){.name = name, .values = slices, .count = v->count};
    if (st->after != NULL)
        calls[count++] = (struct session_call){.name = st->after};
    session_call(st->session, calls, st->fn, st->arg);
    return true;
}

/* ---- keys ---- */

static bool is_open(const struct batch_key *k)
{
    return k->claims && !k->won;
}

size_t statement_open_claims(const struct batch *b)
{
    size_t count = 0;
    for (size_t i = 0; i < b->key_count; i++)
        count += is_open(&b->keys[i]);
    return count;
}

typedef void (*key_writer)(const struct batch *b, const struct batch_key *k, struct buffer *out);

static void write_key_text(const struct batch *b, const struct batch_key *k, struct buffer *out)
{
    copy_text(out, batch_key_text(b, k));
}

static void write_key_id(const struct batch *b, const struct batch_key *k, struct buffer *out)
{
    copy_uuid(out, &b->events[k->event].id);
}

static void write_key_digest(const struct batch *b, const struct batch_key *k, struct buffer *out)
{
    (void)b;
    copy_text(out, (struct slice){(const char *)k->digest, sizeof k->digest});
}

static void write_key_time(const struct batch *b, const struct batch_key *k, struct buffer *out)
{
    copy_time(out, b->events[k->event].received_at);
}

static void add_open_keys(struct values *v, const struct batch *b, enum copy_type type,
                          key_writer write)
{
    uint32_t count = 0;
    const size_t begin = copy_array_begin(v->out, type);
    for (size_t i = 0; i < b->key_count; i++) {
        if (!is_open(&b->keys[i]))
            continue;
        write(b, &b->keys[i], v->out);
        count++;
    }
    copy_array_end(v->out, begin, count);
    values_next(v);
}

bool statement_claim_keys(const struct statement *st)
{
    struct values v = values_begin(st);
    add_open_keys(&v, st->batch, COPY_TYPE_TEXT, write_key_text);
    add_open_keys(&v, st->batch, COPY_TYPE_UUID, write_key_id);
    add_open_keys(&v, st->batch, COPY_TYPE_BYTEA, write_key_digest);
    add_open_keys(&v, st->batch, COPY_TYPE_TIMESTAMPTZ, write_key_time);
    return values_send(&v, st, "claim_keys");
}

void statement_claimed(struct batch *b, const struct session_answer *a)
{
    const size_t rows = session_rows(a);
    for (size_t row = 0; row < rows; row++) {
        struct batch_key *k = batch_find_claim(b, session_value(a, row, 0));
        assert(k != NULL);
        k->won = true;
    }
}

bool statement_find_keys(const struct statement *st)
{
    struct values v = values_begin(st);
    add_open_keys(&v, st->batch, COPY_TYPE_TEXT, write_key_text);
    return values_send(&v, st, "find_keys");
}

void statement_found(struct batch *b, const struct session_answer *a)
{
    const size_t rows = session_rows(a);
    for (size_t row = 0; row < rows; row++) {
        struct batch_key *k = batch_find_claim(b, session_value(a, row, 0));
        const struct slice id = session_value(a, row, 1);
        const struct slice digest = session_value(a, row, 2);
        struct id owner;
        assert(k != NULL && id.size == sizeof owner.bytes);
        uint8_t kept[DIGEST_SIZE] = {0};
        memcpy(owner.bytes, id.data, sizeof owner.bytes);
        if (digest.size == sizeof kept)
            memcpy(kept, digest.data, sizeof kept);
        batch_key_taken(b, k, &owner, kept);
    }
}

/* ---- quarantine ---- */

static const char *reason_of(const struct batch_event *e)
{
    switch (e->verdict) {
    case BATCH_CONFLICT:
        return "conflict";
    case BATCH_DATA:
        return "data";
    case BATCH_UNREADABLE:
        return "unreadable";
    case BATCH_STORE:
    case BATCH_DUPLICATE:
        break;
    }
    return NULL;
}

static void add_printable(struct buffer *out, struct slice text)
{
    const size_t size = text.size < TEXT_QUARANTINE ? text.size : TEXT_QUARANTINE;
    const size_t begin = copy_value_begin(out);
    for (size_t i = 0; i < size; i++) {
        const char c = text.data[i];
        buffer_add_byte(out, c >= ' ' && c <= '~' ? (uint8_t)c : '?');
    }
    copy_value_end(out, begin);
}

typedef void (*event_writer)(const struct batch *b, const struct batch_event *e,
                             struct buffer *out);

static void write_reason(const struct batch *b, const struct batch_event *e, struct buffer *out)
{
    (void)b;
    copy_text(out, slice_of(reason_of(e)));
}

/* Only events that came through the gate have one, so it is text PostgreSQL takes. */
static void write_event_id(const struct batch *b, const struct batch_event *e, struct buffer *out)
{
    const uint32_t index = (uint32_t)(e - b->events);
    for (size_t i = 0; i < b->key_count; i++) {
        if (b->keys[i].event == index && !b->keys[i].second) {
            copy_text(out, batch_key_text(b, &b->keys[i]));
            return;
        }
    }
    copy_null(out);
}

static void write_message_id(const struct batch *b, const struct batch_event *e, struct buffer *out)
{
    (void)b;
    if (e->delivery->message_id.size > 0)
        add_printable(out, e->delivery->message_id);
    else
        copy_null(out);
}

static void write_sqlstate(const struct batch *b, const struct batch_event *e, struct buffer *out)
{
    (void)b;
    if (e->sqlstate[0] != 0)
        copy_text(out, slice_of(e->sqlstate));
    else
        copy_null(out);
}

static void write_message(const struct batch *b, const struct batch_event *e, struct buffer *out)
{
    char text[128];
    char id[ID_TEXT_SIZE + 1];
    if (e->verdict != BATCH_CONFLICT) {
        add_printable(out, (struct slice){b->texts.data + e->message, e->message_size});
        return;
    }
    id_format(&e->owner, id);
    snprintf(text, sizeof text, "the event_id belongs to event %s, which has other content", id);
    copy_text(out, slice_of(text));
}

static void write_raw(const struct batch *b, const struct batch_event *e, struct buffer *out)
{
    (void)b;
    copy_text(out, e->raw);
}

static void write_digest(const struct batch *b, const struct batch_event *e, struct buffer *out)
{
    uint8_t digest[DIGEST_SIZE];
    (void)b;
    digest_make(e->raw, digest);
    copy_text(out, (struct slice){(const char *)digest, sizeof digest});
}

static void add_refused(struct values *v, const struct batch *b, enum copy_type type,
                        event_writer write)
{
    uint32_t count = 0;
    const size_t begin = copy_array_begin(v->out, type);
    for (size_t i = 0; i < b->event_count; i++) {
        if (reason_of(&b->events[i]) == NULL)
            continue;
        write(b, &b->events[i], v->out);
        count++;
    }
    copy_array_end(v->out, begin, count);
    values_next(v);
}

bool statement_quarantine(const struct statement *st)
{
    struct values v = values_begin(st);
    add_refused(&v, st->batch, COPY_TYPE_TEXT, write_reason);
    add_refused(&v, st->batch, COPY_TYPE_TEXT, write_event_id);
    add_refused(&v, st->batch, COPY_TYPE_TEXT, write_message_id);
    add_refused(&v, st->batch, COPY_TYPE_TEXT, write_sqlstate);
    add_refused(&v, st->batch, COPY_TYPE_TEXT, write_message);
    add_refused(&v, st->batch, COPY_TYPE_BYTEA, write_raw);
    add_refused(&v, st->batch, COPY_TYPE_BYTEA, write_digest);
    return values_send(&v, st, "quarantine_events");
}

/* ---- the rest ---- */

bool statement_note_reviews(const struct statement *st)
{
    const struct batch *b = st->batch;
    struct values v = values_begin(st);
    struct slice last = {0};
    uint32_t count = 0;
    const size_t begin = copy_array_begin(v.out, COPY_TYPE_JSONB);
    for (size_t i = 0; i < b->event_count; i++) {
        const struct batch_event *e = &b->events[i];
        const struct slice note = {b->texts.data + e->review, e->review_size};
        if (e->verdict != BATCH_STORE || e->review_size == 0 || !review_says_more(last, note))
            continue;
        copy_json(v.out, note);
        last = note;
        count++;
    }
    copy_array_end(v.out, begin, count);
    values_next(&v);
    return values_send(&v, st, "note_reviews");
}

/* Since 1970. */
static int month_of(int64_t wall_us)
{
    const time_t seconds = (time_t)(wall_us / 1000000);
    struct tm tm = {0};
    gmtime_r(&seconds, &tm);
    return (tm.tm_year - 70) * 12 + tm.tm_mon;
}

/* One moment of each month the batch touches; batch.c lets none in that is not one of these. */
static uint32_t add_months(const struct batch *b, struct buffer *out)
{
    bool seen[MONTHS] = {0};
    uint32_t count = 0;
    for (size_t i = 0; i < b->event_count; i++) {
        if (b->events[i].verdict != BATCH_STORE)
            continue;
        const int month = month_of(b->events[i].received_at);
        assert(month >= 0 && month < MONTHS);
        count += !seen[month];
        if (!seen[month])
            copy_time(out, b->events[i].received_at);
        seen[month] = true;
    }
    return count;
}

bool statement_ensure_partitions(const struct statement *st)
{
    struct values v = values_begin(st);
    const size_t begin = copy_array_begin(v.out, COPY_TYPE_TIMESTAMPTZ);
    copy_array_end(v.out, begin, st->batch != NULL ? add_months(st->batch, v.out) : 0);
    values_next(&v);
    return values_send(&v, st, "ensure_partitions");
}

static void add_int4(struct values *v, int32_t value)
{
    buffer_add_u32(v->out, (uint32_t)value);
    values_next(v);
}

bool statement_record(const struct statement *st, const struct statement_record *r)
{
    struct values v = values_begin(st);
    buffer_add(v.out, st->batch->id.bytes, sizeof st->batch->id.bytes);
    values_next(&v);
    buffer_add_text(v.out, r->consumer);
    values_next(&v);
    add_int4(&v, r->events);
    add_int4(&v, r->duplicates);
    add_int4(&v, r->quarantined);
    return values_send(&v, st, "record_batch");
}

int64_t statement_time(const struct session_answer *a)
{
    uint64_t us = 0;
    if (session_rows(a) != 1 || !slice_to_u64(session_value(a, 0, 0), INT64_MAX, &us))
        return 0;
    return (int64_t)us;
}

bool statement_purge_keys(const struct statement *st, int32_t days)
{
    struct values v = values_begin(st);
    add_int4(&v, days);
    return values_send(&v, st, "purge_keys");
}

int64_t statement_count(const struct session_answer *a)
{
    const struct slice value = session_rows(a) == 1 ? session_value(a, 0, 0) : (struct slice){0};
    if (value.size != 4)
        return 0;
    const unsigned char *bytes = (const unsigned char *)value.data;
    return (int64_t)bytes[0] << 24 | bytes[1] << 16 | bytes[2] << 8 | bytes[3];
}
