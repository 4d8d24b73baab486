/* SPDX-License-Identifier: Apache-2.0 */
/* The five levels of severity, and the words the older systems have for them. */
#ifndef HOLDFAST_EVENT_EVENT_LEVEL_H
#define HOLDFAST_EVENT_EVENT_LEVEL_H

#include "common/core/slice.h"

enum event_level {
    EVENT_LEVEL_DEBUG,
    EVENT_LEVEL_INFO,
    EVENT_LEVEL_WARNING,
    EVENT_LEVEL_ERROR,
    EVENT_LEVEL_CRITICAL,
    EVENT_LEVEL_COUNT,
};

/* By its name or an alias, in any case. */
MUST_CHECK bool event_level_find(struct slice word, enum event_level *out_level);
enum event_level event_level_of_token(struct slice token); /* of a canonical one */
struct slice event_level_token(enum event_level level);    /* "warning", with its quotes */
struct slice event_level_near(struct slice word);          /* what was meant; absent = unknown */

#endif
