/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/delivery.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/amqp/message.h"
#include "common/base/clock.h"

/* Any parameter (";charset=utf-8") is left aside. */
static bool is_content_type(struct slice value, const char *wanted)
{
    const char *end = value.size > 0 ? memchr(value.data, ';', value.size) : NULL;
    if (end != NULL)
        value.size = (size_t)(end - value.data);
    return slice_equals_nocase(slice_trim(value), slice_of(wanted));
}

static enum delivery_form form_of(const struct link_delivery *d)
{
    if (!is_content_type(d->content_type, MESSAGE_CONTENT_TYPE) ||
        !slice_equals(d->type, SLICE(MESSAGE_TYPE)))
        return DELIVERY_OBJECT;
    return d->version > MESSAGE_VERSION ? DELIVERY_NEWER : DELIVERY_LINES;
}

struct delivery *delivery_create(const struct link_delivery *d)
{
    struct delivery *own = malloc(sizeof *own + d->message_id.size + d->body.size + 1);
    if (own == NULL)
        return NULL;
    *own = (struct delivery){.generation = d->generation,
                             .tag = d->tag,
                             .arrived_ns = clock_now_ns(),
                             .redelivered = d->redelivered,
                             .form = form_of(d)};
    own->message_id = (struct slice){own->bytes, d->message_id.size};
    own->body = (struct slice){own->bytes + d->message_id.size, d->body.size};
    if (d->message_id.size > 0)
        memcpy(own->bytes, d->message_id.data, d->message_id.size);
    if (d->body.size > 0)
        memcpy(own->bytes + d->message_id.size, d->body.data, d->body.size);
    return own;
}

size_t delivery_size(const struct delivery *d)
{
    return sizeof *d + d->message_id.size + d->body.size;
}

void delivery_list_add(struct delivery_list *list, struct delivery *d)
{
    d->next = NULL;
    if (list->tail == NULL)
        list->head = d;
    else
        list->tail->next = d;
    list->tail = d;
    list->count++;
    list->bytes += delivery_size(d);
}

struct delivery *delivery_list_take(struct delivery_list *list)
{
    struct delivery *d = list->head;
    if (d == NULL)
        return NULL;
    list->head = d->next;
    if (list->head == NULL)
        list->tail = NULL;
    assert(list->count > 0 && list->bytes >= delivery_size(d));
    list->count--;
    list->bytes -= delivery_size(d);
    d->next = NULL;
    return d;
}

void delivery_list_clear(struct delivery_list *list)
{
    for (struct delivery *d; (d = delivery_list_take(list)) != NULL;)
        free(d);
}
