/* reward_program.c - an executable as a reward, see reward_program.h.
 *
 * A batch of answers is written while scores are read, so neither side waits for the
 * other's buffer. What has been answered stays answered when the program has to be started
 * again: it is asked the rest, so one answer that it cannot bear costs that answer. */
#include "eval/reward_program.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/process.h"
#include "base/system.h"
#include "data/record_json.h"
#include "eval/reward_rules.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST_LINE = 1 << 16 };

typedef struct Program {
    const RewardPart *part; /* the three are borrowed: they outlive us */
    const Tokenizer *tok;
    const ChatTemplate *chat;
    bool hurries;     /* a stop ends a wait */
    Process *process; /* NULL: to be started */
    int64_t asked;    /* answers so far: the first id of the next batch */
    bool *answered;   /* of the batch */
    int64_t cap;
    Str in, out, raw, text; /* reused */
} Program;

/* --- a reply ------------------------------------------------------------------------- */

static Status no_score(Span line, Err *err)
{
    Str quoted = {0};
    str_quote(&quoted, line, 80);
    Status status =
        err_set(err, ERR_FORMAT, "it wrote '%s', which is no score", str_c(&quoted));
    str_release(&quoted);
    return status;
}

static Status read_reply(const json_t *tree, Span line, RewardReply *out, Err *err)
{
    const json_t *score = json_is_object(tree) ? json_object_get(tree, "score") : tree;
    const json_t *id = json_object_get(tree, "id");
    const char *error = json_string_value(json_object_get(tree, "error"));
    if (error && !score) {
        Str quoted = {0};
        str_quote(&quoted, span_of(error), 200);
        Status status = err_set(err, ERR_FORMAT, "it says: %s", str_c(&quoted));
        str_release(&quoted);
        return status;
    }
    if (!json_is_number(score) || !isfinite(json_number_value(score)))
        return no_score(line, err);
    if (id && (!json_is_integer(id) || json_integer_value(id) < 0))
        return no_score(line, err);
    *out = (RewardReply){.id = id ? json_integer_value(id) : -1,
                         .score = json_number_value(score)};
    return OK;
}

Status reward_reply_parse(Span line, RewardReply *out, Err *err)
{
    json_t *tree = NULL;
    Err ignored;
    line = span_trim(line);
    if (line.len > LONGEST_LINE || json_parse(line, &tree, &ignored) != OK)
        return no_score(line, err);
    Status status = read_reply(tree, line, out, err);
    json_decref(tree);
    return status;
}

/* --- a question ---------------------------------------------------------------------- */

static Status put_question(Program *p, const RewardItem *item, int64_t id, Err *err)
{
    Conversation answer = {0};
    TRY(reward_text(p->tok, p->chat, item, &p->raw, &p->text, err));
    Status status = template_parse_answer(p->chat, item->answer, (size_t)item->n_answer,
                                          &answer, err);
    if (status == OK) {
        json_t *line = json_object();
        json_object_set_new(line, "id", json_integer(id));
        json_object_set_new(line, "prompt", conversation_json(item->prompt));
        json_object_set_new(line, "answer", json_from_bytes(str_span(&p->text)));
        json_object_set_new(line, "messages", conversation_json(&answer));
        json_object_set_new(line, "ended", json_boolean(item->ended));
        json_object_set_new(line, "tokens", json_integer(item->n_answer));
        json_object_set_new(line, "row",
                            item->row ? json_incref(json_iterable(item->row))
                                      : json_null());
        json_append(&p->in, line);
        str_putc(&p->in, '\n');
        json_decref(line);
        status = str_check(&p->in, err);
    }
    conversation_release(&answer);
    return status;
}

/* --- asking -------------------------------------------------------------------------- */

/* The batch that is being scored. */
typedef struct Asking {
    RewardItem *items;
    int64_t n, first_id;
    int64_t left; /* without a score */
    int64_t next; /* the first of them */
    bool gone;    /* the program ended by itself */
} Asking;

