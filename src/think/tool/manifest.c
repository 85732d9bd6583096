/* manifest.c - from YAML to tools, see manifest.h. */
#include "think/tool/manifest.h"

#include "base/file.h"
#include "base/mem.h"
#include "format/json.h"
#include "format/yaml.h"
#include "think/tool/schema.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_TOOLS = 256, MAX_WORDS = 1024, MAX_WORD_BYTES = 64 * 1024 };

/* What a tool and a server say in the file; lists and mappings as JSON text. */
typedef struct Entry {
    char *name, *description, *argument, *parameters, *command, *limits, *read, *write,
        *variables;
    bool network;
} Entry;
static const OptField tool_fields[] = {
    OPT_TEXT(Entry, name, NULL, "its name"),
    OPT_TEXT(Entry, description, "", "what it is for, as models are told"),
    OPT_TEXT(Entry, argument, NULL, "the parameter that plain text means"),
    OPT_TREE(Entry, parameters, NULL, "JSON Schema of its arguments"),
    OPT_TREE(Entry, command, NULL, "its words"),
    OPT_TREE(Entry, limits, NULL, "what it may use"),
    OPT_TREE(Entry, read, NULL, "what it may read"),
    OPT_TREE(Entry, write, NULL, "what it may change"),
    OPT_TREE(Entry, variables, NULL, "variables that it gets"),
    OPT_BOOL(Entry, network, 0, "whether it gets the network"),
    OPT_END,
};
static const OptTable tool_table = {"tool", "a tool", sizeof(Entry), tool_fields};
static const OptField server_fields[] = {
    OPT_TEXT(Entry, name, NULL, "what its tools' names begin with"),
    OPT_TREE(Entry, command, NULL, "its words"),
    OPT_END,
};
static const OptTable server_table = {"server", "a server", sizeof(Entry),
                                      server_fields};

void words_free(char **words)
{
    for (char **w = words; w && *w; w++)
        mem_free(*w);
    mem_free(words);
}

static void tool_release(ManifestTool *t)
{
    mem_free(t->name);
    mem_free(t->description);
    mem_free(t->argument);
    json_decref(t->parameters);
    json_decref(t->command);
    words_free(t->sandbox.read);
    words_free(t->sandbox.write);
    words_free(t->sandbox.variables);
    *t = (ManifestTool){0};
}

void manifest_release(Manifest *m)
{
    for (size_t i = 0; i < m->n_tools; i++)
        tool_release(&m->tools[i]);
    for (size_t i = 0; i < m->n_servers; i++) {
        mem_free(m->servers[i].name);
        json_decref(m->servers[i].command);
    }
    mem_free(m->tools);
    mem_free(m->servers);
    *m = (Manifest){0};
}

/* --- reading ------------------------------------------------------------------------- */

/* A list of strings without NULs. */
static bool is_words(const json_t *list)
{
    if (!json_is_array(list) || json_array_size(list) > MAX_WORDS)
        return false;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *word = json_array_get(list, i);
        if (!json_is_string(word) ||
            strlen(json_string_value(word)) != json_string_length(word))
            return false;
    }
    return true;
}

static Status parse_tree(const char *text, const char *key, json_t **out, Err *err)
{
    Status status = json_parse(span_of(text), out, err);
    if (status == ERR_FORMAT)
        return err_set(err, ERR_FORMAT, "'%s' is no list and no mapping", key);
    return status;
}

static Status read_command(const Entry *e, json_t **out, Err *err)
{
    if (!e->command)
        return err_set(err, ERR_FORMAT, "it has no 'command'");
    TRY(parse_tree(e->command, "command", out, err));
    if (!is_words(*out) || json_array_size(*out) == 0)
        return err_set(err, ERR_FORMAT,
                       "'command' is a list of words, such as [python3, tool.py, "
                       "\"{text}\"] (in quotes what YAML takes for a number)");
    return OK;
}

static Status read_words(const char *text, const char *key, char ***out, Err *err)
{
    json_t *list = NULL;
    if (!text)
        return OK;
    Status status = parse_tree(text, key, &list, err);
    size_t n = json_array_size(list);
    if (status == OK && !is_words(list))
        status = err_set(err, ERR_FORMAT, "'%s' is a list of names", key);
    if (status == OK)
        status = MEM_ARRAY(out, n + 1, err);
    for (size_t i = 0; status == OK && i < n; i++) {
        const char *word = json_string_value(json_array_get(list, i));
        (*out)[i] = mem_dup(word, strlen(word));
        if (!(*out)[i])
            status = err_set(err, ERR_NOMEM, "no memory for '%s'", key);
    }
    json_decref(list);
    return status;
}

