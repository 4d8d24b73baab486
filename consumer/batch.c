/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From messages to rows.
 *
 * A message of the producer has a line per event, with id and received_at in it. A redelivery has
 * the same lines, so its inserts conflict with the rows already stored, on the primary key, and are
 * skipped. A line that cannot be read is quarantined; the other lines of its message are stored.
 *
 * A message of another program is one JSON object. It gets id and received_at here, so a redelivery
 * gets others; it is recognised by its key in event_keys:
 *
 *   its event_id                             when it has one
 *   amqp:message: + hash of message_id, body when the message has an id
 *   amqp:body: + hash of the body            else: a weak key
 *
 * Two equal messages without any id differ from one message delivered twice only by the broker's
 * redelivered flag. A weak key that exists already means a duplicate only when the flag is set;
 * without the flag the message is a twin and is stored without a claim. One case remains: a twin
 * redelivered before its first delivery was committed counts as a duplicate. A program that needs
 * more sets message_id or event_id.
 *
 * Keys are sorted bytewise, the order in which every session claims them. Of several events with
 * one key the first in the batch claims it, and the others are compared with it.
 */
#include "consumer/batch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/clock.h"
#include "common/core/digest.h"
#include "consumer/keys.h"
#include "consumer/review.h"
#include "consumer/row.h"

/* Every time a producer's clock can show has its partition: the years 1970 to 2200. No event is
 * refused because of a clock; a time beyond these years can only come from another program. */
#define RECEIVED_END (INT64_C(7289654400) * 1000000)

/* Memory of a batch that is kept for another. */
#define EVENTS_KEPT      4096
#define TEXTS_KEPT_BYTES ((size_t)1 << 20)

struct batch *batch_create(void)
{
    struct batch *b = calloc(1, sizeof *b);
    if (b == NULL)
        return NULL;
    id_make(&b->id);
    return b;
}

void batch_destroy(struct batch *b)
{
    if (b == NULL)
        return;
    delivery_list_clear(&b->deliveries);
    buffer_finish(&b->rows);
    buffer_finish(&b->texts);
    free(b->events);
    free(b->keys);
    free(b);
}

bool batch_renew(struct batch *b)
{
    if (b->event_room > EVENTS_KEPT || b->key_room > EVENTS_KEPT ||
        b->texts.capacity > TEXTS_KEPT_BYTES || b->rows.data != NULL)
        return false;
    delivery_list_clear(&b->deliveries);
    buffer_clear(&b->texts);
    *b = (struct batch){.events = b->events,
                        .event_room = b->event_room,
                        .keys = b->keys,
                        .key_room = b->key_room,
                        .texts = b->texts};
    id_make(&b->id);
    return true;
}

/* Room for one more of `size` bytes each; NULL when memory ran out. */
static void *make_room(void *items, size_t count, size_t *room, size_t size)
{
    if (count < *room)
        return items;
    const size_t more = *room == 0 ? 64 : *room * 2;
    void *grown = reallocarray(items, more, size);
    if (grown != NULL)
        *room = more;
    return grown;
}

static struct batch_event *add_event(struct batch *b, const struct delivery *d, struct slice raw)
{
    void *events = make_room(b->events, b->event_count, &b->event_room, sizeof *b->events);
    if (events == NULL) {
        b->failed = true;
        return NULL;
    }
    b->events = events;
    struct batch_event *e = &b->events[b->event_count++];
    *e = (struct batch_event){.delivery = d, .raw = raw};
    return e;
}

/* Where the buffer ends now. One larger than that fails the batch. */
static uint32_t place_in(const struct buffer *b)
{
    return (uint32_t)b->size;
}

static bool is_too_large(const struct buffer *b)
{
    return b->failed || b->size > UINT32_MAX;
}

static void set_message(struct batch *b, struct batch_event *e, const char *text)
{
    e->message = place_in(&b->texts);
    buffer_add_text(&b->texts, text);
    e->message_size = place_in(&b->texts) - e->message;
}

static void set_unreadable(struct batch *b, struct batch_event *e, const char *text)
{
    e->verdict = BATCH_UNREADABLE;
    set_message(b, e, text);
}

