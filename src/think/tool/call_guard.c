/* call_guard.c - see call_guard.h. */
#include "think/tool/call_guard.h"

#include "base/mem.h"
#include "engine/constraint/token_trie.h"
#include "format/grammar/gbnf.h"
#include "format/grammar/schema.h"
#include "think/tool/call_rules.h"

struct CallGuard {
    const ChatTemplate *chat;
    TokenTrie *trie;
    Constraint *calls;
};

struct CallGuardRun {
    const ChatTemplate *chat;
    ConstraintRun *run;
    int64_t seen;  /* ids that were looked at */
    int64_t start; /* of the last turn among them */
    int64_t held;  /* the turn that the run reads; -1: none */
};

/* --- the grammar --------------------------------------------------------------------- */

static int32_t any_line(Grammar *g)
{
    CharSet set = {0};
    charset_add(&set, ' ', UNICODE_MAX);
    return grammar_loop(g, grammar_chars(g, &set), 0, -1);
}

static Status arguments_node(Grammar *g, const Tool *t, int32_t *node, Err *err)
{
    if (call_takes_expression(t))
        return gbnf_parse(g, call_rules_expression(), node, err);
    if (call_takes_text(t)) {
        *node = any_line(g);
        return grammar_check(g, err);
    }
    Err why;
    Status status = schema_from_tree(g, t->parameters, node, &why);
    if (status == ERR_FORMAT || status == ERR_OPTION)
        return gbnf_parse(g, call_rules_object(), node, err);
    return status == OK ? OK : err_set(err, status, "%s", why.msg);
}

static Status call_node(Grammar *g, const Tool *t, char open, char close, int32_t *node,
                        Err *err)
{
    int32_t arguments = 0;
    char front[TOOL_NAME_BYTES + 2], back[2] = {close, '\0'};
    (void)snprintf(front, sizeof front, "%s%c", t->name, open);
    TRY(arguments_node(g, t, &arguments, err));
    int32_t parts[] = {grammar_text(g, front), arguments, grammar_text(g, back)};
    *node = grammar_sequence(g, parts, 3);
    return grammar_check(g, err);
}

Status call_grammar(Grammar *g, CallFormat format, const Toolbox *box, int32_t *node,
                    Err *err)
{
    ASSERT(format == CALL_NATIVE || format == CALL_REACT);
    bool native = format == CALL_NATIVE;
    NodeList calls = {0};
    Status status = OK;
    if (box->n == 0)
        return err_set(err, ERR_OPTION, "there are no tools to call");
    for (size_t i = 0; status == OK && i < box->n; i++) {
        int32_t call = 0;
        status = call_node(g, &box->tools[i], native ? '(' : '[', native ? ')' : ']',
                           &call, err);
        if (status == OK)
            node_list_add(&calls, g, call);
    }
    if (status == OK && calls.n == box->n)
        *node = grammar_choice(g, calls.ptr, calls.n);
    node_list_release(&calls);
    return status == OK ? grammar_check(g, err) : status;
}

/* --- the guard ----------------------------------------------------------------------- */

static Status compile(CallGuard *guard, const Toolbox *box, Err *err)
{
    Grammar g = {0};
    int32_t node = 0;
    const int64_t no_limit = 0;
    Status status = call_grammar(&g, CALL_NATIVE, box, &node, err);
    if (status == OK)
        status = constraint_from_parts(&guard->calls, &g, &node, &no_limit, 1,
                                       guard->trie, err);
    grammar_release(&g);
    return status;
}

Status call_guard_new(CallGuard **out, const Tokenizer *tok, const ChatTemplate *chat,
                      const Toolbox *box, Err *err)
{
    CallGuard *g;
    TRY(MEM_ARRAY(&g, 1, err));
    *g = (CallGuard){.chat = chat};
    Status status = token_trie_new(&g->trie, tok, err);
    if (status == OK)
        status = compile(g, box, err);
    if (status != OK) {
        call_guard_free(g);
        return err_context(err, "the grammar of calls");
    }
    *out = g;
    return OK;
}

void call_guard_free(CallGuard *g)
{
    if (!g)
        return;
    constraint_free(g->calls);
    token_trie_free(g->trie);
    mem_free(g);
}

Status call_guard_run(CallGuard *g, int64_t room, CallGuardRun **out, Err *err)
{
    CallGuardRun *r;
    Ids begin = {0}; /* nothing is forced: a turn may be no call */
    int32_t end = template_end(g->chat);
    TRY(MEM_ARRAY(&r, 1, err));
    *r = (CallGuardRun){.chat = g->chat, .held = -1};
    Status status = constraint_run_new(&r->run, g->calls, &end, 1, err);
    if (status == OK)
        status = constraint_run_begin(r->run, -1, room, &begin, err);
    ids_release(&begin);
    if (status != OK) {
        call_guard_run_free(r);
        return status;
    }
    *out = r;
    return OK;
}

void call_guard_run_free(CallGuardRun *r)
{
    if (!r)
        return;
    constraint_run_free(r->run);
    mem_free(r);
}

bool call_guard_allow(void *self, const int32_t *ids, int64_t n, uint32_t *allowed)
{
    CallGuardRun *r = self;
    if (n < r->seen) { /* another sequence */
        r->seen = r->start = 0;
        r->held = -1;
    }
    for (; r->seen < n; r->seen++) {
        if (ids[r->seen] == template_id(r->chat, ROLE_ASSISTANT))
            r->start = r->seen + 1;
    }
    if (r->start >= n || ids[r->start] != template_call(r->chat))
        return false;
    if (r->held != r->start) {
        constraint_run_skip(r->run, r->start + 1);
        r->held = r->start;
    }
    return constraint_run_allow(r->run, ids, n, allowed);
}
