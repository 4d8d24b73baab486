/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/fake_link.h"

#include <stdio.h>
#include <string.h>

#include "common/core/id.h"
#include "tests/unit/unit.h"

struct link the_link;

__attribute__((format(printf, 1, 2))) static void note(const char *format, ...)
{
    va_list args;
    const size_t used = strlen(the_link.said);
    va_start(args, format);
    vsnprintf(the_link.said + used, sizeof the_link.said - used, format, args);
    va_end(args);
}

const char *fake_link_said(void)
{
    static char copy[sizeof the_link.said];
    memcpy(copy, the_link.said, sizeof copy);
    the_link.said[0] = 0;
    return copy;
}

struct link *link_create(struct loop *loop, const struct link_options *options,
                         const struct link_handler *handler, void *arg)
{
    (void)loop, (void)options;
    the_link = (struct link){.handler = *handler, .arg = arg, .room = SIZE_MAX};
    return &the_link;
}

void link_close(struct link *l)
{
    note("close ");
    l->handler.on_closed(l->arg);
}

void link_destroy(struct link *l)
{
    if (l != NULL)
        l->ready = false;
}

bool link_is_ready(const struct link *l)
{
    return l->ready;
}

bool link_is_blocked(const struct link *l)
{
    return l->blocked;
}

size_t link_unsent(const struct link *l)
{
    (void)l;
    return 0;
}

const char *link_peer(const struct link *l)
{
    (void)l;
    return "broker";
}

const char *link_reason(const struct link *l)
{
    (void)l;
    return "away";
}

static void ask(struct link *l, link_answer_fn fn, void *arg)
{
    l->answer = fn;
    l->answer_arg = arg;
}

void link_declare_topic(struct link *l, const char *exchange, link_answer_fn fn, void *arg)
{
    note("declare(%s) ", exchange);
    ask(l, fn, arg);
}

void link_select_confirms(struct link *l, link_answer_fn fn, void *arg)
{
    note("select ");
    ask(l, fn, arg);
}

uint64_t link_publish(struct link *l, const struct link_message *m)
{
    if (!l->ready || l->room == 0)
        return 0;
    l->room--;
    note("%s%s/%s/%d/%s ", m->mandatory ? "?" : "", m->routing_key, m->type, m->header.value,
         m->message_id + 32);
    assert_string_equal(m->exchange, "events");
    assert_string_equal(m->content_type, "application/json");
    assert_string_equal(m->header.name, "holdfast-priority");
    assert_memory_equal(m->body.data, "{\"id\":\"", 7);
    assert_memory_equal(m->body.data + 7, m->message_id, ID_TEXT_SIZE);
    assert_int_equal(m->body.data[m->body.size - 1], '}');
    return ++l->tag;
}

void fake_link_answer(bool ok, int code)
{
    const link_answer_fn fn = the_link.answer;
    the_link.answer = NULL;
    fn(the_link.answer_arg, &(struct link_answer){.ok = ok, .code = code, .text = "no"});
}

void fake_link_come_up(void)
{
    the_link.ready = true;
    the_link.tag = 0;
    the_link.handler.on_ready(the_link.arg, 1);
}

void fake_link_open(void)
{
    fake_link_come_up();
    fake_link_answer(true, 0);
    fake_link_answer(true, 0);
}

void fake_link_lose(void)
{
    the_link.ready = false;
    the_link.handler.on_lost(the_link.arg, "lost");
}

void fake_link_confirm(uint64_t tag, enum link_outcome outcome)
{
    the_link.handler.on_confirm(the_link.arg, &(struct link_confirm){tag, NULL, outcome});
}
