/* SPDX-License-Identifier: Apache-2.0 */
/* For tests of shapes: JSON text in, what the shape makes of it out. */
#ifndef HOLDFAST_TESTS_UNIT_TURNED_H
#define HOLDFAST_TESTS_UNIT_TURNED_H

#include "producer/shape.h"

MUST_CHECK bool turned_open(void);
void turned_close(void);

/* NULL when it was refused: turned_faults. Lent until the next call. */
const char *turned(const struct shape *s, const char *json);

extern struct event_faults turned_faults;

#endif
