/* test_loop.c - the loop on an objective that is easy to follow: every parameter is drawn
 * to 1, with noise keyed by the update. Checkpoints, resume, stops and errors. */
#include "support/small_model.h"
#include "support/temp.h"

#include "base/mem.h"
#include "base/system.h"
#include "train/trainer.h"

#include <math.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { UPDATES = 12, NEVER = -1 };

/* What goes wrong, and when. */
typedef struct Trouble {
    int64_t kill_at, stop_at, nan_loss_at, nan_gradient_at, spike_at;
} Trouble;
static const Trouble no_trouble = {NEVER, NEVER, NEVER, NEVER, NEVER};

typedef struct Pull {
    Learner learner;
    Trouble trouble;
    int64_t updates, evaluations;
    double carried; /* state that a checkpoint must keep */
} Pull;

static Status pull_update(void *self, int64_t u, Metrics *m, double *loss, bool skip[2],
                          Err *err)
{
    (void)skip;
    (void)err;
    Pull *p = self;
    if (u == p->trouble.kill_at)
        raise(SIGKILL);
    if (u == p->trouble.stop_at)
        system_request_stop();
    Model *model = p->learner.model;
    float *w = tensor_values(model->ops, model->params);
    Rng rng = rng_make(3, RNG_TEST, (uint64_t)u);
    *loss = 0;
    for (int64_t i = 0; i < model->n_params; i++) {
        double d = (double)w[i] - 1;
        *loss += d * d / (double)model->n_params;
        w[i] = (float)(d + 0.1 * rng_normal(&rng));
    }
    model->ops->write(model->ops, model->grads, w);
    free(w);
    const float nan_value = NAN;
    if (u == p->trouble.nan_gradient_at)
        model->ops->write(model->ops, tensor_slice(model->norm.grad, 0, 1), &nan_value);
    if (u == p->trouble.nan_loss_at)
        *loss = (double)NAN;
    if (u == p->trouble.spike_at)
        *loss += 100;
    p->carried = 0.9 * p->carried + *loss;
    p->updates++;
    metrics_put(m, "loss", *loss);
    metrics_put(m, "carried", p->carried);
    return OK;
}

static Status pull_evaluate(void *self, int64_t u, Metrics *m, Err *err)
{
    (void)err;
    Pull *p = self;
    p->evaluations++;
    metrics_put(m, "heldout/loss", (double)(u + 1));
    return OK;
}

static json_t *pull_state(void *self)
{
    const Pull *p = self;
    json_t *s = json_object();
    json_object_set_new(s, "carried", json_real(p->carried));
    return s;
}

static Status pull_restore(void *self, const json_t *state, Err *err)
{
    Pull *p = self;
    return json_get_real_or(state, "carried", 0, &p->carried, err);
}

static TensorOps *ops;
static Tokenizer *tok;

static int make_shared(void **state)
{
    (void)state;
    Err err;
    const char *const specials[] = {TOKEN_BOS, TOKEN_EOS, TOKEN_PAD, TOKEN_END};
    bool good =
        tensor_ref_new(&ops, &err) == OK &&
        tokenizer_from_merges(&tok, SPLIT_GPT2, NULL, 0, specials, 4, &err) == OK;
    return good ? 0 : -1;
}

static int free_shared(void **state)
{
    (void)state;
    tokenizer_free(tok);
    tensor_free(ops);
    return 0;
}

static TrainOptions options(void)
{
    return (TrainOptions){.lr = 0.05,
                          .lr_end = 0.1,
                          .schedule = SCHEDULE_COSINE,
                          .warmup = 0.1,
                          .weight_decay = 0.01,
                          .beta1 = 0.9,
                          .beta2 = 0.99,
                          .eps = 1e-8,
                          .clip_norm = 1,
                          .eval_every = 4,
                          .checkpoint_every = 3,
                          .keep_checkpoints = 1,
                          .max_loss_spike = 12,
                          .seed = 1};
}

