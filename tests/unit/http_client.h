/* SPDX-License-Identifier: Apache-2.0 */
/* A client of bytes on loopback, for tests: what goes wrong fails the test. */
#ifndef HOLDFAST_TESTS_HTTP_CLIENT_H
#define HOLDFAST_TESTS_HTTP_CLIENT_H

#include <stddef.h>

int client_open(int port);
void client_say(int fd, const char *text);
/* Reads until the server closes, `enough` (NULL: never) stands in it, or `out` is full. */
size_t client_hear(int fd, char *out, size_t size, const char *enough);
/* What the server says to `text` until it closes; lent until the next call. */
const char *client_ask(int port, const char *text) __attribute__((returns_nonnull));

#endif
