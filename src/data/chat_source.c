/* chat_source.c - rendered conversations end to end in two arrays. */
#include "data/chat_source.h"

#include "base/mem.h"

#include <string.h>

struct ChatSource {
    Ids ids;
    Str mask; /* one byte an id */
    size_t *ends;
    size_t n;
    int64_t learned;
};

static Status render_all(ChatSource *s, const RecordList *chats,
                         const ChatTemplate *chat, Err *err)
{
    TRY(MEM_ARRAY(&s->ends, chats->n, err));
    for (size_t i = 0; i < chats->n; i++) {
        const Record *r = &chats->records[i];
        ASSERT(r->kind == RECORD_CHAT);
        Status status = conversation_check(&r->chat, err);
        if (status == OK)
            status = template_render(chat, &r->chat, false, &s->ids, &s->mask, err);
        if (status == OK)
            status = str_check(&s->mask, err);
        if (status != OK)
            return err_context(err, "conversation %zu", i + 1);
        ASSERT(s->mask.len == s->ids.len);
        s->ends[s->n++] = s->ids.len;
    }
    for (size_t i = 0; i < s->mask.len; i++)
        s->learned += s->mask.ptr[i] != 0;
    return OK;
}

Status chat_source_new(ChatSource **out, const RecordList *chats,
                       const ChatTemplate *chat, Err *err)
{
    *out = NULL;
    ChatSource *s = NULL;
    TRY(MEM_ARRAY(&s, 1, err));
    Status status = render_all(s, chats, chat, err);
    if (status != OK) {
        chat_source_free(s);
        return status;
    }
    *out = s;
    return OK;
}

void chat_source_free(ChatSource *s)
{
    if (!s)
        return;
    ids_release(&s->ids);
    str_release(&s->mask);
    mem_free(s->ends);
    mem_free(s);
}

static size_t begin_of(const ChatSource *s, int64_t doc)
{
    ASSERT(doc >= 0 && (size_t)doc < s->n);
    return doc == 0 ? 0 : s->ends[doc - 1];
}

static int64_t source_len(void *self, int64_t doc)
{
    const ChatSource *s = self;
    return (int64_t)(s->ends[doc] - begin_of(s, doc));
}

static void source_ids(void *self, int64_t doc, int64_t from, int64_t n, int32_t *ids,
                       float *weights)
{
    const ChatSource *s = self;
    ASSERT(from >= 0 && n >= 0 && from + n <= source_len(self, doc));
    size_t first = begin_of(s, doc) + (size_t)from;
    memcpy(ids, s->ids.ptr + first, (size_t)n * sizeof *ids);
    for (int64_t i = 0; i < n; i++)
        weights[i] = s->mask.ptr[first + (size_t)i] ? 1.0F : 0.0F;
}

PackSource chat_source_pack(ChatSource *s)
{
    return (PackSource){s, (int64_t)s->n, source_len, source_ids};
}

int64_t chat_source_tokens(const ChatSource *s)
{
    return (int64_t)s->ids.len;
}

int64_t chat_source_learned(const ChatSource *s)
{
    return s->learned;
}
