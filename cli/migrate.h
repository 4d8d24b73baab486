/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Brings a database to the schema compiled in. Migrations go forward only, each in a transaction
 * of its own together with its row in schema_migrations; an advisory lock lets one program at a
 * time do it, and those that waited find nothing left. What was applied is known by its checksum:
 * where the file is another one now, or the database is ahead of this program, nothing is done.
 */
#ifndef HOLDFAST_CLI_MIGRATE_H
#define HOLDFAST_CLI_MIGRATE_H

#include "cli/db.h"

enum migrate_state {
    MIGRATE_APPLIED,
    MIGRATE_PENDING,
    MIGRATE_CHANGED, /* applied from a file with another content */
    MIGRATE_UNKNOWN, /* applied by a newer program */
};

struct migrate_row {
    unsigned version;
    char name[64];
    char applied_at[40]; /* "" when pending */
    enum migrate_state state;
};

#define MIGRATE_ROWS_MAX 1000

struct migrate_report {
    struct migrate_row row[MIGRATE_ROWS_MAX];
    size_t count;
    size_t of_state[MIGRATE_UNKNOWN + 1]; /* how many rows are in each state */
};

/* What is applied and what is not. */
MUST_CHECK bool migrate_look(struct db *d, struct migrate_report *out, struct db_fault *out_fault);

/* Told before each migration and when somebody else, this user's process, is at it. */
struct migrate_events {
    void (*on_waiting)(const char *user, const char *pid);
    void (*on_applied)(unsigned version, const char *name, int64_t took_ns);
};

/*
 * Applies what is pending. False with out_fault filled when one failed (its transaction is rolled
 * back, those before it stay) or when the database was made from other files.
 */
MUST_CHECK bool migrate_up(struct db *d, const struct migrate_events *events,
                           struct db_fault *out_fault);

#endif
