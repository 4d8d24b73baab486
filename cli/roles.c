/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Databases and roles belong to the whole server, where another migration may be making the same
 * ones at this moment: finding that somebody was faster counts as done.
 */
#include "cli/roles.h"

#include <string.h>

static bool was_faster(const struct db_fault *f)
{
    return strcmp(f->sqlstate, "42710") == 0 || strcmp(f->sqlstate, "42P04") == 0 ||
           strcmp(f->sqlstate, "23505") == 0;
}

/* Whether the query finds a row. */
static bool ask(struct db *d, const char *sql, const char *const values[2], bool *out_yes,
                struct db_fault *out_fault)
{
    PGresult *result = db_query(d, sql, values, values[1] ? 2 : 1, out_fault);
    if (!result)
        return false;
    *out_yes = PQntuples(result) > 0;
    PQclear(result);
    return true;
}

static bool add_ident(struct db *d, const char *name, struct buffer *sql)
{
    char *quoted = PQescapeIdentifier(db_connection(d), name, strlen(name));
    if (quoted)
        buffer_add_text(sql, quoted);
    PQfreemem(quoted);
    return quoted != NULL;
}

/* Runs what is in the buffer and frees it. When somebody was faster, out_fault says so. */
static bool run_built(struct db *d, struct buffer *sql, struct db_fault *out_fault)
{
    buffer_add_byte(sql, '\0');
    *out_fault = (struct db_fault){0};
    bool ok = !sql->failed;
    if (ok)
        ok = db_run(d, sql->data, out_fault) || was_faster(out_fault);
    else
        *out_fault = (struct db_fault){.text = "out of memory"};
    buffer_finish(sql);
    return ok;
}

/* The password leaves as a SCRAM verifier, so that no log of the server can show it. */
static void add_password(struct db *d, const struct roles_login *login, struct buffer *sql)
{
    if (login->password[0] == '\0')
        return;
    char *verifier =
        PQencryptPasswordConn(db_connection(d), login->password, login->name, "scram-sha-256");
    char *quoted = verifier ? PQescapeLiteral(db_connection(d), verifier, strlen(verifier)) : NULL;
    buffer_printf(sql, " PASSWORD %s", quoted ? quoted : "NULL");
    PQfreemem(quoted);
    PQfreemem(verifier);
}

static bool make_role(struct db *d, const struct roles_login *login, bool *out_made,
                      struct db_fault *out_fault)
{
    const char *const names[2] = {login->name, NULL};
    bool exists = false;
    if (!ask(d, "SELECT 1 FROM pg_roles WHERE rolname = $1", names, &exists, out_fault))
        return false;
    *out_made = false;
    if (exists)
        return true;
    struct buffer sql = {0};
    buffer_add_text(&sql, "CREATE ROLE ");
    add_ident(d, login->name, &sql);
    if (login->group) {
        buffer_add_text(&sql, " LOGIN");
        add_password(d, login, &sql);
    }
    if (!run_built(d, &sql, out_fault))
        return false;
    *out_made = out_fault->sqlstate[0] == '\0';
    return true;
}

static bool make_member(struct db *d, const char *name, const char *group,
                        struct db_fault *out_fault)
{
    const char *const names[2] = {name, group};
    bool is_member = false;
    if (!ask(d, "SELECT 1 WHERE pg_has_role($1::name, $2::name, 'MEMBER')", names, &is_member,
             out_fault))
        return false;
    if (is_member)
        return true;
    struct buffer sql = {0};
    buffer_add_text(&sql, "GRANT ");
    add_ident(d, group, &sql);
    buffer_add_text(&sql, " TO ");
    add_ident(d, name, &sql);
    return run_built(d, &sql, out_fault);
}

bool roles_grant(struct db *d, const struct roles_login *login, bool *out_made,
                 struct db_fault *out_fault)
{
    return make_role(d, login, out_made, out_fault) &&
           make_member(d, login->name, login->group, out_fault);
}

bool roles_create_database(struct db *d, const char *name, bool *out_made,
                           struct db_fault *out_fault)
{
    const char *const names[2] = {name, NULL};
    const struct roles_login owner = {.name = "holdfast_owner"};
    bool exists = false, owner_made = false;
    if (!ask(d, "SELECT 1 FROM pg_database WHERE datname = $1", names, &exists, out_fault))
        return false;
    *out_made = false;
    if (exists)
        return true;
    if (!make_role(d, &owner, &owner_made, out_fault) ||
        !make_member(d, PQuser(db_connection(d)), owner.name, out_fault))
        return false;
    struct buffer sql = {0};
    buffer_add_text(&sql, "CREATE DATABASE ");
    add_ident(d, name, &sql);
    buffer_add_text(&sql, " OWNER holdfast_owner TEMPLATE template0 ENCODING 'UTF8'");
    if (!run_built(d, &sql, out_fault))
        return false;
    *out_made = out_fault->sqlstate[0] == '\0';
    return true;
}
