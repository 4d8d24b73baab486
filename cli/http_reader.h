/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads an HTTP/1.1 answer: bytes in, status, body and what matters of the head out. Pure: no
 * sockets. An answer that breaks the framing rules is BROKEN and the connection not to be used on.
 */
#ifndef HOLDFAST_CLI_HTTP_READER_H
#define HOLDFAST_CLI_HTTP_READER_H

#include "common/base/buffer.h"

#define HTTP_HEAD_MAX ((size_t)65536)
#define HTTP_BODY_MAX ((size_t)64 << 20)

enum http_phase {
    HTTP_READING_HEAD,
    HTTP_READING_LENGTH,  /* a body of known length */
    HTTP_READING_CHUNK,   /* the line that tells a chunk's size */
    HTTP_READING_DATA,    /* the chunk */
    HTTP_READING_TRAILER, /* lines behind the last chunk */
    HTTP_READING_TO_END,  /* a body that ends with the connection */
    HTTP_COMPLETE,
    HTTP_BROKEN,
};

struct http_reader { /* all zero is a fresh one; read its fields when COMPLETE */
    enum http_phase phase;
    int status;
    bool keep_alive;
    bool chunked;
    int retry_after_s; /* -1 when not told in seconds */
    struct buffer body;
    struct buffer input; /* private from here on */
    size_t start;        /* of what is unread in input */
    size_t left;         /* bytes of the body or chunk still to come */
    size_t head_size;    /* bytes of head lines so far */
};

void http_reader_reset(struct http_reader *r); /* for the next answer */
void http_reader_finish(struct http_reader *r);

enum http_phase http_reader_feed(struct http_reader *r, const void *data, size_t size);
enum http_phase http_reader_end(struct http_reader *r); /* the connection ended */

#endif
