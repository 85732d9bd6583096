/* ask_prompt.h - what `tame ask` takes over from simonw/llm: templates, fragments, schemas,
 * conversations that go on, and the log of them.
 *
 * A question is made of fragments (-f FILE, in their order), the template's prompt with
 * everything put in, the words, and what came through a pipe; a blank line between. */
#ifndef CLI_ASK_PROMPT_H
#define CLI_ASK_PROMPT_H

#include "base/options.h"
#include "data/talks.h"
#include "think/lm/lm.h"
#include "think/prompt_template.h"

enum { ASK_MOST = 64 }; /* fragments, parameters */

typedef struct AskPromptOptions {
    char *template, *save, *schema, *schema_multi, *cid, *store;
    bool code, code_last, resume, log;
} AskPromptOptions;
extern const OptTable ask_prompt_options;

typedef struct AskPrompt {
    AskPromptOptions o;
    PromptTemplate template;
    const char *fragments[ASK_MOST]; /* files, borrowed from argv */
    TemplateParam params[ASK_MOST];  /* the same */
    size_t n_fragments, n_params;
    Talks *talks; /* open while a conversation goes on from it, or is kept in it */
    Str model;    /* who answered last in that conversation; or the template's */
    Str schema;   /* JSON Schema as text; "": none */
    LmConstraint constraint;
} AskPrompt;
void ask_prompt_release(AskPrompt *p); /* not p->o; accepts zeroed */

/* Takes -f FILE and -p NAME VALUE out of argv, makes long flags of -t, -c and -x, and loads
 * the template that -t names. */
NODISCARD Status ask_prompt_flags(AskPrompt *p, int *argc, char **argv, Err *err);
/* What the template says of options, into the tables: before the command line is read,
 * which goes before it. ERR_OPTION: no table has such an option. */
NODISCARD Status ask_prompt_defaults(const AskPrompt *p, const OptBinding *bindings,
                                     size_t n, Err *err);

/* Opens the store where it is needed, and reads the conversation that goes on into the
 * empty `talk`. */
NODISCARD Status ask_prompt_begin(AskPrompt *p, Conversation *talk, Err *err);
/* Adds the system text (system NULL: the template's) and the user's turn. `input`: the
 * words and what was piped. */
NODISCARD Status ask_prompt_question(AskPrompt *p, const char *system, Span input,
                                     Conversation *talk, Err *err);
/* What the answer must look like; NULL: anything. */
const LmConstraint *ask_prompt_constraint(AskPrompt *p);
/* The part of the answer that was asked for: a block of code (-x), else all of it. *found
 * false: a block was asked for, and there is none. */
Span ask_prompt_extract(const AskPrompt *p, Span answer, bool *found);
bool ask_prompt_extracts(const AskPrompt *p);

/* What a command line says beside the prompt's options; texts are NULL where it does not. */
typedef struct AskLine {
    const char *model, *system, *words, *think;
    const OptBinding *bindings; /* of these what differs from the defaults */
    size_t n;
} AskLine;
/* --save: the template that this command line is. */
NODISCARD Status ask_prompt_save(const AskPrompt *p, const AskLine *line, Err *err);
/* Keeps the conversation with its answer, unless that is turned off; *kept: whether it
 * was. use->model, strategy and so on are filled. */
NODISCARD Status ask_prompt_keep(AskPrompt *p, const Conversation *talk, Span answer,
                                 TalkUse *use, bool *kept, Err *err);

#endif
