/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/intake.h"

#include <stdlib.h>

#include "producer/answer.h"
#include "producer/cloudevents.h"
#include "producer/coding.h"
#include "producer/media.h"
#include "producer/otlp.h"
#include "producer/percent.h"
#include "producer/trace.h"
#include "producer/walk.h"

enum {
    BUFFER_KEPT_BYTES = 256 * 1024, /* between requests */
    OTLP_GROWTH_MAX = 4,            /* times the largest body that its lines may be */
};

/* Of a whole OTLP request, whose size is bounded already. Its lines meet the limits of events. */
static const struct gate_limits otlp_limits = {.depth = 64, .members = 1 << 22, .digits = 1 << 25};

struct intake {
    size_t body_bytes_max, event_bytes;
    struct intake_request request; /* at hand */
    struct ingest_body body;       /* of it, as far as it is known */
    struct decoder decoder;        /* while it is decoded */
    struct otlp_turning *turning;  /* while OTLP becomes lines; owned */
    struct buffer plain;           /* a body that came coded */
    struct buffer lines;           /* of a body that was OTLP */
    struct gate *otlp;             /* owned */
    struct buffer type;            /* of an event whose type is in the path */
    struct trace trace;
    struct shape_payload payload;
    struct cloudevents_binary binary;
};

struct intake *intake_create(size_t body_bytes_max, size_t event_bytes)
{
    struct intake *k = calloc(1, sizeof *k);
    if (k == NULL)
        return NULL;
    k->body_bytes_max = body_bytes_max;
    k->event_bytes = event_bytes;
    k->otlp = gate_create(&otlp_limits);
    if (k->otlp != NULL)
        return k;
    intake_destroy(k);
    return NULL;
}

void intake_destroy(struct intake *k)
{
    if (k == NULL)
        return;
    intake_end(k);
    buffer_finish(&k->plain);
    buffer_finish(&k->lines);
    buffer_finish(&k->type);
    gate_destroy(k->otlp);
    cloudevents_binary_finish(&k->binary);
    free(k);
}

static bool refuse(struct call *c, const struct problem *p)
{
    call_refuse(c, p);
    return false;
}

static bool refuse_fault(struct call *c, int status, const struct event_fault *fault)
{
    answer_fault(c, status, status == 400 ? "invalid-json" : "invalid-event",
                 &(struct answer_fault){fault->pointer, fault->detail});
    return false;
}

static bool refuse_media(struct call *c)
{
    return refuse(c, &(struct problem){.status = 415,
                                       .slug = "unsupported-media-type",
                                       .detail = "send application/json, application/x-ndjson for "
                                                 "an event a line, or CloudEvents, in UTF-8",
                                       .headers = {{"Accept-Post", MEDIA_ACCEPTED}}});
}

static bool refuse_memory(struct call *c)
{
    return refuse(c, &(struct problem){.status = 503,
                                       .slug = "overloaded",
                                       .detail = "out of memory; nothing was accepted",
                                       .headers = {{"Retry-After", "1"}}});
}

static void refuse_coding(struct call *c, enum coding_result result)
{
    if (result == CODING_TOO_LARGE)
        call_refuse(c,
                    &(struct problem){.status = 413,
                                      .slug = "too-large",
                                      .detail = "decoded, the body is larger than this server "
                                                "accepts, or too many times larger than it came"});
    else if (result == CODING_NO_MEMORY)
        (void)refuse_memory(c);
    else
        call_refuse(c,
                    &(struct problem){.status = 400,
                                      .slug = "invalid-encoding",
                                      .detail = "the body is not what its Content-Encoding says: "
                                                "cut off, damaged or with something behind it"});
}

