/* SPDX-License-Identifier: Apache-2.0 */
#include "common/amqp/feed.h"

#include <event2/buffer.h>

#include "common/amqp/frames.h"
#include "common/amqp/handshake.h"
#include "common/amqp/link_private.h"
#include "common/amqp/state.h"
#include "common/core/clock.h"

bool feed_attach(struct link *l)
{
    if (l->fed_in == NULL)
        l->fed_in = evbuffer_new();
    if (l->fed_out == NULL)
        l->fed_out = evbuffer_new();
    if (l->fed_in == NULL || l->fed_out == NULL)
        return false;
    evbuffer_drain(l->fed_in, evbuffer_get_length(l->fed_in));
    evbuffer_drain(l->fed_out, evbuffer_get_length(l->fed_out));
    link_set_state(l, LINK_RESOLVING, "attached");
    link_set_state(l, LINK_CONNECTING, "attached");
    l->in = l->fed_in;
    l->out = l->fed_out;
    handshake_start(l);
    return true;
}

void feed_bytes(struct link *l, const void *data, size_t size)
{
    link_enter(l);
    l->read_ns = clock_now_ns();
    if (l->in != NULL && evbuffer_add(l->in, data, size) == 0)
        frames_read(l);
    link_leave(l);
}

struct evbuffer *feed_said(struct link *l)
{
    return l->fed_out;
}
