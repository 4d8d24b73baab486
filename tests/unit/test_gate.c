/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json/gate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

/* A text that may hold NUL bytes. */
#define TEXT(literal)                                                                              \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }

static const struct gate_limits limits = {.depth = 8, .members = 64, .digits = 200000};

/* In steps of so many bytes the same is found as at once. */
static void scan_in_steps(struct gate *g, struct slice text, size_t bytes, bool wanted,
                          const struct gate_verdict *wanted_verdict)
{
    struct gate_value value;
    struct gate_verdict verdict;
    enum gate_progress progress = GATE_MORE;
    size_t steps = 0;
    gate_begin(g, text);
    while (progress == GATE_MORE && steps++ <= text.size)
        progress = gate_step(g, bytes, &value, &verdict);
    assert_int_equal(progress, wanted ? GATE_GOOD : GATE_BAD);
    if (wanted)
        return;
    assert_int_equal(verdict.fault, wanted_verdict->fault);
    assert_int_equal(verdict.offset, wanted_verdict->offset);
    assert_string_equal(verdict.pointer, wanted_verdict->pointer);
}

/* Scans an exact copy on the heap, so that a sanitizer sees a read beyond the end. */
static bool scan_whole(struct slice text, enum gate_kind *out_kind, struct gate_verdict *out)
{
    struct gate *g = gate_create(&limits);
    char *copy = malloc(text.size + 1);
    struct gate_value value;
    assert_non_null(g);
    assert_non_null(copy);
    char *end = copy + 1; /* an odd address */
    memcpy(end, text.data, text.size);
    const struct slice whole = {end, text.size};
    const bool good = gate_scan_whole(g, whole, &value, out);
    if (good)
        *out_kind = value.kind;
    for (size_t bytes = 0; bytes < 4; bytes++)
        scan_in_steps(g, whole, bytes, good, out);
    free(copy);
    gate_destroy(g);
    return good;
}

static const struct {
    struct slice text;
    enum gate_kind kind;
} accepted[] = {
    /* values alone, white space around them */
    {TEXT("null"), GATE_NULL},
    {TEXT(" true\n"), GATE_TRUE},
    {TEXT("\tfalse\r"), GATE_FALSE},
    {TEXT("\"\""), GATE_STRING},
    {TEXT("\"a\""), GATE_STRING},
    {TEXT("0"), GATE_NUMBER},
    {TEXT("-0"), GATE_NUMBER},
    {TEXT("[]"), GATE_ARRAY},
    {TEXT("{}"), GATE_OBJECT},
    {TEXT(" \t\r\n[ \t\r\n] \t\r\n"), GATE_ARRAY},
    /* numbers */
    {TEXT("-1"), GATE_NUMBER},
    {TEXT("1234567890"), GATE_NUMBER},
    {TEXT("123456789012345678901234567890"), GATE_NUMBER},
    {TEXT("0.5"), GATE_NUMBER},
    {TEXT("-0.0"), GATE_NUMBER},
    {TEXT("1.000000000000000000000000000000000001"), GATE_NUMBER},
    {TEXT("1e5"), GATE_NUMBER},
    {TEXT("1E5"), GATE_NUMBER},
    {TEXT("1e+5"), GATE_NUMBER},
    {TEXT("1e-5"), GATE_NUMBER},
    {TEXT("1.5e00000000000000000000000000005"), GATE_NUMBER},
    {TEXT("0e1"), GATE_NUMBER},
    {TEXT("0E+1"), GATE_NUMBER},
    {TEXT("20e1"), GATE_NUMBER},
    {TEXT("[1,-2,3.5e-1]"), GATE_ARRAY},
    /* strings */
    {TEXT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), GATE_STRING},
    {TEXT("\"\\u0061\\u30AF\\u30ea\""), GATE_STRING},
    {TEXT("\"\\u0001\\u001f\\u007f\\uffff\""), GATE_STRING},
    {TEXT("\"\\ud834\\udd1e\""), GATE_STRING},
    {TEXT("\"\\uDBFF\\uDFFF\""), GATE_STRING},
    {TEXT("\"\\\\u0000\""), GATE_STRING},
    {TEXT("\"/\x7f'`#//\""), GATE_STRING},
    {TEXT("\"\xc2\x80 \xdf\xbf \xe0\xa0\x80 \xed\x9f\xbf \xee\x80\x80 \xef\xbf\xbf\""),
     GATE_STRING},
    {TEXT("\"\xf0\x90\x80\x80 \xf3\xbf\xbf\xbf \xf4\x8f\xbf\xbf\""), GATE_STRING},
    {TEXT("\"\xef\xbb\xbf\""), GATE_STRING}, /* U+FEFF inside a string is a character */
    {TEXT("\"\xe2\x80\xa8\xe2\x80\xa9\""), GATE_STRING},
    {TEXT("\"seven77\\n\""), GATE_STRING},
    {TEXT("\"eight888\\n\""), GATE_STRING},
    {TEXT("\"nine99999\xc3\xa9\""), GATE_STRING},
    /* containers */
    {TEXT("[1,[2,[3,[]]]]"), GATE_ARRAY},
    {TEXT("[[[[[[[[]]]]]]]]"), GATE_ARRAY},
    {TEXT("[null, 1, \"a\", {\"a\":null}, []]"), GATE_ARRAY},
    {TEXT("{\"a\":1,\"b\":2}"), GATE_OBJECT},
    {TEXT("{\"\":0}"), GATE_OBJECT},
    {TEXT("{\"a\":{\"a\":{\"a\":1}}}"), GATE_OBJECT},
    {TEXT("[{\"a\":1},{\"a\":1}]"), GATE_ARRAY},
    {TEXT("{\"a\":{\"b\":1},\"b\":{\"a\":1}}"), GATE_OBJECT},
    {TEXT("{\"a\" : [ 1 , 2 ] , \"b\"\n:\ttrue }"), GATE_OBJECT},
    {TEXT("{\"a\":1,\"A\":1,\"a \":1,\"\\u0061\\u0061\":1}"), GATE_OBJECT},
    {TEXT("{\"\\ud834\\udd1e\":1,\"x\":2}"), GATE_OBJECT},
};

