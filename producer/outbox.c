/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A lane is an open message, which still grows, behind a queue of full ones, which is empty except
 * while nothing may leave. The caps of a message: MESSAGE_EVENTS and MESSAGE_BYTES keep the unit
 * of redelivery and of the consumer's memory small, and are where more per message no longer makes
 * the broker's work per event less. A larger event goes alone.
 *
 * What else keeps a message open is told in gathering.h: it looks at it at the end of each round of
 * the loop in which something was added, and when its time is up. A lone line costs it one look at
 * the sockets; an urgent one is not kept at all.
 *
 * Events and bytes are counted from outbox_add to outbox_settle, whoever has the message: a client
 * cannot make more wait than the two bounds, however slow the broker is.
 */
#include "producer/outbox.h"

#include <assert.h>
#include <stdlib.h>

#include <event2/event.h>

#include "common/core/clock.h"
#include "common/net/loop.h"
#include "producer/gathering.h"

enum {
    MESSAGE_EVENTS = 512,
    MESSAGE_BYTES = 128 * 1024,
    LANE_WINDOW = 4,     /* messages on their way before lines gather: the broker writes several to
                            disk in one go, and a line need not wait for another's disk write */
    FREE_MESSAGES = 16,  /* kept for reuse with their memory */
    FLUSH_MESSAGES = 16, /* handed over in a turn of the loop, a lane: others have theirs too */
};

struct lane {
    struct outbox_message *open; /* NULL or not empty */
    struct message_list full;
    struct gathering gathering;
    size_t unsettled; /* handed to publish */
    bool clocked;     /* a confirm came since the last flush */
};

struct outbox {
    struct outbox_handler handler;
    struct lane lanes[OUTBOX_LANES];
    struct event *flush; /* owned; fires at the end of the loop's round, and for a next look */
    struct outbox_message *free_messages;
    size_t free_count;
    size_t events, events_max, bytes, bytes_max;
    bool is_open;
};

static void message_destroy(struct outbox_message *m)
{
    if (m == NULL)
        return;
    buffer_finish(&m->body);
    free(m->waiters);
    free(m);
}

static struct outbox_message *take_message(struct outbox *o)
{
    struct outbox_message *m = o->free_messages;
    if (m == NULL)
        return calloc(1, sizeof *m);
    o->free_messages = m->next;
    o->free_count--;
    m->next = NULL;
    return m;
}

static void release_message(struct outbox *o, struct outbox_message *m)
{
    if (o->free_count == FREE_MESSAGES || m->body.capacity > 2 * MESSAGE_BYTES) {
        message_destroy(m);
        return;
    }
    buffer_clear(&m->body);
    *m = (struct outbox_message){.next = o->free_messages,
                                 .body = m->body,
                                 .waiters = m->waiters,
                                 .waiter_capacity = m->waiter_capacity};
    o->free_messages = m;
    o->free_count++;
}

size_t outbox_events(const struct outbox *o)
{
    return o->events;
}

size_t outbox_bytes(const struct outbox *o)
{
    return o->bytes;
}

bool outbox_has_room(const struct outbox *o, size_t events, size_t bytes)
{
    /* What fits into no outbox of this size goes through an empty one. */
    return o->events == 0 ||
           (o->events + events <= o->events_max && o->bytes + bytes <= o->bytes_max);
}

/* Whether somebody has an answer now. */
static bool tell(struct outbox *o, struct outbox_waiter *waiter, enum outbox_outcome outcome)
{
    assert(waiter->pending > 0);
    if (outcome > waiter->worst)
        waiter->worst = outcome;
    if (--waiter->pending > 0)
        return false;
    const bool gone = waiter->gone;
    o->handler.on_settled(o->handler.settled_arg, waiter);
    return !gone;
}

/* The message is over, with whoever had it. */
static void end_message(struct outbox *o, struct outbox_message *m, enum outbox_outcome outcome)
{
    struct lane *lane = &o->lanes[m->lane];
    size_t answered = 0;
    o->events -= m->events;
    o->bytes -= m->body.size;
    for (size_t i = 0; i < m->waiter_count; i++)
        answered += tell(o, m->waiters[i], outcome) ? 1 : 0;
    gathering_answered(&lane->gathering, answered, clock_now_ns());
    release_message(o, m);
}

void outbox_settle(struct outbox *o, struct outbox_message *m, enum outbox_outcome outcome)
{
    struct lane *lane = &o->lanes[m->lane];
    assert(lane->unsettled > 0);
    lane->unsettled--;
    lane->clocked = true;
    end_message(o, m, outcome);
    event_active(o->flush, EV_TIMEOUT, 0);
}

static void hand_over(struct outbox *o, struct lane *lane, struct outbox_message *m)
{
    lane->unsettled++;
    lane->clocked = false;
    o->handler.publish(o->handler.publish_arg, m);
}

static struct outbox_message *take_open(struct lane *lane)
{
    struct outbox_message *m = lane->open;
    lane->open = NULL;
    gathering_end(&lane->gathering);
    return m;
}

static void close_message(struct lane *lane)
{
    message_list_push(&lane->full, take_open(lane));
}

/* Nanoseconds until the next look, or GATHERING_ENDS: nothing is kept for more. */
static int64_t flush_lane(struct outbox *o, struct lane *lane)
{
    struct outbox_message *m;
    int64_t wait_ns = GATHERING_ENDS;
    for (int i = 0; o->is_open && i < FLUSH_MESSAGES; i++) {
        if ((m = message_list_pop(&lane->full)) == NULL)
            break;
        hand_over(o, lane, m);
    }
    if (o->is_open && lane->full.first != NULL)
        return 0;
    if (!o->is_open || lane->open == NULL || (lane->unsettled >= LANE_WINDOW && !lane->clocked))
        return GATHERING_ENDS;
    if (lane != &o->lanes[OUTBOX_URGENT])
        wait_ns = gathering_look(&lane->gathering, lane->open->events, clock_now_ns());
    if (wait_ns == GATHERING_ENDS)
        hand_over(o, lane, take_open(lane));
    return wait_ns;
}