/* One run in folder `name`; the objective it ended with is in *p. */
static Status run(const char *name, Trouble trouble, const TrainOptions *o,
                  uint64_t fingerprint, int64_t updates, Pull *p, Err *err)
{
    *p = (Pull){.trouble = trouble, .learner = {.name = "model", .lr_scale = 1}};
    p->learner.model = small_model(ops, MODEL_LLAMA, HEAD_LM);
    Status made = o->muon.lr > 0
                      ? adamw_muon_new(&p->learner.adamw, p->learner.model, err)
                      : adamw_new(&p->learner.adamw, p->learner.model, err);
    assert_int_equal(made, OK);
    Objective objective = {.self = p,
                           .stage = "pull",
                           .updates = updates,
                           .fingerprint = fingerprint,
                           .updates_per_iteration = 1,
                           .n_learners = 1,
                           .learners = {&p->learner},
                           .update = pull_update,
                           .evaluate = pull_evaluate,
                           .state = pull_state,
                           .restore = pull_restore};
    ModelSpecials specials = {.bos = 1, .pad = 2, .eos = {3}, .n_eos = 1};
    TrainReport report;
    Status status =
        trainer_run(&objective, o, tok, &specials, temp_path(name), &report, err);
    train_report_release(&report);
    adamw_release(&p->learner.adamw, p->learner.model);
    model_free(p->learner.model);
    return status;
}

static Status run_plain(const char *name, Trouble trouble, Err *err)
{
    Pull p;
    TrainOptions o = options();
    return run(name, trouble, &o, 1, UPDATES, &p, err);
}

static void check_same_file(const char *a, const char *b)
{
    Err err;
    Str x = {0}, y = {0};
    CHECK_OK(file_read(temp_path(a), 1 << 26, &x, &err));
    CHECK_OK(file_read(temp_path(b), 1 << 26, &y, &err));
    assert_int_equal(x.len, y.len);
    assert_memory_equal(x.ptr, y.ptr, x.len);
    str_release(&x);
    str_release(&y);
}

static void check_same_result(void)
{
    check_same_file("whole/model.safetensors", "cut/model.safetensors");
    check_same_file("whole/metrics.jsonl", "cut/metrics.jsonl");
}

