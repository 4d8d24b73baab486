/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connection's own methods, on channel 0:
 *
 *     us                        broker
 *     "AMQP" 0 0 9 1     ->
 *                        <-     start (mechanisms)
 *     start-ok (PLAIN)   ->
 *                        <-     tune (most channels, frame size, heartbeat); or close 403
 *     tune-ok, open      ->
 *                        <-     open-ok; or close 530, 402
 *     channel.open       ->     (channel 1)
 *                        <-     channel.open-ok
 *
 * and later blocked, unblocked, close. Without the capability authentication_failure_close a
 * refused login would look like a broken wire; without connection.blocked and
 * consumer_cancel_notify the broker would block and cancel in silence.
 */
#include "common/amqp/handshake.h"

#include <stdio.h>
#include <string.h>

#include "common/amqp/link_private.h"
#include "common/amqp/state.h"
#include "common/core/clock.h"

#define FRAME_MAX   131072
#define CHANNEL_MAX 1

#define HEARTBEAT_OF_MANY_S 5

/* Room for a method whose texts are all short strings. */
#define ROOM ((size_t)1024)

void handshake_start(struct link *l)
{
    l->read_ns = clock_now_ns();
    l->wire.frame_max = WIRE_FRAME_MAX_UNTUNED;
    link_set_state(l, LINK_GREETING, "connected");
    link_wrote(l, wire_add_start(l->out));
}

static bool offers(struct slice mechanisms, struct slice wanted)
{
    while (mechanisms.size > 0) {
        const char *space = memchr(mechanisms.data, ' ', mechanisms.size);
        const size_t size = space != NULL ? (size_t)(space - mechanisms.data) : mechanisms.size;
        if (slice_equals((struct slice){mechanisms.data, size}, wanted))
            return true;
        mechanisms.data += space != NULL ? size + 1 : size;
        mechanisms.size -= space != NULL ? size + 1 : size;
    }
    return false;
}

static amqp_table_entry_t text_entry(const char *key, const char *text)
{
    return (amqp_table_entry_t){
        .key = wire_text(key),
        .value = {.kind = AMQP_FIELD_KIND_UTF8, .value.bytes = wire_text(text)}};
}

static amqp_table_entry_t capability(const char *key)
{
    return (amqp_table_entry_t){.key = wire_text(key),
                                .value = {.kind = AMQP_FIELD_KIND_BOOLEAN, .value.boolean = 1}};
}

static void log_in(struct link *l)
{
    amqp_table_entry_t capabilities[] = {
        capability("publisher_confirms"),           capability("basic.nack"),
        capability("consumer_cancel_notify"),       capability("connection.blocked"),
        capability("authentication_failure_close"), capability("exchange_exchange_bindings"),
    };
    amqp_table_entry_t properties[] = {
        text_entry("product", "Holdfast"),
        text_entry("version", HOLDFAST_VERSION),
        text_entry("platform", "C"),
        text_entry("connection_name", l->options.name),
        {.key = wire_text("capabilities"),
         .value = {.kind = AMQP_FIELD_KIND_TABLE,
                   .value.table = {sizeof capabilities / sizeof *capabilities, capabilities}}},
    };
    char secret[1024];
    const int size =
        snprintf(secret, sizeof secret, "%c%s%c%s", 0, l->options.user, 0, l->options.password);
    if (size < 0 || (size_t)size >= sizeof secret) {
        link_drop(l, "user and password of the broker are too long");
        return;
    }
    amqp_connection_start_ok_t m = {
        .client_properties = {sizeof properties / sizeof *properties, properties},
        .mechanism = wire_text("PLAIN"),
        .response = {(size_t)size, secret},
        .locale = wire_text("en_US"),
    };
    const size_t room = 2 * ROOM + strlen(l->options.name);
    link_wrote(l, wire_add_method(l->out, AMQP_CONNECTION_START_OK_METHOD, &m, room));
    explicit_bzero(secret, sizeof secret);
    link_set_state(l, LINK_TUNING, "logging in");
}

static void on_start(struct link *l, const struct wire_frame *f)
{
    const amqp_connection_start_t *m = f->fields;
    if (m->version_major != 0 || m->version_minor != 9)
        link_drop(l, "the broker speaks another version of AMQP");
    else if (!offers(wire_slice(m->mechanisms), SLICE("PLAIN")))
        link_drop(l, "the broker does not offer the login mechanism PLAIN");
    else
        log_in(l);
}

/* Where another node can take over, one that stands still is left soon. */
static uint32_t wanted_heartbeat_s(const struct link *l)
{
    const uint32_t set = (uint32_t)l->options.heartbeat_s;
    return l->hosts.count > 1 && set > HEARTBEAT_OF_MANY_S ? HEARTBEAT_OF_MANY_S : set;
}

