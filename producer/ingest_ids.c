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

void ingest_identify(struct ingest *in, const struct gate_value *value, struct log_event *e)
{
    const bool has_id = e->field[EVENT_FIELD_EVENT_ID].data != NULL;
    if (!has_id && in->body.key.data == NULL)
        return;
    if (!event_set_said(in->reader, value, e)) {
        in->result.no_memory = true;
        return;
    }
    buffer_clear(&in->ids);
    if (has_id)
        return;
    if (in->result.single)
        set_ids_of_one(in, e);
    else
        set_id_among_many(in, e);
    in->result.no_memory = in->result.no_memory || in->ids.failed;
}
