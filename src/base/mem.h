/* mem.h - memory: checked arrays.
 *
 * What a model, a tape, a cache or an engine needs is laid out once, when it is made:
 * passes, tokens and sampling steps allocate nothing. All of it goes through
 * mem_alloc_array(), so that tests can fail the n-th allocation (mem_fail_after) and
 * walk every error path. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

/* count*size zeroed bytes, aligned to 64, or NULL: product overflow counts as no
 * memory. A request of 0 bytes gives a valid pointer. Free with mem_free. */
void *mem_alloc_array(size_t count, size_t size) __attribute__((malloc));
/* Grows (or makes, p == NULL) an array to `count` elements; new bytes are zero
 * only beyond old_count. NULL (p stays valid) when there is no memory. */
void *mem_grow_array(void *p, size_t old_count, size_t count, size_t size);
char *mem_dup(const char *bytes, size_t len); /* len bytes and a NUL */
void mem_free(void *p);                       /* NULL allowed */

/* The same, but with the error filled in: TRY(MEM_ARRAY(&p, n, err)). */
#define MEM_ARRAY(pp, count, err)                                                      \
    mem_array_((void **)(pp), (count), sizeof **(pp), (err))
NODISCARD Status mem_array_(void **out, size_t count, size_t size, Err *err);

/* Makes room for one more element in a growing array: MEM_PUSH_ROOM(&v, n, &cap, err)
 * doubles *cap when n == *cap. */
#define MEM_PUSH_ROOM(pp, n, cap, err)                                                 \
    mem_push_room_((void **)(pp), (n), (cap), sizeof **(pp), (err))
NODISCARD Status mem_push_room_(void **p, size_t n, size_t *cap, size_t size, Err *err);

/* Test hook: the n-th allocation from now (0 = the next) fails; -1 switches off. */
void mem_fail_after(long n);
/* Test hook: the bytes that all allocations so far asked for, freed ones included. */
size_t mem_asked(void);

/* Resident set of this process in bytes, at its largest and now; 0 when unknown. */
int64_t mem_peak_rss(void);
int64_t mem_rss(void);
/* Bytes that could be taken without swapping: the least of what the machine has and what
 * the process's control groups leave; -1 when unknown. root: "", or a folder in place of
 * "/" (tests). */
int64_t mem_available(const char *root);

#endif
