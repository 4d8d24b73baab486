/* SPDX-License-Identifier: Apache-2.0 */
/* Whose pages may write. */
#include "common/net/origin.h"

#include <stdio.h>

#include "common/net/call_private.h"
#include "tests/unit/unit.h"

static bool may_write(const char *fields, const char *others)
{
    static char text[1024];
    struct call c = {0};
    snprintf(text, sizeof text, "%s\r\n", fields);
    c.guard.head.fields = slice_of(text);
    return origin_may_write(&c, others);
}

static void who_is_no_browser_is_not_asked(void **state)
{
    (void)state;
    assert_true(may_write("Host: logs.example.com\r\n", ""));
    assert_true(may_write("Host: producer:8001\r\nX-Forwarded-Host: logs.example.com\r\n", ""));
    assert_true(may_write("", "")); /* HTTP/1.0 */
}

static void a_page_of_another_site_may_not(void **state)
{
    static const char *const fields[] = {
        "Host: localhost:8001\r\nOrigin: https://evil.example\r\n",
        "Host: localhost:8001\r\nOrigin: null\r\n",
        "Host: localhost:8001\r\nOrigin: http://localhost:3000\r\n",
        "Host: localhost:8001\r\nOrigin: http://localhost:8001.evil.example\r\n",
        "Host: localhost:8001\r\nOrigin: ftp://localhost:8001\r\n",
        "Host: h\r\nSec-Fetch-Site: cross-site\r\n",
        "Host: h\r\nSec-Fetch-Site: same-site\r\nOrigin: https://a.h\r\n",
        "Host: 127.0.0.1\r\nSec-Fetch-Site: cross-site\r\nOrigin: http://127.0.0.1\r\n",
        "Host: h\r\nSec-Fetch-Site: Same-Origin, cross-site\r\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (may_write(fields[i], "") || may_write(fields[i], "https://app.example.com"))
            fail_msg("%s", fields[i]);
    }
}

static void a_name_that_was_led_here_may_not(void **state)
{
    (void)state;
    assert_false(may_write("Host: evil.example:8001\r\nOrigin: http://evil.example:8001\r\n", ""));
    assert_false(may_write("Host: 127.0.0.1.evil.example\r\n"
                           "Origin: http://127.0.0.1.evil.example\r\n",
                           ""));
    assert_false(may_write("Host: localhost.evil.example\r\n"
                           "Origin: http://localhost.evil.example\r\n",
                           ""));
}

static void a_page_of_its_own_may(void **state)
{
    (void)state;
    assert_true(may_write("Host: 127.0.0.1:8001\r\nOrigin: http://127.0.0.1:8001\r\n", ""));
    assert_true(may_write("Host: [::1]:8001\r\nOrigin: http://[::1]:8001\r\n", ""));
    assert_true(may_write("Host: LocalHost:8001\r\nOrigin: http://localhost:8001\r\n", ""));
    /* Behind a proxy that ends TLS and names us otherwise. */
    assert_true(may_write("Host: producer:8001\r\nOrigin: https://logs.example.com\r\n"
                          "Sec-Fetch-Site: same-origin\r\n",
                          ""));
    assert_true(may_write("Host: h\r\nSec-Fetch-Site: none\r\n", ""));
}

static void pages_that_are_named_may(void **state)
{
    static const char app[] = "Host: h\r\nOrigin: https://app.example.com\r\n"
                              "Sec-Fetch-Site: cross-site\r\n";
    (void)state;
    assert_true(may_write(app, "https://other.example.com, https://app.example.com"));
    assert_true(may_write(app, "*"));
    assert_false(may_write(app, "https://app.example.co,http://app.example.com"));
    assert_false(may_write(app, ","));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_no_browser_is_not_asked),
        cmocka_unit_test(a_page_of_another_site_may_not),
        cmocka_unit_test(a_name_that_was_led_here_may_not),
        cmocka_unit_test(a_page_of_its_own_may),
        cmocka_unit_test(pages_that_are_named_may),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
