/* retrieval.c - see retrieval.h. The baseline is retrieval_plain.c. */
#include "eval/retrieval.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/system.h"
#include "data/rows.h"
#include "format/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- questions ------------------------------------------------------------------------ */
void retrieval_question_release(RetrievalQuestion *q)
{
    str_release(&q->question);
    str_release(&q->document);
    str_release(&q->evidence);
    str_release(&q->cluster);
    for (size_t i = 0; i < q->n_answers; i++)
        str_release(&q->answers[i]);
    mem_free(q->answers);
    *q = (RetrievalQuestion){0};
}

void retrieval_questions_release(RetrievalQuestions *q)
{
    for (size_t i = 0; i < q->n; i++)
        retrieval_question_release(&q->questions[i]);
    mem_free(q->questions);
    *q = (RetrievalQuestions){0};
}

static Status optional_text(const json_t *row, const char *key, Str *out, Err *err)
{
    Span text;
    if (!json_object_get(row, key))
        return OK;
    TRY(json_get_text(row, key, &text, err));
    str_span_append(out, text);
    return str_check(out, err);
}

static Status take_answer(const json_t *value, RetrievalQuestion *q, Err *err)
{
    if (!json_is_string(value))
        return err_set(err, ERR_FORMAT,
                       "'answer' is neither a text nor a list of texts");
    Str *answer = &q->answers[q->n_answers++];
    str_append(answer, json_string_value(value), json_string_length(value));
    return str_check(answer, err);
}

static Status take_answers(const json_t *row, RetrievalQuestion *q, Err *err)
{
    const json_t *answer = json_object_get(row, "answer");
    size_t n = json_is_array(answer) ? json_array_size(answer) : answer ? 1 : 0;
    if (n == 0)
        return OK;
    TRY(MEM_ARRAY(&q->answers, n, err));
    if (!json_is_array(answer))
        return take_answer(answer, q, err);
    for (size_t i = 0; i < n; i++)
        TRY(take_answer(json_array_get(answer, i), q, err));
    return OK;
}

static Status take_question(const json_t *row, RetrievalQuestion *q, Err *err)
{
    Span text;
    TRY(json_get_text(row, "question", &text, err));
    str_span_append(&q->question, text);
    TRY(str_check(&q->question, err));
    TRY(take_answers(row, q, err));
    TRY(optional_text(row, "document", &q->document, err));
    TRY(optional_text(row, "evidence", &q->evidence, err));
    TRY(optional_text(row, "cluster", &q->cluster, err));
    TRY(json_get_int_or(row, "start", -1, &q->start, err));
    TRY(json_get_int_or(row, "end", -1, &q->end, err));
    bool placed = q->document.len > 0 && q->start >= 0 && q->end > q->start;
    if (!placed && q->evidence.len == 0 && q->n_answers == 0)
        return err_set(err, ERR_FORMAT,
                       "nothing says which passage is right: give 'document' with "
                       "'start' and 'end', or 'evidence', or 'answer'");
    return OK;
}

Status retrieval_question_parse(Span row, RetrievalQuestion *out, Err *err)
{
    json_t *tree;
    *out = (RetrievalQuestion){0};
    TRY(json_parse(row, &tree, err));
    Status status = take_question(tree, out, err);
    json_decref(tree);
    if (status != OK)
        retrieval_question_release(out);
    return status;
}

static Status read_rows(RetrievalQuestions *out, Rows *rows, int64_t limit, Err *err)
{
    while (limit == 0 || (int64_t)out->n < limit) {
        Span row;
        bool is_text, end;
        TRY(rows_next(rows, &row, &is_text, &end, err));
        if (end)
            break;
        TRY(MEM_PUSH_ROOM(&out->questions, out->n, &out->cap, err));
        if (retrieval_question_parse(row, &out->questions[out->n], err) != OK)
            return err_context(err, "%s", rows_where(rows));
        out->n++;
    }
    return OK;
}

Status retrieval_questions_read(RetrievalQuestions *out, const char *path,
                                int64_t limit, Err *err)
{
    Rows *rows;
    *out = (RetrievalQuestions){0};
    TRY(rows_open(&rows, path, ROWS_FILE, err));
    Status status = read_rows(out, rows, limit, err);
    if (status == OK && out->n == 0)
        status = err_set(err, ERR_FORMAT, "'%s' has no questions", path);
    rows_close(rows);
    if (status != OK)
        retrieval_questions_release(out);
    return status;
}

