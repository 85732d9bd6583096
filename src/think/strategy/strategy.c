/* strategy.c - specifications, and the chain they make; see strategy.h. */
#include "think/strategy/strategy.h"

#include "base/mem.h"
#include "base/rng.h"
#include "format/json.h"

#include <math.h>
#include <string.h>

static const OptField fields[] = {
    OPT_TEXT(ThinkOptions, steps, "Let's think step by step.",
             "cot: what makes the model think in steps"),
    OPT_INT(
        ThinkOptions, think_tokens, 0, 0, 1e9,
        "cot: tokens of a chain at most, then the answer is asked for; 0: --max-new"),
    OPT_REAL(ThinkOptions, vote_stop, 0.95, 0, 1,
             "consistency: no more samples once the leading answer is ahead with this "
             "probability; 1: always all"),
    OPT_INT(ThinkOptions, vote_round, 4, 1, 1024,
            "consistency: samples taken between two looks at the votes"),
    OPT_TEXT(ThinkOptions, examples, NULL,
             "few-shot: file of questions and answers, a row of JSON each"),
    OPT_CHOICE(ThinkOptions, pick, PICK_NEAREST, example_pick_names,
               "few-shot: which examples"),
    OPT_INT(ThinkOptions, pick_seed, 0, 0, 9e15, "few-shot: of random examples"),
    OPT_BOOL(ThinkOptions, calibrate, 0,
             "choose: divide by what the model answers to \"N/A\""),
    OPT_REAL(ThinkOptions, reflect_gain, 0, 0, 1e9,
             "reflect: a revision stays when its score is higher by more than this"),
    OPT_BOOL(ThinkOptions, reflect_blind, 0,
             "reflect: take every revision, without a judge (a control)"),
    OPT_CHOICE(ThinkOptions, tree_search, 0, tree_search_names,
               "tree: level by level, or the best partial answer next"),
    OPT_CHOICE(ThinkOptions, tree_thoughts, 0, tree_thoughts_names,
               "tree: next lines are drawn, or listed by the model"),
    OPT_INT(ThinkOptions, tree_thoughts_n, 5, 1, 64,
            "tree: next lines of a partial answer"),
    OPT_INT(ThinkOptions, tree_depth, 4, 1, 1000, "tree: lines of an answer at most"),
    OPT_CHOICE(ThinkOptions, tree_value, 0, tree_value_names,
               "tree: without a judge the model rates each partial answer, or votes"),
    OPT_INT(ThinkOptions, tree_values, 3, 1, 16, "tree: ratings, or votes, asked for"),
    OPT_TEXT(
        ThinkOptions, tree_ask,
        "Can this lead to the right answer? Say sure, likely or impossible.",
        "tree: what the model is asked about a partial answer; it answers with one "
        "of these words"),
    OPT_INT(ThinkOptions, tool_steps, 8, 1, 1000,
            "tools: rounds of calls for an answer"),
    OPT_REAL(ThinkOptions, auto_entropy, 0.3, 0, 100,
             "auto: entropy in nats a token up to which the model is sure"),
    OPT_END,
};
const OptTable think_options = {"think", "thinking", sizeof(ThinkOptions), fields};

enum { N_KINDS = 10 };
/* Ended by NULL. */
static const StrategyKind *const kinds[N_KINDS + 1] = {
    &direct_kind, &tools_kind,       &choose_kind,  &few_shot_kind, &cot_kind,
    &tree_kind,   &consistency_kind, &best_of_kind, &reflect_kind,  &auto_kind};

/* --- attempts ------------------------------------------------------------------------ */
void outcome_release(Outcome *o)
{
    str_release(&o->text);
    str_release(&o->thinking);
    str_release(&o->answer);
    str_release(&o->note);
    *o = (Outcome){0};
}

void outcome_move(Outcome *to, Outcome *from)
{
    outcome_release(to);
    *to = *from;
    *from = (Outcome){0};
}

/* Why an answer is not finished, or NULL. */
static const char *cut_reason(const LmAnswer *a)
{
    switch (a->finish) {
    case FINISH_LENGTH:
        return "cut: --max-new or a budget allows no more tokens";
    case FINISH_CONTEXT:
        return "cut: the context is full";
    case FINISH_ABORTED:
        return "cut: out of time, or stopped";
    case FINISH_STOP:
        break;
    }
    return NULL;
}

