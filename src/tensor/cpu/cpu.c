/* cpu.c - the fast host backend: its context, its scratch, and the choice of the
 * instruction set at run time. */
#include "tensor/cpu/cpu.h"

#include "base/mem.h"
#include "base/system.h"
#include "tensor/ref/ref.h"

#include <string.h>
#ifdef TENSOR_X86
#    include <cpuid.h>
#    ifdef __linux__
#        include <sys/syscall.h>
#        include <unistd.h>
#    endif
#endif

static Status buffer_reserve(CpuBuffer *b, size_t bytes, Err *err)
{
    if (bytes <= b->bytes)
        return OK;
    void *data = mem_alloc_array(bytes, 1);
    if (!data)
        return err_set(err, ERR_NOMEM, "no memory for %.1f MB of scratch",
                       (double)bytes / 1e6);
    mem_free(b->data);
    *b = (CpuBuffer){data, bytes};
    return OK;
}

void *cpu_buffer(CpuBuffer *b, size_t bytes)
{
    Err err;
    Status status = buffer_reserve(b, bytes, &err);
    ASSERT(status == OK);
    return b->data;
}

/* What a buffer must have. */
typedef struct Need {
    CpuBuffer *buffer;
    size_t bytes;
} Need;
enum { BUFFERS = 8 };

static void list_needs(TensorOps *t, int64_t N, int64_t max_width, int64_t vocab,
                       int64_t heads, Need needs[BUFFERS])
{
    ASSERT(N >= 0 && max_width >= 0 && vocab >= 0 && heads >= 0);
    CpuContext *c = t->context;
    /* No width is smaller than that of all query heads together. */
    int64_t D = heads > 0 ? max_width / heads : 0;
    size_t threads = (size_t)c->threads, size = sizeof(float);
    size_t gradient_size = (size_t)tensor_type_bytes(tensor_activation_type(t));
    int64_t gradient_rows = cpu_logit_gradient_rows(vocab, (int64_t)gradient_size);
    gradient_rows = gradient_rows < N ? gradient_rows : N;
    const Need all[BUFFERS] = {
        {&c->logits, (size_t)(cpu_logit_rows(vocab) * vocab) * size},
        {&c->gradients, (size_t)(gradient_rows * vocab) * gradient_size},
        {&c->partial, CPU_BLOCKS * (size_t)max_width * size},
        {&c->attention, threads * (size_t)cpu_attention_words(N, D) * size},
        {&c->documents, ((size_t)N + 1) * sizeof(int32_t)},
        {&c->sample, threads * 2 * ((size_t)vocab + 16) * size},
        {&c->packed, cpu_gemm_words(c->threads, max_width / 2) * sizeof(uint32_t)},
        {&c->transposed, CPU_FEW_ROWS * (size_t)max_width * size},
    };
    memcpy(needs, all, sizeof all);
}

static Status reserve(TensorOps *t, int64_t N, int64_t max_width, int64_t vocab,
                      int64_t heads, Err *err)
{
    Need needs[BUFFERS];
    list_needs(t, N, max_width, vocab, heads, needs);
    for (int i = 0; i < BUFFERS; i++)
        TRY(buffer_reserve(needs[i].buffer, needs[i].bytes, err));
    return OK;
}

static size_t growth(const Need *needs, int n)
{
    size_t sum = 0;
    for (int i = 0; i < n; i++)
        sum += needs[i].bytes > needs[i].buffer->bytes
                   ? needs[i].bytes - needs[i].buffer->bytes
                   : 0;
    return sum;
}

static size_t reserve_bytes(TensorOps *t, int64_t N, int64_t max_width, int64_t vocab,
                            int64_t heads)
{
    Need needs[BUFFERS];
    list_needs(t, N, max_width, vocab, heads, needs);
    return growth(needs, BUFFERS);
}

/* What products with adapters take besides. */
enum { ADAPTER_BUFFERS = 2 };
static void list_adapter_needs(TensorOps *t, int64_t N, int64_t width,
                               Need needs[ADAPTER_BUFFERS])
{
    ASSERT(N >= 0 && width >= 0);
    CpuContext *c = t->context;
    size_t extra = (size_t)c->threads * (size_t)cpu_gemm_extra_words(width);
    needs[0] = (Need){&c->adapter, 2 * (size_t)(N * width) * sizeof(float)};
    needs[1] = (Need){&c->extra, width > 0 ? extra * sizeof(uint32_t) : 0};
}

static Status adapter_reserve(TensorOps *t, int64_t N, int64_t width, Err *err)
{
    Need needs[ADAPTER_BUFFERS];
    list_adapter_needs(t, N, width, needs);
    for (int i = 0; i < ADAPTER_BUFFERS; i++)
        TRY(buffer_reserve(needs[i].buffer, needs[i].bytes, err));
    return OK;
}

