/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json/canonical.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json/gate.h"
#include "common/json/json_walk.h"
#include "tests/unit/unit.h"

static struct canonical canonical;
static struct gate *gate;

static int setup(void **state)
{
    const struct gate_limits limits = {.depth = 65, .members = 100000, .digits = 1000000};
    (void)state;
    gate = gate_create(&limits);
    return gate == NULL;
}

static int teardown(void **state)
{
    (void)state;
    gate_destroy(gate);
    canonical_finish(&canonical);
    return 0;
}

struct digest {
    uint8_t bytes[DIGEST_SIZE];
};

/* Of an exact copy on the heap, so that a sanitizer sees a read beyond the end. */
static struct digest digest_of(struct slice text)
{
    struct digest d;
    struct gate_value value;
    struct gate_verdict verdict;
    char *copy = malloc(text.size);
    assert_non_null(copy);
    memcpy(copy, text.data, text.size);
    if (!gate_scan_whole(gate, (struct slice){copy, text.size}, &value, &verdict))
        fail_msg("%.*s: %s", SLICE_ARGS(text), gate_fault_text(verdict.fault));
    assert_true(canonical_digest(&canonical, value.text, (struct slice){0}, d.bytes));
    free(copy);
    return d;
}

static bool is_same(struct slice a, struct slice b)
{
    const struct digest left = digest_of(a), right = digest_of(b);
    return memcmp(left.bytes, right.bytes, sizeof left.bytes) == 0;
}

/* Each row is one value in several spellings, and no two rows say the same. */
static const char *const values[][6] = {
    {"{}", " { } \n"},
    {"{\"a\":{}}", "{\"a\":{ }}", "{\"\\u0061\" : {}}"},
    {"{\"a\":[]}", "{\"a\":[ ]}"},
    {"{\"a\":null}"},
    {"{\"a\":true}", "{ \"a\" : true }"},
    {"{\"a\":false}"},
    {"{\"a\":\"true\"}", "{\"a\":\"tru\\u0065\"}"},
    {"{\"a\":1}", "{\"a\":1.0}", "{\"a\":1e0}", "{\"a\":10e-1}", "{\"a\":0.1E+1}",
     "{\"a\":1E-000}"},
    {"{\"a\":-1}", "{\"a\":-1.00}"},
    {"{\"a\":10}", "{\"a\":1e1}", "{\"a\":10.0}", "{\"a\":100e-1}"},
    {"{\"a\":100}", "{\"a\":1e2}", "{\"a\":1E+02}"},
    {"{\"a\":0}", "{\"a\":-0}", "{\"a\":0.000}", "{\"a\":0e5}", "{\"a\":-0.0e-3}"},
    {"{\"a\":0.5}", "{\"a\":5e-1}", "{\"a\":0.50}", "{\"a\":50E-2}"},
    {"{\"a\":12.5}", "{\"a\":125e-1}", "{\"a\":0.125e2}"},
    {"{\"a\":9007199254740993}", "{\"a\":9007199254740993.0}"},
    {"{\"a\":9007199254740992}"},
    {"{\"a\":123456789012345678901234567890}", "{\"a\":12345678901234567890123456789e1}"},
    {"{\"a\":\"1\"}", "{\"a\":\"\\u0031\"}"},
    {"{\"a\":\"\"}"},
    {"{\"a\":\"/\"}", "{\"a\":\"\\/\"}", "{\"a\":\"\\u002f\"}", "{\"a\":\"\\u002F\"}"},
    {"{\"a\":\"\\\"\"}", "{\"a\":\"\\u0022\"}"},
    {"{\"a\":\"\\\\\"}", "{\"a\":\"\\u005c\"}"},
    {"{\"a\":\"\\\\\\\"\"}"},
    {"{\"a\":\"\\n\"}", "{\"a\":\"\\u000a\"}", "{\"a\":\"\\u000A\"}"},
    {"{\"a\":\"\\\\n\"}", "{\"a\":\"\\u005cn\"}"},
    {"{\"a\":\"n\"}"},
    {"{\"a\":\"\xc3\xa9\"}", "{\"a\":\"\\u00e9\"}"},
    {"{\"a\":\"e\xcc\x81\"}"}, /* composed otherwise: other characters */
    {"{\"a\":\"\xf0\x9f\x98\x80\"}", "{\"a\":\"\\ud83d\\ude00\"}", "{\"a\":\"\\uD83D\\uDE00\"}"},
    {"{\"a\":[1,2]}", "{\"a\":[ 1 , 2 ]}", "{\"a\":[1.0,2e0]}"},
    {"{\"a\":[2,1]}"},
    {"{\"a\":[12]}"},
    {"{\"a\":[[1],2]}"},
    {"{\"a\":[1,[2]]}"},
    {"{\"a\":[1,2,[]]}"},
    {"{\"a\":[{}]}"},
    {"{\"a\":[1,{},2]}"},
    {"{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", "{\"\\u0062\":2,\"a\":1.0}"},
    {"{\"a\":2,\"b\":1}"},
    {"{\"a\":{\"b\":1}}"},
    {"{\"a\":{\"b\":1,\"c\":2},\"d\":3}", "{\"d\":3,\"a\":{\"c\":2,\"b\":1}}"},
    {"{\"a\":{\"b\":1},\"c\":2,\"d\":3}", "{\"d\":3,\"c\":2,\"a\":{\"b\":1}}"},
    {"{\"a\":{\"b\":1,\"c\":2,\"d\":3}}"},
    {"{\"aa\":1,\"a\":2}", "{\"a\":2,\"aa\":1}"},
    {"{\"a\":1,\"aa\":2}"},
    {"{\"a\\\"\":1}", "{\"a\\u0022\":1}"},
    {"{\"\":1}"},
    {"{\"A\":1}"},
};

