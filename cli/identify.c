/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/identify.h"

#include "common/core/buffer.h"
#include "common/core/digest.h"

#include <assert.h>
#include <string.h>

void identify_make(const struct identify_line *line, char out_id[ID_TEXT_SIZE + 1])
{
    uint8_t digest[DIGEST_SIZE];
    struct buffer text = {0};
    struct id id;
    /* The NULs that end name and number keep the three parts apart. */
    buffer_printf(&text, "%s%c%llu%c", line->input_name, 0, (unsigned long long)line->number, 0);
    buffer_add_slice(&text, line->text);
    assert(!text.failed);
    digest_make(buffer_slice(&text), digest);
    buffer_finish(&text);
    memcpy(id.bytes, digest, sizeof id.bytes);
    id.bytes[6] = (uint8_t)(0x80 | (id.bytes[6] & 0x0f));
    id.bytes[8] = (uint8_t)(0x80 | (id.bytes[8] & 0x3f));
    id_format(&id, out_id);
}

/* `id` is another spelling of event_id. An escaped name is told apart by the server. */
static bool has_id(const struct gate_value *value)
{
    for (size_t i = 0; i < value->member_count; i++)
        if (slice_equals(value->members[i].name, SLICE("event_id")) ||
            slice_equals(value->members[i].name, SLICE("id")))
            return true;
    return false;
}

bool identify_add(struct gate *gate, const struct identify_line *line, struct buffer *out,
                  struct gate_verdict *out_verdict)
{
    struct gate_value value;
    char id[ID_TEXT_SIZE + 1];
    if (!gate_scan_whole(gate, line->text, &value, out_verdict))
        return false;
    if (value.kind == GATE_OBJECT && !has_id(&value)) {
        identify_make(line, id);
        buffer_printf(out, "{\"event_id\":\"%s\"%s", id, value.member_count > 0 ? "," : "");
        value.text.data++;
        value.text.size--;
    }
    buffer_add_slice(out, value.text);
    buffer_add_byte(out, '\n');
    return true;
}
