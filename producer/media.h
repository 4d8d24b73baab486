/* SPDX-License-Identifier: Apache-2.0 */
/* What the headers of an ingest request say about its body: its form, its coding, its key. */
#ifndef HOLDFAST_PRODUCER_MEDIA_H
#define HOLDFAST_PRODUCER_MEDIA_H

#include "common/net/call.h"
#include "producer/ingest.h"

/* Fills in form and key. False: the call was answered (400, 415). */
MUST_CHECK bool media_read(struct call *c, struct ingest_body *body);

/* The same without a call, for tests. "" and data NULL are JSON. */
MUST_CHECK bool media_form(struct slice content_type, enum ingest_form *out_form);
/* "key" in quotes (a structured field) or plain: 1 to 200 printable ASCII characters. */
MUST_CHECK bool media_key(struct slice header, struct slice *out_key);

#endif
