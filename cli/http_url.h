/* SPDX-License-Identifier: Apache-2.0 */
/* An http:// address in its parts. Pure. */
#ifndef HOLDFAST_CLI_HTTP_URL_H
#define HOLDFAST_CLI_HTTP_URL_H

#include "common/base/slice.h"

struct http_url {
    char host[254];      /* without the brackets of an IPv6 address */
    char port[6];        /* digits; "80" when not said */
    char authority[300]; /* as the Host header wants it */
    char prefix[512];    /* path before ours, without a slash at its end; "" mostly */
};

/* False with a static text in out_fault: only http://HOST[:PORT][/PATH] is taken. */
MUST_CHECK bool http_url_parse(const char *text, struct http_url *out, const char **out_fault);

#endif