static bool begin_coding(struct intake *k, struct call *c)
{
    enum coding coding;
    struct slice header;
    if (call_headers(c, "content-encoding", &header) > 1 || !coding_find(header, &coding))
        return refuse(c, &(struct problem){.status = 415,
                                           .slug = "unsupported-encoding",
                                           .detail = "the body may have one content coding, gzip "
                                                     "or zstd, or none",
                                           .headers = {{"Accept-Encoding", CODINGS_ACCEPTED}}});
    k->body.text = call_body(c);
    return coding == CODING_NONE ||
           decoder_begin(&k->decoder, coding, k->body.text, k->body_bytes_max, &k->plain) ||
           refuse_memory(c);
}

static enum intake_progress decode(struct intake *k)
{
    const enum coding_result result = decoder_step(&k->decoder);
    if (result == CODING_MORE)
        return INTAKE_MORE;
    decoder_finish(&k->decoder);
    k->body.text = buffer_slice(&k->plain);
    if (result == CODING_DECODED)
        return INTAKE_MORE;
    refuse_coding(k->request.call, result);
    return INTAKE_ANSWERED;
}

static bool read_key(struct call *c, struct ingest_body *out)
{
    struct slice header;
    const size_t count = call_headers(c, "idempotency-key", &header);
    if (count == 0 || (count == 1 && media_key(header, &out->key)))
        return true;
    return refuse(c, &(struct problem){.status = 400,
                                       .slug = "invalid-idempotency-key",
                                       .detail = "Idempotency-Key must be one key of 1 to 200 "
                                                 "printable ASCII characters"});
}

static void read_trace(struct intake *k, const struct call *c, struct ingest_body *out)
{
    struct slice header;
    if (call_headers(c, "traceparent", &header) != 1)
        return;
    trace_read(header, &k->trace);
    out->trace_id = k->trace.trace_id;
    out->span_id = k->trace.span_id;
}

bool intake_begin(struct intake *k, const struct intake_request *request)
{
    intake_end(k);
    k->request = *request;
    k->body = (struct ingest_body){.form = INGEST_JSON, .shape = &shape_plain};
    read_trace(k, request->call, &k->body);
    return read_key(request->call, &k->body) && begin_coding(k, request->call);
}

static void empty(struct buffer *b)
{
    if (b->capacity > BUFFER_KEPT_BYTES)
        buffer_finish(b);
    buffer_clear(b);
}

void intake_end(struct intake *k)
{
    struct event_fault fault;
    decoder_finish(&k->decoder);
    if (k->turning != NULL)
        (void)otlp_end(k->turning, &fault);
    k->turning = NULL;
    empty(&k->plain);
    empty(&k->lines);
}

/* A body is said to be JSON. What does not say what it is may come of any web page, which a browser
 * lets send such a body anywhere without asking. */
static bool is_named(const struct call *c, struct slice content_type)
{
    return content_type.size > 0 || call_body(c).size == 0;
}

static bool read_binary(struct intake *k, struct call *c, struct ingest_body *out)
{
    struct event_fault fault = {0};
    const struct slice came = out->text;
    if (!cloudevents_read_binary(&k->binary, c, &out->text, &fault))
        return refuse_fault(c, 400, &fault);
    if (out->text.data != came.data)
        out->came_bytes = came.size;
    out->form = INGEST_ONE;
    out->shape = &k->binary.shape;
    return true;
}

/* An event in place of a batch is a mistake somewhere, and so is the other way round. */
static bool read_structured(struct call *c, enum media media, struct ingest_body *out)
{
    struct slice start = out->text;
    out->shape = &cloudevents_structured;
    out->form = media == MEDIA_CLOUDEVENTS ? INGEST_JSON : INGEST_ONE;
    if (media == MEDIA_CLOUDEVENT || walk_byte(&start, '['))
        return true;
    return refuse_fault(c, 422,
                        &(struct event_fault){.detail = "a batch of CloudEvents is an array"});
}

