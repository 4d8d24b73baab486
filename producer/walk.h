/* SPDX-License-Identifier: Apache-2.0 */
/* Reads JSON text the gate has not seen yet, and picks members of an object it has accepted. */
#ifndef HOLDFAST_PRODUCER_WALK_H
#define HOLDFAST_PRODUCER_WALK_H

#include "common/core/slice.h"

void walk_space(struct slice *rest);
bool walk_byte(struct slice *rest, char byte); /* behind white space; false: another one */

/* out[i] is the value of the member names[i]; where there is none, or null, its data is NULL. */
void walk_pick(struct slice object, const char *const *names, size_t count, struct slice *out);

#endif
