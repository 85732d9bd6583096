/* ask_prompt.c - see ask_prompt.h. */
#include "cli/ask_prompt.h"

#include "base/file.h"
#include "base/mem.h"
#include "format/json.h"
#include "format/schema_dsl.h"
#include "think/code_block.h"

#include <string.h>

enum { MOST_FRAGMENT = 64 << 20 };

static const OptField fields[] = {
    OPT_TEXT(AskPromptOptions, template, NULL, "a saved prompt (-t); see --save"),
    OPT_TEXT(AskPromptOptions, save, NULL,
             "ask nothing: save this command line as a template of that name"),
    OPT_TEXT(AskPromptOptions, schema, NULL,
             "the answer is JSON: 'name, age int, bio', JSON Schema or its file"),
    OPT_TEXT(AskPromptOptions, schema_multi, NULL, "the same, several of them"),
    OPT_BOOL(AskPromptOptions, code, false,
             "print the first block of code of the answer alone (-x)"),
    OPT_BOOL(AskPromptOptions, code_last, false, "the last one (--xl)"),
    {"continue", OPT_BOOL_, offsetof(AskPromptOptions, resume), 0, 0, 1, NULL, NULL,
     "go on with the latest conversation (-c)", false},
    OPT_TEXT(AskPromptOptions, cid, NULL,
             "go on with the conversation that this id ends; `tame logs` lists them"),
    OPT_BOOL(AskPromptOptions, log, true,
             "keep the conversation; `tame logs off`: never"),
    OPT_TEXT(
        AskPromptOptions, store, NULL,
        "where it is kept; unset: TAME_TALKS, or tame/talks.db in XDG_DATA_HOME or "
        "~/.local/share"),
    OPT_END,
};
const OptTable ask_prompt_options = {
    "prompt",
    "prompts and conversations; -f FILE puts a file before the question, -p "
    "NAME VALUE\nfills a template's $NAME",
    sizeof(AskPromptOptions), fields};

void ask_prompt_release(AskPrompt *p)
{
    prompt_template_release(&p->template);
    talks_close(p->talks);
    p->talks = NULL;
    str_release(&p->model);
    str_release(&p->schema);
}

/* --- flags ------------------------------------------------------------------------------ */
static Status take_fragment(AskPrompt *p, const char *file, Err *err)
{
    if (p->n_fragments == ASK_MOST)
        return err_set(err, ERR_LIMIT, "more than %d fragments (-f)", ASK_MOST);
    p->fragments[p->n_fragments++] = file;
    return OK;
}

static Status take_param(AskPrompt *p, const char *name, const char *value, Err *err)
{
    if (p->n_params == ASK_MOST)
        return err_set(err, ERR_LIMIT, "more than %d parameters (-p)", ASK_MOST);
    p->params[p->n_params++] = (TemplateParam){span_of(name), span_of(value)};
    return OK;
}

/* How many words the flag at argv[i] has with its values when it is one of ours; 0. */
static int own_words(const char *flag)
{
    return strcmp(flag, "-f") == 0 || strcmp(flag, "--fragment") == 0 ? 2
           : strcmp(flag, "-p") == 0 || strcmp(flag, "--param") == 0  ? 3
                                                                      : 0;
}

static char *long_flag(char *flag)
{
    static char names[][2][16] = {{"-t", "--template"},
                                  {"-c", "--continue"},
                                  {"-x", "--code"},
                                  {"--xl", "--code-last"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(flag, names[i][0]) == 0)
            return names[i][1];
    }
    return flag;
}

/* The value of the template's flag at argv[i], or NULL. */
static const char *template_at(int argc, char **argv, int i)
{
    static const char flag[] = "--template";
    if (strcmp(argv[i], flag) == 0)
        return i + 1 < argc ? argv[i + 1] : NULL;
    bool equals =
        strncmp(argv[i], flag, sizeof flag - 1) == 0 && argv[i][sizeof flag - 1] == '=';
    return equals ? argv[i] + sizeof flag : NULL;
}

