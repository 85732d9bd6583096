/* moments.h - the optimizer's moments as a safetensors file with two tensors, "m" and
 * "v", F32, laid out as Model.params. Streamed: neither is in host memory whole. */
#ifndef TRAIN_MOMENTS_H
#define TRAIN_MOMENTS_H

#include "train/adamw.h"

NODISCARD Status moments_write(const Adamw *a, TensorOps *ops, const char *path,
                               Err *err);
/* Into moments that have their size already. On an error they may be changed. */
NODISCARD Status moments_read(Adamw *a, TensorOps *ops, const char *path, Err *err);

#endif
