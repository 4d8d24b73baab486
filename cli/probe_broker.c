/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One link, then a passive declare of each queue in turn: it tells whether the queue is there, how
 * many messages wait and who consumes. A refusal ends the channel, and with it this probe. The
 * link itself would try for ever; a timer looks at what it says and ends that.
 */
#include "cli/doctor.h"

#include "common/amqp/options.h"
#include "common/amqp/topology.h"
#include "common/core/clock.h"
#include "common/net/loop.h"

#include <event2/event.h>
#include <string.h>

#define LOOK_US 20000
#define MANY    10000 /* messages waiting that are worth a word */

struct broker_probe {
    struct doctor *doctor;
    struct loop *loop;
    struct link *link;
    struct event *timer;
    struct topology topology;
    int64_t deadline_ns;
    int next; /* queue to look at: the lanes, then the dead letters */
    bool connected;
};

static const char *const row_names[] = {"queue", "urgent queue", "dead letters"};

static const char *queue_name(const struct broker_probe *p)
{
    return p->next < TOPOLOGY_LANES ? p->topology.queue[p->next] : p->topology.dead;
}

static void mend_login(struct doctor *d, const char *reason)
{
    const struct config *c = d->config;
    if (strstr(reason, "refused the login"))
        report_mend(&d->report,
                    "set RABBITMQ_USER and RABBITMQ_PASSWORD to what the broker knows (rabbitmqctl "
                    "authenticate_user %s …); guest may only come from the broker's own machine",
                    c->rabbitmq_user);
    else if (strstr(reason, "refused the virtual host"))
        report_mend(&d->report,
                    "set RABBITMQ_VHOST, or make it: rabbitmqctl add_vhost %s; rabbitmqctl "
                    "set_permissions -p %s %s '.*' '.*' '.*'",
                    c->rabbitmq_vhost, c->rabbitmq_vhost, c->rabbitmq_user);
    else
        report_mend(&d->report, "start RabbitMQ, or set RABBITMQ_HOST and RABBITMQ_PORT%s",
                    c->rabbitmq_tls ? "; is that port the one for TLS?" : "");
}

static bool is_final(const char *reason)
{
    return strstr(reason, "the broker refused") != NULL;
}

/* With several hosts the next one may be better; with one its first failure says it all. */
static bool has_failed(const struct broker_probe *p)
{
    const char *reason = link_reason(p->link);
    if (is_final(reason))
        return true;
    return !strchr(p->doctor->config->rabbitmq_host, ',') &&
           strcmp(reason, "not connected yet") != 0;
}

static void on_look(evutil_socket_t fd, short events, void *arg)
{
    struct broker_probe *p = arg;
    struct doctor *d = p->doctor;
    (void)fd;
    (void)events;
    const bool late = clock_now_ns() >= p->deadline_ns;
    if (!late && (link_is_ready(p->link) || p->connected || !has_failed(p)))
        return;
    const char *reason = link_reason(p->link);
    if (!p->connected)
        report_find(&d->report, is_final(reason) ? REPORT_FAILED : REPORT_AWAY, "%s", reason);
    else
        report_find(&d->report, REPORT_AWAY, "no answer in time; the link: %s", reason);
    if (!p->connected)
        mend_login(d, reason);
    loop_stop(p->loop);
}

static void find_queue(struct broker_probe *p, const struct link_answer *answer)
{
    struct report *r = &p->doctor->report;
    const bool dead = p->next == TOPOLOGY_LANES;
    if (p->next == TOPOLOGY_NORMAL) {
        p->doctor->queue_exists = true;
        p->doctor->consumers = answer->consumers;
    }
    if (dead) {
        report_find(r, answer->messages > 0 ? REPORT_NOTE : REPORT_OK, "%s holds %u messages",
                    queue_name(p), answer->messages);
        if (answer->messages > 0)
            report_mend(r, "the broker dead-lettered these after a million deliveries; inspect "
                           "them before moving them back");
        return;
    }
    report_find(r, REPORT_OK, "%s: %u messages wait, %u consumers", queue_name(p), answer->messages,
                answer->consumers);
    if (answer->consumers == 0) {
        report_find(r, REPORT_FAILED, "%s: %u messages wait, no consumers", queue_name(p),
                    answer->messages);
        report_mend(r, "start holdfast-consumer; if it runs, its log says why it does not consume");
    } else if (answer->messages > MANY) {
        report_find(r, REPORT_NOTE, "%s: %u messages wait, %u consumers", queue_name(p),
                    answer->messages, answer->consumers);
        report_mend(r, "start more consumers: each further holdfast-consumer shares the queue");
    }
}

