/* tokenizer.h - stage 0: learn a byte-level BPE vocabulary from text. */
#ifndef STAGES_TOKENIZER_H
#define STAGES_TOKENIZER_H

#include "stages/stage.h"

typedef struct TokenizerOptions {
    char *data;
    int64_t vocab;     /* tokens, specials included */
    int pattern;       /* SplitPattern: gpt2, cl100k, qwen2 */
    int64_t max_bytes; /* of text to learn from; 0: all */
} TokenizerOptions;
extern const OptTable tokenizer_stage_options;
NODISCARD Status stage_tokenizer(const StageEnv *env, const TokenizerOptions *o,
                                 StageReport *report, Err *err);
#endif
