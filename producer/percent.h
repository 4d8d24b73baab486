/* SPDX-License-Identifier: Apache-2.0 */
/* Percent-decoding (RFC 3986, 2.1), once, of what must then be UTF-8. */
#ifndef HOLDFAST_PRODUCER_PERCENT_H
#define HOLDFAST_PRODUCER_PERCENT_H

#include "common/core/buffer.h"

/* Appends the text as a JSON string. A % without two digits behind it stands for itself. False, and
 * nothing is appended: not UTF-8. */
MUST_CHECK bool percent_decode(struct slice text, struct buffer *out);

#endif
