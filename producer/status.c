/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One round asks for the queues one after another. A queue that is not there (404) closes the
 * channel; the round goes on with the next queue when the link is ready again. What is not known
 * is null: AMQP counts the messages that are ready, not those that are unacknowledged. A login
 * without the permission to inspect queues (RabbitMQ 4.3 demands more for that than for publishing)
 * gets no counts, and asks again only now and then: each refusal is an error in the broker's log.
 */
#include "producer/status.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "common/amqp/topology.h"
#include "common/core/clock.h"
#include "common/net/call.h"
#include "common/net/loop.h"
#include "producer/answer.h"
#include "producer/follow.h"
#include "producer/publisher.h"

enum {
    WAITING_MAX = 64, /* more are refused */
    QUEUES = TOPOLOGY_LANES + 1,
    DEAD = TOPOLOGY_LANES,
};

#define FRESH_NS    CLOCK_S         /* an answer serves so long */
#define REFUSED_NS  (600 * CLOCK_S) /* a refusal holds so long */
#define NO_RIGHT    403
#define INFO_NS     (90 * CLOCK_S) /* so old may /health tell it: monitors ask each minute */
#define DEADLINE_NS (2 * CLOCK_S)
#define UNUSED_NS   (90 * CLOCK_S) /* then the link is closed */

struct figures {
    bool known; /* it answered; not there otherwise */
    uint32_t messages, consumers;
};

struct status {
    struct loop *loop;
    struct status_options options;
    struct link *link;               /* owned; NULL while nobody asks */
    struct link *leaving;            /* owned; says goodbye */
    struct figures figures[QUEUES];  /* of the last round that ended */
    struct figures incoming[QUEUES]; /* of the round under way */
    unsigned step;                   /* queue being asked for */
    bool asking;                     /* a round is under way */
    bool refused;                    /* the last round: no right to look */
    int64_t asked_ns, answered_ns;   /* begin of the round; end of the last, 0 = none */
    struct call *waiting[WAITING_MAX];
    size_t waiting_count;
    struct event *tick; /* owned; runs while there is a link */
    void (*on_closed)(void *arg);
    void *closed_arg;
};

static const char *queue_name(const struct status *s, unsigned queue)
{
    const struct topology *t = s->options.topology;
    return queue == DEAD ? t->dead : t->queue[queue];
}

static void write_count(struct buffer *out, const char *name, bool known, uint32_t count)
{
    if (known)
        buffer_printf(out, "\"%s\":%u", name, count);
    else
        buffer_printf(out, "\"%s\":null", name);
}

static void write_queue(const struct status *s, unsigned queue, struct buffer *out)
{
    static const char *const lanes[QUEUES] = {"normal", "urgent", "dead"};
    const struct figures *f = &s->figures[queue];
    buffer_add_text(out, "{\"name\":");
    buffer_add_json_string(out, slice_of(queue_name(s, queue)));
    buffer_printf(out, ",\"lane\":\"%s\",\"type\":\"%s\",", lanes[queue],
                  s->options.topology->quorum ? "quorum" : "classic");
    write_count(out, "messages_ready", f->known, f->messages);
    buffer_add_text(out, ",\"messages_unacked\":null,");
    write_count(out, "consumers", f->known, f->consumers);
    buffer_add_byte(out, '}');
}

static void write_info(const struct status *s, bool known, struct buffer *out)
{
    const struct figures *normal = &s->figures[TOPOLOGY_NORMAL];
    const struct figures *urgent = &s->figures[TOPOLOGY_URGENT];
    known = known && normal->known;
    buffer_add_byte(out, '{');
    write_count(out, "message_count", known, normal->messages + urgent->messages);
    buffer_add_byte(out, ',');
    write_count(out, "consumer_count", known, normal->consumers);
    buffer_add_byte(out, '}');
}

static void write_publisher(const struct publisher *p, struct buffer *out)
{
    buffer_printf(out, "{\"connected\":%s,\"unconfirmed\":%zu,\"blocked\":%s}",
                  publisher_is_connected(p) ? "true" : "false", publisher_unconfirmed(p),
                  publisher_is_blocked(p) ? "true" : "false");
}

