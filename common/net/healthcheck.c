/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One blocking exchange under one deadline: an alarm ends the process wherever it waits, be it for
 * a name, a connection or an answer. No loop, no second place that could forget the time.
 */
#include "common/net/healthcheck.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DEADLINE_S = 2, EXIT_WELL = 0, EXIT_UNWELL = 1 };

static char overdue[512]; /* the line for on_alarm, which may not format one */

static void on_alarm(int signal_number)
{
    (void)signal_number;
    const ssize_t written = write(STDERR_FILENO, overdue, strlen(overdue));
    (void)written;
    _exit(EXIT_UNWELL);
}

static struct addrinfo *resolve(const char *host, int port)
{
    struct addrinfo *found = NULL;
    char service[16];
    const struct addrinfo as_the_server = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    snprintf(service, sizeof service, "%d", port);
    return getaddrinfo(host[0] != 0 ? host : NULL, service, &as_the_server, &found) == 0 ? found
                                                                                         : NULL;
}

static void loopback_for_any(struct sockaddr *address)
{
    struct sockaddr_in *four = (struct sockaddr_in *)(void *)address;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)(void *)address;
    if (address->sa_family == AF_INET && four->sin_addr.s_addr == htonl(INADDR_ANY))
        four->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    else if (address->sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&six->sin6_addr))
        six->sin6_addr = in6addr_loopback;
}

/* The status line's start, or as much as came; -1 with errno. */
static ssize_t ask(int fd, char *answer, size_t size)
{
    static const char request[] = "GET /livez HTTP/1.1\r\nHost: localhost\r\n"
                                  "Connection: close\r\n\r\n";
    size_t have = 0;
    if (send(fd, request, sizeof request - 1, MSG_NOSIGNAL) != (ssize_t)sizeof request - 1)
        return -1;
    while (have < size) {
        const ssize_t n = recv(fd, answer + have, size - have, 0);
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        have += (size_t)n;
    }
    return (ssize_t)have;
}

static int judge(const char *name, const char *answer, ssize_t size)
{
    static const char well[] = "HTTP/1.1 200";
    if (size == (ssize_t)sizeof well - 1 && memcmp(answer, well, sizeof well - 1) == 0)
        return EXIT_WELL;
    if (size < 0)
        fprintf(stderr, "%s: no answer to /livez: %s\n", name, strerror(errno));
    else if (size < (ssize_t)sizeof well - 1)
        fprintf(stderr, "%s: the connection was closed without an answer to /livez\n", name);
    else
        fprintf(stderr, "%s: /livez is answered with something else than 200\n", name);
    return EXIT_UNWELL;
}

/* To the first of its addresses where somebody listens. -1: errno is that of the last. */
static int connect_to(const struct addrinfo *address)
{
    int fd = -1;
    for (; address != NULL && fd < 0; address = address->ai_next) {
        loopback_for_any(address->ai_addr);
        fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || connect(fd, address->ai_addr, address->ai_addrlen) == 0)
            continue;
        const int error = errno;
        close(fd);
        errno = error;
        fd = -1;
    }
    return fd;
}

int healthcheck(const char *name, const char *host, int port)
{
    char answer[sizeof "HTTP/1.1 200" - 1];
    if (port == 0) {
        fprintf(stderr, "%s: there is no fixed port to ask; see --check\n", name);
        return EXIT_UNWELL;
    }
    snprintf(overdue, sizeof overdue, "%s: no answer from %s port %d within %d s\n", name, host,
             port, DEADLINE_S);
    signal(SIGALRM, on_alarm);
    alarm(DEADLINE_S);
    struct addrinfo *address = resolve(host, port);
    if (address == NULL) {
        fprintf(stderr, "%s: %s is no address\n", name, host);
        return EXIT_UNWELL;
    }
    const int fd = connect_to(address);
    if (fd < 0)
        fprintf(stderr, "%s: cannot connect to %s port %d: %s\n", name, host, port,
                strerror(errno));
    const int code = fd >= 0 ? judge(name, answer, ask(fd, answer, sizeof answer)) : EXIT_UNWELL;
    if (fd >= 0)
        close(fd);
    freeaddrinfo(address);
    alarm(0);
    return code;
}
