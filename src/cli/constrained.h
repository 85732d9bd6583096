/* constrained.h - answers that must look like something: the options that say like what,
 * shared by `tame complete` and `tame chat -p`, and one answer under them. */
#ifndef CLI_CONSTRAINED_H
#define CLI_CONSTRAINED_H

#include "base/options.h"
#include "engine/engine.h"
#include "text/tokenizer.h"
#include "think/loaded.h"

typedef struct ConstrainOptions {
    char *choices; /* "yes|no" */
    char *regex;
    char *schema, *grammar, *template; /* names of files */
    bool think_first;
} ConstrainOptions;
extern const OptTable constrain_options;

bool constrain_wanted(const ConstrainOptions *o);

/* What is asked, and how the answer is shown. */
typedef struct Constrained {
    const Loaded *loaded;
    Engine *engine;
    const ConstrainOptions *o;
    const SampleOptions *sample;
    uint64_t index; /* keys the draws */
    Span prompt;    /* what the user gave: {{prompt}} of a template */
    bool
        document; /* the prompt is the beginning of the text; without a template the text
                       goes on behind it */
    bool echo;    /* of a document: show the prompt too */
    bool json, verbose;
    const int32_t *ends; /* ids that end the answer */
    int32_t n_ends;
} Constrained;

/* ids: what stands in front of the answer, and of a document its prompt's tokens; the text
 * that is fixed is appended. Prints the answer; thoughts and what --verbose tells go to
 * stderr. The stop flag (base/system.h) ends it. ERR_LIMIT, behind what there is: the answer
 * is cut. */
NODISCARD Status constrained_show(const Constrained *c, Ids *ids, Err *err);

#endif
