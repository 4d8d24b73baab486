/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a failed command means for the events it was to store: one pure function over SQLSTATE.
 * Everything the consumer decides about errors of the database hangs on this table.
 */
#ifndef HOLDFAST_PG_SQLSTATE_H
#define HOLDFAST_PG_SQLSTATE_H

/* symbol, name (in log and metrics) */
#define SQLSTATE_CLASSES(X)                                                                        \
    X(TRANSIENT, "transient")         /* hold the events, try again for ever */                    \
    X(CONFIGURATION, "configuration") /* stop consuming, keep the messages, say so */              \
    X(PARTITION, "partition")         /* no partition for the row: make it, else configuration */  \
    X(DUPLICATE, "duplicate")         /* the row is there already */                               \
    X(DATA, "data")                   /* an event is at fault: find it */                          \
    X(UNKNOWN, "unknown")             /* first as transient, then as data */

enum sqlstate_class {
#define X(symbol, name) SQLSTATE_##symbol,
    SQLSTATE_CLASSES(X)
#undef X
        SQLSTATE_CLASS_COUNT
};

/*
 * `sqlstate` is the five characters, or "" or NULL when the connection was lost or never made.
 * `constraint` is the constraint's name the server told, or NULL. A row that fits no partition is
 * told as 23514 like a broken check, but without a constraint's name, in any language.
 */
enum sqlstate_class sqlstate_class(const char *sqlstate, const char *constraint);
const char *sqlstate_class_name(enum sqlstate_class c);

#endif
