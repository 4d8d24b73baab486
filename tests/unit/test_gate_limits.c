/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json/gate.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/core/buffer.h"
#include "common/core/clock.h"
#include "common/json/json_text.h"
#include "tests/unit/unit.h"

static enum gate_fault scan(const struct gate_limits *limits, const struct buffer *text,
                            struct gate_verdict *out)
{
    struct gate *g = gate_create(limits);
    struct gate_value value;
    assert_non_null(g);
    assert_false(text->failed);
    const bool good = gate_scan_whole(g, buffer_slice(text), &value, out);
    gate_destroy(g);
    return good ? GATE_FAULT_NONE : out->fault;
}

static void add_times(struct buffer *b, char c, size_t times)
{
    for (size_t i = 0; i < times; i++)
        buffer_add_byte(b, (uint8_t)c);
}

static void nesting_ends_at_the_limit(void **state)
{
    const struct gate_limits limits = {.depth = 64, .members = 1, .digits = 1};
    (void)state;
    for (size_t depth = 63; depth <= 66; depth++) {
        struct buffer text = {0};
        struct gate_verdict verdict;
        add_times(&text, '[', depth);
        add_times(&text, ']', depth);
        const enum gate_fault fault = scan(&limits, &text, &verdict);
        assert_int_equal(fault, depth <= 64 ? GATE_FAULT_NONE : GATE_FAULT_DEPTH);
        if (fault == GATE_FAULT_DEPTH)
            assert_int_equal(verdict.offset, 64);
        buffer_finish(&text);
    }
}

static void a_million_brackets_cost_no_stack(void **state)
{
    const struct gate_limits limits = {.depth = 32, .members = 1, .digits = 1};
    struct buffer text = {0};
    struct gate_verdict verdict;
    (void)state;
    add_times(&text, '[', 1000000);
    assert_int_equal(scan(&limits, &text, &verdict), GATE_FAULT_DEPTH);
    assert_int_equal(verdict.offset, 32);
    buffer_finish(&text);
}

static void members_of_all_objects_count_together(void **state)
{
    const struct gate_limits limits = {.depth = 4, .members = 4, .digits = 100};
    struct buffer text = {0};
    struct gate_verdict verdict;
    (void)state;
    buffer_add_text(&text, "{\"a\":[{\"b\":1},{\"c\":1}],\"d\":1}");
    assert_int_equal(scan(&limits, &text, &verdict), GATE_FAULT_NONE);
    buffer_clear(&text);
    buffer_add_text(&text, "{\"a\":[{\"b\":1},{\"c\":1}],\"d\":{\"e\":1}}");
    assert_int_equal(scan(&limits, &text, &verdict), GATE_FAULT_MEMBERS);
    assert_int_equal(verdict.offset, 28);
    assert_string_equal(verdict.pointer, "/d");
    buffer_finish(&text);
}

