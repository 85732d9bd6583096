/* sha256.c - see sha256.h. */
#include "base/sha256.h"

#include <openssl/evp.h>

Status sha256(Span bytes, unsigned char out[SHA256_BYTES], Err *err)
{
    const void *from = bytes.ptr ? bytes.ptr : "";
    if (EVP_Digest(from, bytes.len, out, NULL, EVP_sha256(), NULL) != 1)
        return err_set(err, ERR_NOMEM, "no memory for a hash");
    return OK;
}
