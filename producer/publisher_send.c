/* SPDX-License-Identifier: Apache-2.0 */
/* The publisher's messages on their way out; publisher.c tells the whole. */
#include "common/amqp/message.h"
#include "common/amqp/topology.h"
#include "common/app/metrics.h"
#include "common/core/clock.h"
#include "producer/publisher_private.h"

void publisher_show(const struct publisher *p)
{
    metric_set(p->metrics.unconfirmed, (int64_t)publisher_unconfirmed(p));
    metric_set(p->metrics.events, (int64_t)outbox_events(p->outbox));
    metric_set(p->metrics.bytes, (int64_t)outbox_bytes(p->outbox));
}

/* False: not sent, the message is still the caller's. */
static bool send_message(struct publisher *p, struct outbox_message *m)
{
    char number[RECEIPT_NUMBER_SIZE];
    m->sent_ns = clock_now_ns();
    m->number = follow_send(&p->follow, m, number);
    const uint64_t tag = link_publish(
        p->link, &(struct link_message){.exchange = "",
                                        .routing_key = p->options.topology->queue[m->lane],
                                        .mandatory = true,
                                        .content_type = MESSAGE_CONTENT_TYPE,
                                        .type = MESSAGE_TYPE,
                                        .message_id = m->id,
                                        .reply_to = m->number != 0 ? RECEIPT_QUEUE : NULL,
                                        .correlation_id = m->number != 0 ? number : NULL,
                                        .header = {MESSAGE_VERSION_HEADER, MESSAGE_VERSION},
                                        .body = buffer_slice(&m->body),
                                        .context = m});
    if (tag == 0)
        waiting_refused(&p->follow.waiting, m->number);
    return tag != 0;
}

void publisher_drop(struct publisher *p, struct outbox_message *m)
{
    metric_add(p->metrics.dropped, 1);
    outbox_settle(p->outbox, m, OUTBOX_DROPPED);
}

/* What is left over stays for the next second, or the next connection. */
void publisher_send_again(struct publisher *p)
{
    struct message_list rest = message_list_take(&p->again);
    struct outbox_message *m;
    while ((m = message_list_pop(&rest)) != NULL) {
        if (!outbox_is_awaited(m))
            publisher_drop(p, m);
        else if (p->again.first != NULL || !send_message(p, m))
            message_list_push(&p->again, m);
    }
}

void publisher_publish(void *publisher, struct outbox_message *m)
{
    struct publisher *p = publisher;
    if (p->again.first != NULL || !send_message(p, m))
        message_list_push(&p->again, m);
    publisher_show(p);
}
