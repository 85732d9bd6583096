/* lora.c - low-rank adapters over a model's fused weights (Hu et al. 2021, "LoRA: low-rank
 * adaptation of large language models").
 *
 * Hugging Face's projections are pieces of our fused weights, and each has an adapter of
 * its own, as PEFT makes them: of a fused weight those lie as one Adapter (tensor/ops.h),
 *
 *     A_q | A_k | A_v  (3 r, C)        B_q | B_k | B_v  (Hq D + 2 Hk D, r)
 *
 * The operations of tensor/ multiply with it wherever they multiply with the weight, so no
 * pass knows of adapters. An adapter model is a Model whose own parameters are these, all
 * layers' one after the other, and a scalar head; the Weights of its layers are its base's,
 * without gradients. */
#include "model/lora_internal.h"

#include "base/mem.h"
#include "base/options.h"
#include "model/tape_internal.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* --- what is chosen ------------------------------------------------------------------ */

/* By the number of their bit. */
static const char *const target_names[] = {"q_proj",    "k_proj",  "v_proj",   "o_proj",
                                           "gate_proj", "up_proj", "down_proj"};
enum { TARGETS = sizeof target_names / sizeof *target_names, LONGEST_NAME = 16 };
static const char all_linear[] = "all-linear";

double model_lora_scale(const ModelLora *lora)
{
    return lora->alpha / (lora->rslora ? sqrt(lora->rank) : lora->rank);
}

bool model_lora_same(const ModelLora *a, const ModelLora *b)
{
    return a->rank == b->rank && a->targets == b->targets && a->rslora == b->rslora &&
           !(a->alpha < b->alpha) && !(a->alpha > b->alpha);
}

Status lora_check(const ModelLora *lora, Err *err)
{
    if (lora->rank < 1 || lora->rank > ADAPTER_MAX_RANK)
        return err_set(err, ERR_OPTION, "the rank of an adapter is %d, not in 1 to %d",
                       lora->rank, ADAPTER_MAX_RANK);
    if (!isfinite(lora->alpha) || lora->alpha <= 0)
        return err_set(err, ERR_OPTION,
                       "the alpha of an adapter is %g, not a positive number",
                       lora->alpha);
    if (lora->targets == 0 || lora->targets > LORA_ALL_LINEAR)
        return err_set(err, ERR_OPTION, "an adapter without targets");
    return OK;
}

static Status parse_target(Span word, uint32_t *targets, Err *err)
{
    char name[64];
    const char *known[TARGETS + 1];
    (void)snprintf(name, sizeof name, "%.*s", (int)word.len, word.ptr);
    for (int i = 0; i < TARGETS; i++) {
        const char *full = target_names[i];
        bool is_short = strlen(name) + strlen("_proj") == strlen(full) &&
                        strncmp(full, name, strlen(name)) == 0;
        if (is_short || strcmp(full, name) == 0) {
            *targets |= 1U << i;
            return OK;
        }
        known[i] = full;
    }
    known[TARGETS] = all_linear;
    const char *near = opt_nearest(name, known, TARGETS + 1);
    return err_set(err, ERR_OPTION,
                   "no projection is called '%s'%s%s%s; an adapter may be over "
                   "all-linear, or q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, "
                   "down_proj with commas between them",
                   name, near ? "; did you mean '" : "", near ? near : "",
                   near ? "'?" : "");
}

Status model_lora_parse(const char *text, uint32_t *targets, Err *err)
{
    *targets = 0;
    if (strcmp(text, all_linear) == 0) {
        *targets = LORA_ALL_LINEAR;
        return OK;
    }
    for (const char *at = text; at;) {
        const char *end = strchr(at, ',');
        size_t len = end ? (size_t)(end - at) : strlen(at);
        TRY(parse_target(span_trim((Span){at, len}), targets, err));
        at = end ? end + 1 : NULL;
    }
    return OK;
}

