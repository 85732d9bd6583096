/* answers.h - a chat model's answers to prompts, through the engine and with the
 * calculator: what the samples of a run, rankings, the reward model's gain and PPO's
 * rollouts are made of. */
#ifndef STAGES_ANSWERS_H
#define STAGES_ANSWERS_H

#include "data/corpus.h"
#include "engine/engine.h"
#include "eval/reward.h"
#include "stages/documents.h"
#include "stages/stage_internal.h"

/* Prompts, rendered up to <|assistant|>. */
typedef struct Prompts {
    RecordList list;
    Documents rendered; /* of list.records[record[i]] */
    int64_t *record;
    int64_t n;
} Prompts;
/* The first `most` (0: all) of a data specification that leave room for max_new tokens
 * in the context; the others are counted in a warning. ERR_LIMIT when none does. */
NODISCARD Status prompts_load(Prompts *out, const char *spec,
                              const CorpusOptions *corpus, const ChatTemplate *chat,
                              int64_t context, int64_t max_new, int64_t most, Err *err);
void prompts_release(Prompts *p);
/* Tokens of the longest prompt and an answer of max_new to it, within the context. */
int32_t prompts_capacity(const Prompts *p, int64_t max_new, const ModelShape *shape);
const Conversation *prompts_chat(const Prompts *p, int64_t i);
const json_t *prompts_row(const Prompts *p, int64_t i); /* Record.row; may be NULL */

typedef struct AnswerOptions {
    double temperature;
    int64_t max_new, seed;
} AnswerOptions;

typedef struct Answerer Answerer;
/* Borrows all; at most `slots` answers are decoded at once, each with its prompt up to
 * `capacity` tokens. tools: calls are executed. */
NODISCARD Status answerer_new(Answerer **out, Model *model, const Tokenizer *tok,
                              const ChatTemplate *chat, int32_t slots, int32_t capacity,
                              bool tools, Err *err);
void answerer_free(Answerer *a);
/* Answers prompts which[0..n); answer i draws from the stream (seed, first_index + i).
 * Release each result. */
NODISCARD Status answerer_run(Answerer *a, const Prompts *p, const int64_t *which,
                              int64_t n, uint64_t first_index, const AnswerOptions *o,
                              EngineResult *results, const char *progress, Err *err);
Engine *answerer_engine(Answerer *a); /* for measures of other floors */
/* Whether the answer came to its <|im_end|>. */
bool answerer_ended(const Answerer *a, const EngineResult *r);
/* The answer to prompt i as a reward reads it; borrows both. */
RewardItem answerer_item(const Answerer *a, const Prompts *p, int64_t i,
                         const EngineResult *r);
/* {"prompt", "answer", ...} for samples.jsonl; a new object. */
json_t *answerer_sample(const Answerer *a, const Prompts *p, int64_t i,
                        const EngineResult *r);

/* Answers the first n <= ANSWERS_SHOWN prompts and appends a sample of each. */
enum { ANSWERS_SHOWN = 16 };
NODISCARD Status answerer_show(Answerer *a, const Prompts *p, int64_t n,
                               const AnswerOptions *o, json_t *samples, Err *err);

#endif