Status outcome_take(Outcome *o, LmAnswer *a, bool shown, Err *err)
{
    const char *reason = cut_reason(a);
    str_release(&o->text);
    o->text = a->text;
    a->text = (Str){0};
    o->shown = shown;
    o->cut = reason != NULL;
    o->confidence = (double)NAN;
    str_reset(&o->note);
    if (reason)
        str_puts(&o->note, reason);
    return str_check(&o->note, err);
}

void outcome_cost(Outcome *o, const LmAnswer *a)
{
    o->tokens += a->tokens;
    o->forced += a->forced;
    o->kept = a->kept;
    o->logprob += a->logprob;
    o->entropy = a->entropy;
}

Status outcome_extract(Outcome *o, const Question *q, Span text, Err *err)
{
    bool valid;
    str_reset(&o->answer);
    return extract(q->extract, text, &o->answer, &valid, err);
}

uint64_t question_key(const Question *q, const char *what, int64_t i)
{
    uint64_t words[2] = {q->key, (uint64_t)i};
    return rng_hash(words, sizeof words, rng_hash(what, strlen(what), 0));
}

Status strategy_inner(const Strategy *s, Run *run, const Question *q, int32_t first,
                      int32_t n, Outcome *out, Err *err)
{
    return s->inner->kind->attempt(s->inner, run, q, first, n, out, err);
}

bool strategy_holds(const Strategy *s, const StrategyKind *kind)
{
    for (s = s->inner; s; s = s->inner) {
        if (s->kind == kind)
            return true;
    }
    return false;
}

/* --- chains -------------------------------------------------------------------------- */

void strategy_free(Strategy *s)
{
    while (s) {
        Strategy *inner = s->inner;
        mem_free(s);
        s = inner;
    }
}

void strategy_list(Str *out)
{
    for (const StrategyKind *const *at = kinds; *at; at++) {
        Str word = {0};
        const StrategyKind *k = *at;
        str_puts(&word, k->name);
        if (k->argument)
            str_printf(&word, "[:%s]", k->argument);
        str_printf(out, "  %-23s %s", str_c(&word), k->help);
        if (k->argument)
            str_printf(out, " (%s: default %lld)", k->argument, (long long)k->def);
        str_putc(out, '\n');
        str_release(&word);
    }
}

void strategy_spec(const Strategy *s, Str *out)
{
    if (s->inner) {
        strategy_spec(s->inner, out);
        str_putc(out, '+');
    }
    str_puts(out, s->kind->name);
    if (s->kind->argument)
        str_printf(out, ":%lld", (long long)s->number);
}

Status strategy_check(const Strategy *s, const Lm *lm, Err *err)
{
    for (; s; s = s->inner) {
        if (s->kind->check && s->kind->check(s, lm, err) != OK)
            return err_context(err, "strategy '%s'", s->kind->name);
    }
    return OK;
}

/* --- parsing ------------------------------------------------------------------------- */
static Status no_kind(Span name, Err *err)
{
    const char *names[N_KINDS];
    size_t n = 0;
    Str text = {0};
    for (const StrategyKind *const *k = kinds; *k; k++)
        names[n++] = (*k)->name;
    str_quote(&text, name, 64);
    const char *near = opt_nearest(str_c(&text), names, n);
    Status status =
        near ? err_set(err, ERR_OPTION, "no strategy '%s'; did you mean '%s'?",
                       str_c(&text), near)
             : err_set(err, ERR_OPTION, "no strategy '%s'; 'help' lists them",
                       str_c(&text));
    str_release(&text);
    return status;
}

/* The number behind the colon. */
static Status read_number(const StrategyKind *kind, Span text, int64_t *out, Err *err)
{
    int64_t n = 0;
    bool good = text.len >= 1 && text.len <= 9;
    for (size_t i = 0; good && i < text.len; i++) {
        good = text.ptr[i] >= '0' && text.ptr[i] <= '9';
        n = 10 * n + (text.ptr[i] - '0');
    }
    if (!kind->argument)
        return err_set(err, ERR_OPTION, "'%s' takes nothing behind a colon",
                       kind->name);
    if (!good || n < kind->min || n > kind->max)
        return err_set(err, ERR_OPTION,
                       "'%s:' is followed by %s, a number from %lld to %lld, not by "
                       "'%.*s'",
                       kind->name, kind->argument, (long long)kind->min,
                       (long long)kind->max, (int)(text.len < 40 ? text.len : 40),
                       text.ptr);
    *out = n;
    return OK;
}

