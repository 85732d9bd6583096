/* options.c - how ids are drawn, as one table: flags of chat and complete, and the
 * record of every evaluation. The defaults suit a chat; 0 or 1 switches each filter
 * off. */
#include "engine/engine.h"

static const OptField fields[] = {
    OPT_REAL(SampleOptions, temperature, 0.7, 0, 10,
             "divides the logits; 0 takes the most likely token"),
    OPT_INT(SampleOptions, top_k, 0, 0, 1e9, "keep the k most likely tokens; 0 is off"),
    OPT_REAL(SampleOptions, top_p, 1, 0, 1,
             "keep the fewest tokens with this probability together; 1 is off"),
    OPT_REAL(SampleOptions, min_p, 0, 0, 1,
             "drop tokens below this share of the most likely one; 0 is off"),
    OPT_REAL(SampleOptions, repetition_penalty, 1, 0.1, 10,
             "weakens the last 64 tokens; 1 is off"),
    OPT_INT(SampleOptions, max_new, 256, 1, 1e9, "tokens to write at most"),
    OPT_INT(SampleOptions, seed, 0, 0, 9e15, "the same seed draws the same text"),
    OPT_END,
};

const OptTable sample_options = {"sample", "sampling", sizeof(SampleOptions), fields};
