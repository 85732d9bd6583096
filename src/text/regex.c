/* regex.c - PCRE2 with limits, see regex.h. All memory goes
 * through base/mem.h, so that tests can fail each allocation. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/regex.h"

#include "base/mem.h"

#include <pcre2.h>

enum {
    MOST_BYTES = 8192,     /* known patterns have under 400 */
    MOST_STEPS = 10000000, /* per match: a match of 1 MB of one class fits */
    MOST_HEAP_KIB = 65536, /* per match, interpreted */
    JIT_STACK_LEAST = 32768,
    JIT_STACK_MOST = 1 << 20,
};

struct Regex {
    pcre2_general_context *memory;
    pcre2_code *code;
};

typedef struct Scratch {
    pcre2_match_data *match;
    pcre2_match_context *limits;
    pcre2_jit_stack *stack; /* one a user: the only part that threads cannot share */
} Scratch;

static void *take(size_t size, void *unused)
{
    (void)unused;
    return mem_alloc_array(size, 1);
}

static void give(void *p, void *unused)
{
    (void)unused;
    mem_free(p);
}

static Status no_memory(Err *err)
{
    return err_set(err, ERR_NOMEM, "no memory for a regular expression");
}

static Status compile(Regex *r, Span source, Err *err)
{
    pcre2_compile_context *how = pcre2_compile_context_create(r->memory);
    if (!how)
        return no_memory(err);
    pcre2_set_max_pattern_length(how, MOST_BYTES);
    int code;
    PCRE2_SIZE at;
    uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C;
    r->code =
        pcre2_compile((PCRE2_SPTR)source.ptr, source.len, options, &code, &at, how);
    pcre2_compile_context_free(how);
    if (!r->code && code == PCRE2_ERROR_HEAP_FAILED)
        return no_memory(err);
    if (!r->code) {
        PCRE2_UCHAR why[128];
        pcre2_get_error_message(code, why, sizeof why);
        return err_set(err, ERR_FORMAT, "%s, at byte %zu", (const char *)why, at);
    }
    /* Without JIT (refused by some systems) matching is slower and the same. */
    (void)pcre2_jit_compile(r->code, PCRE2_JIT_COMPLETE);
    return OK;
}

Status regex_new(Regex **out, Span source, Err *err)
{
    *out = NULL;
    if (source.len == 0 || source.len > MOST_BYTES)
        return err_set(err, ERR_FORMAT, "%zu bytes, not 1 to %d", source.len,
                       MOST_BYTES);
    Regex *r;
    TRY(MEM_ARRAY(&r, 1, err));
    r->memory = pcre2_general_context_create(take, give, NULL);
    Status status = r->memory ? compile(r, source, err) : no_memory(err);
    if (status != OK) {
        regex_free(r);
        return status;
    }
    *out = r;
    return OK;
}

void regex_free(Regex *r)
{
    if (!r)
        return;
    pcre2_code_free(r->code);
    pcre2_general_context_free(r->memory);
    mem_free(r);
}

Status regex_scratch(const Regex *r, void **out, Err *err)
{
    Scratch *s;
    *out = NULL;
    TRY(MEM_ARRAY(&s, 1, err));
    s->match = pcre2_match_data_create_from_pattern(r->code, r->memory);
    s->limits = pcre2_match_context_create(r->memory);
    s->stack = pcre2_jit_stack_create(JIT_STACK_LEAST, JIT_STACK_MOST, r->memory);
    if (!s->match || !s->limits) {
        regex_scratch_free(s);
        return no_memory(err);
    }
    pcre2_set_match_limit(s->limits, MOST_STEPS);
    pcre2_set_depth_limit(s->limits, MOST_STEPS);
    pcre2_set_heap_limit(s->limits, MOST_HEAP_KIB);
    if (s->stack)
        pcre2_jit_stack_assign(s->limits, NULL, s->stack);
    *out = s;
    return OK;
}

void regex_scratch_free(void *scratch)
{
    Scratch *s = scratch;
    if (!s)
        return;
    pcre2_match_data_free(s->match);
    pcre2_match_context_free(s->limits);
    pcre2_jit_stack_free(s->stack);
    mem_free(s);
}

/* What pcre2_match() gives when it is no match. */
static Status match_failed(int code, Err *err)
{
    PCRE2_UCHAR why[128];
    pcre2_get_error_message(code, why, sizeof why);
    return err_set(err, code == PCRE2_ERROR_NOMEMORY ? ERR_NOMEM : ERR_LIMIT, "%s",
                   (const char *)why);
}

Status regex_find(const Regex *r, void *scratch, Span text, size_t from, Span *found,
                  Err *err)
{
    const Scratch *s = scratch;
    *found = (Span){text.ptr + text.len, 0};
    /* \K may move the start of a match in front of `from`: the pieces would overlap. */
    int got = pcre2_match(r->code, (PCRE2_SPTR)text.ptr, text.len, from,
                          PCRE2_NO_UTF_CHECK | PCRE2_NOTEMPTY, s->match, s->limits);
    if (got == PCRE2_ERROR_NOMATCH)
        return OK;
    if (got < 0)
        return match_failed(got, err);
    const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(s->match);
    if (ends[0] < from || ends[1] <= ends[0])
        return err_set(err, ERR_FORMAT, "a match that ends before it starts");
    *found = (Span){text.ptr + ends[0], ends[1] - ends[0]};
    return OK;
}

Span regex_group(const Regex *r, void *scratch, Span text, Span found)
{
    const Scratch *s = scratch;
    uint32_t groups = 0;
    (void)pcre2_pattern_info(r->code, PCRE2_INFO_CAPTURECOUNT, &groups);
    const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(s->match);
    if (groups < 1 || ends[2] == PCRE2_UNSET || ends[3] < ends[2])
        return found;
    return (Span){text.ptr + ends[2], ends[3] - ends[2]};
}

Status regex_matches(const Regex *r, void *scratch, Span text, bool *matches, Err *err)
{
    const Scratch *s = scratch;
    int got = pcre2_match(r->code, (PCRE2_SPTR)(text.ptr ? text.ptr : ""), text.len, 0,
                          PCRE2_NO_UTF_CHECK, s->match, s->limits);
    *matches = got >= 0;
    return got >= 0 || got == PCRE2_ERROR_NOMATCH ? OK : match_failed(got, err);
}
