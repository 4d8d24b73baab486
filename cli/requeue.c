/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/requeue.h"

#include "common/amqp/link.h"
#include "common/amqp/message.h"
#include "common/amqp/options.h"
#include "common/core/clock.h"
#include "common/event/event.h"
#include "common/net/loop.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_US 20000

struct requeue {
    const struct config *config;
    struct loop *loop;   /* owned */
    struct link *link;   /* owned */
    struct event *timer; /* owned */
    int64_t deadline_ns;
    bool open;      /* confirms are on */
    size_t awaited; /* confirms of what was put */
    bool failed;    /* one of them did not get onto the queue */
    char reason[300];
};

static void fail(struct requeue *q, const char *reason)
{
    q->failed = true;
    snprintf(q->reason, sizeof q->reason, "%s", reason);
    loop_stop(q->loop);
}

static void on_selected(void *arg, const struct link_answer *answer)
{
    struct requeue *q = arg;
    q->open = answer->ok;
    if (answer->ok)
        loop_stop(q->loop);
    else
        fail(q, answer->text);
}

static void on_ready(void *arg, uint64_t generation)
{
    struct requeue *q = arg;
    (void)generation;
    link_select_confirms(q->link, on_selected, q);
}

static void on_lost(void *arg, const char *reason)
{
    struct requeue *q = arg;
    q->open = false;
    fail(q, reason);
}

static void on_confirm(void *arg, const struct link_confirm *c)
{
    struct requeue *q = arg;
    if (c->outcome == LINK_RETURNED)
        fail(q, "there is no such queue: start a producer or a consumer, which make it");
    else if (c->outcome == LINK_NACKED)
        fail(q, "the broker refused a message: is the queue full?");
    if (--q->awaited == 0)
        loop_stop(q->loop);
}

static void on_closed(void *arg)
{
    struct requeue *q = arg;
    q->link = NULL;
    loop_stop(q->loop);
}

/* The link would try for ever. */
static void on_look(evutil_socket_t fd, short events, void *arg)
{
    struct requeue *q = arg;
    (void)fd;
    (void)events;
    if (clock_now_ns() >= q->deadline_ns ||
        (!q->open && strstr(link_reason(q->link), "the broker refused") != NULL))
        fail(q, q->open ? "the broker does not confirm" : link_reason(q->link));
}

struct requeue *requeue_create(const struct config *c)
{
    static const struct link_handler handler = {
        .on_ready = on_ready, .on_lost = on_lost, .on_confirm = on_confirm, .on_closed = on_closed};
    static const struct timeval every = {.tv_usec = LOOK_US};
    const struct link_options options = link_options_of(c, "holdfast quarantine");
    struct requeue *q = calloc(1, sizeof *q);
    if (!q)
        return NULL;
    q->config = c;
    q->loop = loop_create();
    q->link = q->loop ? link_create(q->loop, &options, &handler, q) : NULL;
    q->timer = q->link ? event_new(loop_base(q->loop), -1, EV_PERSIST, on_look, q) : NULL;
    if (q->timer && event_add(q->timer, &every) == 0)
        return q;
    requeue_destroy(q);
    return NULL;
}

/* With a goodbye: a connection that just ends is a warning in the broker's log. */
void requeue_destroy(struct requeue *q)
{
    if (!q)
        return;
    if (q->timer)
        event_free(q->timer);
    if (q->link) {
        link_close(q->link);
        loop_run(q->loop);
    }
    if (q->loop)
        loop_destroy(q->loop);
    free(q);
}

/* By its first bytes, which a line always has and no other program's message. */
static bool is_line(struct slice body)
{
    static const char id[] = "{\"id\":\"", received_at[] = "\",\"received_at\":\"";
    return body.size > EVENT_LINE_PREFIX && memcmp(body.data, id, sizeof id - 1) == 0 &&
           memcmp(body.data + sizeof id - 1 + ID_TEXT_SIZE, received_at, sizeof received_at - 1) ==
               0;
}

static bool publish(struct requeue *q, const struct requeue_message *message)
{
    struct link_message m = {.exchange = "",
                             .routing_key = q->config->rabbitmq_queue_name,
                             .mandatory = true,
                             .content_type = "application/json",
                             .message_id = message->id,
                             .body = message->body};
    if (is_line(message->body)) {
        m.content_type = MESSAGE_CONTENT_TYPE;
        m.type = MESSAGE_TYPE;
        m.header.name = MESSAGE_VERSION_HEADER;
        m.header.value = MESSAGE_VERSION;
    }
    const bool sent = link_publish(q->link, &m) != 0;
    q->awaited += sent;
    return sent;
}

bool requeue_put(struct requeue *q, const struct requeue_message *messages, size_t count,
                 int64_t deadline_ns)
{
    q->deadline_ns = deadline_ns;
    q->failed = false;
    q->awaited = 0;
    if (!q->open)
        loop_run(q->loop);
    for (size_t i = 0; i < count && !q->failed; i++) {
        if (!publish(q, &messages[i]))
            fail(q, "the connection to the broker was lost");
    }
    if (!q->failed)
        loop_run(q->loop);
    return !q->failed && q->awaited == 0;
}

const char *requeue_reason(const struct requeue *q)
{
    return q->reason;
}