static void digits_of_all_numbers_count_together(void **state)
{
    const struct gate_limits limits = {.depth = 4, .members = 4, .digits = 16};
    static const struct {
        const char *text;
        enum gate_fault fault;
        const char *pointer;
    } cases[] = {
        {"[1234567890123456]", GATE_FAULT_NONE, ""},
        {"[12345678901234567]", GATE_FAULT_NUMBER_RANGE, "/0"},
        {"[12345678,12345678]", GATE_FAULT_NONE, ""},
        {"[12345678,123456789]", GATE_FAULT_NUMBER_RANGE, "/1"},
        {"[1e15]", GATE_FAULT_NONE, ""},
        {"[1e16]", GATE_FAULT_NUMBER_RANGE, "/0"},
        {"[1e-15]", GATE_FAULT_NONE, ""},
        {"[1e-16]", GATE_FAULT_NUMBER_RANGE, "/0"},
        {"[0e999,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]", GATE_FAULT_NONE, ""},
        {"[0e999,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]", GATE_FAULT_NUMBER_RANGE, "/16"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buffer text = {0};
        struct gate_verdict verdict = {0};
        buffer_add_text(&text, cases[i].text);
        assert_int_equal(scan(&limits, &text, &verdict), cases[i].fault);
        assert_string_equal(verdict.pointer, cases[i].pointer);
        buffer_finish(&text);
    }
}

/* The edges of PostgreSQL's numeric, as tried there: digits, zeros, exponent. */
static void long_numbers_end_where_numeric_does(void **state)
{
    const struct gate_limits limits = {.depth = 4, .members = 4, .digits = 1000000};
    static const struct {
        const char *head;
        size_t zeros;
        const char *tail;
        bool good;
    } cases[] = {
        {"1", 131071, "", true},          {"1", 131072, "", false},
        {"-1", 131071, "", true},         {"0.", 16383, "", true},
        {"0.", 16384, "", false},         {"0.", 16383, "1e1", true},
        {"0.", 16384, "1e1", false},      {"0.", 140000, "1e140001", true},
        {"1", 140000, "e-140000", false}, {"1", 10000, "e-10000", true},
        {"1", 147000, "e-16383", true},   {"1", 131071, "e16", false},
        {"1", 147455, "e-16383", false},  {"1", 147454, "e-16383", true},
        {"1e", 70000, "5", true},         {"1e-", 70000, "16383", true},
        {"1e-", 70000, "16384", false},   {"0e", 9, "1073741822", true},
        {"0e", 9, "1073741823", false},   {"1e", 0, "131071", true},
        {"0.000", 0, "1e131075", true},   {"0e", 0, "99999", true},
        {"0e-", 0, "16383", true},        {"0.0e", 0, "16384", true},
        {"10e", 0, "131070", true},       {"9.99e", 0, "131071", true},
        {"1.0e-", 0, "16382", true},      {"10e-", 0, "16383", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buffer text = {0};
        struct gate_verdict verdict;
        buffer_add_text(&text, cases[i].head);
        add_times(&text, '0', cases[i].zeros);
        buffer_add_text(&text, cases[i].tail);
        const enum gate_fault fault = scan(&limits, &text, &verdict);
        if (fault != (cases[i].good ? GATE_FAULT_NONE : GATE_FAULT_NUMBER_RANGE))
            fail_msg("%s, %zu zeros, %s: %s", cases[i].head, cases[i].zeros, cases[i].tail,
                     gate_fault_text(fault));
        buffer_finish(&text);
    }
}

static void add_members(struct buffer *text, size_t count)
{
    buffer_add_byte(text, '{');
    for (size_t i = 0; i < count; i++)
        buffer_printf(text, "%s\"name%zu\":{\"x\":%zu,\"y\":0}", i == 0 ? "" : ",", i, i % 10);
}

/* Any of the earlier names, in objects around the size where the walk gives way to the table. */
static void duplicates_are_found_in_objects_of_any_size(void **state)
{
    const struct gate_limits limits = {.depth = 4, .members = 100000, .digits = 1000000};
    static const size_t sizes[] = {1, 2, 15, 16, 17, 18, 40, 200, 3000};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (size_t again = 0; again <= sizes[i]; again += sizes[i] > 100 ? 97 : 1) {
            struct buffer text = {0};
            struct gate_verdict verdict;
            add_members(&text, sizes[i]);
            const size_t offset = text.size + 1;
            buffer_printf(&text, ",\"n\\u0061me%zu\":1}", again);
            const enum gate_fault fault = scan(&limits, &text, &verdict);
            assert_int_equal(fault, again < sizes[i] ? GATE_FAULT_DUPLICATE : GATE_FAULT_NONE);
            if (fault == GATE_FAULT_DUPLICATE)
                assert_int_equal(verdict.offset, offset);
            buffer_finish(&text);
        }
    }
}

static int64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * CLOCK_S + t.tv_nsec;
}

