/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/admin.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "common/app/log.h"
#include "common/core/clock.h"
#include "common/core/digest.h"
#include "common/json/json_text.h"
#include "common/net/peer.h"
#include "common/net/router.h"
#include "producer/answer.h"
#include "producer/coding.h"
#include "producer/counts.h"
#include "producer/ingest.h"
#include "producer/media.h"
#include "producer/outbox.h"
#include "producer/pause.h"
#include "producer/publisher.h"
#include "producer/request.h"
#include "producer/walk.h"

enum { BODY_BYTES_MAX = 4096 };

/* Bearer, or the older header. data NULL: no key was sent. */
static struct slice key_of(const struct call *c)
{
    const struct slice scheme = SLICE("Bearer ");
    const struct slice header = call_header(c, "authorization");
    if (header.data == NULL)
        return call_header(c, "x-api-key");
    if (header.size <= scheme.size ||
        !slice_equals_nocase((struct slice){header.data, scheme.size}, scheme))
        return (struct slice){0};
    return slice_trim((struct slice){header.data + scheme.size, header.size - scheme.size});
}

/* By digests, so that the time it takes tells nothing of the key. */
static bool is_key(const struct admin *a, struct slice given)
{
    uint8_t wanted[DIGEST_SIZE], found[DIGEST_SIZE];
    digest_make(slice_of(a->key), wanted);
    digest_make(given, found);
    return CRYPTO_memcmp(wanted, found, DIGEST_SIZE) == 0;
}

static bool refuse(struct call *c, int status, const char *slug, const char *detail)
{
    call_refuse(c, &(struct problem){.status = status, .slug = slug, .detail = detail});
    return false;
}

static void log_refusal(const struct call *c)
{
    static struct log_repeat repeat;
    char peer[PEER_TEXT_SIZE];
    uint64_t held = 0;
    peer_format(c, peer);
    if (log_repeat_due(&repeat, &held))
        log_warning("admin_refused", "a request to /v1/admin without the key was refused",
                    LOG_TEXT("address", peer), LOG_INT("held_back", held));
}

/* False: answered. */
static bool is_allowed(const struct admin *a, struct call *c)
{
    const struct slice given = key_of(c);
    if (a->key[0] != '\0' && given.data != NULL && is_key(a, given))
        return true;
    log_refusal(c);
    if (a->key[0] == '\0')
        return refuse(c, 403, "forbidden", "the admin API is disabled until ADMIN_API_KEY is set");
    call_refuse(c, &(struct problem){.status = 401,
                                     .slug = "unauthorized",
                                     .detail = "send the key as Authorization: Bearer KEY",
                                     .headers = {{"WWW-Authenticate", "Bearer"}}});
    return false;
}

static void add_state(const struct pause_state *s, struct buffer *out)
{
    char since[CLOCK_TEXT_SIZE + 1];
    buffer_printf(out, "\"mode\":\"%s\",\"reason\":", s->paused ? "pause" : "accept");
    buffer_add_json_string(out, slice_of(s->reason));
    if (s->since_us == 0)
        return;
    clock_format(s->since_us, since);
    buffer_printf(out, ",\"since\":\"%s\",\"turn\":%" PRIu64, since, s->turn);
}

static void on_get(struct call *c, void *arg)
{
    const struct admin *a = arg;
    struct buffer body = {0};
    if (!is_allowed(a, c))
        return;
    const struct pause_state state = pause_state(a->pause);
    buffer_add_byte(&body, '{');
    add_state(&state, &body);
    buffer_add_text(&body, "}\n");
    if (body.failed)
        answer_unavailable(c, "overloaded", "out of memory");
    else
        call_reply(c, &(struct reply){.status = 200, .body = buffer_slice(&body)});
    buffer_finish(&body);
}

static bool refuse_field(struct call *c, const char *pointer, const char *detail)
{
    answer_fault(c, 422, "invalid-request", &(struct answer_fault){pointer, detail});
    return false;
}