static Status read_limits(const char *text, SandboxLimits *out, Err *err)
{
    json_t *tree = NULL;
    TRY(opt_defaults(&sandbox_options, out, err));
    if (!text)
        return OK;
    Status status = parse_tree(text, "limits", &tree, err);
    if (status == OK)
        status = json_to_options(tree, &sandbox_options, out, err);
    json_decref(tree);
    return status == OK ? OK : err_context(err, "limits");
}

/* {name}, the whole word: the name, else a span of length 0. */
static Span placeholder(const char *word)
{
    size_t n = strlen(word);
    Span none = {0};
    if (n < 3 || word[0] != '{' || word[n - 1] != '}')
        return none;
    Span name = {word + 1, n - 2};
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                     (c >= '0' && c <= '9') || c == '_' || c == '-';
        if (!plain)
            return none;
    }
    return name;
}

static const json_t *member(const json_t *object, Span key)
{
    return json_object_getn(object, key.ptr, key.len);
}

/* Every placeholder is a parameter, and none hides in a longer word. */
static Status check_placeholders(const ManifestTool *t, Err *err)
{
    const json_t *properties = json_object_get(t->parameters, "properties");
    for (size_t i = 0; i < json_array_size(t->command); i++) {
        const char *word = json_string_value(json_array_get(t->command, i)), *key;
        Span name = placeholder(word);
        if (name.len > 0 && (i == 0 || !member(properties, name)))
            return err_set(err, ERR_FORMAT, "'%s' in the command is no parameter%s",
                           word, i == 0 ? ": the program is given" : "");
        json_t *of;
        json_object_foreach(json_iterable(properties), key, of)
        {
            Str braced = {0};
            str_printf(&braced, "{%s}", key);
            bool hidden = name.len == 0 && strstr(word, str_c(&braced));
            str_release(&braced);
            if (hidden)
                return err_set(
                    err, ERR_FORMAT,
                    "{%s} is a part of the word '%.60s': a value is a word of its "
                    "own, as in [--%s, \"{%s}\"]",
                    key, word, key, key);
        }
    }
    return OK;
}

static void take_text(char **from, char **to)
{
    *to = *from;
    *from = NULL;
}

static Status read_tool(Entry *e, ManifestTool *t, Err *err)
{
    if (!e->name)
        return err_set(err, ERR_FORMAT, "a tool without a 'name'");
    take_text(&e->name, &t->name);
    take_text(&e->argument, &t->argument);
    take_text(&e->description, &t->description);
    TRY(read_command(e, &t->command, err));
    TRY(parse_tree(e->parameters ? e->parameters
                                 : "{\"type\":\"object\",\"properties\":{},"
                                   "\"additionalProperties\":false}",
                   "parameters", &t->parameters, err));
    TRY(schema_is_parameters(t->parameters, err));
    if (t->argument &&
        !json_object_get(json_object_get(t->parameters, "properties"), t->argument))
        return err_set(err, ERR_FORMAT, "'argument' %.60s is no parameter",
                       t->argument);
    TRY(check_placeholders(t, err));
    TRY(read_limits(e->limits, &t->sandbox.limits, err));
    TRY(read_words(e->read, "read", &t->sandbox.read, err));
    TRY(read_words(e->write, "write", &t->sandbox.write, err));
    t->sandbox.network = e->network;
    return read_words(e->variables, "variables", &t->sandbox.variables, err);
}

/* Says which tool or server it was: by its name, else by its number. */
static Status in_entry(const char *what, const json_t *tree, size_t i, Err *err)
{
    const char *name = json_string_value(json_object_get(tree, "name"));
    if (name)
        return err_context(err, "%s '%.64s'", what, name);
    return err_context(err, "%s %zu", what, i + 1);
}

static Status add_tool(const json_t *tree, size_t i, Manifest *m, Err *err)
{
    Entry e;
    TRY(MEM_PUSH_ROOM(&m->tools, m->n_tools, &m->cap_tools, err));
    ManifestTool *t = &m->tools[m->n_tools++];
    *t = (ManifestTool){0};
    TRY(opt_defaults(&tool_table, &e, err));
    Status status = json_to_options(tree, &tool_table, &e, err);
    if (status == OK)
        status = read_tool(&e, t, err);
    opt_release(&tool_table, &e);
    return status == OK ? OK : in_entry("tool", tree, i, err);
}

