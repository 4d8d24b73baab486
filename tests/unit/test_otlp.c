/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "common/json/gate.h"
#include "producer/otlp.h"
#include "producer/otlp_value.h"

enum { RECORD_MAX = 2000 };

static struct gate *gate;
static struct buffer out;
static struct event_fault fault;

static int setup(void **state)
{
    (void)state;
    gate = gate_create(&(struct gate_limits){.depth = 64, .members = 10000, .digits = 100000});
    return gate == NULL;
}

static int teardown(void **state)
{
    (void)state;
    gate_destroy(gate);
    buffer_finish(&out);
    return 0;
}

static enum otlp_result turn(const char *body)
{
    buffer_clear(&out);
    fault = (struct event_fault){0};
    const enum otlp_result result =
        otlp_turn(&(struct otlp_request){gate, slice_of(body), 100000, RECORD_MAX, &out}, &fault);
    buffer_add_byte(&out, '\0');
    return result;
}

/* One record's line behind the brace, with a comma in its place. */
static const char *line_of(const char *record)
{
    char body[4096];
    snprintf(body, sizeof body, "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[%s]}]}]}",
             record);
    if (turn(body) != OTLP_TURNED)
        return NULL;
    assert_int_equal(out.data[0], '{');
    out.data[0] = ',';
    return out.data;
}

