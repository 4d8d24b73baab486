/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <stdio.h>

#include "tests/unit/event_unit.h"

/* Both programs' tests read the pairs in this folder: what a client sends, what travels. */
#define GOLDEN      "tests/golden"
#define ID          "019c1a2b-3c4d-7e5f-8a6b-0123456789ab"
#define WHEN        INT64_C(1769860800000000) /* 2026-01-31T12:00:00Z */
#define TIME        "2026-01-31T12:00:00.000000Z"
#define HEAD_INSIDE "\"id\":\"" ID "\",\"received_at\":\"" TIME "\""
#define HEAD        "{" HEAD_INSIDE
#define NO_HEAD     "a line starts with id and received_at"

static int setup(void **state)
{
    *state = event_reader_create(&event_unit_limits);
    return *state == NULL;
}

static int teardown(void **state)
{
    event_reader_destroy(*state);
    return 0;
}

static void write_line(struct log_event *event, struct buffer *out)
{
    assert_true(id_parse(SLICE(ID), &event->id));
    event->received_at = WHEN;
    buffer_clear(out);
    event_write_line(event, out);
    assert_false(out->failed);
}

/* The line of a client's text. */
static void line_of(struct event_reader *r, struct slice text, struct buffer *out)
{
    struct log_event event;
    struct event_faults faults;
    if (!read_event(r, text, &event, &faults))
        fail_msg("%.*s: %s: %s", SLICE_ARGS(text), faults.fault[0].pointer, faults.fault[0].detail);
    write_line(&event, out);
}

/* A line is one line, and read and written again it is the same. */
static void assert_stays(struct event_reader *r, struct slice line)
{
    struct log_event event;
    struct event_faults faults;
    struct buffer again = {0};
    assert_ptr_equal(memchr(line.data, '\n', line.size), line.data + line.size - 1);
    assert_null(memchr(line.data, '\r', line.size));
    if (!event_read_line(r, line, &event, &faults))
        fail_msg("%.*s: %s: %s", SLICE_ARGS(line), faults.fault[0].pointer, faults.fault[0].detail);
    assert_int_equal(event.received_at, WHEN);
    write_line(&event, &again);
    assert_int_equal(again.size, line.size);
    assert_memory_equal(again.data, line.data, line.size);
    buffer_finish(&again);
}

static void read_file(const char *path, struct buffer *out)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        fail_msg("no %s (the tests run in the folder of the source)", path);
    buffer_clear(out);
    char *room = buffer_reserve(out, 65536);
    out->size = fread(room, 1, 65536, f);
    fclose(f);
}

/* The line of a client's text that was sent with the key "k". */
static void keyed_line_of(struct event_reader *r, struct slice text, struct buffer *out)
{
    struct log_event event;
    struct event_faults faults;
    struct gate_value value;
    struct gate_verdict verdict;
    assert_true(gate_scan_whole(event_reader_gate(r), text, &value, &verdict));
    assert_true(event_read(r, &value, &event, &faults));
    assert_true(event_set_said(r, &value, &event));
    event.also = SLICE("\"k#0123456789abcdef\"");
    event.field[EVENT_FIELD_EVENT_ID] = SLICE("\"k\"");
    write_line(&event, out);
}

static void check_golden(struct event_reader *r, const char *name, size_t name_size)
{
    const bool is_keyed = strncmp(name, "keyed.", 6) == 0;
    struct buffer text = {0}, expected = {0}, line = {0};
    char path[512];
    snprintf(path, sizeof path, GOLDEN "/%.*s.in.json", (int)name_size, name);
    read_file(path, &text);
    snprintf(path, sizeof path, GOLDEN "/%.*s.line", (int)name_size, name);
    read_file(path, &expected);
    (is_keyed ? keyed_line_of : line_of)(r, buffer_slice(&text), &line);
    if (!slice_equals(buffer_slice(&line), buffer_slice(&expected)))
        fail_msg("%s\n%.*s%.*s", path, SLICE_ARGS(line), SLICE_ARGS(expected));
    assert_stays(r, buffer_slice(&expected));
    buffer_finish(&text);
    buffer_finish(&expected);
    buffer_finish(&line);
}

