/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The AMQP 0-9-1 link: one connection with one channel that never blocks. librabbitmq is only the
 * codec; bytes go through a libevent bufferevent, plain or TLS. The link connects, goes through
 * the host list, keeps heartbeats both ways, and comes back by itself with jittered backoff.
 *
 * Life: link_create starts connecting. on_ready says that the channel is open; the owner then
 * declares, selects confirms, consumes. After on_lost all tags, confirms, deliveries and calls of
 * the old connection are invalid; a link that is still blocked reports it again after the next
 * on_ready. link_close closes the connection in order, which takes a second at most, and calls back
 * once more, on_closed; link_destroy frees immediately and never calls back. Both may be called
 * from callbacks.
 */
#ifndef HOLDFAST_AMQP_LINK_H
#define HOLDFAST_AMQP_LINK_H

#include "common/amqp/link_message.h"

struct link;
struct loop;

struct link_options {  /* all lent for the life of the link */
    const char *name;  /* what the broker shows as connection name, and our log */
    const char *hosts; /* "a,b:5673,c": tried in order, from a random start */
    int port;          /* of hosts without one */
    const char *user, *password, *vhost;
    const char *ca_file; /* "" = the system's */
    bool tls;
    int heartbeat_s; /* asked for; the broker may lower it; dead after twice that */
};

struct link_handler { /* any may be NULL but on_ready and on_lost */
    void (*on_ready)(void *arg, uint64_t generation);
    void (*on_lost)(void *arg, const char *reason);
    void (*on_blocked)(void *arg, const char *reason);           /* reason NULL: unblocked */
    void (*on_confirm)(void *arg, const struct link_confirm *c); /* `multiple` unrolled */
    void (*on_delivery)(void *arg, const struct link_delivery *delivery);
    void (*on_cancelled)(void *arg, struct slice consumer_tag); /* by the broker: queue gone */
    void (*on_closed)(void *arg); /* after link_close: all is said, the link is freed */
};

/* The broker's answer to a call. A refusal closes the channel: on_lost follows, then on_ready. */
struct link_answer {
    bool ok;
    int code;         /* AMQP reply code of a refusal (403, 404, 406 …); 0 = link lost */
    const char *text; /* the broker's own words; lent for the call */
    uint32_t messages, consumers; /* of a queue declare */
};
typedef void (*link_answer_fn)(void *arg, const struct link_answer *answer);

struct link_queue {
    const char *name;
    bool passive;                  /* only look */
    bool quorum;                   /* else classic; durable always */
    int64_t delivery_limit;        /* 0 = do not say */
    const char *dead_letter_queue; /* NULL = none; through the default exchange */
};

struct link *link_create(struct loop *loop, const struct link_options *options,
                         const struct link_handler *handler, void *arg); /* NULL: no memory */
void link_close(struct link *l);   /* polite: close frames are sent if they can be, then freed */
void link_destroy(struct link *l); /* at once */
void link_give_up(struct link *l, const char *why); /* this connection; on_lost comes soon */

bool link_is_ready(const struct link *l);
bool link_is_blocked(const struct link *l);
uint64_t link_generation(const struct link *l);
size_t link_unsent(const struct link *l);      /* bytes waiting for the socket */
const char *link_peer(const struct link *l);   /* "host:port" in use or last tried */
const char *link_reason(const struct link *l); /* why it is not ready, for people */

/* Calls: only while ready. The answer comes once, unless the link is destroyed first. */
void link_declare_queue(struct link *l, const struct link_queue *q, link_answer_fn fn, void *arg);
void link_declare_topic(struct link *l, const char *exchange, link_answer_fn fn, void *arg);
void link_select_confirms(struct link *l, link_answer_fn fn, void *arg);
void link_consume(struct link *l, const char *queue, const char *consumer_tag, uint16_t prefetch,
                  link_answer_fn fn, void *arg);
/* Direct reply-to: from then on a message published here with reply_to RECEIPT_QUEUE (receipt.h)
 * can be answered, by a delivery that needs no ack. */
void link_consume_replies(struct link *l, link_answer_fn fn, void *arg);
void link_cancel(struct link *l, const char *consumer_tag, link_answer_fn fn, void *arg);

/* The tag of the confirm to come, from 1 in each generation; Needs confirms. A
 * mandatory message needs a message_id. 0: not sent, because the link is not ready, memory ran out,
 * or a name is longer than the 255 bytes AMQP allows. */
uint64_t link_publish(struct link *l, const struct link_message *m);

/* The messages whose confirms are awaited, by their contexts: how many, and the oldest; NULL: none.
 * In on_lost they can still be taken. */
size_t link_unconfirmed(const struct link *l);
void *link_oldest(const struct link *l);
void *link_take_oldest(struct link *l);

/* Without a confirm, on a link that has not selected them: whatever becomes of it. */
void link_send(struct link *l, const struct link_message *m);

/* Nothing happens when `generation` is not the present one. */
void link_ack(struct link *l, uint64_t generation, uint64_t tag, bool multiple);
void link_requeue(struct link *l, uint64_t generation, uint64_t tag);

/* Stops and resumes reading from the socket: the owner holds as much as it may. A paused link is
 * not taken for dead, but a broker that cannot send for some seconds ends the connection, so it
 * must not last. on_lost ends it. */
void link_pause(struct link *l);
void link_resume(struct link *l);

#endif
