/* toolkit.c - see toolkit.h. */
#include "think/tool/toolkit.h"

#include "base/file.h"
#include "base/mem.h"
#include "think/tool/builtin.h"
#include "think/tool/manifest.h"
#include "think/tool/mcp.h"

#include <string.h>

enum { MAX_MANIFEST = 1 << 20 };

static const OptField fields[] = {
    OPT_TEXT(ToolkitOptions, tool, NULL,
             "built-in tools that the model may call: names with commas, or all"),
    OPT_TEXT(ToolkitOptions, tools, NULL,
             "tools of your own: YAML files, with commas (docs/tools.md)"),
    OPT_TEXT(ToolkitOptions, mcp, NULL,
             "MCP server: NAME=COMMAND with its words; several with ';'"),
    OPT_BOOL(ToolkitOptions, yes, 0, "run your own tools and servers' without asking"),
    OPT_END,
};
const OptTable toolkit_options = {"tools", "tools", sizeof(ToolkitOptions), fields};

bool toolkit_wanted(const ToolkitOptions *o)
{
    return o->tool || o->tools || o->mcp;
}

/* The part of *list up to a comma, which moves on behind it; false at the end. */
static bool next_part(Span *list, Span *part)
{
    while (list->len > 0) {
        const char *comma = memchr(list->ptr, ',', list->len);
        size_t n = comma ? (size_t)(comma - list->ptr) : list->len;
        *part = span_trim((Span){list->ptr, n});
        n += comma != NULL;
        *list = (Span){list->ptr + n, list->len - n};
        if (part->len > 0)
            return true;
    }
    return false;
}

static Status add_builtins(Toolbox *box, const char *names, Err *err)
{
    Span list = span_of(names), name;
    if (span_equal(span_trim(list), SPAN("all"))) {
        for (size_t i = 0; builtin_name(i); i++)
            TRY(builtin_add(box, span_of(builtin_name(i)), err));
        return OK;
    }
    while (next_part(&list, &name)) {
        if (!toolbox_find(box, name))
            TRY(builtin_add(box, name, err));
    }
    return OK;
}

bool toolkit_names(const ToolkitOptions *o, Span name)
{
    Span list = span_of(o->tool ? o->tool : ""), part;
    while (next_part(&list, &part)) {
        if (span_equal(part, name))
            return true;
    }
    return false;
}

/* --- command lines ------------------------------------------------------------------- */

typedef struct Split {
    char **words;
    size_t n, cap;
    Str word;
    bool begun; /* "" is a word, too */
} Split;

static Status end_word(Split *s, Err *err)
{
    if (!s->begun)
        return OK;
    s->begun = false;
    TRY(str_check(&s->word, err));
    TRY(MEM_PUSH_ROOM(&s->words, s->n, &s->cap, err));
    s->words[s->n] = mem_dup(str_c(&s->word), s->word.len);
    str_reset(&s->word);
    if (!s->words[s->n])
        return err_set(err, ERR_NOMEM, "no memory for a command");
    s->n++;
    return OK;
}

static Status split(Split *s, Span text, Span *rest, Err *err)
{
    char quote = 0;
    size_t i = 0;
    for (; i < text.len && (quote || text.ptr[i] != ';'); i++) {
        char c = text.ptr[i];
        bool space = c == ' ' || c == '\t' || c == '\n';
        if (!quote && (c == '\'' || c == '"')) {
            quote = c;
            s->begun = true;
        } else if (quote && c == quote) {
            quote = 0;
        } else if (!quote && space) {
            TRY(end_word(s, err));
        } else {
            str_putc(&s->word, c);
            s->begun = true;
        }
    }
    if (quote)
        return err_set(err, ERR_OPTION, "a %c in the command has no end", quote);
    TRY(end_word(s, err));
    if (s->n == 0)
        return err_set(err, ERR_OPTION, "a command without a word");
    i += i < text.len;
    *rest = span_trim((Span){text.ptr + i, text.len - i});
    TRY(MEM_PUSH_ROOM(&s->words, s->n, &s->cap, err));
    s->words[s->n] = NULL;
    return OK;
}

