/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions to the broker and what else we say on the channel. A channel answers in the order it
 * was asked, so the open calls are a queue; the queue is as long as the owner's list of things to
 * declare.
 */
#include "common/amqp/calls.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/amqp/link_private.h"
#include "common/amqp/receipt.h"
#include "common/amqp/state.h"
#include "common/core/clock.h"

/* Room for a method of a few short strings, and for one with a table of arguments. */
#define ROOM       1100
#define ROOM_TABLE 2200

struct call {
    struct call *next;
    uint32_t method, answer;
    int64_t asked_ns;
    link_answer_fn fn; /* NULL: nobody wants to know */
    void *arg;
};

static void finish_call(struct call *call, const struct link_answer *answer)
{
    const link_answer_fn fn = call->fn;
    void *arg = call->arg;
    free(call);
    if (fn != NULL)
        fn(arg, answer);
}

static struct call *take_first(struct link *l)
{
    struct call *first = l->calls;
    l->calls = first->next;
    return first;
}

bool calls_answer(struct link *l, const struct wire_frame *f)
{
    if (l->calls == NULL || l->calls->answer != f->method)
        return false;
    struct link_answer answer = {.ok = true, .text = ""};
    if (f->method == AMQP_QUEUE_DECLARE_OK_METHOD) {
        const amqp_queue_declare_ok_t *m = f->fields;
        answer.messages = m->message_count;
        answer.consumers = m->consumer_count;
    }
    finish_call(take_first(l), &answer);
    return true;
}

void calls_fail(struct link *l, const struct link_answer *refusal, uint32_t method)
{
    bool told = false;
    while (l->calls != NULL) {
        struct call *call = take_first(l);
        struct link_answer answer = {.text = refusal->text};
        if (!told && call->method == method) {
            answer.code = refusal->code;
            told = true;
        }
        finish_call(call, &answer);
    }
}

void calls_drop(struct link *l)
{
    while (l->calls != NULL)
        free(take_first(l));
}

bool calls_asked(const struct link *l, uint32_t method)
{
    for (const struct call *call = l->calls; call != NULL; call = call->next) {
        if (call->method == method)
            return true;
    }
    return false;
}

bool calls_overdue(const struct link *l, int64_t now_ns)
{
    return l->calls != NULL && now_ns - l->calls->asked_ns > LINK_CALL_NS;
}

static void ask(struct link *l, const struct call *question, void *fields, size_t room)
{
    struct call *call = malloc(sizeof *call);
    struct call **end = &l->calls;
    assert(l->state == LINK_READY);
    if (call == NULL) {
        link_fault(l, "no memory to ask the broker");
        if (question->fn != NULL)
            question->fn(question->arg, &(struct link_answer){.text = l->fault});
        return;
    }
    *call = *question;
    call->asked_ns = clock_now_ns();
    while (*end != NULL)
        end = &(*end)->next;
    *end = call;
    link_wrote(l, wire_add_method(l->out, question->method, fields, room));
}

static amqp_table_entry_t text_argument(const char *key, const char *text)
{
    return (amqp_table_entry_t){
        .key = wire_text(key),
        .value = {.kind = AMQP_FIELD_KIND_UTF8, .value.bytes = wire_text(text)}};
}

#define ARGUMENTS_MAX 8

static int queue_arguments(const struct link_queue *q, amqp_table_entry_t to[ARGUMENTS_MAX])
{
    int n = 0;
    to[n++] = text_argument("x-queue-type", q->quorum ? "quorum" : "classic");
    if (q->delivery_limit > 0)
        to[n++] = (amqp_table_entry_t){
            .key = wire_text("x-delivery-limit"),
            .value = {.kind = AMQP_FIELD_KIND_I64, .value.i64 = q->delivery_limit}};
    if (q->dead_letter_queue == NULL)
        return n;
    to[n++] = text_argument("x-dead-letter-exchange", "");
    to[n++] = text_argument("x-dead-letter-routing-key", q->dead_letter_queue);
    if (!q->quorum)
        return n;
    /* By default a dead letter may be lost on its way; this keeps it until the other queue has it,
     * and asks for an overflow rule that does not drop, though no length limit is set. */
    to[n++] = text_argument("x-dead-letter-strategy", "at-least-once");
    to[n++] = text_argument("x-overflow", "reject-publish");
    return n;
}

void link_declare_queue(struct link *l, const struct link_queue *q, link_answer_fn fn, void *arg)
{
    amqp_table_entry_t arguments[ARGUMENTS_MAX];
    amqp_queue_declare_t m = {.queue = wire_text(q->name), .passive = q->passive, .durable = true};
    if (!q->passive)
        m.arguments = (amqp_table_t){queue_arguments(q, arguments), arguments};
    const struct call question = {.method = AMQP_QUEUE_DECLARE_METHOD,
                                  .answer = AMQP_QUEUE_DECLARE_OK_METHOD,
                                  .fn = fn,
                                  .arg = arg};
    ask(l, &question, &m, ROOM_TABLE);
}

