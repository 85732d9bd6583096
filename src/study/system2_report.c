/* system2_report.c - what an experiment found is kept in a file beside its runs; the report
 * is made of all that are there, also when only one experiment was run now. */
#include "base/file.h"
#include "format/json.h"
#include "study/findings.h"
#include "study/system2_internal.h"

#include <string.h>

void section_release(Section *s)
{
    str_release(&s->text);
    for (int i = 0; i < s->n_checks; i++)
        check_release(&s->checks[i]);
    *s = (Section){0};
}

Check *section_check(Section *s, const char *title, const char *mark)
{
    ASSERT(s->n_checks < SYSTEM2_CHECKS);
    Check *c = &s->checks[s->n_checks++];
    *c = (Check){
        .number = s->n_checks, .title = title, .mark = mark, .verdict = CHECK_PASS};
    return c;
}

/* --- kept ------------------------------------------------------------------------------- */

static const char *file_of(Str *path, const char *folder, const char *id)
{
    str_reset(path);
    str_printf(path, "%s/%s.json", folder, id);
    return str_c(path);
}

Status section_save(const Section *s, const char *folder, const char *id, Err *err)
{
    Str path = {0};
    json_t *root = json_object(), *checks = json_array();
    TRY(str_check(&s->text, err));
    json_object_set_new(root, "text", json_from_bytes(str_span(&s->text)));
    for (int i = 0; i < s->n_checks; i++) {
        const Check *c = &s->checks[i];
        json_array_append_new(
            checks, json_pack("{s:s, s:s, s:s, s:s, s:i}", "title", c->title, "mark",
                              c->mark, "figure", str_c(&c->figure), "why",
                              str_c(&c->why), "verdict", (int)c->verdict));
    }
    json_object_set_new(root, "checks", checks);
    Status status = json_write_file(file_of(&path, folder, id), root, err);
    json_decref(root);
    str_release(&path);
    return status;
}

/* Borrows titles and marks from root. False: that is not what section_save writes. */
static bool read_checks(const json_t *root, Section *out)
{
    const json_t *checks = json_object_get(root, "checks");
    size_t n = json_array_size(checks);
    if (!json_is_array(checks) || n < 1 || n > SYSTEM2_CHECKS)
        return false;
    for (size_t i = 0; i < n; i++) {
        const char *title, *mark, *figure, *why;
        int verdict;
        if (json_unpack(json_array_get(checks, i), "{s:s, s:s, s:s, s:s, s:i}", "title",
                        &title, "mark", &mark, "figure", &figure, "why", &why,
                        "verdict", &verdict) != 0 ||
            verdict < 0 || verdict > CHECK_OPEN)
            return false;
        Check *check = section_check(out, title, mark);
        str_puts(&check->figure, figure);
        str_puts(&check->why, why);
        check->verdict = (Verdict)verdict;
    }
    return true;
}

/* What the experiment found, from its file. */
static Status read_section(const char *path, const char *id, json_t **root,
                           Section *out, Err *err)
{
    Err why;
    if (json_read_file(path, root, &why) == OK &&
        json_is_string(json_object_get(*root, "text")) && read_checks(*root, out))
        return OK;
    return err_set(
        err, ERR_FORMAT,
        "'%s' is not what %s found: remove it, and `--only %s` makes it anew", path, id,
        id);
}

/* --- the report ------------------------------------------------------------------------- */

static void put_intro(Str *out, const System2Scale *k, int64_t seeds)
{
    bool full = strcmp(k->name, "full") == 0;
    str_puts(out, "# System 2: does thinking help, and by how much?\n\n");
    str_printf(
        out,
        "Small models of %lld layers of width %lld learn one kind of question "
        "each, and are asked in several ways: the same questions, the same "
        "extractor for every way, answers that no demonstration has. Written by "
        "`tame study system2%s%s`: %lld seed%s, %lld questions. \"seeds\" is from "
        "the worst to the best seed; the 95 %% interval is of all answers "
        "together (Wilson); differences are paired.\n\n",
        (long long)k->depth, (long long)k->hidden, full ? "" : " --",
        full ? "" : k->name, (long long)seeds, seeds == 1 ? "" : "s",
        (long long)k->tests);
    if (strcmp(k->name, "smoke") == 0)
        str_puts(out,
                 "At toy sizes: this shows that everything is computed, and nothing "
                 "else.\n\n");
}

static Status put_section(Str *out, const Experiment *e, const char *folder, Err *err)
{
    Str path = {0};
    json_t *root = NULL;
    Section s = {0};
    Status status = OK;
    if (file_exists(file_of(&path, folder, e->id))) {
        status = read_section(str_c(&path), e->id, &root, &s, err);
        if (status == OK) {
            str_printf(out, "## %s. %s\n\n", e->id, e->title);
            str_puts(out, json_string_value(json_object_get(root, "text")));
            findings_put_counts(out, s.checks, s.n_checks);
            str_puts(out, "\n\n");
            findings_put_checks(out, s.checks, s.n_checks);
            findings_put_misses(out, "###", s.checks, s.n_checks);
        }
    }
    section_release(&s);
    json_decref(root);
    str_release(&path);
    return status;
}

/* The runs of each group that has been run. */
static Status put_groups(Str *out, const Experiment *all, size_t n, const char *folder,
                         Err *err)
{
    Str path = {0};
    Status status = OK;
    for (size_t i = 0; status == OK && i < n; i++) {
        bool first = i == 0 || strcmp(all[i].group, all[i - 1].group) != 0;
        file_join(&path, folder, all[i].group);
        if (!first || !file_is_folder(str_c(&path)))
            continue;
        str_printf(out, "### %s\n\n", all[i].group);
        status = findings_put_runs(out, str_c(&path), err);
        str_putc(out, '\n');
    }
    str_release(&path);
    return status;
}

Status system2_write_report(const Experiment *all, size_t n, const System2Scale *scale,
                            int64_t seeds, const char *folder, const char *path,
                            Err *err)
{
    Str out = {0};
    Status status = OK;
    put_intro(&out, scale, seeds);
    for (size_t i = 0; status == OK && i < n; i++)
        status = put_section(&out, &all[i], folder, err);
    if (status == OK) {
        str_puts(&out, "## Runs\n\n");
        status = put_groups(&out, all, n, folder, err);
    }
    if (status == OK)
        status = findings_write(&out, path, err);
    str_release(&out);
    return status;
}
