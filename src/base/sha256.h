/* sha256.h - SHA-256 (FIPS 180-4) by libcrypto, which libcurl brings along: names of things
 * by what they are. rng_hash() is the quick one, for what nobody forges. */
#ifndef BASE_SHA256_H
#define BASE_SHA256_H

#include "base/err.h"
#include "base/str.h"

enum { SHA256_BYTES = 32 };

/* ERR_NOMEM is all that can go wrong. */
NODISCARD Status sha256(Span bytes, unsigned char out[SHA256_BYTES], Err *err);

#endif
