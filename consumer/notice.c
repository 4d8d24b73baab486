/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which events of a stored batch are published.
 *
 * Those stored by it, and those stored before by an earlier delivery of the same message, because a
 * consumer may have died between the commit and the feed. Such an event is recognised by its
 * primary key (its verdict is still BATCH_STORE) or by its own key in event_keys. A message of
 * another program got another id at the earlier delivery; with the broker's redelivered flag an
 * existing key is taken to be its own, and the event is published under the id it is stored with.
 * Its time of receipt is the millisecond in which that id was made, so the id contains that time,
 * too.
 *
 * A client's repetition under another id is not published: the first event was.
 */
#include "consumer/notice.h"

#include <assert.h>

#include "common/amqp/message.h"
#include "common/core/clock.h"
#include "consumer/batch.h"

/* Appends the text of a string token, cut between characters to what AMQP allows, with a NUL. */
static uint32_t write_name(struct slice token, struct buffer *texts, bool *cut)
{
    const size_t begin = texts->size;
    if (token.data != NULL)
        event_add_text(token, texts);
    if (!texts->failed && texts->size - begin > NOTICE_NAME_MAX) {
        size_t size = NOTICE_NAME_MAX;
        while (((uint8_t)texts->data[begin + size] & 0xC0) == 0x80)
            size--;
        buffer_truncate(texts, begin + size);
        *cut = true;
    }
    buffer_add_byte(texts, 0);
    return (uint32_t)begin;
}

void notice_write(struct notice *n, const struct log_event *read, struct buffer *texts)
{
    n->key = write_name(read->field[EVENT_FIELD_ROUTING_KEY], texts, &n->cut);
    n->type = write_name(read->field[EVENT_FIELD_EVENT_TYPE], texts, &n->cut);
    n->priority = (uint8_t)event_priority(read);
    n->head = (uint16_t)event_head_size(read);
}

bool notice_is_due(const struct batch_event *e)
{
    if (e->verdict != BATCH_DUPLICATE)
        return e->verdict == BATCH_STORE;
    return id_compare(&e->owner, &e->id) == 0 ||
           (e->delivery->form == DELIVERY_OBJECT && e->delivery->redelivered);
}

/* The line without what is said to consumers, of the event `text` has the id of: it may be stored
 * under another id than it was read with. */
static struct slice told_line(const struct batch_event *e, struct slice line, bool owned,
                              struct notice_text *text)
{
    char time[CLOCK_TEXT_SIZE + 1];
    if (!owned && e->notice.head == EVENT_LINE_PREFIX)
        return line;
    buffer_clear(&text->line);
    if (owned) {
        clock_format(id_wall_us(&e->owner), time);
        buffer_printf(&text->line, "{\"id\":\"%s\",\"received_at\":\"%s\"", text->id, time);
    } else {
        buffer_add(&text->line, line.data, EVENT_LINE_PREFIX);
    }
    assert(text->line.failed || text->line.size == EVENT_LINE_PREFIX);
    buffer_add(&text->line, line.data + e->notice.head, line.size - e->notice.head);
    return buffer_slice(&text->line);
}

bool notice_message(const struct batch *b, const struct batch_event *e, struct notice_text *text,
                    struct link_message *out)
{
    const struct notice *n = &e->notice;
    const bool owned = e->verdict == BATCH_DUPLICATE && id_compare(&e->owner, &e->id) != 0;
    struct slice line = e->raw;
    if (n->line_size > 0)
        line = (struct slice){b->texts.data + n->line, n->line_size};
    id_format(owned ? &e->owner : &e->id, text->id);
    line = told_line(e, line, owned, text);
    *out = (struct link_message){.routing_key = b->texts.data + n->key,
                                 .content_type = "application/json",
                                 .type = b->texts.data + n->type,
                                 .message_id = text->id,
                                 .header = {MESSAGE_PRIORITY_HEADER, n->priority},
                                 .body = line};
    return !text->line.failed;
}
