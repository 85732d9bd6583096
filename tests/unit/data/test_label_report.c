/* test_label_report.c - what a store says about its labelers, counted by hand. */
#include "unit/data/label_store.h"

#include "base/mem.h"
#include "data/label_report.h"

#include <math.h>

static void rank(Labels *l, int64_t item, const char *name, int32_t round, int32_t a,
                 int32_t b, int32_t c)
{
    Label given = {.item = item,
                   .n = 3,
                   .ranks = {a, b, c},
                   .shown = {0, 1, 2},
                   .round = round,
                   .seconds = (double)item};
    CHECK_OK(labels_labeler(l, name, strcmp(name, "gold") == 0, &given.labeler, &err));
    CHECK_OK(labels_put(l, &given, 0, &err));
}

static const LabelAgreement *between(const LabelReport *r, const char *a, const char *b)
{
    for (int64_t i = 0; i < r->n_pairs; i++) {
        const char *x = r->persons[r->pairs[i].a].name,
                   *y = r->persons[r->pairs[i].b].name;
        if ((!strcmp(x, a) && !strcmp(y, b)) || (!strcmp(x, b) && !strcmp(y, a)))
            return &r->pairs[i].agreement;
    }
    return NULL;
}

static void people_judges_and_second_thoughts_are_kept_apart(void **state)
{
    (void)state;
    Labels *l = store_of(3, 3, LABEL_RANK, 1);
    LabelReport r;
    rank(l, 1, "ana", 0, 1, 2, 3);
    rank(l, 2, "ana", 0, 1, 2, 3);
    rank(l, 3, "ana", 0, 2, 1, 3);
    rank(l, 1, "ana", 1, 3, 2, 1); /* the contrary */
    rank(l, 1, "ben", 0, 1, 2, 3); /* 1 */
    rank(l, 2, "ben", 0, 2, 1, 3); /* 2/3 */
    rank(l, 2, "gold", 0, 1, 1, 1);
    Label skip = {.item = 3, .labeler = 2, .n = 3, .skipped = true, .flagged = true};
    CHECK_OK(labels_put(l, &skip, 0, &err));
    CHECK_OK(label_report(l, LABEL_RANK, &r, &err));
    assert_int_equal(r.items, 3);
    assert_int_equal(r.repeated, 3);
    assert_int_equal(r.labels, 8);
    assert_int_equal(r.n_persons, 3);
    assert_int_equal(r.n_pairs, 3);
    CHECK_NEAR(between(&r, "ana", "ben")->agree, (1 + 2.0 / 3) / 2, 1e-12);
    CHECK_NEAR(between(&r, "ana", "gold")->agree, 0.5, 1e-12);
    assert_int_equal(r.people.comparisons, 2);
    CHECK_NEAR(r.people.agree, (1 + 2.0 / 3) / 2, 1e-12);
    for (int64_t i = 0; i < r.n_persons; i++) {
        const LabelPerson *p = &r.persons[i];
        if (!strcmp(p->name, "ana")) {
            assert_int_equal(p->self.comparisons, 1);
            CHECK_NEAR(p->self.agree, 0, 1e-12);
            assert_int_equal(p->ranked, 4);
            CHECK_NEAR(p->seconds, 1.5, 1e-12);
            CHECK_NEAR(p->first_best, 0.5, 1e-12); /* 2 of 4 */
            CHECK_NEAR(p->first_expected, 1.0 / 3, 1e-12);
        } else if (!strcmp(p->name, "ben")) {
            assert_int_equal(p->skipped, 1);
            assert_int_equal(p->flagged, 1);
            assert_int_equal(p->self.comparisons, 0);
        } else {
            assert_true(p->judge);
        }
    }
    label_report_release(&r);
    labels_close(l);
}

/* Two people who put three answers of two items: alpha of the six pairs of places
 * (1 1)(2 2)(3 3)(1 2)(2 1)(3 3), ordinal, by an independent program. */
static void alpha_is_over_the_places_of_answers(void **state)
{
    (void)state;
    Labels *l = store_of(2, 3, LABEL_RANK, 1);
    LabelReport r;
    rank(l, 1, "ana", 0, 1, 2, 3);
    rank(l, 1, "ben", 0, 1, 2, 3);
    rank(l, 2, "ana", 0, 1, 2, 3);
    rank(l, 2, "ben", 0, 2, 1, 3);
    CHECK_OK(label_report(l, LABEL_RANK, &r, &err));
    CHECK_NEAR(r.people.alpha, 0.770833333333, 1e-9);
    label_report_release(&r);
    labels_close(l);
}

static void ratings_agree_or_not(void **state)
{
    (void)state;
    Labels *l = store_of(3, 1, LABEL_RATE, 1);
    LabelReport r;
    static const int32_t given[2][3] = {{1, 1, -1}, {1, -1, -1}};
    for (int p = 0; p < 2; p++) {
        int64_t who;
        CHECK_OK(labels_labeler(l, p ? "ben" : "ana", false, &who, &err));
        for (int i = 0; i < 3; i++) {
            Label rated = {
                .item = i + 1, .labeler = who, .n = 1, .rating = given[p][i]};
            CHECK_OK(labels_put(l, &rated, 0, &err));
        }
    }
    CHECK_OK(label_report(l, LABEL_RATE, &r, &err));
    CHECK_NEAR(r.people.agree, 2.0 / 3, 1e-12);
    /* 2 of 6 ordered pairs differ; by chance 18 of 30. */
    CHECK_NEAR(r.people.alpha, 1 - (2.0 / 6) / (18.0 / 30), 1e-12);
    json_t *json = label_report_json(&r);
    assert_non_null(json);
    assert_int_equal(json_integer_value(json_object_get(json, "items")), 3);
    json_decref(json);
    label_report_release(&r);
    labels_close(l);
}

static void a_store_without_labels_has_a_report(void **state)
{
    (void)state;
    Labels *l = store_of(2, 3, LABEL_RANK, 0);
    LabelReport r;
    CHECK_OK(label_report(l, LABEL_RANK, &r, &err));
    assert_int_equal(r.n_persons, 0);
    assert_int_equal(r.people.comparisons, 0);
    assert_true(isnan(r.people.alpha));
    json_t *json = label_report_json(&r);
    assert_true(
        json_is_null(json_object_get(json_object_get(json, "people"), "alpha")));
    json_decref(json);
    label_report_release(&r);
    labels_close(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEMP_TEST(people_judges_and_second_thoughts_are_kept_apart),
        TEMP_TEST(alpha_is_over_the_places_of_answers),
        TEMP_TEST(ratings_agree_or_not),
        TEMP_TEST(a_store_without_labels_has_a_report),
    };
    return cmocka_run_group_tests_name("data/label_report", tests, NULL, NULL);
}
