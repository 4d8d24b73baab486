/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as an event in another shape. What a shape makes of JSON the gate accepted is JSON the
 * gate accepts, but for two names that became one, and an object; what OTLP becomes is such
 * objects, a line each. Coded bodies stay within their bound.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/json/gate.h"
#include "producer/cloudevents.h"
#include "producer/coding.h"
#include "producer/otlp.h"
#include "producer/percent.h"
#include "producer/shape.h"
#include "producer/trace.h"

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

enum { DECODED_MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct gate_limits limits = {.depth = 32, .members = 4096, .digits = 200000};
static const struct gate_limits wide = {.depth = 64, .members = 1 << 20, .digits = 1 << 24};
static struct gate *gate, *wide_gate;
static struct buffer out;
static struct event_faults faults;

static void check_object(struct slice text)
{
    struct gate_value value;
    struct gate_verdict verdict;
    if (gate_scan_whole(wide_gate, text, &value, &verdict))
        CHECK(value.kind == GATE_OBJECT);
    else
        CHECK(verdict.fault == GATE_FAULT_DUPLICATE);
}

static void check_faults(const struct shape *s)
{
    CHECK(faults.count >= 1 && faults.count <= EVENT_FAULTS_MAX);
    for (size_t i = 0; i < faults.count; i++) {
        CHECK(faults.fault[i].detail[0] != '\0');
        s->tell(s, &faults.fault[i]);
        CHECK(memchr(faults.fault[i].pointer, '\0', sizeof faults.fault[i].pointer) != NULL);
    }
}

static void check_shape(const struct shape *s, const struct gate_value *value)
{
    buffer_clear(&out);
    if (!s->turn(s, value, &out, &faults))
        check_faults(s);
    else if (out.size > 0)
        check_object(buffer_slice(&out));
}

static void check_shapes(struct slice text)
{
    struct shape_payload payload;
    struct gate_value value;
    struct gate_verdict verdict;
    shape_payload_init(&payload, SLICE("\"t\""));
    if (!gate_scan_whole(gate, text, &value, &verdict))
        return;
    check_shape(&shape_plain, &value);
    check_shape(&payload.shape, &value);
    check_shape(&cloudevents_structured, &value);
}

static void check_otlp(struct slice text)
{
    struct event_fault fault = {0};
    buffer_clear(&out);
    const enum otlp_result result =
        otlp_turn(&(struct otlp_request){wide_gate, text, DECODED_MAX, DECODED_MAX, &out}, &fault);
    CHECK(result != OTLP_MALFORMED || fault.detail[0] != '\0');
    struct slice rest = buffer_slice(&out);
    while (result == OTLP_TURNED && rest.size > 0) {
        const char *end = memchr(rest.data, '\n', rest.size);
        CHECK(end != NULL);
        const size_t size = (size_t)(end - rest.data);
        check_object((struct slice){rest.data, size});
        rest.data += size + 1;
        rest.size -= size + 1;
    }
}

static void check_coding(enum coding coding, struct slice text)
{
    buffer_clear(&out);
    const enum coding_result result = coding_decode(coding, text, DECODED_MAX, &out);
    CHECK(result != CODING_DECODED || out.size <= DECODED_MAX);
    CHECK(out.size <= DECODED_MAX + 1);
    if (out.capacity > 4 * DECODED_MAX)
        buffer_finish(&out);
}

static void check_texts(struct slice text)
{
    struct trace trace;
    struct gate_value value;
    struct gate_verdict verdict;
    buffer_clear(&out);
    if (percent_decode(text, &out))
        CHECK(gate_scan_whole(wide_gate, buffer_slice(&out), &value, &verdict) ||
              verdict.fault == GATE_FAULT_STRING_NUL);
    trace_read(text, &trace);
    CHECK((trace.trace_id.data == NULL) == (trace.span_id.data == NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct slice text = {(const char *)data, size};
    if (gate == NULL) {
        gate = gate_create(&limits);
        wide_gate = gate_create(&wide);
    }
    CHECK(gate != NULL && wide_gate != NULL);
    check_shapes(text);
    check_otlp(text);
    check_coding(CODING_GZIP, text);
    check_coding(CODING_ZSTD, text);
    check_texts(text);
    return 0;
}
