/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/coding.h"

#include <assert.h>

#include <zlib.h>
#include <zstd.h>

enum {
    STEP_BYTES = 64 * 1024,       /* of output at a time */
    RATIO_FREE_BYTES = 64 * 1024, /* as much may come out of anything */
    RATIO_MAX = 200,
    ZSTD_WINDOW_LOG_MAX = 23,
    GZIP_ONLY = 16, /* added to the window bits: neither zlib's own head nor none */
};

bool coding_find(struct slice content_encoding, enum coding *out_coding)
{
    static const struct {
        const char *name;
        enum coding coding;
    } codings[] = {
        {"", CODING_NONE},       {"identity", CODING_NONE}, {"gzip", CODING_GZIP},
        {"x-gzip", CODING_GZIP}, {"zstd", CODING_ZSTD},
    };
    const struct slice name = slice_trim(content_encoding);
    for (size_t i = 0; i < sizeof codings / sizeof codings[0]; i++) {
        if (!slice_equals_nocase(name, slice_of(codings[i].name)))
            continue;
        *out_coding = codings[i].coding;
        return true;
    }
    return false;
}

/* What may come out of so many bytes. */
static size_t cap_of(size_t body_bytes, size_t bytes_max)
{
    if (body_bytes > bytes_max / RATIO_MAX)
        return bytes_max;
    const size_t cap = body_bytes * RATIO_MAX;
    if (cap >= RATIO_FREE_BYTES)
        return cap;
    return bytes_max < RATIO_FREE_BYTES ? bytes_max : RATIO_FREE_BYTES;
}

/* Room for the next step: one byte more than may come out, to see whether there is more. */
static size_t room_left(const struct buffer *out, size_t end)
{
    const size_t left = end - out->size + 1;
    return left < STEP_BYTES ? left : STEP_BYTES;
}

static enum coding_result inflate_all(z_stream *z, size_t end, struct buffer *out)
{
    int result = Z_OK;
    while (result != Z_STREAM_END || z->avail_in > 0) {
        const size_t room = room_left(out, end);
        z->next_out = (Bytef *)buffer_reserve(out, room);
        z->avail_out = (uInt)room;
        if (z->next_out == NULL)
            return CODING_NO_MEMORY;
        /* Members may follow one another: together they are the body. */
        if (result == Z_STREAM_END && inflateReset(z) != Z_OK)
            return CODING_BROKEN;
        result = inflate(z, Z_NO_FLUSH);
        out->size += room - z->avail_out;
        if (out->size > end)
            return CODING_TOO_LARGE;
        if (result == Z_MEM_ERROR)
            return CODING_NO_MEMORY;
        if (result != Z_OK && result != Z_STREAM_END)
            return CODING_BROKEN;
    }
    return CODING_DECODED;
}

static enum coding_result decode_gzip(struct slice body, size_t end, struct buffer *out)
{
    z_stream z = {.next_in = (z_const Bytef *)body.data, .avail_in = (uInt)body.size};
    if (body.size > UINT32_MAX)
        return CODING_TOO_LARGE;
    if (inflateInit2(&z, MAX_WBITS + GZIP_ONLY) != Z_OK)
        return CODING_NO_MEMORY;
    const enum coding_result result = inflate_all(&z, end, out);
    inflateEnd(&z);
    return result;
}

static enum coding_result decompress_all(ZSTD_DCtx *z, struct slice body, size_t end,
                                         struct buffer *out)
{
    ZSTD_inBuffer in = {body.data, body.size, 0};
    size_t hint = 1; /* 0 at the end of a frame; frames may follow one another */
    bool full = false;
    while (in.pos < in.size || full) {
        const size_t room = room_left(out, end);
        char *to = buffer_reserve(out, room);
        if (to == NULL)
            return CODING_NO_MEMORY;
        ZSTD_outBuffer step = {to, room, 0};
        hint = ZSTD_decompressStream(z, &step, &in);
        if (ZSTD_isError(hint))
            return CODING_BROKEN;
        out->size += step.pos;
        if (out->size > end)
            return CODING_TOO_LARGE;
        full = step.pos == room && hint != 0;
    }
    return hint == 0 ? CODING_DECODED : CODING_BROKEN;
}

static enum coding_result decode_zstd(struct slice body, size_t end, struct buffer *out)
{
    ZSTD_DCtx *z = ZSTD_createDCtx();
    if (z == NULL)
        return CODING_NO_MEMORY;
    const size_t set = ZSTD_DCtx_setParameter(z, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG_MAX);
    assert(!ZSTD_isError(set));
    const enum coding_result result = decompress_all(z, body, end, out);
    ZSTD_freeDCtx(z);
    return result;
}

enum coding_result coding_decode(enum coding coding, struct slice body, size_t bytes_max,
                                 struct buffer *out)
{
    const size_t end = out->size + cap_of(body.size, bytes_max);
    switch (coding) {
    case CODING_GZIP:
        return decode_gzip(body, end, out);
    case CODING_ZSTD:
        return decode_zstd(body, end, out);
    case CODING_NONE:
        break;
    }
    buffer_add_slice(out, body);
    return out->failed ? CODING_NO_MEMORY : CODING_DECODED;
}
