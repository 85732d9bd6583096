/* label_store.h - what the tests of labels share: a store with questions in it. */
#ifndef UNIT_DATA_LABEL_STORE_H
#define UNIT_DATA_LABEL_STORE_H

#include "support/temp.h"

#include "data/label_import.h"

static Err err;

static inline void write_lines(const char *path, const char *text)
{
    CHECK_OK(file_write_atomic(path, text, strlen(text), &err));
}

/* Takes the rows of JSON Lines; labeler 0: only asks. */
static inline void take_rows(Labels *l, const char *rows, LabelKind kind, double repeat,
                             int64_t labeler)
{
    CorpusOptions o = {0};
    Corpus *c;
    LabelAdder a = {.labels = l,
                    .kind = kind,
                    .batch = "",
                    .source = "rows",
                    .repeat = repeat,
                    .seed = 1,
                    .labeler = labeler};
    const char *path = temp_path("rows.jsonl");
    write_lines(path, rows);
    CHECK_OK(corpus_open(&c, path, &o, &err));
    CHECK_OK(label_import(&a, c, &err));
    corpus_close(c);
}

/* n questions of K answers each: "q1" with "q1 a", "q1 b", ... */
static inline Labels *store_of(int n, int K, LabelKind kind, double repeat)
{
    Labels *l;
    Str rows = {0};
    CHECK_OK(labels_open(&l, temp_path("labels.db"), true, &err));
    for (int i = 1; i <= n; i++) {
        str_printf(&rows, "{\"prompt\":\"q%d\",\"completions\":[", i);
        for (int k = 0; k < K; k++)
            str_printf(&rows, "%s\"q%d %c\"", k ? "," : "", i, 'a' + k);
        str_puts(&rows, "]}\n");
    }
    take_rows(l, str_c(&rows), kind, repeat, 0);
    str_release(&rows);
    return l;
}

static inline int64_t labels_that_stand(Labels *l, LabelKind kind)
{
    LabelCursor *c;
    LabelRow row;
    int64_t n = 0;
    CHECK_OK(labels_read(l, kind, &c, &err));
    for (bool end = false; !end; n += !end)
        CHECK_OK(label_cursor_next(c, &row, &end, &err));
    label_cursor_close(c);
    return n;
}

#endif
