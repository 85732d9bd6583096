/* stopwatch.c - where the time of a pass goes, see stopwatch.h. */
#include "stopwatch.h"

#include "base/system.h"

static TensorOps plain; /* the operations as they were */
static Spent spent;

static void linear(TensorOps *t, Tensor y, Tensor x, Weight *w, Tensor bias,
                   Tensor residual, int64_t N)
{
    double start = system_seconds();
    plain.linear(t, y, x, w, bias, residual, N);
    spent.products += system_seconds() - start;
}

static void linear_backward_input(TensorOps *t, Tensor dx, Tensor dy, Weight *w,
                                  int64_t N, bool add)
{
    double start = system_seconds();
    plain.linear_backward_input(t, dx, dy, w, N, add);
    spent.products += system_seconds() - start;
}

static void linear_backward_weight(TensorOps *t, Weight *w, Tensor dbias, Tensor dy,
                                   Tensor x, int64_t N)
{
    double start = system_seconds();
    plain.linear_backward_weight(t, w, dbias, dy, x, N);
    spent.products += system_seconds() - start;
}

static void attention(TensorOps *t, Tensor o, Tensor lse, Tensor qkv, Tensor starts,
                      int64_t N, int64_t Hq, int64_t Hk, int64_t D)
{
    double start = system_seconds();
    plain.attention(t, o, lse, qkv, starts, N, Hq, Hk, D);
    spent.attention += system_seconds() - start;
}

static void attention_backward(TensorOps *t, Tensor dqkv, Tensor dout, Tensor o,
                               Tensor lse, Tensor qkv, Tensor starts, int64_t N,
                               int64_t Hq, int64_t Hk, int64_t D)
{
    double start = system_seconds();
    plain.attention_backward(t, dqkv, dout, o, lse, qkv, starts, N, Hq, Hk, D);
    spent.attention += system_seconds() - start;
}

static void head_cross_entropy(TensorOps *t, Tensor nll, Tensor dx, Tensor x, Weight *w,
                               Tensor targets, Tensor weights, int64_t M)
{
    double start = system_seconds(), products = spent.products;
    plain.head_cross_entropy(t, nll, dx, x, w, targets, weights, M);
    spent.head += system_seconds() - start - (spent.products - products);
}

void stopwatch_attach(TensorOps *t)
{
    plain = *t;
    spent = (Spent){0};
    t->linear = linear;
    t->linear_backward_input = linear_backward_input;
    t->linear_backward_weight = linear_backward_weight;
    t->attention = attention;
    t->attention_backward = attention_backward;
    t->head_cross_entropy = head_cross_entropy;
}

Spent stopwatch_take(void)
{
    Spent since = spent;
    spent = (Spent){0};
    return since;
}
