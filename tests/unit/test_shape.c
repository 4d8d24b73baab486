/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <string.h>

#include "common/json/json_walk.h"
#include "producer/percent.h"
#include "producer/shape.h"
#include "producer/trace.h"

#include "producer/walk.h"
#include "tests/unit/turned.h"

static int setup(void **state)
{
    (void)state;
    return turned_open() ? 0 : 1;
}

static int teardown(void **state)
{
    (void)state;
    turned_close();
    return 0;
}

static void a_string_is_a_log_event(void **state)
{
    (void)state;
    assert_string_equal(turned(&shape_plain, "\"it \\\"rained\\\"\""),
                        "{\"type\":\"log\",\"message\":\"it \\\"rained\\\"\"}");
    assert_string_equal(turned(&shape_plain, "\"\""), "{\"type\":\"log\",\"message\":\"\"}");
}

static void what_is_no_string_stays_as_it_is(void **state)
{
    static const char *const values[] = {"{\"event_type\":\"a\"}", "7", "null", "[]"};
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        assert_string_equal(turned(&shape_plain, values[i]), "");
}

static void a_payload_keeps_what_came(void **state)
{
    struct shape_payload s;
    (void)state;
    shape_payload_init(&s, SLICE("\"t\""));
    assert_string_equal(turned(&s.shape, "{ }"), "{\"type\":\"t\",\"data\":{ }}");
    assert_string_equal(turned(&s.shape, "{\"a\" : 1.50}"),
                        "{\"type\":\"t\",\"data\":{\"a\" : 1.50}}");
    assert_null(turned(&s.shape, "[1]"));
    assert_null(turned(&s.shape, "\"text\""));
}

static void members_every_event_has_are_fields_too(void **state)
{
    struct shape_payload s;
    (void)state;
    shape_payload_init(&s, SLICE("\"t\""));
    assert_string_equal(
        turned(&s.shape, "{\"user_id\":7,\"severity\":\"HIGH\",\"_emitted_at\":\"2026-01-01\"}"),
        "{\"type\":\"t\",\"severity\":\"HIGH\",\"_emitted_at\":\"2026-01-01\",\"user_id\":7,"
        "\"data\":{\"user_id\":7,\"severity\":\"HIGH\",\"_emitted_at\":\"2026-01-01\"}}");
    /* What a field could not hold stays data and nothing else. */
    assert_string_equal(
        turned(&s.shape, "{\"user_id\":{},\"severity\":3,\"session_id\":\"a\",\"job_id\":null}"),
        "{\"type\":\"t\",\"data\":{\"user_id\":{},\"severity\":3,\"session_id\":\"a\","
        "\"job_id\":null}}");
    assert_string_equal(turned(&s.shape, "{\"queue\":\"\",\"bom_id\":[1]}"),
                        "{\"type\":\"t\",\"data\":{\"queue\":\"\",\"bom_id\":[1]}}");
}

static void faults_are_told_in_the_words_of_what_was_sent(void **state)
{
    struct shape_payload s;
    struct event_fault fault = {.pointer = "/data/a/b"};
    (void)state;
    shape_payload_init(&s, SLICE("\"t\""));
    s.shape.tell(&s.shape, &fault);
    assert_string_equal(fault.pointer, "/a/b");
    fault = (struct event_fault){.pointer = "/payload"};
    s.shape.tell(&s.shape, &fault);
    assert_string_equal(fault.pointer, "");
    fault = (struct event_fault){.pointer = "/database"};
    s.shape.tell(&s.shape, &fault);
    assert_string_equal(fault.pointer, "/database");
    fault = (struct event_fault){.pointer = "/message"};
    shape_plain.tell(&shape_plain, &fault);
    assert_string_equal(fault.pointer, "");
}

static void objects_are_walked(void **state)
{
    static const char *const names[] = {"a", "b", "c", "none", "null"};
    struct slice found[5];
    (void)state;
    walk_pick(
        SLICE("{\"x\":{\"a\":1,\"y\":[\"}\",\"\\\"]\"]} , \"\\u0061\" : \"q\\\\\",\"b\":-1e5 ,"
              "\"c\":[[],{}] , \"null\":null }"),
        names, 5, found);
    assert_true(slice_equals(found[0], SLICE("\"q\\\\\"")));
    assert_true(slice_equals(found[1], SLICE("-1e5")));
    assert_true(slice_equals(found[2], SLICE("[[],{}]")));
    assert_null(found[3].data);
    assert_null(found[4].data);
    walk_pick(SLICE("{ }"), names, 5, found);
    assert_null(found[0].data);
}

