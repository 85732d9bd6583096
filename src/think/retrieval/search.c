/* search.c - see search.h. */
#include "think/retrieval/search.h"

#include "base/mem.h"
#include "think/retrieval/index_internal.h"
#include "think/retrieval/query.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const OptField fields[] = {
    OPT_INT(SearchOptions, k, 5, 1, 1000, "passages wanted"),
    OPT_REAL(SearchOptions, k1, 1.2, 0.01, 100,
             "BM25: how much a repeated word counts"),
    OPT_REAL(SearchOptions, b, 0.75, 0, 1,
             "BM25: how far long passages are marked down"),
    OPT_REAL(SearchOptions, heading, 6, 0, 100,
             "what a word in the heading counts, in words of the text"),
    OPT_REAL(SearchOptions, heading_b, 0.3, 0, 1,
             "BM25: the same as b for the heading"),
    OPT_BOOL(SearchOptions, stop_words, false, "search for words like 'the' too"),
    OPT_INT(SearchOptions, candidates, 50, 1, 1000,
            "passages of each ranker that are fused, or put in order by a model"),
    OPT_END,
};
const OptTable search_options = {"search", "search", sizeof(SearchOptions), fields};

static const double fusion_constant = 60;

/* --- words ------------------------------------------------------------------------------- */
/* Most of the time would go into passages that hold nothing but a common word. MaxScore
 * (Turtle and Flood 1995): a term can add at most idf (k1 + 1) to a score. When the last of
 * the passages found so far scores more than some terms together can, no passage with these
 * alone is among the best, and only passages with another term, a rarer one, are scored. */
typedef struct WordSearch {
    Index *x;
    const SearchOptions *o;
    int64_t most;
    QueryTerms terms;          /* the rarest first */
    double bound[QUERY_TERMS]; /* what each can add */
    int64_t rows[QUERY_TERMS]; /* passages with it */
    Str query;
} WordSearch;

static double most_added(int64_t all, int64_t rows, double k1)
{
    return log(1 + ((double)(all - rows) + 0.5) / ((double)rows + 0.5)) * (k1 + 1);
}

static Status count_rows(WordSearch *w, sqlite3_stmt *s, Span term, int64_t *n,
                         Err *err)
{
    bool end;
    str_reset(&w->query);
    query_join(&term, 1, &w->query);
    TRY(str_check(&w->query, err));
    db_bind_text(s, 1, str_span(&w->query));
    TRY(db_step(&w->x->db, s, &end, err));
    *n = end ? 0 : sqlite3_column_int64(s, 0);
    sqlite3_reset(s);
    return OK;
}

/* Puts term i, the last of those that are in order, into its place. */
static void sort_in(WordSearch *w, size_t i)
{
    for (; i > 0 && w->rows[i] < w->rows[i - 1]; i--) {
        int64_t rows = w->rows[i];
        Span word = w->terms.words[i];
        w->rows[i] = w->rows[i - 1];
        w->terms.words[i] = w->terms.words[i - 1];
        w->rows[i - 1] = rows;
        w->terms.words[i - 1] = word;
    }
}

/* Numbers of passages begin at 1, so that the highest is not less than how many there are,
 * and the bounds are not too low. */
static Status count_terms(WordSearch *w, Err *err)
{
    sqlite3_stmt *s;
    int64_t all = 0;
    Db *db = &w->x->db;
    TRY(db_number_of(db, "SELECT max(id) FROM chunks", &all, err));
    TRY(db_prepare(db, "SELECT count(*) FROM chunk_text WHERE chunk_text MATCH ?", &s,
                   err));
    Status status = OK;
    for (size_t i = 0; i < w->terms.n && status == OK; i++) {
        status = count_rows(w, s, w->terms.words[i], &w->rows[i], err);
        if (status == OK)
            sort_in(w, i);
    }
    sqlite3_finalize(s);
    for (size_t i = 0; i < w->terms.n && status == OK; i++)
        w->bound[i] = most_added(all, w->rows[i], w->o->k1);
    return status;
}

