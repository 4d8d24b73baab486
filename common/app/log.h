/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our own log: one line per change of state on stderr, text on a terminal, JSON (ECS field order)
 * otherwise. A line is an action (a stable word like `link_open`), a sentence for people, and
 * fields. Never bodies, never secrets.
 *
 *     log_warning("link_lost", "broker connection lost, trying again",
 *                 LOG_TEXT("host", host), LOG_INT("retry_ms", ms));
 */
#ifndef HOLDFAST_APP_LOG_H
#define HOLDFAST_APP_LOG_H

#include "common/core/buffer.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR };
enum log_format { LOG_FORMAT_AUTO, LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

struct log_field {
    const char *name; /* NULL: skip */
    const char *text; /* NULL: the number counts */
    int64_t number;
};

#define LOG_TEXT(n, t) ((struct log_field){.name = (n), .text = (t)})
#define LOG_INT(n, v)  ((struct log_field){.name = (n), .number = (int64_t)(v)})

/* `service` is lent for the life of the process, e.g. "holdfast-producer". */
void log_open(const char *service, enum log_level level, enum log_format format);
bool log_is_on(enum log_level level);

void log_add_text(struct buffer *out, const char *text); /* quoted, control characters escaped */
void log_write(enum log_level level, const char *action, const char *message,
               const struct log_field *fields, size_t count);

#define LOG_FIELDS(...)                                                                            \
    (const struct log_field[]){__VA_ARGS__},                                                       \
        sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field)
/* The empty field at the end lets a line have none: no argument at all is no C11. */
#define LOG_LINE(level, ...) LOG_ENDED(level, __VA_ARGS__, ((struct log_field){0}))
#define LOG_ENDED(level, action, message, ...)                                                     \
    log_write(level, action, message, LOG_FIELDS(__VA_ARGS__))
#define log_debug(...)   LOG_LINE(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define log_info(...)    LOG_LINE(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_warning(...) LOG_LINE(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_error(...)   LOG_LINE(LOG_LEVEL_ERROR, __VA_ARGS__)

/*
 * A fault that may repeat quickly: the first is logged, then one line every 30 s with the number
 * held back. log_repeat_due returns true when a line is due and, in out_held, how many were not
 * written since the last one.
 */
struct log_repeat {
    int64_t last_ns;
    uint64_t held;
};
bool log_repeat_due(struct log_repeat *r, uint64_t *out_held);
void log_repeat_reset(struct log_repeat *r); /* after recovery: the next one is a first again */

#endif
