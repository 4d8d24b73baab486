/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#include <event2/buffer.h>

#include "common/net/guard.h"

enum { BODY_MAX = 100, HELD_MAX = 300 };

#define HOST    "Host: h\r\n"
#define CHUNKED "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
#define FIFTY   "01234567890123456789012345678901234567890123456789"

struct shape {
    const char *bytes;
    int status; /* 0 = good */
};

static const struct shape shapes[] = {
    {"GET / HTTP/1.1\r\n" HOST "\r\n", 0},
    {"GET / HTTP/1.0\r\n\r\n", 0},
    {"\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n", 0},
    {"GET /a?b=c%20d&e HTTP/1.1\r\n" HOST "Accept: */*\r\nX:\r\nY: \t a b \t\r\n\r\n", 0},
    {"OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 0},
    {"BREW /pot HTTP/1.1\r\n" HOST "\r\n", 0},
    {"POST /log HTTP/1.1\r\n" HOST "Content-Length: 4\r\n\r\nbody", 0},
    {"POST /log HTTP/1.1\r\n" HOST "content-length:0\r\n\r\n", 0},
    {"GET / HTTP/1.1\r\n" HOST "X: caf\xc3\xa9\r\n\r\n", 0},
    /* the request line */
    {"GET  / HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET /\r\n" HOST "\r\n", 400},
    {" GET / HTTP/1.1\r\n" HOST "\r\n", 400},
    {"G@T / HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET / HTTP/1.1 \r\n" HOST "\r\n", 400},
    {"GET / http/1.1\r\n" HOST "\r\n", 400},
    {"GET / HTTP/1.9\r\n" HOST "\r\n", 505},
    {"GET / HTTP/2.0\r\n" HOST "\r\n", 505},
    {"GET http://h/ HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET * HTTP/1.1\r\n" HOST "\r\n", 400},
    {"CONNECT h:80 HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET /a\tb HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET /#x HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET /caf\xc3\xa9 HTTP/1.1\r\n" HOST "\r\n", 400},
    /* line ends */
    {"GET / HTTP/1.1\n" HOST "\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: h\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "A: b\rc\r\n\r\n", 400},
    {"\nGET / HTTP/1.1\r\n" HOST "\r\n", 400},
    /* fields */
    {"GET / HTTP/1.1\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST HOST "\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "A : b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST " folded\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "\tfolded\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "no colon\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST ": empty name\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "A(b): c\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "A: \x01\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "Expect: miracles\r\n\r\n", 417},
    /* framing */
    {"POST / HTTP/1.1\r\n" HOST "\r\n", 411},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 2\r\nContent-Length: 2\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 2\r\nContent-Length: 3\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 2, 2\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: +2\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: -2\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 0x2\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 2.0\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length : 2\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n", 411},
    {"GET / HTTP/1.1\r\n" HOST "Transfer-Encoding: identity\r\n\r\n", 411},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding:\x0b"
     "chunked\r\n\r\n",
     400},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked\r\n\r\n", 411},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
     400},
    {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    /* chunks */
    {CHUNKED "0\r\n\r\n", 0},
    {CHUNKED "4\r\nbody\r\n0\r\n\r\n", 0},
    {CHUNKED "1\r\nb\r\n003\r\nody\r\n000\r\n\r\n", 0},
    {CHUNKED "A\r\n0123456789\r\na;x=\"y\"\r\n0123456789\r\n0\r\nX: y\r\nZ:\r\n\r\n", 0},
    {CHUNKED "65\r\n" FIFTY FIFTY "x", 413},
    {CHUNKED "64\r\n" FIFTY FIFTY "\r\n0\r\n\r\n", 0},
    {CHUNKED "32\r\n" FIFTY "\r\n33\r\n" FIFTY "x", 413},
    {CHUNKED "\r\n", 400},
    {CHUNKED ";x\r\n", 400},
    {CHUNKED "0x4\r\n", 400},
    {CHUNKED "+4\r\n", 400},
    {CHUNKED " 4\r\n", 400},
    {CHUNKED "4 \r\n", 400},
    {CHUNKED "4\n", 400},
    {CHUNKED "4;x\n", 400},
    {CHUNKED "4;\x01", 400},
    {CHUNKED "4\rx", 400},
    {CHUNKED "g\r\n", 400},
    {CHUNKED "1000000000000000", 400},
    {CHUNKED "0000000000000000", 400},
    {CHUNKED "4\r\nbodyx", 400},
    {CHUNKED "4\r\nbody\n", 400},
    {CHUNKED "4\r\nbody\rx", 400},
    {CHUNKED "0\r\n\n", 400},
    {CHUNKED "0\r\n\rx", 400},
    {CHUNKED "0\r\nX: y\n", 400},
    {CHUNKED "0\r\nX: y\r\n\n", 400},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    /* sizes: four times the cap is worth reading, more is not */
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 18446744073709551615\r\n\r\n", 413},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 404\r\n\r\n", 413},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999999\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 101\r\nExpect: 100-continue\r\n\r\n", 413},
};

static const size_t shape_count = sizeof shapes / sizeof shapes[0];

struct fixture {
    struct guard_budget budget;
    struct guard guard;
    struct evbuffer *bytes;
};

static void setup(struct fixture *f)
{
    f->budget = (struct guard_budget){.body_bytes_max = BODY_MAX, .held_bytes_max = HELD_MAX};
    guard_init(&f->guard, &f->budget);
    f->bytes = evbuffer_new();
    assert_non_null(f->bytes);
}

static void teardown(struct fixture *f)
{
    guard_finish(&f->guard);
    assert_int_equal(f->budget.held_bytes, 0);
    evbuffer_free(f->bytes);
}

static bool feed(struct fixture *f, const void *data, size_t size)
{
    evbuffer_add(f->bytes, data, size);
    return guard_feed(&f->guard, f->bytes);
}

static void check_shape(struct fixture *f, const struct shape *s, size_t cut)
{
    const size_t size = strlen(s->bytes);
    bool done = feed(f, s->bytes, cut);
    if (!done)
        done = feed(f, s->bytes + cut, size - cut);
    if (!done || f->guard.fault.status != s->status)
        fail_msg("%s: cut at %zu: done %d, status %d, wanted %d", s->bytes, cut, done,
                 f->guard.fault.status, s->status);
    if (s->status == 0)
        assert_int_equal(evbuffer_get_length(f->bytes), 0);
    guard_clear(&f->guard);
    evbuffer_drain(f->bytes, evbuffer_get_length(f->bytes));
}

static void each_shape_at_each_cut(void **state)
{
    struct fixture f;
    (void)state;
    setup(&f);
    for (size_t i = 0; i < shape_count; i++) {
        for (size_t cut = 0; cut <= strlen(shapes[i].bytes); cut++)
            check_shape(&f, &shapes[i], cut);
    }
    teardown(&f);
}

static void each_shape_byte_by_byte(void **state)
{
    struct fixture f;
    (void)state;
    setup(&f);
    for (size_t i = 0; i < shape_count; i++) {
        bool done = false;
        for (const char *p = shapes[i].bytes; *p != 0 && !done; p++)
            done = feed(&f, p, 1);
        assert_true(done);
        assert_int_equal(f.guard.fault.status, shapes[i].status);
        guard_clear(&f.guard);
    }
    teardown(&f);
}

static void a_nul_is_refused_everywhere(void **state)
{
    static const char head[] = "GET /path HTTP/1.1\r\nHost: h\r\nA: value\r\n\r\n";
    struct fixture f;
    (void)state;
    setup(&f);
    for (size_t at = 0; at < sizeof head - 5; at++) {
        char bytes[sizeof head];
        memcpy(bytes, head, sizeof head);
        bytes[at] = 0;
        assert_true(feed(&f, bytes, sizeof head - 1) || head[at] == '\n' || head[at] == '\r');
        guard_refuse(&f.guard, &(struct head_fault){400, "never-ended", ""});
        assert_int_not_equal(f.guard.fault.status, 0);
        guard_clear(&f.guard);
        evbuffer_drain(f.bytes, evbuffer_get_length(f.bytes));
    }
    teardown(&f);
}

static void requests_in_a_row_are_taken_apart(void **state)
{
    static const char bytes[] = "POST /1 HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\none"
                                "GET /2?q=1 HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"
                                "GET /3";
    struct fixture f;
    (void)state;
    setup(&f);
    assert_true(feed(&f, bytes, sizeof bytes - 1));
    assert_true(slice_equals(f.guard.head.path, SLICE("/1")));
    assert_true(slice_equals(buffer_slice(&f.guard.body), SLICE("one")));
    assert_true(f.guard.head.keep_alive);
    guard_clear(&f.guard);
    assert_true(guard_feed(&f.guard, f.bytes));
    assert_true(slice_equals(f.guard.head.path, SLICE("/2")));
    assert_true(slice_equals(f.guard.head.query, SLICE("q=1")));
    assert_false(f.guard.head.keep_alive);
    guard_clear(&f.guard);
    assert_false(guard_feed(&f.guard, f.bytes));
    assert_int_equal(f.guard.phase, GUARD_HEAD);
    teardown(&f);
}

static void chunks_are_put_together(void **state)
{
    static const char bytes[] = CHUNKED "5\r\nhello\r\n1;x\r\n \r\n5\r\nworld\r\n0\r\n\r\nGET";
    struct fixture f;
    (void)state;
    setup(&f);
    for (size_t cut = 0; cut < sizeof bytes - 4; cut++) {
        assert_false(feed(&f, bytes, cut));
        assert_true(feed(&f, bytes + cut, sizeof bytes - 1 - cut));
        assert_int_equal(f.guard.fault.status, 0);
        assert_true(slice_equals(buffer_slice(&f.guard.body), SLICE("hello world")));
        assert_int_equal(evbuffer_get_length(f.bytes), 3);
        guard_clear(&f.guard);
        evbuffer_drain(f.bytes, 3);
    }
    teardown(&f);
}

static void what_chunks_carry_besides_data_is_bounded(void **state)
{
    static const char *const starts[] = {CHUNKED "1;", CHUNKED "0\r\nX:"};
    struct fixture f;
    (void)state;
    setup(&f);
    for (size_t i = 0; i < 2; i++) {
        size_t size = 0;
        assert_false(feed(&f, starts[i], strlen(starts[i])));
        while (!feed(&f, "x", 1))
            size++;
        assert_int_equal(f.guard.fault.status, 400);
        assert_true(size >= 200 && size <= 8192);
        guard_clear(&f.guard);
        evbuffer_drain(f.bytes, evbuffer_get_length(f.bytes));
    }
    teardown(&f);
}

static void a_head_without_end_is_bounded(void **state)
{
    struct fixture f;
    char line[1024];
    (void)state;
    setup(&f);
    memset(line, 'a', sizeof line);
    size_t sent = 0;
    while (!feed(&f, line, sizeof line)) {
        sent += sizeof line;
        assert_true(sent <= HEAD_SIZE_MAX);
    }
    assert_int_equal(f.guard.fault.status, 431);
    assert_true(f.guard.text.capacity <= 2 * (HEAD_SIZE_MAX + sizeof line));
    teardown(&f);
}

static void sixty_four_fields_are_enough(void **state)
{
    struct fixture f;
    (void)state;
    setup(&f);
    for (int more = 0; more < 2; more++) {
        evbuffer_add_printf(f.bytes, "GET / HTTP/1.1\r\n" HOST);
        for (int i = 1; i < HEAD_FIELDS_MAX + more; i++)
            evbuffer_add_printf(f.bytes, "A%d: b\r\n", i);
        assert_true(feed(&f, "\r\n", 2));
        assert_int_equal(f.guard.fault.status, more == 0 ? 0 : 431);
        guard_clear(&f.guard);
    }
    teardown(&f);
}

static void a_body_a_little_too_large_is_read_and_dropped(void **state)
{
    static const char head[] = "POST / HTTP/1.1\r\n" HOST "Content-Length: 101\r\n\r\n";
    struct fixture f;
    (void)state;
    setup(&f);
    assert_false(feed(&f, head, sizeof head - 1));
    for (int i = 0; i < 100; i++)
        assert_false(feed(&f, "x", 1));
    assert_int_equal(f.guard.body.size, 0);
    assert_true(feed(&f, "xGET", 4));
    assert_int_equal(f.guard.fault.status, 413);
    assert_int_equal(evbuffer_get_length(f.bytes), 3);
    teardown(&f);
}

static void all_bodies_together_are_bounded(void **state)
{
    static const char head[] = "POST / HTTP/1.1\r\n" HOST "Content-Length: 100\r\n\r\n";
    struct fixture f;
    struct guard others[3];
    char body[100] = {0};
    (void)state;
    setup(&f);
    for (int i = 0; i < 3; i++) {
        guard_init(&others[i], &f.budget);
        evbuffer_add(f.bytes, head, sizeof head - 1);
        evbuffer_add(f.bytes, body, sizeof body);
        assert_true(guard_feed(&others[i], f.bytes));
        assert_int_equal(others[i].fault.status, 0);
    }
    assert_false(feed(&f, head, sizeof head - 1));
    assert_true(feed(&f, body, 1));
    assert_int_equal(f.guard.fault.status, 503);
    for (int i = 0; i < 3; i++)
        guard_finish(&others[i]);
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_shape_at_each_cut),
        cmocka_unit_test(each_shape_byte_by_byte),
        cmocka_unit_test(a_nul_is_refused_everywhere),
        cmocka_unit_test(requests_in_a_row_are_taken_apart),
        cmocka_unit_test(chunks_are_put_together),
        cmocka_unit_test(what_chunks_carry_besides_data_is_bounded),
        cmocka_unit_test(a_head_without_end_is_bounded),
        cmocka_unit_test(sixty_four_fields_are_enough),
        cmocka_unit_test(a_body_a_little_too_large_is_read_and_dropped),
        cmocka_unit_test(all_bodies_together_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