Status toolkit_split(Span text, char ***words, Span *rest, Err *err)
{
    Split s = {0};
    Status status = split(&s, text, rest, err);
    str_release(&s.word);
    if (status == OK) {
        *words = s.words;
        return OK;
    }
    for (size_t i = 0; i < s.n; i++)
        mem_free(s.words[i]);
    mem_free(s.words);
    return status;
}

/* --- servers ------------------------------------------------------------------------- */

/* The server's name without one: its program's, without folder and ending. */
static void name_of_program(const char *program, Str *out)
{
    const char *base = file_base_name(program), *dot = strchr(base, '.');
    str_append(out, base, dot ? (size_t)(dot - base) : strlen(base));
}

/* NAME=COMMAND or COMMAND. */
static Status add_server(Toolbox *box, Span *commands, Err *err)
{
    Str name = {0};
    char **words = NULL;
    ptrdiff_t equals = span_find(*commands, SPAN("="), 0),
              space = span_find(*commands, SPAN(" "), 0);
    Span command = *commands;
    if (equals > 0 && (space < 0 || equals < space)) {
        str_append(&name, command.ptr, (size_t)equals);
        command = (Span){command.ptr + equals + 1, command.len - (size_t)equals - 1};
    }
    Status status = toolkit_split(command, &words, commands, err);
    if (status == OK && name.len == 0)
        name_of_program(words[0], &name);
    if (status == OK)
        status = str_check(&name, err);
    if (status == OK)
        status =
            mcp_add(box, str_c(&name), (const char *const *)words, &mcp_limits, err);
    words_free(words);
    str_release(&name);
    return status;
}

/* A program that is a path begins at the manifest's folder. */
static Status add_listed(Toolbox *box, const ManifestServer *s, const char *folder,
                         Err *err)
{
    size_t n = json_array_size(s->command);
    const char **words;
    Str program = {0};
    TRY(MEM_ARRAY(&words, n + 1, err));
    for (size_t i = 0; i < n; i++)
        words[i] = json_string_value(json_array_get(s->command, i));
    if (strchr(words[0], '/') && words[0][0] != '/')
        words[0] = file_join(&program, folder, words[0]);
    Status status = str_check(&program, err);
    if (status == OK)
        status = mcp_add(box, s->name, words, &mcp_limits, err);
    mem_free(words);
    str_release(&program);
    return status;
}

static Status add_manifest(Toolbox *box, const char *path, Err *err)
{
    Str text = {0}, folder = {0};
    Manifest m = {0};
    const char *slash = strrchr(path, '/');
    str_append(&folder, slash ? path : ".", slash ? (size_t)(slash - path) + 1 : 1);
    Status status = file_read(path, MAX_MANIFEST, &text, err);
    if (status == OK)
        status = str_check(&folder, err);
    if (status == OK) {
        status = manifest_parse(str_span(&text), &m, err);
        if (status == OK)
            status = manifest_add(&m, str_c(&folder), box, err);
        for (size_t i = 0; status == OK && i < m.n_servers; i++)
            status = add_listed(box, &m.servers[i], str_c(&folder), err);
        if (status != OK)
            err_context(err, "'%s'", path);
    }
    manifest_release(&m);
    str_release(&text);
    str_release(&folder);
    return status;
}

static Status add_manifests(Toolbox *box, const char *paths, Err *err)
{
    Span list = span_of(paths), part;
    Str path = {0};
    Status status = OK;
    while (status == OK && next_part(&list, &part)) {
        str_reset(&path);
        str_span_append(&path, part);
        status = str_check(&path, err);
        if (status == OK)
            status = add_manifest(box, str_c(&path), err);
    }
    str_release(&path);
    return status;
}

Status toolkit_open(Toolbox *box, const ToolkitOptions *o, Err *err)
{
    if (o->tool)
        TRY(add_builtins(box, o->tool, err));
    if (o->tools)
        TRY(add_manifests(box, o->tools, err));
    Span commands = span_trim(span_of(o->mcp ? o->mcp : ""));
    while (commands.len > 0)
        TRY(add_server(box, &commands, err));
    return OK;
}
