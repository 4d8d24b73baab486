/* SPDX-License-Identifier: Apache-2.0 */
/* The routing key of an event, made of its type's template. */
#include <assert.h>
#include <string.h>

#include "common/event/event_judging.h"
#include "common/json/json_text.h"

enum { VALUE_BYTES_MAX = 100 }; /* of a value; the template was measured with it */

/* The rule's word for the level, else the level's own name. */
static struct slice severity_word(const struct judging *j)
{
    for (size_t i = 0; i < j->type->step_count; i++) {
        if (j->type->steps[i].level == j->level)
            return j->type->steps[i].word;
    }
    return json_body_of(event_level_token(j->level));
}

static bool is_plain(char c)
{
    const char lower = (char)(c | 0x20);
    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

static bool is_plain_word(struct slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (!is_plain(text.data[i]))
            return false;
    }
    return text.size > 0 && text.size <= VALUE_BYTES_MAX;
}

/* One word of a routing key: what parts words, or is more than a word has, becomes _. */
static void add_word(struct buffer *out, struct slice text)
{
    static const char others[] = ".*#\"\\/ ";
    size_t bytes = 0;
    char c[4];
    if (is_plain_word(text)) {
        buffer_add_slice(out, text);
        return;
    }
    for (size_t n; (n = json_body_next(&text, c)) > 0 && bytes + n <= VALUE_BYTES_MAX; bytes += n) {
        if (n == 1 && ((unsigned char)c[0] <= ' ' || c[0] == 127 || strchr(others, c[0]) != NULL))
            buffer_add_byte(out, '_');
        else
            buffer_add(out, c, n);
    }
    if (bytes == 0)
        buffer_add_text(out, "unknown");
}

static void add_value(struct judging *j, int field, struct buffer *out)
{
    if (field == CATALOG_SEVERITY) {
        buffer_add_slice(out, severity_word(j));
        return;
    }
    if ((j->there & event_bit((size_t)field)) == 0) {
        buffer_add_text(out, "unknown");
        return;
    }
    const struct slice token = j->found[field].token;
    add_word(out, token.data[0] == '"' ? json_body_of(token) : token);
}

void event_set_routing_key(struct judging *j)
{
    const struct catalog_type *t = j->type;
    struct buffer *scratch = &j->reading->reader->scratch;
    struct slice *key = &j->reading->event.field[EVENT_FIELD_ROUTING_KEY];
    if (key->data != NULL)
        return;
    if (t->part_count == 1) {
        *key = t->routing_key;
        return;
    }
    const size_t start = scratch->size;
    assert(scratch->capacity - start >= EVENT_ROUTING_KEY_ROOM);
    buffer_add_byte(scratch, '"');
    for (size_t i = 0; i < t->part_count; i++) {
        buffer_add_slice(scratch, t->parts[i].literal);
        if (t->parts[i].field != CATALOG_NONE)
            add_value(j, t->parts[i].field, scratch);
    }
    buffer_add_byte(scratch, '"');
    *key = (struct slice){scratch->data + start, scratch->size - start};
}
