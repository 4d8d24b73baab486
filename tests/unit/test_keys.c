/* SPDX-License-Identifier: Apache-2.0 */
/* What is a repetition: by which ids an event is known, and what tells it from another. */
#include "consumer/keys.h"

#include <string.h>

#include "tests/unit/batch_unit.h"
#include "tests/unit/unit.h"

#define X ",\"said\":\"00000000000000000000000000000001\""
#define Y ",\"said\":\"00000000000000000000000000000002\""

static struct event_reader *reader;

static int open_reader(void **state)
{
    (void)state;
    reader = unit_reader();
    return reader == NULL;
}

static int close_reader(void **state)
{
    (void)state;
    event_reader_destroy(reader);
    return 0;
}

static void add(struct batch *b, unsigned n, const char *more)
{
    struct buffer line = {0};
    unit_line(&line, n, more);
    const struct link_delivery message = unit_message(buffer_slice(&line));
    batch_add(b, reader, delivery_create(&message));
    assert_false(b->failed);
    buffer_finish(&line);
}

static struct batch *batch_of(const char *const *lines)
{
    struct batch *b = batch_create();
    for (unsigned n = 0; lines[n] != NULL; n++)
        add(b, n + 1, lines[n]);
    batch_seal(b);
    batch_begin_try(b);
    return b;
}

static enum batch_verdict verdict(const struct batch *b, size_t event)
{
    return b->events[event].verdict;
}

/* The database gives what is claimed. */
static void win(struct batch *b, struct slice text)
{
    struct batch_key *k = batch_find_claim(b, text);
    assert_non_null(k);
    k->won = true;
}

static void the_same_said_is_a_repetition_whatever_line_it_became(void **state)
{
    static const struct {
        const char *one, *other;
        enum batch_verdict verdict;
    } pairs[] = {
        {X ",\"event_id\":\"k\"", X ",\"event_id\":\"k\",\"title\":\"by default\"",
         BATCH_DUPLICATE},
        {X ",\"event_id\":\"k\"", Y ",\"event_id\":\"k\"", BATCH_DUPLICATE}, /* in other words */
        {X ",\"event_id\":\"k\"", ",\"event_id\":\"k\"", BATCH_DUPLICATE},   /* of older versions */
        {",\"event_id\":\"k\"", X ",\"event_id\":\"k\"", BATCH_DUPLICATE},
        {",\"event_id\":\"k\"", ",\"event_id\":\"k\"", BATCH_DUPLICATE},
        {X ",\"event_id\":\"k\"", Y ",\"event_id\":\"k\",\"title\":\"other\"", BATCH_CONFLICT},
        {",\"event_id\":\"k\"", X ",\"event_id\":\"k\",\"title\":\"other\"", BATCH_CONFLICT},
        {",\"event_id\":\"k\"", ",\"event_id\":\"k\",\"title\":\"other\"", BATCH_CONFLICT},
    };
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        struct batch *b = batch_of((const char *[]){pairs[i].one, pairs[i].other, NULL});
        if (verdict(b, 0) != BATCH_STORE || verdict(b, 1) != pairs[i].verdict)
            fail_msg("%s and %s: %d", pairs[i].one, pairs[i].other, verdict(b, 1));
        batch_destroy(b);
    }
}

/* As the versions before kept it: the digest of the line behind its first two members. */
static void a_key_of_an_older_version_is_met(void **state)
{
    const struct id other = {{9}};
    uint8_t older[DIGEST_SIZE];
    struct buffer line = {0};
    (void)state;
    unit_line(&line, 1, ",\"event_id\":\"k\"");
    digest_make((struct slice){line.data + EVENT_LINE_PREFIX, line.size - EVENT_LINE_PREFIX - 1},
                older);
    struct batch *b = batch_of((const char *[]){X ",\"event_id\":\"k\"", NULL});
    batch_key_taken(b, batch_find_claim(b, SLICE("k")), &other, older);
    assert_int_equal(verdict(b, 0), BATCH_DUPLICATE);
    batch_destroy(b);
    buffer_finish(&line);
}

#define ONE     X ",\"also\":\"k#1\",\"event_id\":\"k\""
#define OTHER   Y ",\"also\":\"k#2\",\"event_id\":\"k\",\"title\":\"other\""
#define ELEMENT X ",\"event_id\":\"k#1\""

static void a_second_id_is_claimed_when_the_first_is_had(void **state)
{
    struct batch *b = batch_of((const char *[]){ONE, NULL});
    (void)state;
    assert_int_equal(b->key_count, 2);
    assert_null(batch_find_claim(b, SLICE("k#1")));
    win(b, SLICE("k"));
    assert_true(batch_claim_second(b));
    win(b, SLICE("k#1"));
    assert_false(batch_claim_second(b));
    assert_int_equal(verdict(b, 0), BATCH_STORE);
    batch_begin_try(b); /* and in the next try again */
    assert_null(batch_find_claim(b, SLICE("k#1")));
    assert_true(batch_claim_second(b));
    batch_destroy(b);
}

