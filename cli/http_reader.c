/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/http_reader.h"

#include <string.h>

void http_reader_reset(struct http_reader *r)
{
    const struct buffer body = r->body, input = r->input;
    *r = (struct http_reader){.body = body, .input = input, .retry_after_s = -1};
    buffer_clear(&r->body);
    buffer_clear(&r->input);
}

void http_reader_finish(struct http_reader *r)
{
    buffer_finish(&r->body);
    buffer_finish(&r->input);
}

static struct slice unread(const struct http_reader *r)
{
    return (struct slice){r->input.data + r->start, r->input.size - r->start};
}

/* The next whole line without its end; false while it is not there yet. */
static bool take_line(struct http_reader *r, struct slice *out)
{
    const struct slice rest = unread(r);
    const char *newline = rest.size ? memchr(rest.data, '\n', rest.size) : NULL;
    if (!newline) {
        if (rest.size > HTTP_HEAD_MAX)
            r->phase = HTTP_BROKEN;
        return false;
    }
    *out = (struct slice){rest.data, (size_t)(newline - rest.data)};
    r->start += out->size + 1;
    r->head_size += out->size + 1;
    if (out->size > 0 && out->data[out->size - 1] == '\r')
        out->size--;
    if (r->head_size > HTTP_HEAD_MAX)
        r->phase = HTTP_BROKEN;
    return r->phase != HTTP_BROKEN;
}

static bool read_status_line(struct http_reader *r, struct slice line)
{
    uint64_t status;
    if (line.size < 12 || memcmp(line.data, "HTTP/1.", 7) != 0 || line.data[8] != ' ' ||
        !slice_to_u64((struct slice){line.data + 9, 3}, 999, &status))
        return false;
    r->status = (int)status;
    r->keep_alive = line.data[7] == '1';
    r->retry_after_s = -1;
    r->left = SIZE_MAX;
    return status >= 100;
}

static bool has_word(struct slice list, struct slice word)
{
    while (list.size > 0) {
        const char *comma = memchr(list.data, ',', list.size);
        const size_t size = comma ? (size_t)(comma - list.data) : list.size;
        if (slice_equals_nocase(slice_trim((struct slice){list.data, size}), word))
            return true;
        list.data += comma ? size + 1 : size;
        list.size -= comma ? size + 1 : size;
    }
    return false;
}

static bool read_field(struct http_reader *r, struct slice name, struct slice value)
{
    uint64_t number;
    if (slice_equals_nocase(name, SLICE("connection")) && has_word(value, SLICE("close"))) {
        r->keep_alive = false;
    } else if (slice_equals_nocase(name, SLICE("retry-after"))) {
        if (slice_to_u64(value, 86400, &number))
            r->retry_after_s = (int)number;
    } else if (slice_equals_nocase(name, SLICE("transfer-encoding"))) {
        r->chunked = has_word(value, SLICE("chunked"));
        return r->chunked;
    } else if (slice_equals_nocase(name, SLICE("content-length"))) {
        if (!slice_to_u64(value, HTTP_BODY_MAX, &number))
            return false;
        r->left = (size_t)number;
    }
    return true;
}

static bool read_field_line(struct http_reader *r, struct slice line)
{
    const char *colon = memchr(line.data, ':', line.size);
    if (!colon)
        return false;
    const struct slice name = {line.data, (size_t)(colon - line.data)};
    const struct slice value = {colon + 1, line.size - name.size - 1};
    return read_field(r, name, slice_trim(value));
}

/* Where the body's end is told, once the blank line has come. */
static enum http_phase phase_of_body(struct http_reader *r)
{
    if (r->status < 200) {
        r->status = 0;
        return HTTP_READING_HEAD;
    }
    if (r->status == 204 || r->status == 304)
        return HTTP_COMPLETE;
    if (r->chunked)
        return HTTP_READING_CHUNK;
    if (r->left != SIZE_MAX)
        return r->left == 0 ? HTTP_COMPLETE : HTTP_READING_LENGTH;
    r->keep_alive = false;
    return HTTP_READING_TO_END;
}