void link_declare_topic(struct link *l, const char *exchange, link_answer_fn fn, void *arg)
{
    amqp_exchange_declare_t m = {
        .exchange = wire_text(exchange), .type = wire_text("topic"), .durable = true};
    const struct call question = {.method = AMQP_EXCHANGE_DECLARE_METHOD,
                                  .answer = AMQP_EXCHANGE_DECLARE_OK_METHOD,
                                  .fn = fn,
                                  .arg = arg};
    ask(l, &question, &m, ROOM);
}

void link_select_confirms(struct link *l, link_answer_fn fn, void *arg)
{
    amqp_confirm_select_t m = {0};
    const struct call question = {.method = AMQP_CONFIRM_SELECT_METHOD,
                                  .answer = AMQP_CONFIRM_SELECT_OK_METHOD,
                                  .fn = fn,
                                  .arg = arg};
    /* The channel takes things in order: what is published behind this is confirmed. */
    l->confirming = true;
    ask(l, &question, &m, ROOM);
}

void link_consume(struct link *l, const char *queue, const char *consumer_tag, uint16_t prefetch,
                  link_answer_fn fn, void *arg)
{
    amqp_basic_qos_t qos = {.prefetch_count = prefetch};
    amqp_basic_consume_t consume = {.queue = wire_text(queue),
                                    .consumer_tag = wire_text(consumer_tag)};
    const struct call first = {.method = AMQP_BASIC_QOS_METHOD, .answer = AMQP_BASIC_QOS_OK_METHOD};
    const struct call second = {.method = AMQP_BASIC_CONSUME_METHOD,
                                .answer = AMQP_BASIC_CONSUME_OK_METHOD,
                                .fn = fn,
                                .arg = arg};
    ask(l, &first, &qos, ROOM);
    ask(l, &second, &consume, ROOM);
}

void link_consume_replies(struct link *l, link_answer_fn fn, void *arg)
{
    amqp_basic_consume_t m = {
        .queue = wire_text(RECEIPT_QUEUE), .consumer_tag = wire_text("receipts"), .no_ack = true};
    const struct call question = {.method = AMQP_BASIC_CONSUME_METHOD,
                                  .answer = AMQP_BASIC_CONSUME_OK_METHOD,
                                  .fn = fn,
                                  .arg = arg};
    ask(l, &question, &m, ROOM);
}

void link_cancel(struct link *l, const char *consumer_tag, link_answer_fn fn, void *arg)
{
    amqp_basic_cancel_t m = {.consumer_tag = wire_text(consumer_tag)};
    const struct call question = {.method = AMQP_BASIC_CANCEL_METHOD,
                                  .answer = AMQP_BASIC_CANCEL_OK_METHOD,
                                  .fn = fn,
                                  .arg = arg};
    ask(l, &question, &m, ROOM);
}

static bool fits(const char *text)
{
    return text == NULL || strlen(text) <= UINT8_MAX;
}

static bool all_fit(const struct link_message *m)
{
    return fits(m->exchange) && fits(m->routing_key) && fits(m->content_type) && fits(m->type) &&
           fits(m->message_id) && fits(m->reply_to) && fits(m->correlation_id);
}

uint64_t link_publish(struct link *l, const struct link_message *m)
{
    assert(!m->mandatory || m->message_id != NULL);
    if (!link_is_ready(l))
        return 0;
    assert(l->confirming);
    if (!all_fit(m))
        return 0;
    const uint64_t tag =
        confirms_add(&l->confirms, m->mandatory ? m->message_id : NULL, m->context);
    if (tag == 0)
        return 0;
    const bool ok = wire_add_message(&l->wire, l->out, m);
    if (!ok)
        confirms_take_back(&l->confirms);
    l->wrote = true;
    return ok ? tag : 0;
}

size_t link_unconfirmed(const struct link *l)
{
    return l->confirms.count;
}

void *link_oldest(const struct link *l)
{
    return confirms_oldest(&l->confirms);
}

void *link_take_oldest(struct link *l)
{
    return confirms_take_oldest(&l->confirms);
}

void link_send(struct link *l, const struct link_message *m)
{
    assert(!l->confirming && !m->mandatory);
    if (link_is_ready(l) && all_fit(m))
        l->wrote = wire_add_message(&l->wire, l->out, m) || l->wrote;
}

void link_ack(struct link *l, uint64_t generation, uint64_t tag, bool multiple)
{
    amqp_basic_ack_t m = {.delivery_tag = tag, .multiple = multiple};
    if (l->state == LINK_READY && generation == l->generation)
        link_wrote(l, wire_add_method(l->out, AMQP_BASIC_ACK_METHOD, &m, 16));
}

void link_requeue(struct link *l, uint64_t generation, uint64_t tag)
{
    amqp_basic_nack_t m = {.delivery_tag = tag, .requeue = true};
    if (l->state == LINK_READY && generation == l->generation)
        link_wrote(l, wire_add_method(l->out, AMQP_BASIC_NACK_METHOD, &m, 16));
}
