/* system2_search.c - E6: a puzzle in which the first step decides (Countdown): one chain,
 * the chain of most, any of many that a checker finds right, and search over steps with the
 * model's own word on what can still be reached (tree of thoughts, think/strategy/tree.c),
 * against the same search with a value that knows nothing. */
#include "base/rng.h"
#include "data/tasks/tasks.h"
#include "study/system2_internal.h"

#include <stdio.h>

enum { CHAIN_TOKENS = 64, STEP_TOKENS = 24, STEPS = 3, THOUGHTS = 5 };

void compose_search(Str *y, const System2Scale *s, int64_t seeds)
{
    put_questions(y, s, "puzzles", "countdown", "chain,value:2", 200000, "");
    str_puts(y, "  - tokenizer: {data: $puzzles/text.jsonl, vocab: 265}\n");
    put_learners(y, s, seeds, "solver", "puzzles",
                 (Learning){10000000, 3e-3, 0.3, 160});
}

/* Whether the steps lead to the target: known from the rules alone. */
static bool leads_there(const json_t *row, Span said)
{
    return countdown_is_solved(
        span_of(json_string_value(json_object_get(row, "question"))), said);
}

/* --- arms --------------------------------------------------------------------------------- */

/* A value that knows nothing of the puzzle: the control of a search. */
static Status any_value(void *self, const Conversation *talk, Span answer, double *out,
                        Err *err)
{
    (void)self, (void)talk, (void)err;
    *out = (double)(rng_hash(answer.ptr, answer.len, 6) >> 11) * 0x1p-53;
    return OK;
}
static const Judging knows_nothing = {NULL, any_value};

typedef struct Search {
    const char *label, *name, *spec;
    int best_first; /* number in tree_search_names */
    const Judging *judge;
} Search;
enum { NARROW, WIDE, BLIND, BEST, SEARCHES };
static const Search searches[SEARCHES] = {
    [NARROW] = {"tree1", "search, the best step of each level", "tree:1", 0, NULL},
    [WIDE] = {"tree5", "search, the 5 best of each level", "tree:5", 0, NULL},
    [BLIND] = {"blind5", "... with a value that knows nothing", "tree:5", 0,
               &knows_nothing},
    [BEST] = {"best5", "search, the best part next", "tree:5", 1, NULL},
};

typedef struct Arms {
    ArmSet greedy, drawn, value, searched[SEARCHES];
} Arms;

static void release_all(Arms *a)
{
    arms_release(&a->greedy);
    arms_release(&a->drawn);
    arms_release(&a->value);
    for (int i = 0; i < SEARCHES; i++)
        arms_release(&a->searched[i]);
}

static Status search_with(System2 *s, const Search *how, const char *tests, ArmSet *out,
                          Err *err)
{
    ThinkOptions o;
    TRY(opt_defaults(&think_options, &o, err));
    o.tree_search = how->best_first;
    o.tree_depth = STEPS;
    o.tree_thoughts_n = THOUGHTS;
    Status status = opt_set(&think_options, &o, "tree_ask", "?", err);
    ArmThinking thinking = {.spec = how->spec,
                            .extract = "regex:#([0-9]+)",
                            .options = &o,
                            .judge = how->judge};
    ArmHow arm = {.temperature = 1,
                  .samples = 1,
                  .max_new = STEP_TOKENS,
                  .questions = s->scale->votes,
                  .judge = leads_there,
                  .whole = true,
                  .thinking = &thinking};
    if (status == OK)
        status = run_arms_of(s, "solver", tests, how->label, arm, out, err);
    opt_release(&think_options, &o);
    return status;
}

static Status run_all(System2 *s, Arms *out, Err *err)
{
    Str tests = {0};
    ArmHow how = {
        .samples = 1, .max_new = CHAIN_TOKENS, .judge = leads_there, .whole = true};
    TRY(run_arms(s, "solver", "puzzles", "chain", how, &out->greedy, err));
    how.temperature = 1;
    how.samples = s->scale->samples;
    how.questions = s->scale->votes;
    TRY(run_arms(s, "solver", "puzzles", "chain", how, &out->drawn, err));
    ArmHow word = {.samples = 1, .max_new = 16, .whole = true};
    TRY(run_arms(s, "solver", "puzzles", "value", word, &out->value, err));
    str_printf(&tests, "%s/tests/chain.jsonl", lab_folder(&s->lab, "puzzles"));
    Status status = OK;
    for (int i = 0; status == OK && i < SEARCHES; i++)
        status = search_with(s, &searches[i], str_c(&tests), &out->searched[i], err);
    str_release(&tests);
    return status;
}

/* --- what comes of it ------------------------------------------------------------------------ */

/* How many chains cost at least what the search wrote. */
static int64_t chains_for(const ArmSet *search, const ArmSet *drawn)
{
    int64_t k = 1, most = drawn->arms[0].samples;
    while (k < most && (double)k * drawn->all.tokens < search->all.tokens)
        k++;
    return k;
}