enum { VALUES = sizeof values / sizeof values[0] };

static void one_value_has_one_digest(void **state)
{
    (void)state;
    for (size_t i = 0; i < VALUES; i++) {
        for (size_t k = 1; k < 6 && values[i][k] != NULL; k++)
            if (!is_same(slice_of(values[i][0]), slice_of(values[i][k])))
                fail_msg("%s and %s", values[i][0], values[i][k]);
    }
}

static void another_value_has_another_digest(void **state)
{
    (void)state;
    for (size_t i = 0; i < VALUES; i++) {
        for (size_t k = 0; k < i; k++)
            if (is_same(slice_of(values[i][0]), slice_of(values[k][0])))
                fail_msg("%s and %s", values[i][0], values[k][0]);
    }
}

/* ---- values by chance ---- */

struct chance {
    uint64_t state;
};

static uint64_t draw(struct chance *c, uint64_t below)
{
    c->state ^= c->state << 13;
    c->state ^= c->state >> 7;
    c->state ^= c->state << 17;
    return (c->state >> 11) % below;
}

/* What is said comes from `content`, how it is written from `style`. */
struct writer {
    struct chance content, style;
    size_t leaves, changed; /* the leaf with this number says something else; 0: none does */
};

static void write_space(struct writer *w, struct buffer *out)
{
    static const char *const spaces[] = {"", "", "", " ", "\n", " \t\r\n "};
    buffer_add_text(out, spaces[draw(&w->style, 6)]);
}

static void write_character(struct writer *w, struct buffer *out, unsigned c)
{
    static const char *const upper = "\\u%04X", *const lower = "\\u%04x";
    if (draw(&w->style, 3) == 0 || c < ' ' || c == '"' || c == '\\') {
        char text[8];
        snprintf(text, sizeof text, draw(&w->style, 2) == 0 ? upper : lower, c);
        buffer_add_text(out, text);
    } else if (c < 0x80) {
        buffer_add_byte(out, (uint8_t)c);
    } else {
        buffer_add_byte(out, (uint8_t)(0xc0 | c >> 6));
        buffer_add_byte(out, (uint8_t)(0x80 | (c & 0x3f)));
    }
}

static void write_string(struct writer *w, struct buffer *out, const char *start, unsigned more)
{
    static const unsigned alphabet[] = {'a', 'b', '"', '\\', '/', '\n', ' ', 0xe9, 0x7ff, '{', ':'};
    const size_t size = draw(&w->content, 6);
    buffer_add_byte(out, '"');
    for (const char *p = start; *p != '\0'; p++)
        write_character(w, out, (unsigned char)*p);
    for (size_t i = 0; i < size; i++)
        write_character(w, out, alphabet[draw(&w->content, sizeof alphabet / sizeof *alphabet)]);
    if (more > 0)
        write_character(w, out, more);
    buffer_add_byte(out, '"');
}

/* value / 1000, its point anywhere and its exponent to match. */
static void write_number(struct writer *w, struct buffer *out, uint64_t value)
{
    char digits[32];
    int count = snprintf(digits, sizeof digits, "%04llu", (unsigned long long)value);
    const int exponent = (int)draw(&w->style, 4);
    const int fraction = 3 + exponent > count - 1 ? count - 1 : 3 + exponent;
    const char *p = digits;
    int whole = count - fraction;
    if (draw(&w->content, 2) == 0)
        buffer_add_byte(out, '-');
    while (whole > 1 && *p == '0') {
        p++;
        whole--;
    }
    buffer_add(out, p, (size_t)whole);
    if (fraction > 0) {
        buffer_add_byte(out, '.');
        buffer_add_text(out, p + whole);
    }
    buffer_printf(out, "e%s%d", draw(&w->style, 2) == 0 && fraction >= 3 ? "+" : "", fraction - 3);
}