static Status take_flag(AskPrompt *p, int argc, char **argv, int i, int words, Err *err)
{
    if (i + words > argc)
        return err_set(err, ERR_OPTION,
                       words == 2 ? "-f needs a file" : "-p needs a name and a value");
    return words == 2 ? take_fragment(p, argv[i + 1], err)
                      : take_param(p, argv[i + 1], argv[i + 2], err);
}

Status ask_prompt_flags(AskPrompt *p, int *argc, char **argv, Err *err)
{
    int out = 1, i = 1;
    const char *name = NULL;
    while (i < *argc && argv[i] && strcmp(argv[i], "--") != 0) {
        int words = own_words(argv[i]);
        if (words > 0) {
            TRY(take_flag(p, *argc, argv, i, words, err));
            i += words;
            continue;
        }
        argv[i] = long_flag(argv[i]);
        const char *found = template_at(*argc, argv, i);
        name = found ? found : name;
        argv[out++] = argv[i++];
    }
    while (i < *argc)
        argv[out++] = argv[i++];
    *argc = out;
    if (name)
        TRY(prompt_template_load(name, &p->template, err));
    if (p->template.model)
        str_puts(&p->model, p->template.model);
    return str_check(&p->model, err);
}

/* --- options of a template ---------------------------------------------------------------- */
static Status set_anywhere(const OptBinding *bindings, size_t n, const char *key,
                           const char *value, Err *err)
{
    for (size_t i = 0; i < n; i++) {
        if (opt_find(bindings[i].table, key))
            return opt_set(bindings[i].table, bindings[i].o, key, value, err);
    }
    return opt_unknown(bindings[0].table, key, err);
}

static Status set_value(const OptBinding *bindings, size_t n, const char *key,
                        const json_t *value, Err *err)
{
    Str text = {0};
    json_append_plain(&text, value);
    Status status = str_check(&text, err);
    if (status == OK)
        status = set_anywhere(bindings, n, key, str_c(&text), err);
    str_release(&text);
    return status;
}

Status ask_prompt_defaults(const AskPrompt *p, const OptBinding *bindings, size_t n,
                           Err *err)
{
    const char *key;
    json_t *value;
    if (p->template.think)
        TRY(set_anywhere(bindings, n, "think", p->template.think, err));
    json_object_foreach(p->template.options, key, value)
    {
        if (set_value(bindings, n, key, value, err) != OK)
            return err_context(err, "the template's options");
    }
    return OK;
}

/* --- beginning ---------------------------------------------------------------------------- */
static Status go_on(AskPrompt *p, Conversation *talk, Err *err)
{
    TalkId id;
    TalkUse *uses = NULL;
    size_t n = 0;
    bool any = true;
    if (p->o.cid)
        TRY(talks_find(p->talks, span_of(p->o.cid), &id, err));
    else
        TRY(talks_last(p->talks, &id, &any, err));
    if (!any)
        return err_set(err, ERR_OPTION, "there is no conversation to go on with yet");
    TRY(talks_read(p->talks, &id, talk, err));
    if (talk->messages[talk->n - 1].role != ROLE_ASSISTANT)
        return err_set(err, ERR_OPTION,
                       "that message is no answer; a conversation goes on from one");
    TRY(talks_list(p->talks, (Span){0}, &id, INT32_MAX, &uses, &n, err));
    for (size_t i = n; i > 0; i--) { /* the newest of this very answer stands first */
        if (talk_id_equal(&uses[i - 1].node, &id)) {
            str_reset(&p->model);
            str_span_append(&p->model, str_span(&uses[i - 1].model));
        }
        talk_use_release(&uses[i - 1]);
    }
    mem_free(uses);
    return str_check(&p->model, err);
}

/* A schema, and the short form of one, have other characters. */
static bool names_file(const char *said)
{
    size_t len = strlen(said);
    return strcspn(said, "{ ,\t\n") == len &&
           (strchr(said, '/') || (len > 5 && strcmp(said + len - 5, ".json") == 0));
}

