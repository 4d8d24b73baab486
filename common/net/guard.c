/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All bytes from clients pass through the guard, which bounds the head, the body, and all bodies
 * together.
 *
 * A body over the limit, up to DISCARD_FACTOR times of it, is read and dropped before the refusal
 * is sent: closing a socket with unread bytes resets it, and the client would see the reset instead
 * of the answer.
 */
#include "common/net/guard.h"

#include <assert.h>

#include <event2/buffer.h>

enum {
    DISCARD_FACTOR = 4,     /* bodies up to this many times the cap are read and dropped */
    TEXT_KEPT_BYTES = 2048, /* memory an idle guard may keep */
    BODY_KEPT_BYTES = 16384,
};

void guard_init(struct guard *g, struct guard_budget *budget)
{
    *g = (struct guard){.budget = budget};
}

static void give_back(struct guard *g)
{
    assert(g->budget->held_bytes >= g->held);
    g->budget->held_bytes -= g->held;
    g->held = 0;
    buffer_clear(&g->body);
}

void guard_finish(struct guard *g)
{
    if (g->budget != NULL)
        give_back(g);
    buffer_finish(&g->text);
    buffer_finish(&g->body);
}

void guard_drop_body(struct guard *g)
{
    give_back(g);
    if (g->body.capacity > BODY_KEPT_BYTES)
        buffer_finish(&g->body);
}

void guard_clear(struct guard *g)
{
    struct buffer text = g->text;
    guard_drop_body(g);
    buffer_clear(&text);
    if (text.capacity > TEXT_KEPT_BYTES)
        buffer_finish(&text);
    *g = (struct guard){.budget = g->budget, .text = text, .body = g->body};
}

void guard_refuse(struct guard *g, const struct head_fault *fault)
{
    if (g->fault.status == 0)
        g->fault = *fault;
    g->phase = GUARD_DONE;
    give_back(g);
}

static void refuse(struct guard *g, int status, const char *slug, const char *detail)
{
    guard_refuse(g, &(struct head_fault){status, slug, detail});
}

/* The head is good: how its body is to be taken. */
static void begin_body(struct guard *g)
{
    const size_t cap = g->budget->body_bytes_max;
    g->left = g->head.content_length;
    g->phase = g->left > 0 || g->head.chunked ? GUARD_BODY : GUARD_DONE;
    if (g->left <= cap)
        return;
    g->fault = (struct head_fault){413, "too-large", "the body is larger than this server accepts"};
    const bool worthwhile = g->left / DISCARD_FACTOR <= cap && !g->head.expects_continue;
    g->phase = worthwhile ? GUARD_DISCARD : GUARD_DONE;
}

static void end_head(struct guard *g, enum head_progress progress)
{
    if (g->text.failed)
        refuse(g, 503, "overloaded", "out of memory");
    else if (progress == HEAD_BARE_LF)
        refuse(g, 400, "bad-request", "lines of the head must end in CRLF");
    else if (progress == HEAD_TOO_LARGE)
        refuse(g, 431, "headers-too-large", "the head is larger than 16384 bytes");
    else if (!head_parse(buffer_slice(&g->text), &g->head, &g->fault))
        g->phase = GUARD_DONE;
    else
        begin_body(g);
}

static void feed_head(struct guard *g, struct evbuffer *bytes)
{
    const size_t first = evbuffer_get_contiguous_space(bytes);
    const size_t size = first > 0 ? first : evbuffer_get_length(bytes);
    const char *data = (const char *)evbuffer_pullup(bytes, (ev_ssize_t)size);
    size_t used = 0;
    const enum head_progress progress = head_scan(&g->scanner, (struct slice){data, size}, &used);
    buffer_add(&g->text, data, used);
    evbuffer_drain(bytes, used);
    if (progress != HEAD_MORE || g->text.failed)
        end_head(g, progress);
}

static size_t next_size(const struct guard *g, struct evbuffer *bytes)
{
    const size_t size = evbuffer_get_length(bytes);
    return size < g->left ? size : (size_t)g->left;
}

/* Room for `size` more bytes of the body, taken off the budget once the body is no small one.
 * NULL: refused. */
static char *make_room(struct guard *g, size_t size)
{
    struct guard_budget *budget = g->budget;
    const size_t total = g->body.size + size;
    const size_t held = total > budget->small_bytes ? total : 0;
    if (held > g->held && held - g->held > budget->held_bytes_max - budget->held_bytes) {
        refuse(g, 503, "overloaded", "too many bodies are being received: try again");
        return NULL;
    }
    char *room = buffer_reserve(&g->body, size);
    if (room == NULL) {
        refuse(g, 503, "overloaded", "out of memory");
        return NULL;
    }
    budget->held_bytes += held - g->held;
    g->held = held;
    return room;
}

static void feed_body(struct guard *g, struct evbuffer *bytes)
{
    const size_t size = next_size(g, bytes);
    char *room = make_room(g, size);
    if (room == NULL)
        return;
    evbuffer_remove(bytes, room, size);
    g->body.size += size;
    g->left -= size;
    if (g->left == 0)
        g->phase = GUARD_DONE;
}

/* How much is still to come of a body in chunks nobody knows: when it is too large the rest is not
 * read, the connection lingers instead. */
static void add_chunk(struct guard *g, struct slice data)
{
    if (data.size > g->budget->body_bytes_max - g->body.size) {
        refuse(g, 413, "too-large", "the body is larger than this server accepts");
        return;
    }
    if (data.size == 0 || make_room(g, data.size) == NULL)
        return;
    buffer_add_slice(&g->body, data);
}

static void feed_chunks(struct guard *g, struct evbuffer *bytes)
{
    const size_t first = evbuffer_get_contiguous_space(bytes);
    const size_t size = first > 0 ? first : evbuffer_get_length(bytes);
    const char *data = (const char *)evbuffer_pullup(bytes, (ev_ssize_t)size);
    struct slice body = {0};
    size_t used = 0;
    const enum chunks_progress progress =
        chunks_take(&g->chunks, (struct slice){data, size}, &used, &body);
    if (progress == CHUNKS_BAD)
        refuse(g, 400, "bad-request", "the chunked coding of the body is malformed");
    else
        add_chunk(g, body);
    evbuffer_drain(bytes, used);
    if (progress == CHUNKS_ENDED)
        g->phase = GUARD_DONE;
}

static void feed_discard(struct guard *g, struct evbuffer *bytes)
{
    const size_t size = next_size(g, bytes);
    evbuffer_drain(bytes, size);
    g->left -= size;
    if (g->left == 0)
        g->phase = GUARD_DONE;
}

bool guard_feed(struct guard *g, struct evbuffer *bytes)
{
    while (g->phase != GUARD_DONE && evbuffer_get_length(bytes) > 0) {
        switch (g->phase) {
        case GUARD_HEAD:
            feed_head(g, bytes);
            break;
        case GUARD_BODY:
            if (g->head.chunked)
                feed_chunks(g, bytes);
            else
                feed_body(g, bytes);
            break;
        case GUARD_DISCARD:
            feed_discard(g, bytes);
            break;
        case GUARD_DONE:
            break;
        }
    }
    return g->phase == GUARD_DONE;
}
