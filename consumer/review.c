/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   {"event_type":…,"session_id":…[,"user_id":…][,"payload":{"code_language":…}],"occurred_at":"…"}
 *
 * The time stands last and has a fixed size. A session's row is the least and the greatest of what
 * its events say, so a start that is not earlier than an equal one adds nothing, whatever order
 * they come in.
 */
#include "consumer/review.h"

#include <assert.h>
#include <string.h>

#include "common/core/clock.h"
#include "common/json/json_walk.h"

#define TIME_END  (sizeof "\"}" - 1)
#define TIME_SIZE (CLOCK_TEXT_SIZE + TIME_END)

static const char start[] = "{\"event_type\":\"review_started\",";

bool review_is_told(const struct log_event *read)
{
    static const char begin[] = "\"review_";
    const struct slice type = read->field[EVENT_FIELD_EVENT_TYPE];
    return type.size > sizeof begin && memcmp(type.data, begin, sizeof begin - 1) == 0 &&
           read->field[EVENT_FIELD_SESSION_ID].data != NULL;
}

static void add(struct buffer *out, const char *before, struct slice token)
{
    if (token.data == NULL)
        return;
    buffer_add_text(out, before);
    buffer_add_slice(out, token);
}

void review_write(const struct log_event *read, struct buffer *out)
{
    char time[CLOCK_TEXT_SIZE + 1];
    struct gate_member language;
    const struct slice payload = read->field[EVENT_FIELD_PAYLOAD];
    const struct slice occurred = read->field[EVENT_FIELD_OCCURRED_AT];
    add(out, "{\"event_type\":", read->field[EVENT_FIELD_EVENT_TYPE]);
    add(out, ",\"session_id\":", read->field[EVENT_FIELD_SESSION_ID]);
    add(out, ",\"user_id\":", read->field[EVENT_FIELD_USER_ID]);
    if (payload.data != NULL && json_find_member(payload, SLICE("code_language"), &language)) {
        add(out, ",\"payload\":{\"code_language\":", language.value);
        buffer_add_byte(out, '}');
    }
    clock_format(occurred.data != NULL ? event_time(read, EVENT_FIELD_OCCURRED_AT)
                                       : read->received_at,
                 time);
    buffer_add_text(out, ",\"occurred_at\":\"");
    buffer_add_text(out, time);
    buffer_add_text(out, "\"}");
}

bool review_says_more(struct slice before, struct slice note)
{
    if (before.size != note.size)
        return true;
    assert(note.size > TIME_SIZE);
    const size_t said = note.size - TIME_SIZE;
    if (memcmp(before.data, note.data, said) != 0)
        return true;
    const int later = memcmp(note.data + said, before.data + said, CLOCK_TEXT_SIZE);
    return later < 0 || (later > 0 && memcmp(note.data, start, sizeof start - 1) != 0);
}