/* Puts a part into the chain, behind those that hold it. */
static Status insert(Strategy **chain, Strategy *part, Err *err)
{
    while (*chain && (*chain)->kind->place > part->kind->place)
        chain = &(*chain)->inner;
    if (*chain && (*chain)->kind == part->kind)
        return err_set(err, ERR_OPTION, "'%s' is there twice", part->kind->name);
    if (*chain && (*chain)->kind->place == part->kind->place)
        return err_set(err, ERR_OPTION, "'%s' and '%s' exclude each other",
                       (*chain)->kind->name, part->kind->name);
    part->inner = *chain;
    *chain = part;
    return OK;
}

static const StrategyKind *find_kind(Span name)
{
    for (const StrategyKind *const *k = kinds; *k; k++) {
        if (span_equal(name, span_of((*k)->name)))
            return *k;
    }
    return NULL;
}

static Status parse_part(Strategy **chain, Span text, Err *err)
{
    ptrdiff_t colon = span_find(text, SPAN(":"), 0);
    Span name = span_trim((Span){text.ptr, colon < 0 ? text.len : (size_t)colon});
    const StrategyKind *kind = find_kind(name);
    if (!kind)
        return no_kind(name, err);
    int64_t number = kind->def;
    if (colon >= 0)
        TRY(read_number(
            kind, span_trim((Span){text.ptr + colon + 1, text.len - (size_t)colon - 1}),
            &number, err));
    Strategy *part;
    TRY(MEM_ARRAY(&part, 1, err));
    *part = (Strategy){.kind = kind, .number = number};
    Status status = insert(chain, part, err);
    if (status != OK)
        mem_free(part);
    return status;
}

/* Every chain ends with one that asks. */
static bool asks_the_model(const Strategy *s)
{
    for (; s; s = s->inner) {
        if (s->kind->place == direct_kind.place)
            return true;
    }
    return false;
}

Status strategy_parse(Strategy **out, Span spec, Err *err)
{
    Strategy *chain = NULL;
    Status status = OK;
    *out = NULL;
    for (size_t at = 0; status == OK && at <= spec.len;) {
        ptrdiff_t plus = span_find(spec, SPAN("+"), at);
        size_t end = plus < 0 ? spec.len : (size_t)plus;
        status = parse_part(&chain, (Span){spec.ptr + at, end - at}, err);
        at = end + 1;
    }
    if (status == OK && chain && chain->kind == &auto_kind && !chain->inner) {
        status = parse_part(&chain, SPAN("cot"), err);
        if (status == OK)
            status = parse_part(&chain, SPAN("consistency"), err);
    }
    if (status == OK && !asks_the_model(chain))
        status = parse_part(&chain, SPAN("direct"), err);
    if (status != OK) {
        strategy_free(chain);
        return err_context(err, "--think");
    }
    *out = chain;
    return OK;
}

/* --- answering ----------------------------------------------------------------------- */
/* Can the answer be held to a form? */
static Status check_form(const Strategy *s, const Lm *lm, Err *err)
{
    if (!lm->can.constraints && !lm->can.schemas)
        return err_set(err, ERR_OPTION, "'%s' cannot hold an answer to a form",
                       lm->name);
    for (; s; s = s->inner) {
        if (s->kind == &tools_kind || s->kind == &tree_kind || s->kind == &choose_kind)
            return err_set(err, ERR_OPTION,
                           "'%s' cannot hold its answer to a form; 'cot' thinks freely "
                           "and then does",
                           s->kind->name);
    }
    return OK;
}

Status strategy_answer(const Strategy *s, Run *run, const Question *q, Outcome *out,
                       Err *err)
{
    Str spec = {0};
    Question asked = *q;
    ASSERT(q->talk && q->o && q->extract);
    asked.id = q->key;
    *out = (Outcome){0};
    strategy_spec(s, &spec);
    trace_note(run->trace, "think", json_from_bytes(str_span(&spec)));
    str_release(&spec);
    Status status = strategy_check(s, run->lm, err);
    if (status == OK && q->constraint)
        status = check_form(s, run->lm, err);
    if (status == OK)
        status = s->kind->attempt(s, run, &asked, 0, 1, out, err);
    if (status == OK) {
        trace_note(run->trace, "text", json_from_bytes(str_span(&out->text)));
        trace_note(run->trace, "answer", json_from_bytes(str_span(&out->answer)));
        trace_note(run->trace, "says", json_from_bytes(str_span(&out->text)));
        if (out->cut)
            trace_note(run->trace, "cut", json_true());
    } else {
        trace_note(run->trace, "error", json_string(err->msg));
        outcome_release(out);
    }
    run_end(run);
    return status;
}