static Status collect(WordSearch *w, sqlite3_stmt *s, Ranked *out, int64_t *n, Err *err)
{
    bool end = false;
    *n = 0;
    TRY(db_step(&w->x->db, s, &end, err));
    while (!end && *n < w->most) {
        out[(*n)++] = (Ranked){sqlite3_column_int64(s, 0), sqlite3_column_double(s, 1)};
        TRY(db_step(&w->x->db, s, &end, err));
    }
    return OK;
}

/* The best passages that hold at least one of the first `needed` terms. */
static Status match(WordSearch *w, size_t needed, Ranked *out, int64_t *n, Err *err)
{
    sqlite3_stmt *s;
    const SearchOptions *o = w->o;
    str_reset(&w->query);
    str_putc(&w->query, '(');
    query_join(w->terms.words, w->terms.n, &w->query);
    str_putc(&w->query, ')');
    if (needed < w->terms.n) {
        str_puts(&w->query, " AND (");
        query_join(w->terms.words, needed, &w->query);
        str_putc(&w->query, ')');
    }
    TRY(str_check(&w->query, err));
    TRY(db_prepare(
        &w->x->db,
        "SELECT rowid, score_bm25f(chunk_text, ?2, ?3, ?4, ?5, ?6) AS score "
        "FROM chunk_text WHERE chunk_text MATCH ?1 ORDER BY score DESC, rowid "
        "LIMIT ?7",
        &s, err));
    db_bind_text(s, 1, str_span(&w->query));
    sqlite3_bind_int64(s, 2, (int64_t)w->terms.n);
    sqlite3_bind_double(s, 3, o->k1);
    sqlite3_bind_double(s, 4, o->heading);
    sqlite3_bind_double(s, 5, o->heading_b);
    sqlite3_bind_double(s, 6, o->b);
    sqlite3_bind_int64(s, 7, w->most);
    Status status = collect(w, s, out, n, err);
    sqlite3_finalize(s);
    return status;
}

/* How many of the first terms must be asked for so that the others together add less than
 * `score`. */
static size_t needed_beyond(const WordSearch *w, double score)
{
    size_t needed = w->terms.n;
    double rest = 0;
    while (needed > 1 && rest + w->bound[needed - 1] < score)
        rest += w->bound[--needed];
    return needed;
}

/* First with the rarest terms that fill the list, then with all that are needed. */
static Status match_needed(WordSearch *w, Ranked *out, int64_t *n, Err *err)
{
    size_t first = 0;
    int64_t rows = 0;
    TRY(count_terms(w, err));
    while (first < w->terms.n && rows < w->most)
        rows += w->rows[first++];
    TRY(match(w, first, out, n, err));
    size_t needed = *n == w->most ? needed_beyond(w, out[*n - 1].score) : w->terms.n;
    return needed > first ? match(w, needed, out, n, err) : OK;
}

Status search_words(Index *x, const SearchOptions *o, Span question, int64_t most,
                    Ranked *out, int64_t *n, Err *err)
{
    WordSearch w = {.x = x, .o = o, .most = most};
    *n = 0;
    TRY(query_terms(question, o->stop_words, &w.terms, err));
    Status status = w.terms.n > 0 ? match_needed(&w, out, n, err) : OK;
    query_terms_release(&w.terms);
    str_release(&w.query);
    return status;
}

/* --- fusion ------------------------------------------------------------------------------ */
static int by_chunk(const void *a, const void *b)
{
    const Ranked *x = a, *y = b;
    return (x->chunk > y->chunk) - (x->chunk < y->chunk);
}

static int by_score(const void *a, const void *b)
{
    const Ranked *x = a, *y = b;
    if (x->score != y->score)
        return x->score < y->score ? 1 : -1;
    return by_chunk(a, b);
}

int64_t rank_fuse(const Ranked *const *lists, const int64_t *n, size_t n_lists,
                  Ranked *out)
{
    int64_t all = 0, different = 0;
    for (size_t i = 0; i < n_lists; i++) {
        for (int64_t rank = 0; rank < n[i]; rank++)
            out[all++] = (Ranked){lists[i][rank].chunk,
                                  1 / (fusion_constant + 1 + (double)rank)};
    }
    if (all > 0)
        qsort(out, (size_t)all, sizeof *out, by_chunk);
    for (int64_t i = 0; i < all; i++) {
        if (different > 0 && out[different - 1].chunk == out[i].chunk)
            out[different - 1].score += out[i].score;
        else
            out[different++] = out[i];
    }
    if (different > 0)
        qsort(out, (size_t)different, sizeof *out, by_score);
    return different;
}

