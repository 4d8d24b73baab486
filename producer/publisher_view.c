/* SPDX-License-Identifier: Apache-2.0 */
#include "common/core/clock.h"
#include "producer/publisher_private.h"

#define PATIENCE_NS (CLOCK_S / 2) /* a reconnect this short is not told to clients */

int64_t publisher_silence_ns(const struct publisher *p)
{
    const struct outbox_message *oldest = p->link != NULL ? link_oldest(p->link) : NULL;
    if (oldest == NULL)
        return 0;
    const int64_t since_ns = oldest->sent_ns > p->unblocked_ns ? oldest->sent_ns : p->unblocked_ns;
    return clock_now_ns() - since_ns;
}

const char *publisher_refusal(const struct publisher *p)
{
    if (p->state == PUBLISHER_SETTLING) /* open in a second: what comes waits for it */
        return NULL;
    if (p->state != PUBLISHER_OPEN)
        return clock_now_ns() - p->down_since_ns > PATIENCE_NS ? "the broker cannot be reached"
                                                               : NULL;
    if (p->blocked)
        return "the broker accepts no messages for now";
    if (publisher_silence_ns(p) > p->options.confirm_timeout_ns)
        return "the broker is late with its confirms";
    return NULL;
}

/* Its beginning was told where it was seen. */
void publisher_tell_standstill(struct publisher *p)
{
    const char *refusal = publisher_refusal(p);
    uint64_t held = 0;
    if (refusal == NULL)
        log_repeat_reset(&p->standstill);
    else if (p->standstill.last_ns == 0)
        p->standstill.last_ns = clock_now_ns();
    else if (log_repeat_due(&p->standstill, &held))
        log_error("events_refused", "still not accepting events, requests are answered 503",
                  LOG_TEXT("reason", refusal), LOG_INT("unconfirmed", publisher_unconfirmed(p)));
}

bool publisher_is_connected(const struct publisher *p)
{
    return p->state == PUBLISHER_OPEN;
}

bool publisher_is_blocked(const struct publisher *p)
{
    return p->blocked;
}

struct follow *publisher_follow(struct publisher *p)
{
    return &p->follow;
}

size_t publisher_unconfirmed(const struct publisher *p)
{
    return p->link != NULL ? link_unconfirmed(p->link) : 0;
}

const char *publisher_reason(const struct publisher *p)
{
    if (p->state == PUBLISHER_OPEN)
        return NULL;
    if (p->state == PUBLISHER_SETTLING)
        return "the queues were just declared: ready in a moment";
    if (p->link == NULL)
        return "starting";
    return link_is_ready(p->link) ? "setting up the channel" : link_reason(p->link);
}
