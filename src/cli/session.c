/* session.c - see session.h. The whole conversation is rendered and read anew for each
 * answer: one rule for what the model sees, the template's. */
#include "cli/session.h"

#include "base/system.h"
#include "cli/stream.h"
#include "data/world/judge.h"
#include "think/answer.h"

#include <stdio.h>

Status session_init(Session *s, const Loaded *loaded, const SampleOptions *sample,
                    int64_t max_calls, const char *world_json, Err *err)
{
    *s = (Session){.loaded = loaded, .sample = *sample};
    Status status = engine_new(&s->engine, loaded->model, 1, 0, NULL, err);
    if (status == OK && max_calls > 0)
        status = tools_new(&s->tools, loaded->tok, loaded->chat, max_calls, err);
    if (status == OK && world_json)
        status = world_open(&s->world, world_json, err);
    if (status != OK)
        session_release(s);
    return status;
}

void session_release(Session *s)
{
    conversation_release(&s->talk);
    tools_free(s->tools);
    call_guard_free(s->guard);
    engine_free(s->engine);
    world_free(s->world);
    *s = (Session){0};
}

Status session_offer(Session *s, const Toolbox *box, ToolApprove approve, void *self,
                     Err *err)
{
    if (!s->tools)
        return err_set(err, ERR_OPTION,
                       "tools are given, but --max-calls 0 allows no call");
    TRY(call_guard_new(&s->guard, s->loaded->tok, s->loaded->chat, box, err));
    tools_use(s->tools, box, approve, self);
    return OK;
}

Status session_reset(Session *s, Span system, Err *err)
{
    conversation_reset(&s->talk);
    return system.len > 0 ? conversation_add(&s->talk, ROLE_SYSTEM, system, err) : OK;
}

/* --- one answer -------------------------------------------------------------------- */
typedef struct Turn {
    Session *session;
    Stream stream;
    CallGuardRun *calls; /* NULL: calls are free */
} Turn;

static bool show_token(void *self, int64_t request, int32_t id, bool forced)
{
    (void)request;
    (void)forced;
    stream_put(&((Turn *)self)->stream, id);
    return !system_stop_requested();
}

static Status call_tools(void *self, int64_t request, const int32_t *ids, int64_t n,
                         bool *go_on, int32_t *force, int64_t room, int64_t *n_force,
                         Err *err)
{
    Session *s = ((Turn *)self)->session;
    return tools_hook(s->tools, request, ids, n, go_on, force, room, n_force, err);
}

static bool hold_calls(void *self, const int32_t *ids, int64_t n, uint32_t *allowed)
{
    return call_guard_allow(((Turn *)self)->calls, ids, n, allowed);
}

static Status guard_calls(const Session *s, const Ids *prompt, Turn *turn, Err *err)
{
    int64_t room = engine_capacity(s->engine) - (int64_t)prompt->len;
    if (s->sample.max_new < room)
        room = s->sample.max_new;
    return s->guard ? call_guard_run(s->guard, room, &turn->calls, err) : OK;
}

/* The first n messages stay. */
static Status keep_messages(Conversation *c, size_t n, Err *err)
{
    Conversation kept = {0};
    Conversation first = {c->messages, n, n};
    TRY(conversation_copy(&kept, &first, err));
    conversation_release(c);
    *c = kept;
    return OK;
}

/* What was answered joins the conversation; when nothing was, the question leaves it.
 * Turns that do not parse (a special token in the middle, a call without its result) are
 * kept as the text that was shown. */
static Status remember(Session *s, const EngineResult *r, Span text, Err *err)
{
    Err why;
    size_t before = s->talk.n;
    Status status = ERR_FORMAT;
    if (answer_ended(s->loaded->chat, r))
        status = template_parse_answer(s->loaded->chat, r->ids, (size_t)r->n, &s->talk,
                                       &why);
    if (status == OK && conversation_check(&s->talk, &why) == OK)
        return OK;
    if (s->talk.n > before)
        TRY(keep_messages(&s->talk, before, err));
    if (text.len == 0)
        return keep_messages(&s->talk, before - 1, err);
    return conversation_add(&s->talk, ROLE_ASSISTANT, text, err);
}