/* Nobody of ours says so. */
static void two_ids_that_are_one_are_no_repetition_of_each_other(void **state)
{
    struct batch *b = batch_of((const char *[]){X ",\"also\":\"k\",\"event_id\":\"k\"", NULL});
    (void)state;
    win(b, SLICE("k"));
    assert_false(batch_claim_second(b));
    assert_int_equal(verdict(b, 0), BATCH_STORE);
    batch_destroy(b);
}

static void alone_and_in_a_list_it_is_one_event(void **state)
{
    static const char *const orders[][3] = {{ONE, ELEMENT}, {ELEMENT, ONE}};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct batch *b = batch_of(orders[i]);
        win(b, SLICE("k"));
        win(b, SLICE("k#1"));
        assert_false(batch_claim_second(b));
        assert_int_equal(batch_count(b, BATCH_STORE), 1);
        assert_int_equal(batch_count(b, BATCH_DUPLICATE), 1);
        batch_destroy(b);
    }
}

static void its_second_id_may_be_taken(void **state)
{
    const struct id other = {{9}};
    uint8_t digest[DIGEST_SIZE];
    struct batch *b = batch_of((const char *[]){ONE, NULL});
    (void)state;
    memcpy(digest, b->keys[0].digest, sizeof digest);
    win(b, SLICE("k"));
    assert_true(batch_claim_second(b));
    batch_key_taken(b, batch_find_claim(b, SLICE("k#1")), &other, digest);
    assert_int_equal(verdict(b, 0), BATCH_DUPLICATE);
    assert_int_equal(id_compare(&b->events[0].owner, &other), 0);
    assert_false(batch_claim_second(b));
    batch_destroy(b);
}

static void a_conflict_holds_no_second_id(void **state)
{
    struct batch *b = batch_of((const char *[]){ONE, OTHER, NULL});
    (void)state;
    assert_int_equal(verdict(b, 1), BATCH_CONFLICT);
    win(b, SLICE("k"));
    assert_true(batch_claim_second(b));
    assert_non_null(batch_find_claim(b, SLICE("k#1")));
    assert_null(batch_find_claim(b, SLICE("k#2")));
    batch_destroy(b);
}

/* Delivered again it finds its own key, and then that it was never stored under it. */
static void a_redelivered_repetition_is_not_taken_for_the_event(void **state)
{
    const struct id other = {{9}};
    uint8_t digest[DIGEST_SIZE];
    struct batch *b = batch_of((const char *[]){ONE, NULL});
    (void)state;
    memcpy(digest, b->keys[0].digest, sizeof digest);
    const struct id self = b->events[0].id;
    batch_key_taken(b, batch_find_claim(b, SLICE("k")), &self, digest);
    assert_true(batch_claim_second(b));
    batch_key_taken(b, batch_find_claim(b, SLICE("k#1")), &other, digest);
    assert_int_equal(verdict(b, 0), BATCH_DUPLICATE);
    assert_false(notice_is_due(&b->events[0]));
    batch_destroy(b);
}

static void the_feed_tells_the_line_without_its_head(void **state)
{
    struct batch *b = batch_of((const char *[]){ONE, NULL});
    struct notice_text text = {0};
    struct link_message message;
    struct buffer expected = {0};
    (void)state;
    unit_line(&expected, 1, ",\"event_id\":\"k\"");
    assert_true(notice_message(b, &b->events[0], &text, &message));
    assert_int_equal(message.body.size, expected.size - 1);
    assert_memory_equal(message.body.data, expected.data, message.body.size);
    buffer_finish(&text.line);
    buffer_finish(&expected);
    batch_destroy(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_said_is_a_repetition_whatever_line_it_became),
        cmocka_unit_test(a_key_of_an_older_version_is_met),
        cmocka_unit_test(a_second_id_is_claimed_when_the_first_is_had),
        cmocka_unit_test(two_ids_that_are_one_are_no_repetition_of_each_other),
        cmocka_unit_test(alone_and_in_a_list_it_is_one_event),
        cmocka_unit_test(its_second_id_may_be_taken),
        cmocka_unit_test(a_conflict_holds_no_second_id),
        cmocka_unit_test(a_redelivered_repetition_is_not_taken_for_the_event),
        cmocka_unit_test(the_feed_tells_the_line_without_its_head),
    };
    return cmocka_run_group_tests(tests, open_reader, close_reader);
}
