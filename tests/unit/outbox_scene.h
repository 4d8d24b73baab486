/* SPDX-License-Identifier: Apache-2.0 */
/* An outbox whose messages go nowhere: a test settles them. */
#ifndef HOLDFAST_TESTS_OUTBOX_SCENE_H
#define HOLDFAST_TESTS_OUTBOX_SCENE_H

#include <event2/event.h>

#include "producer/outbox.h"

enum { SCENE_EVENTS_MAX = 2000, SCENE_BYTES_MAX = 1000000 };

/* What the outbox handed over, and whom it told. */
struct outbox_scene {
    struct event_base *base;
    struct outbox *outbox;
    struct message_list sent;
    size_t sent_count, settled;
};

void scene_setup(struct outbox_scene *s);    /* open */
void scene_teardown(struct outbox_scene *s); /* when everything has left and is settled */
void scene_add(struct outbox_scene *s, enum outbox_lane lane, const char *line,
               struct outbox_waiter *w);
void scene_round_ends(struct outbox_scene *s);
void scene_settle_oldest(struct outbox_scene *s, enum outbox_outcome outcome);

#endif
