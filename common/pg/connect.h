/* SPDX-License-Identifier: Apache-2.0 */
/* How a session is opened: libpq's parameters, the settings of the session, and what a failure to
 * connect means. Used by session.c alone. */
#ifndef HOLDFAST_PG_CONNECT_H
#define HOLDFAST_PG_CONNECT_H

#include <libpq-fe.h>

#include "common/pg/command.h"

PGconn *connect_start(const struct session_options *o, const char *hosts, const char *addresses);

#define CONNECT_SETTINGS_SIZE 1024
/* SET commands and, last, a SELECT for connect_check_durable. */
void connect_settings(const struct session_options *o, char out[CONNECT_SETTINGS_SIZE]);

/* False with a fault when commits would not survive a power cut and the options insist; shouts in
 * the log when they do not insist. */
MUST_CHECK bool connect_check_durable(const struct session_options *o,
                                      const struct session_answer *a,
                                      struct session_fault *out_fault);

/* libpq keeps the SQLSTATE of a refused connection to itself, but prints it. */
void connect_fault_of_text(struct session_fault *out, const char *text);

#endif