static void on_flush(evutil_socket_t fd, short events, void *arg)
{
    loop_works();
    struct outbox *o = arg;
    (void)fd;
    (void)events;
    /* The urgent lane first: its messages then stand first in the socket's buffer. */
    const bool more = flush_lane(o, &o->lanes[OUTBOX_URGENT]) == 0;
    const int64_t normal_ns = flush_lane(o, &o->lanes[OUTBOX_NORMAL]);
    const int64_t wait_ns = more ? 0 : normal_ns;
    if (wait_ns != GATHERING_ENDS)
        event_add(o->flush,
                  &(const struct timeval){.tv_usec = (suseconds_t)((wait_ns + 999) / 1000)});
}

static struct outbox_message *open_message(struct outbox *o, enum outbox_lane which)
{
    struct lane *lane = &o->lanes[which];
    struct id id;
    if (lane->open != NULL)
        return lane->open;
    struct outbox_message *m = take_message(o);
    if (m == NULL)
        return NULL;
    id_make(&id);
    id_format(&id, m->id);
    m->lane = which;
    return m;
}

/* Lines of one waiter come one after another, so looking at the last one is enough. */
static bool add_waiter(struct outbox_message *m, struct outbox_waiter *waiter)
{
    if (m->waiter_count > 0 && m->waiters[m->waiter_count - 1] == waiter)
        return true;
    if (m->waiter_count == m->waiter_capacity) {
        const size_t capacity = m->waiter_capacity == 0 ? 16 : m->waiter_capacity * 2;
        struct outbox_waiter **waiters =
            realloc(m->waiters, capacity * sizeof(struct outbox_waiter *));
        if (waiters == NULL)
            return false;
        m->waiters = waiters;
        m->waiter_capacity = capacity;
    }
    m->waiters[m->waiter_count++] = waiter;
    waiter->pending++;
    return true;
}

/* Room for the line before anything changes; afterwards nothing can fail. */
static bool prepare(struct outbox_message *m, struct slice line, struct outbox_waiter *waiter)
{
    if (buffer_reserve(&m->body, line.size) != NULL && add_waiter(m, waiter))
        return true;
    m->body.failed = false;
    return false;
}

static bool is_full(const struct outbox_message *m, size_t more)
{
    return m->events == MESSAGE_EVENTS || m->body.size + more > MESSAGE_BYTES;
}

bool outbox_add(struct outbox *o, enum outbox_lane which, struct slice line,
                struct outbox_waiter *waiter)
{
    struct lane *lane = &o->lanes[which];
    const bool is_next = waiter->pending == 0; /* the first line of a request */
    if (lane->open != NULL && is_full(lane->open, line.size))
        close_message(lane);
    struct outbox_message *m = open_message(o, which);
    if (m == NULL)
        return false;
    if (!prepare(m, line, waiter)) {
        if (m != lane->open)
            release_message(o, m);
        return false;
    }
    lane->open = m;
    if (is_next)
        gathering_came(&lane->gathering);
    buffer_add_slice(&m->body, line);
    m->events++;
    o->events++;
    o->bytes += line.size;
    if (is_full(m, 1))
        close_message(lane);
    event_active(o->flush, EV_TIMEOUT, 0);
    return true;
}

void outbox_open(struct outbox *o, bool open)
{
    o->is_open = open;
    if (open)
        event_active(o->flush, EV_TIMEOUT, 0);
}

static void drop_unawaited_of(struct outbox *o, struct lane *lane)
{
    struct message_list all = message_list_take(&lane->full);
    struct outbox_message *m;
    while ((m = message_list_pop(&all)) != NULL) {
        if (outbox_is_awaited(m))
            message_list_push(&lane->full, m);
        else
            end_message(o, m, OUTBOX_DROPPED);
    }
    if (lane->open != NULL && !outbox_is_awaited(lane->open))
        end_message(o, take_open(lane), OUTBOX_DROPPED);
}

void outbox_drop_unawaited(struct outbox *o)
{
    assert(!o->is_open);
    for (int lane = 0; lane < OUTBOX_LANES; lane++)
        drop_unawaited_of(o, &o->lanes[lane]);
}

struct outbox *outbox_create(struct event_base *base, size_t events_max, size_t bytes_max,
                             const struct outbox_handler *handler)
{
    struct outbox *o = calloc(1, sizeof *o);
    if (o == NULL)
        return NULL;
    o->handler = *handler;
    o->events_max = events_max;
    o->bytes_max = bytes_max;
    o->flush = event_new(base, -1, 0, on_flush, o);
    if (o->flush == NULL) {
        outbox_destroy(o);
        return NULL;
    }
    return o;
}

static void end_all(struct outbox *o, struct lane *lane)
{
    struct outbox_message *m;
    while ((m = message_list_pop(&lane->full)) != NULL)
        end_message(o, m, OUTBOX_DROPPED);
    if (lane->open != NULL)
        end_message(o, take_open(lane), OUTBOX_DROPPED);
}

void outbox_destroy(struct outbox *o)
{
    if (o == NULL)
        return;
    for (int lane = 0; lane < OUTBOX_LANES; lane++) {
        assert(o->lanes[lane].unsettled == 0);
        end_all(o, &o->lanes[lane]);
    }
    while (o->free_messages != NULL)
        message_destroy(take_message(o));
    if (o->flush != NULL)
        event_free(o->flush);
    free(o);
}
