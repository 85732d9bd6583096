/* openai_request.c - requests as endpoints read them, see openai.h.
 *
 * jansson's constructors give NULL without memory, its setters fail with NULL, and a tree
 * that lacks something would be sent: so every setter's result goes into `failed`. */
#include "think/lm/openai.h"

#include "base/rng.h"
#include "format/json.h"

#include <math.h>
#include <string.h>

typedef struct Body {
    json_t *root;
    bool failed;
} Body;

static void put(Body *b, json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) != 0)
        b->failed = true;
}

static void push(Body *b, json_t *list, json_t *value)
{
    if (json_array_append_new(list, value) != 0)
        b->failed = true;
}

/* --- messages --------------------------------------------------------------------------- */
/* The arguments of a call as a JSON object: as they are, or as the one argument that the
 * tool's plain form means, "12*7" as {"expression":"12*7"}. */
static json_t *arguments_text(const Message *m, const Toolbox *tools)
{
    Span args = message_call_args(m);
    json_t *tree = NULL;
    Err ignored = {0};
    if (args.len > 0 && json_parse(args, &tree, &ignored) == OK &&
        json_is_object(tree)) {
        json_decref(tree);
        return json_from_bytes(args);
    }
    json_decref(tree);
    if (span_trim(args).len == 0)
        return json_string("{}");
    const Tool *tool = tools ? toolbox_find(tools, message_call_name(m)) : NULL;
    Str text = {0};
    str_putc(&text, '{');
    json_append_string(&text,
                       span_of(tool && tool->argument ? tool->argument : "input"));
    str_putc(&text, ':');
    json_append_string(&text, args);
    str_putc(&text, '}');
    json_t *out = text.failed ? NULL : json_from_bytes(str_span(&text));
    str_release(&text);
    return out;
}

/* Calls are made one at a time and answered by the message that follows, so the number of
 * the call's message names both. */
static json_t *call_id(size_t message)
{
    return json_sprintf("call_%zu", message);
}

static void put_call(Body *b, json_t *o, const Message *m, size_t i,
                     const Toolbox *tools)
{
    json_t *calls = json_array(), *call = json_object(), *function = json_object();
    put(b, function, "name", json_from_bytes(message_call_name(m)));
    put(b, function, "arguments", arguments_text(m, tools));
    put(b, call, "id", call_id(i));
    put(b, call, "type", json_string("function"));
    put(b, call, "function", function);
    push(b, calls, call);
    put(b, o, "content",
        m->len > 0 ? json_from_bytes((Span){m->content, m->len}) : json_null());
    put(b, o, "tool_calls", calls);
}

static json_t *message_tree(Body *b, const Conversation *c, size_t i,
                            const Toolbox *tools)
{
    const Message *m = &c->messages[i];
    json_t *o = json_object();
    put(b, o, "role", json_string(role_name(m->role)));
    if (m->role == ROLE_ASSISTANT && m->call_name)
        put_call(b, o, m, i, tools);
    else
        put(b, o, "content", json_from_bytes((Span){m->content, m->len}));
    if (m->role == ROLE_TOOL && i > 0)
        put(b, o, "tool_call_id", call_id(i - 1));
    return o;
}

static void put_messages(Body *b, const LmRequest *r)
{
    json_t *list = json_array();
    for (size_t i = 0; i < r->talk->n; i++)
        push(b, list, message_tree(b, r->talk, i, r->tools));
    if (r->prefix.len > 0) { /* vLLM wants it said, llama.cpp takes it as it stands */
        json_t *o = json_object();
        put(b, o, "role", json_string("assistant"));
        put(b, o, "content", json_from_bytes(r->prefix));
        push(b, list, o);
        put(b, b->root, "add_generation_prompt", json_false());
        put(b, b->root, "continue_final_message", json_true());
    }
    put(b, b->root, "messages", list);
}

static void put_document(Body *b, const LmRequest *r)
{
    Str text = {0};
    str_span_append(&text, r->document);
    str_span_append(&text, r->prefix);
    put(b, b->root, "prompt", text.failed ? NULL : json_from_bytes(str_span(&text)));
    str_release(&text);
}

