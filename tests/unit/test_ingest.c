/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "common/event/event.h"
#include "producer/ingest.h"
#include "producer/media.h"

#define GOOD   "{\"event_type\":\"a\"}"
#define URGENT "{\"event_type\":\"a\",\"priority\":7}"
#define WRONG  "{\"event_type\":\"\",\"priority\":10}"

static struct ingest *ingest;

static int setup(void **state)
{
    (void)state;
    ingest =
        ingest_create(&(struct ingest_limits){.gate = {.depth = 8, .members = 100, .digits = 1000},
                                              .event_bytes = 400,
                                              .batch_events = 5});
    return ingest == NULL;
}

static int teardown(void **state)
{
    (void)state;
    ingest_destroy(ingest);
    return 0;
}

static struct ingest_result read_text(const char *text, enum ingest_form form, const char *key)
{
    struct ingest_result result;
    ingest_read(
        ingest,
        &(struct ingest_body){
            .text = slice_of(text), .form = form, .shape = &shape_plain, .key = slice_of(key)},
        &result);
    return result;
}

struct body {
    const char *text;
    enum ingest_form form;
    const char *statuses; /* 2 = 202, 4 = 400, 3 = 413, w = 422, an item each */
    bool broken, too_many;
};

static const struct body bodies[] = {
    {GOOD, INGEST_JSON, "2", false, false},
    {" \n" GOOD " \n", INGEST_JSON, "2", false, false},
    {WRONG, INGEST_JSON, "w", false, false},
    {"", INGEST_JSON, "4", false, false},
    {"{", INGEST_JSON, "4", false, false},
    {"7", INGEST_JSON, "w", false, false},
    {GOOD GOOD, INGEST_JSON, "4", false, false},
    {"[]", INGEST_JSON, "", false, false},
    {" [ ] ", INGEST_JSON, "", false, false},
    {"[" GOOD "]", INGEST_JSON, "2", false, false},
    {"[ " GOOD " , " WRONG ",7 ]\n", INGEST_JSON, "2ww", false, false},
    {"[" GOOD, INGEST_JSON, "24", true, false},
    {"[" GOOD ",", INGEST_JSON, "24", true, false},
    {"[" GOOD ",]", INGEST_JSON, "24", true, false},
    {"[" GOOD " " GOOD "]", INGEST_JSON, "24", true, false},
    {"[" GOOD "]x", INGEST_JSON, "24", true, false},
    {"[" GOOD ",{]", INGEST_JSON, "24", true, false},
    {"[7,7,7,7,7]", INGEST_JSON, "wwwww", false, false},
    {"[7,7,7,7,7,7]", INGEST_JSON, "wwwww", false, true},
    {"", INGEST_LINES, "", false, false},
    {"\n \r\n\t", INGEST_LINES, "", false, false},
    {GOOD, INGEST_LINES, "2", false, false},
    {GOOD "\n" GOOD "\r\n\n" GOOD, INGEST_LINES, "222", false, false},
    {GOOD "\n{\n" WRONG "\n", INGEST_LINES, "24w", false, false},
    {"[" GOOD "]", INGEST_LINES, "w", false, false},
    {"7\n7\n7\n7\n7\n7\n", INGEST_LINES, "wwwww", false, true},
};

static char mark_of(int status)
{
    return status == 202 ? '2' : status == 400 ? '4' : status == 413 ? '3' : 'w';
}

static void each_body_has_its_verdicts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        const struct body *b = &bodies[i];
        char marks[16] = "";
        const struct ingest_result r = read_text(b->text, b->form, NULL);
        for (size_t k = 0; k < r.count; k++)
            marks[k] = mark_of(r.items[k].status);
        if (strcmp(marks, b->statuses) != 0 || r.broken != b->broken || r.too_many != b->too_many)
            fail_msg("%s: %s, broken %d, too many %d", b->text, marks, r.broken, r.too_many);
    }
}

static void lines_can_be_read_back(void **state)
{
    struct event_reader *reader = event_reader_create(&(struct gate_limits){8, 100, 1000});
    struct log_event e;
    struct event_faults faults;
    const struct ingest_result r = read_text("[" GOOD "," URGENT "]", INGEST_JSON, NULL);
    (void)state;
    assert_int_equal(r.good, 2);
    assert_false(r.single);
    for (size_t i = 0; i < r.count; i++) {
        const struct slice line = ingest_text(ingest, r.items[i].line);
        assert_int_equal(line.data[line.size - 1], '\n');
        assert_true(event_read_line(reader, line, &e, &faults));
        assert_int_equal(e.received_at, r.received_at);
        assert_null(e.field[EVENT_FIELD_EVENT_ID].data);
        assert_int_equal(r.items[i].event_id.size, ID_TEXT_SIZE + 2);
    }
    assert_false(r.items[0].urgent);
    assert_true(r.items[1].urgent);
    event_reader_destroy(reader);
}

static struct slice id_of(const struct ingest_result *r, size_t item)
{
    return ingest_text(ingest, r->items[item].event_id);
}

