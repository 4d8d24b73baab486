/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 00-<trace: 32 hex>-<span: 16 hex>-<flags: 2 hex>, lower case. Later versions may have more
 * behind another dash; version ff and ids of zeros only are not valid.
 */
#include "producer/trace.h"

#include <string.h>

enum { TRACE_AT = 3, TRACE_SIZE = 32, SPAN_AT = 36, SPAN_SIZE = 16, FLAGS_AT = 53, SIZE = 55 };

static bool is_hex(struct slice s)
{
    for (size_t i = 0; i < s.size; i++) {
        if (strchr("0123456789abcdef", s.data[i]) == NULL || s.data[i] == '\0')
            return false;
    }
    return true;
}

static bool is_zero(struct slice s)
{
    for (size_t i = 0; i < s.size; i++) {
        if (s.data[i] != '0')
            return false;
    }
    return true;
}

static bool has_length(struct slice s)
{
    if (s.size == SIZE)
        return true;
    return s.size > SIZE && s.data[SIZE] == '-' && memcmp(s.data, "00", 2) != 0;
}

static struct slice quote(struct slice s, char *text)
{
    text[0] = text[s.size + 1] = '"';
    memcpy(text + 1, s.data, s.size);
    return (struct slice){text, s.size + 2};
}

void trace_read(struct slice traceparent, struct trace *out)
{
    const struct slice s = slice_trim(traceparent);
    out->trace_id = out->span_id = (struct slice){0};
    if (!has_length(s) || s.data[2] != '-' || s.data[SPAN_AT - 1] != '-' ||
        s.data[FLAGS_AT - 1] != '-')
        return;
    const struct slice version = {s.data, 2}, flags = {s.data + FLAGS_AT, 2};
    const struct slice trace = {s.data + TRACE_AT, TRACE_SIZE},
                       span = {s.data + SPAN_AT, SPAN_SIZE};
    if (!is_hex(version) || !is_hex(flags) || !is_hex(trace) || !is_hex(span) || is_zero(trace) ||
        is_zero(span) || slice_equals(version, SLICE("ff")))
        return;
    out->trace_id = quote(trace, out->trace_text);
    out->span_id = quote(span, out->span_text);
}