static void add_unreadable(struct batch *b, const struct delivery *d, const char *text)
{
    struct batch_event *e = add_event(b, d, d->body);
    if (e != NULL)
        set_unreadable(b, e, text);
}

static void set_faulty(struct batch *b, struct batch_event *e, const struct event_faults *faults)
{
    char text[600];
    const struct event_fault *f = &faults->fault[0];
    if (faults->count == 0) { /* nothing is wrong with it: memory ran out */
        b->failed = true;
        return;
    }
    snprintf(text, sizeof text, "%s%s%s%s", f->pointer, f->pointer[0] != 0 ? ": " : "", f->detail,
             faults->count > 1 ? " (and more)" : "");
    set_unreadable(b, e, text);
}

/* ---- keys ---- */

/* A key for the event added last. The text follows. */
static struct batch_key *add_key(struct batch *b, const struct batch_said *said)
{
    void *keys = make_room(b->keys, b->key_count, &b->key_room, sizeof *b->keys);
    if (keys == NULL) {
        b->failed = true;
        return NULL;
    }
    b->keys = keys;
    struct batch_key *k = &b->keys[b->key_count++];
    *k = (struct batch_key){.event = (uint32_t)(b->event_count - 1), .text = b->texts.size};
    memcpy(k->digest, said->digest, sizeof k->digest);
    return k;
}

static void add_client_key(struct batch *b, struct slice event_id, const struct batch_said *said)
{
    struct batch_key *k = add_key(b, said);
    if (k == NULL)
        return;
    event_add_text(event_id, &b->texts);
    k->size = b->texts.size - k->text;
}

static void add_keys(struct batch *b, const struct log_event *read, struct slice line)
{
    const struct batch_said said = batch_said(read, line);
    add_client_key(b, read->field[EVENT_FIELD_EVENT_ID], &said);
    if (read->also.data == NULL)
        return;
    add_client_key(b, read->also, &said);
    if (!b->failed)
        b->keys[b->key_count - 1].second = true;
}

static void add_message_key(struct batch *b, const struct delivery *d,
                            const struct batch_said *said)
{
    uint8_t parts[2 * DIGEST_SIZE];
    uint8_t digest[DIGEST_SIZE];
    struct batch_key *k = add_key(b, said);
    if (k == NULL)
        return;
    digest_make(d->message_id, parts);
    digest_make(d->body, parts + DIGEST_SIZE);
    digest_make((struct slice){(const char *)parts, sizeof parts}, digest);
    k->weak = d->message_id.size == 0;
    buffer_add_text(&b->texts, k->weak ? "amqp:body:" : "amqp:message:");
    buffer_add_hex(&b->texts, digest, sizeof digest);
    k->size = b->texts.size - k->text;
}

/* ---- reading ---- */

static void add_review(struct batch *b, struct batch_event *e, const struct log_event *read)
{
    e->review = place_in(&b->texts);
    review_write(read, &b->texts);
    e->review_size = place_in(&b->texts) - e->review;
    b->review_count++;
}

static void add_row(struct batch *b, struct batch_event *e, const struct log_event *read)
{
    const struct row_place place = {.batch_id = b->id, .position = (int32_t)b->event_count - 1};
    e->id = read->id;
    e->received_at = read->received_at;
    e->skew_us = read->field[EVENT_FIELD_OCCURRED_AT].data != NULL
                     ? read->received_at - event_time(read, EVENT_FIELD_OCCURRED_AT)
                     : 0;
    e->row = place_in(&b->rows);
    e->columns = row_write(read, &place, &b->rows);
    e->row_size = place_in(&b->rows) - e->row;
    b->columns |= e->columns;
    notice_write(&e->notice, read, &b->texts);
    if (review_is_told(read))
        add_review(b, e, read);
}

