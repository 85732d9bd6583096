/* system2_reflect.c - E5: look at the answer again, and another one if it seems wrong. Who
 * looks matters: nobody (blind), a model that says yes or no at once, a model that marks
 * every digit of the chain, the calculator.
 *
 * All policies work on the same answers, drawn once: attempt 0 is the first answer, the
 * next is taken where the check says no, TRIES at most; where it says no to all, the first
 * answer stays. */
#include "base/file.h"
#include "base/mem.h"
#include "format/json.h"
#include "study/series.h"
#include "study/system2_internal.h"

#include <stdio.h>

enum { CHAIN_TOKENS = 96, MARK_TOKENS = 96, TRIES = 4 };
/* Of an answer that is checked: a chain is shorter, and what is longer is none. */
enum { MOST_BYTES = 96 };

/* And who says whether a chain is right: with a mark for each digit, or at once. */
void compose_reflection(Str *y, const System2Scale *s, int64_t seeds)
{
    compose_votes(y, s, seeds);
    put_questions(y, s, "checks", "multiply", "verify:4,judge", 48000, "");
    put_learners(y, s, seeds, "checkers", "checks",
                 (Learning){7000000, 3e-3, 0.2, 224});
}

typedef enum Checker { BLIND, JUDGE, MARKS, CALCULATOR, CHECKERS } Checker;
static const char *const names[CHECKERS] = {
    "blind: the second answer", "a model says yes or no",
    "a model marks every digit, then says yes or no", "the calculator"};

/* --- what the checkers say --------------------------------------------------------------- */

/* Right and wrong answers by what a checker said of them. */
typedef struct Verdicts {
    bool *yes; /* [questions * samples] of one seed */
    int64_t right_yes, right_no, wrong_yes, wrong_no;
} Verdicts;

/* The questions of a checker: each answer of an arm behind its question. */
static Status write_checks(const Series *answers, const Series *tests, char tag,
                           const Arm *arm, const char *path, Err *err)
{
    Str out = {0}, prompt = {0};
    for (int64_t i = 0; i < arm_n(arm); i++) {
        const json_t *row = json_array_get(tests->rows, (size_t)(i / arm->samples));
        const json_t *answer = json_array_get(answers->rows, (size_t)i + 1);
        str_reset(&prompt);
        str_printf(&prompt, "%c%s %.*s", tag,
                   json_string_value(json_object_get(row, "question")), MOST_BYTES,
                   json_string_value(json_object_get(answer, "answer")));
        str_puts(&out, "{\"prompt\": ");
        json_append_string(&out, str_span(&prompt));
        str_printf(&out, ", \"expected\": \"y\"}\n");
    }
    Status status = file_write_str(path, &out, err);
    str_release(&out);
    str_release(&prompt);
    return status;
}

static void count(Verdicts *v, const Arm *arm, const Arm *said)
{
    for (int64_t i = 0; i < arm_n(arm); i++) {
        bool right = arm->said[i] == 0;
        v->yes[i] = said->said[i] == 0;
        v->right_yes += right && v->yes[i];
        v->right_no += right && !v->yes[i];
        v->wrong_yes += !right && v->yes[i];
        v->wrong_no += !right && !v->yes[i];
    }
}

/* What the checkers' model of this seed says of the answers of an arm. */
static Status ask_checker(System2 *s, int64_t seed, Checker checker, ArmHow how,
                          const Arm *arm, Verdicts *out, Err *err)
{
    Str file = {0}, path = {0}, folder = {0};
    Series answers = {0}, tests = {0};
    Arm said = {0};
    char writer[32], model[32], name[64];
    (void)snprintf(writer, sizeof writer, "writers_%lld", (long long)seed);
    (void)snprintf(model, sizeof model, "checkers_%lld", (long long)seed);
    (void)snprintf(name, sizeof name, "%s-of-%s.jsonl",
                   checker == JUDGE ? "judge" : "marks", writer);
    arm_file(s, writer, "qualities-untagged", how, &file);
    file_join(&folder, s->lab.recipe.folder, "arms");
    Status status =
        series_read_file(&answers, str_c(&folder), file_base_name(str_c(&file)), err);
    if (status == OK)
        status = series_read_file(&tests, lab_folder(&s->lab, "qualities"),
                                  "tests/untagged.jsonl", err);
    file_join(&path, s->lab.recipe.folder, name);
    if (status == OK)
        status = write_checks(&answers, &tests, checker == JUDGE ? 'J' : 'V', arm,
                              str_c(&path), err);
    ArmHow ask = {.samples = 1, .max_new = MARK_TOKENS, .questions = arm_n(arm)};
    if (status == OK)
        status = run_arm(s, model, str_c(&path), checker == JUDGE ? "judge" : "marks",
                         ask, &said, err);
    if (status == OK)
        count(out, arm, &said);
    series_release(&answers);
    series_release(&tests);
    arm_release(&said);
    str_release(&file);
    str_release(&path);
    str_release(&folder);
    return status;
}