bool retrieval_is_right(const RetrievalQuestion *q, const Passage *p)
{
    Span text = str_span(&p->text);
    if (q->document.len > 0 && q->start >= 0 && q->end > q->start)
        return index_names(str_span(&p->document), str_span(&q->document)) &&
               p->start <= q->start && p->end >= q->end;
    if (q->evidence.len > 0)
        return span_find(text, str_span(&q->evidence), 0) >= 0;
    for (size_t i = 0; i < q->n_answers; i++) {
        if (span_find(text, str_span(&q->answers[i]), 0) >= 0)
            return true;
    }
    return false;
}

Status retrieval_right_passage(Index *x, const RetrievalQuestion *q, Passage *out,
                               bool *found, Err *err)
{
    if (q->document.len > 0 && q->start >= 0 && q->end > q->start)
        return index_holding(x, str_span(&q->document), q->start, q->end, out, found,
                             err);
    if (q->evidence.len > 0)
        return index_saying(x, str_span(&q->evidence), out, found, err);
    *found = false;
    for (size_t i = 0; i < q->n_answers && !*found; i++)
        TRY(index_saying(x, str_span(&q->answers[i]), out, found, err));
    return OK;
}

/* --- searching ------------------------------------------------------------------------ */
void retrieval_arm_release(RetrievalArm *a)
{
    mem_free(a->rank);
    mem_free(a->ms);
    *a = (RetrievalArm){0};
}

static Status measure_one(const Searcher *s, const RetrievalQuestion *q, int32_t *rank,
                          double *ms, LmUsage *usage, Err *err)
{
    Hits hits;
    double start = system_seconds();
    TRY(search_passages(s, str_span(&q->question), &hits, usage, err));
    *ms = (system_seconds() - start) * 1000;
    *rank = 0;
    for (size_t i = 0; i < hits.n && *rank == 0; i++)
        *rank = retrieval_is_right(q, &hits.hits[i].passage) ? (int32_t)i + 1 : 0;
    hits_release(&hits);
    return OK;
}

Status retrieval_measure(const Searcher *s, const RetrievalQuestions *q,
                         RetrievalArm *out, LmUsage *usage, Err *err)
{
    SearchOptions o = *s->o;
    Searcher deep = *s;
    o.k = RETRIEVAL_DEPTH;
    deep.o = &o;
    *out =
        (RetrievalArm){.name = s->reorder ? "reordered" : "tame", .n = (int64_t)q->n};
    Status status = MEM_ARRAY(&out->rank, q->n, err);
    if (status == OK)
        status = MEM_ARRAY(&out->ms, q->n, err);
    log_progress_begin("retrieval", (double)q->n, "questions");
    for (size_t i = 0; i < q->n && status == OK; i++) {
        if (system_stop_requested())
            status = err_set(err, ERR_STOPPED, "stopped");
        else
            status = measure_one(&deep, &q->questions[i], &out->rank[i], &out->ms[i],
                                 usage, err);
        log_progress((double)i + 1, NULL);
    }
    log_progress_end();
    if (status != OK)
        retrieval_arm_release(out);
    return status;
}

/* --- figures -------------------------------------------------------------------------- */
enum { RESAMPLES = 2000 };

/* cluster[i]: the number of question i's cluster, in the order they are met. */
static Status number_clusters(const RetrievalQuestions *q, int32_t **cluster,
                              int32_t *n, Err *err)
{
    TRY(MEM_ARRAY(cluster, q->n, err));
    *n = 0;
    for (size_t i = 0; i < q->n; i++) {
        size_t same = 0;
        Span mine = str_span(&q->questions[i].cluster);
        while (mine.len > 0 && same < i &&
               !span_equal(str_span(&q->questions[same].cluster), mine))
            same++;
        (*cluster)[i] = mine.len > 0 && same < i ? (*cluster)[same] : (*n)++;
    }
    return OK;
}

/* The bootstrap (Efron): clusters are drawn with replacement, and the mean over all their
 * questions is taken; 2.5 and 97.5 % of such means. sums and sizes are of the clusters. */
