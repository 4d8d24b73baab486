/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small things about JSON text that the gate and the event share: UTF-8, the inside of strings
 * and JSON pointers. A "body" is what stands between the quotes of a string the gate accepted.
 */
#ifndef HOLDFAST_JSON_JSON_TEXT_H
#define HOLDFAST_JSON_JSON_TEXT_H

#include "common/core/buffer.h"

/* Size of the well-formed UTF-8 sequence at p (RFC 3629), 0 when there is none. p < end. */
size_t json_utf8_size(const char *p, const char *end);

bool json_is_utf8(struct slice text);

/* Takes the next character off a body: its UTF-8 goes to out. Returns its bytes, 0 at the end. */
size_t json_body_next(struct slice *body, char out[4]);

void json_body_add(struct slice body, struct buffer *out); /* appends it unescaped */
bool json_body_equals(struct slice a, struct slice b);     /* as texts: "a" is "\u0061" */

/* The body of a string token: the token without its quotes. */
struct slice json_body_of(struct slice string_token);

/* The nearest double to a number's token, behind which stands a byte no number goes on with. */
double json_number(struct slice token);

#define JSON_POINTER_SIZE 256

/* Appends "/name"; what does not fit is cut between characters and marked with "…". */
void json_pointer_add(char pointer[JSON_POINTER_SIZE], struct slice name);
void json_pointer_add_index(char pointer[JSON_POINTER_SIZE], size_t index);

#endif
