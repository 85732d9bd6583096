/* options.c - the fields of an options struct by name and text, see options.h.
 *
 * A value goes through the same few lines whether it comes from a default, a flag, a
 * recipe or a saved run: text to number, then type, then range. Command lines and
 * --help are in options_args.c. */
#include "base/options.h"

#include "base/mem.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Fields are reached by their offset; memcpy keeps that free of aliasing doubts. */
static void *field_at(const OptField *f, void *o)
{
    return (char *)o + f->offset;
}

static void put_text(const OptField *f, void *o, char *text)
{
    char *old;
    memcpy(&old, field_at(f, o), sizeof old);
    mem_free(old);
    memcpy(field_at(f, o), &text, sizeof text);
}

Status opt_defaults(const OptTable *table, void *o, Err *err)
{
    memset(o, 0, table->size);
    for (const OptField *f = table->fields; f->name; f++) {
        int64_t whole = (int64_t)f->def;
        int choice = (int)f->def;
        bool flag = f->def != 0;
        char *text;
        switch (f->type) {
        case OPT_REAL_:
            memcpy(field_at(f, o), &f->def, sizeof f->def);
            break;
        case OPT_INT_:
            memcpy(field_at(f, o), &whole, sizeof whole);
            break;
        case OPT_BOOL_:
            memcpy(field_at(f, o), &flag, sizeof flag);
            break;
        case OPT_CHOICE_:
            memcpy(field_at(f, o), &choice, sizeof choice);
            break;
        case OPT_TEXT_:
            if (!f->def_text)
                break;
            text = mem_dup(f->def_text, strlen(f->def_text));
            if (!text) {
                opt_release(table, o);
                return err_set(err, ERR_NOMEM, "no memory for option '%s'", f->name);
            }
            put_text(f, o, text);
            break;
        }
    }
    return OK;
}

void opt_release(const OptTable *table, void *o)
{
    if (!o)
        return;
    for (const OptField *f = table->fields; f->name; f++) {
        if (f->type == OPT_TEXT_)
            put_text(f, o, NULL);
    }
}

/* --- names ----------------------------------------------------------------------- */
static char folded(char c)
{
    return c == '-' ? '_' : c;
}

const OptField *opt_find(const OptTable *table, const char *key)
{
    for (const OptField *f = table->fields; f->name; f++) {
        size_t i = 0;
        while (key[i] && folded(key[i]) == f->name[i])
            i++;
        if (!key[i] && !f->name[i])
            return f;
    }
    return NULL;
}

enum { LONGEST_NAME = 63 };

/* Levenshtein's distance with '-' and '_' equal, one row at a time. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t row[LONGEST_NAME + 1], nb = strlen(b);
    for (size_t j = 0; j <= nb; j++)
        row[j] = j;
    for (size_t i = 0; a[i]; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < nb; j++) {
            size_t best = diagonal + (folded(a[i]) != folded(b[j]));
            diagonal = row[j + 1];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (diagonal + 1 < best)
                best = diagonal + 1;
            row[j + 1] = best;
        }
    }
    return row[nb];
}

const char *opt_nearest(const char *key, const char *const *names, size_t n)
{
    size_t len = strlen(key);
    if (len > LONGEST_NAME)
        return NULL;
    /* A third of the letters may be wrong, but never all of them. */
    size_t least = len < 2 ? 1 : len < 6 ? 3 : len / 3 + 1;
    const char *nearest = NULL;
    for (size_t i = 0; i < n; i++) {
        size_t name_len = strlen(names[i]);
        if (name_len > LONGEST_NAME)
            continue;
        size_t distance = edit_distance(key, names[i]);
        size_t longer = len > name_len ? len : name_len;
        if (distance < least && distance < longer) {
            least = distance;
            nearest = names[i];
        }
    }
    return nearest;
}

Status opt_unknown(const OptTable *table, const char *key, Err *err)
{
    enum { MOST = 256 };
    const char *names[MOST];
    size_t n = 0;
    for (const OptField *f = table->fields; f->name && n < MOST; f++)
        names[n++] = f->name;
    const char *near = opt_nearest(key, names, n);
    if (near)
        return err_set(err, ERR_OPTION, "unknown option '%s'; did you mean '%s'?", key,
                       near);
    return err_set(err, ERR_OPTION, "unknown option '%s'", key);
}

/* --- values ---------------------------------------------------------------------- */
static double suffix_factor(char c)
{
    switch (c) {
    case 'k':
    case 'K':
        return 1e3;
    case 'M':
        return 1e6;
    case 'G':
        return 1e9;
    default:
        return 0;
    }
}

/* The whole of text as a finite number; a suffix is allowed where `suffixes`. */
static bool read_number(const char *text, bool suffixes, double *out)
{
    if (!text[0] || strchr(" \t\n\v\f\r", text[0]))
        return false;
    char *end;
    double v = strtod(text, &end);
    if (end == text)
        return false;
    double factor = suffixes ? suffix_factor(*end) : 0;
    if (factor > 0) {
        v *= factor;
        end++;
    }
    *out = v;
    return !*end && isfinite(v);
}

