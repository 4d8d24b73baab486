/* SPDX-License-Identifier: Apache-2.0 */
#include "common/amqp/hosts.h"

#include <stdlib.h>
#include <string.h>

void hosts_finish(struct hosts *h)
{
    free(h->list);
    *h = (struct hosts){0};
}

static size_t colons(struct slice s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.size; i++)
        n += s.data[i] == ':';
    return n;
}

/* Cuts the port off: of "[::1]:5672" behind the bracket, of "a:5672" behind the only colon; a bare
 * IPv6 address has several and no port. */
static bool split(struct slice item, struct slice *out_name, struct slice *out_port)
{
    const bool bracketed = item.size > 0 && item.data[0] == '[';
    const char *from = bracketed ? memchr(item.data, ']', item.size) : item.data;
    if (from == NULL)
        return false;
    const size_t tail = item.size - (size_t)(from - item.data);
    const char *colon = bracketed || colons(item) == 1 ? memchr(from, ':', tail) : NULL;
    if (bracketed && tail > 1 && colon != from + 1)
        return false;
    *out_name = bracketed ? (struct slice){item.data + 1, (size_t)(from - item.data) - 1} : item;
    *out_port = (struct slice){0};
    if (colon == NULL)
        return true;
    if (!bracketed)
        out_name->size = (size_t)(colon - item.data);
    *out_port = (struct slice){colon + 1, item.size - (size_t)(colon + 1 - item.data)};
    return true;
}

static bool is_name(struct slice s)
{
    if (s.size == 0 || s.size >= sizeof((struct host *)NULL)->name)
        return false;
    for (size_t i = 0; i < s.size; i++) {
        if (s.data[i] <= ' ' || s.data[i] > '~' || strchr("[]/@\"'", s.data[i]) != NULL)
            return false;
    }
    return true;
}

static bool parse_one(struct slice item, uint16_t port, struct host *out)
{
    struct slice name, digits;
    uint64_t number = port;
    if (!split(item, &name, &digits) || !is_name(name))
        return false;
    if (digits.data != NULL && (!slice_to_u64(digits, UINT16_MAX, &number) || number == 0))
        return false;
    *out = (struct host){.port = (uint16_t)number};
    memcpy(out->name, name.data, name.size);
    return true;
}

bool hosts_parse(const char *text, uint16_t port, struct hosts *out)
{
    size_t items = 1;
    for (const char *c = text; *c != '\0'; c++)
        items += *c == ',';
    *out = (struct hosts){.list = calloc(items, sizeof(struct host))};
    if (out->list == NULL)
        return false;
    while (text != NULL) {
        const char *comma = strchr(text, ',');
        const size_t size = comma != NULL ? (size_t)(comma - text) : strlen(text);
        const struct slice item = slice_trim((struct slice){text, size});
        text = comma != NULL ? comma + 1 : NULL;
        if (item.size == 0)
            continue;
        if (!parse_one(item, port, &out->list[out->count]))
            return false;
        out->count++;
    }
    return out->count > 0;
}

void hosts_start_at(struct hosts *h, uint32_t random)
{
    h->current = random % h->count;
}

struct host *hosts_get(struct hosts *h)
{
    return &h->list[h->current];
}

bool hosts_advance(struct hosts *h)
{
    h->current = (h->current + 1) % h->count;
    h->tried = (h->tried + 1) % h->count;
    return h->tried == 0;
}

void hosts_succeeded(struct hosts *h)
{
    h->tried = 0;
}
