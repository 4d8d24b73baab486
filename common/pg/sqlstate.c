/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The longest matching prefix decides, so that a single code can differ from its class. Codes of
 * extensions and of versions to come fall to UNKNOWN, which loses nothing: it is retried first and
 * searched for a culprit later.
 */
#include "common/pg/sqlstate.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

static const struct rule {
    const char *prefix;
    enum sqlstate_class class;
} rules[] = {
    {"08", SQLSTATE_TRANSIENT},     /* connection exception */
    {"0A", SQLSTATE_CONFIGURATION}, /* feature not supported */
    {"21000", SQLSTATE_DATA},       /* cardinality violation */
    {"22", SQLSTATE_DATA},          /* data exception */
    {"23", SQLSTATE_DATA},          /* integrity constraint violation */
    {"23505", SQLSTATE_DUPLICATE},  /* unique violation */
    {"25", SQLSTATE_CONFIGURATION}, /* invalid transaction state: the session's is not ours */
    {"25006", SQLSTATE_TRANSIENT},  /* read-only transaction: a standby, soon promoted or left */
    {"25P03", SQLSTATE_TRANSIENT},  /* idle in transaction for too long: we were stopped */
    {"25P04", SQLSTATE_TRANSIENT},  /* a transaction for too long */
    {"26", SQLSTATE_CONFIGURATION}, /* no such statement: the session forgot what we prepared */
    {"28", SQLSTATE_CONFIGURATION}, /* invalid authorization */
    {"3B", SQLSTATE_CONFIGURATION}, /* no such savepoint: likewise */
    {"3D", SQLSTATE_CONFIGURATION}, /* no such database */
    {"3F", SQLSTATE_CONFIGURATION}, /* no such schema */
    {"40", SQLSTATE_TRANSIENT},     /* rolled back: serialization, deadlock */
    {"42", SQLSTATE_CONFIGURATION}, /* syntax, missing object, missing right */
    {"53", SQLSTATE_TRANSIENT},     /* out of disk, memory, connections */
    {"54", SQLSTATE_DATA},          /* program limit exceeded */
    {"55P03", SQLSTATE_TRANSIENT},  /* lock not available */
    {"57", SQLSTATE_TRANSIENT},     /* operator intervention, timeouts */
    {"58", SQLSTATE_TRANSIENT},     /* system error of the server's host */
};

enum sqlstate_class sqlstate_class(const char *sqlstate, const char *constraint)
{
    const struct rule *best = NULL;
    if (sqlstate == NULL || sqlstate[0] == 0)
        return SQLSTATE_TRANSIENT;
    if (strcmp(sqlstate, "23514") == 0 && (constraint == NULL || constraint[0] == 0))
        return SQLSTATE_PARTITION;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        const size_t size = strlen(rules[i].prefix);
        if (strncmp(sqlstate, rules[i].prefix, size) == 0 &&
            (best == NULL || size > strlen(best->prefix)))
            best = &rules[i];
    }
    return best != NULL ? best->class : SQLSTATE_UNKNOWN;
}

const char *sqlstate_class_name(enum sqlstate_class c)
{
    static const char *const names[] = {
#define X(symbol, name) name,
        SQLSTATE_CLASSES(X)
#undef X
    };
    assert(c < SQLSTATE_CLASS_COUNT);
    return names[c];
}
