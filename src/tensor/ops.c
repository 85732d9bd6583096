/* ops.c - what every backend shares: its end. */
#include "tensor/ops.h"

#include "base/mem.h"

void tensor_free(TensorOps *t)
{
    if (!t)
        return;
    if (t->free_context)
        t->free_context(t);
    mem_free(t);
}