/* What was accepted before this producer started is not followed: its messages are counted. */
void status_write_waiting(const struct status *s, struct buffer *out)
{
    const struct follow_waiting w = follow_waiting(publisher_follow(s->options.publisher));
    int64_t events = w.events;
    int64_t ready = 0;
    for (unsigned lane = 0; lane < TOPOLOGY_LANES; lane++)
        ready += s->figures[lane].known ? s->figures[lane].messages : 0;
    if (s->answered_ns != 0 && clock_now_ns() - s->answered_ns < INFO_NS && ready > events)
        events = ready;
    buffer_printf(out, "{\"events\":%" PRId64 ",\"oldest_seconds\":%" PRId64 "}", events,
                  w.oldest_s);
}

static void write_status(const struct status *s, struct buffer *out)
{
    char now[CLOCK_TEXT_SIZE + 1];
    clock_format(clock_wall_us(), now);
    buffer_add_text(out, "{\"queue_name\":");
    buffer_add_json_string(out, slice_of(queue_name(s, TOPOLOGY_NORMAL)));
    buffer_printf(out, ",\"queue_type\":\"%s\",\"queue_info\":",
                  s->options.topology->quorum ? "quorum" : "classic");
    write_info(s, true, out);
    buffer_add_text(out, ",\"queues\":[");
    for (unsigned queue = 0; queue < TOPOLOGY_LANES; queue++) {
        if (queue > 0)
            buffer_add_byte(out, ',');
        write_queue(s, queue, out);
    }
    buffer_add_text(out, "],\"dead_letter\":{\"name\":");
    buffer_add_json_string(out, slice_of(queue_name(s, DEAD)));
    buffer_add_byte(out, ',');
    write_count(out, "message_count", s->figures[DEAD].known, s->figures[DEAD].messages);
    buffer_add_text(out, "},\"publisher\":");
    write_publisher(s->options.publisher, out);
    buffer_add_text(out, ",\"waiting\":");
    status_write_waiting(s, out);
    buffer_printf(out, ",\"timestamp\":\"%s\"}\n", now);
}

static void reply(const struct status *s, struct call *c)
{
    struct buffer body = {0};
    write_status(s, &body);
    if (body.failed)
        answer_unavailable(c, "overloaded", "out of memory");
    else
        call_reply(c, &(struct reply){.status = 200, .body = buffer_slice(&body)});
    buffer_finish(&body);
}

static void tell_ready(const struct status *s)
{
    struct follow *f = publisher_follow(s->options.publisher);
    for (unsigned lane = 0; lane < TOPOLOGY_LANES; lane++)
        if (s->figures[lane].known)
            waiting_lane_seen(&f->waiting, (enum outbox_lane)lane, s->figures[lane].messages,
                              clock_now_ns());
}

static void end_round(struct status *s)
{
    s->asking = false;
    s->answered_ns = clock_now_ns();
    for (unsigned i = 0; i < QUEUES; i++)
        s->figures[i] = s->incoming[i];
    tell_ready(s);
    while (s->waiting_count > 0)
        reply(s, s->waiting[--s->waiting_count]);
}

void status_refuse_all(struct status *s)
{
    while (s->waiting_count > 0)
        answer_unavailable(s->waiting[--s->waiting_count], "queue-unavailable",
                           "the broker does not report the state of its queues");
}

/* The next one is refused as well. */
static void refuse_round(struct status *s)
{
    memset(s->incoming, 0, sizeof s->incoming);
    end_round(s);
}

static void on_figures(void *arg, const struct link_answer *answer);

static void ask_next(struct status *s)
{
    if (s->step == QUEUES) {
        end_round(s);
        return;
    }
    link_declare_queue(s->link,
                       &(struct link_queue){.name = queue_name(s, s->step), .passive = true},
                       on_figures, s);
}

static void on_figures(void *arg, const struct link_answer *answer)
{
    struct status *s = arg;
    if (answer->code == 0 && !answer->ok)
        return; /* the link is lost: the same queue is asked for again when it is back */
    s->refused = answer->code == NO_RIGHT;
    if (s->refused) {
        refuse_round(s);
        return;
    }
    s->incoming[s->step++] = (struct figures){answer->ok, answer->messages, answer->consumers};
    if (answer->ok || s->step == QUEUES)
        ask_next(s);
}

