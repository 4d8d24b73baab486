/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/media.h"

#include <string.h>

/* With "#" and an index behind it a key is still an event_id. */
enum { KEY_SIZE_MAX = 200 };

static const char accepted_types[] = "application/json, application/x-ndjson, application/jsonl";

static struct slice before(struct slice s, char mark)
{
    const char *at = s.size > 0 ? memchr(s.data, mark, s.size) : NULL;
    return at != NULL ? (struct slice){s.data, (size_t)(at - s.data)} : s;
}

static bool ends_with(struct slice s, struct slice end)
{
    return s.size > end.size &&
           slice_equals_nocase((struct slice){s.data + s.size - end.size, end.size}, end);
}

static bool starts_with(struct slice s, struct slice start)
{
    return s.size >= start.size && slice_equals_nocase((struct slice){s.data, start.size}, start);
}

/* JSON is UTF-8 whatever is said; a sender who says otherwise is taken at his word. */
static bool has_other_charset(struct slice content_type)
{
    struct slice rest = content_type;
    while (rest.size > 0) {
        const struct slice part = before(rest, ';');
        struct slice parameter = slice_trim(part);
        const size_t used = part.size < rest.size ? part.size + 1 : part.size;
        rest.data += used;
        rest.size -= used;
        if (!starts_with(parameter, SLICE("charset=")))
            continue;
        parameter.data += sizeof "charset=" - 1;
        parameter.size -= sizeof "charset=" - 1;
        if (parameter.size >= 2 && parameter.data[0] == '"') {
            parameter.data++;
            parameter.size -= 2;
        }
        return !slice_equals_nocase(parameter, SLICE("utf-8")) &&
               !slice_equals_nocase(parameter, SLICE("us-ascii"));
    }
    return false;
}

bool media_form(struct slice content_type, enum ingest_form *out_form)
{
    static const struct {
        const char *type;
        enum ingest_form form;
    } types[] = {
        {"application/json", INGEST_JSON},
        {"application/x-ndjson", INGEST_LINES},
        {"application/ndjson", INGEST_LINES},
        {"application/jsonl", INGEST_LINES},
    };
    const struct slice type = slice_trim(before(content_type, ';'));
    if (has_other_charset(content_type))
        return false;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (!slice_equals_nocase(type, slice_of(types[i].type)))
            continue;
        *out_form = types[i].form;
        return true;
    }
    /* Events in an envelope of their own are not read as if they had none. */
    const bool json = ends_with(type, SLICE("+json")) && starts_with(type, SLICE("application/")) &&
                      !starts_with(type, SLICE("application/cloudevents"));
    if (content_type.size > 0 && !json)
        return false;
    *out_form = INGEST_JSON;
    return true;
}

bool media_key(struct slice header, struct slice *out_key)
{
    struct slice key = header;
    if (key.size >= 2 && key.data[0] == '"' && key.data[key.size - 1] == '"') {
        key.data++;
        key.size -= 2;
    }
    if (key.size == 0 || key.size > KEY_SIZE_MAX)
        return false;
    for (size_t i = 0; i < key.size; i++) {
        if (key.data[i] < ' ' || key.data[i] > '~' || key.data[i] == '"' || key.data[i] == '\\')
            return false;
    }
    *out_key = key;
    return true;
}

static bool refuse(struct call *c, const struct problem *p)
{
    call_refuse(c, p);
    return false;
}

static bool read_coding(struct call *c)
{
    const struct slice coding = call_header(c, "content-encoding");
    if (coding.size == 0 || slice_equals_nocase(coding, SLICE("identity")))
        return true;
    return refuse(c, &(struct problem){.status = 415,
                                       .slug = "unsupported-encoding",
                                       .detail = "the body must come without a content coding",
                                       .headers = {{"Accept-Encoding", "identity"}}});
}

static bool read_key(struct call *c, struct ingest_body *body)
{
    const struct slice header = call_header(c, "idempotency-key");
    if (header.data == NULL ||
        (call_header_count(c, "idempotency-key") == 1 && media_key(header, &body->key)))
        return true;
    return refuse(c, &(struct problem){.status = 400,
                                       .slug = "invalid-idempotency-key",
                                       .detail = "Idempotency-Key must be one key of 1 to 200 "
                                                 "printable ASCII characters"});
}

bool media_read(struct call *c, struct ingest_body *body)
{
    if (call_header_count(c, "content-type") > 1 ||
        !media_form(call_header(c, "content-type"), &body->form))
        return refuse(c, &(struct problem){.status = 415,
                                           .slug = "unsupported-media-type",
                                           .detail = "send application/json, or application/"
                                                     "x-ndjson for an event a line, in UTF-8",
                                           .headers = {{"Accept-Post", accepted_types}}});
    return read_coding(c) && read_key(c, body);
}