static void arrays_are_walked(void **state)
{
    struct slice rest = SLICE("[ 1,\"a,]\" ,[2,[3]], {\"x\":[]},true ]"), value;
    static const char *const values[] = {"1", "\"a,]\"", "[2,[3]]", "{\"x\":[]}", "true"};
    (void)state;
    for (size_t i = 0; i < 5; i++) {
        assert_true(json_next_element(&rest, &value));
        assert_true(slice_equals(value, slice_of(values[i])));
    }
    assert_false(json_next_element(&rest, &value));
    rest = SLICE(" [ ] ");
    assert_false(json_next_element(&rest, &value));
}

static void percents_are_decoded_once(void **state)
{
    static const struct {
        const char *text, *token; /* NULL: refused */
    } cases[] = {
        {"", "\"\""},
        {"plain text", "\"plain text\""},
        {"Euro%20%E2%82%AC%20%F0%9F%98%80", "\"Euro \xe2\x82\xac \xf0\x9f\x98\x80\""},
        {"%22%5c%0a", "\"\\\"\\\\\\n\""},
        {"%2525", "\"%25\""},
        {"100%", "\"100%\""},
        {"%zz%4", "\"%zz%4\""},
        {"caf\xc3\xa9", "\"caf\xc3\xa9\""},
        {"caf\xe9", NULL},
        {"%C0%A0", NULL},
        {"%ff", NULL},
        {"%ED%A0%80", NULL},
    };
    struct buffer out = {0};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        buffer_clear(&out);
        const bool good = percent_decode(slice_of(cases[i].text), &out);
        if (good != (cases[i].token != NULL) ||
            (good && !slice_equals(buffer_slice(&out), slice_of(cases[i].token))))
            fail_msg("%s: %.*s", cases[i].text, SLICE_ARGS(buffer_slice(&out)));
    }
    buffer_finish(&out);
}

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define SPAN  "b7ad6b7169203331"

static void a_traceparent_is_read_or_is_none(void **state)
{
    static const struct {
        const char *header;
        bool good;
    } cases[] = {
        {"00-" TRACE "-" SPAN "-01", true},
        {"00-" TRACE "-" SPAN "-ff", true},
        {" 00-" TRACE "-" SPAN "-00\t", true},
        {"01-" TRACE "-" SPAN "-01", true},
        {"cc-" TRACE "-" SPAN "-01-what-comes-later", true},
        {"cc-" TRACE "-" SPAN "-01.x", false},
        {"00-" TRACE "-" SPAN "-01-x", false},
        {"00-" TRACE "-" SPAN "-01-", false},
        {"ff-" TRACE "-" SPAN "-01", false},
        {"00-00000000000000000000000000000000-" SPAN "-01", false},
        {"00-" TRACE "-0000000000000000-01", false},
        {"00-0AF7651916CD43DD8448EB211C80319C-" SPAN "-01", false},
        {"00-" TRACE "-" SPAN "-0", false},
        {"00-" TRACE "-" SPAN "-0g", false},
        {"00-" TRACE "_" SPAN "-01", false},
        {"0-" TRACE "-" SPAN "-001", false},
        {"", false},
        {NULL, false},
    };
    struct trace trace;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        trace_read(slice_of(cases[i].header), &trace);
        if (cases[i].good != (trace.trace_id.data != NULL))
            fail_msg("%s", cases[i].header);
        if (!cases[i].good)
            continue;
        assert_true(slice_equals(trace.trace_id, SLICE("\"" TRACE "\"")));
        assert_true(slice_equals(trace.span_id, SLICE("\"" SPAN "\"")));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_string_is_a_log_event),
        cmocka_unit_test(what_is_no_string_stays_as_it_is),
        cmocka_unit_test(a_payload_keeps_what_came),
        cmocka_unit_test(members_every_event_has_are_fields_too),
        cmocka_unit_test(faults_are_told_in_the_words_of_what_was_sent),
        cmocka_unit_test(objects_are_walked),
        cmocka_unit_test(arrays_are_walked),
        cmocka_unit_test(percents_are_decoded_once),
        cmocka_unit_test(a_traceparent_is_read_or_is_none),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
