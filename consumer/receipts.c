/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An address has a few ranges of numbers until its receipt is sent, then it is forgotten. When
 * there is no room for one more range or address, all receipts are sent immediately.
 */
#include "consumer/receipts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "common/amqp/options.h"
#include "common/amqp/receipt.h"
#include "common/app/config.h"
#include "common/net/loop.h"

#define TELL_WITHIN_MS 100
#define ADDRESSES_MAX  64
#define RANGES_MAX     128
#define UNSENT_MAX     ((size_t)1 << 20) /* bytes waiting for the socket: then they are dropped */

struct address {
    char name[256];
    int64_t database_us; /* of the last commit */
    struct receipt_range ranges[RANGES_MAX];
    size_t count;
};

struct receipts {
    struct link *link; /* owned */
    struct link_options options;
    char name[128];
    struct event *tell; /* owned; runs while there is something to tell */
    struct buffer text;
    struct address *addresses; /* owned; ADDRESSES_MAX of them */
    size_t count, last;        /* the one that was found last */
    void (*on_ended)(void *arg);
    void *ended_arg;
};

static void tell_address(struct receipts *r, const struct address *a)
{
    buffer_clear(&r->text);
    receipt_write(&r->text, a->database_us, a->ranges, a->count);
    if (r->text.failed || link_is_blocked(r->link) || link_unsent(r->link) > UNSENT_MAX)
        return;
    link_send(r->link, &(struct link_message){.exchange = "",
                                              .routing_key = a->name,
                                              .transient = true,
                                              .content_type = RECEIPT_CONTENT_TYPE,
                                              .type = RECEIPT_TYPE,
                                              .body = buffer_slice(&r->text)});
}

static void tell_all(struct receipts *r)
{
    event_del(r->tell);
    for (size_t i = 0; i < r->count; i++)
        tell_address(r, &r->addresses[i]);
    r->count = r->last = 0;
}

static void on_tell(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    loop_works();
    tell_all(arg);
}

static bool is_of(const struct address *a, struct slice name)
{
    return slice_equals(slice_of(a->name), name);
}

static struct address *find_address(struct receipts *r, struct slice name)
{
    if (r->count > 0 && is_of(&r->addresses[r->last], name))
        return &r->addresses[r->last];
    for (r->last = 0; r->last < r->count; r->last++)
        if (is_of(&r->addresses[r->last], name))
            return &r->addresses[r->last];
    if (r->count == ADDRESSES_MAX)
        tell_all(r);
    r->last = r->count++;
    struct address *a = &r->addresses[r->last];
    memcpy(a->name, name.data, name.size);
    a->name[name.size] = 0;
    a->database_us = 0;
    a->count = 0;
    return a;
}

static void add_number(struct receipts *r, struct slice name, uint64_t number, int64_t database_us)
{
    struct address *a = find_address(r, name);
    struct receipt_range *last = a->count > 0 ? &a->ranges[a->count - 1] : NULL;
    if (last != NULL && last->last + 1 == number) {
        last->last = number;
    } else {
        if (a->count == RANGES_MAX) {
            tell_address(r, a);
            a->count = 0;
        }
        a->ranges[a->count++] = (struct receipt_range){number, number};
    }
    a->database_us = database_us > a->database_us ? database_us : a->database_us;
}

void receipts_add(struct receipts *r, const struct delivery_list *list, int64_t database_us)
{
    static const struct timeval within = {.tv_usec = TELL_WITHIN_MS * 1000};
    if (database_us == 0) /* not known: a receipt tells it */
        return;
    for (const struct delivery *d = list->head; d != NULL; d = d->next)
        if (d->number != 0)
            add_number(r, d->reply_to, d->number, database_us);
    if (r->count > 0 && !evtimer_pending(r->tell, NULL))
        event_add(r->tell, &within);
}

/* ---- the link ---- */

static void on_ready(void *arg, uint64_t generation)
{
    (void)arg, (void)generation;
}

static void on_lost(void *arg, const char *reason)
{
    (void)arg, (void)reason; /* it comes back by itself */
}

static void on_closed(void *arg)
{
    struct receipts *r = arg;
    r->link = NULL;
    r->on_ended(r->ended_arg);
}

struct receipts *receipts_create(struct loop *loop, const struct config *config)
{
    static const struct link_handler handler = {
        .on_ready = on_ready, .on_lost = on_lost, .on_closed = on_closed};
    struct receipts *r = calloc(1, sizeof *r);
    char host[64] = "";
    if (r == NULL)
        return NULL;
    gethostname(host, sizeof host - 1);
    snprintf(r->name, sizeof r->name, "holdfast-consumer %s:%d receipts", host, (int)getpid());
    r->options = link_options_of(config, r->name);
    r->addresses = calloc(ADDRESSES_MAX, sizeof *r->addresses);
    r->tell = evtimer_new(loop_base(loop), on_tell, r);
    r->link = link_create(loop, &r->options, &handler, r);
    if (r->addresses != NULL && r->tell != NULL && r->link != NULL)
        return r;
    receipts_destroy(r);
    return NULL;
}

void receipts_destroy(struct receipts *r)
{
    if (r == NULL)
        return;
    link_destroy(r->link);
    if (r->tell != NULL)
        event_free(r->tell);
    buffer_finish(&r->text);
    free(r->addresses);
    free(r);
}

void receipts_end(struct receipts *r, void (*on_ended)(void *arg), void *arg)
{
    tell_all(r);
    r->on_ended = on_ended;
    r->ended_arg = arg;
    link_close(r->link);
}
