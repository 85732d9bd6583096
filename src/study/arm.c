/* arm.c - see arm.h. */
#include "base/file.h"
#include "base/mem.h"
#include "eval/majority.h"
#include "study/arm_internal.h"
#include "study/figures.h"
#include "study/measure.h"
#include "study/series.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { SUBSETS = 400, LARGEST_TESTS = 1 << 28 };

/* --- of what it is -------------------------------------------------------------------- */

static Status fingerprint(const ArmOptions *o, char out[17], Err *err)
{
    const int64_t numbers[] = {o->questions, o->samples, o->max_new, o->max_calls,
                               o->seed};
    uint64_t hash = rng_hash(numbers, sizeof numbers, 1);
    Str tests = {0};
    hash = rng_hash(&o->temperature, sizeof o->temperature, hash);
    TRY(measure_weights_hash(o->model, &hash, err));
    TRY(file_read(o->tests, LARGEST_TESTS, &tests, err));
    hash = rng_hash(tests.ptr, tests.len, hash);
    str_release(&tests);
    if (o->thinking) {
        hash = rng_hash(o->thinking->spec, strlen(o->thinking->spec), hash);
        if (o->thinking->extract)
            hash = rng_hash(o->thinking->extract, strlen(o->thinking->extract), hash);
    }
    (void)snprintf(out, 17, "%016" PRIx64, hash);
    return OK;
}

void arm_release(Arm *a)
{
    mem_free(a->said);
    mem_free(a->tokens);
    mem_free(a->forced);
    mem_free(a->kept);
    mem_free(a->logprob);
    mem_free(a->entropy);
    *a = (Arm){0};
}

Status arm_alloc(Arm *a, int64_t questions, int64_t samples, Err *err)
{
    a->questions = questions;
    a->samples = samples;
    size_t n = (size_t)arm_n(a);
    TRY(MEM_ARRAY(&a->said, n, err));
    TRY(MEM_ARRAY(&a->tokens, n, err));
    TRY(MEM_ARRAY(&a->forced, n, err));
    TRY(MEM_ARRAY(&a->kept, n, err));
    TRY(MEM_ARRAY(&a->logprob, n, err));
    return MEM_ARRAY(&a->entropy, n, err);
}

/* --- the file -------------------------------------------------------------------------- */

static Status read_lines(const Series *lines, const ArmOptions *o, Arm *out, Err *err)
{
    int64_t questions = (int64_t)series_at(lines, 0, "questions");
    int64_t samples = (int64_t)series_at(lines, 0, "samples");
    if (questions < 0 || samples < 1 || (int64_t)lines->n != 1 + questions * samples)
        return err_set(err, ERR_FORMAT,
                       "'%s' has not the answers it speaks of; remove it", o->file);
    TRY(arm_alloc(out, questions, samples, err));
    out->seconds = series_at(lines, 0, "seconds");
    for (int64_t i = 0; i < arm_n(out); i++) {
        size_t line = (size_t)i + 1;
        out->said[i] = (int64_t)series_at(lines, line, "said");
        out->tokens[i] = (int64_t)series_at(lines, line, "tokens");
        out->forced[i] = (int64_t)series_at(lines, line, "forced");
        out->kept[i] = series_at(lines, line, "kept");
        out->logprob[i] = series_at(lines, line, "logprob");
        out->entropy[i] = series_at(lines, line, "entropy");
    }
    return OK;
}

/* *found: the file is there and of the same. */
static Status read_arm(const ArmOptions *o, const char *of, Arm *out, bool *found,
                       Err *err)
{
    Series lines = {0};
    const char *name = file_base_name(o->file);
    Str folder = {0};
    *found = false;
    if (!file_exists(o->file))
        return OK;
    str_append(&folder, o->file, (size_t)(name - o->file));
    Status status = series_read_file(&lines, str_c(&folder), name, err);
    const char *then =
        json_string_value(json_object_get(json_array_get(lines.rows, 0), "of"));
    if (status == OK && then && strcmp(then, of) == 0) {
        status = read_lines(&lines, o, out, err);
        *found = status == OK;
    }
    series_release(&lines);
    str_release(&folder);
    return status;
}

