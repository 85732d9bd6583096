/* folder_parts.h - which tensor of a folder's safetensors is which slice of a model's
 * memory, for folder_weights.c (a model's own) and folder_adapter.c (an adapter's). */
#ifndef MODEL_FOLDER_PARTS_H
#define MODEL_FOLDER_PARTS_H

#include "model/model.h"

typedef struct Part {
    char name[128];
    int32_t n_dims;
    int64_t dims[2];
    Tensor value;
    bool optional; /* may be missing; value stays */
} Part;

typedef struct PartList {
    Part *part;
    int64_t n;
} PartList;

/* All of them into folder/name, in f32. */
NODISCARD Status parts_write(TensorOps *ops, PartList *list, const char *folder,
                             const char *name, Err *err);

/* A folder's file of that name, or those that its index lists. */
typedef struct Shard Shard;
typedef struct ShardList {
    Shard *shard;
    size_t n, cap;
} ShardList;
NODISCARD Status shards_open(ShardList *list, const char *folder, const char *name,
                             Err *err);
void shards_close(ShardList *list); /* accepts zeroed, and what a failed open left */
uint64_t shards_hash(const ShardList *list); /* of all their bytes */
/* Whether there is a tensor whose name ends so. */
bool shards_have(const ShardList *list, const char *ending);

/* Whether a tensor that is no part may be passed over; NULL: none may. */
typedef bool (*PartsHarmless)(const ModelShape *shape, const char *name);
/* Every part's value, from whichever shard has it. */
NODISCARD Status parts_read(TensorOps *ops, const PartList *list,
                            const ShardList *shards, PartsHarmless harmless,
                            const ModelShape *shape, Err *err);

#endif
