/* ref.c - the table of the slow, obvious backend. */
#include "tensor/ref/ref.h"

#include "base/mem.h"

void ref_fill(TensorOps *t)
{
    ref_fill_memory(t);
    ref_fill_linear(t);
    ref_fill_elementwise(t);
    ref_fill_norm(t);
    ref_fill_rope(t);
    ref_fill_mlp(t);
    ref_fill_embed(t);
    ref_fill_attention(t);
    ref_fill_decode(t);
    ref_fill_head(t);
    ref_fill_sample(t);
    ref_fill_adamw(t);
    ref_fill_muon(t);
}

Status tensor_ref_new(TensorOps **out, Err *err)
{
    TRY(MEM_ARRAY(out, 1, err));
    (*out)->name = "ref";
    ref_fill(*out);
    return OK;
}
