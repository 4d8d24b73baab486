/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a sender of OTLP is told. Records that cannot be stored are counted in a partial success,
 * which it must not send again; the codes of google.rpc.Code go with the status of a refusal.
 */
#include "common/core/buffer.h"
#include "producer/otlp.h"

enum { MESSAGE_FAULTS = 3 };

static void add_message(const struct ingest *in, const struct ingest_result *result,
                        struct buffer *out)
{
    struct buffer text = {0};
    size_t told = 0;
    for (size_t i = 0; i < result->count && told < MESSAGE_FAULTS; i++) {
        if (result->items[i].status == 202)
            continue;
        buffer_printf(&text, "%srecord %zu: ", told > 0 ? "; " : "", i);
        buffer_add_slice(&text, ingest_text(in, result->items[i].faults));
        told++;
    }
    if (result->count - result->good > told)
        buffer_add_text(&text, "; and others");
    buffer_add_json_string(out, buffer_slice(&text));
    out->failed = out->failed || text.failed;
    buffer_finish(&text);
}

int otlp_write_answer(const struct ingest *in, const struct ingest_result *result,
                      struct buffer *out)
{
    const size_t rejected = result->count - result->good;
    buffer_add_byte(out, '{');
    if (rejected > 0) {
        buffer_printf(
            out, "\"partialSuccess\":{\"rejectedLogRecords\":\"%zu\",\"errorMessage\":", rejected);
        add_message(in, result, out);
        buffer_add_byte(out, '}');
    }
    buffer_add_text(out, "}\n");
    return 200;
}

static int code_of(int status)
{
    if (status == 503)
        return 14;                /* UNAVAILABLE */
    return status == 413 ? 8 : 3; /* RESOURCE_EXHAUSTED, INVALID_ARGUMENT */
}

static void write_problem(const struct problem *p, struct buffer *out)
{
    struct buffer text = {0};
    buffer_add_text(&text, p->detail);
    if (p->errors.data != NULL) {
        buffer_add_text(&text, ": ");
        buffer_add_slice(&text, p->errors);
    }
    buffer_printf(out, "{\"code\":%d,\"message\":", code_of(p->status));
    buffer_add_json_string(out, buffer_slice(&text));
    buffer_add_text(out, "}\n");
    out->failed = out->failed || text.failed;
    buffer_finish(&text);
}

const struct call_style otlp_style = {.write_problem = write_problem};