/* 0 means no limit for sizes, and no heartbeat at all where we ask for none. */
static uint32_t lower(uint32_t asked, uint32_t offered)
{
    return offered == 0 || asked < offered ? asked : offered;
}

static void on_tune(struct link *l, const struct wire_frame *f)
{
    const amqp_connection_tune_t *m = f->fields;
    const uint32_t frame_max = lower(FRAME_MAX, m->frame_max);
    const uint32_t heartbeat_s = lower(wanted_heartbeat_s(l), m->heartbeat);
    if (frame_max < AMQP_FRAME_MIN_SIZE) {
        link_drop(l, "the broker wants frames smaller than AMQP allows");
        return;
    }
    amqp_connection_tune_ok_t tune = {
        .channel_max = CHANNEL_MAX, .frame_max = frame_max, .heartbeat = (uint16_t)heartbeat_s};
    amqp_connection_open_t open = {.virtual_host = wire_text(l->options.vhost)};
    l->wire.frame_max = frame_max;
    l->heartbeat_ns = heartbeat_s * CLOCK_S;
    link_wrote(l, wire_add_method(l->out, AMQP_CONNECTION_TUNE_OK_METHOD, &tune, ROOM) &&
                      wire_add_method(l->out, AMQP_CONNECTION_OPEN_METHOD, &open, ROOM));
    link_tuned(l);
    link_set_state(l, LINK_OPENING, "logged in");
}

void handshake_open_channel(struct link *l)
{
    amqp_channel_open_t m = {0};
    link_set_state(l, LINK_CHANNEL, "opening the channel");
    link_wrote(l, wire_add_method(l->out, AMQP_CHANNEL_OPEN_METHOD, &m, ROOM));
}

static void on_open_ok(struct link *l, const struct wire_frame *f)
{
    (void)f;
    handshake_open_channel(l);
}

static void tell_blocked(struct link *l, const char *reason)
{
    l->blocked = reason != NULL;
    if (l->handler.on_blocked != NULL)
        l->handler.on_blocked(l->arg, reason);
}

static void on_blocked(struct link *l, const struct wire_frame *f)
{
    const amqp_connection_blocked_t *m = f->fields;
    char reason[256];
    snprintf(reason, sizeof reason, "%.*s", SLICE_ARGS(wire_slice(m->reason)));
    log_warning("link_blocked", "the broker accepts no more messages for now",
                LOG_TEXT("link", l->options.name), LOG_TEXT("reason", reason));
    tell_blocked(l, reason);
}

static void on_unblocked(struct link *l, const struct wire_frame *f)
{
    (void)f;
    log_info("link_unblocked", "the broker accepts messages again",
             LOG_TEXT("link", l->options.name));
    tell_blocked(l, NULL);
}

static void on_close(struct link *l, const struct wire_frame *f)
{
    const amqp_connection_close_t *m = f->fields;
    amqp_connection_close_ok_t ok = {0};
    char what[512];
    if (l->state == LINK_TUNING && m->reply_code == AMQP_ACCESS_REFUSED)
        snprintf(what, sizeof what, "the broker refused the login of user '%s'", l->options.user);
    else if (l->state == LINK_OPENING)
        snprintf(what, sizeof what, "the broker refused the virtual host '%s'", l->options.vhost);
    else
        snprintf(what, sizeof what, "the broker closed the connection");
    link_say_last(l, AMQP_CONNECTION_CLOSE_OK_METHOD, &ok);
    link_drop(l, "%s: %d %.*s", what, m->reply_code, SLICE_ARGS(wire_slice(m->reply_text)));
}

#define ANY_STATE LINK_STATE_COUNT

static const struct {
    uint32_t method;
    enum link_state state; /* the only one it may come in */
    void (*fn)(struct link *l, const struct wire_frame *f);
} rows[] = {
    {AMQP_CONNECTION_START_METHOD, LINK_GREETING, on_start},
    {AMQP_CONNECTION_TUNE_METHOD, LINK_TUNING, on_tune},
    {AMQP_CONNECTION_OPEN_OK_METHOD, LINK_OPENING, on_open_ok},
    {AMQP_CONNECTION_BLOCKED_METHOD, ANY_STATE, on_blocked},
    {AMQP_CONNECTION_UNBLOCKED_METHOD, ANY_STATE, on_unblocked},
    {AMQP_CONNECTION_CLOSE_METHOD, ANY_STATE, on_close},
};

void handshake_method(struct link *l, const struct wire_frame *f)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].method == f->method &&
            (rows[i].state == ANY_STATE || rows[i].state == l->state)) {
            rows[i].fn(l, f);
            return;
        }
    }
    const char *name = amqp_method_name(f->method);
    link_drop(l, "protocol error: %s while %s", name != NULL ? name : "unknown method",
              link_state_name(l->state));
}
