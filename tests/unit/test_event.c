/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "tests/unit/event_unit.h"

static int setup(void **state)
{
    *state = event_reader_create(&event_unit_limits);
    return *state == NULL;
}

static int teardown(void **state)
{
    event_reader_destroy(*state);
    return 0;
}

static void an_event_needs_only_a_type(void **state)
{
    const struct log_event e = good_event(*state, "{\"event_type\":\"x\"}");
    for (enum event_field f = 0; f < EVENT_FIELD_COUNT; f++) {
        if (f == EVENT_FIELD_EVENT_TYPE)
            assert_token(e.field[f], "\"x\"");
        else if (f == EVENT_FIELD_SEVERITY)
            assert_token(e.field[f], "\"info\"");
        else if (f == EVENT_FIELD_PRIORITY)
            assert_token(e.field[f], "5");
        else if (f == EVENT_FIELD_ROUTING_KEY)
            assert_token(e.field[f], "\"events.x\"");
        else
            assert_token(e.field[f], NULL);
    }
    assert_fault(*state, "{}", "/event_type", "required, but not there");
    assert_fault(*state, "{\"event_type\":null}", "/event_type", "required, but not there");
    assert_fault(*state, "{\"Event_type\":\"x\"}", "/event_type",
                 "required, but not there; is it meant by \"Event_type\"?");
}

static void only_objects_are_events(void **state)
{
    assert_fault(*state, "[]", "", "an event is an object, not an array");
    assert_fault(*state, "\"log\"", "", "an event is an object, not a string");
    assert_fault(*state, "null", "", "an event is an object, not null");
    assert_fault(*state, "false", "", "an event is an object, not a boolean");
}

