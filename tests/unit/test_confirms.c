/* SPDX-License-Identifier: Apache-2.0 */
/* Whose message a confirm is of, and what becomes of those that get none. */
#include <string.h>

#include "tests/unit/fake_broker.h"
#include "tests/unit/unit.h"

static char contexts[4];
static char *taken[4];

static void take_all(struct fake *f, const char *event)
{
    size_t count = 0;
    if (strncmp(event, "lost", 4) != 0)
        return;
    while (link_oldest(f->link) != NULL)
        taken[count++] = link_take_oldest(f->link);
}

static void what_was_not_confirmed_is_taken_back_when_the_link_is_lost(void **state)
{
    struct fake f;
    (void)state;
    fake_init(&f);
    fake_confirm(&f);
    f.on_event = take_all;
    memset(taken, 0, sizeof taken);
    assert_null(link_oldest(f.link));
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(link_publish(f.link, &(struct link_message){.exchange = "",
                                                                     .routing_key = "q",
                                                                     .context = &contexts[i]}),
                         i + 1);
    assert_ptr_equal(link_oldest(f.link), &contexts[0]);
    fake_ack(&f, 2, false);
    assert_int_equal(link_unconfirmed(f.link), 3);
    fake_ack(&f, 1, false);
    assert_ptr_equal(link_oldest(f.link), &contexts[2]);
    fake_close(&f, 320, "going");
    assert_ptr_equal(taken[0], &contexts[2]);
    assert_ptr_equal(taken[1], &contexts[3]);
    assert_null(taken[2]);
    assert_int_equal(link_unconfirmed(f.link), 0);
    fake_finish(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_not_confirmed_is_taken_back_when_the_link_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
