/* retrieval.h - how well an index finds the passage that answers a question.
 *
 * A question file is JSON Lines of
 *
 *     {"question", "answer": text or [texts], "document", "start", "end",
 *      "evidence", "cluster"}
 *
 * A passage is right when it holds bytes [start, end) of that document (its name may lack
 * folders); without these, when it holds the evidence, or else an answer, as text.
 * Questions of one cluster (about one country, say) are not independent; without it each
 * is a cluster of its own.
 *
 * recall@k: the share of questions with a right passage among the first k. MRR: the mean of
 * 1/rank of the first right one, 0 beyond RETRIEVAL_DEPTH. nDCG@10: 1/log2(1 + rank), since
 * passages that overlap say the same and the first is what counts. */
#ifndef EVAL_RETRIEVAL_H
#define EVAL_RETRIEVAL_H

#include "base/stats.h"
#include "think/retrieval/search.h"

enum { RETRIEVAL_DEPTH = 20 };

typedef struct RetrievalQuestion {
    Str question, document, evidence, cluster;
    int64_t start, end; /* -1: not said */
    Str *answers;
    size_t n_answers;
} RetrievalQuestion;

typedef struct RetrievalQuestions {
    RetrievalQuestion *questions;
    size_t n, cap;
} RetrievalQuestions;
/* One row into *out, pure. ERR_FORMAT says what is wrong with it. */
NODISCARD Status retrieval_question_parse(Span row, RetrievalQuestion *out, Err *err);
void retrieval_question_release(RetrievalQuestion *q);
/* A file of rows; limit 0: all. Errors name file and line. None at all is ERR_FORMAT. */
NODISCARD Status retrieval_questions_read(RetrievalQuestions *out, const char *path,
                                          int64_t limit, Err *err);
void retrieval_questions_release(RetrievalQuestions *q); /* accepts zeroed */
bool retrieval_is_right(const RetrievalQuestion *q, const Passage *p);
/* A passage of the index that is right; *found false: there is none. */
NODISCARD Status retrieval_right_passage(Index *x, const RetrievalQuestion *q,
                                         Passage *out, bool *found, Err *err);

/* What one way of finding passages gave. */
typedef struct RetrievalArm {
    const char *name;
    int64_t n;
    int32_t *rank; /* of each question's first right passage; 0: none in DEPTH */
    double *ms;    /* each search took */
} RetrievalArm;
void retrieval_arm_release(RetrievalArm *a);

/* Every question through search_passages, RETRIEVAL_DEPTH deep. */
NODISCARD Status retrieval_measure(const Searcher *s, const RetrievalQuestions *q,
                                   RetrievalArm *out, LmUsage *usage, Err *err);
/* The baseline: the same passages, headings in front of them, in a plain FTS5 table as
 * SQLite's documentation has it (unicode61, bm25()); all words of the question quoted and
 * joined by OR, or, with `all_words`, side by side, which means AND. */
NODISCARD Status retrieval_measure_plain(const Index *x, const RetrievalQuestions *q,
                                         bool all_words, RetrievalArm *out, Err *err);

typedef struct RetrievalScore {
    double value;
    StatsInterval interval; /* recall: Wilson; means: bootstrap over clusters, 95 % */
} RetrievalScore;
typedef struct RetrievalReport {
    RetrievalScore recall1, recall5, recall10, mrr, ndcg10;
    double ms_mean, ms_p95;
} RetrievalReport;
NODISCARD Status retrieval_report(const RetrievalArm *a, const RetrievalQuestions *q,
                                  uint64_t seed, RetrievalReport *out, Err *err);

/* b over a, question by question. */
typedef struct RetrievalComparison {
    int64_t only_a, only_b; /* right at rank 1 with one alone */
    double p;               /* McNemar's exact test of these, two-sided */
    RetrievalScore mrr;     /* the difference */
} RetrievalComparison;
NODISCARD Status retrieval_compare(const RetrievalArm *a, const RetrievalArm *b,
                                   const RetrievalQuestions *q, uint64_t seed,
                                   RetrievalComparison *out, Err *err);

#endif
