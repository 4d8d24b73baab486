/* SPDX-License-Identifier: Apache-2.0 */
/* Events by the built-in catalogue: every type of the five systems, and what is wrong told well. */
#include <stdio.h>

#include "common/app/catalog_source.h"
#include "schema/catalog.h"
#include "tests/unit/event_unit.h"

#define BOM      "\"bom_id\":\"550e8400-e29b-41d4-a716-446655440000\",\"organization_id\":\"org-123\""
#define WORKFLOW BOM ",\"workflow_id\":\"w\""
#define STAGE    WORKFLOW ",\"stage_name\":"
#define PART     BOM ",\"mpn\":\"LM358\""
#define ACTIVITY                                                                                   \
    "\"user_id\":1,\"incident_type\":\"UNAUTHORIZED_ACCESS\",\"severity\":\"HIGH\","               \
    "\"description\":\"d\""

static struct catalog_source source = {.folder = ""};

static int setup(void **state)
{
    source.builtin = schema_catalog;
    source.builtin_count = schema_catalog_count;
    struct event_reader *reader = event_reader_create(&event_unit_limits);
    if (reader == NULL || !catalog_source_open(&source))
        return 1;
    event_reader_use(reader, &source.choice);
    *state = reader;
    return 0;
}

static int teardown(void **state)
{
    event_reader_destroy(*state);
    catalog_source_finish(&source);
    return 0;
}

struct expected {
    const char *type, *members; /* with a comma in front when there are any */
    const char *routing_key, *priority, *severity;
};

static const struct expected cns[] = {
    {"processing_started", "," WORKFLOW, "cns.processing.started", "7", "info"},
    {"cns.processing.started", "," WORKFLOW, "cns.processing.started", "7", "info"},
    {"processing_completed", "," WORKFLOW, "cns.processing.completed", "8", "info"},
    {"stage_started", "," STAGE "\"parsing\"", "cns.stage.parsing.started", "6", "info"},
    {"stage_started", "," STAGE "\"my.own stage\"", "cns.stage.my_own_stage.started", "6", "info"},
    {"stage_started", "," STAGE "\"\"", "cns.stage.unknown.started", "6", "info"},
    {"stage_completed", "," STAGE "\"risk_analysis\",\"duration_ms\":45000",
     "cns.stage.risk_analysis.completed", "6", "info"},
    {"enrichment_progress", "," PART ",\"status\":\"matched\"", "cns.enrichment.progress", "4",
     "info"},
    {"risk_alert", "," PART ",\"risk_score\":100", "cns.risk.alert.critical", "8", "critical"},
    {"risk_alert", "," PART ",\"risk_score\":80", "cns.risk.alert.critical", "8", "critical"},
    {"risk_alert", "," PART ",\"risk_score\":79.99", "cns.risk.alert.high", "7", "error"},
    {"risk_alert", "," PART ",\"risk_score\":60.0", "cns.risk.alert.high", "7", "error"},
    {"risk_alert", "," PART ",\"risk_score\":59.9", "cns.risk.alert.medium", "6", "warning"},
    {"risk_alert", "," PART ",\"risk_score\":0", "cns.risk.alert.medium", "6", "warning"},
    {"risk_alert", "," PART ",\"risk_score\":90,\"severity\":\"low\"", "cns.risk.alert.critical",
     "8", "critical"},
    {"risk_alert", "," PART ",\"risk_score\":90,\"priority\":3,\"routing_key\":\"a.b\"", "a.b", "3",
     "critical"},
    {"workflow_paused", "," WORKFLOW, "cns.workflow.paused", "9", "info"},
    {"workflow_resumed", "," WORKFLOW, "cns.workflow.resumed", "9", "info"},
    {"error", "," BOM ",\"error_message\":\"e\"", "cns.error", "8", "error"},
    {"error", "", "events.error", "5", "info"},
};

static const struct expected others[] = {
    {"activity_log", "," ACTIVITY, "events.activity_log", "5", "error"},
    {"semantic_cache", "", "events.semantic_cache", "4", "info"},
    {"message_save", "", "events.message_save", "5", "info"},
    {"order_created", "", "events.order_created", "5", "info"},
    {"my_event", "", "events.my_event", "5", "info"},
    {"log", "", "events.log", "5", "info"},
    {"job_started", ",\"job_id\":\"j\",\"worker_id\":\"w\",\"queue\":\"q\"", "events.job_started",
     "5", "info"},
    {"job_completed", ",\"job_id\":\"j\",\"duration\":1.5,\"success\":true", "events.job_completed",
     "5", "info"},
    {"job_failed", ",\"job_id\":\"j\",\"duration\":1.5,\"error\":\"e\"", "events.job_failed", "5",
     "error"},
    {"worker_started", ",\"worker_id\":\"w\",\"queue\":\"q\"", "events.worker_started", "5",
     "info"},
    {"worker_stopped", ",\"worker_id\":\"w\",\"queue\":\"q\"", "events.worker_stopped", "5",
     "info"},
    {"worker_started", ",\"system\":\"mahavishnu\"", "events.worker_started", "5", "info"},
    {"worker_stopped", ",\"payload\":{\"system\":\"oneiric\"}", "events.worker_stopped", "5",
     "info"},
    {"no_such_type", "", "events.no_such_type", "5", "info"},
    {"no_such_type", ",\"severity\":\"high\",\"priority\":9", "events.no_such_type", "9", "error"},
};

