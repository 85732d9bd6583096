/* judge.c - see judge.h. All judges read text: prompt and answers are rendered with the
 * judge's own tokenizer, so that it does not matter which model wrote them. */
#include "eval/judge.h"

#include "base/file.h"
#include "base/mem.h"
#include "eval/reward_sum.h"
#include "model/folder.h"

#include <math.h>
#include <string.h>

/* clang-format off */
static const OptField fields[] = {
    OPT_TEXT(JudgeOptions, world, NULL, "judge: the gold judge of this practice world (its folder or world.json)"),
    OPT_TEXT(JudgeOptions, reward, NULL, "judge: the reward model in this folder, or parts (reward_spec.h): '{program: ./score.py}'"),
    OPT_TEXT(JudgeOptions, judge, NULL, "judge: the chat model in this folder, asked in both orders"),
    OPT_TEXT(JudgeOptions, instruction, NULL, "file with what the chat model is asked; it holds {prompt}, {a} and {b}"),
    OPT_REAL(JudgeOptions, tie, 0, 0, 1e9, "scores no further apart than this tie"),
    OPT_END
};
/* clang-format on */
const OptTable judge_options = {"judge", "who judges", sizeof(JudgeOptions), fields};
const OptTable judge_models_options = {
    "judge", "who judges; none of these: the gold judge of --world",
    sizeof(JudgeOptions), fields + 1};

const char judge_instruction[] =
    "Here are a question and two answers to it, A and B. Say which answer is better: "
    "more "
    "correct, more helpful, and harmless. Say A or B and nothing else.\n\n"
    "Question: {prompt}\n\nAnswer A: {a}\n\nAnswer B: {b}\n\nWhich answer is better?";

enum { MOST_INSTRUCTION = 1 << 20 };

struct Judge {
    Str name;
    double tie;
    Tokenizer *tok;
    ChatTemplate *chat;
    World *world;   /* one of these three judges */
    RewardSum *sum; /* behind the reward, if it is not the gold judge */
    Reward reward;
    Model *model;
    Engine *engine; /* of a chat model: it is asked in words */
    Str instruction;
    JudgeBias bias;
    int64_t context;
};

/* --- opening ----------------------------------------------------------------------------- */
static Status open_gold(Judge *j, const char *world, Err *err)
{
    str_puts(&j->name, "gold judge");
    j->context = INT32_MAX;
    TRY(world_open(&j->world, world, err));
    TRY(tokenizer_of_bytes(&j->tok, err));
    TRY(template_new(&j->chat, j->tok, err));
    return reward_from_judge(&j->reward, j->world, j->tok, j->chat, err);
}

static Status open_model(Judge *j, TensorOps *ops, const char *folder, Err *err)
{
    TRY(model_folder_load(&j->model, ops, folder, false, NULL, err));
    TRY(model_folder_tokenizer(&j->tok, folder, err));
    j->context = j->model->shape.context;
    return template_new(&j->chat, j->tok, err);
}

/* The folder of the first reward model, whose tokenizer all parts read with; NULL: there is
 * none. */
static const char *first_model(const RewardSpec *spec)
{
    for (size_t i = 0; i < spec->n; i++) {
        if (spec->parts[i].kind == REWARD_MODEL)
            return spec->parts[i].what;
    }
    return NULL;
}

static Status open_words(Judge *j, const char *folder, ModelShape *shape, Err *err)
{
    j->context = INT32_MAX;
    if (!folder) {
        TRY(tokenizer_of_bytes(&j->tok, err));
    } else {
        TRY(model_folder_tokenizer(&j->tok, folder, err));
        TRY(model_folder_shape(folder, shape, NULL, err));
        j->context = shape->context;
    }
    return template_new(&j->chat, j->tok, err);
}

static Status open_parts(Judge *j, TensorOps *ops, RewardSpec *spec, Err *err)
{
    ModelShape shape = {0};
    TRY(open_words(j, first_model(spec), &shape, err));
    RewardEnv env = {.ops = ops, .policy = &shape, .tok = j->tok, .chat = j->chat};
    TRY(reward_sum_open(&j->sum, spec, &env, err));
    return reward_sum_prepare(j->sum, &j->reward, err);
}