static Status start(Program *p, Err *err)
{
    return p->process ? OK : process_start(&p->process, p->part->command, err);
}

static void stop(Program *p, Str *how)
{
    if (!p->process)
        return;
    process_end(p->process, how);
    process_free(p->process);
    p->process = NULL;
}

static void settle(Program *p, Asking *a, int64_t i, double score)
{
    a->items[i].score = score;
    p->answered[i] = true;
    a->left--;
    while (a->next < a->n && p->answered[a->next])
        a->next++;
}

static Status take_line(Program *p, Asking *a, Span line, Err *err)
{
    RewardReply reply;
    TRY(reward_reply_parse(line, &reply, err));
    int64_t i = reply.id < 0 ? a->next : reply.id - a->first_id;
    if (i < 0 || i >= a->n || p->answered[i])
        return err_set(err, ERR_FORMAT,
                       "it wrote a score for id %lld, which it was not asked",
                       (long long)reply.id);
    settle(p, a, i, reply.score);
    return OK;
}

/* Whole lines of what it wrote; empty ones are passed over. */
static Status take_lines(Program *p, Asking *a, Err *err)
{
    size_t from = 0;
    Status status = OK;
    Span all = str_span(&p->out);
    for (ptrdiff_t end = span_find(all, SPAN("\n"), 0); status == OK && end >= 0;
         end = span_find(all, SPAN("\n"), from)) {
        Span line = span_trim((Span){all.ptr + from, (size_t)end - from});
        from = (size_t)end + 1;
        if (line.len == 0)
            continue;
        status = a->left > 0
                     ? take_line(p, a, line, err)
                     : err_set(err, ERR_FORMAT, "it wrote more lines than asked");
    }
    if (status == OK && all.len - from > LONGEST_LINE)
        status = err_set(err, ERR_FORMAT, "it wrote %zu bytes without a line's end",
                         all.len - from);
    size_t rest = all.len - from;
    if (from > 0 && rest > 0)
        memmove(p->out.ptr, p->out.ptr + from, rest);
    str_truncate(&p->out, rest);
    return status;
}

static Status put_questions(Program *p, const Asking *a, Err *err)
{
    str_reset(&p->in);
    for (int64_t i = 0; i < a->n; i++) {
        if (!p->answered[i])
            TRY(put_question(p, &a->items[i], a->first_id + i, err));
    }
    return OK;
}

/* Whatever it says before it is asked is no answer to what follows. */
static Status check_silence(Program *p, Err *err)
{
    Span nothing = {"", 0};
    ProcessEvent event = PROCESS_TALKED;
    str_reset(&p->out);
    while (event == PROCESS_TALKED)
        TRY(process_talk(p->process, &nothing, &p->out, 0, &event, err));
    Span said = span_trim(str_span(&p->out));
    str_reset(&p->out);
    return said.len == 0 ? OK
                         : err_set(err, ERR_FORMAT, "it wrote more lines than asked");
}

/* process_talk for as long as the program may be silent; in short waits, between which a
 * stop is seen. */
static Status talk(Program *p, Span *in, ProcessEvent *event, Err *err)
{
    const double wait = 0.1;
    double left = p->part->o.timeout;
    for (*event = PROCESS_QUIET; *event == PROCESS_QUIET && left > 0; left -= wait) {
        if (p->hurries && system_stop_requested())
            return err_set(err, ERR_STOPPED, "stopped");
        TRY(process_talk(p->process, in, &p->out, left < wait ? left : wait, event,
                         err));
    }
    return OK;
}

