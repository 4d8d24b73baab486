/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks JSON text piece by piece. walk_member and what follows it take only text the gate has
 * accepted, and judge nothing.
 */
#ifndef HOLDFAST_PRODUCER_WALK_H
#define HOLDFAST_PRODUCER_WALK_H

#include "common/base/slice.h"

void walk_space(struct slice *rest);
bool walk_byte(struct slice *rest, char byte); /* behind white space; false: another one */

/* *rest is an object's text at first, then what is left of it. The name is lent without its quotes,
 * escaped as it came. False at the end. */
bool walk_member(struct slice *rest, struct slice *out_name, struct slice *out_value);
bool walk_element(struct slice *rest, struct slice *out_value); /* the same for an array */

/* out[i] is the value of the member names[i]; where there is none, or null, its data is NULL. */
void walk_pick(struct slice object, const char *const *names, size_t count, struct slice *out);

#endif
