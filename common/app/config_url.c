/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scheme://user:password@host:port/name?option=value&option=value (RFC 3986). All but the scheme
 * and the host may be absent; a list of hosts keeps its ports. An empty name counts as absent, so
 * that amqp://host/ is the virtual host that amqp://host is.
 */
#include "common/app/config_url.h"

#include <string.h>

enum part { SCHEME, USER, PASSWORD, HOST, PORT, NAME, QUERY, PARTS };

struct url {
    struct slice part[PARTS]; /* as written; data NULL = absent */
};

static const struct form {
    const char *setting, *plain, *other; /* the two schemes */
    const char *shape;
} forms[] = {
    {"DATABASE_URL", "postgresql", "postgres",
     "postgresql://user:password@host:port/database?sslmode=...&sslrootcert=..."},
    {"RABBITMQ_URL", "amqp", "amqps",
     "amqp(s)://user:password@host:port/vhost?heartbeat=...&cacertfile=..."},
};

static const struct meaning {
    const char *setting;
    enum part part;
    const char *option; /* of the QUERY */
} meanings[] = {
    {"DATABASE_HOST", HOST, NULL},
    {"DATABASE_PORT", PORT, NULL},
    {"DATABASE_NAME", NAME, NULL},
    {"DATABASE_USER", USER, NULL},
    {"DATABASE_PASSWORD", PASSWORD, NULL},
    {"DATABASE_SSLMODE", QUERY, "sslmode"},
    {"DATABASE_SSLROOTCERT", QUERY, "sslrootcert"},
    {"RABBITMQ_HOST", HOST, NULL},
    {"RABBITMQ_PORT", PORT, NULL},
    {"RABBITMQ_VHOST", NAME, NULL},
    {"RABBITMQ_USER", USER, NULL},
    {"RABBITMQ_PASSWORD", PASSWORD, NULL},
    {"RABBITMQ_TLS", SCHEME, NULL},
    {"RABBITMQ_HEARTBEAT", QUERY, "heartbeat"},
    {"RABBITMQ_CA_FILE", QUERY, "cacertfile"},
};

/* Cuts `s` at a sign in it, which goes: what is behind it; absent when there is no sign. */
static struct slice cut(struct slice *s, const char *sign)
{
    if (sign == NULL)
        return (struct slice){0};
    const size_t size = (size_t)(sign - s->data);
    const struct slice behind = {sign + 1, s->size - size - 1};
    s->size = size;
    return behind;
}

static const char *first(struct slice s, char sign)
{
    return s.data != NULL ? memchr(s.data, sign, s.size) : NULL;
}

static const char *last(struct slice s, char sign)
{
    return s.data != NULL ? memrchr(s.data, sign, s.size) : NULL;
}

/* Where an IPv6 address ends, the only one to hold colons. */
static const char *last_bracket(struct slice host)
{
    const char *bracket = last(host, ']');
    return bracket != NULL ? bracket : host.data;
}

static void split_host(struct slice host, struct url *out)
{
    const char *colon = last(host, ':');
    if (first(host, ',') == NULL && colon != NULL && colon >= last_bracket(host))
        out->part[PORT] = cut(&host, colon);
    out->part[HOST] = host;
}

static bool split(const char *text, struct url *out)
{
    const char *mark = strstr(text, "://");
    *out = (struct url){0};
    if (mark == NULL)
        return false;
    struct slice rest = slice_of(mark + 3);
    out->part[SCHEME] = (struct slice){text, (size_t)(mark - text)};
    out->part[QUERY] = cut(&rest, first(rest, '?'));
    out->part[NAME] = cut(&rest, first(rest, '/'));
    struct slice host = cut(&rest, last(rest, '@'));
    if (host.data == NULL) {
        split_host(rest, out);
        return true;
    }
    out->part[PASSWORD] = cut(&rest, first(rest, ':'));
    out->part[USER] = rest;
    split_host(host, out);
    return true;
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* False: a % without two digits behind it, a NUL, or too long. */
static bool decode(struct slice text, char *out, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; i < text.size; i++) {
        char byte = text.data[i];
        if (byte == '%') {
            if (i + 2 >= text.size || digit_of(text.data[i + 1]) < 0 ||
                digit_of(text.data[i + 2]) < 0)
                return false;
            byte = (char)(digit_of(text.data[i + 1]) << 4 | digit_of(text.data[i + 2]));
            i += 2;
        }
        if (byte == '\0' || used + 1 >= size)
            return false;
        out[used++] = byte;
    }
    out[used] = '\0';
    return true;
}

/* The next name=value of a query, cut off. */
static struct slice take_option(struct slice *query, struct slice *out_value)
{
    struct slice option = *query;
    *query = cut(&option, first(option, '&'));
    *out_value = cut(&option, first(option, '='));
    return option;
}

static struct slice find_option(struct slice query, const char *name)
{
    while (query.size > 0) {
        struct slice value;
        if (slice_equals(take_option(&query, &value), slice_of(name)))
            return value;
    }
    return (struct slice){0};
}

/* Of the settings that share the URL's prefix. */
static bool is_option(const struct form *form, struct slice name)
{
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++) {
        const struct meaning *m = &meanings[i];
        if (m->option != NULL && m->setting[0] == form->setting[0] &&
            slice_equals(name, slice_of(m->option)))
            return true;
    }
    return false;
}

static bool are_options(const struct form *form, struct slice query)
{
    while (query.size > 0) {
        struct slice value;
        if (!is_option(form, take_option(&query, &value)))
            return false;
    }
    return true;
}

static bool is_good(const struct form *form, const char *value)
{
    char text[4096];
    struct url u;
    bool good = split(value, &u) && u.part[HOST].size > 0 && are_options(form, u.part[QUERY]) &&
                (slice_equals(u.part[SCHEME], slice_of(form->plain)) ||
                 slice_equals(u.part[SCHEME], slice_of(form->other)));
    for (size_t i = 0; i < PARTS && good; i++)
        good = decode(u.part[i], text, sizeof text);
    explicit_bzero(text, sizeof text);
    return good;
}

const char *config_url_fault(const char *setting, const char *value)
{
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        const bool meant = strcmp(forms[i].setting, setting) == 0 && value[0] != '\0';
        if (meant && !is_good(&forms[i], value))
            return forms[i].shape;
    }
    return NULL;
}

static const struct meaning *find_meaning(const char *setting)
{
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++) {
        if (strcmp(meanings[i].setting, setting) == 0)
            return &meanings[i];
    }
    return NULL;
}

static struct slice value_of(const struct url *u, const struct meaning *m)
{
    const bool tls = slice_equals(u->part[SCHEME], SLICE("amqps"));
    if (m->part == SCHEME)
        return tls ? SLICE("on") : SLICE("off");
    if (m->part == QUERY)
        return find_option(u->part[QUERY], m->option);
    if (m->part == PORT && tls && u->part[PORT].size == 0)
        return SLICE("5671");
    return u->part[m->part];
}

const char *config_url_find(const struct config *c, const char *setting, char *out, size_t size)
{
    const struct meaning *m = find_meaning(setting);
    struct url u;
    if (m == NULL)
        return NULL;
    const bool database = setting[0] == 'D';
    const char *text = database ? c->database_url : c->rabbitmq_url;
    if (!split(text, &u))
        return NULL;
    const struct slice value = value_of(&u, m);
    if (value.size == 0 || !decode(value, out, size))
        return NULL;
    return database ? "DATABASE_URL" : "RABBITMQ_URL";
}