static Status read_schema(AskPrompt *p, Err *err)
{
    const char *said = p->o.schema_multi ? p->o.schema_multi : p->o.schema;
    json_t *tree = NULL;
    Str text = {0};
    Status status = OK;
    if (said && (file_exists(said) ? !file_is_folder(said) : names_file(said)))
        status = file_read(said, SCHEMA_DSL_BYTES, &text, err);
    else if (said)
        str_puts(&text, said);
    if (status == OK && said)
        status =
            schema_dsl_parse(str_span(&text), p->o.schema_multi != NULL, &tree, err);
    else if (status == OK)
        tree = json_incref(p->template.schema);
    if (tree)
        json_append(&p->schema, tree);
    json_decref(tree);
    str_release(&text);
    return status == OK ? str_check(&p->schema, err) : status;
}

Status ask_prompt_begin(AskPrompt *p, Conversation *talk, Err *err)
{
    TRY(read_schema(p, err));
    if (!p->o.cid && !p->o.resume)
        return OK;
    TRY(talks_open(&p->talks, p->o.store, false, err));
    return go_on(p, talk, err);
}

/* --- the question ------------------------------------------------------------------------- */
static Status add_fragments(const AskPrompt *p, Str *out, Err *err)
{
    for (size_t i = 0; i < p->n_fragments; i++) {
        Str bytes = {0};
        TRY(file_read(p->fragments[i], MOST_FRAGMENT, &bytes, err));
        Span text = span_trim(str_span(&bytes));
        if (text.len > 0 && out->len > 0)
            str_puts(out, "\n\n");
        str_span_append(out, text);
        str_release(&bytes);
    }
    return str_check(out, err);
}

static Status make_turns(AskPrompt *p, const char *given, Span input, Str *prompt,
                         Str *system, Err *err)
{
    Str filled = {0};
    Status status = add_fragments(p, prompt, err);
    if (status == OK)
        status = prompt_template_apply(&p->template, p->params, p->n_params, input,
                                       &filled, system, err);
    if (prompt->len > 0 && filled.len > 0)
        str_puts(prompt, "\n\n");
    str_span_append(prompt, str_span(&filled));
    str_release(&filled);
    if (given) {
        str_reset(system);
        str_puts(system, given);
    }
    TRY(status);
    TRY(str_check(system, err));
    return str_check(prompt, err);
}

static Status add_turns(const Str *prompt, const Str *system, Conversation *talk,
                        Err *err)
{
    if (span_trim(str_span(prompt)).len == 0)
        return err_set(err, ERR_OPTION,
                       "no question: it stands behind MODEL, or comes through a pipe");
    if (system->len > 0 && talk->n > 0)
        return err_set(err, ERR_OPTION,
                       "a system text stands at the beginning of a conversation, and "
                       "this one has begun");
    if (system->len > 0)
        TRY(conversation_add(talk, ROLE_SYSTEM, str_span(system), err));
    return conversation_add(talk, ROLE_USER, str_span(prompt), err);
}

Status ask_prompt_question(AskPrompt *p, const char *system, Span input,
                           Conversation *talk, Err *err)
{
    Str prompt = {0}, text = {0};
    Status status = make_turns(p, system, input, &prompt, &text, err);
    if (status == OK)
        status = add_turns(&prompt, &text, talk, err);
    str_release(&prompt);
    str_release(&text);
    return status;
}

const LmConstraint *ask_prompt_constraint(AskPrompt *p)
{
    if (p->schema.len == 0)
        return NULL;
    p->constraint =
        (LmConstraint){.kind = LM_JSON_SCHEMA, .text = str_span(&p->schema)};
    return &p->constraint;
}

/* --- the answer --------------------------------------------------------------------------- */
bool ask_prompt_extracts(const AskPrompt *p)
{
    return p->o.code || p->o.code_last || p->template.extract != EXTRACT_NO;
}

