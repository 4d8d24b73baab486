/* SPDX-License-Identifier: Apache-2.0 */
#include "common/event/event_level.h"

#include <assert.h>

#include "common/core/near.h"
#include "common/event/event_names.h"

static const struct slice tokens[] = {
    [EVENT_LEVEL_DEBUG] = EVENT_TEXT("\"debug\""),
    [EVENT_LEVEL_INFO] = EVENT_TEXT("\"info\""),
    [EVENT_LEVEL_WARNING] = EVENT_TEXT("\"warning\""),
    [EVENT_LEVEL_ERROR] = EVENT_TEXT("\"error\""),
    [EVENT_LEVEL_CRITICAL] = EVENT_TEXT("\"critical\""),
};

static const struct {
    struct slice word;
    enum event_level level;
} words[] = {
    {EVENT_TEXT("info"), EVENT_LEVEL_INFO},         {EVENT_TEXT("warning"), EVENT_LEVEL_WARNING},
    {EVENT_TEXT("error"), EVENT_LEVEL_ERROR},       {EVENT_TEXT("debug"), EVENT_LEVEL_DEBUG},
    {EVENT_TEXT("critical"), EVENT_LEVEL_CRITICAL}, {EVENT_TEXT("trace"), EVENT_LEVEL_DEBUG},
    {EVENT_TEXT("low"), EVENT_LEVEL_INFO},          {EVENT_TEXT("notice"), EVENT_LEVEL_INFO},
    {EVENT_TEXT("medium"), EVENT_LEVEL_WARNING},    {EVENT_TEXT("warn"), EVENT_LEVEL_WARNING},
    {EVENT_TEXT("high"), EVENT_LEVEL_ERROR},        {EVENT_TEXT("err"), EVENT_LEVEL_ERROR},
    {EVENT_TEXT("fatal"), EVENT_LEVEL_CRITICAL},    {EVENT_TEXT("crit"), EVENT_LEVEL_CRITICAL},
    {EVENT_TEXT("alert"), EVENT_LEVEL_CRITICAL},    {EVENT_TEXT("emergency"), EVENT_LEVEL_CRITICAL},
    {EVENT_TEXT("panic"), EVENT_LEVEL_CRITICAL},
};

#define WORD_COUNT (sizeof words / sizeof words[0])

bool event_level_find(struct slice word, enum event_level *out_level)
{
    for (size_t i = 0; i < WORD_COUNT; i++) {
        if (slice_equals_nocase(word, words[i].word)) {
            *out_level = words[i].level;
            return true;
        }
    }
    return false;
}

enum event_level event_level_of_token(struct slice token)
{
    for (size_t i = 0; i < EVENT_LEVEL_COUNT; i++) {
        if (slice_equals(token, tokens[i]))
            return (enum event_level)i;
    }
    assert(false);
    return EVENT_LEVEL_INFO;
}

struct slice event_level_token(enum event_level level)
{
    assert(level < EVENT_LEVEL_COUNT);
    return tokens[level];
}

struct slice event_level_near(struct slice word)
{
    struct near n = near_start(word);
    for (size_t i = 0; i < WORD_COUNT; i++)
        near_offer(&n, words[i].word);
    return n.found;
}
