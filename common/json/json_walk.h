/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A walk over an object or an array the gate has accepted: no checks, no memory, one level.
 */
#ifndef HOLDFAST_JSON_JSON_WALK_H
#define HOLDFAST_JSON_JSON_WALK_H

#include "common/json/gate.h"

/* *rest is the whole token at first. Each call moves it and lends the next one; false at the end.
 */
bool json_next_member(struct slice *rest, struct gate_member *out);
bool json_next_element(struct slice *rest, struct slice *out);

/* The member of this name, escaped or not; false when there is none. */
bool json_find_member(struct slice object, struct slice name, struct gate_member *out);

#endif
