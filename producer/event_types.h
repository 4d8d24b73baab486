/* SPDX-License-Identifier: Apache-2.0 */
/* GET /v1/event-types: the types the catalogue in force knows, with all it says of them. */
#ifndef HOLDFAST_PRODUCER_EVENT_TYPES_H
#define HOLDFAST_PRODUCER_EVENT_TYPES_H

struct catalog_choice;
struct router;

void event_types_add(const struct catalog_choice *catalog, struct router *r); /* lent */

#endif