static void assert_expected(struct event_reader *r, const struct expected *e)
{
    char text[512], key[128], severity[32];
    snprintf(text, sizeof text, "{\"event_type\":\"%s\"%s}", e->type, e->members);
    snprintf(key, sizeof key, "\"%s\"", e->routing_key);
    snprintf(severity, sizeof severity, "\"%s\"", e->severity);
    const struct log_event event = good_event(r, text);
    assert_token(event.field[EVENT_FIELD_ROUTING_KEY], key);
    assert_token(event.field[EVENT_FIELD_PRIORITY], e->priority);
    assert_token(event.field[EVENT_FIELD_SEVERITY], severity);
}

static void each_type_has_its_key_priority_and_severity(void **state)
{
    for (size_t i = 0; i < sizeof cns / sizeof cns[0]; i++)
        assert_expected(*state, &cns[i]);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_expected(*state, &others[i]);
}

static void the_types_of_mahavishnu_and_the_reviewer_are_known(void **state)
{
    static const char *const types[] = {"workflow_started",
                                        "workflow_completed",
                                        "workflow_failed!",
                                        "pool_created",
                                        "pool_resized",
                                        "pool_closed",
                                        "worker_failed!",
                                        "orchestration_started",
                                        "orchestration_completed",
                                        "orchestration_failed!",
                                        "quality_check_started",
                                        "quality_check_passed",
                                        "quality_check_failed!",
                                        "test_run_started",
                                        "test_run_passed",
                                        "test_run_failed!",
                                        "coverage_measured",
                                        "coverage_dropped?",
                                        "validation_passed",
                                        "validation_failed!",
                                        "session_created",
                                        "session_updated",
                                        "session_deleted",
                                        "session_restored",
                                        "session_state_changed",
                                        "analytics_query",
                                        "insight_detected",
                                        "report_generated",
                                        "aggregation_completed",
                                        "config_changed",
                                        "config_validated",
                                        "config_rejected?",
                                        "config_reloaded",
                                        "lifecycle_started",
                                        "lifecycle_stopped",
                                        "review_started",
                                        "review_completed",
                                        "review_cancelled?",
                                        "llm_query_sent",
                                        "llm_feedback_received",
                                        "llm_error!",
                                        "syntax_analysis_started",
                                        "syntax_analysis_completed",
                                        "style_analysis_started",
                                        "style_analysis_completed",
                                        "security_scan_started",
                                        "security_scan_completed",
                                        "performance_analysis_started",
                                        "performance_analysis_completed",
                                        "user_action",
                                        "system_event"};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        const size_t size = strcspn(types[i], "!?");
        char name[64], key[80];
        snprintf(name, sizeof name, "%.*s", (int)size, types[i]);
        snprintf(key, sizeof key, "events.%s", name);
        if (catalog_find(source.choice.types, slice_of(name)) == NULL)
            fail_msg("%s is not in the catalogue", name);
        assert_expected(*state, &(struct expected){name, ",\"system\":\"akosha\"", key, "5",
                                                   types[i][size] == '!'   ? "error"
                                                   : types[i][size] == '?' ? "warning"
                                                                           : "info"});
    }
}

static void an_alias_becomes_the_type(void **state)
{
    const struct log_event e =
        good_event(*state, "{\"type\":\"state_changed\",\"system\":\"session_buddy\"}");
    assert_token(e.field[EVENT_FIELD_EVENT_TYPE], "\"session_state_changed\"");
    const struct log_event same = good_event(*state, "{\"type\":\"\\u006cog\"}");
    assert_token(same.field[EVENT_FIELD_EVENT_TYPE], "\"log\"");
}

