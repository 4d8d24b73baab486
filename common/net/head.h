/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The head of an HTTP/1 request, read strictly and without I/O: head_scan finds its end in bytes
 * as they come, head_parse judges the whole of it. What two parsers could understand differently
 * is refused, not repaired.
 */
#ifndef HOLDFAST_NET_HEAD_H
#define HOLDFAST_NET_HEAD_H

#include "common/core/slice.h"

enum {
    HEAD_SIZE_MAX = 16384,
    HEAD_METHOD_MAX = 32,
    HEAD_TARGET_MAX = 8000,
    HEAD_FIELDS_MAX = 64,
};

enum head_progress {
    HEAD_MORE,  /* all was taken, the end has not come */
    HEAD_ENDED, /* the empty line was taken */
    HEAD_BARE_LF,
    HEAD_TOO_LARGE,
};

struct head_scanner { /* all zero at the start of a head */
    size_t size;      /* bytes taken */
    size_t line_size; /* of them in the present line */
    bool in_head;     /* a line that is not empty has begun */
    char last;        /* last byte taken */
};

/* Takes bytes up to the end of the head; *out_used is how many, also when it fails. */
enum head_progress head_scan(struct head_scanner *s, struct slice bytes, size_t *out_used);

struct head { /* slices lie in the text that was parsed */
    struct slice method, path, query;
    struct slice fields; /* the header lines, for head_next */
    uint64_t content_length;
    bool has_length;
    bool chunked; /* the body comes in chunks, its length is not known */
    bool keep_alive;
    bool old; /* HTTP/1.0 */
    bool expects_continue;
};

struct head_fault {
    int status;
    const char *slug, *detail;
};

MUST_CHECK bool head_parse(struct slice text, struct head *out, struct head_fault *out_fault);

/* Walks the fields of a parsed head; false at the end. */
bool head_next(struct slice *fields, struct slice *out_name, struct slice *out_value);

#endif
