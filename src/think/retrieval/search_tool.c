/* search_tool.c - see search_tool.h. */
#include "think/retrieval/search_tool.h"

#include "base/mem.h"
#include "format/json.h"
#include "think/retrieval/open_book.h"

#include <string.h>

typedef struct SearchTool {
    Index *index;
    SearchOptions o;
} SearchTool;

static const char parameters[] = "{\"type\":\"object\",\"properties\":{\"query\":{"
                                 "\"type\":\"string\",\"minLength\":1,"
                                 "\"maxLength\":1024,\"description\":\"words or a "
                                 "question\"}},\"required\":[\"query\"],"
                                 "\"additionalProperties\":false}";

/* What is wrong with the index is told to the model: it may go on without. */
static Status search_call(void *self, const json_t *arguments, Str *out, bool *failed,
                          Err *err)
{
    SearchTool *t = self;
    Err fault = {0};
    Hits hits;
    Searcher s = {.index = t->index, .o = &t->o};
    const json_t *query = json_object_get(arguments, "query");
    Span text = {json_string_value(query), json_string_length(query)};
    Status status = search_passages(&s, text, &hits, NULL, &fault);
    if (status == ERR_NOMEM)
        return err_set(err, ERR_NOMEM, "%s", fault.msg);
    *failed = status != OK;
    if (*failed) {
        str_puts(out, fault.msg);
        return OK;
    }
    if (hits.n == 0)
        str_puts(out, "nothing found");
    for (size_t i = 0; i < hits.n; i++)
        open_book_quote(&hits.hits[i].passage, i + 1, out);
    hits_release(&hits);
    return OK;
}

static void search_free(void *self)
{
    SearchTool *t = self;
    index_close(t->index);
    mem_free(t);
}

static char *copy(const char *text)
{
    return mem_dup(text, strlen(text));
}

Status search_tool_add(Toolbox *box, const char *index, int64_t k, Err *err)
{
    SearchTool *t;
    TRY(MEM_ARRAY(&t, 1, err));
    Tool tool = {.name = copy("search"),
                 .description = copy("Finds passages of the documents by their words."),
                 .argument = copy("query"),
                 .trusted = true,
                 .self = t,
                 .call = search_call,
                 .free = search_free};
    Status status = opt_defaults(&search_options, &t->o, err);
    t->o.k = k;
    if (status == OK)
        status = index_open(&t->index, index, false, err);
    if (status == OK)
        status = json_parse(span_of(parameters), &tool.parameters, err);
    if (status == OK && (!tool.name || !tool.description || !tool.argument))
        status = err_set(err, ERR_NOMEM, "no memory for a tool");
    if (status == OK)
        return toolbox_add(box, tool, err);
    mem_free(tool.name);
    mem_free(tool.description);
    mem_free(tool.argument);
    json_decref(tool.parameters);
    search_free(t);
    return status;
}