static void put_tools(Body *b, const Toolbox *tools)
{
    json_t *list = json_array();
    for (size_t i = 0; i < tools->n; i++) {
        json_t *o = json_object(), *function = json_object();
        put(b, function, "name", json_string(tools->tools[i].name));
        put(b, function, "description", json_string(tools->tools[i].description));
        /* a copy: counting references is not safe from several threads */
        put(b, function, "parameters", json_deep_copy(tools->tools[i].parameters));
        put(b, o, "type", json_string("function"));
        put(b, o, "function", function);
        push(b, list, o);
    }
    put(b, b->root, "tools", list);
}

/* --- constraints ------------------------------------------------------------------------ */
/* Whether OpenAI's strict mode takes it: every object lists all its members as required
 * and allows no others. */
static bool is_strict(const json_t *schema)
{
    const char *key;
    json_t *value;
    size_t i;
    if (json_is_array(schema)) {
        json_array_foreach(schema, i, value)
        {
            if (!is_strict(value))
                return false;
        }
        return true;
    }
    if (!json_is_object(schema))
        return true;
    const json_t *properties = json_object_get(schema, "properties");
    if (json_is_object(properties) &&
        (!json_is_false(json_object_get(schema, "additionalProperties")) ||
         json_array_size(json_object_get(schema, "required")) !=
             json_object_size(properties)))
        return false;
    json_object_foreach(json_iterable(schema), key, value)
    {
        if (!is_strict(value))
            return false;
    }
    return true;
}

static json_t *choices_list(Body *b, const LmConstraint *c)
{
    json_t *list = json_array();
    for (size_t i = 0; i < c->n_choices; i++)
        push(b, list, json_from_bytes(c->choices[i]));
    return list;
}

/* {"answer": one of the choices}: a schema's root must be an object. */
static json_t *choices_schema(Body *b, const LmConstraint *c)
{
    json_t *root = json_object(), *properties = json_object(), *answer = json_object(),
           *required = json_array();
    put(b, answer, "type", json_string("string"));
    put(b, answer, "enum", choices_list(b, c));
    put(b, properties, "answer", answer);
    push(b, required, json_string("answer"));
    put(b, root, "type", json_string("object"));
    put(b, root, "properties", properties);
    put(b, root, "required", required);
    put(b, root, "additionalProperties", json_false());
    return root;
}

static void put_schema(Body *b, json_t *schema, const OpenaiWay *way)
{
    json_t *format = json_object();
    if (way->json_object) {
        put(b, format, "type", json_string("json_object"));
        put(b, format, "schema", schema);
    } else {
        json_t *named = json_object();
        put(b, named, "name", json_string("answer"));
        if (is_strict(schema))
            put(b, named, "strict", json_true());
        put(b, named, "schema", schema);
        put(b, format, "type", json_string("json_schema"));
        put(b, format, "json_schema", named);
    }
    put(b, b->root, "response_format", format);
}

/* root ::= "yes" | "no" */
static json_t *choices_grammar(const LmConstraint *c)
{
    Str text = {0};
    str_puts(&text, "root ::= ");
    for (size_t i = 0; i < c->n_choices; i++) {
        str_puts(&text, i ? " | " : "");
        json_append_string(&text, c->choices[i]); /* GBNF's strings are like JSON's */
    }
    json_t *out = text.failed ? NULL : json_from_bytes(str_span(&text));
    str_release(&text);
    return out;
}

static void put_structured(Body *b, const char *key, json_t *value)
{
    json_t *o = json_object();
    put(b, o, key, value);
    put(b, b->root, "structured_outputs", o);
}

static Status lacks(const char *what, Err *err)
{
    return err_set(err, ERR_OPTION,
                   "the endpoint takes no %s; a model folder does, and so does an "
                   "endpoint with `grammar: %s`",
                   what, strcmp(what, "grammars") == 0 ? "llama.cpp or vllm" : "vllm");
}