static Status resample(const double *sums, const double *sizes, int32_t n,
                       uint64_t seed, StatsInterval *out, Err *err)
{
    double *means = NULL;
    TRY(MEM_ARRAY(&means, RESAMPLES, err));
    Rng rng = rng_make(seed, RNG_EVAL, 0);
    for (int r = 0; r < RESAMPLES; r++) {
        double sum = 0, size = 0;
        for (int32_t k = 0; k < n; k++) {
            uint32_t c = rng_below(&rng, (uint32_t)n);
            sum += sums[c];
            size += sizes[c];
        }
        means[r] = sum / size;
    }
    out->low = stats_quantile(means, RESAMPLES, 0.025);
    out->high = stats_quantile(means, RESAMPLES, 0.975);
    mem_free(means);
    return OK;
}

static Status mean_over_clusters(const double *x, const RetrievalQuestions *q,
                                 uint64_t seed, RetrievalScore *out, Err *err)
{
    int32_t *cluster = NULL, n = 0;
    double *sums = NULL, *sizes = NULL;
    Status status = number_clusters(q, &cluster, &n, err);
    if (status == OK)
        status = MEM_ARRAY(&sums, (size_t)n, err);
    if (status == OK)
        status = MEM_ARRAY(&sizes, (size_t)n, err);
    for (size_t i = 0; i < q->n && status == OK; i++) {
        sums[cluster[i]] += x[i];
        sizes[cluster[i]]++;
    }
    if (status == OK)
        status = resample(sums, sizes, n, seed, &out->interval, err);
    out->value = stats_mean(x, (int64_t)q->n);
    mem_free(cluster);
    mem_free(sums);
    mem_free(sizes);
    return status;
}

static RetrievalScore recall(const RetrievalArm *a, int32_t k)
{
    double found = 0, n = (double)a->n;
    for (int64_t i = 0; i < a->n; i++)
        found += a->rank[i] > 0 && a->rank[i] <= k;
    return (RetrievalScore){n > 0 ? found / n : 0, stats_wilson(found, n)};
}

static double reciprocal(int32_t rank)
{
    return rank > 0 ? 1 / (double)rank : 0;
}

static double gain(int32_t rank)
{
    return rank > 0 && rank <= 10 ? 1 / log2(1 + (double)rank) : 0;
}

Status retrieval_report(const RetrievalArm *a, const RetrievalQuestions *q,
                        uint64_t seed, RetrievalReport *out, Err *err)
{
    double *x = NULL;
    *out = (RetrievalReport){
        .recall1 = recall(a, 1), .recall5 = recall(a, 5), .recall10 = recall(a, 10)};
    TRY(MEM_ARRAY(&x, q->n, err));
    for (size_t i = 0; i < q->n; i++)
        x[i] = reciprocal(a->rank[i]);
    Status status = mean_over_clusters(x, q, seed, &out->mrr, err);
    for (size_t i = 0; i < q->n; i++)
        x[i] = gain(a->rank[i]);
    if (status == OK)
        status = mean_over_clusters(x, q, seed, &out->ndcg10, err);
    memcpy(x, a->ms, q->n * sizeof *x);
    out->ms_mean = stats_mean(x, a->n);
    out->ms_p95 = stats_quantile(x, a->n, 0.95);
    mem_free(x);
    return status;
}

Status retrieval_compare(const RetrievalArm *a, const RetrievalArm *b,
                         const RetrievalQuestions *q, uint64_t seed,
                         RetrievalComparison *out, Err *err)
{
    double *x = NULL;
    *out = (RetrievalComparison){0};
    TRY(MEM_ARRAY(&x, q->n, err));
    for (size_t i = 0; i < q->n; i++) {
        out->only_a += a->rank[i] == 1 && b->rank[i] != 1;
        out->only_b += b->rank[i] == 1 && a->rank[i] != 1;
        x[i] = reciprocal(b->rank[i]) - reciprocal(a->rank[i]);
    }
    out->p = stats_mcnemar(out->only_a, out->only_b);
    Status status = mean_over_clusters(x, q, seed, &out->mrr, err);
    mem_free(x);
    return status;
}