void model_lora_names(uint32_t targets, Str *out)
{
    const char *between = "";
    for (int i = 0; i < TARGETS; i++) {
        if (!(targets & 1U << i))
            continue;
        str_printf(out, "%s%s", between, target_names[i]);
        between = ",";
    }
}

/* --- where they sit ------------------------------------------------------------------- */

/* The fused weights of a layer, and the bit of their first projection. */
typedef struct Seat {
    size_t weight, adapter; /* members of ModelLayer */
    int first_target;
} Seat;

static const Seat seats[] = {
    {offsetof(ModelLayer, qkv), offsetof(ModelLayer, qkv_lora), 0},
    {offsetof(ModelLayer, out), offsetof(ModelLayer, out_lora), 3},
    {offsetof(ModelLayer, gate_up), offsetof(ModelLayer, gate_up_lora), 4},
    {offsetof(ModelLayer, down), offsetof(ModelLayer, down_lora), 6},
};
enum { SEATS = sizeof seats / sizeof *seats };

static const Seat *seat_of(const Param *p)
{
    for (int i = 0; p->layer >= 0 && i < SEATS; i++) {
        if (p->member == seats[i].weight)
            return &seats[i];
    }
    return NULL;
}

void lora_walk(LoraWalk *walk, const ModelShape *shape)
{
    *walk = (LoraWalk){.shape = *shape};
    walk->params = param_walk(&walk->shape);
}

/* The pieces of a parameter that are adapted. */
static void take_pieces(LoraSite *site, const ModelShape *shape, const Seat *seat)
{
    ParamPiece pieces[PARAM_PIECES];
    int n = param_pieces(shape, &site->param, &site->label, pieces);
    if (!site->label)
        site->label = target_names[seat->first_target];
    int64_t first = 0;
    for (int i = 0; i < n; i++) {
        int target = seat->first_target + i;
        if (shape->lora.targets & 1U << target) {
            site->piece[site->pieces++] =
                (LoraPiece){.label = target_names[target],
                            .number = (int64_t)site->param.layer * TARGETS + target,
                            .rows = {first, pieces[i].outputs}};
            site->outputs += pieces[i].outputs;
        }
        first += pieces[i].outputs;
    }
}

bool lora_next(LoraWalk *walk, LoraSite *out)
{
    const ModelShape *shape = &walk->shape;
    int64_t r = shape->lora.rank;
    for (Param p; r > 0 && param_next(&walk->params, &p);) {
        const Seat *seat = seat_of(&p);
        if (!seat)
            continue;
        *out = (LoraSite){.param = p, .rank = r};
        take_pieces(out, shape, seat);
        if (out->pieces == 0)
            continue;
        out->a = walk->offset;
        out->b = out->a + out->pieces * r * p.cols;
        out->end = walk->offset = out->b + out->outputs * r;
        return true;
    }
    return false;
}

Weight *lora_weight(Model *model, const LoraSite *site)
{
    return param_weight(model, &site->param);
}

Adapter *lora_adapter(Model *model, const LoraSite *site)
{
    const Seat *seat = seat_of(&site->param);
    char *layer = (char *)&model->layer[site->param.layer];
    return (Adapter *)(void *)(layer + seat->adapter);
}

int64_t lora_most_width(const ModelShape *shape)
{
    int64_t most = 0;
    LoraWalk walk;
    lora_walk(&walk, shape);
    for (LoraSite s; lora_next(&walk, &s);)
        most = s.pieces * s.rank > most ? s.pieces * s.rank : most;
    return most;
}

int64_t lora_params(const ModelShape *shape)
{
    int64_t n = 0;
    LoraWalk walk;
    lora_walk(&walk, shape);
    for (LoraSite s; lora_next(&walk, &s);)
        n = s.end;
    return n;
}

