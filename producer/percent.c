/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/percent.h"

#include "common/json/json_text.h"

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static char next_byte(struct slice *rest)
{
    const char *p = rest->data;
    size_t used = 1;
    char byte = p[0];
    if (byte == '%' && rest->size >= 3 && digit_of(p[1]) >= 0 && digit_of(p[2]) >= 0) {
        byte = (char)(digit_of(p[1]) << 4 | digit_of(p[2]));
        used = 3;
    }
    rest->data += used;
    rest->size -= used;
    return byte;
}

bool percent_decode(struct slice text, struct buffer *out)
{
    struct buffer bytes = {0};
    while (text.size > 0)
        buffer_add_byte(&bytes, (uint8_t)next_byte(&text));
    const struct slice decoded = bytes.size > 0 ? buffer_slice(&bytes) : SLICE("");
    const bool good = json_is_utf8(decoded);
    if (good)
        buffer_add_json_string(out, decoded);
    out->failed = out->failed || bytes.failed;
    buffer_finish(&bytes);
    return good;
}
