/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/delivery.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/amqp/message.h"
#include "common/amqp/receipt.h"
#include "common/core/clock.h"

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

static char *append(char *to, struct slice text)
{
    if (text.size > 0)
        memcpy(to, text.data, text.size);
    return to + text.size;
}

struct delivery *delivery_create(const struct link_delivery *d)
{
    const enum delivery_form form = form_of(d);
    uint64_t number = 0;
    if (form != DELIVERY_LINES || !receipt_is_asked(d->reply_to, d->correlation_id, &number))
        number = 0;
    const size_t address = number != 0 ? d->reply_to.size : 0;
    struct delivery *own = malloc(sizeof *own + d->message_id.size + d->body.size + address + 1);
    if (own == NULL)
        return NULL;
    *own = (struct delivery){.generation = d->generation,
                             .tag = d->tag,
                             .arrived_ns = clock_now_ns(),
                             .redelivered = d->redelivered,
                             .form = form,
                             .number = number};
    own->reply_to = (struct slice){own->bytes, address};
    own->message_id = (struct slice){own->bytes + address, d->message_id.size};
    own->body = (struct slice){own->message_id.data + d->message_id.size, d->body.size};
    char *at = own->bytes;
    at = append(at, (struct slice){d->reply_to.data, address});
    at = append(at, d->message_id);
    append(at, d->body);
    return own;
}

size_t delivery_size(const struct delivery *d)
{
    return sizeof *d + d->message_id.size + d->body.size + d->reply_to.size;
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
