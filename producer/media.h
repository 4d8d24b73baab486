/* SPDX-License-Identifier: Apache-2.0 */
/* What the headers of an ingest request say: the form of its body, its key. */
#ifndef HOLDFAST_PRODUCER_MEDIA_H
#define HOLDFAST_PRODUCER_MEDIA_H

#include "common/core/slice.h"

/* For Accept-Post. */
#define MEDIA_ACCEPTED                                                                             \
    "application/json, application/x-ndjson, application/jsonl, application/cloudevents+json, "    \
    "application/cloudevents-batch+json"

enum media {
    MEDIA_JSON,        /* an event or an array of them */
    MEDIA_LINES,       /* an event a line */
    MEDIA_CLOUDEVENT,  /* structured mode */
    MEDIA_CLOUDEVENTS, /* a batch of such */
};

/* "" and data NULL are JSON. False: none of ours. */
MUST_CHECK bool media_find(struct slice content_type, enum media *out_media);
bool media_is_json(struct slice content_type); /* of whatever kind */
bool media_is_text(struct slice content_type); /* in UTF-8, as far as it says */

/* "key" in quotes (a structured field) or plain: 1 to 200 printable ASCII characters. */
MUST_CHECK bool media_key(struct slice header, struct slice *out_key);

#endif
