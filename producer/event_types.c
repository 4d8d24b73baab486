/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/event_types.h"

#include "common/event/catalog.h"
#include "common/net/call.h"
#include "common/net/router.h"
#include "producer/answer.h"

static void on_event_types(struct call *c, void *arg)
{
    const struct catalog_choice *catalog = arg;
    struct buffer body = {0};
    catalog_write(catalog->types, catalog->mode, &body);
    if (body.failed)
        answer_unavailable(c, "overloaded", "out of memory");
    else
        call_reply(c, &(struct reply){.status = 200, .body = buffer_slice(&body)});
    buffer_finish(&body);
}

void event_types_add(const struct catalog_choice *catalog, struct router *r)
{
    router_add_public(r,
                      &(struct route){"GET", "/v1/event-types", on_event_types, (void *)catalog});
}
