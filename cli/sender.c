/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/sender.h"

#include "cli/cli.h"
#include "cli/identify.h"
#include "common/core/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

/* Under the producer's limits by default, and enough to make the cost of a request vanish. */
#define BATCH_BYTES ((size_t)4 << 20)
#define TICK_NS     (200 * CLOCK_MS)

struct sender {
    struct delivery *delivery;
    struct input *input;
    const struct sender_options *options;
    struct gate *gate;
    struct lane *lanes[SENDER_LANES_MAX];
};

static void stop(struct sender *s, const char *what, const char *why)
{
    snprintf(s->delivery->reason, sizeof s->delivery->reason, "%s%s", what, why);
    s->delivery->exit_code = CLI_FAILED;
}

static bool open_lanes(struct sender *s)
{
    /* The widest limits there are: what passes here and is too much is the producer's to refuse. */
    const struct gate_limits limits = {.depth = 64, .members = 1000000, .digits = 131072};
    s->gate = gate_create(&limits);
    bool ok = s->gate != NULL;
    for (unsigned i = 0; i < s->options->lanes && ok; i++)
        ok = (s->lanes[i] = lane_create(s->delivery)) != NULL;
    return ok;
}

static void close_lanes(struct sender *s)
{
    for (unsigned i = 0; i < s->options->lanes; i++)
        lane_destroy(s->lanes[i]);
    gate_destroy(s->gate);
}

static struct lane *find_idle(struct sender *s)
{
    for (unsigned i = 0; i < s->options->lanes; i++)
        if (lane_is_idle(s->lanes[i]))
            return s->lanes[i];
    return NULL;
}

static bool is_busy(const struct sender *s)
{
    for (unsigned i = 0; i < s->options->lanes; i++)
        if (!lane_is_idle(s->lanes[i]))
            return true;
    return false;
}

static void refuse_verdict(struct sender *s, const struct gate_verdict *v)
{
    char words[400];
    snprintf(words, sizeof words, "%s%s%s (at byte %zu)", v->pointer, v->pointer[0] ? ": " : "",
             gate_fault_text(v->fault), v->offset + 1);
    delivery_refuse(s->delivery, s->input->line_number, words);
}

static void add_line(struct sender *s, struct batch *batch, struct slice text)
{
    const struct identify_line line = {
        .input_name = s->options->input_name, .number = s->input->line_number, .text = text};
    struct gate_verdict verdict;
    if (!identify_add(s->gate, &line, &batch->body, &verdict))
        refuse_verdict(s, &verdict);
    else if (!batch_add(batch, line.number))
        stop(s, "out of memory", "");
}

static bool is_full(const struct sender *s, const struct batch *b)
{
    return b->count >= s->options->batch_lines || b->body.size >= BATCH_BYTES;
}

static bool is_readable(const struct input *in)
{
    struct pollfd p = {.fd = in->fd, .events = POLLIN};
    return in->ended || poll(&p, 1, 0) != 0;
}

/* Fills a batch with what there is now; false when there is nothing more to be had at once. */
static bool fill(struct sender *s, struct batch *batch)
{
    struct slice line;
    while (s->delivery->exit_code == CLI_OK && !is_full(s, batch)) {
        switch (input_next(s->input, &line)) {
        case INPUT_LINE:
            add_line(s, batch, line);
            break;
        case INPUT_TOO_LONG:
            delivery_refuse(s->delivery, s->input->line_number, "the line is longer than 16 MiB");
            break;
        case INPUT_WAIT:
            if (!is_readable(s->input))
                return false;
            if (!input_fill(s->input))
                stop(s, "cannot read the input: ", strerror(errno));
            break;
        case INPUT_END:
            return false;
        }
    }
    return true;
}

/* Starts every idle lane there is input for. */
static void feed(struct sender *s)
{
    bool more = true;
    struct lane *idle;
    while (more && (idle = find_idle(s)) != NULL) {
        struct batch *batch = lane_batch(idle);
        more = fill(s, batch);
        if (s->delivery->exit_code != CLI_OK)
            return;
        if (batch->count > 0)
            lane_start(idle);
    }
}

static void wait_for_something(struct sender *s)
{
    const bool wants_input = find_idle(s) && !s->input->ended;
    int64_t wake_ns = clock_now_ns() + TICK_NS;
    for (unsigned i = 0; i < s->options->lanes; i++) {
        const int64_t its_ns = lane_wake_ns(s->lanes[i]);
        wake_ns = its_ns < wake_ns ? its_ns : wake_ns;
    }
    http_client_wait(s->delivery->http, wants_input ? s->input->fd : -1, wake_ns);
}

void sender_run(struct delivery *d, struct input *in, const struct sender_options *options)
{
    struct sender s = {.delivery = d, .input = in, .options = options};
    delivery_start(d);
    if (!open_lanes(&s))
        stop(&s, "out of memory", "");
    while (d->exit_code == CLI_OK) {
        feed(&s);
        if (in->ended && !is_busy(&s))
            break;
        wait_for_something(&s);
        for (unsigned i = 0; i < options->lanes && d->exit_code == CLI_OK; i++)
            lane_advance(s.lanes[i]);
        options->on_progress(d, in);
    }
    close_lanes(&s);
}
