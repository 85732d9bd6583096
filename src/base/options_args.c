/* options_args.c - options on a command line, and the lines of --help; see options.h.
 *
 * `--warmup-steps 10`, `--warmup-steps=10` and `--warmup_steps 10` are one thing; a
 * BOOL is `--flag` or `--no-flag` and takes a value only after '='. A flag that takes
 * a value takes the next word whatever it looks like, so that -1 is a number. */
#include "base/options.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

/* The first table that has `key`, with its field; NULL when none has. */
static const OptBinding *find_binding(const OptBinding *bindings, size_t n,
                                      const char *key, const OptField **field)
{
    for (size_t i = 0; i < n; i++) {
        *field = opt_find(bindings[i].table, key);
        if (*field)
            return &bindings[i];
    }
    return NULL;
}

static Status unknown_flag(const OptBinding *bindings, size_t n, const char *flag,
                           const char *key, Err *err)
{
    enum { MOST = 512 };
    const char *names[MOST];
    size_t n_names = 0;
    for (size_t i = 0; i < n; i++) {
        for (const OptField *f = bindings[i].table->fields; f->name; f++) {
            if (n_names < MOST)
                names[n_names++] = f->name;
        }
    }
    const char *near = opt_nearest(key, names, n_names);
    if (!near)
        return err_set(err, ERR_OPTION, "unknown flag '%s'", flag);
    char dashed[128];
    size_t i = 0;
    for (; near[i] && i < sizeof dashed - 1; i++)
        dashed[i] = (char)(near[i] == '_' ? '-' : near[i]);
    dashed[i] = 0;
    return err_set(err, ERR_OPTION, "unknown flag '%s'; did you mean '--%s'?", flag,
                   dashed);
}

/* One flag at argv[*i]; moves *i over a value of its own. */
static Status parse_flag(const OptBinding *bindings, size_t n, int argc, char **argv,
                         int *i, Err *err)
{
    const char *word = argv[*i];
    const char *equals = strchr(word, '=');
    size_t len = equals ? (size_t)(equals - word) : strlen(word);
    char *flag = mem_dup(word, len);
    if (!flag)
        return err_set(err, ERR_NOMEM, "no memory for the flag '%s'", word);

    Status status;
    const char *key = flag + (len >= 2 && flag[1] == '-' ? 2 : 1);
    const char *value = equals ? equals + 1 : NULL;
    const OptField *field = NULL;
    const OptBinding *b = find_binding(bindings, n, key, &field);
    if (!b && !equals && strncmp(flag, "--no-", 5) == 0) {
        b = find_binding(bindings, n, flag + 5, &field);
        if (b && field->type != OPT_BOOL_)
            b = NULL;
        value = "false";
    }
    if (!b || len < 3 || flag[1] != '-') {
        status = unknown_flag(bindings, n, flag, key, err);
    } else if (!value && field->type != OPT_BOOL_ && *i + 1 >= argc) {
        status = err_set(err, ERR_OPTION, "flag '%s' needs a value", flag);
    } else {
        if (!value)
            value = field->type == OPT_BOOL_ ? "true" : argv[++*i];
        status = opt_set(b->table, b->o, field->name, value, err);
    }
    mem_free(flag);
    return status;
}

Status opt_parse_args(const OptBinding *bindings, size_t n, int argc, char **argv,
                      const char **words, size_t max_words, size_t *n_words, Err *err)
{
    *n_words = 0;
    bool flags_ended = false;
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (!flags_ended && strcmp(word, "--") == 0) {
            flags_ended = true;
        } else if (!flags_ended && word[0] == '-' && word[1]) {
            TRY(parse_flag(bindings, n, argc, argv, &i, err));
        } else if (*n_words < max_words) {
            words[(*n_words)++] = word;
        } else {
            return err_set(err, ERR_OPTION, "unexpected argument '%s'", word);
        }
    }
    return OK;
}

/* --- --help ---------------------------------------------------------------------- */
static void put_default(const OptField *f, Str *out)
{
    /* A default is the value of a struct that holds nothing else. */
    OptField alone = *f;
    alone.offset = 0;
    int64_t whole = (int64_t)f->def;
    int choice = (int)f->def;
    bool flag = f->def != 0;
    const void *at = &f->def_text;
    if (f->type == OPT_REAL_)
        at = &f->def;
    else if (f->type == OPT_INT_)
        at = &whole;
    else if (f->type == OPT_BOOL_)
        at = &flag;
    else if (f->type == OPT_CHOICE_)
        at = &choice;
    opt_value(&alone, at, out);
}

/* Bounds this large only say "any". */
static bool is_bound(double v)
{
    return fabs(v) < 1e15;
}

static void put_range(const OptField *f, Str *out)
{
    if (f->type == OPT_CHOICE_) {
        str_puts(out, "; one of");
        for (size_t i = 0; f->names[i]; i++)
            str_printf(out, "%s %s", i ? "," : "", f->names[i]);
    } else if (f->type == OPT_REAL_ || f->type == OPT_INT_) {
        if (is_bound(f->min) && is_bound(f->max))
            str_printf(out, "; %.10g to %.10g", f->min, f->max);
        else if (is_bound(f->min))
            str_printf(out, "; at least %.10g", f->min);
        else if (is_bound(f->max))
            str_printf(out, "; at most %.10g", f->max);
    }
}

void opt_help(const OptTable *table, Str *out)
{
    static const char *const kinds[] = {" X", " N", "", " TEXT", " NAME"};
    for (const OptField *f = table->fields; f->name; f++) {
        size_t start = out->len;
        str_puts(out, f->type == OPT_BOOL_ ? "  --[no-]" : "  --");
        for (const char *p = f->name; *p; p++)
            str_putc(out, (char)(*p == '_' ? '-' : *p));
        str_puts(out, kinds[f->type]);
        do {
            str_putc(out, ' ');
        } while (!out->failed && out->len - start < 28);
        str_puts(out, f->help);
        if (f->type != OPT_TEXT_ || f->def_text) {
            str_puts(out, " (default ");
            put_default(f, out);
            put_range(f, out);
            str_putc(out, ')');
        }
        str_putc(out, '\n');
    }
}
