/* SPDX-License-Identifier: Apache-2.0 */
/* What belongs to the whole server and has to be there around the migrations: database and logins.
 */
#ifndef HOLDFAST_CLI_ROLES_H
#define HOLDFAST_CLI_ROLES_H

#include "cli/db.h"

/* Makes the database when it is missing, owned by holdfast_owner; `d` is connected to another one
 * of the same server. */
MUST_CHECK bool roles_create_database(struct db *d, const char *name, bool *out_made,
                                      struct db_fault *out_fault);

/* Sees to it that the one who migrates may become holdfast_owner, which is made when it is missing.
 */
MUST_CHECK bool roles_be_owner(struct db *d, struct db_fault *out_fault);

struct roles_login {   /* lent for the call */
    const char *group; /* holdfast_writer or holdfast_reader */
    const char *name;
    const char *password; /* of a login made here; "" = none */
};

/* Makes the login role when it is missing and a member of its group. */
MUST_CHECK bool roles_grant(struct db *d, const struct roles_login *login, bool *out_made,
                            struct db_fault *out_fault);

#endif
