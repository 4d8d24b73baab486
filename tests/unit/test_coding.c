/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include <zlib.h>
#include <zstd.h>

#include "producer/coding.h"

enum { BYTES_MAX = 1 << 20 };

static struct buffer coded, plain;

static int teardown(void **state)
{
    (void)state;
    buffer_finish(&coded);
    buffer_finish(&plain);
    return 0;
}

static void add_gzip(struct slice text)
{
    z_stream z = {.next_in = (z_const Bytef *)text.data, .avail_in = (uInt)text.size};
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    const size_t room = deflateBound(&z, text.size);
    z.next_out = (Bytef *)buffer_reserve(&coded, room);
    z.avail_out = (uInt)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    coded.size += room - z.avail_out;
    deflateEnd(&z);
}

static void add_zstd(struct slice text)
{
    const size_t room = ZSTD_compressBound(text.size);
    char *to = buffer_reserve(&coded, room);
    const size_t size = ZSTD_compress(to, room, text.data, text.size, 3);
    assert_false(ZSTD_isError(size));
    coded.size += size;
}

static void add(enum coding coding, struct slice text)
{
    if (coding == CODING_GZIP)
        add_gzip(text);
    else
        add_zstd(text);
}

static enum coding_result decode(enum coding coding, struct slice body, size_t bytes_max)
{
    buffer_clear(&plain);
    return coding_decode(coding, body, bytes_max, &plain);
}

static const enum coding codings[] = {CODING_GZIP, CODING_ZSTD};

static void names_are_known(void **state)
{
    static const struct {
        const char *name;
        int coding; /* -1: none that is taken */
    } names[] = {{"", CODING_NONE},
                 {"identity", CODING_NONE},
                 {"gzip", CODING_GZIP},
                 {"GZip", CODING_GZIP},
                 {"x-gzip", CODING_GZIP},
                 {" zstd ", CODING_ZSTD},
                 {"deflate", -1},
                 {"br", -1},
                 {"gzip, gzip", -1},
                 {"gzip, identity", -1},
                 {"gz", -1}};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        enum coding coding = CODING_NONE;
        const bool known = coding_find(slice_of(names[i].name), &coding);
        if (known != (names[i].coding >= 0) || (known && (int)coding != names[i].coding))
            fail_msg("\"%s\"", names[i].name);
    }
}

static void what_went_in_comes_out(void **state)
{
    static char text[300000];
    static const size_t sizes[] = {0, 1, 65535, 65536, 65537, 131072, sizeof text};
    (void)state;
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)(' ' + (i * 2654435761U >> 7) % 90);
    for (size_t c = 0; c < 2; c++) {
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            buffer_clear(&coded);
            add(codings[c], (struct slice){text, sizes[i]});
            assert_int_equal(decode(codings[c], buffer_slice(&coded), BYTES_MAX), CODING_DECODED);
            assert_int_equal(plain.size, sizes[i]);
            assert_true(sizes[i] == 0 || memcmp(plain.data, text, sizes[i]) == 0);
        }
    }
}

static void pieces_that_follow_one_another_are_one_body(void **state)
{
    (void)state;
    for (size_t c = 0; c < 2; c++) {
        buffer_clear(&coded);
        add(codings[c], SLICE("one "));
        add(codings[c], SLICE("two"));
        assert_int_equal(decode(codings[c], buffer_slice(&coded), BYTES_MAX), CODING_DECODED);
        assert_true(slice_equals(buffer_slice(&plain), SLICE("one two")));
    }
}

static void what_is_cut_off_is_broken(void **state)
{
    (void)state;
    for (size_t c = 0; c < 2; c++) {
        buffer_clear(&coded);
        add(codings[c], SLICE("{\"event_type\":\"a\",\"title\":\"a title of some length\"}"));
        for (size_t size = 0; size < coded.size; size++)
            assert_int_equal(decode(codings[c], (struct slice){coded.data, size}, BYTES_MAX),
                             CODING_BROKEN);
    }
}

