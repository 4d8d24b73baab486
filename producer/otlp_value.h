/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of OTLP in JSON: {"stringValue":…}, {"kvlistValue":{"values":[{"key":…,"value":…}]}} and
 * so on, told as plain JSON. What is given has passed the gate.
 */
#ifndef HOLDFAST_PRODUCER_OTLP_VALUE_H
#define HOLDFAST_PRODUCER_OTLP_VALUE_H

#include "common/core/buffer.h"

#define OTLP_NO_VALUE                                                                              \
    "not a value as OTLP has it: an object with one of stringValue, intValue, doubleValue, "       \
    "boolValue, bytesValue, arrayValue, kvlistValue"
#define OTLP_NO_ATTRIBUTES                                                                          \
    "not a list of attributes as OTLP has it: {\"key\":…,\"value\":{\"stringValue\":…}}, with " \
    "intValue, doubleValue, boolValue, bytesValue, arrayValue, kvlistValue"

/* An AnyValue; null when it holds nothing that is known. False: not an AnyValue. */
MUST_CHECK bool otlp_add_value(struct slice value, struct buffer *out);

/* An array of KeyValue, as an object. Absent is {}. */
MUST_CHECK bool otlp_add_attributes(struct slice attributes, struct buffer *out);

/* The same into an object that is open, and closes it. An attribute of the name `taken`, which the
 * object has already, becomes attributes.<name>; NULL: it has none. */
MUST_CHECK bool otlp_complete(struct slice attributes, const char *taken, struct buffer *out);

/* The string an attribute holds; absent when there is none, or none that is text. */
struct slice otlp_find_text(struct slice attributes, const char *key);

/* A 64-bit number, which may be written as a string. False: it is not one. */
MUST_CHECK bool otlp_read_u64(struct slice token, uint64_t *out_value);

#endif
