// floor: eval
/* fuzz_retrieval_question.c - any row is a question with something that is right, or an
 * error that says why. */
#include "eval/retrieval.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    RetrievalQuestion q;
    Err err = {0};
    Span row = {size > 0 ? (const char *)data : "", size};
    if (retrieval_question_parse(row, &q, &err) != OK) {
        ASSERT(err.msg[0] != '\0');
        return 0;
    }
    Passage empty = {0};
    ASSERT(q.n_answers > 0 || q.evidence.len > 0 || q.document.len > 0);
    (void)retrieval_is_right(&q, &empty);
    retrieval_question_release(&q);
    return 0;
}