static void records_become_events(void **state)
{
    static const struct {
        const char *record, *line;
    } cases[] = {
        {"{}", ",\"type\":\"log\",\"payload\":{},\"metadata\":{}}\n"},
        {"{\"body\":{\"stringValue\":\"x\"}}", ",\"type\":\"log\",\"message\":\"x\",\"payload\":"
                                               "{\"body\":\"x\"},\"metadata\":{}}\n"},
        {"{\"severityNumber\":9}", ",\"type\":\"log\",\"severity\":\"info\",\"payload\":{},"
                                   "\"metadata\":{\"severity_number\":9}}\n"},
        {"{\"severityText\":\"warn\"}", ",\"type\":\"log\",\"severity\":\"warning\",\"payload\":{},"
                                        "\"metadata\":{\"severity_text\":\"warn\"}}\n"},
        {"{\"severityText\":\"loud\"}",
         ",\"type\":\"log\",\"payload\":{},\"metadata\":{\"severity_text\":\"loud\"}}\n"},
        {"{\"timeUnixNano\":\"0\",\"observedTimeUnixNano\":1000}",
         ",\"type\":\"log\",\"time\":\"1970-01-01T00:00:00.000001Z\",\"payload\":{},\"metadata\":{"
         "\"time_unix_nano\":\"0\",\"observed_time_unix_nano\":1000}}\n"},
        {"{\"timeUnixNano\":\"18446744073709551615\"}",
         ",\"type\":\"log\",\"time\":\"2554-07-21T23:34:33.709551Z\",\"payload\":{},\"metadata\":{"
         "\"time_unix_nano\":\"18446744073709551615\"}}\n"},
        {"{\"traceId\":\"\",\"spanId\":\"0000000000000000\"}",
         ",\"type\":\"log\",\"payload\":{},\"metadata\":{}}\n"},
        {"{\"eventName\":\"e\",\"unknown\":[1],\"body\":null}",
         ",\"type\":\"e\",\"payload\":{},\"metadata\":{}}\n"},
        {"{\"attributes\":[{\"key\":\"event.name\",\"value\":{\"stringValue\":\"e\"}}]}",
         ",\"type\":\"e\",\"payload\":{\"event.name\":\"e\"},\"metadata\":{}}\n"},
        {"{\"body\":{\"intValue\":1},\"attributes\":[{\"key\":\"body\",\"value\":{\"intValue\":2}}]"
         "}",
         ",\"type\":\"log\",\"payload\":{\"body\":1,\"attributes.body\":2},\"metadata\":{}}\n"},
        {"{\n\"body\":\r\n{}\n}",
         ",\"type\":\"log\",\"payload\":{\"body\":null},\"metadata\":{}}\n"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *line = line_of(cases[i].record);
        if (line == NULL || strcmp(line, cases[i].line) != 0)
            fail_msg("%s\n%s", cases[i].record, line);
    }
}

/* Its line is refused for its size, and the others stand beside it. */
static void a_record_that_is_too_large_is_not_turned(void **state)
{
    char body[RECORD_MAX + 200];
    (void)state;
    for (int size = RECORD_MAX; size <= RECORD_MAX + 1; size++) {
        snprintf(body, sizeof body,
                 "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{},{\"traceId\":\"\","
                 "\"eventName\":\"%0*d\"},{}]}]}]}",
                 size - 29, 7);
        assert_int_equal(turn(body), OTLP_TURNED);
        const char *line = strchr(out.data, '\n') + 1, *next = strchr(line, '\n') + 1;
        if (size > RECORD_MAX)
            assert_int_equal(next - line, RECORD_MAX + 2);
        else
            assert_non_null(strstr(line, "0007\""));
        assert_string_equal(next, "{\"type\":\"log\",\"payload\":{},\"metadata\":{}}\n");
        assert_true(size <= RECORD_MAX || line[0] != '{');
    }
}

static void severities_come_in_fours(void **state)
{
    static const char *const levels[] = {"debug", "debug", "info", "warning", "error", "critical"};
    char record[64], severity[64];
    (void)state;
    for (int number = 1; number <= 24; number++) {
        snprintf(record, sizeof record, "{\"severityNumber\":%d}", number);
        snprintf(severity, sizeof severity, "\"severity\":\"%s\"", levels[(number - 1) / 4]);
        assert_non_null(strstr(line_of(record), severity));
    }
    assert_null(strstr(line_of("{\"severityNumber\":0}"), "\"severity\":"));
    assert_null(strstr(line_of("{\"severityNumber\":25}"), "\"severity\":"));
}

static void values_are_told_as_plain_json(void **state)
{
    static const struct {
        const char *value, *json; /* NULL: refused */
    } cases[] = {
        {"{\"stringValue\":\"a\\n\"}", "\"a\\n\""},
        {"{\"boolValue\":false}", "false"},
        {"{\"intValue\":\"-9223372036854775808\"}", "-9223372036854775808"},
        {"{\"intValue\":\"9223372036854775807\"}", "9223372036854775807"},
        {"{\"intValue\":\"007\"}", "7"},
        {"{\"intValue\":42}", "42"},
        {"{\"intValue\":\"9223372036854775808\"}", NULL},
        {"{\"intValue\":\"-9223372036854775809\"}", NULL},
        {"{\"intValue\":\"\"}", NULL},
        {"{\"intValue\":\"-\"}", NULL},
        {"{\"intValue\":\"1e3\"}", NULL},
        {"{\"intValue\":true}", NULL},
        {"{\"doubleValue\":1.50}", "1.50"},
        {"{\"doubleValue\":\"-Infinity\"}", "\"-Infinity\""},
        {"{\"doubleValue\":false}", NULL},
        {"{\"bytesValue\":\"AP8=\"}", "\"AP8=\""},
        {"{\"stringValue\":7}", NULL},
        {"{\"boolValue\":\"true\"}", NULL},
        {"{}", "null"},
        {"null", "null"},
        {"{\"futureValue\":1}", "null"},
        {"{\"stringValue\":null}", "null"},
        {"7", NULL},
        {"\"text\"", NULL},
        {"{\"arrayValue\":{}}", "[]"},
        {"{\"arrayValue\":{\"values\":[]}}", "[]"},
        {"{\"arrayValue\":{\"values\":[{\"intValue\":1},{},{\"arrayValue\":{\"values\":["
         "{\"boolValue\":true}]}},{\"kvlistValue\":{}}]}}",
         "[1,null,[true],{}]"},
        {"{\"arrayValue\":{\"values\":{}}}", NULL},
        {"{\"arrayValue\":[]}", NULL},
        {"{\"kvlistValue\":{\"values\":[{\"key\":\"a\",\"value\":{\"kvlistValue\":{\"values\":[{"
         "\"key\":\"b\"}]}}},{\"key\":\"c\",\"value\":{\"stringValue\":\"{\"}},{\"key\":\"d\"}]}}",
         "{\"a\":{\"b\":null},\"c\":\"{\",\"d\":null}"},
        {"{\"kvlistValue\":{\"values\":[7]}}", NULL},
        {"{\"kvlistValue\":{\"values\":[{\"key\":7}]}}", NULL},
    };
    struct buffer json = {0};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        buffer_clear(&json);
        const bool good = otlp_add_value(slice_of(cases[i].value), &json);
        if (good != (cases[i].json != NULL) ||
            (good && !slice_equals(buffer_slice(&json), slice_of(cases[i].json))))
            fail_msg("%s: %d %.*s", cases[i].value, good, SLICE_ARGS(buffer_slice(&json)));
    }
    buffer_finish(&json);
}

