/* constrained.c - see constrained.h. All constraints become a template with blanks: a lone
 * one is a template that is all blank, a document's prompt is fixed text in front of it,
 * so that the seam between them is healed as any other. */
#include "cli/constrained.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/system.h"
#include "cli/stream.h"
#include "engine/constraint/filled.h"
#include "format/json.h"

#include <stdio.h>
#include <string.h>

enum {
    MOST_FILE = 1 << 20,
    SEAM_TOKENS = 4 /* of a prompt, whose end the answer may draw anew */
};

#define ANSWER_MARK "\nAnswer: "

static const OptField fields[] = {
    OPT_TEXT(ConstrainOptions, choices, NULL, "the answer is one of these: \"yes|no\""),
    OPT_TEXT(ConstrainOptions, regex, NULL, "the answer matches this, as a whole"),
    OPT_TEXT(ConstrainOptions, schema, NULL,
             "the answer is JSON that is valid under the JSON Schema in this file"),
    OPT_TEXT(ConstrainOptions, grammar, NULL,
             "the answer is a text of the grammar in this file (GBNF)"),
    OPT_TEXT(ConstrainOptions, template, NULL,
             "the answer fills the blanks of this file: {{gen \"a\" regex=\"\\d+\"}}"),
    OPT_BOOL(ConstrainOptions, think_first, 0,
             "free text first, for at most half of --max-new; then the answer, as the "
             "others say"),
    OPT_END,
};
const OptTable constrain_options = {"constrain", "what the answer must look like",
                                    sizeof(ConstrainOptions), fields};

bool constrain_wanted(const ConstrainOptions *o)
{
    return o->choices || o->regex || o->schema || o->grammar || o->template;
}

/* --- from options to blanks ---------------------------------------------------------------- */
static Status check_options(const ConstrainOptions *o, Err *err)
{
    int n = (o->choices != NULL) + (o->regex != NULL) + (o->schema != NULL) +
            (o->grammar != NULL) + (o->template != NULL);
    if (n > 1)
        return err_set(err, ERR_OPTION,
                       "only one of --choices, --regex, --schema, --grammar and "
                       "--template says what the answer looks like");
    if (o->template && o->think_first)
        return err_set(err, ERR_OPTION,
                       "--think-first and --template: a template has a blank for "
                       "thoughts of its own");
    return OK;
}

/* The pieces between '|'. */
static Status split(Span text, Span **out, size_t *n, Err *err)
{
    *n = 1;
    for (size_t i = 0; i < text.len; i++)
        *n += text.ptr[i] == '|';
    TRY(MEM_ARRAY(out, *n, err));
    size_t begin = 0, k = 0;
    for (size_t i = 0; i <= text.len; i++) {
        if (i < text.len && text.ptr[i] != '|')
            continue;
        (*out)[k++] = (Span){text.ptr + begin, i - begin};
        begin = i + 1;
    }
    return OK;
}

static Status parse_file(Blanks *b, ConstraintKind kind, const char *path,
                         int32_t *node, Err *err)
{
    Str text = {0};
    TRY(file_read(path, MOST_FILE, &text, err));
    ConstraintText constraint = {.kind = kind, .text = str_span(&text)};
    Status status = constraint_parse(&b->g, &constraint, node, err);
    str_release(&text);
    return status == OK ? OK : err_context(err, "'%s'", path);
}

static Status parse_alone(Blanks *b, const ConstrainOptions *o, int32_t *node, Err *err)
{
    if (o->schema)
        return parse_file(b, CONSTRAINT_JSON_SCHEMA, o->schema, node, err);
    if (o->grammar)
        return parse_file(b, CONSTRAINT_GBNF, o->grammar, node, err);
    ConstraintText text = {.kind = CONSTRAINT_REGEX};
    Span *choices = NULL;
    Status status = OK;
    if (o->regex) {
        text.text = span_of(o->regex);
    } else {
        text.kind = CONSTRAINT_CHOICES;
        status = split(span_of(o->choices), &choices, &text.n_choices, err);
        text.choices = choices;
    }
    if (status == OK)
        status = constraint_parse(&b->g, &text, node, err);
    mem_free(choices);
    return status == OK ? OK : err_context(err, o->regex ? "--regex" : "--choices");
}