/* Each reading function takes one piece and says whether another may follow at once. */
static bool read_head(struct http_reader *r)
{
    struct slice line;
    if (!take_line(r, &line))
        return false;
    bool ok = true;
    if (r->status == 0)
        ok = read_status_line(r, line);
    else if (line.size > 0)
        ok = read_field_line(r, line);
    else
        r->phase = phase_of_body(r);
    if (!ok)
        r->phase = HTTP_BROKEN;
    return ok;
}

static bool read_chunk_line(struct http_reader *r)
{
    struct slice line;
    size_t size = 0, digits = 0;
    if (!take_line(r, &line))
        return false;
    r->head_size = 0;
    for (; digits < line.size && digits < 8; digits++) {
        const char *hex = "0123456789abcdef", *at = strchr(hex, line.data[digits] | 0x20);
        if (line.data[digits] == ';' || line.data[digits] == ' ' || !at || *at == '\0')
            break;
        size = size * 16 + (size_t)(at - hex);
    }
    r->left = size;
    r->phase = size > 0 ? HTTP_READING_DATA : HTTP_READING_TRAILER;
    if (digits == 0 || size > HTTP_BODY_MAX - r->body.size)
        r->phase = HTTP_BROKEN;
    return r->phase != HTTP_BROKEN;
}

/* Up to r->left bytes go over into the body. */
static bool read_bytes(struct http_reader *r)
{
    const struct slice rest = unread(r);
    const size_t size = rest.size < r->left ? rest.size : r->left;
    if (size > HTTP_BODY_MAX - r->body.size) {
        r->phase = HTTP_BROKEN;
        return false;
    }
    buffer_add(&r->body, rest.data, size);
    r->start += size;
    r->left -= size;
    return size > 0;
}

static bool read_length(struct http_reader *r)
{
    const bool moved = read_bytes(r);
    if (r->left == 0)
        r->phase = HTTP_COMPLETE;
    return moved;
}

static bool read_data(struct http_reader *r)
{
    struct slice line;
    if (r->left > 0)
        return read_bytes(r);
    if (!take_line(r, &line))
        return false;
    r->phase = line.size == 0 ? HTTP_READING_CHUNK : HTTP_BROKEN;
    return true;
}

static bool read_trailer(struct http_reader *r)
{
    struct slice line;
    if (!take_line(r, &line))
        return false;
    if (line.size == 0)
        r->phase = HTTP_COMPLETE;
    return true;
}

static bool read_nothing(struct http_reader *r)
{
    (void)r;
    return false;
}

static bool (*const read_phase[])(struct http_reader *r) = {
    [HTTP_READING_HEAD] = read_head,        [HTTP_READING_LENGTH] = read_length,
    [HTTP_READING_CHUNK] = read_chunk_line, [HTTP_READING_DATA] = read_data,
    [HTTP_READING_TRAILER] = read_trailer,  [HTTP_READING_TO_END] = read_bytes,
    [HTTP_COMPLETE] = read_nothing,         [HTTP_BROKEN] = read_nothing,
};

enum http_phase http_reader_feed(struct http_reader *r, const void *data, size_t size)
{
    if (r->start > 0) {
        memmove(r->input.data, r->input.data + r->start, r->input.size - r->start);
        buffer_truncate(&r->input, r->input.size - r->start);
        r->start = 0;
    }
    buffer_add(&r->input, data, size);
    while (read_phase[r->phase](r))
        ;
    if (r->input.failed || r->body.failed)
        r->phase = HTTP_BROKEN;
    return r->phase;
}

enum http_phase http_reader_end(struct http_reader *r)
{
    if (r->phase != HTTP_COMPLETE)
        r->phase = r->phase == HTTP_READING_TO_END ? HTTP_COMPLETE : HTTP_BROKEN;
    return r->phase;
}