/* Runs in a child that ends by a signal or by _exit. */
static void run_in_child(const char *name, Trouble trouble)
{
    pid_t child = fork();
    if (child == 0) {
        Err err;
        Status status = run_plain(name, trouble, &err);
        _exit(status == OK ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void a_run_leaves_a_finished_folder(void **state)
{
    (void)state;
    Err err;
    CHECK_OK(run_plain("run", no_trouble, &err));
    const char *const files[] = {"config.json",
                                 "model.safetensors",
                                 "tokenizer.json",
                                 "training.json",
                                 "metrics.jsonl",
                                 "timings.jsonl",
                                 "checkpoints/step-12/training/state.json"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        Str path = {0};
        assert_true(file_exists(file_join(&path, temp_path("run"), files[i])));
        str_release(&path);
    }
    assert_false(file_exists(temp_path("run/checkpoints/step-9")));
    assert_false(file_exists(temp_path("run/result.tmp")));
}

static void every_update_has_one_line_of_metrics(void **state)
{
    (void)state;
    Err err;
    Str text = {0};
    CHECK_OK(run_plain("run", no_trouble, &err));
    CHECK_OK(file_read(temp_path("run/metrics.jsonl"), 1 << 20, &text, &err));
    int64_t step = 0;
    size_t at = 0;
    while (at < text.len) {
        size_t end = (size_t)span_find(str_span(&text), SPAN("\n"), at);
        json_t *row;
        int64_t got;
        CHECK_OK(json_parse((Span){text.ptr + at, end - at}, &row, &err));
        CHECK_OK(json_get_int(row, "step", &got, &err));
        assert_int_equal(got, step);
        assert_int_equal(json_object_get(row, "heldout/loss") != NULL, step % 4 == 0);
        assert_int_equal(json_object_get(row, "grad_norm") != NULL, step > 0);
        json_decref(row);
        at = end + 1;
        step++;
    }
    assert_int_equal(step, UPDATES + 1);
    str_release(&text);
}

static void a_stopped_run_resumes_to_the_same_bytes(void **state)
{
    (void)state;
    Err err;
    CHECK_OK(run_plain("whole", no_trouble, &err));
    Trouble stops = no_trouble;
    stops.stop_at = 6;
    CHECK_FAILS(run_plain("cut", stops, &err), ERR_STOPPED,
                "stopped at step 7 of 12; a checkpoint was saved, and the same command "
                "goes on");
    system_clear_stop();
    assert_true(file_exists(temp_path("cut/checkpoints/step-7")));
    assert_false(file_exists(temp_path("cut/config.json")));
    CHECK_OK(run_plain("cut", no_trouble, &err));
    check_same_result();
}

static void muons_momentum_resumes_to_the_same_bytes(void **state)
{
    (void)state;
    Err err;
    Pull p;
    TrainOptions o = options();
    o.muon = (MuonOptions){.lr = 0.02, .momentum = 0.95};
    CHECK_OK(run("whole", no_trouble, &o, 1, UPDATES, &p, &err));
    Trouble stops = no_trouble;
    stops.stop_at = 6;
    assert_int_equal(run("cut", stops, &o, 1, UPDATES, &p, &err), ERR_STOPPED);
    system_clear_stop();
    CHECK_OK(run("cut", no_trouble, &o, 1, UPDATES, &p, &err));
    check_same_result();
}

static void a_killed_run_resumes_to_the_same_bytes(void **state)
{
    (void)state;
    Err err;
    CHECK_OK(run_plain("whole", no_trouble, &err));
    const int64_t kills[] = {0, 2, 3, 8, 11};
    for (size_t i = 0; i < sizeof kills / sizeof *kills; i++) {
        Trouble killed = no_trouble;
        killed.kill_at = kills[i];
        run_in_child("cut", killed);
    }
    CHECK_OK(run_plain("cut", no_trouble, &err));
    check_same_result();
}

static void a_half_written_checkpoint_is_ignored_and_removed(void **state)
{
    (void)state;
    Err err;
    CHECK_OK(run_plain("whole", no_trouble, &err));
    Trouble killed = no_trouble;
    killed.kill_at = 7;
    run_in_child("cut", killed);
    CHECK_OK(file_make_folders(temp_path("cut/checkpoints/step-7.tmp/training"), &err));
    CHECK_OK(file_write_atomic(temp_path("cut/checkpoints/step-7.tmp/config.json"), "{",
                               1, &err));
    CHECK_OK(run_plain("cut", no_trouble, &err));
    assert_false(file_exists(temp_path("cut/checkpoints/step-7.tmp")));
    check_same_result();
}

static void other_names_are_no_checkpoints(void **state)
{
    (void)state;
    Err err;
    const char *const others[] = {"step-99999999999999999999", "step-0099", "step-99x",
                                  "step--9"};
    CHECK_OK(run_plain("whole", no_trouble, &err));
    Trouble killed = no_trouble;
    killed.kill_at = 8;
    run_in_child("cut", killed);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        Str path = {0};
        file_join(&path, temp_path("cut/checkpoints"), others[i]);
        CHECK_OK(file_make_folders(str_c(&path), &err));
        str_release(&path);
    }
    CHECK_OK(run_plain("cut", no_trouble, &err));
    check_same_result();
}

static void a_broken_checkpoint_gives_way_to_the_one_before(void **state)
{
    (void)state;
    Err err;
    CHECK_OK(run_plain("whole", no_trouble, &err));
    Trouble killed = no_trouble;
    killed.kill_at = 7;
    run_in_child("cut", killed);
    const char *file = temp_path("cut/checkpoints/step-6/training/model.safetensors");
    CHECK_OK(file_truncate(file, file_size(file) - 4, &err));
    CHECK_OK(run_plain("cut", no_trouble, &err));
    assert_true(file_exists(temp_path("cut/checkpoints/step-6.broken")));
    check_same_result();
}

static void the_only_checkpoint_when_broken_is_an_error(void **state)
{
    (void)state;
    Err err;
    Trouble killed = no_trouble;
    killed.kill_at = 4;
    run_in_child("cut", killed);
    CHECK_OK(file_truncate(temp_path("cut/checkpoints/step-3/training/state.json"), 0,
                           &err));
    assert_int_equal(run_plain("cut", no_trouble, &err), ERR_FORMAT);
    assert_non_null(strstr(err.msg, "checkpoints/step-3': "));
}

static void keep_checkpoints_leaves_the_newest(void **state)
{
    (void)state;
    Err err;
    Pull p;
    TrainOptions o = options();
    o.checkpoint_every = 2;
    o.keep_checkpoints = 3;
    CHECK_OK(run("run", no_trouble, &o, 1, UPDATES, &p, &err));
    assert_false(file_exists(temp_path("run/checkpoints/step-6")));
    assert_true(file_exists(temp_path("run/checkpoints/step-8")));
    assert_true(file_exists(temp_path("run/checkpoints/step-10")));
    assert_true(file_exists(temp_path("run/checkpoints/step-12")));
    o.keep_checkpoints = 0;
    CHECK_OK(run("none", no_trouble, &o, 1, UPDATES, &p, &err));
    char **names;
    size_t n;
    CHECK_OK(file_list(temp_path("none/checkpoints"), &names, &n, &err));
    assert_int_equal(n, 0);
    file_list_free(names, n);
}

static void a_nan_loss_names_step_and_last_checkpoint(void **state)
{
    (void)state;
    Err err;
    char want[256];
    Trouble nan = no_trouble;
    nan.nan_loss_at = 7;
    snprintf(
        want, sizeof want,
        "step 8: the loss is nan; last good checkpoint '%s/run/checkpoints/step-6'",
        temp_folder);
    CHECK_FAILS(run_plain("run", nan, &err), ERR_NUMERIC, want);
    assert_false(file_exists(temp_path("run/config.json")));
}

static void a_nan_gradient_names_its_tensor(void **state)
{
    (void)state;
    Err err;
    Trouble nan = no_trouble;
    nan.nan_gradient_at = 1;
    CHECK_FAILS(
        run_plain("run", nan, &err), ERR_NUMERIC,
        "step 2: the gradient of 'model.norm.weight' of the model is not finite; "
        "there is no checkpoint yet");
}

static void a_spike_stops_the_run(void **state)
{
    (void)state;
    Err err;
    Pull p;
    TrainOptions o = options();
    Trouble spike = no_trouble;
    spike.spike_at = 25;
    assert_int_equal(run("run", spike, &o, 1, 40, &p, &err), ERR_NUMERIC);
    assert_ptr_equal(strstr(err.msg, "step 26: the loss 10"), err.msg);
    assert_non_null(strstr(err.msg, "deviations above its running mean"));
    o.max_loss_spike = 0;
    CHECK_OK(run("free", spike, &o, 1, 40, &p, &err));
}

static void other_options_are_refused(void **state)
{
    (void)state;
    Err err;
    Pull p;
    char want[400];
    TrainOptions o = options();
    Trouble killed = no_trouble;
    killed.kill_at = 4;
    run_in_child("cut", killed);
    snprintf(
        want, sizeof want,
        "checkpoint '%s/cut/checkpoints/step-3': '%s/cut/checkpoints/step-3' was "
        "trained with other options or data; use those, or another folder, or remove "
        "its checkpoints to start anew",
        temp_folder, temp_folder);
    CHECK_FAILS(run("cut", no_trouble, &o, 2, UPDATES, &p, &err), ERR_OPTION, want);
}

static void a_finished_folder_is_not_trained_again(void **state)
{
    (void)state;
    Err err;
    Pull p;
    TrainOptions o = options();
    CHECK_OK(run("run", no_trouble, &o, 1, UPDATES, &p, &err));
    CHECK_OK(run("run", no_trouble, &o, 1, UPDATES, &p, &err));
    assert_int_equal(p.updates + p.evaluations, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEMP_TEST(a_run_leaves_a_finished_folder),
        TEMP_TEST(every_update_has_one_line_of_metrics),
        TEMP_TEST(a_stopped_run_resumes_to_the_same_bytes),
        TEMP_TEST(muons_momentum_resumes_to_the_same_bytes),
        TEMP_TEST(a_killed_run_resumes_to_the_same_bytes),
        TEMP_TEST(a_half_written_checkpoint_is_ignored_and_removed),
        TEMP_TEST(other_names_are_no_checkpoints),
        TEMP_TEST(a_broken_checkpoint_gives_way_to_the_one_before),
        TEMP_TEST(the_only_checkpoint_when_broken_is_an_error),
        TEMP_TEST(keep_checkpoints_leaves_the_newest),
        TEMP_TEST(a_nan_loss_names_step_and_last_checkpoint),
        TEMP_TEST(a_nan_gradient_names_its_tensor),
        TEMP_TEST(a_spike_stops_the_run),
        TEMP_TEST(other_options_are_refused),
        TEMP_TEST(a_finished_folder_is_not_trained_again),
    };
    return cmocka_run_group_tests(tests, make_shared, free_shared);
}
