/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/http_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/unit.h"

enum { WAIT_MS = 5000 };

int client_open(int port)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

void client_say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Until the server closes, `enough` stands in it, or nothing comes any more. */
size_t client_hear(int fd, char *out, size_t size, const char *enough)
{
    size_t used = 0;
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    out[0] = 0;
    while (used + 1 < size && poll(&ready, 1, WAIT_MS) == 1) {
        const ssize_t n = recv(fd, out + used, size - used - 1, 0);
        if (n <= 0)
            return used;
        used += (size_t)n;
        out[used] = 0;
        if (enough != NULL && strstr(out, enough) != NULL)
            return used;
    }
    assert_true(used + 1 >= size); /* nothing came in time */
    return used;
}

/* What the server says to `text` until it closes. */
const char *client_ask(int port, const char *text)
{
    static char answer[65536];
    const int fd = client_open(port);
    client_say(fd, text);
    client_hear(fd, answer, sizeof answer, NULL);
    close(fd);
    return answer;
}