size_t lora_packed_bytes(TensorOps *ops, const ModelShape *shape)
{
    size_t bytes = 0;
    LoraWalk walk;
    lora_walk(&walk, shape);
    for (LoraSite s; lora_next(&walk, &s);)
        bytes += ops->adapter_packed_bytes(ops, s.param.rows, s.param.cols,
                                           s.pieces * s.rank);
    return bytes;
}

/* --- making ----------------------------------------------------------------------------- */

static Status own_weight(Model *m, Weight *w, const char *name, int64_t offset,
                         int64_t rows, int64_t cols, Err *err)
{
    bool trainable = tensor_present(m->grads);
    *w = (Weight){.value = tensor_slice(m->params, offset, rows * cols),
                  .rows = rows,
                  .cols = cols,
                  .decays = true,
                  .trainable = trainable};
    if (trainable)
        w->grad = tensor_slice(m->grads, offset, rows * cols);
    m->weights[m->n_weights] = w;
    m->names[m->n_weights] = mem_dup(name, strlen(name));
    if (!m->names[m->n_weights])
        return err_set(err, ERR_NOMEM, "no memory for the name of '%s'", name);
    m->n_weights++;
    return OK;
}

static Status own_site(Model *m, const LoraSite *site, Err *err)
{
    Adapter *adapter = lora_adapter(m, site);
    Weight *w = lora_weight(m, site);
    char name[96];
    int stem = (int)(strlen(site->param.name) - strlen(".weight"));
    *adapter = (Adapter){.pieces = site->pieces,
                         .scale = (float)model_lora_scale(&m->shape.lora)};
    for (int32_t i = 0; i < site->pieces; i++)
        adapter->piece[i] = site->piece[i].rows;
    (void)snprintf(name, sizeof name, "%.*s.lora_A.weight", stem, site->param.name);
    TRY(own_weight(m, &adapter->a, name, site->a, site->pieces * site->rank,
                   site->param.cols, err));
    (void)snprintf(name, sizeof name, "%.*s.lora_B.weight", stem, site->param.name);
    TRY(own_weight(m, &adapter->b, name, site->b, site->outputs, site->rank, err));
    w->adapter = adapter;
    return m->ops->adapter_prepare(m->ops, w, err);
}

/* The base's Weights, as ones that do not train. */
static void borrow(Model *m)
{
    ParamWalk walk = param_walk(&m->shape);
    for (Param p; param_next(&walk, &p);) {
        if (p.init == PARAM_SCORE)
            continue;
        Weight *w = param_weight(m, &p);
        *w = *param_weight(m->base, &p);
        w->grad = (Tensor){0};
        w->trainable = false;
    }
}

static Status place(Model *m, Err *err)
{
    LoraWalk walk;
    borrow(m);
    lora_walk(&walk, &m->shape);
    for (LoraSite s; lora_next(&walk, &s);)
        TRY(own_site(m, &s, err));
    if (head_has_score(m->shape.head))
        return own_weight(m, &m->score, "score.weight", walk.offset, 1, m->shape.hidden,
                          err);
    return OK;
}

static int64_t count_own(const ModelShape *shape)
{
    int64_t n = head_has_score(shape->head) ? 1 : 0;
    LoraWalk walk;
    lora_walk(&walk, shape);
    for (LoraSite s; lora_next(&walk, &s);)
        n += 2;
    return n;
}

static Status check_start(const Model *from, const ModelLora *lora, ModelHead head,
                          Err *err)
{
    if (head_has_logits(head) && !head_has_logits(from->shape.head))
        return err_set(err, ERR_OPTION,
                       "a reward model has no language-model head for an adapter");
    if (!from->base || model_lora_same(&from->shape.lora, lora))
        return OK;
    return err_set(err, ERR_OPTION,
                   "the adapter to go on from has rank %d, alpha %g and %s, not rank "
                   "%d, alpha %g and %s, or other targets; give the same, or merge it "
                   "first",
                   from->shape.lora.rank, from->shape.lora.alpha,
                   from->shape.lora.rslora ? "rslora" : "no rslora", lora->rank,
                   lora->alpha, lora->rslora ? "rslora" : "no rslora");
}