static Status add_server(const json_t *tree, size_t i, Manifest *m, Err *err)
{
    Entry e;
    TRY(MEM_PUSH_ROOM(&m->servers, m->n_servers, &m->cap_servers, err));
    ManifestServer *s = &m->servers[m->n_servers++];
    *s = (ManifestServer){0};
    TRY(opt_defaults(&server_table, &e, err));
    Status status = json_to_options(tree, &server_table, &e, err);
    if (status == OK && !e.name)
        status = err_set(err, ERR_FORMAT, "a server without a 'name'");
    take_text(&e.name, &s->name);
    if (status == OK)
        status = read_command(&e, &s->command, err);
    opt_release(&server_table, &e);
    return status == OK ? OK : in_entry("server", tree, i, err);
}

static Status add_all(const json_t *list, const char *key, Manifest *m,
                      Status (*add)(const json_t *, size_t, Manifest *, Err *),
                      Err *err)
{
    if (list && !json_is_array(list))
        return err_set(err, ERR_FORMAT, "'%s' is a list", key);
    if (json_array_size(list) > MAX_TOOLS)
        return err_set(err, ERR_LIMIT, "more than %d '%s'", MAX_TOOLS, key);
    for (size_t i = 0; i < json_array_size(list); i++)
        TRY(add(json_array_get(list, i), i, m, err));
    return OK;
}

Status manifest_parse(Span yaml, Manifest *out, Err *err)
{
    json_t *tree = NULL;
    *out = (Manifest){0};
    TRY(yaml_parse(yaml, &tree, err));
    Status status = OK;
    const char *key;
    json_t *part;
    if (!json_is_object(tree))
        status = err_set(err, ERR_FORMAT, "a manifest has 'tools', 'servers' or both");
    json_object_foreach(tree, key, part)
    {
        if (status == OK && strcmp(key, "tools") != 0 && strcmp(key, "servers") != 0)
            status = err_set(err, ERR_OPTION,
                             "'%.60s' means nothing here: a manifest has 'tools' and "
                             "'servers'",
                             key);
    }
    if (status == OK)
        status = add_all(json_object_get(tree, "tools"), "tools", out, add_tool, err);
    if (status == OK)
        status =
            add_all(json_object_get(tree, "servers"), "servers", out, add_server, err);
    json_decref(tree);
    if (status != OK)
        manifest_release(out);
    return status;
}

/* --- words --------------------------------------------------------------------------- */

typedef struct WordList {
    char **v;
    size_t n, cap;
} WordList;

static Status put_word(WordList *w, Span text, Err *err)
{
    if (text.len > MAX_WORD_BYTES || w->n >= MAX_WORDS)
        return err_set(err, ERR_FORMAT, "the arguments are too long for a command");
    if (text.len > 0 && memchr(text.ptr, 0, text.len))
        return err_set(err, ERR_FORMAT, "an argument of a command holds no NUL");
    TRY(MEM_PUSH_ROOM(&w->v, w->n, &w->cap, err));
    w->v[w->n] = mem_dup(text.ptr, text.len);
    if (!w->v[w->n])
        return err_set(err, ERR_NOMEM, "no memory for a command");
    w->n++;
    return OK;
}

static Status put_value(WordList *w, const json_t *value, bool may_dash, Err *err)
{
    if (json_is_array(value)) {
        for (size_t i = 0; i < json_array_size(value); i++)
            TRY(put_value(w, json_array_get(value, i), may_dash, err));
        return OK;
    }
    Str text = {0};
    json_append_plain(&text, value);
    Status status = str_check(&text, err);
    if (status == OK && !may_dash && span_starts(str_span(&text), SPAN("-")))
        status = err_set(err, ERR_FORMAT,
                         "a value that begins with '-' could be taken for an option");
    if (status == OK)
        status = put_word(w, str_span(&text), err);
    str_release(&text);
    return status;
}

static bool is_option(const json_t *command, size_t i)
{
    const char *word = json_string_value(json_array_get(command, i));
    return word && word[0] == '-';
}

/* An option whose value is not there is left out with it; "--" stays. */
static bool lacks_value(const json_t *command, size_t i, const json_t *arguments)
{
    const char *word = json_string_value(json_array_get(command, i)),
               *next = json_string_value(json_array_get(command, i + 1));
    return is_option(command, i) && strcmp(word, "--") != 0 && next &&
           placeholder(next).len > 0 && !member(arguments, placeholder(next));
}

Status manifest_words(const json_t *command, const json_t *arguments, char ***out,
                      Err *err)
{
    WordList w = {0};
    Status status = OK;
    bool dashed = false; /* "--" has been written */
    for (size_t i = 0; status == OK && i < json_array_size(command); i++) {
        const char *word = json_string_value(json_array_get(command, i));
        Span name = placeholder(word);
        const json_t *value = name.len > 0 ? member(arguments, name) : NULL;
        if (value)
            status = put_value(&w, value,
                               dashed || (i > 0 && is_option(command, i - 1)), err);
        else if (name.len == 0 && !lacks_value(command, i, arguments))
            status = put_word(&w, span_of(word), err);
        dashed = dashed || strcmp(word, "--") == 0;
    }
    if (status == OK)
        status = MEM_PUSH_ROOM(&w.v, w.n, &w.cap, err); /* for the NULL at the end */
    if (status == OK) {
        w.v[w.n] = NULL;
        *out = w.v;
        return OK;
    }
    for (size_t i = 0; i < w.n; i++)
        mem_free(w.v[i]);
    mem_free(w.v);
    return status;
}