static void find_refusal(struct broker_probe *p, const struct link_answer *answer)
{
    struct doctor *d = p->doctor;
    report_find(&d->report, REPORT_FAILED, "%s: %d %s", queue_name(p), answer->code, answer->text);
    if (answer->code == 404)
        report_mend(&d->report, "producer and consumer declare the queues: start one of them; if "
                                "they run, compare their RABBITMQ_QUEUE_NAME and RABBITMQ_VHOST "
                                "with the ones here");
    else if (answer->code == 403)
        report_mend(&d->report, "rabbitmqctl set_permissions -p %s %s '.*' '.*' '.*'",
                    d->config->rabbitmq_vhost, d->config->rabbitmq_user);
}

static void on_queue(void *arg, const struct link_answer *answer);

static void ask_next(struct broker_probe *p)
{
    const struct link_queue queue = {.name = queue_name(p), .passive = true};
    report_begin(&p->doctor->report, row_names[p->next]);
    link_declare_queue(p->link, &queue, on_queue, p);
}

static void on_queue(void *arg, const struct link_answer *answer)
{
    struct broker_probe *p = arg;
    if (answer->ok)
        find_queue(p, answer);
    else
        find_refusal(p, answer);
    if (answer->ok && p->next++ < TOPOLOGY_LANES)
        ask_next(p);
    else
        loop_stop(p->loop);
}

static void on_ready(void *arg, uint64_t generation)
{
    struct broker_probe *p = arg;
    (void)generation;
    if (p->connected)
        return;
    p->connected = true;
    report_find(&p->doctor->report, REPORT_OK, "%s, user %s, virtual host %s", link_peer(p->link),
                p->doctor->config->rabbitmq_user, p->doctor->config->rabbitmq_vhost);
    ask_next(p);
}

static void on_lost(void *arg, const char *reason)
{
    (void)arg;
    (void)reason;
}

static void on_closed(void *arg)
{
    struct broker_probe *p = arg;
    p->link = NULL;
    loop_stop(p->loop);
}

static bool open_probe(struct broker_probe *p)
{
    static const struct link_handler handler = {
        .on_ready = on_ready, .on_lost = on_lost, .on_closed = on_closed};
    const struct link_options options = link_options_of(p->doctor->config, "holdfast doctor");
    const struct timeval every = {.tv_usec = LOOK_US};
    if (!(p->loop = loop_create()) || !(p->link = link_create(p->loop, &options, &handler, p)))
        return false;
    p->timer = event_new(loop_base(p->loop), -1, EV_PERSIST, on_look, p);
    return p->timer && event_add(p->timer, &every) == 0;
}

/* Says goodbye: a connection that just ends is a warning in the broker's log. */
static void close_probe(struct broker_probe *p)
{
    if (p->timer)
        event_free(p->timer);
    if (p->link) {
        link_close(p->link);
        loop_run(p->loop);
    }
    loop_destroy(p->loop);
}

void probe_broker(struct doctor *d)
{
    struct broker_probe p = {.doctor = d, .deadline_ns = clock_now_ns() + d->timeout_ns};
    topology_init(&p.topology, d->config->rabbitmq_queue_name, true);
    report_begin(&d->report, "broker");
    if (open_probe(&p))
        loop_run(p.loop);
    else
        report_find(&d->report, REPORT_FAILED, "out of memory");
    close_probe(&p);
}
