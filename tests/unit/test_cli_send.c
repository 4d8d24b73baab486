/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/answer.h"
#include "cli/identify.h"
#include "cli/input.h"
#include "cli/lane.h"
#include "common/core/buffer.h"

/* -------- ids of lines -------- */

static bool identify(uint64_t number, const char *name, const char *text, struct buffer *out)
{
    static const struct gate_limits limits = {.depth = 64, .members = 1000, .digits = 1000};
    const struct identify_line line = {name, number, slice_of(text)};
    struct gate_verdict verdict;
    struct gate *gate = gate_create(&limits);
    buffer_clear(out);
    const bool ok = identify_add(gate, &line, out, &verdict);
    gate_destroy(gate);
    buffer_add_byte(out, 0);
    return ok;
}

static void test_a_line_gets_an_id_that_stays(void **state)
{
    struct buffer a = {0}, b = {0};
    (void)state;
    assert_true(identify(1, "", "{\"event_type\":\"t\"}", &a));
    /* SHA-256 of "\0" "1\0" and the line, as UUIDv8: pinned, for an id must not change with us. */
    assert_string_equal(
        a.data, "{\"event_id\":\"6ebe7c48-7d9e-8ad4-88b2-8f2363706961\",\"event_type\":\"t\"}\n");
    assert_true(identify(1, "", "{\"event_type\":\"t\"}", &b));
    assert_string_equal(a.data, b.data);
    assert_true(identify(2, "", "{\"event_type\":\"t\"}", &b));
    assert_string_not_equal(a.data, b.data);
    assert_true(identify(1, "n", "{\"event_type\":\"t\"}", &b));
    assert_string_not_equal(a.data, b.data);
    assert_true(identify(1, "", "{\"event_type\":\"u\"}", &b));
    assert_string_not_equal(a.data, b.data);
    assert_true(identify(1, "", "{}", &b));
    assert_int_equal(b.data[b.size - 3], '}');
    buffer_finish(&a);
    buffer_finish(&b);
}

static void test_an_id_of_the_clients_stays(void **state)
{
    static const char *const lines[] = {
        "{\"event_id\":\"x\",\"a\":1}", "{\"a\":{},\"id\":7}", "[1]", "\"text\"", "5",
    };
    struct buffer out = {0};
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        assert_true(identify(1, "", lines[i], &out));
        assert_memory_equal(out.data, lines[i], strlen(lines[i]));
        assert_int_equal(out.size, strlen(lines[i]) + 2);
    }
    assert_true(identify(1, "", "{\"payload\":{\"event_id\":\"x\"}}", &out));
    assert_memory_equal(out.data, "{\"event_id\":\"", 13);
    assert_false(identify(1, "", "{\"a\":}", &out));
    assert_int_equal(out.size, 1);
    buffer_finish(&out);
}

/* -------- lines of an input -------- */

static int file_with(const char *data, size_t size)
{
    const int fd = memfd_create("input", 0);
    assert_int_equal(write(fd, data, size), (ssize_t)size);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

/* All lines as "1:text|3:text". */
static void read_all(int fd, char *out, size_t size)
{
    struct input in;
    struct slice line;
    size_t used = 0;
    enum input_kind kind;
    out[0] = '\0';
    input_init(&in, fd);
    while ((kind = input_next(&in, &line)) != INPUT_END) {
        if (kind == INPUT_WAIT) {
            assert_true(input_fill(&in));
            continue;
        }
        used += (size_t)snprintf(out + used, size - used, "%s%d:%.*s", used ? "|" : "",
                                 (int)in.line_number, kind == INPUT_LINE ? (int)line.size : 4,
                                 kind == INPUT_LINE ? line.data : "LONG");
    }
    assert_true(in.size == 0 || in.taken == in.size);
    input_finish(&in);
    close(fd);
}

static void test_lines(void **state)
{
    static const struct {
        const char *text, *lines;
    } rows[] = {
        {"", ""},
        {"\n\n", ""},
        {"a", "1:a"},
        {"a\n", "1:a"},
        {"a\nb", "1:a|2:b"},
        {"\xef\xbb\xbf"
         "a\r\n\r\n \t \n b \n",
         "1:a|4:b"},
    };
    char found[256];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        read_all(file_with(rows[i].text, strlen(rows[i].text)), found, sizeof found);
        assert_string_equal(found, rows[i].lines);
    }
}

