/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an event tells of a review session: an object with the few members of the event that
 * note_reviews (schema/migrations) looks at, in an order of their own so that two can be compared.
 */
#ifndef HOLDFAST_CONSUMER_REVIEW_H
#define HOLDFAST_CONSUMER_REVIEW_H

#include "common/event/event.h"

/* Perhaps: the database decides which types say what. Of all other events nothing is kept. */
bool review_is_told(const struct log_event *read);
void review_write(const struct log_event *read, struct buffer *out);

/* Whether `note` says more than `before` has said. */
bool review_says_more(struct slice before, struct slice note);

#endif
