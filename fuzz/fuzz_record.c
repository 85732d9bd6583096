// floor: data
/* fuzz_record.c - a row that is accepted keeps what its kind promises: conversations in
 * order, rankings with answers, ranks and margins in range, ratings with labels; and a
 * record is reused after any row. */
#include "data/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_answers(const Record *r)
{
    for (int32_t k = 0; k < r->n_answers; k++) {
        const Conversation *answer = &r->answers[k];
        ASSERT(answer->n > 0 && answer->messages[0].role == ROLE_ASSISTANT);
        ASSERT(answer->messages[answer->n - 1].role == ROLE_ASSISTANT);
    }
}

static void check_ranking(const Record *r)
{
    ASSERT(r->n_answers >= 2 && r->n_answers <= RECORD_MAX_ANSWERS);
    for (int32_t k = 0; k < r->n_answers; k++) {
        ASSERT(r->ranks[k] >= 1 && r->ranks[k] <= r->n_answers);
        for (int32_t j = 0; j < r->n_answers; j++)
            ASSERT(r->ranks[k] >= r->ranks[j] || r->margins[k] >= r->margins[j]);
    }
    check_answers(r);
}

static void check_ratings(const Record *r)
{
    for (int32_t k = 0; k < r->n_answers; k++)
        ASSERT(r->labels[k] >= -1 && r->labels[k] <= 1);
    check_answers(r);
}

static void check_record(Record *r)
{
    Err err = {OK, ""};
    if (r->kind == RECORD_TEXT) {
        ASSERT(r->chat.n == 0 && r->n_answers == 0);
        return;
    }
    ASSERT(r->text.len == 0);
    ASSERT(conversation_check(&r->chat, &err) == OK);
    if (r->kind == RECORD_RANKING) {
        check_ranking(r);
        record_to_ratings(r);
        check_ratings(r);
    } else if (r->kind == RECORD_RATED) {
        ASSERT(r->n_answers == 1 && r->labels[0] != 0);
        check_ratings(r);
    } else if (r->kind == RECORD_ANSWERS) {
        ASSERT(r->n_answers >= 1 && r->n_answers <= RECORD_MAX_ANSWERS);
        check_answers(r);
    } else {
        ASSERT(r->n_answers == 0);
    }
    if (r->kind != RECORD_CHAT) {
        Role last = r->chat.messages[r->chat.n - 1].role;
        ASSERT(last == ROLE_USER || last == ROLE_TOOL);
    }
    ASSERT(record_to_prompt(r, &err) == OK && r->kind == RECORD_PROMPT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Err err = {OK, ""};
    Record r = {0};
    Span row = {(const char *)data, size};
    for (int i = 0; i < 2; i++) {
        Status status = record_parse(row, &r, &err);
        ASSERT(status == OK || (err.code == status && err.msg[0]));
        if (status == OK)
            check_record(&r);
    }
    ASSERT(record_parse(SPAN("{\"text\":\"x\"}"), &r, &err) == OK);
    ASSERT(r.kind == RECORD_TEXT && r.text.len == 1);
    record_release(&r);
    return 0;
}
