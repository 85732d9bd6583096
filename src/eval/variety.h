/* variety.h - how many different things a model says: the meter of mode collapse. Training
 * by preferences sharpens a model; base, SFT and RL models of one run, asked the same, show
 * by how much.
 *
 * What the texts have in common is diversity.h's, over words: a run of letters and digits,
 * or any other character that is no white space. */
#ifndef EVAL_VARIETY_H
#define EVAL_VARIETY_H

#include "base/options.h"
#include "base/stats.h"
#include "data/corpus.h"
#include "engine/engine.h"
#include "text/template.h"

typedef struct VarietyOptions {
    int64_t answers; /* to each prompt, at least 2 */
    double temperature;
    int64_t max_new, max_calls, limit, seed;
} VarietyOptions;
extern const OptTable variety_options;

enum { VARIETY_GRAMS = 3 };
/* Of the answers to one prompt; NAN where there is nothing to count. */
typedef struct TextVariety {
    double distinct[VARIETY_GRAMS]; /* n-grams of 1, 2, 3 words */
    double self_bleu, unique;
} TextVariety;
NODISCARD Status variety_of_texts(const Span *texts, size_t n, TextVariety *out,
                                  Err *err);

typedef struct VarietyReport {
    int64_t prompts, answers;
    double entropy;         /* nats a drawn token, mean over prompts */
    StatsInterval interval; /* of the entropy: 95 %, over prompts */
    TextVariety texts;      /* means over the prompts where they are defined */
    double tokens;          /* drawn, an answer */
} VarietyReport;

/* At most `limit` of the prompts (0: all), in their order. */
NODISCARD Status variety_measure(Engine *engine, const Tokenizer *tok,
                                 const ChatTemplate *chat, const RecordList *prompts,
                                 const VarietyOptions *o, const char *progress,
                                 VarietyReport *out, Err *err);

#endif
