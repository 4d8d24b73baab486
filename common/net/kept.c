/* SPDX-License-Identifier: Apache-2.0 */
#include "common/net/kept.h"

#include "common/core/clock.h"
#include "common/net/call_private.h"

#define WINDOW_NS (100 * CLOCK_MS)
#define SHARE_NS  CLOCK_MS

void kept_finish(struct kept *k)
{
    buffer_finish(&k->body);
}

bool kept_answer(struct kept *k, struct call *c)
{
    if (c->started_ns - k->window_ns > WINDOW_NS) {
        k->window_ns = c->started_ns;
        k->spent_ns = 0;
        k->is_there = false;
    }
    if (!k->is_there)
        return false;
    call_reply(c, &(struct reply){.status = k->status,
                                  .content_type = k->content_type,
                                  .body = buffer_slice(&k->body)});
    return true;
}

void kept_store(struct kept *k, const struct call *c, const struct reply *r)
{
    if (k->spent_ns + clock_now_ns() - c->started_ns < SHARE_NS || r->headers[0].name != NULL)
        return;
    buffer_clear(&k->body);
    buffer_add_slice(&k->body, r->body);
    k->status = r->status;
    k->content_type = r->content_type;
    k->is_there = !k->body.failed;
}

void kept_end(struct kept *k, int64_t began_ns)
{
    k->spent_ns += clock_now_ns() - began_ns;
}
