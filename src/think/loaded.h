/* loaded.h - a model folder opened for use: model, tokenizer, template and what ends a
 * text, checked to belong together. Every command that runs a model opens it here. */
#ifndef THINK_LOADED_H
#define THINK_LOADED_H

#include "model/folder.h"
#include "model/model.h"
#include "text/template.h"
#include "text/tokenizer.h"

typedef struct Loaded {
    TensorOps *ops; /* borrowed: outlives us */
    Model *model;   /* frozen */
    Tokenizer *tok;
    ChatTemplate *chat; /* NULL when not asked for */
    ModelSpecials specials;
    /* Ids that end a document: bos, the tokenizer's eos, the folder's. */
    int32_t ends[8], n_ends;
} Loaded;

/* Of an adapter folder the model is its base with the adapter merged into it. A folder
 * without config.json, with a tokenizer of another size, or (wants_chat) without
 * the template's special tokens is an error that says so. */
NODISCARD Status loaded_open(Loaded *out, TensorOps *ops, const char *folder,
                             bool wants_chat, Err *err);
void loaded_release(Loaded *l); /* accepts zeroed */

/* The id that stands before a document: bos, of a model without it the end of another
 * document; -1: none. */
int32_t loaded_begin(const Loaded *l);

#endif
