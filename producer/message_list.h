/* SPDX-License-Identifier: Apache-2.0 */
/* Messages in the order in which they came; a message is on one list at a time. */
#ifndef HOLDFAST_PRODUCER_MESSAGE_LIST_H
#define HOLDFAST_PRODUCER_MESSAGE_LIST_H

struct outbox_message;

struct message_list { /* all zero is an empty one */
    struct outbox_message *first, *last;
};

void message_list_push(struct message_list *l, struct outbox_message *m);
struct outbox_message *message_list_pop(struct message_list *l); /* NULL: empty */
struct message_list message_list_take(struct message_list *l);   /* all of them; l is empty then */
void message_list_append(struct message_list *l, struct message_list *tail); /* empties tail */

#endif