static bool read_log(struct intake *k, struct call *c, struct ingest_body *out)
{
    enum media media = MEDIA_JSON;
    struct slice type;
    if (call_headers(c, "content-type", &type) > 1)
        return refuse_media(c);
    const bool known = media_find(type, &media);
    if (known && (media == MEDIA_CLOUDEVENT || media == MEDIA_CLOUDEVENTS))
        return read_structured(c, media, out);
    if (cloudevents_is_binary(c))
        return read_binary(k, c, out);
    out->form = media == MEDIA_LINES ? INGEST_LINES : INGEST_JSON;
    return (known && is_named(c, type)) || refuse_media(c);
}

static bool read_payload(struct intake *k, struct call *c, struct ingest_body *out)
{
    enum media media = MEDIA_JSON;
    struct slice type;
    if (call_headers(c, "content-type", &type) > 1 || !media_find(type, &media) ||
        media > MEDIA_LINES || !is_named(c, type))
        return refuse_media(c);
    buffer_clear(&k->type);
    if (!percent_decode(k->request.event_type, &k->type))
        return refuse_fault(c, 400,
                            &(struct event_fault){.detail = "the event type in the path is not "
                                                            "valid UTF-8"});
    shape_payload_init(&k->payload, buffer_slice(&k->type));
    out->form = media == MEDIA_LINES ? INGEST_LINES : INGEST_JSON;
    out->shape = &k->payload.shape;
    return true;
}

static bool refuse_otlp(struct call *c, enum otlp_result result, const struct event_fault *fault)
{
    if (result == OTLP_NO_MEMORY)
        return refuse_memory(c);
    if (result == OTLP_MALFORMED)
        return refuse_fault(c, 400, fault);
    return refuse(c,
                  &(struct problem){.status = 413,
                                    .slug = "too-large",
                                    .detail = "with their resource and scope, which every record "
                                              "keeps, the records are too large together"});
}

static enum intake_progress begin_otlp(struct intake *k, struct call *c)
{
    struct slice type;
    if (call_headers(c, "content-type", &type) != 1 || !media_is_json(type)) {
        call_refuse(c, &(struct problem){.status = 415,
                                         .slug = "unsupported-media-type",
                                         .detail = "send OTLP logs as application/json",
                                         .headers = {{"Accept-Post", "application/json"}}});
        return INTAKE_ANSWERED;
    }
    k->turning = otlp_begin(&(struct otlp_request){.gate = k->otlp,
                                                   .body = k->body.text,
                                                   .bytes_max = k->body_bytes_max * OTLP_GROWTH_MAX,
                                                   .record_bytes_max = k->event_bytes,
                                                   .out = &k->lines});
    return k->turning != NULL || refuse_memory(c) ? INTAKE_MORE : INTAKE_ANSWERED;
}

static enum intake_progress step_otlp(struct intake *k, struct ingest_body *out)
{
    struct event_fault fault = {0};
    if (k->turning == NULL)
        return begin_otlp(k, k->request.call);
    if (otlp_step(k->turning))
        return INTAKE_MORE;
    const enum otlp_result result = otlp_end(k->turning, &fault);
    k->turning = NULL;
    if (result != OTLP_TURNED) {
        (void)refuse_otlp(k->request.call, result, &fault);
        return INTAKE_ANSWERED;
    }
    /* The headers are of the request, not of what it carries. */
    *out = (struct ingest_body){.text = buffer_slice(&k->lines),
                                .form = INGEST_LINES,
                                .shape = &shape_plain,
                                .comes_again = true};
    return INTAKE_READ;
}

enum intake_progress intake_step(struct intake *k, struct ingest_body *out)
{
    struct call *c = k->request.call;
    if (k->decoder.coding != CODING_NONE)
        return decode(k);
    if (k->request.door == INTAKE_OTLP)
        return step_otlp(k, out);
    const bool is_log = k->request.door == INTAKE_LOG;
    if (!(is_log ? read_log : read_payload)(k, c, &k->body))
        return INTAKE_ANSWERED;
    *out = k->body;
    return INTAKE_READ;
}