Status arm_run(const ArmOptions *o, TensorOps *ops, Arm *out, Err *err)
{
    char of[17];
    bool found;
    *out = (Arm){0};
    TRY(fingerprint(o, of, err));
    Status status = read_arm(o, of, out, &found, err);
    if (status == OK && !found)
        status = arm_ask(o, ops, of, out, err);
    if (status != OK)
        arm_release(out);
    return status == OK ? OK : err_context(err, "asking '%s'", o->model);
}

/* --- figures --------------------------------------------------------------------------- */

Status arm_score(const Arm *a, ArmScore *out, Err *err)
{
    int64_t n = arm_n(a), right = 0, *cluster;
    double tokens = 0, forced = 0;
    double *hit;
    *out = (ArmScore){.n = n};
    TRY(MEM_ARRAY(&hit, (size_t)n, err));
    Status status = MEM_ARRAY(&cluster, (size_t)n, err);
    for (int64_t i = 0; status == OK && i < n; i++) {
        hit[i] = a->said[i] == 0;
        cluster[i] = i / a->samples;
        right += a->said[i] == 0;
        out->invalid += (a->said[i] < 0) / (double)n;
        out->tokens += (double)a->tokens[i] / (double)n;
        out->entropy += a->entropy[i] / (double)n;
        out->kept += a->kept[i] / (double)n;
        tokens += (double)a->tokens[i];
        forced += (double)a->forced[i];
    }
    if (status == OK) {
        out->forced = tokens > 0 ? forced / tokens : 0;
        out->right = n > 0 ? (double)right / (double)n : 0;
        out->seconds = a->questions > 0 ? a->seconds / (double)a->questions : 0;
        out->interval = stats_wilson((double)right, (double)n);
        if (a->samples > 1)
            (void)stats_clustered(hit, cluster, n, &out->interval);
        mem_free(cluster);
    }
    mem_free(hit);
    return status;
}

static void pair_add(ArmPair *p, bool a, bool b)
{
    p->n++;
    p->only_a += a && !b;
    p->only_b += b && !a;
    p->both += a && b;
    p->neither += !a && !b;
}

static void pair_finish(ArmPair *p)
{
    p->difference = stats_paired_shares(p->only_a, p->only_b, p->n, &p->interval);
    p->p = stats_mcnemar(p->only_a, p->only_b);
}

ArmPair arm_compare(const Arm *a, const Arm *b)
{
    ArmPair p = {0};
    int64_t n = a->questions < b->questions ? a->questions : b->questions;
    for (int64_t i = 0; i < n; i++)
        pair_add(&p, a->said[i * a->samples] == 0, b->said[i * b->samples] == 0);
    pair_finish(&p);
    return p;
}

ArmPair arm_compare_right(const bool *a, const bool *b, int64_t n)
{
    ArmPair p = {0};
    for (int64_t i = 0; i < n; i++)
        pair_add(&p, a[i], b[i]);
    pair_finish(&p);
    return p;
}

Status arm_votes(const Arm *a, int64_t k, ArmVotes *out, Err *err)
{
    double *majority, *any;
    *out = (ArmVotes){0};
    TRY(MEM_ARRAY(&majority, (size_t)a->questions, err));
    Status status = MEM_ARRAY(&any, (size_t)a->questions, err);
    for (int64_t i = 0; status == OK && i < a->questions; i++) {
        const int64_t *said = a->said + i * a->samples;
        int64_t right = 0;
        for (int64_t j = 0; j < a->samples; j++)
            right += said[j] == 0;
        any[i] = stats_pass_at(a->samples, right, k);
        status = majority_at(said, a->samples, k, 0, SUBSETS,
                             rng_make(0, RNG_EVAL, (uint64_t)i), &majority[i], err);
    }
    if (status == OK) {
        out->any = stats_mean(any, a->questions);
        out->majority = mean_interval(majority, a->questions, &out->majority_interval);
        mem_free(any);
    }
    mem_free(majority);
    return status;
}