static void add_line(struct batch *b, struct event_reader *reader, const struct delivery *d,
                     struct slice line)
{
    struct log_event read;
    struct event_faults faults; /* large: not worth clearing for each event */
    faults.count = 0;
    struct batch_event *e = add_event(b, d, line);
    if (e == NULL)
        return;
    if (!event_read_line(reader, line, &read, &faults)) {
        set_faulty(b, e, &faults);
        return;
    }
    if (read.received_at < 0 || read.received_at >= RECEIVED_END) {
        set_unreadable(b, e, "/received_at: not in the years 1970 to 2200");
        return;
    }
    add_row(b, e, &read);
    b->newer += read.newer > 0;
    if (read.field[EVENT_FIELD_EVENT_ID].data != NULL)
        add_keys(b, &read, line);
}

static void add_lines(struct batch *b, struct event_reader *reader, const struct delivery *d)
{
    const char *end = d->body.data + d->body.size;
    const size_t before = b->event_count;
    for (const char *p = d->body.data; p < end;) {
        const char *stop = memchr(p, '\n', (size_t)(end - p));
        const size_t size = (size_t)((stop != NULL ? stop : end) - p);
        const struct slice line = slice_trim((struct slice){p, size});
        if (line.size > 0)
            add_line(b, reader, d, line);
        p += size + 1;
    }
    if (b->event_count > before)
        return;
    add_unreadable(b, d, "no event in the message");
}

static bool read_object(struct event_reader *reader, struct slice body, struct log_event *out,
                        struct event_faults *faults)
{
    struct gate_value value;
    struct gate_verdict verdict;
    if (gate_scan_whole(event_reader_gate(reader), body, &value, &verdict))
        return event_read(reader, &value, out, faults) && event_set_said(reader, &value, out);
    if (verdict.fault == GATE_FAULT_MEMORY)
        return false;
    faults->count = 1;
    snprintf(faults->fault[0].pointer, sizeof faults->fault[0].pointer, "%s", verdict.pointer);
    snprintf(faults->fault[0].detail, sizeof faults->fault[0].detail, "byte %zu: %s",
             verdict.offset, gate_fault_text(verdict.fault));
    return false;
}

static void add_object(struct batch *b, struct event_reader *reader, const struct delivery *d)
{
    struct log_event read;
    struct event_faults faults;
    faults.count = 0;
    struct batch_event *e = add_event(b, d, d->body);
    if (e == NULL)
        return;
    if (!read_object(reader, d->body, &read, &faults)) {
        set_faulty(b, e, &faults);
        return;
    }
    id_make(&read.id);
    read.received_at = id_wall_us(&read.id); /* notice.c tells why not to the microsecond */
    add_row(b, e, &read);
    e->notice.line = place_in(&b->texts);
    event_write_line(&read, &b->texts);
    if (b->texts.failed)
        return;
    e->notice.line_size = place_in(&b->texts) - e->notice.line - 1; /* its end is not of it */
    const struct batch_said said =
        batch_said(&read, (struct slice){b->texts.data + e->notice.line, e->notice.line_size});
    if (read.field[EVENT_FIELD_EVENT_ID].data != NULL)
        add_client_key(b, read.field[EVENT_FIELD_EVENT_ID], &said);
    else
        add_message_key(b, d, &said);
}

void batch_add(struct batch *b, struct event_reader *reader, struct delivery *d)
{
    delivery_list_add(&b->deliveries, d);
    if (d->form == DELIVERY_LINES)
        add_lines(b, reader, d);
    else if (d->form == DELIVERY_OBJECT)
        add_object(b, reader, d);
    else
        add_unreadable(b, d, "made by a newer version of Holdfast");
    b->again = b->again || d->redelivered;
    b->failed = b->failed || is_too_large(&b->rows) || is_too_large(&b->texts);
}

void batch_refuse(struct batch *b, struct batch_event *e, const char *sqlstate, const char *message)
{
    e->verdict = BATCH_DATA;
    snprintf(e->sqlstate, sizeof e->sqlstate, "%s", sqlstate);
    set_message(b, e, message);
}

size_t batch_count(const struct batch *b, enum batch_verdict verdict)
{
    size_t count = 0;
    for (size_t i = 0; i < b->event_count; i++)
        count += b->events[i].verdict == verdict;
    return count;
}
