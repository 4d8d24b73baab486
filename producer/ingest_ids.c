/* SPDX-License-Identifier: Apache-2.0 */
/*
 * By what an event that comes again is known. Only one with an id of the client can be: its own
 * event_id, or one made of the request's Idempotency-Key.
 *
 *   one object          KEY, and it also goes by KEY#<digest>
 *   one among others    KEY#<digest>; the n-th equal one of the request KEY#<digest>#<n>
 *
 * So the key of a request with many says of each whether it was taken before, whatever stands
 * beside it this time, and one that was mended is another. The digest is of what the client said:
 * sixteen digits of the one that travels with the event.
 *
 * A record of OTLP has no id and may come again all the same: it gets the text of its own `id`, or
 * that of the record it may be the repetition of (resends.h).
 */
#include <inttypes.h>
#include <string.h>

#include "producer/ingest_private.h"

static uint64_t short_digest(const struct log_event *e)
{
    uint64_t digest;
    memcpy(&digest, e->said, sizeof digest);
    return digest;
}

/* Appends KEY#<digest> as a JSON string; its closing quote makes room for the rest. */
static void add_element_id(struct ingest *in, const struct log_event *e, size_t twin)
{
    buffer_add_json_string(&in->ids, in->body.key);
    buffer_truncate(&in->ids, in->ids.size - 1);
    buffer_add_byte(&in->ids, '#');
    buffer_add_hex(&in->ids, e->said, sizeof(uint64_t));
    if (twin > 1)
        buffer_printf(&in->ids, "#%zu", twin);
    buffer_add_byte(&in->ids, '"');
}

static void set_ids_of_one(struct ingest *in, struct log_event *e)
{
    buffer_add_json_string(&in->ids, in->body.key);
    const size_t key_size = in->ids.size;
    add_element_id(in, e, 1);
    e->field[EVENT_FIELD_EVENT_ID] = (struct slice){in->ids.data, key_size};
    e->also = (struct slice){in->ids.data + key_size, in->ids.size - key_size};
}

static void set_id_among_many(struct ingest *in, struct log_event *e)
{
    const size_t twin = twins_count(&in->twins, short_digest(e));
    in->result.no_memory = in->result.no_memory || twin == 0;
    add_element_id(in, e, twin);
    e->field[EVENT_FIELD_EVENT_ID] = buffer_slice(&in->ids);
}

static void set_id_of_record(struct ingest *in, struct log_event *e)
{
    char text[ID_TEXT_SIZE + 1];
    struct resend record = {.id = e->id};
    memcpy(record.said, e->said, sizeof record.said);
    record.again = resends_take(in->limits.resends, e->said, clock_now_ns(), &record.id);
    id_format(&record.id, text);
    buffer_add_json_string(&in->ids, slice_of(text));
    e->field[EVENT_FIELD_EVENT_ID] = buffer_slice(&in->ids);
    in->result.no_memory = !resend_list_add(&in->records, &record) || in->result.no_memory;
}

void ingest_identify(struct ingest *in, const struct gate_value *value, struct log_event *e)
{
    const bool has_id = e->field[EVENT_FIELD_EVENT_ID].data != NULL;
    const bool comes_again = in->body.comes_again && in->limits.resends != NULL;
    if (!has_id && in->body.key.data == NULL && !comes_again)
        return;
    if (!event_set_said(in->reader, value, e)) {
        in->result.no_memory = true;
        return;
    }
    buffer_clear(&in->ids);
    if (has_id)
        return;
    if (comes_again)
        set_id_of_record(in, e);
    else if (in->result.single)
        set_ids_of_one(in, e);
    else
        set_id_among_many(in, e);
    in->result.no_memory = in->result.no_memory || in->ids.failed;
}
