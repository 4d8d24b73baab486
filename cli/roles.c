/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From PostgreSQL 16 on, who makes a role without being a superuser may grant it (ADMIN), and
 * neither has its rights nor may become it (INHERIT, SET) until it is granted to them as well,
 * which they may do themselves. To be a member (pg_has_role's MEMBER) says nothing any more. A role
 * somebody else made can be granted only by those with ADMIN on it.
 *
 * Databases and roles belong to the whole server, where another migration may be making the same
 * ones at this moment: finding that somebody was faster counts as done.
 */
#include "cli/roles.h"

#include <stdio.h>
#include <string.h>

#define OWNER "holdfast_owner"

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

static void add_grant(struct db *d, const char *group, const char *name, struct buffer *sql)
{
    buffer_add_text(sql, "GRANT ");
    add_ident(d, group, sql);
    buffer_add_text(sql, " TO ");
    add_ident(d, name, sql);
}

/* Roles are the whole server's: when another admin made these, the words that mend it are told. */
static bool run_grant(struct db *d, struct buffer *sql, struct db_fault *out_fault)
{
    char words[200];
    if (run_built(d, sql, out_fault))
        return true;
    if (strcmp(out_fault->sqlstate, "42501") != 0)
        return false;
    snprintf(words, sizeof words, "%.190s", out_fault->text);
    snprintf(out_fault->text, sizeof out_fault->text,
             "%s; a superuser, or the one who made the roles, has to run: GRANT holdfast_owner, "
             "holdfast_writer, holdfast_reader, holdfast_migrator TO \"%s\" WITH ADMIN OPTION",
             words, PQuser(db_connection(d)));
    return false;
}

/* USAGE: has its rights, not only the name of a member. */
static bool make_member(struct db *d, const char *name, const char *group,
                        struct db_fault *out_fault)
{
    const char *const names[2] = {name, group};
    bool has_rights = false;
    if (!ask(d, "SELECT 1 WHERE pg_has_role($1::name, $2::name, 'USAGE')", names, &has_rights,
             out_fault))
        return false;
    if (has_rights)
        return true;
    struct buffer sql = {0};
    add_grant(d, group, name, &sql);
    return run_grant(d, &sql, out_fault);
}

bool roles_be_owner(struct db *d, struct db_fault *out_fault)
{
    static const struct roles_login owner = {.name = OWNER};
    const char *const names[2] = {OWNER, NULL};
    const bool is_16 = PQserverVersion(db_connection(d)) >= 160000;
    bool made = false, may = false;
    if (!make_role(d, &owner, &made, out_fault) ||
        !ask(d,
             is_16
                 ? "SELECT 1 WHERE pg_has_role($1::name, 'SET') AND pg_has_role($1::name, 'USAGE')"
                 : "SELECT 1 WHERE pg_has_role($1::name, 'MEMBER')",
             names, &may, out_fault))
        return false;
    if (may)
        return true;
    struct buffer sql = {0};
    add_grant(d, OWNER, PQuser(db_connection(d)), &sql);
    buffer_add_text(&sql, is_16 ? " WITH INHERIT TRUE, SET TRUE" : "");
    return run_grant(d, &sql, out_fault);
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
    bool exists = false;
    if (!ask(d, "SELECT 1 FROM pg_database WHERE datname = $1", names, &exists, out_fault))
        return false;
    *out_made = false;
    if (exists)
        return true;
    if (!roles_be_owner(d, out_fault))
        return false;
    struct buffer sql = {0};
    buffer_add_text(&sql, "CREATE DATABASE ");
    add_ident(d, name, &sql);
    buffer_add_text(&sql, " OWNER " OWNER " TEMPLATE template0 ENCODING 'UTF8'");
    if (!run_built(d, &sql, out_fault))
        return false;
    *out_made = out_fault->sqlstate[0] == '\0';
    return true;
}