Span ask_prompt_extract(const AskPrompt *p, Span answer, bool *found)
{
    Span code;
    *found = true;
    if (!ask_prompt_extracts(p))
        return answer;
    bool last = p->o.code_last || (!p->o.code && p->template.extract == EXTRACT_LAST);
    *found = code_block_find(answer, last, &code);
    return *found ? code : answer;
}

/* --- saving ------------------------------------------------------------------------------- */
static Status copy(char **out, const char *text, Err *err)
{
    *out = text ? mem_dup(text, strlen(text)) : NULL;
    return *out || !text ? OK : err_set(err, ERR_NOMEM, "no memory for a template");
}

/* What of one table differs from its defaults. */
static Status add_changed(const OptBinding *b, json_t *options, Err *err)
{
    const char *key;
    json_t *value, *now = json_from_options(b->table, b->o), *then = NULL;
    void *usual = mem_alloc_array(1, b->table->size);
    Status status = usual && now ? opt_defaults(b->table, usual, err)
                                 : err_set(err, ERR_NOMEM, "no memory for options");
    if (status == OK)
        then = json_from_options(b->table, usual);
    json_object_foreach(now, key, value)
    {
        if (status == OK && !json_equal(value, json_object_get(then, key)) &&
            json_object_set(options, key, value) != 0)
            status = err_set(err, ERR_NOMEM, "no memory for options");
    }
    if (usual)
        opt_release(b->table, usual);
    mem_free(usual);
    json_decref(now);
    json_decref(then);
    return status;
}

static Status fill_template(const AskPrompt *p, PromptTemplate *t, const AskLine *line,
                            Err *err)
{
    const PromptTemplate *old = &p->template;
    TRY(copy(&t->prompt, line->words ? line->words : old->prompt, err));
    TRY(copy(&t->system, line->system ? line->system : old->system, err));
    TRY(copy(&t->model, line->model ? line->model : old->model, err));
    TRY(copy(&t->think, line->think ? line->think : old->think, err));
    t->defaults = json_incref(old->defaults);
    t->options = json_object();
    for (size_t i = 0; i < line->n; i++)
        TRY(add_changed(&line->bindings[i], t->options, err));
    if (json_object_size(t->options) == 0) {
        json_decref(t->options);
        t->options = NULL;
    }
    if (p->schema.len > 0)
        TRY(json_parse(str_span(&p->schema), &t->schema, err));
    t->extract = p->o.code_last ? EXTRACT_LAST
                 : p->o.code    ? EXTRACT_FIRST
                                : old->extract;
    return OK;
}

Status ask_prompt_save(const AskPrompt *p, const AskLine *line, Err *err)
{
    PromptTemplate t = {0};
    Status status = fill_template(p, &t, line, err);
    if (status == OK && !t.prompt && !t.system)
        status =
            err_set(err, ERR_OPTION,
                    "there is nothing to save: give a prompt, or a system text (-s)");
    if (status == OK)
        status = prompt_template_save(p->o.save, &t, err);
    prompt_template_release(&t);
    return status;
}

/* --- keeping ------------------------------------------------------------------------------ */
static Status keep(AskPrompt *p, const Conversation *talk, Span answer, TalkUse *use,
                   Err *err)
{
    TalkId id;
    Conversation whole = {0};
    Status status = conversation_copy(&whole, talk, err);
    if (status == OK)
        status = conversation_add(&whole, ROLE_ASSISTANT, answer, err);
    if (status == OK)
        status = talks_put(p->talks, &whole, use, &id, err);
    conversation_release(&whole);
    return status;
}

Status ask_prompt_keep(AskPrompt *p, const Conversation *talk, Span answer,
                       TalkUse *use, bool *kept, Err *err)
{
    *kept = false;
    if (!p->o.log)
        return OK;
    if (!p->talks)
        TRY(talks_open(&p->talks, p->o.store, true, err));
    TRY(talks_enabled(p->talks, kept, err));
    return *kept ? keep(p, talk, answer, use, err) : OK;
}
