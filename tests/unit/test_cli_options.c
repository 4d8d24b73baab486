/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "cli/draft.h"
#include "cli/options.h"

enum { NAME = 1, QUIET, VERBOSE };

static const struct options_row rows[] = {
    {NAME, "name", 'n', "NAME", "a name"},
    {QUIET, "quiet", 'q', NULL, "quiet"},
    {VERBOSE, "verbose", 'v', NULL, "verbose"},
};

/* What the parser makes of a command line, as "n=value q v arg=text", up to a fault "!text". */
static const char *parse(const char *const *words)
{
    static char text[1024];
    char *argv[16] = {NULL};
    int argc = 1;
    for (; *words; words++)
        argv[argc++] = (char *)(uintptr_t)*words;
    struct options o;
    struct options_found f;
    size_t used = 0;
    text[0] = '\0';
    options_init(&o, rows, 3, argc, argv);
    for (options_next(&o, &f); f.kind != OPTIONS_END; options_next(&o, &f)) {
        const char *what = f.kind == OPTIONS_ARGUMENT ? "arg="
                           : f.kind == OPTIONS_FAULT  ? "!"
                           : f.id == NAME             ? "n="
                           : f.id == QUIET            ? "q"
                                                      : "v";
        const char *value = f.kind == OPTIONS_FAULT ? f.fault : f.value ? f.value : "";
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s%s", used ? " " : "", what,
                                 value);
        if (f.kind == OPTIONS_FAULT)
            break;
    }
    return text;
}

#define PARSE(...) parse((const char *const[]){__VA_ARGS__, NULL})

static void test_all_spellings(void **state)
{
    (void)state;
    assert_string_equal(PARSE("--name", "x", "--quiet"), "n=x q");
    assert_string_equal(PARSE("--name=x=y", "a", "-q"), "n=x=y arg=a q");
    assert_string_equal(PARSE("-n", "x", "-nx", "-n="), "n=x n=x n==");
    assert_string_equal(PARSE("-qv", "-qnx", "-qn", "x"), "q v q n=x q n=x");
    assert_string_equal(PARSE("-", "--", "--name", "-q", "--"), "arg=- arg=--name arg=-q arg=--");
    assert_string_equal(PARSE("--name", "--quiet"), "n=--quiet");
    assert_string_equal(PARSE("--name=", "", "--"), "n= arg=");
}

static void test_faults_say_what_is_wrong(void **state)
{
    (void)state;
    assert_string_equal(PARSE("--name"), "!--name needs a value behind it");
    assert_string_equal(PARSE("-qn"), "q !-n needs a value behind it");
    assert_string_equal(PARSE("--quiet=1"), "!--quiet takes no value");
    assert_string_equal(PARSE("-x"), "!there is no option -x");
    assert_string_equal(PARSE("--qiuet"), "!there is no option --qiuet; did you mean --quiet?");
    assert_string_equal(PARSE("--something-else"), "!there is no option --something-else");
    char longest[300];
    memset(longest, 'a', sizeof longest);
    longest[0] = longest[1] = '-';
    longest[sizeof longest - 1] = '\0';
    assert_non_null(strstr(PARSE(longest), "there is no option"));
}

static void test_help_names_every_option(void **state)
{
    struct buffer out = {0};
    (void)state;
    options_help(rows, 3, &out);
    buffer_add_byte(&out, 0);
    assert_non_null(strstr(out.data, "  -n, --name NAME             a name\n"));
    assert_non_null(strstr(out.data, "  -v, --verbose               verbose\n"));
    buffer_finish(&out);
}

/* -------- one event from options -------- */

static struct gate *make_gate(void)
{
    static const struct gate_limits limits = {.depth = 64, .members = 1000, .digits = 1000};
    return gate_create(&limits);
}

