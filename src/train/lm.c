/* lm.c - the language-model loss in passes, see lm.h. */
#include "train/lm.h"

#include "base/mem.h"

enum { LOGIT_ROWS = 16 }; /* rows whose logits are in host memory at once */

struct LmPass {
    Model *model; /* borrowed */
    Tape *tape;
    int64_t micro;          /* tokens of a pass, unless one document has more */
    int32_t *starts, *rows; /* (batch) of the pass, from its first row */
    float *weights, *nll;   /* (batch) */
    float *logits;          /* (LOGIT_ROWS, V) or NULL */
};

/* Rows [row, row_end) of the batch, and its learned rows [learned, learned_end). */
typedef struct Piece {
    int64_t row, row_end, learned, learned_end;
} Piece;

int64_t lm_pass_tokens(int64_t batch_tokens, int64_t micro_batch, int64_t longest)
{
    int64_t most = micro_batch > longest ? micro_batch : longest;
    return most < batch_tokens ? most : batch_tokens;
}

Status lm_pass_new(LmPass **out, Model *model, int64_t batch_tokens,
                   int64_t micro_batch, int64_t longest, TapeOptions o, Err *err)
{
    *out = NULL;
    LmPass *p;
    TRY(MEM_ARRAY(&p, 1, err));
    int64_t most = lm_pass_tokens(batch_tokens, micro_batch, longest);
    p->model = model;
    p->micro = micro_batch;
    Status status = tape_new(&p->tape, model, most, o, err);
    size_t n = (size_t)most;
    if (status == OK)
        status = MEM_ARRAY(&p->starts, n, err);
    if (status == OK)
        status = MEM_ARRAY(&p->rows, n, err);
    if (status == OK)
        status = MEM_ARRAY(&p->weights, n, err);
    if (status == OK)
        status = MEM_ARRAY(&p->nll, n, err);
    if (status != OK) {
        lm_pass_free(p);
        return status;
    }
    *out = p;
    return OK;
}

void lm_pass_free(LmPass *p)
{
    if (!p)
        return;
    tape_free(p->tape);
    mem_free(p->starts);
    mem_free(p->rows);
    mem_free(p->weights);
    mem_free(p->nll);
    mem_free(p->logits);
    mem_free(p);
}

/* The end of the document that begins at row i. */
static int64_t document_end(const Batch *b, int64_t i)
{
    int64_t end = i + 1;
    while (end < b->n && b->starts[end] == b->starts[i])
        end++;
    return end;
}

/* Moves to the next piece: whole documents, as many as fit. False at the end. */
static bool next_piece(const LmPass *p, const Batch *b, Piece *piece)
{
    *piece =
        (Piece){piece->row_end, piece->row_end, piece->learned_end, piece->learned_end};
    while (piece->row_end < b->n) {
        int64_t end = document_end(b, piece->row_end);
        if (end - piece->row > p->micro && piece->row_end > piece->row)
            break;
        piece->row_end = end;
    }
    while (piece->learned_end < b->n_learned &&
           b->learned_rows[piece->learned_end] < piece->row_end)
        piece->learned_end++;
    return piece->row_end > piece->row;
}

/* Runs the trunk over the piece and leaves its learned rows in p->rows. */
static void forward_piece(LmPass *p, const Batch *b, Piece piece)
{
    int32_t first = (int32_t)piece.row;
    int64_t n = piece.row_end - piece.row;
    for (int64_t i = 0; i < n; i++)
        p->starts[i] = b->starts[piece.row + i] - first;
    for (int64_t i = piece.learned; i < piece.learned_end; i++)
        p->rows[i - piece.learned] = b->learned_rows[i] - first;
    ModelTokens tokens = {b->ids + piece.row, b->positions + piece.row, p->starts, n};
    model_forward(p->model, p->tape, &tokens);
}

LmLoss lm_pass_loss(LmPass *p, const Batch *b, double scale)
{
    LmLoss loss = {.weight = b->weight};
    Piece piece = {0};
    while (next_piece(p, b, &piece)) {
        int64_t n = piece.learned_end - piece.learned;
        if (n == 0)
            continue;
        forward_piece(p, b, piece);
        for (int64_t i = 0; i < n; i++)
            p->weights[i] =
                (float)(scale * (double)b->learned_weights[piece.learned + i] /
                        b->weight);
        model_cross_entropy(p->model, p->tape, p->rows,
                            b->learned_targets + piece.learned, p->weights, n,
                            scale != 0, p->nll);
        for (int64_t i = 0; i < n; i++)
            loss.nll +=
                (double)b->learned_weights[piece.learned + i] * (double)p->nll[i];
        if (scale != 0)
            model_backward(p->model, p->tape);
    }
    return loss;
}

static bool is_most_likely(const float *logits, int32_t vocab, int32_t target)
{
    for (int32_t v = 0; v < vocab; v++) {
        if (logits[v] > logits[target])
            return false;
    }
    return true;
}

/* Weight of the piece's targets that have the highest logit. */
static double count_right(LmPass *p, const Batch *b, Piece piece)
{
    int32_t vocab = p->model->shape.vocab;
    double right = 0;
    for (int64_t i = piece.learned; i < piece.learned_end; i += LOGIT_ROWS) {
        int64_t n =
            piece.learned_end - i < LOGIT_ROWS ? piece.learned_end - i : LOGIT_ROWS;
        model_logits(p->model, p->tape, p->rows + (i - piece.learned), n, p->logits);
        for (int64_t j = 0; j < n; j++) {
            if (is_most_likely(p->logits + j * vocab, vocab, b->learned_targets[i + j]))
                right += (double)b->learned_weights[i + j];
        }
    }
    return right;
}

Status lm_pass_count(LmPass *p, const Batch *b, LmLoss *out, Err *err)
{
    if (!p->logits)
        TRY(MEM_ARRAY(&p->logits, LOGIT_ROWS * (size_t)p->model->shape.vocab, err));
    *out = (LmLoss){.weight = b->weight};
    Piece piece = {0};
    while (next_piece(p, b, &piece)) {
        int64_t n = piece.learned_end - piece.learned;
        if (n == 0)
            continue;
        forward_piece(p, b, piece);
        for (int64_t i = 0; i < n; i++)
            p->weights[i] = 0;
        model_cross_entropy(p->model, p->tape, p->rows,
                            b->learned_targets + piece.learned, p->weights, n, false,
                            p->nll);
        for (int64_t i = 0; i < n; i++)
            out->nll +=
                (double)b->learned_weights[piece.learned + i] * (double)p->nll[i];
        out->right += count_right(p, b, piece);
    }
    return OK;
}
