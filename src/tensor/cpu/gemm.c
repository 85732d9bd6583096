/* gemm.c - large matrix products by oneDNN's dnnl_sgemm, which chooses its kernel for
 * this processor at run time. It takes its packing buffers from malloc: the only
 * allocations inside a pass that are not ours to avoid. */
#include "tensor/cpu/cpu.h"

#include <dnnl.h>
#include <omp.h> /* the library's threads, also where our own kernels have none */

void cpu_gemm(TensorOps *t, CpuGemm g)
{
    if (g.M == 0 || g.N == 0)
        return;
    omp_set_num_threads(cpu_context(t)->threads);
    dnnl_status_t status =
        dnnl_sgemm(g.transpose_a ? 'T' : 'N', g.transpose_b ? 'T' : 'N', g.M, g.N, g.K,
                   1.0F, g.a, g.transpose_a ? g.M : g.K, g.b, g.transpose_b ? g.K : g.N,
                   g.add ? 1.0F : 0.0F, g.c, g.N);
    ASSERT(status == dnnl_success);
}