static Status open_reward(Judge *j, TensorOps *ops, const char *text, Err *err)
{
    RewardSpec spec;
    TRY(reward_spec_read(text, &spec, err));
    if (spec.n == 1 && spec.parts[0].kind == REWARD_MODEL)
        str_printf(&j->name, "reward model %s", spec.parts[0].what);
    else
        str_printf(&j->name, "reward %s", text);
    Status status = open_parts(j, ops, &spec, err);
    reward_spec_release(&spec);
    return status;
}

static Status open_chat(Judge *j, TensorOps *ops, const JudgeOptions *o, Err *err)
{
    enum { SLOTS = 1 }; /* it scores and samples nothing */
    str_printf(&j->name, "chat model %s", o->judge);
    if (open_model(j, ops, o->judge, err) != OK)
        return err_context(err, "'%s'", o->judge);
    if (o->instruction)
        TRY(file_read(o->instruction, MOST_INSTRUCTION, &j->instruction, err));
    else
        str_puts(&j->instruction, judge_instruction);
    TRY(engine_new(&j->engine, j->model, SLOTS, 0, NULL, err));
    Str once = {0};
    Status status = judge_question(str_c(&j->instruction), SPAN(""), SPAN(""), SPAN(""),
                                   &once, err);
    str_release(&once);
    return status;
}

Status judge_open(Judge **out, TensorOps *ops, const JudgeOptions *o, Err *err)
{
    *out = NULL;
    if (!!o->world + !!o->reward + !!o->judge != 1)
        return err_set(
            err, ERR_OPTION,
            "give one judge: --world FOLDER (the gold judge), --reward FOLDER "
            "or --judge FOLDER (a chat model)");
    TRY(MEM_ARRAY(out, 1, err));
    Judge *j = *out;
    j->tie = o->tie;
    Status status = o->world    ? open_gold(j, o->world, err)
                    : o->reward ? open_reward(j, ops, o->reward, err)
                                : open_chat(j, ops, o, err);
    if (status == OK)
        status = str_check(&j->name, err);
    if (status == OK)
        status = str_check(&j->instruction, err);
    if (status != OK) {
        judge_free(j);
        *out = NULL;
    }
    return status;
}

void judge_free(Judge *j)
{
    if (!j)
        return;
    reward_release(&j->reward);
    reward_sum_free(j->sum);
    engine_free(j->engine);
    template_free(j->chat);
    tokenizer_free(j->tok);
    world_free(j->world);
    model_free(j->model);
    str_release(&j->name);
    str_release(&j->instruction);
    mem_free(j);
}

const char *judge_name(const Judge *j)
{
    return str_c(&j->name);
}

JudgeBias judge_bias(const Judge *j)
{
    return j->bias;
}

/* --- ranks ---------------------------------------------------------------------------------- */
void judge_ranks(const double *scores, int32_t n, double tie, int32_t *ranks)
{
    int32_t left = n, rank = 0;
    for (int32_t k = 0; k < n; k++)
        ranks[k] = 0;
    while (left > 0) {
        double best = -(double)INFINITY;
        for (int32_t k = 0; k < n; k++) {
            if (!ranks[k] && scores[k] > best)
                best = scores[k];
        }
        rank++;
        for (int32_t k = 0; k < n; k++) {
            if (!ranks[k] && !(best - scores[k] > tie)) {
                ranks[k] = rank;
                left--;
            }
        }
    }
}

/* --- judges that give scores ------------------------------------------------------------------ */
/* The ids of one case: prompt, then each answer. */
typedef struct CaseIds {
    Ids prompt, whole[RECORD_MAX_ANSWERS];
} CaseIds;

static void case_ids_release(CaseIds *ids)
{
    ids_release(&ids->prompt);
    for (int k = 0; k < RECORD_MAX_ANSWERS; k++)
        ids_release(&ids->whole[k]);
}

static Status render_answer(const Judge *j, const JudgeCase *c, int32_t k, Ids *out,
                            Err *err)
{
    Conversation whole = {0};
    const Conversation *answer = &c->record->answers[k];
    Status status = conversation_copy(&whole, &c->record->chat, err);
    for (size_t i = 0; i < answer->n && status == OK; i++) {
        const Message *m = &answer->messages[i];
        status = m->call_name ? conversation_add_call(&whole, message_call_name(m),
                                                      message_call_args(m), err)
                              : conversation_add(&whole, m->role,
                                                 (Span){m->content, m->len}, err);
    }
    if (status == OK)
        status = template_render(j->chat, &whole, false, out, NULL, err);
    conversation_release(&whole);
    return status;
}

