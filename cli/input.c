/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/input.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_SIZE ((size_t)1 << 18)

void input_init(struct input *in, int fd)
{
    struct stat about;
    *in = (struct input){.fd = fd};
    if (fstat(fd, &about) == 0 && S_ISREG(about.st_mode) && about.st_size > 0)
        in->size = (uint64_t)about.st_size;
}

void input_finish(struct input *in)
{
    buffer_finish(&in->pending);
}

static void forget_taken(struct input *in)
{
    if (in->start == 0)
        return;
    const size_t left = in->pending.size - in->start;
    memmove(in->pending.data, in->pending.data + in->start, left);
    buffer_truncate(&in->pending, left);
    in->searched -= in->start;
    in->start = 0;
}

bool input_fill(struct input *in)
{
    if (in->ended)
        return true;
    forget_taken(in);
    char *room = buffer_reserve(&in->pending, READ_SIZE);
    if (!room) {
        errno = ENOMEM;
        return false;
    }
    ssize_t n;
    do
        n = read(in->fd, room, READ_SIZE);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK;
    in->pending.size += (size_t)n;
    in->ended = n == 0;
    return true;
}

/* The next piece up to a newline or, at the end, up to there. */
static enum input_kind take(struct input *in, struct slice *out_line)
{
    const size_t size = in->pending.size;
    const char *data = in->pending.data;
    const char *newline =
        size > in->searched ? memchr(data + in->searched, '\n', size - in->searched) : NULL;
    in->searched = newline ? (size_t)(newline - data) + 1 : size;
    if (!newline && !in->ended) {
        if (size - in->start <= INPUT_LINE_MAX)
            return INPUT_WAIT;
        in->dropping = true;
        in->taken += size - in->start;
        in->start = size;
        return INPUT_WAIT;
    }
    if (in->start == size && !in->dropping)
        return INPUT_END;
    const size_t end = newline ? (size_t)(newline - data) : size;
    *out_line = (struct slice){data + in->start, end - in->start};
    in->taken += in->searched - in->start;
    in->start = in->searched;
    in->line_number++;
    const bool too_long = in->dropping || out_line->size > INPUT_LINE_MAX;
    in->dropping = false;
    return too_long ? INPUT_TOO_LONG : INPUT_LINE;
}

enum input_kind input_next(struct input *in, struct slice *out_line)
{
    for (;;) {
        struct slice line;
        const enum input_kind kind = take(in, &line);
        if (kind != INPUT_LINE)
            return kind;
        if (in->line_number == 1 && line.size >= 3 && memcmp(line.data, "\xef\xbb\xbf", 3) == 0)
            line = (struct slice){line.data + 3, line.size - 3};
        line = slice_trim(line);
        if (line.size == 0)
            continue;
        *out_line = line;
        return kind;
    }
}
