/* mem.c - checked arrays, see mem.h.
 *
 * Every allocation passes take(), which knows the test hook, so a test can fail the
 * n-th one. Blocks are aligned to 64: a cache line and the widest vector register.
 * Pointers are stored through memcpy because a T ** is not a void **. */
#include "base/mem.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64 };

/* No request of this size is meant: it is a size read from bad data. 1 TiB. */
static const size_t largest = (size_t)1 << 40;

static atomic_long fail_countdown = -1;
static atomic_size_t asked;

void mem_fail_after(long n)
{
    atomic_store(&fail_countdown, n);
}

size_t mem_asked(void)
{
    return atomic_load(&asked);
}

/* True for the one allocation that the hook has chosen. */
static bool must_fail(void)
{
    if (atomic_load(&fail_countdown) < 0)
        return false;
    return atomic_fetch_sub(&fail_countdown, 1) == 0;
}

/* Not zeroed. */
static void *take(size_t count, size_t size)
{
    if (must_fail() || (size != 0 && count > largest / size))
        return NULL;
    size_t bytes = count * size;
    atomic_fetch_add(&asked, bytes);
    bytes = bytes == 0 ? ALIGNMENT : (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return aligned_alloc(ALIGNMENT, bytes);
}

void *mem_alloc_array(size_t count, size_t size)
{
    void *p = take(count, size);
    if (p)
        memset(p, 0, count * size);
    return p;
}

void *mem_grow_array(void *p, size_t old_count, size_t count, size_t size)
{
    ASSERT(old_count <= count && (p || old_count == 0));
    char *grown = take(count, size);
    if (!grown)
        return NULL;
    if (old_count > 0)
        memcpy(grown, p, old_count * size);
    memset(grown + old_count * size, 0, (count - old_count) * size);
    free(p);
    return grown;
}

char *mem_dup(const char *bytes, size_t len)
{
    char *copy = len < SIZE_MAX ? take(len + 1, 1) : NULL;
    if (!copy)
        return NULL;
    if (len > 0)
        memcpy(copy, bytes, len);
    copy[len] = 0;
    return copy;
}

void mem_free(void *p)
{
    free(p);
}

Status mem_array_(void **out, size_t count, size_t size, Err *err)
{
    void *p = mem_alloc_array(count, size);
    memcpy(out, &p, sizeof p);
    if (!p)
        return err_set(err, ERR_NOMEM, "no memory for %zu elements of %zu bytes", count,
                       size);
    return OK;
}

Status mem_push_room_(void **p, size_t n, size_t *cap, size_t size, Err *err)
{
    ASSERT(n <= *cap);
    if (n < *cap)
        return OK;
    size_t more = *cap < 8 ? 8 : *cap * 2;
    void *old = NULL;
    memcpy(&old, p, sizeof old);
    void *grown = mem_grow_array(old, n, more, size);
    if (!grown)
        return err_set(err, ERR_NOMEM, "no memory for %zu elements of %zu bytes", more,
                       size);
    memcpy(p, &grown, sizeof grown);
    *cap = more;
    return OK;
}
