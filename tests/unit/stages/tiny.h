/* tiny.h - the recipe in miniature for the tests of the stages: a byte tokenizer, a few
 * made-up files, a base model of one layer, and runs of a stage in a folder. */
#ifndef TESTS_STAGES_TINY_H
#define TESTS_STAGES_TINY_H

#include "support/temp.h"

#include "base/mem.h"
#include "base/system.h"
#include "stages/kinds.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static TensorOps *tiny_ops;        /* one thread: children may be forked */
static TensorCompute tiny_compute; /* f32, unless a test says otherwise */
static int32_t tiny_layers = 1;    /* of the models that tiny_make_model makes */

static inline int tiny_make_ops(void **state)
{
    (void)state;
    Err err;
    TensorCpuOptions o = {.threads = 1, .compute = tiny_compute};
    return tensor_cpu_new(&tiny_ops, &o, &err) == OK ? 0 : -1;
}

static inline int tiny_free_ops(void **state)
{
    (void)state;
    tensor_free(tiny_ops);
    return 0;
}

/* Bytes and special tokens, no merges: 265 tokens. */
static inline Tokenizer *tiny_tokenizer(void)
{
    Err err;
    Tokenizer *tok;
    CHECK_OK(tokenizer_of_bytes(&tok, &err));
    return tok;
}

static inline void tiny_write(const char *name, const Str *text)
{
    Err err;
    CHECK_OK(file_write_atomic(temp_path(name), text->ptr, text->len, &err));
}

/* Writes `tok/`, documents.jsonl, demonstrations.jsonl, comparisons.jsonl (the answer
 * that ends in "!" is better) and prompts.jsonl. */
static inline void tiny_make_data(void)
{
    static const char *const names[] = {"cat", "dog", "owl", "fox", "bee", "elk"};
    static const char *const does[] = {"runs", "sits", "eats", "naps"};
    Err err;
    Tokenizer *tok = tiny_tokenizer();
    CHECK_OK(file_make_folders(temp_path("tok"), &err));
    CHECK_OK(tokenizer_save(tok, temp_path("tok"), &err));
    tokenizer_free(tok);
    Str documents = {0}, chats = {0}, rankings = {0}, prompts = {0};
    for (int i = 0; i < 48; i++) {
        const char *name = names[i % 6], *verb = does[i / 6 % 4];
        str_printf(&documents, "{\"text\": \"The %s %s %d.\"}\n", name, verb, i % 7);
        str_printf(&chats, "{\"prompt\": \"%s %d\", \"completion\": \"%s\"}\n", name, i,
                   verb);
        str_printf(
            &rankings,
            "{\"prompt\": \"%s %d\", \"completions\": [\"%s!\", \"%s.\", \"%s?\"], "
            "\"ranks\": [1, 2, 2]}\n",
            name, i, verb, verb, does[i % 3]);
        str_printf(&prompts, "{\"prompt\": \"%s %d\"}\n", name, i);
    }
    tiny_write("documents.jsonl", &documents);
    tiny_write("demonstrations.jsonl", &chats);
    tiny_write("comparisons.jsonl", &rankings);
    tiny_write("prompts.jsonl", &prompts);
    str_release(&documents);
    str_release(&chats);
    str_release(&rankings);
    str_release(&prompts);
}

/* A random language model (or reward model) with the tokenizer, as a folder. */
static inline void tiny_make_model(const char *folder, ModelHead head, uint64_t seed)
{
    Err err;
    Model *model;
    Tokenizer *tok = tiny_tokenizer();
    ModelShape shape = {.head = head,
                        .vocab = 265,
                        .hidden = 32,
                        .intermediate = 64,
                        .layers = tiny_layers,
                        .heads = 2,
                        .kv_heads = 2,
                        .context = 48,
                        .rope_theta = 10000,
                        .norm_eps = 1e-5,
                        .tied = head == HEAD_LM};
    ModelSpecials specials = {.bos = tokenizer_bos(tok), .pad = tokenizer_pad(tok)};
    CHECK_OK(model_shape_check(&shape, &err));
    CHECK_OK(model_new(&model, tiny_ops, &shape, false, &err));
    CHECK_OK(model_init(model, seed, &err));
    CHECK_OK(file_make_folders(temp_path(folder), &err));
    CHECK_OK(model_folder_save(model, &specials, temp_path(folder), &err));
    CHECK_OK(tokenizer_save(tok, temp_path(folder), &err));
    tokenizer_free(tok);
    model_free(model);
}

/* The data, and the two models that learning from a reward begins with. */
static inline void tiny_make_sft_and_reward(void)
{
    tiny_make_data();
    tiny_make_model("sft", HEAD_LM, 6);
    tiny_make_model("reward", HEAD_SCALAR, 7);
}

