/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The properties of the basic class:
 *
 *     flags u16 | for each flag set, from the highest: the field
 *
 * librabbitmq's decoder was rejected for these: any publisher chooses the headers table, nested
 * tables take one call frame a level there, and a kind of field it does not know is a fault of the
 * connection - one odd message would then be redelivered for ever. Here the table is walked flat,
 * by the lengths in it, and given up at the first thing not known.
 */
#include "common/amqp/properties.h"

#include "common/amqp/codec.h"
#include "common/amqp/message.h"

struct reader {
    const uint8_t *at, *end;
    bool failed;
};

static const uint8_t *take(struct reader *r, size_t size)
{
    if (r->failed || (size_t)(r->end - r->at) < size) {
        r->failed = true;
        return NULL;
    }
    r->at += size;
    return r->at - size;
}

/* A number of up to 8 bytes, sign-extended; 0 after a failure. */
static int64_t take_number(struct reader *r, size_t size)
{
    const uint8_t *p = take(r, size);
    if (p == NULL)
        return 0;
    uint64_t value = (p[0] & 0x80) != 0 && size < 8 ? UINT64_MAX : 0;
    for (size_t i = 0; i < size; i++)
        value = value << 8 | p[i];
    return (int64_t)value;
}

static struct slice take_text(struct reader *r, size_t length_size)
{
    const uint64_t mask = length_size == 1 ? UINT8_MAX : UINT32_MAX;
    const size_t size = (size_t)((uint64_t)take_number(r, length_size) & mask);
    const uint8_t *p = take(r, size);
    return (struct slice){(const char *)p, p != NULL ? size : 0};
}

/* Passes over the value of a header; *out is set when it is a whole number. */
static void take_value(struct reader *r, uint8_t kind, int64_t *out)
{
    switch (kind) {
    case AMQP_FIELD_KIND_I8:
    case AMQP_FIELD_KIND_U8:
        *out = take_number(r, 1);
        break;
    case AMQP_FIELD_KIND_I16:
    case AMQP_FIELD_KIND_U16:
        *out = take_number(r, 2);
        break;
    case AMQP_FIELD_KIND_I32:
    case AMQP_FIELD_KIND_U32:
        *out = take_number(r, 4);
        break;
    case AMQP_FIELD_KIND_I64:
    case AMQP_FIELD_KIND_U64:
        *out = take_number(r, 8);
        break;
    case AMQP_FIELD_KIND_VOID:
        break;
    case AMQP_FIELD_KIND_BOOLEAN:
        take(r, 1);
        break;
    case AMQP_FIELD_KIND_F32:
        take(r, 4);
        break;
    case AMQP_FIELD_KIND_DECIMAL:
        take(r, 5);
        break;
    case AMQP_FIELD_KIND_F64:
    case AMQP_FIELD_KIND_TIMESTAMP:
        take(r, 8);
        break;
    case AMQP_FIELD_KIND_UTF8:
    case AMQP_FIELD_KIND_BYTES:
    case AMQP_FIELD_KIND_ARRAY:
    case AMQP_FIELD_KIND_TABLE:
        take_text(r, 4);
        break;
    default:
        r->failed = true;
        break;
    }
}

static int64_t find_version(struct slice table)
{
    struct reader r = {.at = (const uint8_t *)table.data};
    r.end = r.at + table.size;
    while (r.at < r.end) {
        const struct slice key = take_text(&r, 1);
        const uint8_t *kind = take(&r, 1);
        int64_t value = 0;
        if (kind == NULL)
            return 0;
        take_value(&r, *kind, &value);
        if (r.failed)
            return 0;
        if (slice_equals(key, SLICE(MESSAGE_VERSION_HEADER)))
            return value;
    }
    return 0;
}

static struct slice take_if(struct reader *r, uint16_t flags, uint32_t flag)
{
    return (flags & flag) != 0 ? take_text(r, 1) : (struct slice){0};
}

bool properties_read(struct slice encoded, struct properties *out)
{
    struct reader r = {.at = (const uint8_t *)encoded.data};
    struct properties p = {0};
    r.end = r.at + encoded.size;
    const uint16_t flags = (uint16_t)take_number(&r, 2);
    p.content_type = take_if(&r, flags, AMQP_BASIC_CONTENT_TYPE_FLAG);
    take_if(&r, flags, AMQP_BASIC_CONTENT_ENCODING_FLAG);
    if ((flags & AMQP_BASIC_HEADERS_FLAG) != 0) {
        const struct slice table = take_text(&r, 4);
        p.version = r.failed ? 0 : find_version(table);
    }
    take(&r, (flags & AMQP_BASIC_DELIVERY_MODE_FLAG) != 0);
    take(&r, (flags & AMQP_BASIC_PRIORITY_FLAG) != 0);
    p.correlation_id = take_if(&r, flags, AMQP_BASIC_CORRELATION_ID_FLAG);
    p.reply_to = take_if(&r, flags, AMQP_BASIC_REPLY_TO_FLAG);
    take_if(&r, flags, AMQP_BASIC_EXPIRATION_FLAG);
    p.message_id = take_if(&r, flags, AMQP_BASIC_MESSAGE_ID_FLAG);
    take(&r, (flags & AMQP_BASIC_TIMESTAMP_FLAG) != 0 ? 8 : 0);
    p.type = take_if(&r, flags, AMQP_BASIC_TYPE_FLAG);
    if (r.failed)
        return false;
    *out = p;
    return true;
}
