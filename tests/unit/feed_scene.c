/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/feed_scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/net/loop.h"
#include "tests/unit/fake_link.h"
#include "tests/unit/unit.h"

struct meters feed_scene_meters;

static void on_told(void *arg, struct batch *b)
{
    struct feed_scene *s = arg;
    const size_t used = strlen(s->told);
    snprintf(s->told + used, sizeof s->told - used, "%zu ", b->event_count);
    batch_destroy(b);
}

const char *scene_told(struct feed_scene *s)
{
    static char copy[sizeof s->told];
    memcpy(copy, s->told, sizeof copy);
    s->told[0] = 0;
    return copy;
}

void scene_setup_with(struct feed_scene *s, const char *exchange, int64_t patience_s)
{
    static const struct gate_limits limits = {.depth = 64, .members = 1000, .digits = 100000};
    static struct feed_options options;
    *s = (struct feed_scene){.loop = loop_create(), .reader = event_reader_create(&limits)};
    s->config.rabbitmq_exchange = (char *)(uintptr_t)exchange;
    s->config.feed_patience_s = patience_s;
    s->config.feed_asks = 1;
    options = (struct feed_options){&s->config, &feed_scene_meters};
    the_link = (struct link){0};
    s->feed = feed_create(s->loop, &options, on_told, s);
    assert_non_null(s->feed);
}

void scene_setup(struct feed_scene *s)
{
    scene_setup_with(s, "events", 1);
    fake_link_open();
    assert_string_equal(fake_link_said(), "declare(events) select ");
}

void scene_teardown(struct feed_scene *s)
{
    feed_destroy(s->feed);
    event_reader_destroy(s->reader);
    loop_destroy(s->loop);
}

static struct delivery *delivery_of(const char *text, enum delivery_form form, bool redelivered)
{
    const struct link_delivery d = {.generation = 1,
                                    .tag = 1,
                                    .redelivered = redelivered,
                                    .content_type = SLICE("application/json"),
                                    .body = slice_of(text)};
    struct delivery *own = delivery_create(&d);
    own->form = form;
    return own;
}

struct batch *scene_batch(struct feed_scene *s, const char *text, bool redelivered)
{
    struct batch *b = batch_create();
    batch_add(b, s->reader,
              delivery_of(text, text[2] == 'i' ? DELIVERY_LINES : DELIVERY_OBJECT, redelivered));
    batch_seal(b);
    assert_false(b->failed);
    return b;
}

void scene_tell(struct feed_scene *s, const char *text)
{
    feed_tell(s->feed, scene_batch(s, text, false));
}
