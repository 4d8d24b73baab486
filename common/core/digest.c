/* SPDX-License-Identifier: Apache-2.0 */
#include "common/core/digest.h"

#include <assert.h>

#include <openssl/sha.h>

static_assert(DIGEST_SIZE == SHA256_DIGEST_LENGTH, "digests are SHA-256");

void digest_make(struct slice text, uint8_t out[DIGEST_SIZE])
{
    static const unsigned char nothing[1];
    SHA256(text.size > 0 ? (const unsigned char *)text.data : nothing, text.size, out);
}
