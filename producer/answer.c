/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/answer.h"

#include <assert.h>

#include "common/core/clock.h"

enum { ERRORS_SHOWN_MAX = 100 };

static void write_single(const struct ingest *in, const struct ingest_result *result,
                         struct buffer *out)
{
    char time[CLOCK_TEXT_SIZE + 1];
    clock_format(result->received_at, time);
    buffer_add_text(out,
                    "{\"status\":\"accepted\",\"message\":\"event queued durably\",\"event_id\":");
    buffer_add_slice(out, ingest_text(in, result->items[0].event_id));
    buffer_add_text(out, ",\"timestamp\":\"");
    buffer_add_text(out, time);
    buffer_add_text(out, "\"}\n");
}

static void write_many(const struct ingest *in, const struct ingest_result *result,
                       struct buffer *out)
{
    buffer_printf(out, "{\"status\":\"accepted\",\"accepted\":%zu,\"rejected\":0,\"event_ids\":[",
                  result->good);
    for (size_t i = 0; i < result->count; i++) {
        if (i > 0)
            buffer_add_byte(out, ',');
        buffer_add_slice(out, ingest_text(in, result->items[i].event_id));
    }
    buffer_add_text(out, "]}\n");
}

static void write_result(const struct ingest *in, const struct ingest_item *item, size_t index,
                         struct buffer *out)
{
    buffer_printf(out, "%s{\"index\":%zu", index > 0 ? "," : "", index);
    if (item->number > 0)
        buffer_printf(out, ",\"line\":%zu", item->number);
    buffer_printf(out, ",\"status\":%d,", item->status);
    if (item->status == 202) {
        buffer_add_text(out, "\"event_id\":");
        buffer_add_slice(out, ingest_text(in, item->event_id));
        buffer_add_byte(out, '}');
    } else {
        buffer_add_text(out, "\"errors\":[");
        buffer_add_slice(out, ingest_text(in, item->faults));
        buffer_add_text(out, "]}");
    }
}

static void write_partial(const struct ingest *in, const struct ingest_result *result,
                          struct buffer *out)
{
    buffer_printf(out, "{\"status\":\"partial\",\"accepted\":%zu,\"rejected\":%zu,\"items\":[",
                  result->good, result->count - result->good);
    for (size_t i = 0; i < result->count; i++)
        write_result(in, &result->items[i], i, out);
    buffer_add_text(out, "]}\n");
}

int answer_write(const struct ingest *in, const struct ingest_result *result, struct buffer *out)
{
    if (result->good < result->count) {
        write_partial(in, result, out);
        return 207;
    }
    if (result->single)
        write_single(in, result, out);
    else
        write_many(in, result, out);
    return 202;
}

/* That it is not JSON says more about the whole than a wrong field does. */
static int rank_of(int status)
{
    return status == 400 ? 3 : status == 422 ? 2 : 1;
}

static const struct ingest_item *worst_item(const struct ingest_result *result)
{
    const struct ingest_item *worst = NULL;
    for (size_t i = 0; i < result->count; i++) {
        const struct ingest_item *item = &result->items[i];
        if (item->status != 202 &&
            (worst == NULL || rank_of(item->status) > rank_of(worst->status)))
            worst = item;
    }
    return worst;
}

static const char *detail_of(int status)
{
    if (status == 400)
        return "the body is not JSON that can be stored; nothing was accepted";
    if (status == 413)
        return "an event is too large; nothing was accepted";
    return "at least one event is invalid; nothing was accepted";
}

/* Items' fault texts as one array. What stands in it is counted in *out_shown. */
static void write_errors(const struct ingest *in, const struct ingest_result *result,
                         struct buffer *out, size_t *out_shown)
{
    size_t shown = 0;
    buffer_add_byte(out, '[');
    for (size_t i = 0; i < result->count && shown < ERRORS_SHOWN_MAX; i++) {
        const struct ingest_item *item = &result->items[i];
        if (item->status == 202)
            continue;
        if (shown > 0)
            buffer_add_byte(out, ',');
        buffer_add_slice(out, ingest_text(in, item->faults));
        shown += item->fault_count;
    }
    buffer_add_byte(out, ']');
    *out_shown = shown;
}

void answer_faults(struct call *c, const struct ingest *in, const struct ingest_result *result)
{
    static const struct problem too_many = {
        .status = 413,
        .slug = "too-large",
        .detail = "more events than one request may have; nothing was accepted"};
    static const struct problem empty = {
        .status = 422, .slug = "invalid-event", .detail = "there is no event in the body"};
    if (result->no_memory) {
        answer_unavailable(c, "overloaded", "out of memory; nothing was accepted");
        return;
    }
    if (result->too_many || result->count == 0) {
        call_refuse(c, result->too_many ? &too_many : &empty);
        return;
    }
    const struct ingest_item *worst = worst_item(result);
    assert(worst != NULL);
    struct buffer errors = {0};
    size_t shown = 0;
    write_errors(in, result, &errors, &shown);
    call_refuse(
        c, &(struct problem){.status = worst->status,
                             .slug = worst->slug,
                             .detail = detail_of(worst->status),
                             .errors = errors.failed ? (struct slice){0} : buffer_slice(&errors),
                             .more = result->faults - shown});
    buffer_finish(&errors);
}

void answer_fault(struct call *c, int status, const char *slug, const struct answer_fault *fault)
{
    struct buffer errors = {0};
    buffer_add_text(&errors, "[{\"pointer\":");
    buffer_add_json_string(&errors, slice_of(fault->pointer));
    buffer_add_text(&errors, ",\"detail\":");
    buffer_add_json_string(&errors, slice_of(fault->detail));
    buffer_add_text(&errors, "}]");
    call_refuse(
        c, &(struct problem){.status = status,
                             .slug = slug,
                             .detail = fault->detail,
                             .errors = errors.failed ? (struct slice){0} : buffer_slice(&errors)});
    buffer_finish(&errors);
}

void answer_unavailable(struct call *c, const char *slug, const char *detail)
{
    call_refuse(
        c, &(struct problem){
               .status = 503, .slug = slug, .detail = detail, .headers = {{"Retry-After", "1"}}});
}