static void accepts_what_rfc_8259_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof accepted / sizeof accepted[0]; i++) {
        enum gate_kind kind;
        struct gate_verdict verdict;
        if (!scan_whole(accepted[i].text, &kind, &verdict))
            fail_msg("%s: %s at %zu", accepted[i].text.data, gate_fault_text(verdict.fault),
                     verdict.offset);
        assert_int_equal(kind, accepted[i].kind);
    }
}

static const struct {
    struct slice text;
    enum gate_fault fault;
    size_t offset;
    const char *pointer;
} refused[] = {
#define R(text, fault, offset, pointer) {TEXT(text), GATE_FAULT_##fault, offset, pointer},
#include "tests/unit/gate_refused.inc"
#undef R
};

static void refuses_the_rest_and_tells_where(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        enum gate_kind kind;
        struct gate_verdict verdict = {0};
        if (scan_whole(refused[i].text, &kind, &verdict))
            fail_msg("accepted: %s", refused[i].text.data);
        if (verdict.fault != refused[i].fault || verdict.offset != refused[i].offset ||
            strcmp(verdict.pointer, refused[i].pointer) != 0)
            fail_msg("%s: %s at %zu, pointer %s", refused[i].text.data,
                     gate_fault_text(verdict.fault), verdict.offset, verdict.pointer);
    }
}

/* A value that ends too early is never taken for a shorter one. */
static void refuses_every_start_of_a_value(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof accepted / sizeof accepted[0]; i++) {
        const struct slice whole = slice_trim(accepted[i].text);
        for (size_t size = 0; size < whole.size && accepted[i].kind != GATE_NUMBER; size++) {
            enum gate_kind kind;
            struct gate_verdict verdict;
            assert_false(scan_whole((struct slice){whole.data, size}, &kind, &verdict));
            if (verdict.fault != GATE_FAULT_UTF8)
                assert_int_equal(verdict.fault, GATE_FAULT_ENDED);
            if (verdict.fault == GATE_FAULT_ENDED)
                assert_int_equal(verdict.offset, size);
        }
    }
}

/* Whether two bytes may stand in a string: by the numbers of RFC 8259 and 3629. */
static bool may_stand(unsigned char a, unsigned char b)
{
    const bool plain = a >= 0x20 && a < 0x80 && b >= 0x20 && b < 0x80 && a != '"' && b != '"' &&
                       a != '\\' && b != '\\';
    const bool escape = a == '\\' && b != 0 && strchr("\"\\/bfnrt", b) != NULL;
    const bool wide = a >= 0xc2 && a <= 0xdf && b >= 0x80 && b <= 0xbf;
    return plain || escape || wide;
}