#define OTHER "{\"event_type\":\"b\"}"

static void a_key_is_the_event_id_of_one_that_has_none(void **state)
{
    (void)state;
    struct ingest_result r = read_text(GOOD, INGEST_JSON, "k");
    assert_true(slice_equals(id_of(&r, 0), SLICE("\"k\"")));
    const struct slice line = ingest_text(ingest, r.items[0].line);
    assert_non_null(memmem(line.data, line.size, ",\"also\":\"k#", 11));
    r = read_text("{\"event_type\":\"a\",\"event_id\":\"own\"}", INGEST_JSON, "k");
    assert_true(slice_equals(id_of(&r, 0), SLICE("\"own\"")));
    const struct slice own = ingest_text(ingest, r.items[0].line);
    assert_non_null(memmem(own.data, own.size, ",\"said\":", 8));
    assert_null(memmem(own.data, own.size, ",\"also\":", 8));
}

static void a_line_without_an_id_of_the_client_says_nothing(void **state)
{
    (void)state;
    const struct ingest_result r = read_text(GOOD, INGEST_JSON, NULL);
    const struct slice line = ingest_text(ingest, r.items[0].line);
    assert_memory_equal(line.data + EVENT_LINE_PREFIX, ",\"event_type\":", 14);
}

static void copy_id(const struct ingest_result *r, size_t item, char out[64])
{
    const struct slice id = id_of(r, item);
    assert_true(id.size < 64);
    memcpy(out, id.data, id.size);
    out[id.size] = '\0';
}

static void one_among_many_has_the_id_of_what_it_says(void **state)
{
    char good[64], twin[64], second[64], other[64];
    (void)state;
    struct ingest_result r =
        read_text("[" GOOD "," OTHER "," GOOD ",{\"event_type\":\"a\",\"event_id\":\"own\"}]",
                  INGEST_JSON, "k");
    copy_id(&r, 0, good);
    copy_id(&r, 1, other);
    copy_id(&r, 2, twin);
    assert_true(slice_equals(id_of(&r, 3), SLICE("\"own\"")));
    assert_int_equal(strlen(good), strlen("\"k#0123456789abcdef\""));
    assert_memory_equal(good, "\"k#", 3);
    snprintf(second, sizeof second, "%.*s#2\"", (int)strlen(good) - 1, good);
    assert_string_equal(twin, second);
    assert_string_not_equal(good, other);

    r = read_text(OTHER "\n" GOOD "\n", INGEST_LINES, "k"); /* in another order and form */
    assert_true(slice_equals(id_of(&r, 0), slice_of(other)));
    assert_true(slice_equals(id_of(&r, 1), slice_of(good)));

    r = read_text(OTHER, INGEST_JSON, "k");
    const struct slice line = ingest_text(ingest, r.items[0].line);
    assert_non_null(memmem(line.data, line.size, other, strlen(other)));
}

static void faults_name_the_place(void **state)
{
    (void)state;
    struct ingest_result r = read_text("[" GOOD "," WRONG "]", INGEST_JSON, NULL);
    struct slice text = ingest_text(ingest, r.items[1].faults);
    assert_int_equal(r.items[1].fault_count, 2);
    assert_non_null(memmem(text.data, text.size, "\"pointer\":\"/1/event_type\"", 25));
    assert_non_null(memmem(text.data, text.size, "\"pointer\":\"/1/priority\"", 23));
    r = read_text("\n" WRONG, INGEST_LINES, NULL);
    text = ingest_text(ingest, r.items[0].faults);
    assert_non_null(memmem(text.data, text.size, "\"pointer\":\"/event_type\",\"line\":2", 32));
    r = read_text("[{\"a\":x}]", INGEST_JSON, NULL);
    text = ingest_text(ingest, r.items[0].faults);
    assert_non_null(memmem(text.data, text.size, "(at byte 6)", 11));
}

/* As it came, whatever is around it; the line may be longer. */
static void an_event_may_be_as_large_as_the_limit(void **state)
{
    char event[500], body[520];
    (void)state;
    for (int size = 399; size <= 401; size++) {
        snprintf(event, sizeof event, "{\"event_type\":\"a\",\"title\":\"%0*d\"}", size - 29, 1);
        assert_int_equal(strlen(event), size);
        static const struct {
            const char *before, *behind;
            enum ingest_form form;
        } forms[] = {{"", "", INGEST_JSON},     {" ", "\r\n", INGEST_JSON},
                     {"[ ", " ]", INGEST_JSON}, {"\n  ", " \r\n", INGEST_LINES},
                     {"", "", INGEST_LINES},    {"", "", INGEST_ONE}};
        for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
            snprintf(body, sizeof body, "%s%s%s", forms[i].before, event, forms[i].behind);
            const struct ingest_result r = read_text(body, forms[i].form, "key");
            assert_int_equal(r.count, 1);
            assert_int_equal(r.items[0].status, size <= 400 ? 202 : 413);
            if (size > 400)
                assert_string_equal(r.items[0].slug, "too-large");
            else
                assert_true(r.items[0].line.size > 400);
        }
    }
}