/* --- tools --------------------------------------------------------------------------- */

/* Its `self` is a ManifestTool of which command and sandbox are left. */
static Status own_call(void *self, const json_t *arguments, Str *out, bool *failed,
                       Err *err)
{
    const ManifestTool *t = self;
    char **words = NULL;
    Err why = {0};
    Status status = manifest_words(t->command, arguments, &words, &why);
    if (status == ERR_NOMEM)
        return err_set(err, ERR_NOMEM, "%s", why.msg);
    if (status != OK) {
        *failed = true;
        str_puts(out, why.msg);
        return OK;
    }
    status = sandbox_run(&t->sandbox, (const char *const *)words, out, failed, err);
    words_free(words);
    return status;
}

static void own_free(void *self)
{
    if (!self)
        return;
    tool_release(self);
    mem_free(self);
}

/* *path, relative to folder, becomes absolute; a file that must be there. */
static Status make_absolute(char **path, const char *folder, Err *err)
{
    Str joined = {0};
    if ((*path)[0] == '/')
        str_puts(&joined, *path);
    else
        file_join(&joined, folder, *path);
    Status status = str_check(&joined, err);
    char *real = status == OK ? realpath(str_c(&joined), NULL) : NULL;
    if (status == OK && !real)
        status = err_system(err, "find", str_c(&joined));
    if (status == OK && real) {
        mem_free(*path);
        *path = mem_dup(real, strlen(real));
        if (!*path)
            status = err_set(err, ERR_NOMEM, "no memory for a path");
    }
    free(real);
    str_release(&joined);
    return status;
}

static Status all_absolute(char **paths, const char *folder, Err *err)
{
    for (char **path = paths; path && *path; path++)
        TRY(make_absolute(path, folder, err));
    return OK;
}

/* A program that is a path is found from the manifest's folder, and may be read. */
static Status find_program(ManifestTool *t, const char *folder, Err *err)
{
    const char *word = json_string_value(json_array_get(t->command, 0));
    if (!strchr(word, '/'))
        return OK;
    char *path = mem_dup(word, strlen(word));
    size_t n = 0;
    if (!path)
        return err_set(err, ERR_NOMEM, "no memory for a path");
    Status status = make_absolute(&path, folder, err);
    while (t->sandbox.read && t->sandbox.read[n])
        n++;
    char **grown = NULL;
    if (status == OK)
        status = MEM_ARRAY(&grown, n + 2, err);
    if (status == OK && json_array_set_new(t->command, 0, json_string(path)) != 0)
        status = err_set(err, ERR_NOMEM, "no memory for a command");
    if (status != OK) {
        mem_free(grown);
        mem_free(path);
        return status;
    }
    if (n > 0)
        memcpy(grown, t->sandbox.read, n * sizeof *grown);
    grown[n] = path;
    mem_free(t->sandbox.read);
    t->sandbox.read = grown;
    return OK;
}

static Status add_own(ManifestTool *t, const char *folder, Toolbox *box, Err *err)
{
    ManifestTool *own;
    TRY(find_program(t, folder, err));
    TRY(all_absolute(t->sandbox.read, folder, err));
    TRY(all_absolute(t->sandbox.write, folder, err));
    TRY(MEM_ARRAY(&own, 1, err));
    Tool tool = {.name = t->name,
                 .description = t->description,
                 .argument = t->argument,
                 .parameters = t->parameters,
                 .self = own,
                 .call = own_call,
                 .free = own_free};
    t->name = t->description = t->argument = NULL;
    t->parameters = NULL;
    *own = *t;
    *t = (ManifestTool){0};
    return toolbox_add(box, tool, err);
}

Status manifest_add(Manifest *m, const char *folder, Toolbox *box, Err *err)
{
    if (m->n_tools > 0)
        TRY(sandbox_check(err));
    for (size_t i = 0; i < m->n_tools; i++) {
        char name[TOOL_NAME_BYTES + 1];
        (void)snprintf(name, sizeof name, "%s", m->tools[i].name);
        if (add_own(&m->tools[i], folder, box, err) != OK)
            return err_context(err, "tool '%s'", name);
    }
    return OK;
}
