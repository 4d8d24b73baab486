/* SPDX-License-Identifier: Apache-2.0 */
/* A feed over a link that is only written down (fake_link.h), and batches to give to it. */
#ifndef HOLDFAST_TESTS_FEED_SCENE_H
#define HOLDFAST_TESTS_FEED_SCENE_H

#include "common/app/config.h"
#include "consumer/feed.h"
#include "consumer/meters.h"

struct loop;

struct feed_scene {
    struct loop *loop;
    struct config config;
    struct feed *feed;
    struct event_reader *reader;
    char told[256]; /* sizes of the batches that came back */
};

#define LINE(n, type)                                                                              \
    "{\"id\":\"01a1fbb4-0fde-7000-bae5-7a23fb8800" n                                               \
    "\",\"received_at\":\"2025-11-21T01:24:04.190575Z\",\"event_id\":\"e" n                        \
    "\",\"event_type\":\"" type "\",\"severity\":\"info\",\"routing_key\":\"k." type               \
    "\",\"priority\":5}\n"

extern struct meters feed_scene_meters;

void scene_setup_with(struct feed_scene *s, const char *exchange, int64_t patience_s);
void scene_setup(struct feed_scene *s); /* "events", a second's patience, open */
void scene_teardown(struct feed_scene *s);
struct batch *scene_batch(struct feed_scene *s, const char *text, bool redelivered);
void scene_tell(struct feed_scene *s, const char *text);
const char *scene_told(struct feed_scene *s); /* sizes of the batches that came back since */

#endif