static size_t adapter_reserve_bytes(TensorOps *t, int64_t N, int64_t width)
{
    Need needs[ADAPTER_BUFFERS];
    list_adapter_needs(t, N, width, needs);
    return growth(needs, ADAPTER_BUFFERS);
}

static void free_context(TensorOps *t)
{
    CpuContext *c = t->context;
    if (!c)
        return;
    mem_free(c->logits.data);
    mem_free(c->gradients.data);
    mem_free(c->partial.data);
    mem_free(c->attention.data);
    mem_free(c->documents.data);
    mem_free(c->sample.data);
    mem_free(c->transposed.data);
    mem_free(c->packed.data);
    mem_free(c->adapter.data);
    mem_free(c->extra.data);
    mem_free(c);
}

/* --- the instruction set ------------------------------------------------------------ */
typedef struct InstructionSet {
    const char *name;
    void (*fill)(TensorOps *t);
    bool here;     /* this processor has it */
    bool has_bf16; /* products of bf16 are faster than of f32 */
} InstructionSet;

enum { MOST_SETS = 5 };

#ifdef TENSOR_X86
/* Whether the processor has tiles (AMX) that multiply bf16 and the system lets this
 * process use them: their registers are large, so they are asked for. Linux,
 * Documentation/arch/x86/xstate.rst; cpuid leaf 7: bits 22 and 24 of edx. */
static bool tiles_here(void)
{
    enum { LEAF = 7, AMX_BF16 = 1 << 22, AMX_TILE = 1 << 24 };
    unsigned a = 0, b = 0, c = 0, d = 0;
    if (!__get_cpuid_count(LEAF, 0, &a, &b, &c, &d) || !(d & AMX_BF16) ||
        !(d & AMX_TILE))
        return false;
#    ifdef __linux__
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
#    else
    return false;
#    endif
}
#endif

/* Those that were compiled, widest first; returns how many. */
static int list_sets(InstructionSet sets[MOST_SETS])
{
    int n = 0;
#ifdef TENSOR_X86
    __builtin_cpu_init();
    bool avx512 =
        __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
    bool bf16 = avx512 && __builtin_cpu_supports("avx512bf16");
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    sets[n++] = (InstructionSet){"amx", cpu_fill_amx, bf16 && tiles_here(), true};
    /* Intel's vectors multiply bf16 at half the rate of f32 (86 and 176 GFLOP/s a core). */
    bool fast = !__builtin_cpu_is("intel");
    sets[n++] = (InstructionSet){"avx512_bf16", cpu_fill_avx512_bf16, bf16, fast};
    sets[n++] = (InstructionSet){"avx512", cpu_fill_avx512, avx512, false};
    sets[n++] = (InstructionSet){"avx2", cpu_fill_avx2, avx2, false};
#endif
    sets[n++] = (InstructionSet){"baseline", cpu_fill_baseline, true, false};
    return n;
}

/* The set of that name, or the widest one that is here. */
static Status choose_set(InstructionSet *out, const char *name, Err *err)
{
    InstructionSet sets[MOST_SETS];
    int n = list_sets(sets);
    for (int i = 0; i < n; i++) {
        bool meant = name ? strcmp(name, sets[i].name) == 0 : sets[i].here;
        if (meant && !sets[i].here)
            return err_set(err, ERR_OPTION, "this processor has no instructions '%s'",
                           name);
        if (meant) {
            *out = sets[i];
            return OK;
        }
    }
    return err_set(err, ERR_OPTION, "no set of instructions is called '%s'", name);
}

Status tensor_cpu_new(TensorOps **out, const TensorCpuOptions *o, Err *err)
{
    CpuContext *c = NULL;
    InstructionSet set = {"baseline", cpu_fill_baseline, true, false};
    *out = NULL;
    TRY(choose_set(&set, o->set, err));
    TRY(MEM_ARRAY(out, 1, err));
    Status status = MEM_ARRAY(&c, 1, err);
    if (status != OK) {
        mem_free(*out);
        *out = NULL;
        return status;
    }
    c->threads = CPU_SERIAL ? 1 : o->threads > 0 ? o->threads : system_cpus();
    ref_fill(*out);
    (*out)->context = c;
    (*out)->name = "cpu";
    (*out)->compute = o->compute != COMPUTE_AUTO ? o->compute
                      : set.has_bf16             ? COMPUTE_BF16
                                                 : COMPUTE_F32;
    (*out)->reserve = reserve;
    (*out)->reserve_bytes = reserve_bytes;
    (*out)->adapter_reserve = adapter_reserve;
    (*out)->adapter_reserve_bytes = adapter_reserve_bytes;
    (*out)->free_context = free_context;
    set.fill(*out);
    return OK;
}
