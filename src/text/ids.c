/* ids.c - growing arrays of token ids, see tokenizer.h. */
#include "base/mem.h"
#include "text/tokenizer.h"

#include <string.h>

Status ids_reserve(Ids *ids, size_t more, Err *err)
{
    if (more <= ids->cap - ids->len)
        return OK;
    size_t cap = ids->cap < 64 ? 64 : ids->cap;
    while (cap - ids->len < more && cap <= SIZE_MAX / 2)
        cap *= 2;
    int32_t *grown = mem_grow_array(ids->ptr, ids->len, cap, sizeof *grown);
    if (!grown)
        return err_set(err, ERR_NOMEM, "no memory for %zu ids", cap);
    ids->ptr = grown;
    ids->cap = cap;
    return OK;
}

Status ids_append(Ids *ids, const int32_t *more, size_t n, Err *err)
{
    TRY(ids_reserve(ids, n, err));
    if (n > 0)
        memcpy(ids->ptr + ids->len, more, n * sizeof *more);
    ids->len += n;
    return OK;
}

Status ids_push(Ids *ids, int32_t id, Err *err)
{
    if (ids->len == ids->cap)
        TRY(ids_reserve(ids, 1, err));
    ids->ptr[ids->len++] = id;
    return OK;
}

void ids_reset(Ids *ids)
{
    ids->len = 0;
}

void ids_release(Ids *ids)
{
    if (!ids)
        return;
    mem_free(ids->ptr);
    *ids = (Ids){0};
}
