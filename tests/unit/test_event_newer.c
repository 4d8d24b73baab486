/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of a newer version, whose fields this one does not know. */
#include "tests/unit/event_unit.h"

#define HEAD                                                                                       \
    "{\"id\":\"019c1a2b-3c4d-7e5f-8a6b-0123456789ab\","                                            \
    "\"received_at\":\"2026-01-31T12:00:00.000000Z\""

static void fields_of_a_newer_version_are_kept_in_the_metadata(void **state)
{
    struct event_reader *r = event_reader_create(&event_unit_limits);
    static const struct {
        const char *line, *metadata;
        size_t newer;
    } rows[] = {
        {HEAD ",\"event_type\":\"x\",\"region\":\"eu\"}", "{\"newer_fields\":{\"region\":\"eu\"}}",
         1},
        {HEAD ",\"event_type\":\"x\",\"metadata\":{\"region\":1},\"region\":\"eu\",\"zone\":[{}]}",
         "{\"newer_fields\":{\"region\":\"eu\",\"zone\":[{}]},\"region\":1}", 2},
        {HEAD ",\"event_type\":\"x\",\"type\":\"y\"}", "{\"newer_fields\":{\"type\":\"y\"}}", 1},
        {HEAD ",\"event_type\":\"x\",\"metadata\":{}}", "{}", 0},
    };
    (void)state;
    assert_non_null(r);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct log_event event;
        struct event_faults faults;
        assert_true(event_read_line(r, slice_of(rows[i].line), &event, &faults));
        assert_int_equal(event.newer, rows[i].newer);
        assert_token(event.field[EVENT_FIELD_METADATA], rows[i].metadata);
    }
    event_reader_destroy(r);
}

static void metadata_that_has_such_a_member_is_not_overwritten(void **state)
{
    struct event_reader *r = event_reader_create(&event_unit_limits);
    const char *line =
        HEAD ",\"event_type\":\"x\",\"region\":1,\"metadata\":{\"newer_fields\":{}}}";
    struct log_event event;
    struct event_faults faults;
    (void)state;
    assert_non_null(r);
    assert_false(event_read_line(r, slice_of(line), &event, &faults));
    assert_int_equal(faults.count, 1);
    assert_string_equal(faults.fault[0].pointer, "/newer_fields");
    event_reader_destroy(r);
}

static int left; /* allocations until one fails; 0: none does */

void *__real_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size);

void *__wrap_realloc(void *memory, size_t size)
{
    return left > 0 && --left == 0 ? NULL : __real_realloc(memory, size);
}

/* Whichever allocation fails. How many of them made the reading fail. */
static int read_without_memory(const char *text, bool is_line)
{
    int failures = 0;
    for (int nth = 1; nth < 100; nth++) {
        struct event_reader *r = event_reader_create(&event_unit_limits);
        struct log_event event;
        struct event_faults faults = {.count = 0};
        struct gate_value value;
        struct gate_verdict verdict;
        assert_non_null(r);
        const bool is_json =
            is_line || gate_scan_whole(event_reader_gate(r), slice_of(text), &value, &verdict);
        assert_true(is_json);
        left = nth;
        const bool good = is_line ? event_read_line(r, slice_of(text), &event, &faults)
                                  : event_read(r, &value, &event, &faults);
        const bool failed = left == 0;
        left = 0;
        event_reader_destroy(r);
        if (!failed) {
            assert_true(good);
            return failures;
        }
        assert_false(good);
        assert_int_equal(faults.count, 0);
        failures++;
    }
    fail();
    return 0;
}

static void an_event_is_not_at_fault_when_memory_runs_out(void **state)
{
    (void)state;
    assert_true(read_without_memory(HEAD ",\"event_type\":\"x\",\"region\":\"eu\","
                                         "\"metadata\":{\"a\":{\"b\":[1]}}}",
                                    true) > 2);
    assert_true(read_without_memory("{\"event_type\":\"x\",\"region\":\"eu\","
                                    "\"metadata\":{\"a\":1}}",
                                    false) > 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_of_a_newer_version_are_kept_in_the_metadata),
        cmocka_unit_test(metadata_that_has_such_a_member_is_not_overwritten),
        cmocka_unit_test(an_event_is_not_at_fault_when_memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
