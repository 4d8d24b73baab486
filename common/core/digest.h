/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256, for telling whether two texts are the same without keeping them. */
#ifndef HOLDFAST_CORE_DIGEST_H
#define HOLDFAST_CORE_DIGEST_H

#include "common/core/slice.h"

#define DIGEST_SIZE 32

void digest_make(struct slice text, uint8_t out[DIGEST_SIZE]);

#endif