static void on_ready(void *arg, uint64_t generation)
{
    struct status *s = arg;
    (void)generation;
    if (s->asking)
        ask_next(s);
}

static void on_lost(void *arg, const char *reason)
{
    (void)arg; /* it comes back by itself; whoever waits has a deadline */
    (void)reason;
}

/* Only the one that leaves is closed. */
static void on_closed(void *arg)
{
    struct status *s = arg;
    s->leaving = NULL;
    if (s->on_closed != NULL)
        s->on_closed(s->closed_arg);
}

static const struct link_handler link_handler = {
    .on_ready = on_ready, .on_lost = on_lost, .on_closed = on_closed};

static bool open_link(struct status *s)
{
    const struct timeval often = {.tv_usec = 250000};
    if (s->link == NULL)
        s->link = link_create(s->loop, s->options.link, &link_handler, s);
    return s->link != NULL && event_add(s->tick, &often) == 0;
}

static void leave(struct status *s)
{
    s->asking = false;
    event_del(s->tick);
    if (s->link == NULL)
        return;
    link_destroy(s->leaving);
    s->leaving = s->link;
    s->link = NULL;
    link_close(s->leaving);
}

static void begin_round(struct status *s)
{
    if (s->asking || s->on_closed != NULL || !open_link(s))
        return;
    s->asking = true;
    s->asked_ns = clock_now_ns();
    s->step = 0;
    if (link_is_ready(s->link))
        ask_next(s);
}

static void on_tick(evutil_socket_t fd, short events, void *arg)
{
    loop_works();
    struct status *s = arg;
    const int64_t age_ns = clock_now_ns() - s->asked_ns;
    (void)fd;
    (void)events;
    const bool overdue = s->asking && age_ns > DEADLINE_NS;
    if (!overdue && age_ns < UNUSED_NS)
        return;
    /* A round that got no answer leaves a question open on the link: begin with a new one. */
    leave(s);
    status_refuse_all(s);
}

static bool is_fresh(const struct status *s)
{
    const int64_t fresh_ns = s->refused ? REFUSED_NS : FRESH_NS;
    return s->answered_ns != 0 && clock_now_ns() - s->answered_ns < fresh_ns;
}

void status_answer(struct status *s, struct call *c)
{
    if (is_fresh(s)) {
        reply(s, c);
        return;
    }
    if (!publisher_is_connected(s->options.publisher)) {
        answer_unavailable(c, "queue-unavailable", "the broker cannot be reached");
        return;
    }
    begin_round(s);
    if (!s->asking || s->waiting_count == WAITING_MAX) {
        answer_unavailable(c, "overloaded", "too many requests for the state of the queues");
        return;
    }
    s->waiting[s->waiting_count++] = c;
}

void status_look(void *status)
{
    if (!is_fresh(status))
        begin_round(status);
}

void status_write_info(struct status *s, struct buffer *out)
{
    const int64_t age_ns = clock_now_ns() - s->answered_ns;
    status_look(s);
    write_info(s, s->answered_ns != 0 && age_ns < INFO_NS, out);
}

struct status *status_create(struct loop *loop, const struct status_options *options)
{
    struct status *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->loop = loop;
    s->options = *options;
    s->tick = event_new(loop_base(loop), -1, EV_PERSIST, on_tick, s);
    if (s->tick == NULL) {
        free(s);
        return NULL;
    }
    return s;
}

void status_close(struct status *s, void (*fn)(void *arg), void *arg)
{
    leave(s);
    status_refuse_all(s);
    if (s->leaving == NULL) {
        fn(arg);
        return;
    }
    s->on_closed = fn;
    s->closed_arg = arg;
}

void status_destroy(struct status *s)
{
    if (s == NULL)
        return;
    status_refuse_all(s);
    link_destroy(s->link);
    link_destroy(s->leaving);
    event_free(s->tick);
    free(s);
}
