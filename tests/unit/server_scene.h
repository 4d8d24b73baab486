/* SPDX-License-Identifier: Apache-2.0 */
/* A server in a child, small enough to be filled, that tests speak to through sockets. */
#ifndef TESTS_UNIT_SERVER_SCENE_H
#define TESTS_UNIT_SERVER_SCENE_H

enum { CONNECTIONS_MAX = 4, BODY_MAX = 1000, TIMEOUT_MS = 400, IDLE_S = 90 };

#define CLOSE "Host: h\r\nConnection: close\r\n\r\n"

/* For cmocka. The child must end by itself, well, and soon. */
int scene_start(void **state);
int scene_stop(void **state);
void scene_tell_to_stop(void);

int scene_open(void);                    /* a connection to it */
const char *scene_ask(const char *text); /* what it says until it closes */
void scene_has(const char *answer, const char *wanted);

#endif