/* A of each projection by itself, so that its draws do not depend on what else is adapted;
 * B is zero as allocated. */
static void draw_a(Model *m, uint64_t seed, float *chunk)
{
    LoraWalk walk;
    lora_walk(&walk, &m->shape);
    for (LoraSite s; lora_next(&walk, &s);) {
        double bound = 1 / sqrt((double)s.param.cols);
        for (int32_t i = 0; i < s.pieces; i++) {
            Rng rng = rng_make(seed, RNG_ADAPTER, (uint64_t)s.piece[i].number);
            int64_t count = s.rank * s.param.cols, first = s.a + i * count;
            for (int64_t at = 0; at < count; at += INIT_CHUNK) {
                int64_t n = count - at < INIT_CHUNK ? count - at : INIT_CHUNK;
                for (int64_t j = 0; j < n; j++)
                    chunk[j] = (float)((2 * rng_uniform(&rng) - 1) * bound);
                m->ops->write(m->ops, tensor_slice(m->params, first + at, n), chunk);
            }
        }
    }
}

/* As model_init would. */
static void draw_score(Model *m, uint64_t seed, float *chunk)
{
    uint64_t number = 0;
    ParamWalk walk = param_walk(&m->shape);
    for (Param p; param_next(&walk, &p); number++) {
        if (p.init == PARAM_SCORE)
            init_param(m->ops, &m->shape, &p, m->score.value,
                       rng_make(seed, RNG_INIT, number), chunk);
    }
}

static Status start(Model *m, const Model *from, uint64_t seed, Err *err)
{
    TensorOps *t = m->ops;
    int64_t n = lora_params(&m->shape);
    float *chunk;
    TRY(MEM_ARRAY(&chunk, INIT_CHUNK, err));
    if (from->base)
        t->copy(t, tensor_slice(m->params, 0, n), tensor_slice(from->params, 0, n));
    else
        draw_a(m, seed, chunk);
    bool scores = head_has_score(m->shape.head);
    if (scores && head_has_score(from->shape.head)) {
        t->copy(t, m->score.value, from->score.value);
        m->score_bias = from->score_bias;
    } else if (scores) {
        draw_score(m, seed, chunk);
    }
    mem_free(chunk);
    model_changed(m);
    return OK;
}

Status model_adapter_new(Model **out, Model *from, const ModelLora *lora,
                         ModelHead head, bool trainable, uint64_t seed, Err *err)
{
    *out = NULL;
    ModelShape shape = model_base(from)->shape;
    shape.head = head;
    shape.lora = *lora;
    TRY(lora_check(lora, err));
    TRY(check_start(from, lora, head, err));
    TRY(model_shape_check(&shape, err));

    Model *m;
    TensorOps *ops = from->ops;
    TRY(MEM_ARRAY(&m, 1, err));
    m->ops = ops;
    m->shape = shape;
    m->n_params = model_shape_own_params(&shape);
    m->holders = 1;
    m->base = model_base(from);
    m->base->holders++;
    size_t n_weights = (size_t)count_own(&shape);

    Status s = MEM_ARRAY(&m->layer, (size_t)shape.layers, err);
    if (s == OK) /* NOLINTNEXTLINE(bugprone-sizeof-expression): pointers are meant */
        s = MEM_ARRAY(&m->weights, n_weights, err);
    if (s == OK)
        s = MEM_ARRAY(&m->names, n_weights, err);
    if (s == OK)
        s = ops->alloc(ops, &m->params, TENSOR_F32, m->n_params, err);
    if (s == OK && trainable)
        s = ops->alloc(ops, &m->grads, TENSOR_F32, m->n_params, err);
    if (s == OK)
        s = place(m, err);
    if (s == OK)
        s = start(m, from, seed, err);
    if (s != OK) {
        model_free(m);
        return s;
    }
    *out = m;
    return OK;
}