/* What it is beyond its size does not matter: nobody reads that far. */
static void what_is_too_large_is_refused_unread(void **state)
{
    static const enum ingest_form forms[] = {INGEST_JSON, INGEST_LINES, INGEST_ONE};
    char body[500];
    (void)state;
    memset(body, '{', sizeof body);
    body[401] = '\0';
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        const struct ingest_result r = read_text(body, forms[i], NULL);
        assert_int_equal(r.count, 1);
        assert_int_equal(r.items[0].status, 413);
    }
}

/* {"a":"xx…"} of this size behind another event in an array, ended by `end`. */
static struct ingest_result read_large_element(size_t size, const char *end)
{
    static char body[200000];
    const int before = snprintf(body, sizeof body, "[" GOOD ",{\"a\":\"");
    memset(body + before, 'x', size);
    snprintf(body + (size_t)before + size, 100, "%s", end);
    return read_text(body, INGEST_JSON, NULL);
}

static void an_element_is_not_read_far_beyond_its_limit(void **state)
{
    (void)state;
    struct ingest_result r = read_large_element(60000, "\"}," GOOD "]"); /* the next is found */
    assert_int_equal(r.count, 3);
    assert_int_equal(r.items[1].status, 413);
    assert_int_equal(r.items[2].status, 202);
    assert_false(r.broken);
    r = read_large_element(100000, "\"}," GOOD "]");
    assert_int_equal(r.count, 2);
    assert_int_equal(r.items[1].status, 413);
    assert_string_equal(r.items[1].slug, "too-large");
    assert_true(r.broken);
    r = read_large_element(100000, "\x01"); /* whatever stands there */
    assert_int_equal(r.items[1].status, 413);
    r = read_large_element(10, "\x01");
    assert_int_equal(r.items[1].status, 400);
}

static void forms_follow_the_content_type(void **state)
{
    static const struct {
        const char *type;
        int form; /* -1: refused */
    } types[] = {
        {"application/json", MEDIA_JSON},
        {"Application/JSON; charset=utf-8", MEDIA_JSON},
        {"application/json;charset=\"UTF-8\"", MEDIA_JSON},
        {"application/json; charset=latin1", -1},
        {"application/x-ndjson", MEDIA_LINES},
        {"application/jsonl", MEDIA_LINES},
        {"application/ndjson ; x=y", MEDIA_LINES},
        {"application/vnd.mine+json", MEDIA_JSON},
        {"application/cloudevents+json", MEDIA_CLOUDEVENT},
        {"application/cloudevents+json; charset=UTF-8", MEDIA_CLOUDEVENT},
        {"application/cloudevents-batch+json", MEDIA_CLOUDEVENTS},
        {"application/cloudevents-batch+xml", -1},
        {"application/cloudevents+avro", -1},
        {"application/cloudevents-stream+json", -1},
        {"application/cloudevents", -1},
        {"application/+json", MEDIA_JSON},
        {"text/json+json", -1},
        {"text/plain", -1},
        {"application/jsonx", -1},
        {"json", -1},
        {"", MEDIA_JSON},
        {NULL, MEDIA_JSON},
    };
    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        enum media form = MEDIA_JSON;
        const bool taken = media_find(slice_of(types[i].type), &form);
        if (taken != (types[i].form >= 0) || (taken && (int)form != types[i].form))
            fail_msg("%s", types[i].type);
    }
}

static void keys_are_plain_or_quoted(void **state)
{
    struct slice key;
    (void)state;
    assert_true(media_key(SLICE("abc-1"), &key));
    assert_true(slice_equals(key, SLICE("abc-1")));
    assert_true(media_key(SLICE("\"a b\""), &key));
    assert_true(slice_equals(key, SLICE("a b")));
    assert_false(media_key(SLICE(""), &key));
    assert_false(media_key(SLICE("\"\""), &key));
    assert_false(media_key(SLICE("\"open"), &key));
    assert_false(media_key(SLICE("a\\b"), &key));
    assert_false(media_key(SLICE("caf\xc3\xa9"), &key));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_body_has_its_verdicts),
        cmocka_unit_test(lines_can_be_read_back),
        cmocka_unit_test(a_key_is_the_event_id_of_one_that_has_none),
        cmocka_unit_test(a_line_without_an_id_of_the_client_says_nothing),
        cmocka_unit_test(one_among_many_has_the_id_of_what_it_says),
        cmocka_unit_test(faults_name_the_place),
        cmocka_unit_test(an_event_may_be_as_large_as_the_limit),
        cmocka_unit_test(what_is_too_large_is_refused_unread),
        cmocka_unit_test(an_element_is_not_read_far_beyond_its_limit),
        cmocka_unit_test(forms_follow_the_content_type),
        cmocka_unit_test(keys_are_plain_or_quoted),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