static void golden_events_become_their_lines(void **state)
{
    DIR *folder = opendir(GOLDEN);
    size_t count = 0;
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        const char *end = strstr(entry->d_name, ".in.json");
        if (end == NULL)
            continue;
        check_golden(*state, entry->d_name, (size_t)(end - entry->d_name));
        count++;
    }
    closedir(folder);
    assert_true(count >= 10);
}

static void the_head_of_a_line_has_a_fixed_size(void **state)
{
    struct buffer line = {0};
    line_of(*state, SLICE("{\"type\":\"x\"}"), &line);
    assert_int_equal(strlen(HEAD), EVENT_LINE_PREFIX);
    assert_memory_equal(line.data, HEAD, EVENT_LINE_PREFIX);
    assert_memory_equal(line.data + EVENT_LINE_PREFIX, ",\"event_type\":", 14);
    buffer_finish(&line);
}

static void what_is_said_does_not_hang_on_the_spelling_or_the_id(void **state)
{
    static const char *const same[] = {"{\"type\":\"x\",\"n\":1.50}",
                                       "{ \"n\":15e-1, \"type\":\"\\u0078\" }",
                                       "{\"event_id\":\"one\",\"type\":\"x\",\"n\":1.5}",
                                       "{\"type\":\"x\",\"i\\u0064\":2,\"n\":1.5}"};
    struct buffer line = {0}, other = {0};
    keyed_line_of(*state, slice_of(same[0]), &line);
    const size_t head = strlen(HEAD ",\"said\":\"") + (size_t)2 * EVENT_SAID_SIZE;
    for (size_t i = 1; i < sizeof same / sizeof same[0]; i++) {
        keyed_line_of(*state, slice_of(same[i]), &other);
        assert_memory_equal(line.data, other.data, head);
    }
    keyed_line_of(*state, SLICE("{\"event_type\":\"x\",\"n\":1.5}"), &other);
    assert_memory_not_equal(line.data, other.data, head);
    buffer_finish(&line);
    buffer_finish(&other);
}

static void a_head_is_read_as_it_is_written_and_in_no_other_way(void **state)
{
#define REST                                                                                       \
    ",\"event_id\":\"k\",\"event_type\":\"t\",\"severity\":\"info\","                              \
    "\"routing_key\":\"events.t\",\"priority\":5}"
#define SAID ",\"said\":\"0123456789abcdef0123456789abcdef\""
#define ESCAPED_16                                                                                 \
    "\\u0001\\u0001\\u0001\\u0001\\u0001\\u0001\\u0001\\u0001"                                     \
    "\\u0001\\u0001\\u0001\\u0001\\u0001\\u0001\\u0001\\u0001"
#define ESCAPED_256 ESCAPED_64 ESCAPED_64 ESCAPED_64 ESCAPED_64
#define ESCAPED_64  ESCAPED_16 ESCAPED_16 ESCAPED_16 ESCAPED_16
    static const struct {
        const char *line;
        bool good;
    } lines[] = {
        {HEAD REST, true},
        {HEAD SAID REST, true},
        {HEAD SAID ",\"also\":\"k#1\"" REST, true},
        {HEAD ",\"also\":\"k#1\"" REST, false},
        {HEAD ",\"also\":\"k#1\"" SAID REST, false},
        {HEAD SAID SAID REST, false},
        {HEAD SAID ",\"also\":\"\"" REST, false},
        {HEAD SAID ",\"also\":7" REST, false},
        {HEAD SAID ",\"also\":\"" ESCAPED_64 "\"" REST, true},
        {HEAD SAID ",\"also\":\"" ESCAPED_256 "\"" REST, false}, /* no id is that long */
        {HEAD ", \"said\":\"0123456789abcdef0123456789abcdef\"" REST, false},
        {HEAD SAID ",\"also\": \"k#1\"" REST, false},
        {HEAD ",\"said\":\"0123456789ABCDEF0123456789ABCDEF\"" REST, false},
        {HEAD ",\"said\":\"0123456789abcdef0123456789abcde\"" REST, false},
        {HEAD ",\"said\":null" REST, false},
        {HEAD ",\"event_id\":\"k\"" SAID ",\"event_type\":\"t\"}", false},
    };
    struct log_event event;
    struct event_faults faults;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        const bool good = event_read_line(*state, slice_of(lines[i].line), &event, &faults);
        if (good != lines[i].good)
            fail_msg("%s", lines[i].line);
        if (good)
            assert_memory_equal(lines[i].line + event_head_size(&event), REST, sizeof REST - 1);
    }
}

