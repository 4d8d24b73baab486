/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/outbox_message.h"

bool outbox_is_awaited(const struct outbox_message *m)
{
    for (size_t i = 0; i < m->waiter_count; i++) {
        if (!m->waiters[i]->gone)
            return true;
    }
    return false;
}

void message_list_push(struct message_list *l, struct outbox_message *m)
{
    m->next = NULL;
    if (l->last != NULL)
        l->last->next = m;
    else
        l->first = m;
    l->last = m;
}

struct outbox_message *message_list_pop(struct message_list *l)
{
    struct outbox_message *m = l->first;
    if (m == NULL)
        return NULL;
    l->first = m->next;
    if (l->first == NULL)
        l->last = NULL;
    m->next = NULL;
    return m;
}

struct message_list message_list_take(struct message_list *l)
{
    const struct message_list all = *l;
    *l = (struct message_list){0};
    return all;
}

void message_list_append(struct message_list *l, struct message_list *tail)
{
    struct outbox_message *m;
    while ((m = message_list_pop(tail)) != NULL)
        message_list_push(l, m);
}
