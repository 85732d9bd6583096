/* open_book.c - see open_book.h. */
#include "eval/open_book.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/system.h"
#include "format/json.h"

#include <string.h>

const char *const book_arm_names[] = {"closed book", "gold", "retrieved", "wrong"};

static const OptField fields[] = {
    OPT_INT(BookOptions, max_new, 64, 1, 100000, "tokens of an answer at most"),
    OPT_END,
};
const OptTable book_measure_options = {"answers", "answers (with --model)",
                                       sizeof(BookOptions), fields};

void book_report_release(BookReport *r)
{
    for (int a = 0; a < BOOK_ARMS; a++)
        mem_free(r->arms[a].is_right);
    *r = (BookReport){0};
}

/* --- right or wrong ------------------------------------------------------------------- */
static bool is_word_byte(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (unsigned char)c >= 0x80;
}

static bool is_digit_at(Span s, size_t at)
{
    return at < s.len && s.ptr[at] >= '0' && s.ptr[at] <= '9';
}

static bool is_article(Span word)
{
    return span_equal(word, SPAN("a")) || span_equal(word, SPAN("an")) ||
           span_equal(word, SPAN("the"));
}

/* " words in lower case " without articles; 2,381.50 is " 2381.50 ". */
static void put_words(Span s, Str *out)
{
    str_putc(out, ' ');
    for (size_t at = 0; at < s.len;) {
        size_t from = out->len;
        for (; at < s.len; at++) {
            char c = s.ptr[at];
            bool inner = at > 0 && is_digit_at(s, at - 1) && is_digit_at(s, at + 1);
            if (is_word_byte(c) || (c == '.' && inner))
                str_putc(out, c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c);
            else if (!(c == ',' && inner))
                break;
        }
        if (out->failed)
            return;
        Span word = {out->ptr + from, out->len - from};
        if (is_article(word))
            str_truncate(out, from);
        else if (word.len > 0)
            str_putc(out, ' ');
        at++;
    }
}

bool book_is_right(const RetrievalQuestion *q, Span answer)
{
    Str given = {0}, wanted = {0};
    bool right = false;
    put_words(answer, &given);
    for (size_t i = 0; i < q->n_answers && !right; i++) {
        str_reset(&wanted);
        put_words(str_span(&q->answers[i]), &wanted);
        right = wanted.len > 1 && !given.failed && !wanted.failed &&
                span_find(str_span(&given), str_span(&wanted), 0) >= 0;
    }
    str_release(&given);
    str_release(&wanted);
    return right;
}

/* --- one answer ------------------------------------------------------------------------- */
typedef struct BookRun {
    Lm *lm;
    const Searcher *searcher;
    const OpenBookOptions *book;
    const BookOptions *o;
    Str *lines;
    BookReport *report;
    LmUsage *usage;
} BookRun;

static void put_line(Str *out, const RetrievalQuestion *q, BookArm arm, Span answer,
                     bool right, const CiteCheck *c)
{
    str_puts(out, "{\"question\":");
    json_append_string(out, str_span(&q->question));
    str_printf(out, ",\"arm\":\"%s\",\"answer\":", book_arm_names[arm]);
    json_append_string(out, answer);
    str_printf(out, ",\"right\":%s,\"unknown\":%s,\"cites\":%zu,\"held\":%zu}\n",
               right ? "true" : "false", c->unknown ? "true" : "false", c->n, c->held);
}

/* `at`: the question's place among those that are asked. */
static Status take_answer(BookRun *r, const RetrievalQuestion *q, BookArm arm,
                          const OpenBook *b, Span answer, int64_t at, Err *err)
{
    CiteCheck c;
    TRY(open_book_check(b, answer, &c, err));
    BookResult *result = &r->report->arms[arm];
    bool right = book_is_right(q, answer);
    result->is_right[at] = right;
    result->right += right;
    result->unknown += c.unknown;
    result->bare += c.bare;
    result->cites += (int64_t)c.n;
    result->held += (int64_t)c.held;
    if (r->lines)
        put_line(r->lines, q, arm, answer, right, &c);
    cite_check_release(&c);
    return r->lines ? str_check(r->lines, err) : OK;
}

/* Asks what the book says, or the bare question without one. */
static Status ask(BookRun *r, const RetrievalQuestion *q, BookArm arm,
                  const OpenBook *b, const Conversation *talk, int64_t at, Err *err)
{
    if (arm == BOOK_FOUND && b->n == 0)
        return take_answer(r, q, arm, b, SPAN(OPEN_BOOK_UNKNOWN), at, err);
    LmAnswer answer = {0};
    LmRequest request = {.talk = talk,
                         .sample = sample_plain(0, r->o->max_new, 0),
                         .n = 1,
                         .constraint = b->form.text.len > 0 ? &b->form : NULL};
    Status status = r->lm->complete(r->lm->self, &request, &answer, r->usage, err);
    r->report->arms[arm].tokens += answer.tokens;
    if (status == OK)
        status = take_answer(r, q, arm, b, str_span(&answer.text), at, err);
    lm_answer_release(&answer);
    return status;
}