/* Any of the first k: what a checker picks out. */
static Status outcomes_any(Outcomes *out, const ArmSet *a, int64_t k, Err *err)
{
    int64_t questions = a->arms[0].questions;
    TRY(outcomes_new(out, questions, a->n, err));
    for (int64_t s = 0; s < a->n; s++) {
        const Arm *arm = &a->arms[s];
        for (int64_t i = 0; i < questions; i++) {
            for (int64_t j = i * arm->samples; j < i * arm->samples + k; j++) {
                out->right[s * questions + i] |= arm->said[j] == 0;
                out->tokens += (double)arm->tokens[j] / (double)out->n;
            }
        }
    }
    return OK;
}

typedef struct Chains {
    Outcomes one, vote, any; /* of one drawn; of as many as the widest search costs */
    Outcomes searched[SEARCHES];
    int64_t k;
} Chains;

static void release_chains(Chains *c)
{
    outcomes_release(&c->one);
    outcomes_release(&c->vote);
    outcomes_release(&c->any);
    for (int i = 0; i < SEARCHES; i++)
        outcomes_release(&c->searched[i]);
}

static Status count(const Arms *a, Chains *out, Err *err)
{
    out->k = chains_for(&a->searched[WIDE], &a->drawn);
    TRY(outcomes_first(&out->one, &a->drawn, err));
    TRY(outcomes_vote(&out->vote, &a->drawn, out->k, err));
    TRY(outcomes_any(&out->any, &a->drawn, out->k, err));
    for (int i = 0; i < SEARCHES; i++)
        TRY(outcomes_first(&out->searched[i], &a->searched[i], err));
    return OK;
}

static void put_tables(Section *out, const Arms *a, const Chains *c)
{
    char name[96];
    put_arms_head(&out->text);
    put_arms_line(&out->text, "greedy, all questions", &a->greedy);
    put_arms_line(&out->text, "value: sure or impossible, one word", &a->value);
    for (int i = 0; i < SEARCHES; i++)
        put_arms_line(&out->text, searches[i].name, &a->searched[i]);
    str_puts(&out->text, "\nOn the same questions as the searches, temperature 1:\n\n"
                         "| | right | 95 % | tokens |\n|---|---|---|---|\n");
    put_outcomes_line(&out->text, "one chain", &c->one);
    (void)snprintf(name, sizeof name, "the chain of most among %lld", (long long)c->k);
    put_outcomes_line(&out->text, name, &c->vote);
    (void)snprintf(name, sizeof name, "any of %lld: what a checker picks out",
                   (long long)c->k);
    put_outcomes_line(&out->text, name, &c->any);
    for (int i = 0; i < SEARCHES; i++)
        put_outcomes_line(&out->text, searches[i].name, &c->searched[i]);
    str_putc(&out->text, '\n');
}

static void check_search(Section *out, const Arms *a, const Chains *c)
{
    Check *k = section_check(out, "The model knows what can be reached",
                             "its word on a part of a chain is right at least 75 % of "
                             "the time on every seed");
    check_shares(k, "value", &a->value, 0.75, 1);
    k = section_check(out, "Search beats a vote",
                      "the 5 best of each level over a vote of as many written tokens: "
                      "10 points more, 95 % over 0");
    ArmPair p = outcomes_pair(&c->searched[WIDE], &c->vote);
    check_pair(k, p.difference >= 0.1 && p.interval.low > 0, "search over vote", &p);
    check_why(k,
              "The value is asked at every level, and its errors multiply; a vote asks "
              "nobody, and chains with a wrong sum differ more than right ones.");
    k = section_check(out, "It is the value",
                      "over the same search with a value that knows nothing, with 95 % "
                      "confidence");
    p = outcomes_pair(&c->searched[WIDE], &c->searched[BLIND]);
    check_pair(k, p.interval.low > 0, "value over none", &p);
    k = section_check(out, "A wider beam helps", "5 over 1, with 95 % confidence");
    p = outcomes_pair(&c->searched[WIDE], &c->searched[NARROW]);
    check_pair(k, p.interval.low > 0, "5 over 1", &p);
    check_why(k,
              "What comes out is the whole chain with the highest value: a wider beam "
              "also brings more wrong chains that the value likes.");
    k = section_check(out, "A checker needs no search",
                      "any of as many chains as the search costs, picked out by the "
                      "rules of the game, is right at least as often as the search");
    p = outcomes_pair(&c->any, &c->searched[WIDE]);
    check_pair(k, p.difference >= 0, "any chain over search", &p);
}

Status measure_search(System2 *s, Section *out, Err *err)
{
    Arms arms = {0};
    Chains chains = {0};
    Status status = run_all(s, &arms, err);
    if (status == OK)
        status = count(&arms, &chains, err);
    if (status == OK) {
        str_printf(&out->text,
                   "A target from four numbers of 1 to 10 by three steps of + - * /, "
                   "each number used once; right is a chain that follows the rules "
                   "and ends at the target, which a program checks. One model has "
                   "learned whole chains, and to say of a part of one whether the "
                   "target can still be reached. The searches are `--think tree`: %d "
                   "next steps are drawn of each part that goes on (temperature 1) and "
                   "valued by the probabilities of the model's word. Tokens are those "
                   "written; reading parts to value them costs time, not tokens.\n\n",
                   THOUGHTS);
        put_tables(out, &arms, &chains);
        check_search(out, &arms, &chains);
    }
    release_all(&arms);
    release_chains(&chains);
    return status;
}