/* `seam`: what a document's prompt ends with. */
static Status make_blanks(const Constrained *c, Span seam, Blanks *b, Err *err)
{
    int32_t node = 0;
    TRY(check_options(c->o, err));
    if (c->o->template) {
        Str text = {0};
        const BlanksValue values[] = {{SPAN("prompt"), c->prompt}};
        TRY(file_read(c->o->template, MOST_FILE, &text, err));
        Status status = blanks_parse(b, str_span(&text), values, 1, err);
        str_release(&text);
        return status == OK ? OK : err_context(err, "'%s'", c->o->template);
    }
    TRY(blanks_add_text(b, seam, err));
    TRY(parse_alone(b, c->o, &node, err));
    if (c->o->think_first)
        TRY(blanks_add_until(b, SPAN("thoughts"), SPAN(ANSWER_MARK),
                             c->sample->max_new / 2 + 1, err));
    return blanks_add(b, SPAN("answer"), node, 0, err);
}

/* --- the answer ------------------------------------------------------------------------------- */
typedef struct Turn {
    const Constrained *c;
    Blanks blanks;
    TokenTrie *trie;
    Constraint *constraint;
    ConstraintRun *run;
    Str seam;
    Stream stream;
    bool streams;   /* the text is shown while it is written */
    size_t n_fixed; /* ids of the text that are in the prompt */
    EngineResult result;
    bool complete;
    Span *values; /* of the parts; NULL: not complete */
} Turn;

static bool allow(void *self, const int32_t *ids, int64_t n, uint32_t *allowed)
{
    return constraint_run_allow(((Turn *)self)->run, ids, n, allowed);
}

static Status force(void *self, int64_t request, const int32_t *ids, int64_t n,
                    bool *go_on, int32_t *out, int64_t room, int64_t *n_force, Err *err)
{
    (void)request;
    (void)go_on;
    return constraint_run_force(((Turn *)self)->run, ids, n, out, room, n_force, err);
}

static bool show_token(void *self, int64_t request, int32_t id, bool forced)
{
    Turn *t = self;
    (void)request;
    (void)forced;
    if (t->streams)
        stream_put(&t->stream, id);
    return !system_stop_requested();
}

/* Takes the last tokens off a document's prompt: their text is the constraint's. */
static Status take_seam(Turn *t, Ids *ids, Err *err)
{
    const Tokenizer *tok = t->c->loaded->tok;
    if (!t->c->document || t->c->o->template)
        return OK;
    size_t first = ids->len;
    while (first > 0 && ids->len - first < SEAM_TOKENS &&
           !tokenizer_is_special(tok, ids->ptr[first - 1]))
        first--;
    for (size_t i = first; i < ids->len; i++)
        str_span_append(&t->seam, tokenizer_bytes_after(
                                      tok, i > 0 ? ids->ptr[i - 1] : -1, ids->ptr[i]));
    ids->len = first;
    return str_check(&t->seam, err);
}

static Status prepare(Turn *t, Ids *ids, Err *err)
{
    const Constrained *c = t->c;
    TRY(take_seam(t, ids, err));
    TRY(make_blanks(c, str_span(&t->seam), &t->blanks, err));
    TRY(token_trie_new(&t->trie, c->loaded->tok, err));
    TRY(filled_constraint(&t->constraint, &t->blanks, t->trie, err));
    TRY(constraint_run_new(&t->run, t->constraint, c->ends, c->n_ends, err));
    size_t before = ids->len;
    TRY(constraint_run_prompt(t->run, c->sample->max_new, ids, err));
    t->n_fixed = ids->len - before;
    if (ids->len >= (size_t)engine_capacity(c->engine))
        return err_set(err, ERR_LIMIT,
                       "the prompt has %zu tokens and the context holds %d", ids->len,
                       engine_capacity(c->engine));
    /* The context may leave less than was asked for. */
    int64_t room = engine_capacity(c->engine) - (int64_t)ids->len;
    if (room < c->sample->max_new) {
        ids->len = before;
        TRY(constraint_run_prompt(t->run, room, ids, err));
    }
    if (ids->len == 0)
        return err_set(err, ERR_OPTION,
                       "nothing to begin with: the text is empty and the tokenizer has "
                       "no token that begins a document");
    return OK;
}

static void begin_stream(Turn *t, const Ids *ids)
{
    const Constrained *c = t->c;
    size_t before = ids->len - t->n_fixed;
    bool part = c->document && !c->echo && !c->o->template;
    t->streams = !c->json && !c->o->think_first && !part;
    if (!t->streams)
        return;
    stream_init(&t->stream, c->loaded->tok, NULL, ids->ptr, before);
    if (c->document && !c->o->template)
        stream_show_context(&t->stream);
    for (size_t i = before; i < ids->len; i++)
        stream_put(&t->stream, ids->ptr[i]);
}