static void what_stands_behind_it_is_broken(void **state)
{
    const struct slice garbage[] = {SLICE("x"), SLICE("\0\0\0\0"), SLICE("{\"a\":1}")};
    (void)state;
    for (size_t c = 0; c < 2; c++) {
        for (size_t i = 0; i < sizeof garbage / sizeof garbage[0]; i++) {
            buffer_clear(&coded);
            add(codings[c], SLICE("text"));
            buffer_add_slice(&coded, garbage[i]);
            assert_int_equal(decode(codings[c], buffer_slice(&coded), BYTES_MAX), CODING_BROKEN);
        }
        assert_int_equal(decode(codings[c], SLICE("{\"event_type\":\"a\"}"), BYTES_MAX),
                         CODING_BROKEN);
    }
}

static void a_flipped_bit_is_seen_or_harmless(void **state)
{
    const struct slice text = SLICE("{\"event_type\":\"a\",\"title\":\"some title\"}");
    (void)state;
    for (size_t c = 0; c < 2; c++) {
        buffer_clear(&coded);
        add(codings[c], text);
        for (size_t bit = 0; bit < coded.size * 8; bit++) {
            coded.data[bit / 8] ^= (char)(1 << bit % 8);
            (void)!decode(codings[c], buffer_slice(&coded), BYTES_MAX);
            coded.data[bit / 8] ^= (char)(1 << bit % 8);
        }
        assert_int_equal(decode(codings[c], buffer_slice(&coded), BYTES_MAX), CODING_DECODED);
    }
}

static void what_grows_too_much_is_stopped(void **state)
{
    static char zeros[8 << 20];
    (void)state;
    for (size_t c = 0; c < 2; c++) {
        buffer_clear(&coded);
        add(codings[c], (struct slice){zeros, sizeof zeros});
        assert_int_equal(decode(codings[c], buffer_slice(&coded), sizeof zeros), CODING_TOO_LARGE);
        assert_true(plain.size < sizeof zeros / 2);
        buffer_clear(&coded);
        add(codings[c], (struct slice){zeros, 65536});
        assert_int_equal(decode(codings[c], buffer_slice(&coded), BYTES_MAX), CODING_DECODED);
    }
}

static void what_is_larger_than_a_body_may_be_is_stopped(void **state)
{
    static char text[5000];
    (void)state;
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)('a' + i % 26);
    for (size_t c = 0; c < 2; c++) {
        buffer_clear(&coded);
        add(codings[c], (struct slice){text, sizeof text});
        assert_int_equal(decode(codings[c], buffer_slice(&coded), 5000), CODING_DECODED);
        assert_int_equal(decode(codings[c], buffer_slice(&coded), 4999), CODING_TOO_LARGE);
    }
}

static void a_wide_window_is_refused(void **state)
{
    static char text[20 << 20];
    ZSTD_CCtx *z = ZSTD_createCCtx();
    (void)state;
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)(i * 2654435761U >> 13);
    ZSTD_CCtx_setParameter(z, ZSTD_c_windowLog, 24);
    ZSTD_CCtx_setParameter(z, ZSTD_c_compressionLevel, 1);
    ZSTD_CCtx_setParameter(z, ZSTD_c_contentSizeFlag, 0);
    const size_t room = ZSTD_compressBound(sizeof text);
    buffer_clear(&coded);
    const size_t size = ZSTD_compress2(z, buffer_reserve(&coded, room), room, text, sizeof text);
    assert_false(ZSTD_isError(size));
    coded.size = size;
    assert_int_equal(decode(CODING_ZSTD, buffer_slice(&coded), sizeof text), CODING_BROKEN);
    ZSTD_freeCCtx(z);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_known),
        cmocka_unit_test(what_went_in_comes_out),
        cmocka_unit_test(pieces_that_follow_one_another_are_one_body),
        cmocka_unit_test(what_is_cut_off_is_broken),
        cmocka_unit_test(what_stands_behind_it_is_broken),
        cmocka_unit_test(a_flipped_bit_is_seen_or_harmless),
        cmocka_unit_test(what_grows_too_much_is_stopped),
        cmocka_unit_test(what_is_larger_than_a_body_may_be_is_stopped),
        cmocka_unit_test(a_wide_window_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
