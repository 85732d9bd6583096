/* comm.h - the reduction over processes. Gradients (one contiguous tensor), whitening
 * and metric sums go through it; its only member today is "one process", where every
 * call is the identity. MPI and NCCL join here. */
#ifndef TENSOR_COMM_H
#define TENSOR_COMM_H

#include "tensor/ops.h"

typedef struct Comm Comm;
struct Comm {
    int rank, size;
    void *context;
    void (*all_reduce)(Comm *c, TensorOps *t, Tensor x);    /* x = sum over ranks */
    void (*all_reduce_host)(Comm *c, double *x, int64_t n); /* the same, host */
    void (*broadcast)(Comm *c, TensorOps *t, Tensor x, int root);
};
Comm comm_one(void);

#endif