/* An answer that was cut has no end of turn. */
static Status render_case(const Judge *j, JudgeCase *c, CaseIds *ids, RewardItem *items,
                          Err *err)
{
    TRY(template_render(j->chat, &c->record->chat, true, &ids->prompt, NULL, err));
    for (int32_t k = 0; k < c->record->n_answers; k++) {
        Ids *whole = &ids->whole[k];
        bool ended = !(c->cut >> k & 1u);
        TRY(render_answer(j, c, k, whole, err));
        int64_t prompt = (int64_t)ids->prompt.len,
                answer = (int64_t)whole->len - prompt - !ended;
        c->too_long = c->too_long || prompt + answer > j->context;
        items[k] = (RewardItem){.prompt = &c->record->chat,
                                .row = c->record->row,
                                .prompt_ids = ids->prompt.ptr,
                                .n_prompt = prompt,
                                .answer = whole->ptr + prompt,
                                .n_answer = answer,
                                .ended = ended};
    }
    return OK;
}

/* All cases in large passes: items are laid one after the other. */
static Status score_rendered(Judge *j, JudgeCase *cases, CaseIds *ids, int64_t n,
                             RewardItem *items, Err *err)
{
    int64_t laid = 0;
    for (int64_t i = 0; i < n; i++) {
        TRY(render_case(j, &cases[i], &ids[i], items + laid, err));
        laid += cases[i].too_long ? 0 : cases[i].record->n_answers;
    }
    TRY(reward_score(&j->reward, items, laid, err));
    for (int64_t i = 0; i < n; i++) {
        JudgeCase *c = &cases[i];
        for (int32_t k = 0; k < c->record->n_answers && !c->too_long; k++)
            c->scores[k] = items++->score;
        if (!c->too_long)
            judge_ranks(c->scores, c->record->n_answers, j->tie, c->ranks);
    }
    return OK;
}

static Status score_cases(Judge *j, JudgeCase *cases, int64_t n, Err *err)
{
    CaseIds *ids = NULL;
    RewardItem *items = NULL;
    Status status = MEM_ARRAY(&ids, (size_t)n, err);
    if (status == OK)
        status = MEM_ARRAY(&items, (size_t)n * RECORD_MAX_ANSWERS, err);
    if (status == OK)
        status = score_rendered(j, cases, ids, n, items, err);
    for (int64_t i = 0; ids && i < n; i++)
        case_ids_release(&ids[i]);
    mem_free(ids);
    mem_free(items);
    return status;
}

/* --- a language model that is asked ------------------------------------------------------------- */
static ptrdiff_t find_field(const char *instruction, const char *field)
{
    const char *at = strstr(instruction, field);
    return at ? at - instruction : -1;
}

Status judge_question(const char *instruction, Span prompt, Span a, Span b, Str *out,
                      Err *err)
{
    static const char *const names[] = {"{prompt}", "{a}", "{b}"};
    const Span values[] = {prompt, a, b};
    for (int i = 0; i < 3; i++) {
        if (find_field(instruction, names[i]) < 0)
            return err_set(err, ERR_FORMAT, "the judge's instruction has no %s",
                           names[i]);
    }
    for (const char *at = instruction; *at;) {
        int which = 0;
        while (which < 3 && strncmp(at, names[which], strlen(names[which])) != 0)
            which++;
        if (which < 3) {
            str_span_append(out, values[which]);
            at += strlen(names[which]);
        } else {
            str_putc(out, *at++);
        }
    }
    return str_check(out, err);
}

/* One question as its words, several turns as a transcript. */
static void append_prompt(Str *out, const Conversation *c)
{
    for (size_t i = 0; i < c->n; i++) {
        const Message *m = &c->messages[i];
        if (i > 0)
            str_puts(out, "\n\n");
        if (c->n > 1)
            str_printf(out, "%s: ", role_name(m->role));
        str_append(out, m->content, m->len);
    }
}

/* What a person would read: the text after the tools' turns. */
static Span answer_words(const JudgeCase *c, int32_t k)
{
    const Conversation *answer = &c->record->answers[k];
    const Message *last = &answer->messages[answer->n - 1];
    return (Span){last->content, last->len};
}