static bool read_mode(struct call *c, struct slice token, struct pause_state *out)
{
    out->paused = slice_equals(token, SLICE("\"pause\""));
    return out->paused || slice_equals(token, SLICE("\"accept\"")) ||
           refuse_field(c, "/mode", "expected \"accept\" or \"pause\"");
}

static bool read_reason(struct call *c, struct slice token, struct pause_state *out)
{
    static const char expected[] = "a pause needs a reason, a string of 1 to 255 bytes";
    struct buffer text = {0};
    if (token.data != NULL && token.data[0] != '"')
        return refuse_field(c, "/reason", expected);
    if (token.data != NULL)
        json_body_add(json_body_of(token), &text);
    const bool good =
        !text.failed && text.size < sizeof out->reason && (text.size > 0 || !out->paused);
    if (good && text.size > 0)
        memcpy(out->reason, text.data, text.size);
    buffer_finish(&text);
    return good || refuse_field(c, "/reason", expected);
}

/* False: answered. */
static bool read_members(struct call *c, const struct gate_value *object, struct pause_state *out)
{
    static const char *const names[] = {"mode", "reason"};
    struct slice token[2];
    if (object->kind != GATE_OBJECT)
        return refuse_field(c, "", "expected {\"mode\":\"accept\" or \"pause\",\"reason\":\"…\"}");
    walk_pick(object->text, names, 2, token);
    if (object->member_count > (size_t)(token[0].data != NULL) + (token[1].data != NULL))
        return refuse_field(c, "", "expected mode and reason only, neither of them null");
    return read_mode(c, token[0], out) && read_reason(c, token[1], out);
}

static bool read_change(struct call *c, struct pause_state *out)
{
    static const struct gate_limits limits = {.depth = 4, .members = 8, .digits = 100};
    struct gate_value value;
    struct gate_verdict verdict;
    struct slice header;
    enum coding coding;
    if (call_body(c).size > BODY_BYTES_MAX)
        return refuse(c, 413, "too-large", "the body is larger than a mode and a reason can be");
    if (call_headers(c, "content-encoding", &header) > 1 || !coding_find(header, &coding) ||
        coding != CODING_NONE)
        return refuse(c, 415, "unsupported-media-type", "send it uncompressed");
    if (!media_is_json(call_header(c, "content-type")))
        return refuse(c, 415, "unsupported-media-type", "send application/json");
    struct gate *gate = gate_create(&limits);
    if (gate == NULL) {
        answer_unavailable(c, "overloaded", "out of memory");
        return false;
    }
    const bool good = gate_scan_whole(gate, call_body(c), &value, &verdict)
                          ? read_members(c, &value, out)
                          : refuse(c, 400, "invalid-json", gate_fault_text(verdict.fault));
    gate_destroy(gate);
    return good;
}

/* The record of the change, with its routing key and priority, which no catalogue knows. */
static void write_event(const struct admin *a, const struct call *c, const struct pause_state *next,
                        struct buffer *out)
{
    const struct pause_state before = pause_state(a->pause);
    char peer[PEER_TEXT_SIZE], host[256] = "";
    const char *verb = next->paused ? "paused" : "resumed";
    peer_format(c, peer);
    gethostname(host, sizeof host - 1);
    buffer_printf(out,
                  "{\"event_type\":\"intake_%s\",\"routing_key\":\"holdfast.intake.%s\","
                  "\"severity\":\"warning\",\"priority\":8,\"service\":\"holdfast-producer\","
                  "\"service_version\":\"" HOLDFAST_VERSION "\",\"title\":\"Intake %s\","
                  "\"payload\":{",
                  verb, verb, verb);
    add_state(next, out);
    buffer_add_text(out, ",\"before\":{");
    add_state(&before, out);
    buffer_printf(out, "},\"address\":\"%s\",\"host\":", peer);
    buffer_add_json_string(out, slice_of(host));
    buffer_add_text(out, "}}");
}