static void what_is_not_a_column_ends_in_the_payload(void **state)
{
    struct log_event e =
        good_event(*state, "{\"type\":\"risk_alert\"," BOM ",\"mpn\":\"X\",\"risk_score\":85.50,"
                           "\"risk_factors\":[\"EOL\"],\"odd\":1,\"payload\":{\"kept\" : 1.10}}");
    assert_token(e.field[EVENT_FIELD_PAYLOAD], "{\"mpn\":\"X\",\"risk_score\":85.50,"
                                               "\"risk_factors\":[\"EOL\"],\"kept\":1.10}");
    assert_token(e.field[EVENT_FIELD_METADATA], "{\"odd\":1}");
    e = good_event(*state, "{\"type\":\"processing_started\"," WORKFLOW "}");
    assert_token(e.field[EVENT_FIELD_PAYLOAD], "{\"total_items\":0}");
    assert_token(e.field[EVENT_FIELD_SOURCE], "\"customer\"");
    e = good_event(*state, "{\"type\":\"activity_log\"," ACTIVITY ",\"source_ip\":\"::1\"}");
    assert_token(e.field[EVENT_FIELD_PAYLOAD],
                 "{\"incident_type\":\"UNAUTHORIZED_ACCESS\",\"ip_address\":\"::1\"}");
}

static void columns_are_filled_from_the_payload(void **state)
{
    struct log_event e = good_event(*state, "{\"type\":\"activity_log\",\"data\":{" ACTIVITY "}}");
    assert_token(e.field[EVENT_FIELD_USER_ID], "\"1\"");
    assert_token(e.field[EVENT_FIELD_SEVERITY], "\"error\"");
    assert_token(e.field[EVENT_FIELD_DESCRIPTION], "\"d\"");
    assert_token(e.field[EVENT_FIELD_PAYLOAD], "{" ACTIVITY "}");
    e = good_event(*state, "{\"type\":\"job_completed\",\"payload\":{\"job_\\u0069d\":\"j\","
                           "\"duration\":2,\"success\":false}}");
    assert_token(e.field[EVENT_FIELD_JOB_ID], "\"j\"");
    assert_token(e.field[EVENT_FIELD_DURATION_MS], "2000");
    assert_token(e.field[EVENT_FIELD_SUCCESS], "false");
    e = good_event(*state, "{\"type\":\"job_started\",\"job_id\":\"top\",\"worker_id\":\"w\","
                           "\"queue\":\"q\",\"payload\":{\"job_id\":\"inside\"}}");
    assert_token(e.field[EVENT_FIELD_JOB_ID], "\"top\"");
    assert_token(e.field[EVENT_FIELD_PAYLOAD], "{\"job_id\":\"inside\"}");
}

#define PROGRESS "{\"type\":\"enrichment_progress\"," PART ",\"status\":\"matched\""

static void a_supplier_is_not_the_source(void **state)
{
    struct log_event e = good_event(*state, PROGRESS ",\"source\":\"DigiKey\"}");
    assert_token(e.field[EVENT_FIELD_SOURCE], NULL);
    assert_token(e.field[EVENT_FIELD_PAYLOAD],
                 "{\"mpn\":\"LM358\",\"status\":\"matched\",\"data_source\":\"DigiKey\"}");
    e = good_event(*state, PROGRESS ",\"source\":\"staff\",\"data_source\":\"DigiKey\"}");
    assert_token(e.field[EVENT_FIELD_SOURCE], "\"staff\"");
    e = good_event(*state,
                   PROGRESS ",\"payload\":{\"a\":{\"source\":\"x\"},\"source\":\"Mouser\"}}");
    assert_token(e.field[EVENT_FIELD_SOURCE], NULL);
    assert_token(e.field[EVENT_FIELD_PAYLOAD], "{\"mpn\":\"LM358\",\"status\":\"matched\",\"a\":{"
                                               "\"source\":\"x\"},\"data_source\":\"Mouser\"}");
}