static void unknown_members_are_kept_under_metadata(void **state)
{
    static const char *const cases[][2] = {
        {"\"x\":1", "{\"x\":1}"},
        {"\"x\":null,\"y\":[ ]", "{\"x\":null,\"y\":[ ]}"},
        {"\"x\":1,\"metadata\":{}", "{\"x\":1}"},
        {"\"x\":1,\"metadata\":{ \t}", "{\"x\":1}"},
        {"\"x\":1,\"metadata\":null", "{\"x\":1}"},
        {"\"metadata\":{ \"a\":1 },\"x\":2", "{\"x\":2,\"a\":1}"},
        {"\"x\":1,\"metadata\":{\"y\":{\"x\":2}}", "{\"x\":1,\"y\":{\"x\":2}}"},
        {"\"\":1", "{\"\":1}"},
        {"\"q\\\"\":1", "{\"q\\\"\":1}"},
        {"\"Severity\":1", "{\"Severity\":1}"},
        {"\"stored_at\":1", "{\"stored_at\":1}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[256];
        snprintf(text, sizeof text, "{%s,\"event_type\":\"x\"}", cases[i][0]);
        assert_token(good_event(*state, text).field[EVENT_FIELD_METADATA], cases[i][1]);
    }
#define TAKEN "not a field, so it is kept in metadata, which has a member of this name"
    assert_fault(*state, "{\"type\":\"x\",\"a\":1,\"metadata\":{\"a\":1}}", "/a", TAKEN);
    assert_fault(*state, "{\"type\":\"x\",\"a\":1,\"metadata\":{\"b\":1,\"\\u0061\":1}}",
                 "/\\u0061", TAKEN);
#undef TAKEN
}

/* Characters count, not bytes; one too many is told with the number that came. */
static void texts_are_as_long_as_their_field_allows(void **state)
{
    static const char *const characters[] = {"a",       "\xc3\xa9",       "\xf0\x9f\x98\x80",
                                             "\\u00e9", "\\ud83d\\ude00", "\\n"};
    for (size_t i = 0; i < sizeof characters / sizeof characters[0]; i++) {
        for (size_t length = 99; length <= 101; length++) {
            struct buffer text = {0};
            buffer_add_text(&text, "{\"event_type\":\"");
            for (size_t n = 0; n < length; n++)
                buffer_add_text(&text, characters[i]);
            buffer_add(&text, "\"}", 3);
            if (length <= 100)
                (void)good_event(*state, text.data);
            else
                assert_fault(*state, text.data, "/event_type",
                             "expected at most 100 characters, got 101");
            buffer_finish(&text);
        }
    }
}

static void add_repeated(struct buffer *b, const char *text, size_t times)
{
    for (size_t i = 0; i < times; i++)
        buffer_add_text(b, text);
}

static void a_routing_key_fits_into_an_amqp_short_string(void **state)
{
    struct buffer text = {0};
    buffer_add_text(&text, "{\"type\":\"x\",\"routing_key\":\"");
    add_repeated(&text, "\xc3\xa9", 127);
    buffer_add(&text, "a\"}", 4);
    (void)good_event(*state, text.data);
    text.size -= 3;
    buffer_add(&text, "b\"}", 4);
    assert_fault(*state, text.data, "/routing_key", "expected at most 255 bytes of UTF-8, got 256");
    buffer_clear(&text);
    buffer_add_text(&text, "{\"type\":\"");
    add_repeated(&text, "\\ud83d\\ude00", 100);
    buffer_add(&text, "\"}", 3);
    const struct slice key = good_event(*state, text.data).field[EVENT_FIELD_ROUTING_KEY];
    assert_int_equal(key.size, 9 + 62 * 12); /* 7 bytes and 62 characters of four */
    buffer_finish(&text);
}

static void tags_have_limits(void **state)
{
    for (size_t count = 63; count <= 65; count++) {
        struct buffer text = {0};
        buffer_add_text(&text, "{\"type\":\"x\",\"tags\":[\"0\"");
        add_repeated(&text, ",\"t\"", count - 1);
        buffer_add(&text, "]}", 3);
        if (count <= 64)
            (void)good_event(*state, text.data);
        else
            assert_fault(*state, text.data, "/tags", "expected at most 64 tags, got 65");
        buffer_finish(&text);
    }
    for (size_t length = 100; length <= 101; length++) {
        struct buffer text = {0};
        buffer_add_text(&text, "{\"type\":\"x\",\"tags\":[\"a\",\"");
        add_repeated(&text, "\xc3\xa9", length);
        buffer_add(&text, "\"]}", 4);
        if (length == 100)
            (void)good_event(*state, text.data);
        else
            assert_fault(*state, text.data, "/tags/1", "expected at most 100 characters, got 101");
        buffer_finish(&text);
    }
}

/* What the reader of clients lets through, the reader of lines must, though it lies deeper. */
static void the_widest_event_is_read_back(void **state)
{
    struct buffer text = {0}, line = {0};
    /* 262144 digits: 1, 131072 and 131071 */
    buffer_add_text(&text, "{\"type\":\"x\",\"duration\":1,\"p\":[1e131071,1e131070],\"deep\":");
    add_repeated(&text, "[", 31);
    add_repeated(&text, "]", 31);
    for (int i = 0; i < 1020; i++)
        buffer_printf(&text, ",\"m%d\":null", i);
    buffer_add_byte(&text, '}'); /* 1024 members: type, duration, p, deep and these */
    line_of(*state, buffer_slice(&text), &line);
    assert_stays(*state, buffer_slice(&line));
    buffer_finish(&text);
    buffer_finish(&line);
}

static void a_bad_line_is_told(void **state)
{
    static const struct {
        const char *line, *pointer, *detail;
    } cases[] = {
        {HEAD ",\"event_type\":\"x\"", "",
         "the JSON text ends before the value is complete (at byte 105)"},
        {HEAD ",\"event_type\":\"\\x\"}", "/event_type",
         "not a JSON escape sequence (at byte 103)"},
        {"[]", "", "an event is an object, not an array"},
        {"{\"event_type\":\"x\"}", "", NO_HEAD},
        {"{\"no\":\"" ID "\",\"received_at\":\"" TIME "\",\"event_type\":\"x\"}", "", NO_HEAD},
        {"{\"id\":\"" ID "\",\"Received_at\":\"" TIME "\",\"event_type\":\"x\"}", "", NO_HEAD},
        {"{ \"id\":\"" ID "\",\"received_at\":\"2026-01-31T12:00:00.00000Z\",\"event_type\":\"x\"}",
         "", NO_HEAD},
        {"{\"id\":\"" ID "\",\"event_type\":\"x\"}", "", NO_HEAD},
        {"{\"received_at\":\"" TIME "\",\"id\":\"" ID "\",\"event_type\":\"x\"}", "", NO_HEAD},
        {"{\"event_type\":\"x\"," HEAD_INSIDE "}", "", NO_HEAD},
        {" " HEAD ",\"event_type\":\"x\"}", "", NO_HEAD},
        {"{ " HEAD_INSIDE ",\"event_type\":\"x\"}", "", NO_HEAD},
        {"{\"id\":\"" ID "\",\"received_at\":\"2026-01-31T12:00:00Z\",\"event_type\":\"x\"}", "",
         NO_HEAD},
        {"{\"id\":\"019c1a2b-3c4d-7e5f-8a6b-0123456789ax\",\"received_at\":\"" TIME
         "\",\"event_type\":\"x\"}",
         "/id", "expected a UUID"},
        {"{\"id\":\"" ID "\",\"received_at\":\"2026-01-32T12:00:00.000000Z\",\"event_type\":\"x\"}",
         "/received_at", "expected a time"},
        {"{\"id\":12345678901234567890123456789012345678,\"received_at\":\"" TIME
         "\",\"event_type\":\"x\"}",
         "/id", "expected a UUID"},
        {HEAD "}", "/event_type", "required, but not there"},
        {HEAD ",\"event_type\":\"x\",\"priority\":12}", "/priority",
         "expected a whole number from 0 to 9, got 12"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct log_event event;
        struct event_faults faults;
        assert_false(event_read_line(*state, slice_of(cases[i].line), &event, &faults));
        assert_int_equal(faults.count, 1);
        assert_string_equal(faults.fault[0].pointer, cases[i].pointer);
        assert_string_equal(faults.fault[0].detail, cases[i].detail);
    }
}

static void tokens_become_values(void **state)
{
    const struct log_event e = good_event(
        *state, "{\"type\":\"x\",\"priority\":8,\"session_id\":42,\"duration\":0.25,"
                "\"time\":\"1970-01-01T00:00:01Z\",\"tags\":[ \"a\\\"]\" ,\n\"\",\"c\" ] ,"
                "\"title\":\"\\u0041\\n\\u00e9\\u20ac\\ud83d\\ude00\\/\\\\\xc3\xa9\"}");
    struct buffer text = {0};
    assert_int_equal(event_priority(&e), 8);
    assert_int_equal(event_integer(&e, EVENT_FIELD_SESSION_ID), 42);
    assert_int_equal(event_time(&e, EVENT_FIELD_OCCURRED_AT), 1000000);
    assert_true(event_number(&e, EVENT_FIELD_DURATION_MS) == 250.0);
    event_add_text(e.field[EVENT_FIELD_TITLE], &text);
    assert_true(slice_equals(buffer_slice(&text),
                             SLICE("A\n\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80/\\\xc3\xa9")));
    buffer_finish(&text);
    struct slice rest = e.field[EVENT_FIELD_TAGS], tag;
    static const char *const tags[] = {"\"a\\\"]\"", "\"\"", "\"c\""};
    for (size_t i = 0; i < 3; i++) {
        assert_true(event_next_tag(&rest, &tag));
        assert_token(tag, tags[i]);
    }
    assert_false(event_next_tag(&rest, &tag));
    assert_false(event_next_tag(&rest, &tag));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_events_become_their_lines),
        cmocka_unit_test(the_head_of_a_line_has_a_fixed_size),
        cmocka_unit_test(what_is_said_does_not_hang_on_the_spelling_or_the_id),
        cmocka_unit_test(a_head_is_read_as_it_is_written_and_in_no_other_way),
        cmocka_unit_test(unknown_members_are_kept_under_metadata),
        cmocka_unit_test(texts_are_as_long_as_their_field_allows),
        cmocka_unit_test(a_routing_key_fits_into_an_amqp_short_string),
        cmocka_unit_test(tags_have_limits),
        cmocka_unit_test(the_widest_event_is_read_back),
        cmocka_unit_test(a_bad_line_is_told),
        cmocka_unit_test(tokens_become_values),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