/* The lists of all rankers, and their fusion when there are several. `lists` has room for
 * `most` of each, out for all of them. */
static Status rank_all(const Searcher *s, Span question, int64_t most, Ranked *lists,
                       Ranked *out, int64_t *n, Err *err)
{
    const Ranked *list[MOST_RANKERS + 1];
    int64_t found[MOST_RANKERS + 1] = {0};
    ASSERT(s->n_rankers <= MOST_RANKERS);
    TRY(search_words(s->index, s->o, question, most, lists, &found[0], err));
    list[0] = lists;
    for (size_t i = 1; i <= s->n_rankers; i++) {
        const Ranker *r = &s->rankers[i - 1];
        Ranked *mine = lists + i * (size_t)most;
        list[i] = mine;
        if (r->rank(r->self, s->index, question, most, mine, &found[i], err) != OK)
            return err_context(err, "ranking by %s", r->name);
    }
    if (s->n_rankers > 0) {
        *n = rank_fuse(list, found, s->n_rankers + 1, out);
        return OK;
    }
    *n = found[0];
    for (int64_t i = 0; i < *n; i++)
        out[i] = lists[i];
    return OK;
}

/* --- texts ------------------------------------------------------------------------------- */
static void hit_release(Hit *h)
{
    passage_release(&h->passage);
    str_release(&h->snippet);
}

void hits_release(Hits *h)
{
    for (size_t i = 0; i < h->n; i++)
        hit_release(&h->hits[i]);
    mem_free(h->hits);
    *h = (Hits){0};
}

static bool is_repeated(const Hits *h, const Passage *p)
{
    for (size_t i = 0; i < h->n; i++) {
        if (span_equal(str_span(&h->hits[i].passage.sha256), str_span(&p->sha256)))
            return true;
    }
    return false;
}

/* The passages of the ranking, each text once, at most `most`; hits has room for them. */
static Status fetch(Index *x, const Ranked *ranked, int64_t n, int64_t most, Hits *out,
                    Err *err)
{
    for (int64_t i = 0; i < n && (int64_t)out->n < most; i++) {
        Hit hit = {.score = ranked[i].score};
        bool found;
        TRY(index_passage(x, ranked[i].chunk, &hit.passage, &found, err));
        if (!found || is_repeated(out, &hit.passage)) /* gone since it was found */
            passage_release(&hit.passage);
        else
            out->hits[out->n++] = hit;
    }
    return OK;
}

static Status add_snippets(Index *x, const SearchOptions *o, Span question, Hits *h,
                           Err *err)
{
    Str query = {0};
    sqlite3_stmt *s = NULL;
    Status status = query_build(question, o->stop_words, &query, err);
    if (status == OK && query.len > 0 && h->n > 0)
        status = db_prepare(
            &x->db,
            "SELECT snippet(chunk_text, 1, char(1), char(2), '\xe2\x80\xa6', 40)"
            " FROM chunk_text WHERE chunk_text MATCH ? AND rowid = ?",
            &s, err);
    for (size_t i = 0; s && i < h->n && status == OK; i++) {
        bool end;
        db_bind_text(s, 1, str_span(&query));
        sqlite3_bind_int64(s, 2, h->hits[i].passage.id);
        status = db_step(&x->db, s, &end, err);
        if (status == OK && !end)
            str_span_append(&h->hits[i].snippet, db_column_text(s, 0));
        if (status == OK)
            status = str_check(&h->hits[i].snippet, err);
        sqlite3_reset(s);
    }
    sqlite3_finalize(s);
    str_release(&query);
    return status;
}

/* --- query likelihood --------------------------------------------------------------------- */
static Status passage_prompt(const Passage *p, size_t bytes, Str *out, Err *err)
{
    str_reset(out);
    if (p->heading.len > 0)
        str_printf(out, "%s\n", str_c(&p->heading));
    str_append(out, str_c(&p->text), bytes);
    str_puts(out, "\n\nQuestion: ");
    return str_check(out, err);
}

