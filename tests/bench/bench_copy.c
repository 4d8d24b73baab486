/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bare storing limit: rows that lie ready as a binary COPY stream in a file go into a table, by
 * one or more connections at once, each in one transaction or in several of so many rows. Prints as
 * JSON the rows and the seconds from the first COPY to the last COMMIT; connecting is not counted.
 * The server is named by libpq's own PG* variables.
 *
 *     bench_copy FILE STATEMENT CONNECTIONS [ROWS A TRANSACTION, 0 = all]
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/core/clock.h"

#define HEADER_SIZE 19
#define PIECE_SIZE  65536

struct rows {
    const char *at; /* the first tuple; the stream is mapped */
    size_t size;
    long count;
};

static _Noreturn void fail(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

static size_t number_at(const char *p)
{
    uint32_t n;
    memcpy(&n, p, sizeof n);
    return ntohl(n);
}

static unsigned fields_at(const char *p)
{
    uint16_t n;
    memcpy(&n, p, sizeof n);
    return ntohs(n);
}

/* Bytes of the tuple that starts at p; 0 at the trailer. */
static size_t tuple_size(const char *p)
{
    const unsigned fields = fields_at(p);
    if (fields == UINT16_MAX)
        return 0;
    size_t size = 2;
    for (unsigned i = 0; i < fields; i++) {
        const size_t length = number_at(p + size);
        size += 4 + (length == UINT32_MAX ? 0 : length);
    }
    return size;
}

static struct rows map_rows(const char *path)
{
    struct stat info;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info) != 0)
        fail(path, strerror(errno));
    const char *data =
        mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    if (data == MAP_FAILED)
        fail(path, strerror(errno));
    close(fd);
    struct rows rows = {.at = data + HEADER_SIZE};
    for (size_t size; (size = tuple_size(rows.at + rows.size)) != 0; rows.count++)
        rows.size += size;
    return rows;
}

/* The first n of the rows; they are taken off. */
static struct rows take_rows(struct rows *rows, long n)
{
    struct rows taken = {.at = rows->at};
    while (taken.count < n && taken.count < rows->count) {
        taken.size += tuple_size(taken.at + taken.size);
        taken.count++;
    }
    rows->at += taken.size;
    rows->size -= taken.size;
    rows->count -= taken.count;
    return taken;
}

static PGconn *connect_server(void)
{
    PGconn *pg = PQconnectdb("");
    if (PQstatus(pg) != CONNECTION_OK)
        fail("connect", PQerrorMessage(pg));
    return pg;
}

static void put(PGconn *pg, const char *data, size_t size)
{
    while (size > 0) {
        const size_t piece = size < PIECE_SIZE ? size : PIECE_SIZE;
        if (PQputCopyData(pg, data, (int)piece) != 1)
            fail("COPY", PQerrorMessage(pg));
        data += piece;
        size -= piece;
    }
}

/* One COPY is one transaction. */
static void copy_rows(PGconn *pg, const char *statement, struct rows rows)
{
    static const char header[HEADER_SIZE] = "PGCOPY\n\377\r\n", trailer[] = {'\377', '\377'};
    PGresult *result = PQexec(pg, statement);
    if (PQresultStatus(result) != PGRES_COPY_IN)
        fail("COPY", PQerrorMessage(pg));
    PQclear(result);
    put(pg, header, sizeof header);
    put(pg, rows.at, rows.size);
    put(pg, trailer, sizeof trailer);
    if (PQputCopyEnd(pg, NULL) != 1)
        fail("COPY", PQerrorMessage(pg));
    while ((result = PQgetResult(pg)) != NULL) {
        if (PQresultStatus(result) != PGRES_COMMAND_OK)
            fail("COPY", PQerrorMessage(pg));
        PQclear(result);
    }
}

/* A child: says that it is connected, waits to be let go, copies its share. */
static _Noreturn void copy_share(struct rows share, const char *statement, long rows_at_once,
                                 const int *talk)
{
    char go;
    PGconn *pg = connect_server();
    if (write(talk[1], "r", 1) != 1 || read(talk[1], &go, 1) != 1)
        fail("parent", "gone");
    while (share.count > 0)
        copy_rows(pg, statement, take_rows(&share, rows_at_once > 0 ? rows_at_once : share.count));
    PQfinish(pg);
    _exit(0);
}

int main(int argc, char **argv)
{
    if (argc < 4)
        fail("usage", "bench_copy FILE STATEMENT CONNECTIONS [ROWS A TRANSACTION]");
    const long connections = strtol(argv[3], NULL, 10);
    const long rows_at_once = argc > 4 ? strtol(argv[4], NULL, 10) : 0;
    struct rows rows = map_rows(argv[1]);
    const long total = rows.count;
    int talk[2]; /* the children's end is the second, shared by all */
    char ready;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, talk) != 0)
        fail("socketpair", strerror(errno));
    for (long i = 0; i < connections; i++) {
        const struct rows share = take_rows(&rows, (total + connections - 1) / connections);
        const pid_t pid = fork();
        if (pid < 0)
            fail("fork", strerror(errno));
        if (pid == 0)
            copy_share(share, argv[2], rows_at_once, talk);
    }
    close(talk[1]);
    for (long i = 0; i < connections; i++)
        if (read(talk[0], &ready, 1) != 1)
            fail("child", "gone");
    const int64_t begin = clock_now_ns();
    for (long i = 0; i < connections; i++)
        if (write(talk[0], "g", 1) != 1)
            fail("child", "gone");
    for (int status; wait(&status) > 0;)
        if (status != 0)
            fail("a connection", "failed");
    printf("{\"rows\": %ld, \"seconds\": %.6f}\n", total, (double)(clock_now_ns() - begin) / 1e9);
    return 0;
}
