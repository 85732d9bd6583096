/* index_internal.h - what the files of the index share. */
#ifndef THINK_RETRIEVAL_INDEX_INTERNAL_H
#define THINK_RETRIEVAL_INDEX_INTERNAL_H

#include "data/db.h"
#include "think/retrieval/index.h"

struct Index {
    Db db;
};

/* Makes score_bm25f() known to the connection, see score.c. */
NODISCARD Status score_register(Db *db, Err *err);

#endif
