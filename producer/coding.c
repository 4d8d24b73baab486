/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/coding.h"

#include <assert.h>

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
static size_t room_left(const struct decoder *d)
{
    const size_t left = d->end - d->out->size + 1;
    return left < STEP_BYTES ? left : STEP_BYTES;
}

static enum coding_result step_gzip(struct decoder *d)
{
    z_stream *z = &d->gzip;
    if (d->gzip_result == Z_STREAM_END && z->avail_in == 0)
        return CODING_DECODED;
    const size_t room = room_left(d);
    z->next_out = (Bytef *)buffer_reserve(d->out, room);
    z->avail_out = (uInt)room;
    if (z->next_out == NULL)
        return CODING_NO_MEMORY;
    /* Members may follow one another: together they are the body. */
    if (d->gzip_result == Z_STREAM_END && inflateReset(z) != Z_OK)
        return CODING_BROKEN;
    d->gzip_result = inflate(z, Z_NO_FLUSH);
    d->out->size += room - z->avail_out;
    if (d->out->size > d->end)
        return CODING_TOO_LARGE;
    if (d->gzip_result == Z_MEM_ERROR)
        return CODING_NO_MEMORY;
    return d->gzip_result == Z_OK || d->gzip_result == Z_STREAM_END ? CODING_MORE : CODING_BROKEN;
}

static enum coding_result step_zstd(struct decoder *d)
{
    if (d->used == d->body.size && !d->full)
        return d->hint == 0 ? CODING_DECODED : CODING_BROKEN;
    const size_t room = room_left(d);
    char *to = buffer_reserve(d->out, room);
    if (to == NULL)
        return CODING_NO_MEMORY;
    ZSTD_inBuffer in = {d->body.data, d->body.size, d->used};
    ZSTD_outBuffer step = {to, room, 0};
    d->hint = ZSTD_decompressStream(d->zstd, &step, &in);
    if (ZSTD_isError(d->hint))
        return CODING_BROKEN;
    d->used = in.pos;
    d->out->size += step.pos;
    d->full = step.pos == room && d->hint != 0;
    return d->out->size > d->end ? CODING_TOO_LARGE : CODING_MORE;
}

static bool begin_gzip(struct decoder *d)
{
    d->gzip.next_in = (z_const Bytef *)d->body.data;
    d->gzip.avail_in = (uInt)d->body.size;
    return d->body.size <= UINT32_MAX && inflateInit2(&d->gzip, MAX_WBITS + GZIP_ONLY) == Z_OK;
}

static bool begin_zstd(struct decoder *d)
{
    d->zstd = ZSTD_createDCtx();
    if (d->zstd == NULL)
        return false;
    const size_t set = ZSTD_DCtx_setParameter(d->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG_MAX);
    assert(!ZSTD_isError(set));
    return true;
}

bool decoder_begin(struct decoder *d, enum coding coding, struct slice body, size_t bytes_max,
                   struct buffer *out)
{
    *d = (struct decoder){.coding = coding,
                          .body = body,
                          .out = out,
                          .end = out->size + cap_of(body.size, bytes_max),
                          .hint = 1};
    return coding == CODING_NONE || (coding == CODING_GZIP ? begin_gzip(d) : begin_zstd(d));
}

enum coding_result decoder_step(struct decoder *d)
{
    switch (d->coding) {
    case CODING_GZIP:
        return step_gzip(d);
    case CODING_ZSTD:
        return step_zstd(d);
    case CODING_NONE:
        break;
    }
    buffer_add_slice(d->out, d->body);
    return d->out->failed ? CODING_NO_MEMORY : CODING_DECODED;
}

void decoder_finish(struct decoder *d)
{
    if (d->coding == CODING_GZIP)
        inflateEnd(&d->gzip);
    ZSTD_freeDCtx(d->zstd);
    *d = (struct decoder){0};
}

enum coding_result coding_decode(enum coding coding, struct slice body, size_t bytes_max,
                                 struct buffer *out)
{
    struct decoder d;
    enum coding_result result = CODING_NO_MEMORY;
    if (decoder_begin(&d, coding, body, bytes_max, out)) {
        do
            result = decoder_step(&d);
        while (result == CODING_MORE);
    }
    decoder_finish(&d);
    return result;
}