static bool read_int(const char *text, int64_t *out)
{
    if (!text[0] || strchr(" \t\n\v\f\r", text[0]))
        return false;
    char *end;
    errno = 0;
    long long plain = strtoll(text, &end, 10);
    if (end != text && !*end) {
        *out = plain;
        return errno == 0;
    }
    double v;
    if (!read_number(text, true, &v) || v != floor(v) || fabs(v) > 0x1p53)
        return false;
    *out = (int64_t)v;
    return true;
}

static bool read_bool(const char *text, bool *out)
{
    static const char *const words[] = {"false", "no",  "off", "0",
                                        "true",  "yes", "on",  "1"};
    for (size_t i = 0; i < 8; i++) {
        if (strcmp(text, words[i]) == 0) {
            *out = i >= 4;
            return true;
        }
    }
    return false;
}

static Status not_a(const OptField *f, const char *value, const char *kind, Err *err)
{
    return err_set(err, ERR_OPTION, "option '%s': '%s' is not %s", f->name, value,
                   kind);
}

static Status check_range(const OptField *f, const char *value, double v, Err *err)
{
    if (v >= f->min && v <= f->max)
        return OK;
    return err_set(err, ERR_OPTION,
                   "option '%s': %s is not in the range %.10g to %.10g", f->name, value,
                   f->min, f->max);
}

static Status unknown_choice(const OptField *f, const char *value, Err *err)
{
    Str list = {0};
    for (size_t i = 0; f->names[i]; i++)
        str_printf(&list, "%s'%s'", i ? ", " : "", f->names[i]);
    Status status = err_set(err, ERR_OPTION, "option '%s': '%s' is not one of %s",
                            f->name, value, str_c(&list));
    str_release(&list);
    return status;
}

static Status set_text(const OptField *f, void *o, const char *value, Err *err)
{
    char *copy = NULL;
    if (value[0] && !(copy = mem_dup(value, strlen(value))))
        return err_set(err, ERR_NOMEM, "no memory for option '%s'", f->name);
    put_text(f, o, copy);
    return OK;
}

Status opt_set(const OptTable *table, void *o, const char *key, const char *value,
               Err *err)
{
    const OptField *f = opt_find(table, key);
    if (!f)
        return opt_unknown(table, key, err);
    double real;
    int64_t whole;
    bool flag;
    switch (f->type) {
    case OPT_REAL_:
        if (!read_number(value, false, &real))
            return not_a(f, value, "a number", err);
        TRY(check_range(f, value, real, err));
        memcpy(field_at(f, o), &real, sizeof real);
        return OK;
    case OPT_INT_:
        if (!read_int(value, &whole))
            return not_a(f, value, "a whole number", err);
        TRY(check_range(f, value, (double)whole, err));
        memcpy(field_at(f, o), &whole, sizeof whole);
        return OK;
    case OPT_BOOL_:
        if (!read_bool(value, &flag))
            return not_a(f, value, "true or false", err);
        memcpy(field_at(f, o), &flag, sizeof flag);
        return OK;
    case OPT_CHOICE_:
        for (int i = 0; f->names[i]; i++) {
            if (strcmp(f->names[i], value) == 0) {
                memcpy(field_at(f, o), &i, sizeof i);
                return OK;
            }
        }
        return unknown_choice(f, value, err);
    case OPT_TEXT_:
        return set_text(f, o, value, err);
    }
    return not_a(f, value, "of a known type", err);
}

/* The shortest form that reads back to the same bits. */
static void put_real(Str *out, double v)
{
    for (int digits = 1; digits <= 17; digits++) {
        Str text = {0};
        str_printf(&text, "%.*g", digits, v);
        bool same = strtod(str_c(&text), NULL) == v;
        if (same || digits == 17 || text.failed)
            str_puts(out, str_c(&text));
        out->failed |= text.failed;
        bool done = same || text.failed;
        str_release(&text);
        if (done)
            return;
    }
}

void opt_value(const OptField *field, const void *o, Str *out)
{
    const char *at = (const char *)o + field->offset;
    double real;
    int64_t whole;
    bool flag;
    int choice;
    char *text;
    switch (field->type) {
    case OPT_REAL_:
        memcpy(&real, at, sizeof real);
        put_real(out, real);
        break;
    case OPT_INT_:
        memcpy(&whole, at, sizeof whole);
        str_printf(out, "%lld", (long long)whole);
        break;
    case OPT_BOOL_:
        memcpy(&flag, at, sizeof flag);
        str_puts(out, flag ? "true" : "false");
        break;
    case OPT_CHOICE_:
        memcpy(&choice, at, sizeof choice);
        str_puts(out, field->names[choice]);
        break;
    case OPT_TEXT_:
        memcpy(&text, at, sizeof text);
        if (text)
            str_puts(out, text);
        break;
    }
}
