/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of the quarantine are put back on the queue or discarded, one after the other. Each act is a
 * transaction that holds the row; putting back comes before its COMMIT, so what fails in between is
 * put back again, and stored once. Each act is an event itself.
 */
#ifndef HOLDFAST_CLI_QUARANTINE_H
#define HOLDFAST_CLI_QUARANTINE_H

#include "cli/db.h"
#include "common/core/buffer.h"

enum quarantine_act { QUARANTINE_REPLAY, QUARANTINE_DISCARD };

struct quarantine_rows { /* lent for the call */
    const char *const *ids;
    size_t count;
};

/* Says what was done and what went wrong. An exit code. */
int quarantine_do(const struct config *c, struct db *d, enum quarantine_act act,
                  const struct quarantine_rows *rows);

/* Says what failed, and what to do about it. An exit code. */
int quarantine_fail(const char *doing, const struct db_fault *f);

/* The bytes of a bytea in text. False: no memory. */
MUST_CHECK bool quarantine_bytes(const char *text, struct buffer *out);

#endif
