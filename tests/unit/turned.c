/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/turned.h"

#include <assert.h>

#include "common/json/gate.h"

struct event_faults turned_faults;
static struct gate *gate;
static struct buffer out;

bool turned_open(void)
{
    gate = gate_create(&(struct gate_limits){.depth = 64, .members = 1000, .digits = 10000});
    return gate != NULL;
}

void turned_close(void)
{
    gate_destroy(gate);
    buffer_finish(&out);
}

const char *turned(const struct shape *s, const char *json)
{
    struct gate_value value;
    struct gate_verdict verdict;
    const bool is_json = gate_scan_whole(gate, slice_of(json), &value, &verdict);
    assert(is_json);
    buffer_clear(&out);
    if (!s->turn(s, &value, &out, &turned_faults))
        return NULL;
    buffer_add_byte(&out, '\0');
    return out.data;
}