static Status ask_beside(BookRun *r, const RetrievalQuestion *q, BookArm arm,
                         const Passage *p, const Conversation *talk, int64_t at,
                         Err *err)
{
    OpenBook b = {0};
    Status status = OK;
    if (arm == BOOK_FOUND)
        status = open_book_search(r->searcher, r->lm, talk, r->book, r->o->max_new, &b,
                                  r->usage, err);
    else if (arm != BOOK_CLOSED)
        status = open_book_from(&p, 1, r->lm, talk, r->book, r->o->max_new, &b, err);
    if (status == OK)
        status = ask(r, q, arm, &b, arm == BOOK_CLOSED ? talk : &b.talk, at, err);
    open_book_release(&b);
    return status;
}

/* --- all of them ------------------------------------------------------------------------ */
typedef struct Gold {
    const RetrievalQuestion *question; /* borrowed */
    Passage passage;
} Gold;

static Status find_gold(Index *x, const RetrievalQuestions *q, Gold *gold, int64_t *n,
                        Err *err)
{
    for (size_t i = 0; i < q->n; i++) {
        bool found;
        const RetrievalQuestion *question = &q->questions[i];
        if (question->n_answers == 0)
            return err_set(err, ERR_FORMAT, "question '%.100s' has no 'answer'",
                           str_c(&question->question));
        TRY(retrieval_right_passage(x, question, &gold[*n].passage, &found, err));
        if (found)
            gold[(*n)++].question = question;
    }
    return OK;
}

/* The passage of the next question about something else. */
static const Passage *other_passage(const Gold *gold, int64_t n, int64_t at)
{
    const RetrievalQuestion *q = gold[at].question;
    for (int64_t k = 1; k < n; k++) {
        const Gold *g = &gold[(at + k) % n];
        bool same = q->cluster.len > 0 &&
                    span_equal(str_span(&q->cluster), str_span(&g->question->cluster));
        if (!same && !retrieval_is_right(q, &g->passage))
            return &g->passage;
    }
    return NULL;
}

static Status ask_all_arms(BookRun *r, const Gold *gold, int64_t n, int64_t at,
                           Err *err)
{
    Conversation talk = {0};
    const Gold *g = &gold[at];
    const Passage *wrong = other_passage(gold, n, at);
    TRY(conversation_add(&talk, ROLE_USER, str_span(&g->question->question), err));
    Status status = OK;
    for (int arm = 0; arm < BOOK_ARMS && status == OK; arm++) {
        const Passage *p = arm == BOOK_WRONG ? wrong : &g->passage;
        if (p)
            status = ask_beside(r, g->question, (BookArm)arm, p, &talk, at, err);
    }
    conversation_release(&talk);
    return status;
}

static Status ask_questions(BookRun *r, const Gold *gold, int64_t n, Err *err)
{
    Status status = OK;
    log_progress_begin("answers", (double)n, "questions");
    for (int64_t i = 0; i < n && status == OK; i++) {
        status = system_stop_requested() ? err_set(err, ERR_STOPPED, "stopped")
                                         : ask_all_arms(r, gold, n, i, err);
        log_progress((double)i + 1, NULL);
    }
    log_progress_end();
    return status;
}

Status book_measure(Lm *lm, const Searcher *s, const RetrievalQuestions *q,
                    const OpenBookOptions *book, const BookOptions *o, Str *lines,
                    BookReport *out, LmUsage *usage, Err *err)
{
    Gold *gold = NULL;
    int64_t n = 0;
    BookRun run = {lm, s, book, o, lines, out, usage};
    *out = (BookReport){0};
    Status status = MEM_ARRAY(&gold, q->n, err);
    if (status == OK)
        status = find_gold(s->index, q, gold, &n, err);
    if (status == OK && n < 2)
        status = err_set(err, ERR_FORMAT,
                         "the index holds the right passage of %lld of %zu questions; "
                         "two are needed",
                         (long long)n, q->n);
    for (int a = 0; a < BOOK_ARMS && status == OK; a++)
        status = MEM_ARRAY(&out->arms[a].is_right, (size_t)n, err);
    if (status == OK)
        status = ask_questions(&run, gold, n, err);
    out->n = n;
    out->without = (int64_t)q->n - n;
    for (int64_t i = 0; i < n; i++)
        passage_release(&gold[i].passage);
    mem_free(gold);
    if (status != OK)
        book_report_release(out);
    return status;
}
