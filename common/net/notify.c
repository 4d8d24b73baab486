/* SPDX-License-Identifier: Apache-2.0 */
#include "common/net/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/app/log.h"
#include "common/core/clock.h"

enum { STATUS_SIZE_MAX = 256 };

/* A path, or after '@' a name of the abstract space, which starts with a zero byte. */
static bool address_of(const char *text, struct sockaddr_un *out, socklen_t *out_size)
{
    const size_t size = strlen(text);
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    if ((text[0] != '/' && text[0] != '@') || size < 2 || size >= sizeof out->sun_path)
        return false;
    memcpy(out->sun_path, text, size);
    if (text[0] == '@')
        out->sun_path[0] = 0;
    *out_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size + (text[0] == '/'));
    return true;
}

static int connect_to(const char *text)
{
    struct sockaddr_un address;
    socklen_t size = 0;
    errno = EINVAL;
    if (!address_of(text, &address, &size))
        return -1;
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, size) == 0)
        return fd;
    const int error = errno;
    if (fd >= 0)
        close(fd);
    errno = error;
    return -1;
}

/* The interval is for the process that WATCHDOG_PID names. */
static int64_t watchdog_interval(void)
{
    const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    uint64_t us = 0, id = 0;
    if (usec == NULL || !slice_to_u64(slice_of(usec), INT64_MAX / 1000, &us))
        return 0;
    if (pid != NULL && (!slice_to_u64(slice_of(pid), INT32_MAX, &id) || (pid_t)id != getpid()))
        return 0;
    return (int64_t)us * 1000;
}

void notify_init(struct notify *n)
{
    const char *path = getenv("NOTIFY_SOCKET");
    *n = (struct notify){.fd = -1};
    if (path == NULL || path[0] == 0)
        return;
    n->fd = connect_to(path);
    if (n->fd < 0)
        log_warning("notify_failed", "no connection to the service manager, it gets no status",
                    LOG_TEXT("socket", path), LOG_TEXT("reason", strerror(errno)));
    else
        n->watchdog_ns = watchdog_interval();
}

void notify_finish(struct notify *n)
{
    if (n->fd >= 0)
        close(n->fd);
    n->fd = -1;
}

bool notify_send(const struct notify *n, const char *text)
{
    if (n->fd < 0 || send(n->fd, text, strlen(text), MSG_NOSIGNAL) >= 0)
        return true;
    return errno != EAGAIN && errno != EINTR && errno != ENOBUFS;
}

bool notify_ready(const struct notify *n)
{
    return notify_send(n, "READY=1");
}

bool notify_alive(const struct notify *n)
{
    return notify_send(n, "WATCHDOG=1");
}

/* A line of its own in it would be a command to the manager. */
bool notify_status(const struct notify *n, const char *text)
{
    char line[STATUS_SIZE_MAX];
    snprintf(line, sizeof line, "STATUS=%s", text);
    for (char *p = line; *p != 0; p++) {
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            *p = ' ';
    }
    return notify_send(n, line);
}

void notify_reloading(const struct notify *n)
{
    char text[64];
    snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, clock_now_ns() / 1000);
    (void)notify_send(n, text);
}

void notify_stopping(const struct notify *n)
{
    (void)notify_send(n, "STOPPING=1\nSTATUS=stopping: finishing what is in flight");
}
