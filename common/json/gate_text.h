/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The leaves of the gate: strings, numbers, literals. Private to gate*.c.
 *
 * Each function reads what starts at p and returns the byte behind it. On a fault it returns NULL
 * and says in *stop what is wrong and where.
 */
#ifndef HOLDFAST_JSON_GATE_TEXT_H
#define HOLDFAST_JSON_GATE_TEXT_H

#include "common/json/gate.h"

struct gate_stop {
    enum gate_fault fault;
    const char *at;
};

static inline const char *gate_stop_at(struct gate_stop *stop, enum gate_fault fault,
                                       const char *at)
{
    *stop = (struct gate_stop){fault, at};
    return NULL;
}

/* Between the quotes: p is behind the opening one, what is returned behind the closing one. */
const char *gate_string(const char *p, const char *end, bool *out_escaped, struct gate_stop *stop);

/* Takes the digits of the number, written out, from *digits_left. */
const char *gate_number(const char *p, const char *end, size_t *digits_left,
                        struct gate_stop *stop);

/* true, false or null: the one p looks like. */
const char *gate_literal(const char *p, const char *end, struct gate_stop *stop);

#endif