static void faults_say_what_was_expected_and_what_came(void **state)
{
    static const char *const cases[][3] = {
        {"\"type\":\"risk_alert\"," PART, "/risk_score",
         "expected a number from 0 to 100, got nothing; risk_alert needs it"},
        {"\"type\":\"risk_alert\"," PART ",\"payload\":{\"risk_scor\":1}", "/risk_score",
         "expected a number from 0 to 100, got nothing; risk_alert needs it; is it meant by "
         "\"risk_scor\"?"},
        {"\"type\":\"risk_alert\"," PART ",\"risk_score\":101", "/risk_score",
         "expected a number from 0 to 100, got 101"},
        {"\"type\":\"risk_alert\"," PART ",\"risk_score\":\"85\"", "/risk_score",
         "expected a number from 0 to 100, got \"85\""},
        {"\"type\":\"risk_alert\"," PART ",\"data\":{\"risk_score\":[]}", "/data/risk_score",
         "expected a number from 0 to 100, got an array"},
        {"\"type\":\"risk_alert\"," PART ",\"risk_score\":1,\"payload\":{\"risk_score\":1}",
         "/payload/risk_score",
         "the same field as \"risk_score\", which is there too; send one of them"},
        {"\"type\":\"enrichment_progress\"," PART ",\"status\":\"matchd\"", "/status",
         "expected one of matched, no_match, cached, error, got \"matchd\"; did you mean "
         "\"matched\"?"},
        {"\"type\":\"enrichment_progress\"," PART ",\"status\":5", "/status",
         "expected one of matched, no_match, cached, error, got 5"},
        {"\"type\":\"workflow_paused\",\"bom_id\":\"b-1\",\"organization_id\":\"o\","
         "\"workflow_id\":\"w\"",
         "/bom_id", "expected a UUID, got \"b-1\""},
        {"\"type\":\"processing_started\"," WORKFLOW ",\"source\":\"DigiKey\"", "/source",
         "expected one of customer, staff, system, a URI, got \"DigiKey\""},
        {"\"type\":\"processing_started\"," WORKFLOW ",\"total_items\":1.5", "/total_items",
         "expected a whole number of at least 0, got 1.5"},
        {"\"type\":\"activity_log\",\"user_id\":1,\"incident_type\":\"I\",\"sevrity\":\"HIGH\","
         "\"description\":\"d\"",
         "/severity",
         "expected one of debug, info, warning, error, critical, got nothing; activity_log needs "
         "it; is it meant by \"sevrity\"?"},
        {"\"type\":\"activity_log\",\"payload\":{\"user_id\":{},\"incident_type\":\"I\","
         "\"severity\":\"low\",\"description\":\"d\"}",
         "/payload/user_id", "expected a string, got an object"},
        {"\"type\":\"x\",\"severity\":\"wraning\"", "/severity",
         "expected one of debug, info, warning, error, critical, got \"wraning\"; did you mean "
         "\"warning\"?"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[512];
        snprintf(text, sizeof text, "{%s}", cases[i][0]);
        assert_fault(*state, text, cases[i][1], cases[i][2]);
    }
}

static void other_misspelled_members_of_a_refused_event_are_told(void **state)
{
    struct log_event event;
    struct event_faults faults;
    assert_false(read_event(*state, SLICE("{\"type\":\"x\",\"priority\":11,\"sevrity\":\"high\"}"),
                            &event, &faults));
    assert_int_equal(faults.count, 2);
    assert_string_equal(faults.fault[1].pointer, "/sevrity");
    assert_string_equal(faults.fault[1].detail,
                        "not a field of this event; did you mean \"severity\"?");
    event = good_event(*state, "{\"type\":\"x\",\"sevrity\":\"high\"}"); /* never dropped */
    assert_token(event.field[EVENT_FIELD_METADATA], "{\"sevrity\":\"high\"}");
}

static void strict_refuses_unknown_types(void **state)
{
    source.choice.mode = CATALOG_STRICT;
    assert_fault(*state, "{\"type\":\"risk_alrt\"}", "/type",
                 "expected a type of the catalogue, got an unknown one; did you mean "
                 "\"risk_alert\"?");
    assert_fault(*state, "{\"event_type\":\"zzz\"}", "/event_type",
                 "expected a type of the catalogue, got an unknown one");
    assert_fault(*state, "{\"event_type\":\"error\"}", "/event_type",
                 "expected a type of the catalogue; one of this name exists, but this event does "
                 "not meet its condition \"when\"");
    good_event(*state, "{\"type\":\"user_action\"}");
    source.choice.mode = CATALOG_OPEN;
}

static void what_was_judged_can_be_read_back(void **state)
{
    struct buffer line = {0};
    struct event_faults faults;
    struct log_event back, e = good_event(*state, "{\"type\":\"risk_alert\",\"payload\":{" PART
                                                  ",\"risk_score\":61,\"user_id\":5}}");
    id_make(&e.id);
    e.received_at = 1;
    event_write_line(&e, &line);
    assert_true(event_read_line(*state, (struct slice){line.data, line.size - 1}, &back, &faults));
    assert_token(back.field[EVENT_FIELD_ROUTING_KEY], "\"cns.risk.alert.high\"");
    assert_token(back.field[EVENT_FIELD_USER_ID], "\"5\"");
    buffer_finish(&line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_type_has_its_key_priority_and_severity),
        cmocka_unit_test(the_types_of_mahavishnu_and_the_reviewer_are_known),
        cmocka_unit_test(an_alias_becomes_the_type),
        cmocka_unit_test(what_is_not_a_column_ends_in_the_payload),
        cmocka_unit_test(columns_are_filled_from_the_payload),
        cmocka_unit_test(a_supplier_is_not_the_source),
        cmocka_unit_test(faults_say_what_was_expected_and_what_came),
        cmocka_unit_test(other_misspelled_members_of_a_refused_event_are_told),
        cmocka_unit_test(strict_refuses_unknown_types),
        cmocka_unit_test(what_was_judged_can_be_read_back),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