static void write_leaf(struct writer *w, struct buffer *out)
{
    const bool changed = ++w->leaves == w->changed;
    if (draw(&w->content, 2) == 0)
        write_string(w, out, "", changed ? 'x' : 0);
    else
        write_number(w, out, 1 + draw(&w->content, 99999) + (changed ? 100000 : 0));
}

static void write_value(struct writer *w, struct buffer *out, size_t depth);

/* Each part is written by itself; those of an object go out in any order. */
static void write_object(struct writer *w, struct buffer *out, size_t depth)
{
    struct buffer parts[6] = {{0}};
    const size_t count = draw(&w->content, 6);
    for (size_t i = 0; i < count; i++) {
        write_space(w, &parts[i]);
        write_string(w, &parts[i], (const char[]){(char)('m' - i), '\0'}, 0);
        write_space(w, &parts[i]);
        buffer_add_byte(&parts[i], ':');
        write_value(w, &parts[i], depth + 1);
    }
    buffer_add_byte(out, '{');
    for (size_t left = count; left > 0; left--) {
        const size_t next = draw(&w->style, left);
        buffer_add_slice(out, buffer_slice(&parts[next]));
        if (left > 1)
            buffer_add_byte(out, ',');
        buffer_finish(&parts[next]);
        parts[next] = parts[left - 1];
    }
    write_space(w, out);
    buffer_add_byte(out, '}');
}

static void write_array(struct writer *w, struct buffer *out, size_t depth)
{
    const size_t count = draw(&w->content, 5);
    buffer_add_byte(out, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buffer_add_byte(out, ',');
        write_value(w, out, depth + 1);
    }
    write_space(w, out);
    buffer_add_byte(out, ']');
}

static void write_value(struct writer *w, struct buffer *out, size_t depth)
{
    const uint64_t kind = depth > 5 ? 3 : draw(&w->content, 4);
    write_space(w, out);
    if (kind == 0 || depth == 0)
        write_object(w, out, depth);
    else if (kind == 1)
        write_array(w, out, depth);
    else
        write_leaf(w, out);
    write_space(w, out);
}

static size_t write_by_chance(uint64_t content, uint64_t style, size_t changed, struct buffer *out)
{
    struct writer w = {.content = {content * UINT64_C(0x9e3779b97f4a7c15) + 1},
                       .style = {style * UINT64_C(0xbf58476d1ce4e5b9) + 1},
                       .changed = changed};
    buffer_clear(out);
    write_value(&w, out, 0);
    assert_false(out->failed);
    return w.leaves;
}

static void the_way_it_is_written_makes_no_difference_and_what_it_says_does(void **state)
{
    struct buffer one = {0}, other = {0};
    (void)state;
    for (uint64_t i = 1; i <= 3000; i++) {
        const size_t leaves = write_by_chance(i, 2 * i, 0, &one);
        write_by_chance(i, 2 * i + 1, 0, &other);
        if (!is_same(buffer_slice(&one), buffer_slice(&other)))
            fail_msg("%.*s\nand\n%.*s", SLICE_ARGS(buffer_slice(&one)),
                     SLICE_ARGS(buffer_slice(&other)));
        if (leaves == 0)
            continue;
        write_by_chance(i, 2 * i + 1, 1 + i % leaves, &other);
        if (is_same(buffer_slice(&one), buffer_slice(&other)))
            fail_msg("%.*s\nand\n%.*s", SLICE_ARGS(buffer_slice(&one)),
                     SLICE_ARGS(buffer_slice(&other)));
    }
    buffer_finish(&one);
    buffer_finish(&other);
}

static void the_deepest_value_has_a_digest(void **state)
{
    struct buffer text = {0};
    (void)state;
    buffer_add_text(&text, "{\"a\":");
    for (int i = 1; i < GATE_DEPTH_MAX; i++)
        buffer_add_byte(&text, '[');
    for (int i = 1; i < GATE_DEPTH_MAX; i++)
        buffer_add_byte(&text, ']');
    buffer_add_byte(&text, '}');
    assert_true(is_same(buffer_slice(&text), buffer_slice(&text)));
    buffer_finish(&text);
}

static void a_member_can_be_left_out(void **state)
{
    const struct slice with = SLICE("{\"b\":1,\"id\":\"x\",\"a\":{\"id\":\"x\"}}");
    struct gate_member id;
    struct digest d;
    const struct digest expected = digest_of(SLICE("{\"a\":{\"id\":\"x\"},\"b\":1}"));
    (void)state;
    assert_true(json_find_member(with, SLICE("id"), &id));
    assert_true(canonical_digest(&canonical, with, id.value, d.bytes));
    assert_memory_equal(d.bytes, expected.bytes, sizeof d.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_value_has_one_digest),
        cmocka_unit_test(another_value_has_another_digest),
        cmocka_unit_test(the_way_it_is_written_makes_no_difference_and_what_it_says_does),
        cmocka_unit_test(the_deepest_value_has_a_digest),
        cmocka_unit_test(a_member_can_be_left_out),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