static Status check_answers(System2 *s, int64_t seed, Checker checker, ArmHow how,
                            const Arm *arm, Verdicts *out, Err *err)
{
    int64_t *said = arm->said;
    TRY(MEM_ARRAY(&out->yes, (size_t)arm_n(arm), err));
    if (checker == JUDGE || checker == MARKS)
        return ask_checker(s, seed, checker, how, arm, out, err);
    for (int64_t i = 0; i < arm_n(arm); i++)
        out->yes[i] = checker == CALCULATOR ? said[i] == 0 : i % arm->samples == 1;
    return OK;
}

/* --- policies --------------------------------------------------------------------------- */

/* What became of first answers. */
typedef struct FirstFlips {
    int64_t kept_right, lost, won, kept_wrong;
} FirstFlips;

typedef struct Policy {
    Outcomes outcomes;
    FirstFlips flips;
    Verdicts all; /* counts over seeds */
} Policy;

static void take(Policy *p, const Arm *arm, const Verdicts *v, int64_t seed)
{
    int64_t n = arm->samples, tries = n < TRIES ? n : TRIES;
    for (int64_t i = 0; i < arm->questions; i++) {
        const int64_t *said = arm->said + i * n;
        int64_t taken = 0, k = 0;
        while (k < tries && !v->yes[i * n + k])
            k++;
        taken = k < tries ? k : 0;
        bool before = said[0] == 0, after = said[taken] == 0;
        p->outcomes.right[seed * arm->questions + i] = after;
        p->flips.kept_right += before && after;
        p->flips.lost += before && !after;
        p->flips.won += !before && after;
        p->flips.kept_wrong += !before && !after;
        for (int64_t j = 0; j <= (k < tries ? k : tries - 1); j++)
            p->outcomes.tokens +=
                (double)arm->tokens[i * n + j] / (double)p->outcomes.n;
    }
    p->all.right_yes += v->right_yes;
    p->all.right_no += v->right_no;
    p->all.wrong_yes += v->wrong_yes;
    p->all.wrong_no += v->wrong_no;
}

static Status run_policy(System2 *s, Checker checker, ArmHow how, const ArmSet *a,
                         Policy *out, Err *err)
{
    TRY(outcomes_new(&out->outcomes, a->arms[0].questions, a->n, err));
    for (int64_t i = 0; i < a->n; i++) {
        Verdicts v = {0};
        Status status = check_answers(s, i + 1, checker, how, &a->arms[i], &v, err);
        if (status == OK)
            take(out, &a->arms[i], &v, i);
        mem_free(v.yes);
        TRY(status);
    }
    return OK;
}

/* --- the section ------------------------------------------------------------------------ */

static void put_flips(Str *out, const Policy *policies)
{
    str_puts(out,
             "\n| who looks | right stayed right | right became wrong | wrong became "
             "right | wrong stayed wrong | says yes to right ones | says no to wrong "
             "ones |\n|---|---|---|---|---|---|---|\n");
    for (int c = 0; c < CHECKERS; c++) {
        const FirstFlips *f = &policies[c].flips;
        const Verdicts *v = &policies[c].all;
        str_printf(out, "| %s | %lld | %lld | %lld | %lld |", names[c],
                   (long long)f->kept_right, (long long)f->lost, (long long)f->won,
                   (long long)f->kept_wrong);
        int64_t right = v->right_yes + v->right_no, wrong = v->wrong_yes + v->wrong_no;
        if (right > 0 && wrong > 0)
            str_printf(out, " %.1f %% | %.1f %% |\n",
                       100 * (double)v->right_yes / (double)right,
                       100 * (double)v->wrong_no / (double)wrong);
        else
            str_puts(out, " | |\n");
    }
    str_putc(out, '\n');
}

