/* score.c - how well a passage answers to the words of a question: BM25F over FTS5.
 *
 * Robertson, Zaragoza, Taylor: Simple BM25 extension to multiple weighted fields (CIKM
 * 2004). For a term t with f_c occurrences in column c of length l_c (mean m_c),
 *
 *     f  = sum over c of  w_c f_c / (1 - b_c + b_c l_c/m_c)
 *     score = sum over t of  idf(t) f (k1 + 1) / (f + k1)
 *     idf(t) = ln(1 + (N - n + 1/2) / (n + 1/2))      N passages, n of them with t
 *
 * FTS5's own bm25() has ln((N - n + 1/2) / (n + 1/2)), floored at 1e-6: in a small
 * collection every word that half of the passages hold counts nothing, and the order
 * among them is chance. The 1 in the logarithm (as Lucene has it) keeps idf positive and
 * in order down to a collection of one passage. */
#include "think/retrieval/index_internal.h"

#include <math.h>
#include <sqlite3.h>
#include <string.h>

/* heading, body; terms, k1, weight and b of the heading, b of the body */
enum { COLUMNS = 2, ARGUMENTS = 5 };

/* What is the same for all rows of a query. idf[] follows. */
typedef struct Statistics {
    double mean[COLUMNS]; /* length */
    double idf[];
} Statistics;

static int count_row(const Fts5ExtensionApi *api, Fts5Context *fts, void *n)
{
    (void)api;
    (void)fts;
    ++*(sqlite3_int64 *)n;
    return SQLITE_OK;
}

static int fill_statistics(const Fts5ExtensionApi *api, Fts5Context *fts, int phrases,
                           Statistics *s)
{
    sqlite3_int64 rows = 0, n, length;
    int code = api->xRowCount(fts, &rows);
    for (int c = 0; c < COLUMNS && code == SQLITE_OK; c++) {
        code = api->xColumnTotalSize(fts, c, &length);
        s->mean[c] = rows > 0 && length > 0 ? (double)length / (double)rows : 1;
    }
    for (int p = 0; p < phrases && code == SQLITE_OK; p++) {
        n = 0;
        code = api->xQueryPhrase(fts, p, &n, count_row);
        s->idf[p] = log(1 + ((double)(rows - n) + 0.5) / ((double)n + 0.5));
    }
    return code;
}

static int statistics_of(const Fts5ExtensionApi *api, Fts5Context *fts, int phrases,
                         const Statistics **out)
{
    Statistics *s = api->xGetAuxdata(fts, 0);
    if (!s) {
        size_t idf = sizeof s->idf[0] * (size_t)phrases;
        s = sqlite3_malloc64(sizeof *s + idf);
        if (!s)
            return SQLITE_NOMEM;
        int code = fill_statistics(api, fts, phrases, s);
        if (code != SQLITE_OK) {
            sqlite3_free(s);
            return code;
        }
        code = api->xSetAuxdata(fts, s, sqlite3_free); /* frees s if it fails */
        if (code != SQLITE_OK)
            return code;
    }
    *out = s;
    return SQLITE_OK;
}

/* w_c / (1 - b_c + b_c l_c/m_c) of the row. */
static int weigh_columns(const Fts5ExtensionApi *api, Fts5Context *fts,
                         const Statistics *s, const double w[COLUMNS],
                         const double b[COLUMNS], double out[COLUMNS])
{
    for (int c = 0; c < COLUMNS; c++) {
        int length;
        int code = api->xColumnSize(fts, c, &length);
        if (code != SQLITE_OK)
            return code;
        out[c] = w[c] / (1 - b[c] + b[c] * (double)length / s->mean[c]);
    }
    return SQLITE_OK;
}

static int score_row(const Fts5ExtensionApi *api, Fts5Context *fts,
                     const double given[ARGUMENTS], double *out)
{
    const double k1 = given[1], w[COLUMNS] = {given[2], 1},
                 b[COLUMNS] = {given[3], given[4]};
    const Statistics *s;
    double weight[COLUMNS];
    int all = api->xPhraseCount(fts),
        phrases = (int)given[0] < all ? (int)given[0] : all;
    int code = statistics_of(api, fts, phrases, &s);
    if (code == SQLITE_OK)
        code = weigh_columns(api, fts, s, w, b, weight);
    *out = 0;
    for (int p = 0; p < phrases && code == SQLITE_OK; p++) {
        Fts5PhraseIter at;
        int column, offset;
        double f = 0;
        code = api->xPhraseFirst(fts, p, &at, &column, &offset);
        for (; code == SQLITE_OK && column >= 0;
             api->xPhraseNext(fts, &at, &column, &offset))
            f += column < COLUMNS ? weight[column] : 0;
        *out += s->idf[p] * f * (k1 + 1) / (f + k1);
    }
    return code;
}

/* score_bm25f(chunk_text, terms, k1, weight of the heading, b of the heading, b of the
 * body): the first `terms` terms of the expression count, the others only choose. */
static void score_bm25f(const Fts5ExtensionApi *api, Fts5Context *fts,
                        sqlite3_context *context, int n, sqlite3_value **values)
{
    double given[ARGUMENTS], score;
    if (n != ARGUMENTS) {
        sqlite3_result_error(context, "score_bm25f takes five numbers", -1);
        return;
    }
    for (int i = 0; i < ARGUMENTS; i++)
        given[i] = sqlite3_value_double(values[i]);
    int code = score_row(api, fts, given, &score);
    if (code != SQLITE_OK)
        sqlite3_result_error_code(context, code);
    else
        sqlite3_result_double(context, score);
}

Status score_register(Db *db, Err *err)
{
    sqlite3_stmt *s;
    fts5_api *api = NULL;
    TRY(db_prepare(db, "SELECT fts5(?)", &s, err));
    sqlite3_bind_pointer(s, 1, &api, "fts5_api_ptr", NULL);
    (void)sqlite3_step(s);
    sqlite3_finalize(s);
    if (!api || api->iVersion < 2)
        return err_set(err, ERR_IO, "this SQLite has no full text search (FTS5)");
    return api->xCreateFunction(api, "score_bm25f", NULL, score_bm25f, NULL) ==
                   SQLITE_OK
               ? OK
               : db_failed(db, err);
}
