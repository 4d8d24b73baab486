/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/answer.h"

#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

static const char *text_of(struct json_object *object, const char *name)
{
    struct json_object *value = NULL;
    if (!json_object_object_get_ex(object, name, &value) ||
        !json_object_is_type(value, json_type_string))
        return "";
    return json_object_get_string(value);
}

static size_t number_of(struct json_object *object, const char *name, size_t otherwise)
{
    struct json_object *value = NULL;
    if (!json_object_object_get_ex(object, name, &value) ||
        !json_object_is_type(value, json_type_int) || json_object_get_int64(value) < 0)
        return otherwise;
    return (size_t)json_object_get_int64(value);
}

static struct json_object *array_of(struct json_object *object, const char *name)
{
    struct json_object *value = NULL;
    if (!json_object_object_get_ex(object, name, &value) ||
        !json_object_is_type(value, json_type_array))
        return NULL;
    return value;
}

/* Answers are not trusted to be printable. */
static void add_words(char *out, size_t size, const char *words)
{
    const size_t used = strlen(out);
    snprintf(out + used, size - used, "%s%s", used > 0 && words[0] ? ": " : "", words);
    for (char *p = out + used; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            *p = ' ';
}

static void tell_error(struct json_object *error, size_t line, answer_fault_fn fn, void *arg)
{
    char words[600] = "";
    add_words(words, sizeof words, text_of(error, "pointer"));
    add_words(words, sizeof words, text_of(error, "detail"));
    if (fn)
        fn(arg, number_of(error, "line", line), words);
}

/* Entries of `errors`, each perhaps with a line of its own; how many different lines they name. */
static size_t tell_errors(struct json_object *errors, size_t line, answer_fault_fn fn, void *arg)
{
    size_t lines = 0, last = SIZE_MAX;
    for (size_t i = 0; i < json_object_array_length(errors); i++) {
        struct json_object *error = json_object_array_get_idx(errors, i);
        if (!json_object_is_type(error, json_type_object))
            continue;
        tell_error(error, line, fn, arg);
        const size_t its_line = number_of(error, "line", line);
        lines += its_line != last;
        last = its_line;
    }
    return lines;
}

static size_t tell_items(struct json_object *items, answer_fault_fn fn, void *arg)
{
    size_t refused = 0;
    for (size_t i = 0; i < json_object_array_length(items); i++) {
        struct json_object *item = json_object_array_get_idx(items, i);
        if (!json_object_is_type(item, json_type_object) || number_of(item, "status", 0) < 400)
            continue;
        struct json_object *errors = array_of(item, "errors");
        const size_t line = number_of(item, "line", i + 1);
        refused++;
        if (!errors || tell_errors(errors, line, fn, arg) == 0)
            tell_error(item, line, fn, arg);
    }
    return refused;
}

/* "broker: unhealthy: connecting to …", for each check that is not healthy. */
static void read_checks(struct json_object *checks, struct answer *out)
{
    struct json_object_iterator at = json_object_iter_begin(checks);
    const struct json_object_iterator end = json_object_iter_end(checks);
    for (; !json_object_iter_equal(&at, &end); json_object_iter_next(&at)) {
        struct json_object *check = json_object_iter_peek_value(&at);
        const bool object = json_object_is_type(check, json_type_object);
        const char *status = object ? text_of(check, "status") : "";
        if (!status[0] || strcmp(status, "healthy") == 0)
            continue;
        add_words(out->checks, sizeof out->checks, json_object_iter_peek_name(&at));
        add_words(out->checks, sizeof out->checks, status);
        add_words(out->checks, sizeof out->checks, text_of(check, "detail"));
    }
}

/* One line answers like one event or like a batch of one. */
static const char *event_id_of(struct json_object *object)
{
    struct json_object *ids = array_of(object, "event_ids");
    struct json_object *id =
        ids && json_object_array_length(ids) == 1 ? json_object_array_get_idx(ids, 0) : NULL;
    return json_object_is_type(id, json_type_string) ? json_object_get_string(id)
                                                     : text_of(object, "event_id");
}

static void read_object(struct json_object *object, answer_fault_fn fn, void *arg,
                        struct answer *out)
{
    struct json_object *items = array_of(object, "items");
    struct json_object *errors = array_of(object, "errors");
    struct json_object *checks = NULL;
    out->readable = true;
    items = items ? items : array_of(object, "results");
    if (items)
        out->refused = tell_items(items, fn, arg);
    else if (errors)
        out->refused = tell_errors(errors, 0, fn, arg);
    out->refused = number_of(object, "rejected", out->refused);
    add_words(out->event_id, sizeof out->event_id, event_id_of(object));
    add_words(out->status, sizeof out->status, text_of(object, "status"));
    add_words(out->version, sizeof out->version, text_of(object, "version"));
    add_words(out->timestamp, sizeof out->timestamp, text_of(object, "timestamp"));
    if (json_object_object_get_ex(object, "checks", &checks) &&
        json_object_is_type(checks, json_type_object))
        read_checks(checks, out);
    add_words(out->detail, sizeof out->detail, text_of(object, "detail"));
    if (!out->detail[0])
        add_words(out->detail, sizeof out->detail, text_of(object, "title"));
}

void answer_read(struct slice body, answer_fault_fn fn, void *arg, struct answer *out)
{
    *out = (struct answer){0};
    struct json_tokener *tokener = json_tokener_new();
    struct json_object *object = tokener && body.size < INT_MAX
                                     ? json_tokener_parse_ex(tokener, body.data, (int)body.size)
                                     : NULL;
    if (json_object_is_type(object, json_type_object))
        read_object(object, fn, arg, out);
    json_object_put(object);
    if (tokener)
        json_tokener_free(tokener);
}
