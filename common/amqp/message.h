/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The message on the queue: what producer and consumer agree on besides the line (event.h).
 * Persistent, one normalised event per line.
 */
#ifndef HOLDFAST_AMQP_MESSAGE_H
#define HOLDFAST_AMQP_MESSAGE_H

#define MESSAGE_CONTENT_TYPE   "application/x-ndjson"
#define MESSAGE_TYPE           "holdfast.events"
/* Sent in the header `holdfast-version`; a consumer refuses a newer major one to quarantine. */
#define MESSAGE_VERSION        1
#define MESSAGE_VERSION_HEADER "holdfast-version"

/* Of the feed: the event's priority, 0 to 9, for whoever wants it without reading the body. */
#define MESSAGE_PRIORITY_HEADER "holdfast-priority"

#endif
