/* SPDX-License-Identifier: Apache-2.0 */
/* On which addresses a name makes a server listen. The resolver is ours: what /etc/hosts may say.
 */
#include "common/net/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/unit.h"

static int refusals; /* so many times a port is another program's */

int __real_bind(int fd, const struct sockaddr *address, socklen_t size);
int __wrap_bind(int fd, const struct sockaddr *address, socklen_t size);

int __wrap_bind(int fd, const struct sockaddr *address, socklen_t size)
{
    const struct sockaddr_in *four = (const struct sockaddr_in *)(const void *)address;
    if (four->sin_port == 0 || refusals == 0)
        return __real_bind(fd, address, size);
    refusals--;
    errno = EADDRINUSE;
    return -1;
}

static const char *const *hosts; /* the name's addresses, in order; ends with NULL */

static struct addrinfo *make(const char *text, const char *port, struct addrinfo *next)
{
    struct addrinfo *a = calloc(1, sizeof *a + sizeof(struct sockaddr_storage));
    struct sockaddr *address = (struct sockaddr *)(void *)(a + 1);
    struct sockaddr_in *four = (struct sockaddr_in *)(void *)address;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)(void *)address;
    const in_port_t number = htons((in_port_t)strtol(port, NULL, 10));
    *a = (struct addrinfo){.ai_family = AF_INET, .ai_addr = address, .ai_next = next};
    if (inet_pton(AF_INET, text, &four->sin_addr) == 1) {
        a->ai_addrlen = sizeof *four;
        four->sin_port = number;
    } else {
        assert_int_equal(inet_pton(AF_INET6, text, &six->sin6_addr), 1);
        a->ai_family = AF_INET6;
        a->ai_addrlen = sizeof *six;
        six->sin6_port = number;
    }
    address->sa_family = (sa_family_t)a->ai_family;
    return a;
}

int getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                struct addrinfo **out)
{
    size_t count = 0;
    (void)host;
    (void)hints;
    while (hosts[count] != NULL)
        count++;
    *out = NULL;
    while (count > 0)
        *out = make(hosts[--count], port, *out);
    return *out != NULL ? 0 : EAI_NONAME;
}

void freeaddrinfo(struct addrinfo *list)
{
    while (list != NULL) {
        struct addrinfo *next = list->ai_next;
        free(list);
        list = next;
    }
}

static bool bind_name(const char *const *addresses, int port, struct listener_sockets *out)
{
    hosts = addresses;
    return listener_bind(&(struct listener_address){.host = "name", .port = port}, out);
}

static bool is_at(int fd, const char *wanted, int port)
{
    struct sockaddr_storage address = {0};
    char text[INET6_ADDRSTRLEN];
    socklen_t size = sizeof address;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    const struct sockaddr_in *four = (struct sockaddr_in *)&address;
    const struct sockaddr_in6 *six = (struct sockaddr_in6 *)&address;
    const bool is_six = address.ss_family == AF_INET6;
    inet_ntop(address.ss_family, is_six ? (const void *)&six->sin6_addr : &four->sin_addr, text,
              sizeof text);
    return strcmp(text, wanted) == 0 && ntohs(is_six ? six->sin6_port : four->sin_port) == port;
}

static void need_ipv6(void)
{
    struct listener_sockets s;
    if (!bind_name((const char *const[]){"::1", NULL}, 0, &s))
        skip();
    listener_close(&s);
}

static void a_name_of_both_families_is_listened_on_in_both(void **state)
{
    struct listener_sockets s;
    (void)state;
    need_ipv6();
    assert_true(bind_name((const char *const[]){"::1", "127.0.0.1", NULL}, 0, &s));
    assert_int_equal(s.count, 2);
    assert_true(is_at(s.fd[0], "::1", s.port) && is_at(s.fd[1], "127.0.0.1", s.port));
    listener_close(&s);
    assert_true(bind_name((const char *const[]){"127.0.0.1", "::1", NULL}, 0, &s));
    assert_int_equal(s.count, 2);
    listener_close(&s);
}

static void every_address_of_both_families_shares_a_port(void **state)
{
    struct listener_sockets s;
    (void)state;
    need_ipv6();
    assert_true(bind_name((const char *const[]){"0.0.0.0", "::", NULL}, 0, &s));
    assert_int_equal(s.count, 2);
    listener_close(&s);
    assert_true(bind_name((const char *const[]){"::", "0.0.0.0", NULL}, 0, &s));
    assert_int_equal(s.count, 2);
    listener_close(&s);
}

static void an_address_told_twice_is_taken_once(void **state)
{
    struct listener_sockets s;
    (void)state;
    assert_true(bind_name(
        (const char *const[]){"127.0.0.1", "127.0.0.2", "127.0.0.1", "127.0.0.2", NULL}, 0, &s));
    assert_int_equal(s.count, 2);
    listener_close(&s);
}

static void an_address_that_is_not_here_is_passed_over(void **state)
{
    struct listener_sockets s;
    (void)state;
    assert_true(bind_name((const char *const[]){"192.0.2.1", "127.0.0.1", NULL}, 0, &s));
    assert_int_equal(s.count, 1);
    assert_true(is_at(s.fd[0], "127.0.0.1", s.port));
    listener_close(&s);
    assert_false(bind_name((const char *const[]){"192.0.2.1", NULL}, 0, &s));
    assert_int_equal(errno, EADDRNOTAVAIL);
    assert_false(bind_name((const char *const[]){NULL}, 0, &s));
    assert_int_equal(errno, EADDRNOTAVAIL);
}

static void a_port_taken_on_one_address_is_not_had(void **state)
{
    struct listener_sockets taken, s;
    (void)state;
    assert_true(bind_name((const char *const[]){"127.0.0.1", NULL}, 0, &taken));
    assert_int_equal(listen(taken.fd[0], 1), 0);
    assert_false(bind_name((const char *const[]){"127.0.0.2", "127.0.0.1", NULL}, taken.port, &s));
    assert_int_equal(errno, EADDRINUSE);
    assert_false(listener_is_free(&(struct listener_address){.host = "name", .port = taken.port}));
    listener_close(&taken);
}

static void a_chosen_port_that_is_taken_on_another_address_is_chosen_anew(void **state)
{
    static const char *const two[] = {"127.0.0.1", "127.0.0.2", NULL};
    struct listener_sockets s;
    (void)state;
    refusals = 3;
    assert_true(bind_name(two, 0, &s));
    assert_int_equal(s.count, 2);
    assert_true(is_at(s.fd[0], "127.0.0.1", s.port) && is_at(s.fd[1], "127.0.0.2", s.port));
    listener_close(&s);
    refusals = 100;
    assert_false(bind_name(two, 0, &s));
    assert_int_equal(errno, EADDRINUSE);
    refusals = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_of_both_families_is_listened_on_in_both),
        cmocka_unit_test(every_address_of_both_families_shares_a_port),
        cmocka_unit_test(an_address_told_twice_is_taken_once),
        cmocka_unit_test(an_address_that_is_not_here_is_passed_over),
        cmocka_unit_test(a_port_taken_on_one_address_is_not_had),
        cmocka_unit_test(a_chosen_port_that_is_taken_on_another_address_is_chosen_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
