/* diversity.h - how many different things a model says: the meter of mode collapse. Training
 * by preferences sharpens a model; base, SFT and RL models of one run, asked the same, show
 * by how much.
 *
 *     entropy      nats a token, of the distributions that the answers were drawn from
 *     distinct-n   different n-grams of words, as a share of all, over the answers to one
 *                  prompt (Li et al. 2016): low when they repeat each other
 *     self-BLEU    BLEU-4 of an answer against the others to its prompt, the mean (Zhu et
 *                  al. 2018): high when they are alike
 *     unique       different answers, as a share of all
 *
 * A word is a run of letters and digits, or any other character that is no white space. */
#ifndef EVAL_DIVERSITY_H
#define EVAL_DIVERSITY_H

#include "base/options.h"
#include "base/stats.h"
#include "data/corpus.h"
#include "engine/engine.h"
#include "text/template.h"

typedef struct DiversityOptions {
    int64_t answers; /* to each prompt, at least 2 */
    double temperature;
    int64_t max_new, max_calls, limit, seed;
} DiversityOptions;
extern const OptTable diversity_options;

enum { DIVERSITY_GRAMS = 3 };
/* Of the answers to one prompt. */
typedef struct TextDiversity {
    double distinct[DIVERSITY_GRAMS]; /* n = 1, 2, 3; 0 without n-grams */
    double self_bleu, unique;
} TextDiversity;
/* n >= 1 texts; with one, self_bleu is 0. */
NODISCARD Status diversity_of_texts(const Span *texts, size_t n, TextDiversity *out,
                                    Err *err);

typedef struct DiversityReport {
    int64_t prompts, answers;
    double entropy;
    StatsInterval interval; /* of the entropy: 95 %, over prompts */
    TextDiversity texts;    /* means over prompts */
    double tokens;          /* a drawn answer */
} DiversityReport;

/* At most `limit` of the prompts (0: all), in their order. */
NODISCARD Status diversity_measure(Engine *engine, const Tokenizer *tok,
                                   const ChatTemplate *chat, const RecordList *prompts,
                                   const DiversityOptions *o, const char *progress,
                                   DiversityReport *out, Err *err);

#endif
