/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a type decides about its events:
 *
 *   "severity": "error"
 *   "severity": {"field": "risk_score", "at_least": {"critical": 80, "high": 60}, "else": "medium"}
 *   "priority": 7
 *   "priority": {"critical": 8, "high": 7, "else": 6}
 *   "routing_key": "cns.stage.{stage_name}.started"
 *
 * {severity} in a routing key is the rule's own word for the level, so that "high" stays "high"
 * though events carry it as error.
 */
#include "common/event/catalog_member.h"

#include <math.h>
#include <string.h>

#include "common/json/json_walk.h"

enum {
    ROUTING_KEY_BYTES_MAX = 255,
    VALUE_BYTES_MAX = 100, /* of a value in a routing key */
};

static bool read_level(struct catalog_load *l, const char *at, struct slice word,
                       enum event_level *out)
{
    if (event_level_find(word, out))
        return true;
    const struct slice near = event_level_near(word);
    catalog_say(l, at, "\"%.*s\" is not a severity%s%.*s%s", SLICE_ARGS(word),
                near.data != NULL ? "; did you mean \"" : "", SLICE_ARGS(near),
                near.data != NULL ? "\"?" : "");
    return false;
}

static bool add_step(struct catalog_load *l, struct catalog_step *step, struct slice word,
                     double at_least)
{
    *step = (struct catalog_step){.at_least = at_least, .word = word};
    return read_level(l, word.data, word, &step->level);
}

static void read_steps(struct catalog_load *l, struct slice object, struct slice last)
{
    struct catalog_step steps[EVENT_LEVEL_COUNT];
    struct gate_member m;
    size_t count = 0;
    double below = INFINITY;
    while (json_next_member(&object, &m) && count < EVENT_LEVEL_COUNT - 1) {
        double at_least;
        if (!catalog_read_number(l, &m, &at_least) || !add_step(l, &steps[count], m.name, at_least))
            return;
        if (at_least >= below)
            catalog_say(l, m.name.data, "at_least: the numbers must fall");
        below = at_least;
        count++;
    }
    if (!add_step(l, &steps[count++], last, -INFINITY))
        return;
    struct catalog_step *own = catalog_take(l, count * sizeof *own);
    if (own == NULL)
        return;
    memcpy(own, steps, count * sizeof *own);
    l->type->steps = own;
    l->type->step_count = count;
}

static void read_rule(struct catalog_load *l, struct slice rule)
{
    static const char *const names[] = {"field", "at_least", "else", NULL};
    struct gate_member m[3];
    struct slice field, steps, last;
    catalog_read_members(l, rule, names, m);
    for (size_t i = 0; i < 3; i++) {
        if (m[i].value.data == NULL) {
            catalog_say(l, rule.data, "severity: a rule has field, at_least and else");
            return;
        }
    }
    if (!catalog_read_text(l, &m[0], &field) || !catalog_read_object(l, &m[1], &steps) ||
        !catalog_read_text(l, &m[2], &last))
        return;
    const int place = catalog_type_find(l->type, field);
    if (place == CATALOG_NONE || (l->type->fields[place].kind != CATALOG_NUMBER &&
                                  l->type->fields[place].kind != CATALOG_INTEGER))
        catalog_say(l, m[0].value.data, "severity: \"%.*s\" is not a number of this type",
                    SLICE_ARGS(field));
    else
        l->type->rule_field = place;
    read_steps(l, steps, last);
}

static void read_severity(struct catalog_load *l, const struct gate_member *m)
{
    struct slice word;
    l->type->level = EVENT_LEVEL_INFO;
    l->type->rule_field = CATALOG_NONE;
    if (m->value.data == NULL)
        return;
    if (m->kind == GATE_OBJECT) {
        read_rule(l, m->value);
        return;
    }
    if (catalog_read_text(l, m, &word) && !read_level(l, m->value.data, word, &l->type->level))
        l->type->level = EVENT_LEVEL_INFO;
}

static bool read_priority_value(struct catalog_load *l, const struct gate_member *m, uint8_t *out)
{
    if (m->value.size != 1 || m->value.data[0] < '0' || m->value.data[0] > '9') {
        catalog_say(l, m->value.data, "%.*s: expected a priority from 0 to 9", SLICE_ARGS(m->name));
        return false;
    }
    *out = (uint8_t)(m->value.data[0] - '0');
    return true;
}