/* How many bytes of the passage leave room for the question. */
static size_t bytes_that_fit(const Lm *lm, const Passage *p, Span question)
{
    int64_t room = lm->context - lm->count(lm->self, question) - 64;
    int64_t size = lm->count(lm->self, str_span(&p->text)) +
                   lm->count(lm->self, str_span(&p->heading));
    if (lm->context <= 0 || size <= room)
        return p->text.len;
    double share = room > 0 ? (double)room / (double)size : 0;
    size_t n = (size_t)((double)p->text.len * share * 0.9);
    while (n > 0 && ((unsigned char)p->text.ptr[n] & 0xc0) == 0x80)
        n--;
    return n;
}

Status query_likelihood(Lm *lm, const Passage *p, Span question, double *out,
                        LmUsage *usage, Err *err)
{
    if (!lm->can.score)
        return err_set(
            err, ERR_OPTION,
            "'%s' does not say how likely a text is, which ordering passages "
            "by it takes",
            lm->name);
    Str prompt = {0};
    Conversation talk = {0};
    LmRequest request = {.sample = sample_plain(1, 1, 0), .n = 1};
    int64_t tokens = 0;
    Status status = passage_prompt(p, bytes_that_fit(lm, p, question), &prompt, err);
    if (status == OK && lm->can.documents)
        request.document = str_span(&prompt);
    else if (status == OK)
        status = conversation_add(&talk, ROLE_USER, str_span(&prompt), err);
    if (talk.n > 0)
        request.talk = &talk;
    if (status == OK)
        status = lm->score(lm->self, &request, &question, 1, out, &tokens, usage, err);
    if (status == OK)
        *out /= tokens > 0 ? (double)tokens : 1;
    conversation_release(&talk);
    str_release(&prompt);
    return status;
}

static int by_hit_score(const void *a, const void *b)
{
    const Hit *x = a, *y = b;
    Ranked rx = {x->passage.id, x->score}, ry = {y->passage.id, y->score};
    return by_score(&rx, &ry);
}

static Status reorder(const Searcher *s, Span question, Hits *h, LmUsage *usage,
                      Err *err)
{
    for (size_t i = 0; i < h->n; i++)
        TRY(query_likelihood(s->reorder, &h->hits[i].passage, question,
                             &h->hits[i].score, usage, err));
    if (h->n > 0)
        qsort(h->hits, h->n, sizeof *h->hits, by_hit_score);
    return OK;
}

/* --- the whole ---------------------------------------------------------------------------- */
static Status search_into(const Searcher *s, Span question, int64_t most, Ranked *lists,
                          Ranked *ranked, Hits *out, LmUsage *usage, Err *err)
{
    int64_t n = 0;
    TRY(rank_all(s, question, most, lists, ranked, &n, err));
    int64_t wanted = s->reorder ? s->o->candidates : s->o->k;
    TRY(fetch(s->index, ranked, n, wanted > s->o->k ? wanted : s->o->k, out, err));
    if (s->reorder)
        TRY(reorder(s, question, out, usage, err));
    while (out->n > (size_t)s->o->k)
        hit_release(&out->hits[--out->n]);
    return s->snippets ? add_snippets(s->index, s->o, question, out, err) : OK;
}

Status search_passages(const Searcher *s, Span question, Hits *out, LmUsage *usage,
                       Err *err)
{
    *out = (Hits){0};
    int64_t most = 2 * s->o->k; /* some may say the same */
    bool chosen_from = s->reorder || s->n_rankers > 0;
    if (chosen_from && most < s->o->candidates)
        most = s->o->candidates;
    size_t all = (s->n_rankers + 1) * (size_t)most;
    Ranked *lists = NULL, *ranked = NULL;
    Status status = MEM_ARRAY(&lists, all, err);
    if (status == OK)
        status = MEM_ARRAY(&ranked, all, err);
    if (status == OK)
        status = MEM_ARRAY(&out->hits, (size_t)most, err);
    if (status == OK)
        status = search_into(s, question, most, lists, ranked, out, usage, err);
    mem_free(lists);
    mem_free(ranked);
    if (status != OK)
        hits_release(out);
    return status;
}