struct change {
    const struct admin *admin;
    struct pause_state next;
};

static void on_settled(void *arg, bool held)
{
    struct change *change = arg;
    const struct admin *a = change->admin;
    if (held) {
        pause_set(a->pause, a->worker, &change->next);
        const struct pause_state now = pause_state(a->pause);
        log_warning("intake_changed",
                    now.paused ? "the intake is paused: requests are answered 503"
                               : "the intake is open: events are accepted",
                    LOG_TEXT("reason", now.reason));
    }
    free(change);
}

static void write_answer(const struct pause_state *next, struct slice event_id, struct buffer *out)
{
    buffer_add_byte(out, '{');
    add_state(next, out);
    buffer_add_text(out, ",\"event_id\":");
    buffer_add_slice(out, event_id);
    buffer_add_text(out, "}\n");
}

/* NULL: no memory. */
static struct request *begin(const struct admin *a, struct call *c, const struct pause_state *next)
{
    struct change *change = malloc(sizeof *change);
    struct request *r = change != NULL ? request_begin(a->requests, c) : NULL;
    if (r == NULL) {
        free(change);
        return NULL;
    }
    *change = (struct change){a, *next};
    request_add_stake(
        r, &(struct request_stake){on_settled, change,
                                   "the change takes effect only once its event is in the queue; "
                                   "GET /v1/admin/intake says what is in force"});
    return r;
}

static void change(const struct admin *a, struct call *c, const struct ingest *in,
                   const struct ingest_item *event, const struct pause_state *next)
{
    struct request *r = begin(a, c, next);
    if (r == NULL) {
        answer_unavailable(c, "overloaded", "out of memory; nothing was changed");
        return;
    }
    request_tally(r)->events[event->type]++;
    const bool complete =
        outbox_add(a->outbox, OUTBOX_URGENT, ingest_text(in, event->line), request_waiter(r));
    write_answer(next, ingest_text(in, event->event_id), request_answer(r));
    request_wait(r, 200, 1, complete);
}

/* Events of the producer's own are no client's, so no catalogue that an operator has put in place
 * may refuse them. */
static struct ingest *create_ingest(void)
{
    return ingest_create(&(struct ingest_limits){.gate = {.depth = 8, .members = 64, .digits = 100},
                                                 .event_bytes = (size_t)1 << 16,
                                                 .batch_events = 1});
}

static void record_and_change(const struct admin *a, struct call *c, const struct pause_state *next)
{
    struct ingest_result result = {0};
    struct buffer event = {0};
    struct ingest *in = create_ingest();
    write_event(a, c, next, &event);
    if (in != NULL && !event.failed)
        ingest_read(in,
                    &(struct ingest_body){
                        .text = buffer_slice(&event), .form = INGEST_ONE, .shape = &shape_plain},
                    &result);
    if (result.good == 1 && outbox_has_room(a->outbox, 1, result.line_bytes))
        change(a, c, in, &result.items[0], next);
    else
        answer_unavailable(c, "overloaded",
                           "no room for the event that records the change; try again");
    ingest_destroy(in);
    buffer_finish(&event);
}

static void on_put(struct call *c, void *arg)
{
    const struct admin *a = arg;
    struct pause_state next = {.since_us = clock_wall_us()};
    if (!is_allowed(a, c) || !read_change(c, &next))
        return;
    next.turn = pause_take_turn(a->pause);
    const struct publisher *p = a->publisher;
    const char *refusal = publisher_is_connected(p) ? publisher_refusal(p) : publisher_reason(p);
    if (refusal == NULL)
        record_and_change(a, c, &next);
    else
        answer_unavailable(c, "queue-unavailable", refusal);
}

void admin_add(struct admin *a, struct router *r)
{
    router_add(r, &(struct route){"GET", "/v1/admin/intake", on_get, a});
    router_add(r, &(struct route){"PUT", "/v1/admin/intake", on_put, a});
}