static void values_as_deep_as_the_gate_allows_are_told(void **state)
{
    struct buffer value = {0}, json = {0};
    (void)state;
    for (size_t depth = 1; depth <= 40; depth++) {
        struct gate_value scanned;
        struct gate_verdict verdict;
        buffer_clear(&value);
        buffer_clear(&json);
        for (size_t i = 0; i < depth; i++)
            buffer_add_text(&value, "{\"arrayValue\":{\"values\":[");
        for (size_t i = 0; i < depth; i++)
            buffer_add_text(&value, "]}}");
        const bool good = otlp_add_value(buffer_slice(&value), &json);
        if (gate_scan_whole(gate, buffer_slice(&value), &scanned, &verdict))
            assert_true(good && json.size == depth * 2);
    }
    buffer_finish(&value);
    buffer_finish(&json);
}

static void faults_say_where(void **state)
{
#define RECORDS(text) "{\"resourceLogs\":[{},{\"scopeLogs\":[{\"logRecords\":[" text "]}]}]}"
    static const struct {
        const char *body, *pointer;
    } cases[] = {
        {"", ""},
        {"[]", ""},
        {"{\"resourceLogs\":[{\"a\":x}]}", "/resourceLogs/0/a"},
        {"{\"resourceLogs\":1}", "/resourceLogs"},
        {"{\"resourceLogs\":[1]}", "/resourceLogs/0"},
        {"{\"resourceLogs\":[{\"resource\":[]}]}", "/resourceLogs/0/resource"},
        {"{\"resourceLogs\":[{\"resource\":{\"attributes\":{}}}]}",
         "/resourceLogs/0/resource/attributes"},
        {"{\"resourceLogs\":[{\"scopeLogs\":{}}]}", "/resourceLogs/0/scopeLogs"},
        {"{\"resourceLogs\":[{\"scopeLogs\":[{},7]}]}", "/resourceLogs/0/scopeLogs/1"},
        {"{\"resourceLogs\":[{\"scopeLogs\":[{\"scope\":7}]}]}",
         "/resourceLogs/0/scopeLogs/0/scope"},
        {RECORDS("7"), "/resourceLogs/1/scopeLogs/0/logRecords"},
        {RECORDS("{},{\"traceId\":\"0af7\"}"), "/resourceLogs/1/scopeLogs/0/logRecords/1/traceId"},
        {RECORDS("{\"spanId\":\"x7ad6b7169203331\"}"),
         "/resourceLogs/1/scopeLogs/0/logRecords/0/spanId"},
        {RECORDS("{\"severityText\":1}"), "/resourceLogs/1/scopeLogs/0/logRecords/0/severityText"},
        {RECORDS("{\"timeUnixNano\":-1}"), "/resourceLogs/1/scopeLogs/0/logRecords/0/timeUnixNano"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (turn(cases[i].body) != OTLP_MALFORMED || strcmp(fault.pointer, cases[i].pointer) != 0)
            fail_msg("%s: %s", cases[i].body, fault.pointer);
        assert_true(fault.detail[0] != '\0');
    }
}

/* What would be stored nowhere, or without a part, is told with its right spelling. */
static void a_member_spelt_otherwise_is_told(void **state)
{
#define IN_RESOURCE(text) "{\"resourceLogs\":[{},{" text "}]}"
#define IN_SCOPE(text)    IN_RESOURCE("\"scopeLogs\":[{" text "}]")
#define IN_RECORD(text)   IN_SCOPE("\"logRecords\":[{},{" text "}]")
    static const struct {
        const char *body, *pointer, *meant;
    } cases[] = {
        {"{\"resource_logs\":[]}", "/resource_logs", "\"resourceLogs\""},
        {"{\"ResourceLogs\":[]}", "/ResourceLogs", "\"resourceLogs\""},
        {"{\"resourcelogs\":[]}", "/resourcelogs", "\"resourceLogs\""},
        {"{\"resourceLogs\":[],\"resource_logs\":[{}]}", "/resource_logs", "\"resourceLogs\""},
        {"{\"resourceSpans\":[]}", "/resourceSpans", "\"resourceLogs\""},
        {"{\"resourceMetrics\":[{}]}", "/resourceMetrics", "\"resourceLogs\""},
        {"{\"instrumentationLibraryLogs\":[]}", "/instrumentationLibraryLogs", "\"resourceLogs\""},
        {"{\"a\":1}", "/a", "\"resourceLogs\""},
        {"{\"a/b\":1}", "/a~1b", "\"resourceLogs\""},
        {"{\"scopeLogs\":[]}", "/scopeLogs", "\"resourceLogs\""},
        {IN_RESOURCE("\"scope_logs\":[]"), "/resourceLogs/1/scope_logs", "\"scopeLogs\""},
        {IN_RESOURCE("\"resource\":{},\"instrumentationLibraryLogs\":[]"),
         "/resourceLogs/1/instrumentationLibraryLogs", "\"scopeLogs\""},
        {IN_RESOURCE("\"scopeLogs\":[],\"schema_url\":\"x\""), "/resourceLogs/1/schema_url",
         "\"schemaUrl\""},
        {IN_SCOPE("\"log_records\":[]"), "/resourceLogs/1/scopeLogs/0/log_records",
         "\"logRecords\""},
        {IN_SCOPE("\"logs\":[]"), "/resourceLogs/1/scopeLogs/0/logs", "\"logRecords\""},
        {IN_RECORD("\"time_unix_nano\":\"1\""),
         "/resourceLogs/1/scopeLogs/0/logRecords/1/time_unix_nano", "\"timeUnixNano\""},
        {IN_RECORD("\"severity_text\":\"INFO\""),
         "/resourceLogs/1/scopeLogs/0/logRecords/1/severity_text", "\"severityText\""},
        {IN_RECORD("\"trace_id\":\"\""), "/resourceLogs/1/scopeLogs/0/logRecords/1/trace_id",
         "\"traceId\""},
        {IN_RECORD("\"TimeUnixNano\":\"1\""),
         "/resourceLogs/1/scopeLogs/0/logRecords/1/TimeUnixNano", "\"timeUnixNano\""},
        {IN_RECORD("\"body\":{\"string_value\":\"x\"}"),
         "/resourceLogs/1/scopeLogs/0/logRecords/1/body", "stringValue"},
        {IN_RECORD("\"attributes\":[{\"key\":\"k\",\"value\":{\"int_value\":1}}]"),
         "/resourceLogs/1/scopeLogs/0/logRecords/1/attributes", "intValue"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const enum otlp_result result = turn(cases[i].body);
        if (result != OTLP_MALFORMED || strcmp(fault.pointer, cases[i].pointer) != 0 ||
            strstr(fault.detail, cases[i].meant) == NULL)
            fail_msg("%s: %d, %s: %s", cases[i].body, result, fault.pointer, fault.detail);
    }
}

static void nothing_at_all_and_members_nobody_knows_are_taken(void **state)
{
    static const char *const bodies[] = {
        "{}",
        "{\"resourceLogs\":[]}",
        "{\"resourceLogs\":null}",
        "{\"resourceLogs\":[],\"a\":1,\"resourceSpans\":[]}",
        IN_RESOURCE("\"resource\":{}"),
        IN_RESOURCE("\"scopeLogs\":[],\"a\":1"),
        IN_SCOPE("\"scope\":{},\"schemaUrl\":\"x\""),
        IN_SCOPE("\"logRecords\":null,\"a\":1"),
        IN_RECORD("\"a\":1,\"new_field\":2"),
        IN_RECORD("\"body\":{\"newValue\":1}"),
    };
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        if (turn(bodies[i]) != OTLP_TURNED)
            fail_msg("%s: %s: %s", bodies[i], fault.pointer, fault.detail);
    }
}

static void lines_have_a_bound(void **state)
{
    static char body[60000];
    (void)state;
    size_t used =
        (size_t)snprintf(body, sizeof body,
                         "{\"resourceLogs\":[{\"resource\":{\"attributes\":[{\"key\":\"k\","
                         "\"value\":{\"stringValue\":\"%01000d\"}}]},\"scopeLogs\":[{"
                         "\"logRecords\":[{}",
                         0);
    for (size_t i = 0; i < 200; i++)
        used += (size_t)snprintf(body + used, sizeof body - used, ",{}");
    snprintf(body + used, sizeof body - used, "]}]}]}");
    assert_int_equal(turn(body), OTLP_TOO_LARGE);
    assert_true(out.size < 110000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_become_events),
        cmocka_unit_test(a_record_that_is_too_large_is_not_turned),
        cmocka_unit_test(severities_come_in_fours),
        cmocka_unit_test(values_are_told_as_plain_json),
        cmocka_unit_test(values_as_deep_as_the_gate_allows_are_told),
        cmocka_unit_test(faults_say_where),
        cmocka_unit_test(a_member_spelt_otherwise_is_told),
        cmocka_unit_test(nothing_at_all_and_members_nobody_knows_are_taken),
        cmocka_unit_test(lines_have_a_bound),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
