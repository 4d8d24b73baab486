/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "common/event/catalog_type.h"

static void add_text(struct buffer *out, const char *before, struct slice text)
{
    buffer_add_text(out, before);
    buffer_add_json_string(out, text);
}

static void add_words(struct buffer *out, const char *before, const struct catalog_words *words)
{
    if (words->count == 0)
        return;
    buffer_add_text(out, before);
    for (size_t i = 0; i < words->count; i++)
        add_text(out, i == 0 ? "[" : ",", words->word[i]);
    buffer_add_byte(out, ']');
}

static void add_field(struct buffer *out, const struct catalog_type *t,
                      const struct catalog_field *f)
{
    add_text(out, "{\"name\":", f->name);
    buffer_printf(out, ",\"kind\":\"%s\",\"required\":%s,\"in\":\"%s\"", catalog_kind_name(f->kind),
                  f->required ? "true" : "false", f->column == CATALOG_NONE ? "payload" : "event");
    add_words(out, ",\"enum\":", &f->allowed);
    add_words(out, ",\"spellings\":", &f->spellings);
    if (f->min != -INFINITY)
        buffer_printf(out, ",\"min\":%.17g", f->min);
    if (f->max != INFINITY)
        buffer_printf(out, ",\"max\":%.17g", f->max);
    if (f->fallback.data != NULL) {
        buffer_add_text(out, ",\"default\":");
        buffer_add_slice(out, f->fallback);
    }
    if (f->otherwise != CATALOG_NONE)
        add_text(out, ",\"otherwise\":", t->fields[f->otherwise].name);
    buffer_add_byte(out, '}');
}

static void add_severity(struct buffer *out, const struct catalog_type *t)
{
    buffer_add_text(out, ",\"severity\":");
    if (t->rule_field == CATALOG_NONE) {
        buffer_add_slice(out, event_level_token(t->level));
        return;
    }
    add_text(out, "{\"field\":", t->fields[t->rule_field].name);
    buffer_add_text(out, ",\"at_least\":{");
    for (size_t i = 0; i + 1 < t->step_count; i++) {
        add_text(out, i == 0 ? "" : ",", t->steps[i].word);
        buffer_printf(out, ":%.17g", t->steps[i].at_least);
    }
    add_text(out, "},\"else\":", t->steps[t->step_count - 1].word);
    buffer_add_byte(out, '}');
}

static bool has_one_priority(const struct catalog_type *t)
{
    for (size_t i = 1; i < EVENT_LEVEL_COUNT; i++) {
        if (t->priority[i] != t->priority[0])
            return false;
    }
    return true;
}

/* By level; a rule has its own words for those it knows. */
static void add_priority(struct buffer *out, const struct catalog_type *t)
{
    buffer_add_text(out, ",\"priority\":");
    if (has_one_priority(t)) {
        buffer_printf(out, "%d", t->priority[0]);
        return;
    }
    if (t->rule_field != CATALOG_NONE) {
        for (size_t i = 0; i < t->step_count; i++) {
            add_text(out, i == 0 ? "{" : ",", t->steps[i].word);
            buffer_printf(out, ":%d", t->priority[t->steps[i].level]);
        }
    } else {
        for (enum event_level level = 0; level < EVENT_LEVEL_COUNT; level++) {
            buffer_add_byte(out, level == 0 ? '{' : ',');
            buffer_add_slice(out, event_level_token(level));
            buffer_printf(out, ":%d", t->priority[level]);
        }
    }
    buffer_add_byte(out, '}');
}

static void add_when(struct buffer *out, const struct catalog_condition *when)
{
    buffer_printf(out, ",\"when\":{\"%s\":", event_field_name(when->column));
    if (when->words.count == 0)
        buffer_add_text(out, "[]");
    add_words(out, "", &when->words);
    buffer_add_byte(out, '}');
}

static void add_type(struct buffer *out, const struct catalog_type *t)
{
    add_text(out, "{\"event_type\":", t->name);
    add_text(out, ",\"family\":", t->family);
    if (t->description.data != NULL) {
        buffer_add_text(out, ",\"description\":");
        buffer_add_slice(out, t->description);
    }
    add_words(out, ",\"aliases\":", &t->aliases);
    if (t->has_when)
        add_when(out, &t->when);
    buffer_add_text(out, ",\"routing_key\":");
    buffer_add_slice(out, t->routing_key);
    add_priority(out, t);
    add_severity(out, t);
    buffer_add_text(out, ",\"fields\":[");
    for (size_t i = 0; i < t->field_count; i++) {
        if (i > 0)
            buffer_add_byte(out, ',');
        add_field(out, t, &t->fields[i]);
    }
    buffer_add_text(out, "]}");
}

void catalog_write(const struct catalog *c, enum catalog_mode mode, struct buffer *out)
{
    buffer_add_text(out, "{\"event_types\":[");
    for (size_t i = 0; i < catalog_type_count(c); i++) {
        if (i > 0)
            buffer_add_byte(out, ',');
        add_type(out, catalog_type_at(c, i));
    }
    buffer_printf(out, "],\"total_types\":%zu,\"mode\":\"%s\"}\n", catalog_type_count(c),
                  mode == CATALOG_STRICT ? "strict" : "open");
}
