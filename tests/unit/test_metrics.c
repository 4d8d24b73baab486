/* SPDX-License-Identifier: Apache-2.0 */
#include "common/app/metrics.h"

#include <string.h>

#include "common/core/clock.h"
#include "tests/unit/unit.h"

static struct buffer rendered(void)
{
    struct buffer text = {0};
    metrics_render(&text);
    buffer_add_byte(&text, 0);
    assert_false(text.failed);
    return text;
}

static void workers_are_summed(void **state)
{
    (void)state;
    assert_true(metrics_open(2));
    struct metric *stored = metrics_counter("events_stored_total", "", "Events stored.");
    struct metric *ok = metrics_counter("http_requests_total", "code=\"202\"", "Requests.");
    struct metric *bad = metrics_counter("http_requests_total", "code=\"400\"", "Requests.");
    struct metric *connected = metrics_gauge("amqp_connected", "", "Connections open.");
    metric_add(stored, 3);
    metric_add(ok, 1);
    metric_set(connected, 1);
    metrics_use_row(1);
    metric_add(stored, 4);
    metric_add(bad, 2);
    metric_set(connected, 1);
    assert_int_equal(metric_value(stored), 4);
    struct buffer text = rendered();
    assert_non_null(strstr(text.data, "# TYPE holdfast_events_stored_total counter\n"
                                      "holdfast_events_stored_total 7\n"));
    assert_non_null(strstr(text.data, "holdfast_http_requests_total{code=\"202\"} 1\n"
                                      "holdfast_http_requests_total{code=\"400\"} 2\n"));
    assert_non_null(strstr(text.data, "holdfast_amqp_connected 2\n"));
    buffer_finish(&text);
}

static void a_restarted_worker_keeps_counters_and_drops_gauges(void **state)
{
    (void)state;
    assert_true(metrics_open(1));
    struct metric *counter = metrics_counter("a_total", "", "A.");
    struct metric *gauge = metrics_gauge("b", "", "B.");
    metric_add(counter, 5);
    metric_set(gauge, 5);
    metrics_use_row(0);
    assert_int_equal(metric_value(counter), 5);
    assert_int_equal(metric_value(gauge), 0);
}

static void histograms_are_cumulative_and_in_seconds(void **state)
{
    (void)state;
    assert_true(metrics_open(1));
    struct metric *wait = metrics_latency("wait_seconds", "route=\"/log\"", "Waiting.");
    struct metric *size = metrics_size("batch_size", "", "Events of a batch.");
    metric_observe_ns(wait, CLOCK_MS / 20);
    metric_observe_ns(wait, CLOCK_MS);
    metric_observe_ns(wait, 60 * CLOCK_S);
    metric_observe(size, 5);
    metric_observe(size, 6);
    struct buffer text = rendered();
    assert_non_null(
        strstr(text.data, "holdfast_wait_seconds_bucket{route=\"/log\",le=\"0.0001\"} 1\n"));
    assert_non_null(
        strstr(text.data, "holdfast_wait_seconds_bucket{route=\"/log\",le=\"0.0016\"} 2\n"));
    assert_non_null(
        strstr(text.data, "holdfast_wait_seconds_bucket{route=\"/log\",le=\"+Inf\"} 3\n"));
    assert_non_null(strstr(text.data, "holdfast_wait_seconds_count{route=\"/log\"} 3\n"));
    assert_non_null(strstr(text.data, "holdfast_wait_seconds_sum{route=\"/log\"} 60.00105\n"));
    assert_non_null(strstr(text.data, "holdfast_batch_size_bucket{le=\"5\"} 1\n"
                                      "holdfast_batch_size_bucket{le=\"10\"} 2\n"));
    assert_non_null(strstr(text.data, "holdfast_batch_size_sum 11\n"));
    buffer_finish(&text);
}

static void the_ages_of_many_old_events_can_be_summed(void **state)
{
    (void)state;
    assert_true(metrics_open(1));
    struct metric *age = metrics_latency("age_seconds", "", "Age.");
    for (int i = 0; i < 1000; i++)
        metric_observe_ns(age, INT64_C(1000000000) * CLOCK_S);
    struct buffer text = rendered();
    assert_non_null(strstr(text.data, "holdfast_age_seconds_sum 1e+12\n"));
    buffer_finish(&text);
}

static void the_greatest_of_the_workers_is_told(void **state)
{
    (void)state;
    assert_true(metrics_open(2));
    struct metric *longest = metrics_greatest("loop_longest_turn_seconds", "", "Longest.");
    metric_set(longest, 7 * CLOCK_MS);
    metrics_use_row(1);
    metric_set(longest, 3 * CLOCK_MS);
    struct buffer text = rendered();
    assert_non_null(strstr(text.data, "# TYPE holdfast_loop_longest_turn_seconds gauge\n"
                                      "holdfast_loop_longest_turn_seconds 0.007000\n"));
    buffer_finish(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(workers_are_summed),
        cmocka_unit_test(a_restarted_worker_keeps_counters_and_drops_gauges),
        cmocka_unit_test(the_greatest_of_the_workers_is_told),
        cmocka_unit_test(histograms_are_cumulative_and_in_seconds),
        cmocka_unit_test(the_ages_of_many_old_events_can_be_summed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
