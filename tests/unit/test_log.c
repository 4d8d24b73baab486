/* SPDX-License-Identifier: Apache-2.0 */
#include "common/app/log.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/unit.h"

static char captured[4096];

/* What `write_line` puts on stderr. */
static void capture(void (*write_line)(void))
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    const int saved = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    write_line();
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(ends[1]);
    const ssize_t size = read(ends[0], captured, sizeof captured - 1);
    captured[size > 0 ? size : 0] = 0;
    close(ends[0]);
}

static void one_line(void)
{
    log_warning("link_lost", "broker connection lost", LOG_TEXT("reason", "a\n\"b\" \x1b[31m"),
                LOG_INT("retry_ms", 120));
    log_info("quiet", "below the level");
}

static void json_lines_keep_the_ecs_order_and_cannot_be_forged(void **state)
{
    (void)state;
    log_open("holdfast-producer", LOG_LEVEL_WARNING, LOG_FORMAT_JSON);
    capture(one_line);
    assert_memory_equal(captured, "{\"@timestamp\":\"", 15);
    assert_non_null(strstr(captured, "Z\",\"log.level\":\"warning\",\"message\":\"broker "
                                     "connection lost\",\"service.name\":\"holdfast-producer\""));
    assert_non_null(strstr(captured, "\"event.action\":\"link_lost\",\"holdfast.reason\":\"a\\n"
                                     "\\\"b\\\" \\u001b[31m\",\"holdfast.retry_ms\":120,"));
    assert_ptr_equal(strchr(captured, '\n'), captured + strlen(captured) - 1);
}

static void text_lines_are_for_people(void **state)
{
    (void)state;
    log_open("holdfast-producer", LOG_LEVEL_WARNING, LOG_FORMAT_TEXT);
    capture(one_line);
    assert_non_null(strstr(captured, " WARNING producer link_lost: broker connection lost "
                                     "reason=\"a\\n\\\"b\\\" \\u001b[31m\" retry_ms=120\n"));
    assert_null(strstr(captured, "quiet"));
}

/* What a text is written as, in both formats. */
static const struct {
    const char *text, *written;
} strangers[] = {
    {"a\xc2\x85"
     "b",
     "\"a\\u0085b\""}, /* next line */
    {"a\xe2\x80\xa8"
     "b\xe2\x80\xa9",
     "\"a\\u2028b\\u2029\""}, /* ends of line, of paragraph */
    {"\xc2\x9b"
     "31m",
     "\"\\u009b31m\""}, /* a C1 control: as ESC [ */
    {"\xc2\x80\xc2\x9f\xc2\xa0", "\"\\u0080\\u009f\xc2\xa0\""},
    {"\x7f\v\f", "\"\\u007f\\u000b\\f\""},
    {"\xe2\x80\xae"
     "txt\xe2\x80\xac",
     "\"\\u202etxt\\u202c\""}, /* turned around */
    {"\xe2\x81\xa6\xe2\x81\xa9\xd8\x9c\xe2\x80\x8f", "\"\\u2066\\u2069\\u061c\\u200f\""},
    {"\x9b"
     "1m \xff \xe2\x80",
     "\"\\ufffd1m \\ufffd \\ufffd\\ufffd\""}, /* no UTF-8 */
    {"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\""},
};

static const char *strange;

static void strange_line(void)
{
    log_warning("link_lost", "lost", LOG_TEXT("reason", strange));
}

static void no_control_of_unicode_ends_a_line_or_reaches_a_terminal(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++) {
        for (int format = LOG_FORMAT_TEXT; format <= LOG_FORMAT_JSON; format++) {
            log_open("holdfast-producer", LOG_LEVEL_WARNING, (enum log_format)format);
            strange = strangers[i].text;
            capture(strange_line);
            if (strstr(captured, strangers[i].written) == NULL)
                fail_msg("%s is not in %s", strangers[i].written, captured);
        }
    }
}

static void repeats_are_held_back_and_counted(void **state)
{
    struct log_repeat r = {0};
    uint64_t held = 7;
    (void)state;
    assert_true(log_repeat_due(&r, &held));
    assert_int_equal(held, 0);
    assert_false(log_repeat_due(&r, &held));
    assert_false(log_repeat_due(&r, &held));
    assert_int_equal(r.held, 2);
    r.last_ns -= INT64_C(31000000000);
    assert_true(log_repeat_due(&r, &held));
    assert_int_equal(held, 2);
    log_repeat_reset(&r);
    assert_true(log_repeat_due(&r, &held));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_lines_keep_the_ecs_order_and_cannot_be_forged),
        cmocka_unit_test(text_lines_are_for_people),
        cmocka_unit_test(no_control_of_unicode_ends_a_line_or_reaches_a_terminal),
        cmocka_unit_test(repeats_are_held_back_and_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
