/* SPDX-License-Identifier: Apache-2.0 */
#include "common/amqp/hosts.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

static void lists_are_read(void **state)
{
    static const struct {
        const char *text;
        const char *hosts; /* "name port " each; NULL: refused */
    } rows[] = {
        {"a", "a 5672 "},
        {"a,b:5673,c", "a 5672 b 5673 c 5672 "},
        {" a , b:1 ,, ", "a 5672 b 1 "},
        {"127.0.0.1:65535", "127.0.0.1 65535 "},
        {"::1", "::1 5672 "},
        {"[::1]", "::1 5672 "},
        {"[::1]:7", "::1 7 "},
        {"fe80::1,[fe80::2]:9", "fe80::1 5672 fe80::2 9 "},
        {"", NULL},
        {" , ", NULL},
        {"a:0", NULL},
        {"a:65536", NULL},
        {"a:", NULL},
        {":5672", NULL},
        {"a:x", NULL},
        {"a,b c", NULL},
        {"[::1", NULL},
        {"[]:1", NULL},
        {"[::1]x", NULL},
        {"[::1]5672", NULL},
        {"amqp://a", NULL},
        {"user@a", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct hosts h;
        char text[512] = "";
        const bool ok = hosts_parse(rows[i].text, 5672, &h);
        for (size_t n = 0; ok && n < h.count; n++) {
            const size_t used = strlen(text);
            snprintf(text + used, sizeof text - used, "%.99s %u ", h.list[n].name, h.list[n].port);
        }
        if (ok != (rows[i].hosts != NULL) || (ok && strcmp(text, rows[i].hosts) != 0))
            fail_msg("'%s' gave %s", rows[i].text, ok ? text : "a refusal");
        hosts_finish(&h);
    }
}

static void a_name_has_its_limit(void **state)
{
    char name[300];
    struct hosts h;
    (void)state;
    memset(name, 'a', sizeof name);
    name[255] = '\0';
    assert_true(hosts_parse(name, 1, &h));
    hosts_finish(&h);
    name[255] = 'a';
    name[256] = '\0';
    assert_false(hosts_parse(name, 1, &h));
    hosts_finish(&h);
}

static void goes_round_from_any_start(void **state)
{
    struct hosts h;
    (void)state;
    assert_true(hosts_parse("a,b,c", 1, &h));
    hosts_start_at(&h, 3 * 1000 + 2);
    assert_string_equal(hosts_get(&h)->name, "c");
    assert_false(hosts_advance(&h));
    assert_string_equal(hosts_get(&h)->name, "a");
    assert_false(hosts_advance(&h));
    assert_string_equal(hosts_get(&h)->name, "b");
    assert_true(hosts_advance(&h));
    assert_string_equal(hosts_get(&h)->name, "c");
    hosts_finish(&h);
}

static void a_success_begins_the_round_anew(void **state)
{
    struct hosts h;
    (void)state;
    assert_true(hosts_parse("a,b,c", 1, &h));
    assert_false(hosts_advance(&h));
    assert_false(hosts_advance(&h));
    hosts_succeeded(&h);
    assert_false(hosts_advance(&h));
    hosts_finish(&h);
    assert_true(hosts_parse("a", 1, &h));
    assert_true(hosts_advance(&h));
    hosts_finish(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_are_read),
        cmocka_unit_test(a_name_has_its_limit),
        cmocka_unit_test(goes_round_from_any_start),
        cmocka_unit_test(a_success_begins_the_round_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