/* Asks what p->in holds. An error is the program's fault. */
static Status ask_once(Program *p, Asking *a, Err *err)
{
    Span in = str_span(&p->in);
    TRY(check_silence(p, err));
    while (a->left > 0 || in.len > 0) {
        ProcessEvent event;
        TRY(talk(p, &in, &event, err));
        if (event == PROCESS_QUIET)
            return err_set(err, ERR_IO, "it said nothing for %g seconds",
                           p->part->o.timeout);
        TRY(take_lines(p, a, err));
        a->gone = event == PROCESS_ENDED;
        if (a->gone)
            return a->left > 0 ? err_set(err, ERR_IO, "it ended") : OK;
    }
    return OK;
}

/* The message of a failed attempt, with how the program ended and what it said last. */
static void explain(Program *p, const Asking *a, Err *why)
{
    Str how = {0};
    stop(p, &how);
    if (a->gone)
        err_set(why, why->code, "it %s", str_c(&how));
    else if (span_find(str_span(&how), SPAN(" ("), 0) >= 0)
        err_set(why, why->code, "%s; it %s", why->msg, str_c(&how));
    str_release(&how);
}

static Status give_up(Program *p, Asking *a, const Err *why, Err *err)
{
    const RewardPartOptions *o = &p->part->o;
    if (!o->failed)
        return err_set(
            err, why->code,
            "program '%s': answer with id %lld: %s (%lld attempts; the option "
            "`failed` gives such an answer a score)",
            p->part->command[0], (long long)a->first_id + a->next, why->msg,
            (long long)o->attempts);
    log_warn("reward '%s': program '%s': %s; the answer with id %lld gets %s", o->name,
             p->part->command[0], why->msg, (long long)a->first_id + a->next,
             o->failed);
    settle(p, a, a->next, strtod(o->failed, NULL));
    return OK;
}

static Status ask(Program *p, Asking *a, Err *err)
{
    int64_t attempts = 0, at = -1;
    while (a->left > 0) {
        Err why = {0};
        a->gone = false;
        if (start(p, err) != OK)
            return err_context(err, "program");
        TRY(put_questions(p, a, err));
        Status status = ask_once(p, a, &why);
        if (status == ERR_NOMEM || status == ERR_STOPPED)
            return err_set(err, status, "%s", why.msg);
        if (status == OK && !a->gone)
            return OK;
        explain(p, a, &why);
        if (a->left == 0)
            return OK; /* all is answered; the next batch starts it anew */
        attempts = a->next == at ? attempts + 1 : 1;
        at = a->next;
        if (attempts >= p->part->o.attempts)
            TRY(give_up(p, a, &why, err));
        else
            log_warn("reward '%s': program '%s': %s; it is started again",
                     p->part->o.name, p->part->command[0], why.msg);
    }
    return OK;
}

static Status program_score(void *self, RewardItem *items, int64_t n, Err *err)
{
    Program *p = self;
    if (n > p->cap) {
        mem_free(p->answered);
        p->answered = NULL;
        p->cap = 0;
        TRY(MEM_ARRAY(&p->answered, (size_t)n, err));
        p->cap = n;
    }
    for (int64_t i = 0; i < n; i++)
        p->answered[i] = false;
    Asking a = {.items = items, .n = n, .first_id = p->asked, .left = n};
    p->asked += n;
    return ask(p, &a, err);
}

static void program_free(void *self)
{
    Program *p = self;
    stop(p, NULL);
    mem_free(p->answered);
    str_release(&p->in);
    str_release(&p->out);
    str_release(&p->raw);
    str_release(&p->text);
    mem_free(p);
}

Status reward_from_program(Reward *out, const RewardPart *part, const Tokenizer *tok,
                           const ChatTemplate *chat, bool hurries, Err *err)
{
    *out = (Reward){0};
    Program *p;
    TRY(MEM_ARRAY(&p, 1, err));
    *p = (Program){.part = part, .tok = tok, .chat = chat, .hurries = hurries};
    if (start(p, err) != OK) {
        program_free(p);
        return err_context(err, "program");
    }
    *out = (Reward){p, part->o.name, program_score, program_free};
    return OK;
}
