/* test_label_screen.c - the labelers' picture fits every terminal, and shows what it is
 * for. */
#include "unit/data/label_store.h"

#include "cli/label_screen.h"
#include "cli/wrap.h"

/* The picture without its escape sequences, lines ended by '\n'. */
static void plain(const Str *picture, Str *out)
{
    str_reset(out);
    for (size_t i = 0; i < picture->len; i++) {
        char c = picture->ptr[i];
        if (c == '\033') {
            while (i < picture->len &&
                   !(picture->ptr[i] >= '@' && picture->ptr[i] <= '~' &&
                     picture->ptr[i] != '['))
                i++;
        } else if (c != '\r') {
            str_putc(out, c);
        }
    }
}

static void check_fits(LabelView *v)
{
    Str picture = {0}, text = {0};
    label_screen(v, &picture);
    plain(&picture, &text);
    int lines = 1;
    size_t at = 0;
    for (size_t i = 0; i <= text.len; i++) {
        if (i < text.len && text.ptr[i] != '\n')
            continue;
        if (wrap_columns((Span){str_c(&text) + at, i - at}) > v->columns)
            fail_msg("%d columns, mode %d: '%.*s'", v->columns, (int)v->mode,
                     (int)(i - at), str_c(&text) + at);
        lines += i < text.len;
        at = i + 1;
    }
    assert_int_equal(lines, v->rows);
    str_release(&picture);
    str_release(&text);
}

static void open_view(LabelView *v, LabelSession *s, Labels *l, LabelKind kind,
                      TextField *field)
{
    CHECK_OK(label_session_open(s, l, kind, "ana", 1, &err));
    *v = (LabelView){
        .session = s, .labeler = "ana", .field = field, .rows = 24, .columns = 80};
}

static void it_fits_every_terminal(void **state)
{
    (void)state;
    static const char rows[] =
        "{\"prompt\":\"A long question, so that lines break: what is \\u4e2d\\u6587?\\n"
        "\\tand more\",\"completions\":[\"short\",\"a rather long answer with "
        "averyveryveryverylongwordinit and \\u001b[31m colours\",\"\"]}\n";
    Str out = {0};
    for (int kind = 0; kind < LABEL_KINDS; kind++) {
        Labels *l;
        LabelSession s;
        LabelView v;
        TextField field = {0};
        CHECK_OK(labels_open(&l, temp_path("labels.db"), true, &err));
        take_rows(l, rows, (LabelKind)kind, 0, 0);
        open_view(&v, &s, l, (LabelKind)kind, &field);
        text_field_start(&field, SPAN("some words that are typed \xe4\xb8\xad"), true);
        label_draft_key(&s.draft, '2');
        label_draft_key(&s.draft, 'f');
        CHECK_OK(label_draft_set_reason(&s.draft, SPAN("because"), &err));
        for (int mode = LABEL_MODE_KEYS; mode <= LABEL_MODE_HELP; mode++) {
            v.mode = (LabelMode)mode;
            for (int rows_ = 1; rows_ <= 30; rows_ += rows_ < 10 ? 1 : 7) {
                for (int columns = 1; columns <= 130;
                     columns += columns < 40 ? 1 : 17) {
                    v.rows = rows_;
                    v.columns = columns;
                    v.scroll = 1000;
                    check_fits(&v);
                }
            }
        }
        str_release(&out);
        text_field_release(&field);
        label_session_release(&s);
        labels_close(l);
        CHECK_OK(file_remove_tree(temp_path("labels.db"), &err));
    }
}

static void check_shows(LabelView *v, const char *text, bool shows)
{
    Str picture = {0}, out = {0};
    label_screen(v, &picture);
    plain(&picture, &out);
    if ((strstr(str_c(&out), text) != NULL) != shows)
        fail_msg("%s '%s':\n%s", shows ? "does not show" : "shows", text, str_c(&out));
    str_release(&picture);
    str_release(&out);
}

static void it_shows_the_answers_blind(void **state)
{
    (void)state;
    Labels *l = store_of(1, 3, LABEL_RANK, 0);
    LabelSession s;
    LabelView v;
    TextField field = {0};
    open_view(&v, &s, l, LABEL_RANK, &field);
    check_shows(&v, "q1 a", true);
    check_shows(&v, "q1 c", true);
    check_shows(&v, "rows", false); /* where answers are from */
    check_shows(&v, "0 of 1", true);
    check_shows(&v, "2nd", false);
    label_draft_key(&s.draft, '3');
    label_draft_key(&s.draft, '1');
    check_shows(&v, "3 > 1 > _", true);
    check_shows(&v, "3  1st   q1", true);
    check_shows(&v, "1  2nd   q1", true);
    LabelEvent event;
    CHECK_OK(label_session_key(&s, KEY_ENTER, &event, &err));
    check_shows(&v, "That was the last one", true);
    label_session_release(&s);
    labels_close(l);
}

static void a_calculation_is_shown_as_one(void **state)
{
    (void)state;
    Labels *l;
    LabelSession s;
    LabelView v;
    TextField field = {0};
    CHECK_OK(labels_open(&l, temp_path("labels.db"), true, &err));
    take_rows(l,
              "{\"prompt\":\"q\",\"completions\":[[{\"role\":\"assistant\",\"content\":"
              "\"\",\"tool_calls\":[{\"function\":{\"name\":\"calculator\","
              "\"arguments\":\"6*7\"}}]},{\"role\":\"tool\",\"content\":\"42\"},"
              "{\"role\":\"assistant\",\"content\":\"It is 42.\"}],\"no\"]}\n",
              LABEL_RANK, 0, 0);
    open_view(&v, &s, l, LABEL_RANK, &field);
    check_shows(&v, "[calculator 6*7 = 42] It is 42.", true);
    label_session_release(&s);
    labels_close(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEMP_TEST(it_fits_every_terminal),
        TEMP_TEST(it_shows_the_answers_blind),
        TEMP_TEST(a_calculation_is_shown_as_one),
    };
    return cmocka_run_group_tests_name("cli/label_screen", tests, NULL, NULL);
}