void model_adapter_switch(Model *adapter, bool on)
{
    ASSERT(adapter->base);
    LoraWalk walk;
    lora_walk(&walk, &adapter->shape);
    for (LoraSite s; lora_next(&walk, &s);)
        lora_weight(adapter, &s)->adapter = on ? lora_adapter(adapter, &s) : NULL;
}

/* --- for model.c and folder.c ------------------------------------------------------------ */

void lora_changed(Model *model)
{
    LoraWalk walk;
    lora_walk(&walk, &model->shape);
    for (LoraSite s; lora_next(&walk, &s);) {
        Weight w = *lora_weight(model, &s); /* it may be switched off */
        w.adapter = lora_adapter(model, &s);
        model->ops->adapter_changed(model->ops, &w);
    }
}

void lora_release(Model *model)
{
    LoraWalk walk;
    lora_walk(&walk, &model->shape);
    for (LoraSite s; model->layer && lora_next(&walk, &s);)
        model->ops->adapter_release(model->ops,
                                    &(Weight){.adapter = lora_adapter(model, &s)});
}

/* B of a piece, transposed and scaled: (r, rows). */
static Status turn_b(const Adapter *adapter, TensorOps *t, Tensor b, Tensor *out,
                     Err *err)
{
    int64_t r = adapter_rank(adapter), rows = b.count / r;
    float *value, *turned = NULL;
    TRY(MEM_ARRAY(&value, (size_t)b.count, err));
    Status s = MEM_ARRAY(&turned, (size_t)b.count, err);
    if (s == OK)
        s = t->alloc(t, out, TENSOR_F32, b.count, err);
    if (s == OK) {
        t->read(t, value, b);
        for (int64_t o = 0; o < rows; o++) {
            for (int64_t k = 0; k < r; k++)
                turned[k * rows + o] = adapter->scale * value[o * r + k];
        }
        t->write(t, *out, turned);
    }
    mem_free(turned);
    mem_free(value);
    return s;
}

/* W += (scale B^T)^T A, which is the gradient of a weight over r rows; in f32, since this
 * Weight has no packed copy. */
static Status merge_site(Model *plain, Model *adapter, const LoraSite *site, Err *err)
{
    TensorOps *t = plain->ops;
    const Adapter *from = lora_adapter(adapter, site);
    int64_t r = site->rank, C = site->param.cols, row = 0;
    Tensor whole = lora_weight(plain, site)->value;
    for (int32_t i = 0; i < site->pieces; i++) {
        AdapterPiece p = site->piece[i].rows;
        Weight w = {.rows = p.rows, .cols = C};
        Tensor turned;
        w.grad = tensor_slice(whole, p.first * C, p.rows * C);
        TRY(turn_b(from, t, tensor_slice(from->b.value, row * r, p.rows * r), &turned,
                   err));
        t->linear_backward_weight(t, &w, (Tensor){0}, turned,
                                  tensor_slice(from->a.value, i * r * C, r * C), r);
        t->free(t, &turned);
        row += p.rows;
    }
    return OK;
}

Status lora_merge(Model *plain, Model *adapter, Err *err)
{
    ASSERT(!plain->base && adapter->base);
    ASSERT(plain->shape.head == adapter->shape.head);
    TensorOps *t = plain->ops;
    TRY(blocks_reserve(plain, 1, err)); /* whose products these are as good as */
    LoraWalk walk;
    lora_walk(&walk, &adapter->shape);
    for (LoraSite s; lora_next(&walk, &s);)
        TRY(merge_site(plain, adapter, &s, err));
    if (head_has_score(plain->shape.head)) {
        t->copy(t, plain->score.value, adapter->score.value);
        plain->score_bias = adapter->score_bias;
    }
    model_changed(plain);
    return OK;
}