static void test_a_line_that_is_too_long_is_passed_over(void **state)
{
    const size_t size = INPUT_LINE_MAX + 1000000;
    char *data = malloc(size + 8);
    char found[256];
    (void)state;
    memset(data, 'x', size);
    memcpy(data, "a\n", 2);
    memcpy(data + size, "\nb\n", 3);
    read_all(file_with(data, size + 3), found, sizeof found);
    assert_string_equal(found, "1:a|2:LONG|3:b");
    read_all(file_with(data, size), found, sizeof found);
    assert_string_equal(found, "1:a|2:LONG");
    free(data);
}

/* -------- what answers say -------- */

static char told[1024];

static void on_fault(void *arg, size_t line, const char *text)
{
    (void)arg;
    const size_t used = strlen(told);
    snprintf(told + used, sizeof told - used, "%zu:%s;", line, text);
}

static void test_faults_of_an_answer(void **state)
{
    static const struct {
        const char *body, *told, *detail;
        size_t refused;
    } rows[] = {
        {"{\"detail\":\"bad\",\"errors\":[{\"line\":2,\"pointer\":\"/a\",\"detail\":\"x\"},"
         "{\"line\":2,\"detail\":\"y\"},{\"line\":5,\"pointer\":\"/b\"}]}",
         "2:/a: x;2:y;5:/b;", "bad", 2},
        {"{\"accepted\":1,\"rejected\":2,\"items\":[{\"line\":1,\"status\":202},"
         "{\"line\":3,\"status\":422,\"errors\":[{\"pointer\":\"/a\",\"detail\":\"x\"}]},"
         "{\"status\":400,\"detail\":\"z\"}]}",
         "3:/a: x;3:z;", "", 2},
        {"{\"errors\":[1,{}],\"rejected\":9}", "0:;", "", 9},
        {"{\"detail\":\"a\\u001b[31m\\nb\"}", "", "a [31m b", 0},
        {"{\"title\":\"t\"}", "", "t", 0},
    };
    struct answer answer;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        told[0] = '\0';
        answer_read(slice_of(rows[i].body), on_fault, NULL, &answer);
        assert_true(answer.readable);
        assert_string_equal(told, rows[i].told);
        assert_string_equal(answer.detail, rows[i].detail);
        assert_int_equal(answer.refused, rows[i].refused);
    }
    answer_read(SLICE("[1]"), on_fault, NULL, &answer);
    assert_false(answer.readable);
    answer_read(SLICE("<html>"), on_fault, NULL, &answer);
    assert_false(answer.readable);
    answer_read((struct slice){NULL, 0}, on_fault, NULL, &answer);
    assert_false(answer.readable);
}

static void test_what_is_done_with_a_status(void **state)
{
    static const struct {
        int status;
        size_t lines;
        bool partial;
        enum lane_verdict verdict;
    } rows[] = {
        {202, 500, false, LANE_TAKEN},  {200, 1, false, LANE_TAKEN},  {207, 500, true, LANE_MIXED},
        {422, 500, false, LANE_PARTLY}, {422, 500, true, LANE_HALVE}, {422, 1, false, LANE_REFUSED},
        {400, 2, false, LANE_PARTLY},   {413, 2, false, LANE_PARTLY}, {413, 2, true, LANE_HALVE},
        {413, 1, true, LANE_REFUSED},   {429, 1, false, LANE_LATER},  {503, 9, true, LANE_LATER},
        {500, 1, false, LANE_LATER},    {502, 1, false, LANE_LATER},  {401, 1, false, LANE_STOP},
        {404, 9, false, LANE_STOP},     {415, 1, false, LANE_STOP},   {501, 1, false, LANE_STOP},
        {302, 1, false, LANE_STOP},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(lane_judge(rows[i].status, rows[i].lines, rows[i].partial),
                         rows[i].verdict);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_line_gets_an_id_that_stays),
        cmocka_unit_test(test_an_id_of_the_clients_stays),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_a_line_that_is_too_long_is_passed_over),
        cmocka_unit_test(test_faults_of_an_answer),
        cmocka_unit_test(test_what_is_done_with_a_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
