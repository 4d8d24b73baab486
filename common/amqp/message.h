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

#endif