static Status run(Turn *t, const Ids *ids, Err *err)
{
    const Constrained *c = t->c;
    EngineRequest request = {.prompt = ids->ptr,
                             .n_prompt = (int64_t)ids->len,
                             .sample = *c->sample,
                             .index = c->index,
                             .stop_ids = c->ends,
                             .n_stop_ids = c->n_ends,
                             .hook = force,
                             .constraint = allow,
                             .on_token = show_token,
                             .self = t};
    begin_stream(t, ids);
    Status status = engine_run(c->engine, &request, 1, &t->result, NULL, err);
    if (t->streams) {
        stream_end(&t->stream);
        putchar('\n');
        fflush(stdout);
        stream_release(&t->stream);
    }
    TRY(status);
    return constraint_run_end(t->run, t->result.ids, t->result.n, &t->complete, err);
}

/* --- what came out ---------------------------------------------------------------------------- */
static Status read_values(Turn *t, Err *err)
{
    int64_t *cuts = NULL;
    if (!t->complete)
        return OK;
    Status status = MEM_ARRAY(&cuts, t->blanks.n, err);
    if (status == OK)
        status = MEM_ARRAY(&t->values, t->blanks.n, err);
    for (size_t i = 0; status == OK && i < t->blanks.n; i++)
        cuts[i] = constraint_run_cut(t->run, (int32_t)i);
    if (status == OK)
        status =
            filled_read(&t->blanks, constraint_run_text(t->run), cuts, t->values, err);
    mem_free(cuts);
    return status;
}

static int64_t forced_tokens(const Turn *t)
{
    int64_t n = 0;
    for (int64_t i = 0; i < t->result.n; i++)
        n += t->result.forced[i];
    return n;
}

static void show_json(const Turn *t)
{
    Str out = {0};
    json_t *root = json_object(), *blanks = json_object();
    Span text = constraint_run_text(t->run);
    if (t->seam.len <= text.len) {
        text.ptr += t->seam.len;
        text.len -= t->seam.len;
    }
    for (size_t i = 0; t->values && i < t->blanks.n; i++) {
        if (t->blanks.parts[i].name)
            json_object_set_new(blanks, t->blanks.parts[i].name,
                                json_from_bytes(t->values[i]));
    }
    json_object_set_new(root, "text", json_from_bytes(text));
    json_object_set_new(root, "blanks", t->values ? blanks : json_null());
    if (!t->values)
        json_decref(blanks);
    json_object_set_new(root, "complete", json_boolean(t->complete));
    json_object_set_new(root, "kept", json_real(engine_result_kept(&t->result)));
    json_object_set_new(root, "tokens", json_integer(t->result.n));
    json_object_set_new(root, "forced", json_integer(forced_tokens(t)));
    json_append(&out, root);
    puts(str_c(&out));
    str_release(&out);
    json_decref(root);
}

/* The last part alone, when the text was not shown while it was written. */
static void show_answer(const Turn *t)
{
    Span text = constraint_run_text(t->run);
    if (t->values) {
        if (t->c->o->think_first) {
            Str thoughts = {0};
            str_span_append(&thoughts, t->values[t->blanks.n - 2]);
            stream_note(str_c(&thoughts));
            str_release(&thoughts);
        }
        text = t->values[t->blanks.n - 1];
    } else if (t->seam.len <= text.len) {
        text = (Span){text.ptr + t->seam.len, text.len - t->seam.len};
    }
    fwrite(text.ptr, 1, text.len, stdout);
    putchar('\n');
    fflush(stdout);
}

static void show_notes(const Turn *t)
{
    char line[160];
    if (!t->complete && t->result.finish == FINISH_ABORTED)
        stream_note("[stopped: the answer is not complete]");
    if (!t->c->verbose)
        return;
    (void)snprintf(line, sizeof line,
                   "[%lld tokens, %lld of them forced; of the probability the "
                   "constraint left %.3g %%]",
                   (long long)t->result.n, (long long)forced_tokens(t),
                   100 * engine_result_kept(&t->result));
    stream_note(line);
}

static void release(Turn *t)
{
    engine_result_release(&t->result);
    constraint_run_free(t->run);
    constraint_free(t->constraint);
    token_trie_free(t->trie);
    blanks_release(&t->blanks);
    str_release(&t->seam);
    mem_free(t->values);
}

Status constrained_show(const Constrained *c, Ids *ids, Err *err)
{
    Turn t = {.c = c};
    Status status = prepare(&t, ids, err);
    if (status == OK)
        status = run(&t, ids, err);
    if (status == OK)
        status = read_values(&t, err);
    if (status == OK) {
        if (c->json)
            show_json(&t);
        else if (!t.streams)
            show_answer(&t);
        show_notes(&t);
        if (!t.complete && t.result.finish != FINISH_ABORTED)
            status = err_set(err, ERR_LIMIT,
                             "the answer is cut: %lld tokens (--max-new, or the "
                             "context) are too few for the shortest there is",
                             (long long)t.result.n);
    }
    release(&t);
    return status;
}