/* The best of three scans in processor time, so that a busy machine does not count. */
static int64_t time_of_members(size_t count)
{
    const struct gate_limits limits = {.depth = 4, .members = 1000000, .digits = 1000000};
    struct buffer text = {0};
    struct gate_verdict verdict;
    int64_t best = INT64_MAX;
    add_members(&text, count);
    buffer_add_byte(&text, '}');
    for (int i = 0; i < 3; i++) {
        const int64_t start = cpu_ns();
        assert_int_equal(scan(&limits, &text, &verdict), GATE_FAULT_NONE);
        const int64_t spent = cpu_ns() - start;
        best = spent < best ? spent : best;
    }
    buffer_finish(&text);
    return best;
}

/* Twenty times the members may not cost four hundred times the time. */
static void many_members_cost_no_more_than_their_number(void **state)
{
    (void)state;
    const int64_t few = time_of_members(10000), many = time_of_members(200000);
    if (many / few > 100)
        fail_msg("10000: %lld ns, 200000: %lld ns", (long long)few, (long long)many);
}

static size_t heap_in_use(void)
{
    const struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

/* What one scan left behind means nothing to the next, and takes no more memory with each. */
static void a_gate_forgets_between_scans(void **state)
{
    const struct gate_limits limits = {.depth = 4, .members = 200, .digits = 1000};
    struct gate *g = gate_create(&limits);
    struct buffer text = {0};
    size_t heap = 0;
    (void)state;
    add_members(&text, 60);
    buffer_add_byte(&text, '}');
    for (int i = 0; i < 1000; i++) {
        struct gate_value value;
        struct gate_verdict verdict;
        assert_true(gate_scan_whole(g, buffer_slice(&text), &value, &verdict));
        assert_int_equal(value.member_count, 60);
        assert_false(gate_scan_whole(g, SLICE("[{\"name0\":{\"x\":["), &value, &verdict));
        assert_string_equal(verdict.pointer, "/0/name0/x/0");
        if (i == 0)
            heap = heap_in_use();
    }
    assert_int_equal(heap_in_use(), heap);
    buffer_finish(&text);
    gate_destroy(g);
}

static void assert_utf8(const char *text)
{
    const char *end = text + strlen(text);
    for (const char *p = text; p < end;) {
        const size_t size = json_utf8_size(p, end);
        assert_true(size > 0);
        p += size;
    }
}

/* Names of all lengths and of characters of one to four bytes, and what must be escaped. */
static void long_pointers_are_cut_between_characters(void **state)
{
    const struct gate_limits limits = {.depth = 4, .members = 200, .digits = 1000};
    static const char *const characters[] = {"a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80",
                                             "~"};
    (void)state;
    for (size_t c = 0; c < 5; c++) {
        for (size_t length = 40; length < 300; length++) {
            struct buffer text = {0};
            struct gate_verdict verdict;
            buffer_add_text(&text, "{\"");
            for (size_t i = 0; i < length; i++)
                buffer_add_text(&text, characters[c]);
            buffer_add_text(&text, "\":{\"inside\":[x");
            assert_int_equal(scan(&limits, &text, &verdict), GATE_FAULT_LITERAL);
            assert_utf8(verdict.pointer);
            const size_t size = strlen(verdict.pointer);
            const size_t whole = 1 + length * (c == 4 ? 2 : strlen(characters[c])) + 9;
            assert_true(size < sizeof verdict.pointer);
            if (whole < sizeof verdict.pointer)
                assert_string_equal(verdict.pointer + size - 9, "/inside/0");
            else
                assert_string_equal(verdict.pointer + size - 3, "\xe2\x80\xa6");
            /* "~" is half of "~0" */
            assert_true(verdict.pointer[size - 1] != '~' && verdict.pointer[size - 4] != '~');
            buffer_finish(&text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nesting_ends_at_the_limit),
        cmocka_unit_test(a_million_brackets_cost_no_stack),
        cmocka_unit_test(members_of_all_objects_count_together),
        cmocka_unit_test(digits_of_all_numbers_count_together),
        cmocka_unit_test(long_numbers_end_where_numeric_does),
        cmocka_unit_test(duplicates_are_found_in_objects_of_any_size),
        cmocka_unit_test(many_members_cost_no_more_than_their_number),
        cmocka_unit_test(a_gate_forgets_between_scans),
        cmocka_unit_test(long_pointers_are_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
