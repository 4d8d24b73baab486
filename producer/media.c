/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/media.h"

#include <string.h>

/* With "#" and an index behind it a key is still an event_id. */
enum { KEY_SIZE_MAX = 200 };

static struct slice before(struct slice s, char mark)
{
    const char *at = s.size > 0 ? memchr(s.data, mark, s.size) : NULL;
    return at != NULL ? (struct slice){s.data, (size_t)(at - s.data)} : s;
}

static bool ends_with(struct slice s, struct slice end)
{
    return s.size > end.size &&
           slice_equals_nocase((struct slice){s.data + s.size - end.size, end.size}, end);
}

static bool starts_with(struct slice s, struct slice start)
{
    return s.size >= start.size && slice_equals_nocase((struct slice){s.data, start.size}, start);
}

/* JSON is UTF-8 whatever is said; a sender who says otherwise is taken at his word. */
static bool has_other_charset(struct slice content_type)
{
    struct slice rest = content_type;
    while (rest.size > 0) {
        const struct slice part = before(rest, ';');
        struct slice parameter = slice_trim(part);
        const size_t used = part.size < rest.size ? part.size + 1 : part.size;
        rest.data += used;
        rest.size -= used;
        if (!starts_with(parameter, SLICE("charset=")))
            continue;
        parameter.data += sizeof "charset=" - 1;
        parameter.size -= sizeof "charset=" - 1;
        if (parameter.size >= 2 && parameter.data[0] == '"') {
            parameter.data++;
            parameter.size -= 2;
        }
        return !slice_equals_nocase(parameter, SLICE("utf-8")) &&
               !slice_equals_nocase(parameter, SLICE("us-ascii"));
    }
    return false;
}

static struct slice type_of(struct slice content_type)
{
    return slice_trim(before(content_type, ';'));
}

bool media_is_json(struct slice content_type)
{
    const struct slice type = type_of(content_type);
    return slice_equals_nocase(type, SLICE("application/json")) ||
           slice_equals_nocase(type, SLICE("text/json")) || ends_with(type, SLICE("+json"));
}

bool media_is_text(struct slice content_type)
{
    return starts_with(type_of(content_type), SLICE("text/")) && !has_other_charset(content_type);
}

bool media_find(struct slice content_type, enum media *out_media)
{
    static const struct {
        const char *type;
        enum media media;
    } types[] = {
        {"application/json", MEDIA_JSON},
        {"application/x-ndjson", MEDIA_LINES},
        {"application/ndjson", MEDIA_LINES},
        {"application/jsonl", MEDIA_LINES},
        {"application/cloudevents-batch+json", MEDIA_CLOUDEVENTS},
        {"application/cloudevents+json", MEDIA_CLOUDEVENT},
    };
    const struct slice type = type_of(content_type);
    if (has_other_charset(content_type))
        return false;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (!slice_equals_nocase(type, slice_of(types[i].type)))
            continue;
        *out_media = types[i].media;
        return true;
    }
    /* Events in an envelope of their own are not read as if they had none. */
    const bool json = ends_with(type, SLICE("+json")) && starts_with(type, SLICE("application/")) &&
                      !starts_with(type, SLICE("application/cloudevents"));
    if (content_type.size > 0 && !json)
        return false;
    *out_media = MEDIA_JSON;
    return true;
}

bool media_key(struct slice header, struct slice *out_key)
{
    struct slice key = header;
    if (key.size >= 2 && key.data[0] == '"' && key.data[key.size - 1] == '"') {
        key.data++;
        key.size -= 2;
    }
    if (key.size == 0 || key.size > KEY_SIZE_MAX)
        return false;
    for (size_t i = 0; i < key.size; i++) {
        if (key.data[i] < ' ' || key.data[i] > '~' || key.data[i] == '"' || key.data[i] == '\\')
            return false;
    }
    *out_key = key;
    return true;
}
