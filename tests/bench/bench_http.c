/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bare HTTP limit: libevent's evhttp answers every request with 202 and a body like the
 * producer's. It reads nothing of the request and stores nothing.
 *
 *     bench_http PORT
 */
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static const char answer[] =
    "{\"status\":\"accepted\",\"message\":\"Log event queued for processing\","
    "\"event_id\":\"018f4d3e-7c1a-7000-8000-000000000000\","
    "\"timestamp\":\"2000-01-01T00:00:00.000000Z\"}";

static void on_request(struct evhttp_request *request, void *arg)
{
    (void)arg;
    struct evbuffer *body = evbuffer_new();
    if (body == NULL)
        exit(1);
    evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type",
                      "application/json");
    evbuffer_add_reference(body, answer, sizeof answer - 1, NULL, NULL);
    evhttp_send_reply(request, 202, "Accepted", body);
    evbuffer_free(body);
}

int main(int argc, char **argv)
{
    if (argc != 2 || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        return 2;
    struct event_base *base = event_base_new();
    struct evhttp *http = base != NULL ? evhttp_new(base) : NULL;
    if (http == NULL)
        return 1;
    evhttp_set_gencb(http, on_request, NULL);
    if (evhttp_bind_socket(http, "127.0.0.1", (unsigned short)strtoul(argv[1], NULL, 10)) != 0) {
        fprintf(stderr, "port %s cannot be had\n", argv[1]);
        return 1;
    }
    event_base_dispatch(base);
    evhttp_free(http);
    event_base_free(base);
    return 0;
}