static void note_score(const Session *s, Span question, Span answer, bool ended)
{
    JudgeScore j;
    char line[200];
    judge_score(s->world, question, answer, ended, &j);
    (void)snprintf(line, sizeof line,
                   "[gold %+.2f: correct %.2f, relevant %.2f, form %.2f, manners %.2f, "
                   "brief %.2f, fresh %.2f]",
                   j.total, j.correct, j.relevant, j.form, j.manners, j.brief, j.fresh);
    stream_note(line);
}

/* What the people should know about how the answer ended. */
static void note_finish(const Session *s, const EngineResult *r)
{
    char line[120];
    if (r->finish == FINISH_LENGTH)
        (void)snprintf(line, sizeof line, "[cut at %lld tokens: --max-new allows more]",
                       (long long)r->n);
    else if (r->finish == FINISH_CONTEXT)
        (void)snprintf(line, sizeof line,
                       "[cut: the context of %d tokens is full; /reset starts anew]",
                       engine_capacity(s->engine));
    else if (r->finish == FINISH_ABORTED)
        (void)snprintf(line, sizeof line, "[stopped]");
    else
        return;
    stream_note(line);
}

static Status run_turn(Session *s, const Ids *prompt, EngineResult *result, Err *err)
{
    const Loaded *l = s->loaded;
    int32_t stops[9] = {template_end(l->chat)};
    for (int32_t i = 0; i < l->n_ends; i++)
        stops[i + 1] = l->ends[i];
    Turn turn = {.session = s};
    TRY(guard_calls(s, prompt, &turn, err));
    stream_init(&turn.stream, l->tok, l->chat, NULL, 0);
    EngineRequest request = {.prompt = prompt->ptr,
                             .n_prompt = (int64_t)prompt->len,
                             .sample = s->sample,
                             .index = s->answers++,
                             .share_prompt = true,
                             .stop_ids = stops,
                             .n_stop_ids = l->n_ends + 1,
                             .hook = s->tools ? call_tools : NULL,
                             .constraint = turn.calls ? hold_calls : NULL,
                             .on_token = show_token,
                             .self = &turn};
    Status status = engine_run(s->engine, &request, 1, result, NULL, err);
    stream_end(&turn.stream);
    putchar('\n');
    fflush(stdout);
    stream_release(&turn.stream);
    call_guard_run_free(turn.calls);
    return status;
}

/* The answer to the last message, a user's. */
static Status answer(Session *s, Err *err)
{
    const Loaded *l = s->loaded;
    Ids prompt = {0};
    Str text = {0};
    EngineResult result = {0};
    Status status = template_render(l->chat, &s->talk, true, &prompt, NULL, err);
    if (status == OK && prompt.len >= (size_t)engine_capacity(s->engine))
        status = err_set(err, ERR_LIMIT,
                         "the conversation has %zu tokens and the context holds %d: "
                         "/reset starts a new one",
                         prompt.len, engine_capacity(s->engine));
    if (status == OK)
        status = run_turn(s, &prompt, &result, err);
    if (status == OK)
        status = answer_text(l->tok, l->chat, result.ids, result.n, &text, err);
    if (status == OK) {
        const Message *asked = &s->talk.messages[s->talk.n - 1];
        note_finish(s, &result);
        if (s->world)
            note_score(s, (Span){asked->content, asked->len}, str_span(&text),
                       answer_ended(l->chat, &result));
        status = remember(s, &result, str_span(&text), err);
    }
    engine_result_release(&result);
    str_release(&text);
    ids_release(&prompt);
    return status;
}

Status session_ask(Session *s, Span text, Err *err)
{
    size_t before = s->talk.n;
    TRY(conversation_add(&s->talk, ROLE_USER, text, err));
    Status status = answer(s, err);
    if (status != OK) {
        Err why;
        if (keep_messages(&s->talk, before, &why) != OK)
            conversation_reset(&s->talk);
    }
    return status;
}

Status session_regenerate(Session *s, Err *err)
{
    size_t n = s->talk.n;
    while (n > 0 && s->talk.messages[n - 1].role != ROLE_USER)
        n--;
    if (n == 0)
        return err_set(err, ERR_OPTION, "there is no answer to write again");
    TRY(keep_messages(&s->talk, n, err));
    return answer(s, err);
}