/* Runs stage `kind` in folder `out`; settings is "key=value key=value ...", where a value
 * that begins with "@" is a path in the test's folder. */
static inline Status tiny_stage(const char *kind, const char *out, const char *settings,
                                StageReport *report, Err *err)
{
    StageOptions o;
    char text[1024], data[128], folder[128], *rest = text, *word;
    *report = (StageReport){0};
    assert_int_equal(stage_options_new(&o, stage_kind_find(kind), err), OK);
    snprintf(text, sizeof text, "%s", settings);
    while ((word = strtok_r(rest, " ", &rest))) {
        char *value = strchr(word, '=');
        assert_non_null(value);
        *value++ = 0;
        const char *given = value[0] == '@' ? temp_path(value + 1) : value;
        OptBinding tables[STAGE_TABLES];
        size_t n = stage_options_tables(&o, tables), i = 0;
        while (i + 1 < n && !opt_find(tables[i].table, word))
            i++;
        if (opt_set(tables[i].table, tables[i].o, word, given, err) != OK)
            fail_msg("%s", err->msg);
    }
    snprintf(data, sizeof data, "%s", temp_path("data"));
    snprintf(folder, sizeof folder, "%s", temp_path(out));
    StageEnv env = {.ops = tiny_ops, .folder = folder, .data = data, .lora = o.lora};
    Status status = o.kind->run(&env, o.own, &o.train, report, err);
    stage_options_release(&o);
    return status;
}

static inline void tiny_run(const char *kind, const char *out, const char *settings)
{
    Err err;
    StageReport report;
    CHECK_OK(tiny_stage(kind, out, settings, &report, &err));
    stage_report_release(&report);
}

/* Runs a stage in a child and sends it `signal` once its metrics have `lines` lines;
 * fails the test if it ended before that. */
static inline void tiny_run_cut(const char *kind, const char *out, const char *settings,
                                int signal, int lines)
{
    char metrics[256];
    snprintf(metrics, sizeof metrics, "%s/metrics.jsonl", temp_path(out));
    system_catch_stop(); /* before the child is there to be told */
    pid_t child = fork();
    if (child == 0) {
        Err err;
        StageReport report;
        Status status = tiny_stage(kind, out, settings, &report, &err);
        _exit(status == ERR_STOPPED ? 7 : status == OK ? 0 : 1);
    }
    double give_up = system_seconds() + 120;
    for (int have = 0; have < lines;) {
        Str text = {0};
        have = 0;
        if (file_exists(metrics) && file_read(metrics, 1 << 24, &text, NULL) == OK) {
            for (size_t i = 0; i < text.len; i++)
                have += text.ptr[i] == '\n';
        }
        str_release(&text);
        int status;
        if (waitpid(child, &status, WNOHANG) == child)
            fail_msg("the stage ended with status %x before %d lines", (unsigned)status,
                     lines);
        if (system_seconds() > give_up) {
            kill(child, SIGKILL);
            fail_msg("the stage hung before %d lines", lines);
        }
        usleep(200);
    }
    kill(child, signal);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (signal == SIGKILL)
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    else
        assert_int_equal(status, 7 << 8); /* exited by itself, stopped */
}

static inline void tiny_check_same_file(const char *a, const char *b, const char *file)
{
    Err err;
    char path_a[256], path_b[256];
    Str x = {0}, y = {0};
    snprintf(path_a, sizeof path_a, "%s/%s", temp_path(a), file);
    snprintf(path_b, sizeof path_b, "%s/%s", temp_path(b), file);
    CHECK_OK(file_read(path_a, 1 << 26, &x, &err));
    CHECK_OK(file_read(path_b, 1 << 26, &y, &err));
    if (x.len != y.len || memcmp(x.ptr, y.ptr, x.len) != 0)
        fail_msg("'%s' differs from '%s'", path_a, path_b);
    str_release(&x);
    str_release(&y);
}

/* A number of line `line` (0-based; -1 the last) of a stage's metrics; fails when it is
 * not there. */
static inline double tiny_metric(const char *out, int line, const char *key)
{
    Err err;
    Str text = {0};
    char path[256];
    snprintf(path, sizeof path, "%s/metrics.jsonl", temp_path(out));
    CHECK_OK(file_read(path, 1 << 24, &text, &err));
    size_t begin = 0, end = 0;
    for (int i = 0; end < text.len && (line < 0 || i <= line); i++) {
        begin = end;
        end = (size_t)span_find(str_span(&text), SPAN("\n"), begin) + 1;
    }
    json_t *row;
    CHECK_OK(json_parse((Span){text.ptr + begin, end - begin}, &row, &err));
    const json_t *value = json_object_get(row, key);
    if (!json_is_number(value))
        fail_msg("line %d of '%s' has no number '%s'", line, path, key);
    double number = json_number_value(value);
    json_decref(row);
    str_release(&text);
    return number;
}

#endif