static void fields_have_the_names_of_the_older_systems(void **state)
{
    static const struct {
        const char *name, *value;
        enum event_field field;
        const char *token;
    } cases[] = {
        {"id", "\"i\"", EVENT_FIELD_EVENT_ID, "\"i\""},
        {"type", "\"t\"", EVENT_FIELD_EVENT_TYPE, "\"t\""},
        {"_event_type", "\"t\"", EVENT_FIELD_EVENT_TYPE, "\"t\""},
        {"\\u0074ype", "\"t\"", EVENT_FIELD_EVENT_TYPE, "\"t\""},
        {"level", "\"error\"", EVENT_FIELD_SEVERITY, "\"error\""},
        {"severityText", "\"error\"", EVENT_FIELD_SEVERITY, "\"error\""},
        {"timestamp", "\"2026-01-31T12:00:00Z\"", EVENT_FIELD_OCCURRED_AT,
         "\"2026-01-31T12:00:00.000000Z\""},
        {"time", "\"2026-01-31 12:00:00\"", EVENT_FIELD_OCCURRED_AT,
         "\"2026-01-31T12:00:00.000000Z\""},
        {"created_at", "\"2026-01-31T12:00:00.5+02:00\"", EVENT_FIELD_OCCURRED_AT,
         "\"2026-01-31T10:00:00.500000Z\""},
        {"_emitted_at", "\"2026-01-31T12:00:00\\u005a\"", EVENT_FIELD_OCCURRED_AT,
         "\"2026-01-31T12:00:00.000000Z\""},
        {"message", "\"m\"", EVENT_FIELD_DESCRIPTION, "\"m\""},
        {"data", "{\"a\":1}", EVENT_FIELD_PAYLOAD, "{\"a\":1}"},
        {"details", "{}", EVENT_FIELD_PAYLOAD, "{}"},
        {"duration", "1.5", EVENT_FIELD_DURATION_MS, "1500"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[256];
        const bool is_type = cases[i].field == EVENT_FIELD_EVENT_TYPE;
        snprintf(text, sizeof text, "{\"%s\":%s%s}", cases[i].name, cases[i].value,
                 is_type ? "" : ",\"event_type\":\"x\"");
        const struct log_event e = good_event(*state, text);
        assert_token(e.field[cases[i].field], cases[i].token);
        assert_token(e.field[EVENT_FIELD_METADATA], NULL);
    }
}

static void every_field_is_taken_under_its_own_name(void **state)
{
    static const char *const values[] = {
        [EVENT_KIND_TEXT] = "\"t\"",
        [EVENT_KIND_SEVERITY] = "\"debug\"",
        [EVENT_KIND_TIME] = "\"2026-01-31T12:00:00.000000Z\"",
        [EVENT_KIND_TAGS] = "[\"a\"]",
        [EVENT_KIND_DURATION] = "2.50",
        [EVENT_KIND_BOOLEAN] = "false",
        [EVENT_KIND_POSITIVE] = "12",
        [EVENT_KIND_PRIORITY] = "9",
        [EVENT_KIND_OBJECT] = "{\"k\":1}",
    };
    for (enum event_field f = 0; f < EVENT_FIELD_COUNT; f++) {
        char text[256];
        snprintf(text, sizeof text, "{\"%s\":%s%s}", event_field_name(f),
                 values[event_field_kind(f)],
                 f == EVENT_FIELD_EVENT_TYPE ? "" : ",\"event_type\":\"x\"");
        const struct log_event e = good_event(*state, text);
        assert_token(e.field[f], values[event_field_kind(f)]);
    }
}

static void severities_have_aliases_in_any_case(void **state)
{
    static const char *const cases[][2] = {
        {"debug", "debug"},    {"info", "info"},         {"warning", "warning"},
        {"error", "error"},    {"critical", "critical"}, {"trace", "debug"},
        {"low", "info"},       {"medium", "warning"},    {"high", "error"},
        {"fatal", "critical"}, {"INFO", "info"},         {"Warning", "warning"},
        {"FATAL", "critical"}, {"warn", "warning"},      {"Err", "error"},
        {"notice", "info"},    {"crit", "critical"},     {"\\u0069nfo", "info"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[128], token[32];
        snprintf(text, sizeof text, "{\"type\":\"x\",\"severity\":\"%s\"}", cases[i][0]);
        snprintf(token, sizeof token, "\"%s\"", cases[i][1]);
        assert_token(good_event(*state, text).field[EVENT_FIELD_SEVERITY], token);
    }
    assert_fault(*state, "{\"type\":\"x\",\"severity\":\"loud\"}", "/severity",
                 "expected one of debug, info, warning, error, critical, got \"loud\"");
    assert_fault(*state, "{\"type\":\"x\",\"level\":3}", "/level",
                 "expected one of debug, info, warning, error, critical, got a number");
    assert_fault(*state, "{\"type\":\"x\",\"level\":\"\"}", "/level",
                 "expected one of debug, info, warning, error, critical, got \"\"");
}

static void good_values_become_canonical(void **state)
{
    static const struct {
        const char *member;
        enum event_field field;
        const char *token;
    } cases[] = {
        {"\"user_id\":7", EVENT_FIELD_USER_ID, "\"7\""},
        {"\"user_id\":-1.50e3", EVENT_FIELD_USER_ID, "\"-1.50e3\""},
        {"\"user_id\":true", EVENT_FIELD_USER_ID, "\"true\""},
        {"\"user_id\":null", EVENT_FIELD_USER_ID, NULL},
        {"\"title\":\"\"", EVENT_FIELD_TITLE, "\"\""},
        {"\"title\":\"a\\u0001\\n\"", EVENT_FIELD_TITLE, "\"a\\u0001\\n\""},
        {"\"tags\":[]", EVENT_FIELD_TAGS, "[]"},
        {"\"tags\":null", EVENT_FIELD_TAGS, NULL},
        {"\"duration_ms\":0", EVENT_FIELD_DURATION_MS, "0"},
        {"\"duration_ms\":-0.0", EVENT_FIELD_DURATION_MS, "0"},
        {"\"duration_ms\":1e308", EVENT_FIELD_DURATION_MS, "1e308"},
        {"\"duration_ms\":12.340", EVENT_FIELD_DURATION_MS, "12.340"},
        {"\"duration\":0", EVENT_FIELD_DURATION_MS, "0"},
        {"\"duration\":-0", EVENT_FIELD_DURATION_MS, "0"},
        {"\"duration\":0.000", EVENT_FIELD_DURATION_MS, "0"},
        {"\"duration\":0e999999999", EVENT_FIELD_DURATION_MS, "0"},
        {"\"duration\":12", EVENT_FIELD_DURATION_MS, "12000"},
        {"\"duration\":0.5", EVENT_FIELD_DURATION_MS, "500"},
        {"\"duration\":0.0005", EVENT_FIELD_DURATION_MS, "0.5"},
        {"\"duration\":0.0375", EVENT_FIELD_DURATION_MS, "37.5"},
        {"\"duration\":1.23456789012345678901", EVENT_FIELD_DURATION_MS, "1234.56789012345678901"},
        {"\"duration\":100.25", EVENT_FIELD_DURATION_MS, "100250"},
        {"\"duration\":1.5e2", EVENT_FIELD_DURATION_MS, "1.5e5"},
        {"\"duration\":1E-3", EVENT_FIELD_DURATION_MS, "1e0"},
        {"\"success\":true", EVENT_FIELD_SUCCESS, "true"},
        {"\"session_id\":1", EVENT_FIELD_SESSION_ID, "1"},
        {"\"session_id\":9223372036854775807", EVENT_FIELD_SESSION_ID, "9223372036854775807"},
        {"\"priority\":0", EVENT_FIELD_PRIORITY, "0"},
        {"\"priority\":9", EVENT_FIELD_PRIORITY, "9"},
        {"\"payload\":{ }", EVENT_FIELD_PAYLOAD, "{ }"},
        {"\"payload\":{\"n\":1.10e+2}", EVENT_FIELD_PAYLOAD, "{\"n\":1.10e+2}"},
        {"\"routing_key\":\"a.b\"", EVENT_FIELD_ROUTING_KEY, "\"a.b\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[256];
        snprintf(text, sizeof text, "{%s,\"event_type\":\"x\"}", cases[i].member);
        assert_token(good_event(*state, text).field[cases[i].field], cases[i].token);
    }
}

static void bad_values_are_named(void **state)
{
#define TIME  "expected a time such as \"2026-01-31T12:00:00Z\" (RFC 3339), got "
#define WHOLE "expected a whole number from 1 to 9223372036854775807, got "
    static const char *const cases[][3] = {
        {"\"user_id\":{}", "/user_id", "expected a string, got an object"},
        {"\"title\":[]", "/title", "expected a string, got an array"},
        {"\"event_id\":\"\"", "/event_id", "expected 1 to 255 characters, got an empty string"},
        {"\"id\":\"\"", "/id", "expected 1 to 255 characters, got an empty string"},
        {"\"routing_key\":\"\"", "/routing_key",
         "expected 1 to 255 characters, got an empty string"},
        {"\"time\":\"yesterday\"", "/time", TIME "\"yesterday\""},
        {"\"time\":\"2026-02-30T00:00:00Z\"", "/time", TIME "\"2026-02-30T00:00:00Z\""},
        {"\"time\":1769860800", "/time", TIME "a number"},
        {"\"time\":\"2026-01-31T12:00:00Z and much more than a time has\"", "/time",
         TIME "another string"},
        {"\"tags\":\"a\"", "/tags", "expected an array of strings, got a string"},
        {"\"tags\":{\"a\":1}", "/tags", "expected an array of strings, got an object"},
        {"\"tags\":[1]", "/tags/0", "expected a string, got a number"},
        {"\"tags\":[\"a\" , \"b\",null]", "/tags/2", "expected a string, got null"},
        {"\"tags\":[\"a\",[\"b\"]]", "/tags/1", "expected a string, got an array"},
        {"\"tags\":[\"a\\\"]\",true]", "/tags/1", "expected a string, got a boolean"},
        {"\"duration_ms\":-1", "/duration_ms", "expected a number that is not negative, got -1"},
        {"\"duration_ms\":-1e-400", "/duration_ms",
         "expected a number that is not negative, got -1e-400"},
        {"\"duration_ms\":1e309", "/duration_ms",
         "expected a number that is not negative, got 1e309"},
        {"\"duration_ms\":1e-400", "/duration_ms",
         "expected a number that is not negative, got 1e-400"},
        {"\"duration_ms\":\"5\"", "/duration_ms",
         "expected a number that is not negative, got a string"},
        {"\"duration\":1e306", "/duration", "expected a number that is not negative, got 1e306"},
        {"\"duration\":-0.001", "/duration", "expected a number that is not negative, got -0.001"},
        {"\"success\":1", "/success", "expected true or false, got a number"},
        {"\"success\":\"true\"", "/success", "expected true or false, got a string"},
        {"\"session_id\":0", "/session_id", WHOLE "0"},
        {"\"session_id\":-1", "/session_id", WHOLE "-1"},
        {"\"session_id\":1.0", "/session_id", WHOLE "1.0"},
        {"\"session_id\":1e3", "/session_id", WHOLE "1e3"},
        {"\"session_id\":9223372036854775808", "/session_id", WHOLE "9223372036854775808"},
        {"\"session_id\":11111111112222222222333333333344444444445555555555", "/session_id",
         WHOLE "another number"},
        {"\"session_id\":\"1\"", "/session_id", WHOLE "a string"},
        {"\"priority\":10", "/priority", "expected a whole number from 0 to 9, got 10"},
        {"\"priority\":-1", "/priority", "expected a whole number from 0 to 9, got -1"},
        {"\"priority\":true", "/priority", "expected a whole number from 0 to 9, got a boolean"},
        {"\"payload\":[]", "/payload", "expected an object, got an array"},
        {"\"data\":\"text\"", "/data", "expected an object, got a string"},
        {"\"state\":1", "/state", "expected an object, got a number"},
        {"\"metadata\":[1]", "/metadata", "expected an object, got an array"},
    };
#undef TIME
#undef WHOLE
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[256];
        snprintf(text, sizeof text, "{%s,\"event_type\":\"x\"}", cases[i][0]);
        assert_fault(*state, text, cases[i][1], cases[i][2]);
    }
    assert_fault(*state, "{\"event_type\":\"\"}", "/event_type",
                 "expected 1 to 100 characters, got an empty string");
    assert_fault(*state, "{\"event_type\":[]}", "/event_type", "expected a string, got an array");
}

static void a_field_comes_under_one_name(void **state)
{
    assert_fault(*state, "{\"type\":\"x\",\"event_type\":\"x\"}", "/event_type",
                 "the same field as \"type\", which is there too; send one of them");
    assert_fault(*state, "{\"type\":\"x\",\"data\":{},\"details\":{}}", "/details",
                 "the same field as \"data\", which is there too; send one of them");
    assert_fault(*state, "{\"type\":\"x\",\"duration_ms\":5,\"duration\":1}", "/duration",
                 "the same field as \"duration_ms\", which is there too; send one of them");
    assert_fault(*state, "{\"_event_type\":5,\"\\u0074ype\":\"x\"}", "/\\u0074ype",
                 "the same field as \"_event_type\", which is there too; send one of them");
    const struct log_event e =
        good_event(*state, "{\"type\":null,\"event_type\":\"y\",\"id\":null}");
    assert_token(e.field[EVENT_FIELD_EVENT_TYPE], "\"y\"");
    assert_token(e.field[EVENT_FIELD_EVENT_ID], NULL);
}

static void all_faults_are_told(void **state)
{
    struct log_event event;
    struct event_faults faults;
    assert_false(
        read_event(*state, SLICE("{\"priority\":11,\"tags\":[1],\"x\":1,\"success\":0,\"time\":0}"),
                   &event, &faults));
    static const char *const pointers[] = {"/priority", "/tags/0", "/success", "/time",
                                           "/event_type"};
    assert_int_equal(faults.count, 5);
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(faults.fault[i].pointer, pointers[i]);
}

static void no_more_faults_are_told_than_there_is_room_for(void **state)
{
    struct buffer text = {0};
    struct log_event event;
    struct event_faults faults;
    for (enum event_field f = 0; f < EVENT_FIELD_COUNT; f++)
        buffer_printf(&text, "%c\"%s\":[0]", f == 0 ? '{' : ',', event_field_name(f));
    buffer_add_byte(&text, '}');
    assert_false(read_event(*state, buffer_slice(&text), &event, &faults));
    assert_int_equal(faults.count, EVENT_FAULTS_MAX);
    assert_string_equal(faults.fault[EVENT_FAULTS_MAX - 1].pointer, "/correlation_id");
    buffer_finish(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_needs_only_a_type),
        cmocka_unit_test(only_objects_are_events),
        cmocka_unit_test(fields_have_the_names_of_the_older_systems),
        cmocka_unit_test(every_field_is_taken_under_its_own_name),
        cmocka_unit_test(severities_have_aliases_in_any_case),
        cmocka_unit_test(good_values_become_canonical),
        cmocka_unit_test(bad_values_are_named),
        cmocka_unit_test(a_field_comes_under_one_name),
        cmocka_unit_test(all_faults_are_told),
        cmocka_unit_test(no_more_faults_are_told_than_there_is_room_for),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