static void check_priorities(struct catalog_load *l, const char *at, unsigned known)
{
    const struct catalog_type *t = l->type;
    unsigned possible = t->rule_field == CATALOG_NONE ? (1U << EVENT_LEVEL_COUNT) - 1 : 0;
    for (size_t i = 0; i < t->step_count; i++)
        possible |= 1U << t->steps[i].level;
    if ((possible & ~known) != 0)
        catalog_say(l, at, "priority: not every severity has one; \"else\" is missing");
}

static void read_priorities(struct catalog_load *l, struct slice object)
{
    const char *at = object.data;
    struct gate_member m, last;
    unsigned known = 0;
    if (json_find_member(object, SLICE("else"), &last)) {
        uint8_t value;
        if (read_priority_value(l, &last, &value))
            memset(l->type->priority, value, sizeof l->type->priority);
        known = (1U << EVENT_LEVEL_COUNT) - 1;
    }
    while (json_next_member(&object, &m)) {
        enum event_level level;
        if (slice_equals(m.name, SLICE("else")) || !read_level(l, m.name.data, m.name, &level))
            continue;
        if (read_priority_value(l, &m, &l->type->priority[level]))
            known |= 1U << level;
    }
    check_priorities(l, at, known);
}

static void read_priority(struct catalog_load *l, const struct gate_member *m)
{
    uint8_t value = EVENT_PRIORITY_DEFAULT;
    memset(l->type->priority, value, sizeof l->type->priority);
    if (m->value.data == NULL)
        return;
    if (m->kind == GATE_OBJECT)
        read_priorities(l, m->value);
    else if (read_priority_value(l, m, &value))
        memset(l->type->priority, value, sizeof l->type->priority);
}

static int find_value(struct catalog_load *l, struct slice name)
{
    if (slice_equals(name, SLICE("severity")))
        return CATALOG_SEVERITY;
    const int place = catalog_type_find(l->type, name);
    if (place == CATALOG_NONE)
        catalog_say(l, name.data, "routing_key: {%.*s} is not a field of this type",
                    SLICE_ARGS(name));
    else if (l->type->fields[place].kind == CATALOG_OBJECT ||
             l->type->fields[place].kind == CATALOG_ARRAY)
        catalog_say(l, name.data, "routing_key: {%.*s} is not a single value", SLICE_ARGS(name));
    return place;
}

static const char *find_either(const char *p, const char *end, char a, char b)
{
    while (p < end && *p != a && *p != b)
        p++;
    return p;
}

/* Up to the next value or the end; NULL when a brace has no other. */
static const char *read_part(struct catalog_load *l, const char *p, const char *end,
                             struct catalog_part *out)
{
    const char *open = find_either(p, end, '{', '}');
    out->literal = (struct slice){p, (size_t)(open - p)};
    out->field = CATALOG_NONE;
    if (open == end)
        return end;
    const char *close = find_either(open + 1, end, '{', '}');
    if (*open != '{' || close == end || *close != '}') {
        catalog_say(l, open, "routing_key: a brace without its other");
        return NULL;
    }
    out->field = find_value(l, (struct slice){open + 1, (size_t)(close - open) - 1});
    return close + 1;
}

static void read_parts(struct catalog_load *l, struct slice text)
{
    struct catalog_type *t = l->type;
    const char *end = text.data + text.size;
    size_t bytes = 0;
    bool more = true;
    for (const char *p = text.data; more;) {
        if (t->part_count == CATALOG_PARTS_MAX) {
            catalog_say(l, text.data, "routing_key: too many values");
            return;
        }
        struct catalog_part *part = &t->parts[t->part_count];
        p = read_part(l, p, end, part);
        if (p == NULL)
            return;
        t->part_count++;
        more = part->field != CATALOG_NONE;
        bytes += part->literal.size + (more ? VALUE_BYTES_MAX : 0);
    }
    if (bytes > ROUTING_KEY_BYTES_MAX)
        catalog_say(l, text.data, "routing_key: it may become longer than %d bytes",
                    ROUTING_KEY_BYTES_MAX);
}

void catalog_read_rules(struct catalog_load *l, const struct gate_member *severity,
                        const struct gate_member *priority, const struct gate_member *routing_key)
{
    struct slice text;
    read_severity(l, severity);
    read_priority(l, priority);
    if (routing_key->value.data == NULL)
        catalog_say(l, l->type->name.data, "routing_key is missing");
    else if (catalog_read_text(l, routing_key, &text)) {
        l->type->routing_key = routing_key->value;
        read_parts(l, text);
    }
}