static void check_event(const struct options_found *options, size_t count, const char *expected)
{
    struct gate *gate = make_gate();
    struct draft d = {0};
    struct buffer out = {0};
    char fault[256] = "";
    bool ok = true;
    for (size_t i = 0; i < count && ok; i++)
        ok = draft_set(&d, gate, &options[i], fault);
    ok = ok && draft_write(&d, gate, &out, fault);
    buffer_add_byte(&out, 0);
    if (ok)
        assert_string_equal(out.data, expected);
    else
        assert_string_equal(fault, expected);
    buffer_finish(&out);
    draft_finish(&d);
    gate_destroy(gate);
}

#define CHECK_EVENT(expected, ...)                                                                 \
    check_event((const struct options_found[]){__VA_ARGS__},                                       \
                sizeof((const struct options_found[]){__VA_ARGS__}) /                              \
                    sizeof(struct options_found),                                                  \
                expected)
#define GIVEN(option, text)                                                                        \
    {                                                                                              \
        .id = DRAFT_##option, .value = (text)                                                      \
    }

static void test_an_event_from_options(void **state)
{
    (void)state;
    CHECK_EVENT("{\"event_type\":\"t\"}", GIVEN(TYPE, "t"));
    CHECK_EVENT("{\"event_type\":\"a\\\"b\",\"session_id\":5,\"success\":true,\"duration_ms\":1.5}",
                GIVEN(TYPE, "a\"b"), GIVEN(SESSION, "5"), GIVEN(SUCCESS, "true"),
                GIVEN(DURATION, "1.5"));
    CHECK_EVENT("{\"event_type\":\"t\",\"tags\":[\"a\",\"b,c\"],\"payload\":{\"n\":1,\"s\":\"x y\","
                "\"o\":{\"a\":[1,2]},\"e\":\"\",\"q\":\"1\",\"k\":\"=null\",\"t\":\"tru\"}}",
                GIVEN(TYPE, "t"), GIVEN(TAG, "a"), GIVEN(TAG, "b,c"), GIVEN(PAYLOAD, "n=1"),
                GIVEN(PAYLOAD, "s=x y"), GIVEN(PAYLOAD, "o={\"a\":[1,2]}"), GIVEN(PAYLOAD, "e="),
                GIVEN(PAYLOAD, "q=\"1\""), GIVEN(PAYLOAD, "k==null") /* the first = divides */,
                GIVEN(PAYLOAD, "t=tru"));
}

static void test_bad_options_are_told(void **state)
{
    (void)state;
    CHECK_EVENT("an event needs its type: -t TYPE", GIVEN(TITLE, "x"));
    CHECK_EVENT("-p takes KEY=VALUE, not 'x'", GIVEN(TYPE, "t"), GIVEN(PAYLOAD, "x"));
    CHECK_EVENT("-p takes KEY=VALUE, not '=x'", GIVEN(TYPE, "t"), GIVEN(PAYLOAD, "=x"));
    CHECK_EVENT("--session takes a number, not 'abc'", GIVEN(TYPE, "t"), GIVEN(SESSION, "abc"));
    CHECK_EVENT("--session takes a number, not '[1]'", GIVEN(TYPE, "t"), GIVEN(SESSION, "[1]"));
    CHECK_EVENT("--success takes true or false, not 'yes'", GIVEN(SUCCESS, "yes"));
    CHECK_EVENT("--type is given twice", GIVEN(TYPE, "t"), GIVEN(TYPE, "u"));
    CHECK_EVENT("/payload/a: the member appears twice", GIVEN(TYPE, "t"), GIVEN(PAYLOAD, "a=1"),
                GIVEN(PAYLOAD, "a=2"));
    CHECK_EVENT("/event_type: not valid UTF-8", GIVEN(TYPE, "\xff"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_spellings),
        cmocka_unit_test(test_faults_say_what_is_wrong),
        cmocka_unit_test(test_help_names_every_option),
        cmocka_unit_test(test_an_event_from_options),
        cmocka_unit_test(test_bad_options_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
