/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line is put together in memory and written with one write(2), so lines of several
 * workers on one stderr do not mix. Controls are escaped in both formats: what a broker or
 * database said cannot forge a line, whatever its reader takes for the end of one, nor give orders
 * to a terminal or turn its text around.
 */
#include "common/app/log.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "common/core/buffer.h"
#include "common/core/clock.h"
#include "common/json/json_text.h"

#define REPEAT_NS (30 * CLOCK_S)

static const char *own_name = "holdfast"; /* lent */
static enum log_level threshold = LOG_LEVEL_INFO;
static bool as_json;

static const char *const level_text[] = {"DEBUG", "INFO", "WARNING", "ERROR"};
static const char *const level_json[] = {"debug", "info", "warning", "error"};

void log_open(const char *service, enum log_level level, enum log_format format)
{
    own_name = service;
    threshold = level;
    as_json =
        format == LOG_FORMAT_JSON || (format == LOG_FORMAT_AUTO && isatty(STDERR_FILENO) == 0);
}

bool log_is_on(enum log_level level)
{
    return level >= threshold;
}

/* Of a character in two or three bytes. */
static unsigned code_of(const char *p, size_t size)
{
    const unsigned first = (unsigned char)p[0], second = p[1] & 0x3f;
    return size == 2 ? (first & 0x1f) << 6 | second
                     : (first & 0x0f) << 12 | second << 6 | (p[2] & 0x3f);
}

/* The controls ASCII does not have: C1, the ends of lines and paragraphs, marks of direction. */
static bool is_control(unsigned code)
{
    return (code >= 0x80 && code < 0xa0) || code == 0x61c || code == 0x200e || code == 0x200f ||
           (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

/* Bytes of the character at p. *out_escape: what is written for it instead; 0 = nothing else. */
static size_t look(const char *p, const char *end, unsigned *out_escape)
{
    const size_t size = json_utf8_size(p, end);
    const unsigned code = size == 2 || size == 3 ? code_of(p, size) : 0;
    *out_escape = size == 0 ? 0xfffd : is_control(code) ? code : 0;
    return size == 0 ? 1 : size;
}

void log_add_text(struct buffer *out, const char *text)
{
    struct buffer escaped = {0}; /* of the controls ASCII has */
    buffer_add_json_string(&escaped, slice_of(text));
    const char *end = escaped.data + escaped.size;
    unsigned escape;
    for (const char *p = escaped.data; p < end;) {
        const size_t size = look(p, end, &escape);
        if (escape != 0)
            buffer_printf(out, "\\u%04x", escape);
        else
            buffer_add(out, p, size);
        p += size;
    }
    out->failed = out->failed || escaped.failed;
    buffer_finish(&escaped);
}

static void add_value(struct buffer *line, const struct log_field *f)
{
    if (f->text != NULL)
        log_add_text(line, f->text);
    else
        buffer_printf(line, "%" PRId64, f->number);
}

static void build_json(struct buffer *line, enum log_level level, const char *action,
                       const char *message)
{
    char now[CLOCK_TEXT_SIZE + 1];
    clock_format(clock_wall_us(), now);
    buffer_printf(line, "{\"@timestamp\":\"%s\",\"log.level\":\"%s\",\"message\":", now,
                  level_json[level]);
    buffer_add_json_string(line, slice_of(message));
    buffer_printf(line,
                  ",\"service.name\":\"%s\",\"service.version\":\"" HOLDFAST_VERSION
                  "\",\"process.pid\":%d,\"event.action\":\"%s\"",
                  own_name, (int)getpid(), action);
}

static void build_text(struct buffer *line, enum log_level level, const char *action,
                       const char *message)
{
    const char *dash = strchr(own_name, '-');
    char now[CLOCK_TEXT_SIZE + 1];
    clock_format(clock_wall_us(), now);
    buffer_printf(line, "%.12s %-7s %s %s: ", now + 11, level_text[level],
                  dash != NULL ? dash + 1 : own_name, action);
    buffer_add_text(line, message);
}

void log_write(enum log_level level, const char *action, const char *message,
               const struct log_field *fields, size_t count)
{
    struct buffer line = {0};
    if (!log_is_on(level))
        return;
    (as_json ? build_json : build_text)(&line, level, action, message);
    for (size_t i = 0; i < count; i++) {
        if (fields[i].name == NULL)
            continue;
        buffer_printf(&line, as_json ? ",\"holdfast.%s\":" : " %s=", fields[i].name);
        add_value(&line, &fields[i]);
    }
    buffer_add_text(&line, as_json ? ",\"ecs.version\":\"8.11.0\"}\n" : "\n");
    const ssize_t written = line.failed ? 0 : write(STDERR_FILENO, line.data, line.size);
    (void)written; /* when stderr is gone nobody is left to tell */
    buffer_finish(&line);
}

bool log_repeat_due(struct log_repeat *r, uint64_t *out_held)
{
    const int64_t now = clock_now_ns();
    if (r->last_ns != 0 && now - r->last_ns < REPEAT_NS) {
        r->held++;
        return false;
    }
    *out_held = r->held;
    r->held = 0;
    r->last_ns = now;
    return true;
}

void log_repeat_reset(struct log_repeat *r)
{
    *r = (struct log_repeat){0};
}