static void check_policies(Section *out, const Outcomes *first, const Outcomes *votes,
                           const Policy *policies)
{
    const Policy *blind = &policies[BLIND], *judge = &policies[JUDGE];
    const Policy *marks = &policies[MARKS], *calculator = &policies[CALCULATOR];
    Check *c =
        section_check(out, "Blind retry gains nothing",
                      "the interval of the difference to the first answer has 0");
    ArmPair p = outcomes_pair(&blind->outcomes, first);
    check_pair(c, p.interval.low <= 0 && p.interval.high >= 0, "second answer", &p);
    c = section_check(out, "A yes or no at once is no check",
                      "gains less than 5 points over the first answer");
    p = outcomes_pair(&judge->outcomes, first);
    check_pair(c, p.difference < 0.05, "yes or no", &p);
    check_why(c, "The checker has learned more than expected from yes and no alone.");
    c = section_check(
        out, "Checking needs tokens to think",
        "marks on every digit: over yes or no at once, and over a vote of "
        "as many answers, with 95 % confidence");
    p = outcomes_pair(&marks->outcomes, &judge->outcomes);
    check_pair(c, p.interval.low > 0, "marks over yes or no", &p);
    p = outcomes_pair(&marks->outcomes, votes);
    check_pair(c, p.interval.low > 0, "marks over a vote", &p);
    check_why(
        c, "The table above has what the checker says of right and of wrong answers. "
           "A wrong one that it lets pass stays, and the vote knows which answers "
           "agree.");
    c = section_check(out, "A tool checks best",
                      "the calculator loses no right answer, and gains over marks");
    p = outcomes_pair(&calculator->outcomes, &marks->outcomes);
    check_part(c, calculator->flips.lost == 0, "%lld lost",
               (long long)calculator->flips.lost);
    check_pair(c, p.difference >= 0, "calculator over marks", &p);
}

static Status conclude(const ArmSet *a, const Policy *policies, Section *out, Err *err)
{
    Outcomes first = {0}, votes = {0};
    int64_t samples = a->arms[0].samples;
    Status status = outcomes_first(&first, a, err);
    if (status == OK)
        status = outcomes_vote(&votes, a, samples < TRIES ? samples : TRIES, err);
    if (status == OK) {
        str_printf(&out->text,
                   "The first answer of E7's model without a tag, temperature 1, is "
                   "looked at, and drawn again where the check says no, %d answers at "
                   "most; where it says no to all, the first one stays. No check knows "
                   "what is right; the calculator works the product out. Tokens of the "
                   "checkers (at most %d an answer) are not counted.\n\n"
                   "| | right | 95 %% | tokens |\n|---|---|---|---|\n",
                   TRIES, MARK_TOKENS);
        put_outcomes_line(&out->text, "the first answer", &first);
        put_outcomes_line(&out->text, "a vote of as many as are drawn at most", &votes);
        for (int c = 0; c < CHECKERS; c++)
            put_outcomes_line(&out->text, names[c], &policies[c].outcomes);
        put_flips(&out->text, policies);
        check_policies(out, &first, &votes, policies);
    }
    outcomes_release(&first);
    outcomes_release(&votes);
    return status;
}

Status measure_reflection(System2 *s, Section *out, Err *err)
{
    ArmHow how = {.temperature = 1,
                  .samples = TRIES,
                  .max_new = CHAIN_TOKENS,
                  .questions = s->scale->votes};
    ArmSet answers = {0};
    Policy policies[CHECKERS] = {0};
    Status status = run_arms(s, "writers", "qualities", "untagged", how, &answers, err);
    for (int c = 0; status == OK && c < CHECKERS; c++)
        status = run_policy(s, (Checker)c, how, &answers, &policies[c], err);
    if (status == OK)
        status = conclude(&answers, policies, out, err);
    for (int c = 0; c < CHECKERS; c++)
        outcomes_release(&policies[c].outcomes);
    arms_release(&answers);
    return status;
}
