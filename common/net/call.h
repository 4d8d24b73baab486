/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP exchange: what the client asked and the one answer it gets, which is due even when the
 * client has gone. The call and what it lends live until call_reply or call_refuse take it. */
#ifndef HOLDFAST_NET_CALL_H
#define HOLDFAST_NET_CALL_H

#include "common/core/slice.h"

struct buffer;
struct call;
struct problem;
enum { CALL_HEADERS = 3 };

struct call_header {
    const char *name, *value;
};

struct reply {
    int status;
    const char *content_type;                 /* NULL = application/json */
    struct slice body;                        /* copied */
    struct call_header headers[CALL_HEADERS]; /* ends at the first without a name; copied */
};
/* What a route puts into every answer of a call, or says in its own way. Lent until then. */
struct call_style {
    struct call_header headers[CALL_HEADERS];
    void (*write_problem)(const struct problem *p, struct buffer *out); /* as JSON; or NULL */
};

/* An error, as application/problem+json (RFC 9457) of the type "/problems/<slug>". */
struct problem {
    int status;
    const char *slug;
    const char *detail;
    struct slice errors; /* JSON array text of the member "errors"; data NULL: none */
    uint64_t more;       /* errors left out of that array; 0 = do not say */
    struct call_header headers[CALL_HEADERS];
};

struct slice call_method(const struct call *c);
struct slice call_path(const struct call *c); /* as it came, without the query */
/* data NULL when absent. A parameter is given as it came: still percent-encoded. */
struct slice call_parameter(const struct call *c, const char *name);
struct slice call_header(const struct call *c, const char *name);
size_t call_headers(const struct call *c, const char *name, struct slice *out_first); /* how many */
bool call_next_header(const struct call *c, struct slice *rest, struct slice *out_name,
                      struct slice *out_value); /* *rest is all zero at first */
struct slice call_body(const struct call *c);
void call_drop_body(struct call *c);     /* nobody needs it any more: its memory is given back */
bool call_is_gone(const struct call *c); /* nobody is left to be answered */
/* Told once if the client goes, or shuts its side, before its answer is on its way. */
void call_on_gone(struct call *c, void (*on_gone)(void *arg), void *arg);
#define CALL_HEAVY_NS INT64_C(50000000)      /* who spent more of late waits for who did not */
int64_t call_spent_ns(const struct call *c); /* on its connection; halved each second */
void call_spend(struct call *c, int64_t ns);
void call_set_style(struct call *c, const struct call_style *style);
void call_reply(struct call *c, const struct reply *r);
void call_refuse(struct call *c, const struct problem *p);

#endif