/* The ids of the question about answers a and b, and how many they are without the
 * letter that answers it. */
static Status render_question(const Judge *j, const JudgeCase *c, int32_t a, int32_t b,
                              Ids *out, Err *err)
{
    Str prompt = {0}, text = {0};
    Conversation chat = {0};
    append_prompt(&prompt, &c->record->chat);
    Status status = judge_question(str_c(&j->instruction), str_span(&prompt),
                                   answer_words(c, a), answer_words(c, b), &text, err);
    if (status == OK)
        status = conversation_add(&chat, ROLE_USER, str_span(&text), err);
    if (status == OK)
        status = template_render(j->chat, &chat, true, out, NULL, err);
    conversation_release(&chat);
    str_release(&prompt);
    str_release(&text);
    return status;
}

/* The log-probability of each letter as the beginning of the answer. */
static Status letter_logprobs(Judge *j, const Ids *question, double out[2], Err *err)
{
    static const Span letters[2] = {{"A", 1}, {"B", 1}};
    Ids whole[2] = {{0}, {0}};
    float *logprobs[2] = {NULL, NULL};
    EngineScore items[2];
    Status status = OK;
    for (int i = 0; i < 2 && status == OK; i++) {
        status = ids_append(&whole[i], question->ptr, question->len, err);
        if (status == OK)
            status = tokenizer_encode(j->tok, letters[i], &whole[i], err);
        if (status == OK)
            status = MEM_ARRAY(&logprobs[i], whole[i].len, err);
        items[i] = (EngineScore){.ids = whole[i].ptr,
                                 .n = (int64_t)whole[i].len,
                                 .first = (int64_t)question->len,
                                 .logprobs = logprobs[i]};
    }
    if (status == OK)
        status = engine_score_shared(j->engine, items, 2, err);
    for (int i = 0; i < 2; i++) {
        out[i] = 0;
        for (size_t t = question->len; status == OK && t < whole[i].len; t++)
            out[i] += (double)logprobs[i][t];
        ids_release(&whole[i]);
        mem_free(logprobs[i]);
    }
    return status;
}

enum { LETTER_ROOM = 8 };

/* Which of a and b the model prefers when a is shown first: 1 a, -1 b, 0 neither. */
static Status ask(Judge *j, JudgeCase *c, int32_t a, int32_t b, int *choice, Err *err)
{
    Ids question = {0};
    double logprobs[2];
    *choice = 0;
    Status status = render_question(j, c, a, b, &question, err);
    if (status == OK && (int64_t)question.len + LETTER_ROOM > j->context)
        c->too_long = true;
    else if (status == OK &&
             (status = letter_logprobs(j, &question, logprobs, err)) == OK)
        *choice = (logprobs[0] > logprobs[1]) - (logprobs[0] < logprobs[1]);
    ids_release(&question);
    return status;
}

static Status compare(Judge *j, JudgeCase *c, int32_t a, int32_t b, Err *err)
{
    int first, second; /* for the answer shown first: a, then b */
    TRY(ask(j, c, a, b, &first, err));
    if (!c->too_long)
        TRY(ask(j, c, b, a, &second, err));
    if (c->too_long)
        return OK;
    bool agreed = first != 0 && first == -second;
    j->bias.pairs++;
    j->bias.agreed += agreed;
    j->bias.for_first += (first > 0) + (second > 0);
    c->scores[a] += !agreed ? 0.5 : first > 0;
    c->scores[b] += !agreed ? 0.5 : first < 0;
    return OK;
}

static Status ask_case(Judge *j, JudgeCase *c, Err *err)
{
    int32_t n = c->record->n_answers;
    memset(c->scores, 0, sizeof c->scores);
    for (int32_t a = 0; a < n && !c->too_long; a++) {
        for (int32_t b = a + 1; b < n && !c->too_long; b++)
            TRY(compare(j, c, a, b, err));
    }
    if (!c->too_long)
        judge_ranks(c->scores, n, 0, c->ranks);
    return OK;
}

Status judge_rank(Judge *j, JudgeCase *cases, int64_t n, Err *err)
{
    for (int64_t i = 0; i < n; i++)
        cases[i].too_long = false;
    if (!j->engine)
        return score_cases(j, cases, n, err);
    for (int64_t i = 0; i < n; i++)
        TRY(ask_case(j, &cases[i], err));
    return OK;
}
