/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the event share: read one, and tell its faults. */
#ifndef HOLDFAST_TESTS_EVENT_UNIT_H
#define HOLDFAST_TESTS_EVENT_UNIT_H

#include <stdlib.h>
#include <string.h>

#include "common/event/event.h"
#include "tests/unit/unit.h"

static const struct gate_limits event_unit_limits = {
    .depth = 32, .members = 1024, .digits = 262144};

/* Scans and reads; the gate must accept. */
static inline bool read_event(struct event_reader *r, struct slice text, struct log_event *out,
                              struct event_faults *out_faults)
{
    struct gate_value value;
    struct gate_verdict verdict;
    if (!gate_scan_whole(event_reader_gate(r), text, &value, &verdict))
        fail_msg("%.*s: %s at %zu", SLICE_ARGS(text), gate_fault_text(verdict.fault),
                 verdict.offset);
    return event_read(r, &value, out, out_faults);
}

/* Reads what must be good. */
static inline struct log_event good_event(struct event_reader *r, const char *text)
{
    struct log_event event = {0};
    struct event_faults faults;
    if (!read_event(r, slice_of(text), &event, &faults))
        fail_msg("%s: %s: %s", text, faults.fault[0].pointer, faults.fault[0].detail);
    return event;
}

static inline void assert_token(struct slice token, const char *expected)
{
    if (expected == NULL ? token.data != NULL : !slice_equals(token, slice_of(expected)))
        fail_msg("%.*s is not %s", SLICE_ARGS(token), expected == NULL ? "absent" : expected);
}

/* Exactly this fault and no other. */
static inline void assert_fault(struct event_reader *r, const char *text, const char *pointer,
                                const char *detail)
{
    struct log_event event = {.received_at = 4711};
    struct event_faults faults;
    if (read_event(r, slice_of(text), &event, &faults))
        fail_msg("taken: %s", text);
    if (faults.count != 1 || strcmp(faults.fault[0].pointer, pointer) != 0 ||
        strcmp(faults.fault[0].detail, detail) != 0)
        fail_msg("%s: %zu faults, %s: %s", text, faults.count, faults.fault[0].pointer,
                 faults.fault[0].detail);
    assert_int_equal(event.received_at, 4711); /* untouched */
}

#endif