static Status put_constraint(Body *b, const LmConstraint *c, const OpenaiWay *way,
                             Err *err)
{
    bool vllm = way->grammar == GRAMMAR_VLLM;
    switch (c->kind) {
    case LM_CHOICES:
        if (vllm)
            put_structured(b, "choice", choices_list(b, c));
        else if (way->grammar == GRAMMAR_LLAMA_CPP)
            put(b, b->root, "grammar", choices_grammar(c));
        else
            put_schema(b, choices_schema(b, c), way);
        return OK;
    case LM_JSON_SCHEMA: {
        json_t *schema = NULL;
        Status status = json_parse(c->text, &schema, err);
        if (status != OK)
            return err_context(err, "schema");
        put_schema(b, schema, way);
        return OK;
    }
    case LM_REGEX:
        if (!vllm)
            return lacks("regular expressions", err);
        put_structured(b, "regex", json_from_bytes(c->text));
        return OK;
    case LM_GBNF:
        if (vllm)
            put_structured(b, "grammar", json_from_bytes(c->text));
        else if (way->grammar == GRAMMAR_LLAMA_CPP)
            put(b, b->root, "grammar", json_from_bytes(c->text));
        else
            return lacks("grammars", err);
        return OK;
    }
    return OK;
}

/* --- sampling ---------------------------------------------------------------------------- */
/* 31 bits, as far as every endpoint reads them. */
static int64_t seed_of(const LmRequest *r, int32_t first)
{
    uint64_t parts[3] = {(uint64_t)r->sample.seed, r->key, (uint64_t)first};
    return (int64_t)(rng_hash(parts, sizeof parts, RNG_SAMPLE) >> 33);
}

static void put_sampling(Body *b, const LmRequest *r, const OpenaiWay *way,
                         int32_t first, int32_t n)
{
    const SampleOptions *s = &r->sample;
    put(b, b->root, way->max_completion_tokens ? "max_completion_tokens" : "max_tokens",
        json_integer(s->max_new));
    put(b, b->root, "temperature", json_real(s->temperature));
    put(b, b->root, "top_p", json_real(s->top_p));
    if (s->top_k > 0)
        put(b, b->root, "top_k", json_integer(s->top_k));
    if (s->min_p > 0)
        put(b, b->root, "min_p", json_real(s->min_p));
    if (fabs(s->repetition_penalty - 1) > 0) { /* vLLM's name for it, llama.cpp's */
        put(b, b->root, "repetition_penalty", json_real(s->repetition_penalty));
        put(b, b->root, "repeat_penalty", json_real(s->repetition_penalty));
    }
    if (!way->without_seed)
        put(b, b->root, "seed", json_integer(seed_of(r, first)));
    if (n > 1)
        put(b, b->root, "n", json_integer(n));
    if (r->n_stops > 0) {
        json_t *list = json_array();
        for (size_t i = 0; i < r->n_stops; i++)
            push(b, list, json_from_bytes(r->stops[i]));
        put(b, b->root, "stop", list);
    }
}

static void put_extras(Body *b, const LmRequest *r, const OpenaiWay *way, bool stream)
{
    if (way->logprobs && r->talk) {
        put(b, b->root, "logprobs", json_true());
        put(b, b->root, "top_logprobs", json_integer(OPENAI_TOP));
    } else if (way->logprobs) {
        put(b, b->root, "logprobs", json_integer(OPENAI_TOP));
    }
    if (!stream)
        return;
    put(b, b->root, "stream", json_true());
    if (!way->without_usage) {
        json_t *o = json_object();
        put(b, o, "include_usage", json_true());
        put(b, b->root, "stream_options", o);
    }
}

Status openai_request(const LmRequest *r, const OpenaiWay *way, int32_t first,
                      int32_t n, bool stream, Str *out, Err *err)
{
    Body b = {.root = json_object()};
    Status status = OK;
    put(&b, b.root, "model", json_from_bytes(way->model));
    if (r->talk)
        put_messages(&b, r);
    else
        put_document(&b, r);
    if (r->talk && r->tools && r->tools->n > 0)
        put_tools(&b, r->tools);
    if (r->constraint)
        status = put_constraint(&b, r->constraint, way, err);
    put_sampling(&b, r, way, first, n);
    put_extras(&b, r, way, stream);
    if (status == OK && (b.failed || !b.root))
        status = err_set(err, ERR_NOMEM, "no memory for a request");
    if (status == OK)
        json_append(out, b.root);
    json_decref(b.root);
    return status == OK ? str_check(out, err) : status;
}
