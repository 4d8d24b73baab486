/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "common/core/clock.h"
#include "common/net/conns.h"
#include "common/net/kept.h"

enum { FREE_CALLS_MAX = 256 }; /* kept for reuse */

struct call *call_take(struct conns *cs)
{
    struct call *call = cs->free_calls;
    if (call != NULL) {
        cs->free_calls = call->next_free;
        cs->free_call_count--;
        return call;
    }
    call = calloc(1, sizeof *call);
    if (call != NULL) {
        guard_init(&call->guard, &cs->budget);
        call->conns = cs;
    }
    return call;
}

void call_release(struct conns *cs, struct call *call)
{
    guard_clear(&call->guard);
    *call = (struct call){.guard = call->guard, .conns = cs, .next_free = cs->free_calls};
    if (cs->free_call_count == FREE_CALLS_MAX) {
        guard_finish(&call->guard);
        free(call);
        return;
    }
    cs->free_calls = call;
    cs->free_call_count++;
}

void call_free_kept(struct conns *cs)
{
    while (cs->free_calls != NULL) {
        struct call *call = cs->free_calls;
        cs->free_calls = call->next_free;
        guard_finish(&call->guard);
        free(call);
    }
}

void call_gone(struct call *c)
{
    void (*on_gone)(void *arg) = c->on_gone;
    c->on_gone = NULL;
    if (on_gone != NULL)
        on_gone(c->gone_arg);
}

bool call_is_gone(const struct call *c)
{
    return c->conn == NULL;
}

struct slice call_method(const struct call *c)
{
    return c->guard.head.method;
}

struct slice call_path(const struct call *c)
{
    return c->guard.head.path;
}

struct slice call_body(const struct call *c)
{
    return buffer_slice(&c->guard.body);
}

void call_drop_body(struct call *c)
{
    guard_drop_body(&c->guard);
}

static bool next_parameter(struct slice *query, struct slice *out)
{
    if (query->size == 0)
        return false;
    size_t size = 0;
    while (size < query->size && query->data[size] != '&')
        size++;
    *out = (struct slice){query->data, size};
    const size_t used = size < query->size ? size + 1 : size;
    query->data += used;
    query->size -= used;
    return true;
}

struct slice call_parameter(const struct call *c, const char *name)
{
    struct slice query = c->guard.head.query, part;
    const struct slice wanted = slice_of(name);
    while (next_parameter(&query, &part)) {
        size_t size = 0;
        while (size < part.size && part.data[size] != '=')
            size++;
        if (!slice_equals((struct slice){part.data, size}, wanted))
            continue;
        const size_t skip = size < part.size ? size + 1 : size;
        return (struct slice){part.data + skip, part.size - skip};
    }
    return (struct slice){0};
}

bool call_next_header(const struct call *c, struct slice *rest, struct slice *out_name,
                      struct slice *out_value)
{
    if (rest->data == NULL)
        *rest = c->guard.head.fields;
    return head_next(rest, out_name, out_value);
}

struct slice call_header(const struct call *c, const char *name)
{
    struct slice value;
    call_headers(c, name, &value);
    return value;
}

size_t call_headers(const struct call *c, const char *name, struct slice *out_first)
{
    struct slice fields = c->guard.head.fields, key, value;
    const struct slice wanted = slice_of(name);
    size_t count = 0;
    *out_first = (struct slice){0};
    while (head_next(&fields, &key, &value)) {
        if (slice_equals_nocase(key, wanted) && count++ == 0)
            *out_first = value;
    }
    return count;
}

/* RFC 9110 and 6585. */
static const char *reason_of(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {200, "OK"},
        {202, "Accepted"},
        {204, "No Content"},
        {207, "Multi-Status"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {411, "Length Required"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        if (reasons[i].status == status)
            return reasons[i].reason;
    }
    return "Unknown";
}

/* RFC 9110 6.6.1: an answer says when it was made, to the second. */
static const char *date_now(void)
{
    static char text[sizeof "Sat, 21 Nov 2026 12:00:00 GMT"];
    static int64_t made_s;
    const time_t now_s = (time_t)(clock_wall_us() / 1000000);
    struct tm utc;
    if (now_s != made_s && gmtime_r(&now_s, &utc) != NULL) {
        strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &utc);
        made_s = now_s;
    }
    return text;
}

static void add_header(struct buffer *to, const char *name, const char *value)
{
    buffer_add_text(to, name);
    buffer_add(to, ": ", 2);
    buffer_add_text(to, value);
    buffer_add(to, "\r\n", 2);
}

static void add_headers(struct buffer *to, const struct call_header *headers)
{
    for (size_t i = 0; i < CALL_HEADERS && headers[i].name != NULL; i++)
        add_header(to, headers[i].name, headers[i].value);
}

static void add_head(const struct call *c, const struct reply *r, struct buffer *to)
{
    buffer_add_text(to, "HTTP/1.1 ");
    buffer_add_number(to, (uint64_t)r->status);
    buffer_add_byte(to, ' ');
    buffer_add_text(to, reason_of(r->status));
    buffer_add(to, "\r\n", 2);
    add_header(to, "Date", date_now());
    if (r->body.size > 0)
        add_header(to, "Content-Type",
                   r->content_type != NULL ? r->content_type : "application/json");
    if (r->status != 204) {
        buffer_add_text(to, "Content-Length: ");
        buffer_add_number(to, r->body.size);
        buffer_add(to, "\r\n", 2);
    }
    add_headers(to, r->headers);
    if (c->style != NULL)
        add_headers(to, c->style->headers);
    if (call_is_last(c))
        add_header(to, "Connection", "close");
    else
        buffer_add_text(to, c->conns->keep_alive);
    buffer_add(to, "\r\n", 2);
}

void call_reply(struct call *c, const struct reply *r)
{
    struct buffer *answer = &c->conns->answer;
    assert(c->open);
    c->open = false;
    if (c->kept != NULL)
        kept_store(c->kept, c, r);
    buffer_clear(answer);
    add_head(c, r, answer);
    if (!slice_equals(c->guard.head.method, SLICE("HEAD")))
        buffer_add_slice(answer, r->body);
    call_answered(c, r->status);
}

static void write_problem(const struct problem *p, struct buffer *out)
{
    buffer_printf(out,
                  "{\"type\":\"/problems/%s\",\"title\":\"%s\",\"status\":%d,\"detail\":", p->slug,
                  reason_of(p->status), p->status);
    buffer_add_json_string(out, slice_of(p->detail));
    if (p->errors.data != NULL) {
        buffer_add_text(out, ",\"errors\":");
        buffer_add_slice(out, p->errors);
    }
    if (p->more > 0)
        buffer_printf(out, ",\"more_errors\":%" PRIu64, p->more);
    buffer_add_text(out, "}\n");
}

void call_set_style(struct call *c, const struct call_style *style)
{
    c->style = style;
}

void call_refuse(struct call *c, const struct problem *p)
{
    struct buffer body = {0};
    struct reply r = {.status = p->status};
    if (c->style != NULL && c->style->write_problem != NULL) {
        c->style->write_problem(p, &body);
    } else {
        r.content_type = "application/problem+json";
        write_problem(p, &body);
    }
    if (!body.failed)
        r.body = buffer_slice(&body);
    for (size_t i = 0; i < CALL_HEADERS; i++)
        r.headers[i] = p->headers[i];
    call_reply(c, &r);
    buffer_finish(&body);
}