/* In a short string, which is read byte by byte, and in one read by words. */
static void judges_every_pair_of_bytes(void **state)
{
    struct gate *g = gate_create(&limits);
    (void)state;
    for (unsigned word = 0; word < 0x10000; word++) {
        const unsigned char a = (unsigned char)(word >> 8), b = (unsigned char)word;
        const char brief[] = {'"', (char)a, (char)b, '"'};
        const char longer[] = {'"', '1', '2', '3', '4', (char)a, (char)b, 'x', 'y', 'z', 'w', '"'};
        struct gate_value value;
        struct gate_verdict verdict;
        if (gate_scan_whole(g, (struct slice){brief, sizeof brief}, &value, &verdict) !=
            may_stand(a, b))
            fail_msg("bytes %02x %02x", a, b);
        if (gate_scan_whole(g, (struct slice){longer, sizeof longer}, &value, &verdict) !=
            may_stand(a, b))
            fail_msg("bytes %02x %02x in a longer string", a, b);
    }
    gate_destroy(g);
}

static void hands_out_the_members_of_the_object_at_the_top(void **state)
{
    const struct slice text = SLICE(
        " { \"a\" : [1, {\"x\":2}] ,\"b\\n\":\"q\\\"\",\"\":-1.5e3,\"o\":{\"y\":{}},\"n\":null }");
    static const struct {
        const char *name, *value;
        enum gate_kind kind;
        bool escaped;
    } expected[] = {{"a", "[1, {\"x\":2}]", GATE_ARRAY, false},
                    {"b\\n", "\"q\\\"\"", GATE_STRING, true},
                    {"", "-1.5e3", GATE_NUMBER, false},
                    {"o", "{\"y\":{}}", GATE_OBJECT, false},
                    {"n", "null", GATE_NULL, false}};
    struct gate *g = gate_create(&limits);
    struct gate_value value;
    struct gate_verdict verdict;
    (void)state;
    assert_true(gate_scan_whole(g, text, &value, &verdict));
    assert_ptr_equal(value.text.data, text.data + 1);
    assert_int_equal(value.text.size, text.size - 1);
    assert_int_equal(value.member_count, 5);
    for (size_t i = 0; i < value.member_count; i++) {
        assert_true(slice_equals(value.members[i].name, slice_of(expected[i].name)));
        assert_true(slice_equals(value.members[i].value, slice_of(expected[i].value)));
        assert_int_equal(value.members[i].kind, expected[i].kind);
        assert_int_equal(value.members[i].name_escaped, expected[i].escaped);
    }
    gate_destroy(g);
}

static void walks_one_value_after_another(void **state)
{
    struct slice rest = SLICE(" {\"a\":1}\n[2]\t3 \"x\" nul");
    static const char *const values[] = {"{\"a\":1}", "[2]", "3", "\"x\""};
    struct gate *g = gate_create(&limits);
    struct gate_value value;
    struct gate_verdict verdict;
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        assert_true(gate_scan(g, &rest, &value, &verdict));
        assert_true(slice_equals(value.text, slice_of(values[i])));
        assert_ptr_equal(rest.data, value.text.data + value.text.size);
    }
    const struct slice before = rest;
    value.kind = GATE_ARRAY;
    assert_false(gate_scan(g, &rest, &value, &verdict));
    assert_int_equal(verdict.fault, GATE_FAULT_ENDED);
    assert_int_equal(verdict.offset, rest.size);
    assert_ptr_equal(rest.data, before.data);
    assert_int_equal(rest.size, before.size);
    assert_int_equal(value.kind, GATE_ARRAY);
    rest = (struct slice){0};
    assert_false(gate_scan(g, &rest, &value, &verdict));
    assert_int_equal(verdict.fault, GATE_FAULT_ENDED);
    gate_destroy(g);
}

static void has_a_text_for_every_fault(void **state)
{
    (void)state;
    for (enum gate_fault f = GATE_FAULT_NONE; f <= GATE_FAULT_MEMORY; f++)
        assert_true(strlen(gate_fault_text(f)) > 5);
    assert_int_equal(gate_kind_of('['), GATE_ARRAY);
    assert_int_equal(gate_kind_of('-'), GATE_NUMBER);
    gate_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_what_rfc_8259_does),
        cmocka_unit_test(refuses_the_rest_and_tells_where),
        cmocka_unit_test(refuses_every_start_of_a_value),
        cmocka_unit_test(judges_every_pair_of_bytes),
        cmocka_unit_test(hands_out_the_members_of_the_object_at_the_top),
        cmocka_unit_test(walks_one_value_after_another),
        cmocka_unit_test(has_a_text_for_every_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
