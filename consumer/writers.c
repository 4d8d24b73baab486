/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/writers.h"

#include <assert.h>
#include <stdio.h>
#include <unistd.h>

#include "common/app/config.h"

bool writers_start(struct writers *ws, struct loop *loop, const struct writer_options *common)
{
    char host[64] = "";
    assert(common->config->consumer_writers < WRITERS_MAX);
    gethostname(host, sizeof host - 1);
    for (size_t i = 0; i <= (size_t)common->config->consumer_writers; i++) {
        snprintf(ws->names[i], sizeof ws->names[i], "holdfast-consumer %s:%d/%zu", host,
                 (int)getpid(), i);
        ws->options[i] = *common;
        ws->options[i].name = ws->names[i];
        ws->options[i].upkeep = i == URGENT_WRITER + 1;
        ws->at[i] = writer_create(loop, &ws->options[i], &ws->handler, ws->arg);
        if (ws->at[i] == NULL)
            return false;
        ws->count++;
    }
    return true;
}

void writers_finish(struct writers *ws)
{
    for (size_t i = 0; i < ws->count; i++)
        writer_destroy(ws->at[i]);
    ws->count = 0;
}

bool writers_any(const struct writers *ws, bool (*is)(const struct writer *w))
{
    for (size_t i = URGENT_WRITER + 1; i < ws->count; i++)
        if (is(ws->at[i]))
            return true;
    return false;
}

const char *writers_trouble(const struct writers *ws)
{
    for (size_t i = ws->count; i-- > 0;)
        if (!writer_is_well(ws->at[i]))
            return writer_trouble(ws->at[i]);
    return NULL;
}

bool writers_hold_nothing(const struct writers *ws)
{
    return !writers_any(ws, writer_has_batch) && !writer_has_batch(ws->at[URGENT_WRITER]);
}

void writers_give_up(struct writers *ws)
{
    for (size_t i = 0; i < ws->count; i++)
        writer_give_up(ws->at[i]);
}
