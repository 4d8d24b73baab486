/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "producer/cloudevents.h"
#include "tests/unit/turned.h"

#define HEAD "\"specversion\":\"1.0\",\"id\":\"i\",\"source\":\"/s\",\"type\":\"t\""
#define TOLD "{\"event_id\":\"/s i\",\"type\":\"t\",\"source\":\"/s\","
#define META "\"metadata\":{\"specversion\":\"1.0\",\"id\":\"i\""

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

static void each_attribute_has_its_place(void **state)
{
    static const struct {
        const char *event, *object;
    } cases[] = {
        {"{" HEAD "}", TOLD META "}}"},
        {"{" HEAD ",\"data\":{\"a\":1.0}}", TOLD META "},\"data\":{\"a\":1.0}}"},
        {"{" HEAD ",\"data\":[1]}", TOLD META "},\"payload\":{\"data\":[1]}}"},
        {"{" HEAD ",\"data\":\"x\"}", TOLD META "},\"payload\":{\"data\":\"x\"}}"},
        {"{" HEAD ",\"data\":null,\"x\":null}", TOLD META "}}"},
        {"{" HEAD ",\"data_base64\":\"AA==\"}",
         TOLD META "},\"payload\":{\"data_base64\":\"AA==\"}}"},
        {"{" HEAD ",\"time\":\"2026-01-01T00:00:00Z\"}",
         TOLD "\"time\":\"2026-01-01T00:00:00Z\"," META "}}"},
        {"{\"subject\":\"s\"," HEAD ",\"ext\":5,\"flag\":true}",
         TOLD "\"metadata\":{\"subject\":\"s\",\"specversion\":\"1.0\",\"id\":\"i\",\"ext\":5,"
              "\"flag\":true}}"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *object = turned(&cloudevents_structured, cases[i].event);
        if (object == NULL || strcmp(object, cases[i].object) != 0)
            fail_msg("%s\n%s", cases[i].event, object);
    }
}

static void faults_name_the_attribute(void **state)
{
    static const struct {
        const char *event, *pointers;
    } cases[] = {
        {"{}", "/specversion /id /source /type "},
        {"7", " "},
        {"[]", " "},
        {"{\"specversion\":\"0.3\",\"id\":\"i\",\"source\":\"/s\",\"type\":\"t\"}",
         "/specversion "},
        {"{\"specversion\":1.0,\"id\":7,\"source\":\"\",\"type\":null}",
         "/specversion /id /source /type "},
        {"{" HEAD ",\"data\":1,\"data_base64\":\"AA==\"}", "/data_base64 "},
        {"{" HEAD ",\"data_base64\":7}", "/data_base64 "},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char pointers[256] = "";
        size_t used = 0;
        if (turned(&cloudevents_structured, cases[i].event) != NULL)
            fail_msg("%s was taken", cases[i].event);
        for (size_t k = 0; k < turned_faults.count; k++)
            used += (size_t)snprintf(pointers + used, sizeof pointers - used, "%s ",
                                     turned_faults.fault[k].pointer);
        assert_string_equal(pointers, cases[i].pointers);
    }
}

static void event_id_of(const char *source, const char *id, char *out, size_t size)
{
    char event[2048];
    snprintf(event, sizeof event,
             "{\"specversion\":\"1.0\",\"type\":\"t\",\"source\":\"%s\",\"id\":\"%s\"}", source,
             id);
    const char *object = turned(&cloudevents_structured, event);
    assert_non_null(object);
    const char *start = object + strlen("{\"event_id\":\"");
    snprintf(out, size, "%.*s", (int)(strstr(start, "\",\"type\"") - start), start);
}

static void source_and_id_make_one_id_and_no_two_the_same(void **state)
{
    static char long_source[300];
    const char *const pairs[][2] = {
        {"a", "b"},        {"a", "b c"},       {"a b", "c"},       {"a b c", ""},
        {"a", "sha256:x"}, {long_source, "1"}, {long_source, "2"}, {long_source + 1, "s1"},
        {" a", "b"}};
    enum { PAIRS = sizeof pairs / sizeof pairs[0] };
    static char ids[PAIRS][512];
    (void)state;
    memset(long_source, 's', sizeof long_source - 1);
    for (size_t i = 0; i < PAIRS; i++) {
        event_id_of(pairs[i][0], pairs[i][1][0] != '\0' ? pairs[i][1] : " ", ids[i], sizeof ids[i]);
        assert_true(strlen(ids[i]) <= 255);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(ids[i], ids[k]);
    }
    assert_string_equal(ids[0], "a b");
}

static void an_id_does_not_depend_on_how_it_is_written(void **state)
{
    char plain[512], escaped[512];
    (void)state;
    event_id_of("/s/\xc3\xa9", "1", plain, sizeof plain);
    event_id_of("\\/s\\/\\u00e9", "\\u0031", escaped, sizeof escaped);
    assert_string_equal(plain, escaped);
    event_id_of("/s", "a\\\"b\\\\", plain, sizeof plain);
    assert_string_equal(plain, "/s a\\\"b\\\\");
}

static void a_trace_is_the_events_own(void **state)
{
    (void)state;
    const char *object = turned(
        &cloudevents_structured,
        "{" HEAD ",\"traceparent\":\"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\"}");
    assert_non_null(strstr(object, "\"trace_id\":\"0af7651916cd43dd8448eb211c80319c\","
                                   "\"span_id\":\"b7ad6b7169203331\""));
    object = turned(&cloudevents_structured, "{" HEAD ",\"traceparent\":\"00-1\"}");
    assert_null(strstr(object, "trace_id"));
    assert_non_null(strstr(object, "\"traceparent\":\"00-1\""));
}

static void pointers_are_told_as_they_were_sent(void **state)
{
    static const char *const moves[][2] = {
        {"/event_id", "/id"},
        {"/type", "/type"},
        {"/event_type", "/type"},
        {"/data/a", "/data/a"},
        {"/payload/a", "/data/a"},
        {"/payload/data", "/data"},
        {"/metadata/x", "/x"},
        {"/occurred_at", "/time"},
        {"/source", "/source"},
        {"/bom_id", "/data/bom_id"},
        {"", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof moves / sizeof moves[0]; i++) {
        struct event_fault fault = {0};
        snprintf(fault.pointer, sizeof fault.pointer, "%s", moves[i][0]);
        cloudevents_structured.tell(&cloudevents_structured, &fault);
        assert_string_equal(fault.pointer, moves[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_attribute_has_its_place),
        cmocka_unit_test(faults_name_the_attribute),
        cmocka_unit_test(source_and_id_make_one_id_and_no_two_the_same),
        cmocka_unit_test(an_id_does_not_depend_on_how_it_is_written),
        cmocka_unit_test(a_trace_is_the_events_own),
        cmocka_unit_test(pointers_are_told_as_they_were_sent),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
