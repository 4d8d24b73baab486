/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames in and out of evbuffers. The frame layer is checked here, before librabbitmq's decoder
 * sees a byte: kind, channel, size against what was agreed, the end mark. What comes out of a read
 * points into the input and the decoder's pool; both are lent until wire_drop.
 */
#ifndef HOLDFAST_AMQP_WIRE_H
#define HOLDFAST_AMQP_WIRE_H

#include "common/amqp/codec.h"
#include "common/core/slice.h"

struct evbuffer;
struct link_message;

#define WIRE_CHANNEL 1 /* the only one */

/* Frames before the tuning: 4096 by the standard; some brokers announce themselves at length. */
#define WIRE_FRAME_MAX_UNTUNED 8192

struct wire {
    amqp_pool_t pool;
    size_t frame_max;  /* bytes, with the 8 around the payload */
    const char *fault; /* after WIRE_BAD, for people */
};

struct wire_frame {
    uint8_t kind; /* AMQP_FRAME_… */
    uint16_t channel;
    size_t size;             /* in the input, all of it */
    uint32_t method;         /* AMQP_…_METHOD */
    void *fields;            /* of the method: its amqp_…_t */
    uint64_t body_size;      /* of a header */
    struct slice properties; /* of a header, encoded */
    struct slice body;
};

enum wire_status { WIRE_FRAME, WIRE_MORE, WIRE_BAD };

void wire_init(struct wire *w);
void wire_finish(struct wire *w);
void wire_reset(struct wire *w); /* for a new connection */

enum wire_status wire_read(struct wire *w, struct evbuffer *in, struct wire_frame *out);
void wire_drop(struct wire *w, struct evbuffer *in, const struct wire_frame *f);

/* All or nothing. False: no memory, or a field that does not fit `room` or its length byte. */
MUST_CHECK bool wire_add_start(struct evbuffer *out);
MUST_CHECK bool wire_add_heartbeat(struct evbuffer *out);
MUST_CHECK bool wire_add_method(struct evbuffer *out, uint32_t method, void *fields, size_t room);
MUST_CHECK bool wire_add_message(const struct wire *w, struct evbuffer *out,
                                 const struct link_message *m);

amqp_bytes_t wire_text(const char *text); /* NULL: empty */
struct slice wire_slice(amqp_bytes_t bytes);

#endif
