/* constraint.h - what an answer must look like, and decoding that holds it to that.
 *
 *     TokenTrie *trie;              // once for a tokenizer
 *     token_trie_new(&trie, tok, err);
 *     Constraint *c;                // once for a text of constraint, shared by sequences
 *     constraint_new(&c, &(ConstraintText){.kind = CONSTRAINT_REGEX,
 *                                          .text = SPAN("[0-9]+ (km|miles)")}, trie, err);
 *     ConstraintRun *run;           // one a sequence
 *     constraint_run_new(&run, c, ends, n_ends, err);
 *     constraint_run_begin(run, before, room, &begin, err);
 *     request.begin = begin.ptr; request.n_begin = begin.len;
 *     // request.constraint calls constraint_run_allow, request.hook constraint_run_force
 *     engine_run(...);
 *     constraint_run_end(run, result.ids, result.n, &complete, err);
 *     ... engine_result_kept(&result) ...
 *
 * Before each draw the automaton of the grammar (automaton.h) is walked beside the tree of
 * the vocabulary's bytes (token_trie.h); the mask of allowed tokens is kept for the state
 * it belongs to. An end of text is allowed where the grammar accepts, and nowhere else.
 * Tokens may hold part of a character, or end one thing and begin the next.
 *
 * Forced text: where the grammar leaves one byte after another no choice, the tokens of
 * that text are appended without being drawn, as the tokenizer writes it. Its last tokens
 * are left to be drawn when a longer token could begin in them and reach beyond (token
 * healing): a seam must not decide how a word is cut.
 *
 * Room: as the tokens that are left become few, only those are allowed from which the end
 * can still be reached, so an answer is complete whenever the room is large enough for the
 * shortest one at all (a byte a token is assumed, the end's token included).
 *
 * Threads: a Constraint and a TokenTrie may be used by several; a run by one. */
#ifndef ENGINE_CONSTRAINT_CONSTRAINT_H
#define ENGINE_CONSTRAINT_CONSTRAINT_H

#include "engine/constraint/token_trie.h"
#include "format/grammar/grammar.h"

typedef enum ConstraintKind {
    CONSTRAINT_CHOICES,     /* one of `choices` */
    CONSTRAINT_REGEX,       /* format/grammar/regex.h */
    CONSTRAINT_JSON_SCHEMA, /* format/grammar/schema.h */
    CONSTRAINT_GBNF         /* format/grammar/gbnf.h */
} ConstraintKind;

typedef struct ConstraintText {
    ConstraintKind kind;
    Span text; /* of all but choices */
    const Span *choices;
    size_t n_choices;
} ConstraintText;

/* Appends what a constraint allows to g. Pure; ERR_FORMAT, ERR_OPTION and ERR_LIMIT say
 * what is wrong with the text, and where. */
NODISCARD Status constraint_parse(Grammar *g, const ConstraintText *text, int32_t *node,
                                  Err *err);

typedef struct Constraint Constraint;
/* Compiled for the vocabulary of trie (borrowed). */
NODISCARD Status constraint_new(Constraint **out, const ConstraintText *text,
                                const TokenTrie *trie, Err *err);
/* The same of a row of parts (network.h), nodes of g. max_tokens[i]: tokens that part i may
 * take, 0: no limit of its own; a part is brought to its end in time as a text is. */
NODISCARD Status constraint_from_parts(Constraint **out, const Grammar *g,
                                       const int32_t *parts, const int64_t *max_tokens,
                                       int32_t n, const TokenTrie *trie, Err *err);
void constraint_free(Constraint *c); /* accepts NULL; after its runs */
/* May `text` be an answer? Slow for the first texts. */
NODISCARD Status constraint_accepts(Constraint *c, Span text, bool *yes, Err *err);

typedef struct ConstraintRun ConstraintRun;
/* ends: the ids that may end an answer (copied, up to CONSTRAINT_ENDS). */
enum { CONSTRAINT_ENDS = 16 };
NODISCARD Status constraint_run_new(ConstraintRun **out, Constraint *c,
                                    const int32_t *ends, int32_t n_ends, Err *err);
void constraint_run_free(ConstraintRun *run); /* accepts NULL; before its constraint */

/* A new answer. before: the last id of the prompt, or -1. room: tokens that the answer may
 * have (max_new, and what the context leaves). Appends the ids that it begins with. */
NODISCARD Status constraint_run_begin(ConstraintRun *run, int32_t before, int64_t room,
                                      Ids *begin, Err *err);
/* The same where the text begins in the prompt: what is forced at its beginning is appended
 * to the prompt (whose last id is then `before`), and is no part of the answer: the ids
 * that the others are given begin behind it, and so does the room. */
NODISCARD Status constraint_run_prompt(ConstraintRun *run, int64_t room, Ids *prompt,
                                       Err *err);
/* Ids [0, n) of the answer are not the constraint's: they were thought, or belong to a
 * call of a tool; the constraint begins anew behind them. */
void constraint_run_skip(ConstraintRun *run, int64_t n);
/* To be called by an EngineConstraint and an EngineHook, with what these are given. After
 * an error that run_end reports nothing is allowed, so that the answer ends. */
bool constraint_run_allow(ConstraintRun *run, const int32_t *ids, int64_t n,
                          uint32_t *allowed);
NODISCARD Status constraint_run_force(ConstraintRun *run, const int32_t *ids, int64_t n,
                                      int32_t *force, int64_t room, int64_t *n_force,
                                      Err *err);
/* The answer has ended with ids [0, n): is it complete? Errors that came on the way. */
NODISCARD Status constraint_run_end(ConstraintRun *run, const int32_t *ids, int64_t n,
                                    bool *complete, Err *err);
/* The text so far, without ends; borrowed until the next call. */
Span constraint_run_text(const ConstraintRun *run);
/* Where part i was brought to its end because of its max_tokens: it holds no byte of the
 * text from there on; -1: it was not. */
int64_t constraint_run_cut(const ConstraintRun *run, int32_t part);

#endif
