/* test_chat_source.c - conversations as documents to pack, with weights on answers. */
#include "byte_tokenizer.h"

#include "base/mem.h"
#include "data/chat_source.h"

static Err err;

typedef struct Fixture {
    Tokenizer *tok;
    ChatTemplate *chat;
    RecordList list;
} Fixture;

static const char *const rows[] = {
    "{\"prompt\":\"hi\",\"completion\":\"yo\"}",
    "{\"messages\":[{\"role\":\"system\",\"content\":\"s\"},"
    "{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":\"bcd\"}"
    ","
    "{\"role\":\"user\",\"content\":\"e\"},{\"role\":\"assistant\",\"content\":\"f\"}]"
    "}"};

static int make(void **state)
{
    Fixture *f = mem_alloc_array(1, sizeof *f);
    f->tok = byte_tokenizer();
    CHECK_OK(template_new(&f->chat, f->tok, &err));
    f->list.records = mem_alloc_array(2, sizeof *f->list.records);
    for (size_t i = 0; i < 2; i++)
        CHECK_OK(record_parse(span_of(rows[i]), &f->list.records[f->list.n++], &err));
    *state = f;
    return 0;
}

static int release(void **state)
{
    Fixture *f = *state;
    record_list_release(&f->list);
    template_free(f->chat);
    tokenizer_free(f->tok);
    mem_free(f);
    return 0;
}

static void a_document_is_the_rendered_conversation(void **state)
{
    Fixture *f = *state;
    ChatSource *s;
    CHECK_OK(chat_source_new(&s, &f->list, f->chat, &err));
    PackSource source = chat_source_pack(s);
    assert_int_equal(source.documents, 2);
    for (size_t i = 0; i < 2; i++) {
        Ids ids = {0};
        Str mask = {0};
        CHECK_OK(template_render(f->chat, &f->list.records[i].chat, false, &ids, &mask,
                                 &err));
        int64_t n = source.len(source.self, (int64_t)i);
        assert_int_equal(n, ids.len);
        int32_t got[64];
        float weights[64];
        source.ids(source.self, (int64_t)i, 0, n, got, weights);
        assert_memory_equal(got, ids.ptr, ids.len * sizeof *got);
        for (int64_t k = 0; k < n; k++)
            assert_true(weights[k] == (mask.ptr[k] ? 1.0F : 0.0F));
        source.ids(source.self, (int64_t)i, 3, n - 3, got, weights);
        assert_int_equal(got[0], ids.ptr[3]);
        ids_release(&ids);
        str_release(&mask);
    }
    chat_source_free(s);
    chat_source_free(NULL);
}

static void learned_tokens_are_answers_and_their_ends(void **state)
{
    Fixture *f = *state;
    ChatSource *s;
    CHECK_OK(chat_source_new(&s, &f->list, f->chat, &err));
    assert_int_equal(chat_source_learned(s), (2 + 1) + (3 + 1) + (1 + 1));
    /* bos, and role, text and end of each of 2 and 5 turns */
    assert_int_equal(chat_source_tokens(s), (1 + 2 * 2 + 4) + (1 + 5 * 2 + 7));
    chat_source_free(s);
}

static void bytes_learned_are_those_of_the_answers(void **state)
{
    Fixture *f = *state;
    ChatSource *s;
    CHECK_OK(chat_source_new(&s, &f->list, f->chat, &err));
    int32_t *id_bytes;
    CHECK_OK(pack_id_bytes(&id_bytes, f->tok, &err));
    PackOptions o = {32, 2, PACK_REFUSE, 1, true, id_bytes};
    Packer *p;
    Batch *b;
    CHECK_OK(packer_new(&p, chat_source_pack(s), &o, &err));
    CHECK_OK(batch_new(&b, 64, &err));
    assert_int_equal(packer_batches(p), 1);
    CHECK_OK(packer_batch(p, 0, b, &err));
    CHECK_NEAR(b->target_bytes, strlen("yobcdf"), 0);
    CHECK_NEAR(b->weight, 9, 0);
    batch_free(b);
    packer_free(p);
    mem_free(id_bytes);
    chat_source_free(s);
}

static void a_conversation_out_of_order_is_named(void **state)
{
    Fixture *f = *state;
    Conversation *c = &f->list.records[1].chat;
    CHECK_OK(conversation_add(c, ROLE_SYSTEM, SPAN("late"), &err));
    ChatSource *s;
    CHECK_FAILS(chat_source_new(&s, &f->list, f->chat, &err), ERR_FORMAT,
                "conversation 2: message 6 (system): a system message stands only at "
                "the start");
    assert_null(s);
}

static void every_failed_allocation_is_reported(void **state)
{
    Fixture *f = *state;
    long n = 0;
    for (bool done = false; !done; n++) {
        ChatSource *s;
        mem_fail_after(n);
        Status status = chat_source_new(&s, &f->list, f->chat, &err);
        mem_fail_after(-1);
        assert_true(status == OK || status == ERR_NOMEM);
        done = status == OK;
        chat_source_free(s);
    }
    assert_true(n >= 5);
}

#define CHAT_TEST(f) cmocka_unit_test_setup_teardown(f, make, release)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHAT_TEST(a_document_is_the_rendered_conversation),
        CHAT_TEST(learned_tokens_are_answers_and_their_ends),
        CHAT_TEST(bytes_learned_are_those_of_the_answers),
        CHAT_TEST(a_conversation_out_of_order_is_named),
        CHAT_TEST(every_failed_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
