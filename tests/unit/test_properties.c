/* SPDX-License-Identifier: Apache-2.0 */
#include "common/amqp/properties.h"

#include <stdlib.h>
#include <string.h>

#include "common/amqp/codec.h"
#include "tests/unit/unit.h"

static void all_that_librabbitmq_writes_is_read(void **state)
{
    const amqp_flags_t all = 0xfffc;
    amqp_table_entry_t inner = {.key = amqp_cstring_bytes("deep"),
                                .value = {.kind = AMQP_FIELD_KIND_I32, .value.i32 = 7}};
    amqp_table_entry_t headers[] = {
        {.key = amqp_cstring_bytes("t"), .value = {.kind = AMQP_FIELD_KIND_BOOLEAN}},
        {.key = amqp_cstring_bytes("d"), .value = {.kind = AMQP_FIELD_KIND_F64}},
        {.key = amqp_cstring_bytes("D"), .value = {.kind = AMQP_FIELD_KIND_DECIMAL}},
        {.key = amqp_cstring_bytes("V"), .value = {.kind = AMQP_FIELD_KIND_VOID}},
        {.key = amqp_cstring_bytes("F"),
         .value = {.kind = AMQP_FIELD_KIND_TABLE, .value.table = {1, &inner}}},
        {.key = amqp_cstring_bytes("S"),
         .value = {.kind = AMQP_FIELD_KIND_UTF8, .value.bytes = amqp_cstring_bytes("text")}},
        {.key = amqp_cstring_bytes("holdfast-version"),
         .value = {.kind = AMQP_FIELD_KIND_I16, .value.i16 = -2}},
    };
    amqp_basic_properties_t given = {._flags = all,
                                     .content_type = amqp_cstring_bytes("a/b"),
                                     .content_encoding = amqp_cstring_bytes("gzip"),
                                     .headers = {sizeof headers / sizeof *headers, headers},
                                     .correlation_id = amqp_cstring_bytes("c"),
                                     .reply_to = amqp_cstring_bytes("r"),
                                     .expiration = amqp_cstring_bytes("1"),
                                     .message_id = amqp_cstring_bytes("id"),
                                     .type = amqp_cstring_bytes("the.type"),
                                     .user_id = amqp_cstring_bytes("u"),
                                     .app_id = amqp_cstring_bytes("app"),
                                     .cluster_id = amqp_cstring_bytes("x")};
    char bytes[512];
    (void)state;
    for (unsigned absent = 0; absent <= 16; absent++) {
        struct properties p;
        given._flags = all & ~(1U << absent);
        const int size =
            amqp_encode_properties(AMQP_BASIC_CLASS, &given, (amqp_bytes_t){sizeof bytes, bytes});
        assert_true(size > 0);
        assert_true(properties_read((struct slice){bytes, (size_t)size}, &p));
        assert_true(slice_equals(p.content_type, absent == 15 ? SLICE("") : SLICE("a/b")));
        assert_true(slice_equals(p.message_id, absent == 7 ? SLICE("") : SLICE("id")));
        assert_true(slice_equals(p.type, absent == 5 ? SLICE("") : SLICE("the.type")));
        assert_int_equal(p.version, absent == 13 ? 0 : -2);
    }
}

static void what_is_cut_short_is_refused(void **state)
{
    static const char whole[] = "\xa0\x80\3a/b\0\0\0\3\1xV\2id";
    struct properties p;
    (void)state;
    assert_true(properties_read((struct slice){whole, sizeof whole - 1}, &p));
    for (size_t size = 0; size < sizeof whole - 1; size++) {
        char *exact = malloc(size + 1); /* so that a sanitizer sees a read beyond */
        memcpy(exact, whole, size);
        char *cut = realloc(exact, size > 0 ? size : 1);
        assert_false(properties_read((struct slice){cut, size}, &p));
        free(cut);
    }
}

static void odd_headers_are_nobodys_fault(void **state)
{
    const struct slice rows[] = {
        SLICE("\x20\0\0\0\0\3\1xZ"),                 /* unknown kind */
        SLICE("\x20\0\0\0\0\3\5xV"),                 /* key longer than the table */
        SLICE("\x20\0\0\0\0\7\1xS\xff\xff\xff\xff"), /* text longer than the table */
        SLICE("\x20\0\0\0\0\1\0"),                   /* key without value */
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct properties p;
        assert_true(properties_read(rows[i], &p));
        assert_int_equal(p.version, 0);
    }
}

static void nesting_costs_nothing(void **state)
{
    const size_t levels = 20000;
    char *bytes = calloc(levels + 1, 6);
    struct properties p;
    (void)state;
    memcpy(bytes, "\x20\0", 2);
    for (size_t i = 0; i <= levels; i++) {
        const size_t size = (levels - i) * 6;
        char *at = bytes + 2 + i * 6;
        if (i > 0)
            at[-1] = 'F';
        at[0] = (char)(size >> 24);
        at[1] = (char)(size >> 16);
        at[2] = (char)(size >> 8);
        at[3] = (char)size;
    }
    assert_true(properties_read((struct slice){bytes, levels * 6 + 6}, &p));
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_that_librabbitmq_writes_is_read),
        cmocka_unit_test(what_is_cut_short_is_refused),
        cmocka_unit_test(odd_headers_are_nobodys_fault),
        cmocka_unit_test(nesting_costs_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
