/* reward_rules.c - rules over the text of an answer, see reward_rules.h and
 * reward_spec.h. */
#include "eval/reward_rules.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "text/regex.h"
#include "text/utf8.h"
#include "think/answer.h"

#include <math.h>
#include <string.h>

typedef struct Rule {
    const RewardPart *part; /* the three are borrowed: they outlive us */
    const Tokenizer *tok;
    const ChatTemplate *chat;
    Regex *regex; /* REWARD_REGEX */
    void *scratch;
    bool warned;
    Str raw, text, wanted; /* reused */
} Rule;

Status reward_text(const Tokenizer *tok, const ChatTemplate *chat,
                   const RewardItem *item, Str *raw, Str *out, Err *err)
{
    Utf8Stream utf8 = {0};
    str_reset(raw);
    str_reset(out);
    TRY(answer_text(tok, chat, item->answer, item->n_answer, raw, err));
    utf8_stream_put(&utf8, str_span(raw), out);
    utf8_stream_end(&utf8, out);
    TRY(str_check(raw, err));
    return str_check(out, err);
}

/* --- pieces of text ------------------------------------------------------------------ */

static Span after_last(Span text, Span mark)
{
    Span rest = {NULL, 0};
    for (ptrdiff_t at = span_find(text, mark, 0); at >= 0;
         at = span_find(text, mark, (size_t)at + 1))
        rest = (Span){text.ptr + at + mark.len, text.len - (size_t)at - mark.len};
    return rest;
}

static Span first_line(Span text)
{
    const char *end = text.len > 0 ? memchr(text.ptr, '\n', text.len) : NULL;
    return end ? (Span){text.ptr, (size_t)(end - text.ptr)} : text;
}

static Span mark_of(const RewardPart *part)
{
    return part->o.after ? span_of(part->o.after) : SPAN("Answer:");
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static bool same(Span a, Span b, bool ignore_case)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        char x = a.ptr[i], y = b.ptr[i];
        if (x != y && !(ignore_case && lower(x) == lower(y)))
            return false;
    }
    return true;
}

/* --- numbers ------------------------------------------------------------------------- */

static size_t count_digits(Span text, size_t from)
{
    size_t n = 0;
    while (from + n < text.len && is_digit(text.ptr[from + n]))
        n++;
    return n;
}

/* Whether text[at] goes on with the number whose digits begin behind it: a digit, the only
 * point, a comma before three digits. */
static bool belongs(Span text, size_t at, bool has_point)
{
    char c = text.ptr[at];
    if (is_digit(c))
        return true;
    bool inner = at > 0 && is_digit(text.ptr[at - 1]);
    return inner &&
           ((c == '.' && !has_point) || (c == ',' && count_digits(text, at + 1) == 3));
}

/* The last number of the text, or an empty span: digits, with commas between thousands,
 * perhaps a point and more digits, perhaps a minus that takes nothing from a number. */
static Span last_number(Span text)
{
    size_t end = text.len;
    while (end > 0 && !is_digit(text.ptr[end - 1]))
        end--;
    size_t begin = end;
    bool has_point = false;
    while (begin > 0 && belongs(text, begin - 1, has_point)) {
        begin--;
        has_point = has_point || text.ptr[begin] == '.' || text.ptr[begin] == ',';
    }
    bool minus = begin < end && begin > 0 && text.ptr[begin - 1] == '-' &&
                 (begin == 1 || !is_digit(text.ptr[begin - 2]));
    begin -= minus;
    return (Span){text.ptr + begin, end - begin};
}

/* One form for each value: no commas, no zeros at the ends, "0" for -0. */
static void put_number(Str *out, Span number)
{
    str_reset(out);
    bool negative = number.len > 0 && number.ptr[0] == '-', fraction = false;
    for (size_t i = negative; i < number.len; i++) {
        char c = number.ptr[i];
        if (c == ',' || (c == '0' && out->len == 0))
            continue;
        if (c == '.' && out->len == 0)
            str_putc(out, '0');
        fraction = fraction || c == '.';
        str_putc(out, c);
    }
    while (fraction && out->len > 0 && out->ptr[out->len - 1] == '0')
        str_truncate(out, out->len - 1);
    if (fraction && out->len > 0 && out->ptr[out->len - 1] == '.')
        str_truncate(out, out->len - 1);
    bool zero = out->len == 0 || (out->len == 1 && out->ptr[0] == '0');
    if (out->len == 0)
        str_putc(out, '0');
    str_putc(out, negative && !zero ? '-' : '+'); /* the sign stands last */
}

static bool same_number(Span a, Span b)
{
    Str x = {0}, y = {0};
    a = last_number(a);
    b = last_number(b);
    put_number(&x, a);
    put_number(&y, b);
    bool equal = a.len > 0 && b.len > 0 && !x.failed && !y.failed &&
                 span_equal(str_span(&x), str_span(&y));
    str_release(&x);
    str_release(&y);
    return equal;
}

/* --- exact --------------------------------------------------------------------------- */

static bool is_word(char c)
{
    return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') || (c & 0x80) != 0;
}

/* Whether `words` stand in text, not within longer words. */
static bool contains(Span text, Span words, bool ignore_case)
{
    if (words.len == 0)
        return false;
    for (size_t at = 0; at + words.len <= text.len; at++) {
        size_t end = at + words.len;
        bool starts = at == 0 || !is_word(text.ptr[at - 1]) || !is_word(words.ptr[0]);
        bool ends = end == text.len || !is_word(text.ptr[end]) ||
                    !is_word(words.ptr[words.len - 1]);
        if (starts && ends &&
            same((Span){text.ptr + at, words.len}, words, ignore_case))
            return true;
    }
    return false;
}

/* What stands after the mark, to the end of its line, without a full stop. */
static Span final_answer(Span text, Span mark)
{
    Span answer = span_trim(first_line(after_last(text, mark)));
    if (answer.len > 0 && answer.ptr[answer.len - 1] == '.')
        answer.len--;
    return span_trim(answer);
}

static bool is_exactly(const RewardPart *part, Span text, Span wanted)
{
    bool fold = part->o.ignore_case;
    Span mark = mark_of(part);
    switch (part->o.match) {
    case MATCH_FINAL:
        return same(final_answer(text, mark), span_trim(wanted), fold);
    case MATCH_NUMBER:
        return same_number(part->o.after ? after_last(text, mark) : text, wanted);
    case MATCH_CONTAINS:
        return contains(text, span_trim(wanted), fold);
    default:
        return same(span_trim(text), span_trim(wanted), fold);
    }
}

static bool is_plain(const json_t *value)
{
    return json_is_string(value) || json_is_number(value) || json_is_boolean(value);
}

/* A value as the words that people would write. */
static void put_plain(Str *out, const json_t *value)
{
    str_reset(out);
    if (json_is_string(value))
        str_append(out, json_string_value(value), json_string_length(value));
    else
        json_append(out, value);
}

static const json_t *choice(const json_t *field, size_t i)
{
    return json_is_array(field) ? json_array_get(field, i) : field;
}

static size_t choices(const json_t *field)
{
    return json_is_array(field) ? json_array_size(field) : 1;
}

static Status missing_field(const char *name, const json_t *row, Err *err)
{
    Str has = {0};
    const char *key;
    json_t *value;
    json_object_foreach(json_iterable(row), key, value)
    {
        str_puts(&has, has.len > 0 ? ", " : "");
        str_quote(&has, span_of(key), 40);
        if (has.len > 160)
            break;
    }
    Status status = err_set(err, ERR_FORMAT,
                            "a prompt's row has no field '%s' with a text or a number "
                            "(it has: %s); `when` says which rows are meant",
                            name, has.len > 0 ? str_c(&has) : "none");
    str_release(&has);
    return status;
}

Status reward_rule_check(const RewardPart *part, const json_t *row, Err *err)
{
    if (part->kind != REWARD_EXACT || !reward_part_applies(part, row))
        return OK;
    const json_t *field = json_object_get(row, part->what);
    bool good = field && choices(field) > 0;
    for (size_t i = 0; good && i < choices(field); i++)
        good = is_plain(choice(field, i));
    return good ? OK : missing_field(part->what, row, err);
}

static Status exact(Rule *r, const RewardItem *item, double *score, Err *err)
{
    TRY(reward_rule_check(r->part, item->row, err));
    const json_t *field = json_object_get(item->row, r->part->what);
    *score = 0;
    for (size_t i = 0; field && i < choices(field); i++) {
        put_plain(&r->wanted, choice(field, i));
        if (is_exactly(r->part, str_span(&r->text), str_span(&r->wanted)))
            *score = 1;
    }
    return str_check(&r->wanted, err);
}

/* --- the others ---------------------------------------------------------------------- */

/* An answer on which the expression takes too long does not match: a policy must not be
 * able to end the run. */
static Status regex(Rule *r, double *score, Err *err)
{
    bool matches = false;
    Err why = {0};
    Status status =
        regex_matches(r->regex, r->scratch, str_span(&r->text), &matches, &why);
    if (status == ERR_LIMIT && !r->warned)
        log_warn("reward '%s': %s on an answer, which counts as no match",
                 r->part->o.name, why.msg);
    r->warned = r->warned || status == ERR_LIMIT;
    *score = matches;
    return status == OK || status == ERR_LIMIT ? OK
                                               : err_set(err, status, "%s", why.msg);
}

static double length(const RewardPart *part, int64_t n)
{
    double tokens = (double)part->o.tokens, buffer = (double)part->o.buffer;
    switch (part->how) {
    case LENGTH_TARGET:
        return -fabs((double)n - tokens) / tokens;
    case LENGTH_PENALTY:
        return -(double)n / tokens;
    default:
        return -fmin(1, fmax(0, ((double)n - (tokens - buffer)) / buffer));
    }
}

/* The mark begins the last line, says something there, and stands nowhere else. */
static bool has_final_line(Span text, Span mark)
{
    text = span_trim(text);
    ptrdiff_t at = span_find(text, mark, 0);
    if (at < 0 || (at > 0 && text.ptr[at - 1] != '\n') ||
        span_find(text, mark, (size_t)at + 1) >= 0)
        return false;
    Span rest = {text.ptr + at + mark.len, text.len - (size_t)at - mark.len};
    return span_trim(rest).len > 0 && span_find(rest, SPAN("\n"), 0) < 0;
}

static bool is_json(Span text)
{
    json_t *tree = NULL;
    Err ignored;
    bool good = json_parse(span_trim(text), &tree, &ignored) == OK &&
                (json_is_object(tree) || json_is_array(tree));
    json_decref(tree);
    return good;
}

/* Every call is name(arguments) and came back without an error; a text ends it. */
static bool calls_well(const Conversation *c)
{
    bool called = false;
    for (size_t i = 0; i < c->n; i++) {
        const Message *m = &c->messages[i];
        called = called || m->call_name;
        if (m->call_name && !m->call_args)
            return false;
        Span text = {m->content, m->len};
        if (m->role == ROLE_TOOL && span_starts(text, SPAN("error")))
            return false;
    }
    const Message *last = c->n > 0 ? &c->messages[c->n - 1] : NULL;
    return called && last->role == ROLE_ASSISTANT && !last->call_name && last->len > 0;
}

static bool has_call(const Conversation *c)
{
    for (size_t i = 0; i < c->n; i++) {
        if (c->messages[i].call_name)
            return true;
    }
    return false;
}

static Status format(Rule *r, const RewardItem *item, double *score, Err *err)
{
    Span text = str_span(&r->text);
    Conversation c = {0};
    Status status = OK;
    switch (r->part->how) {
    case FORMAT_ENDED:
        *score = item->ended;
        return OK;
    case FORMAT_ANSWER:
        *score = has_final_line(text, mark_of(r->part));
        return OK;
    case FORMAT_JSON:
        *score = is_json(text);
        return OK;
    default:
        status = template_parse_answer(r->chat, item->answer, (size_t)item->n_answer,
                                       &c, err);
        *score = r->part->how == FORMAT_CALL ? calls_well(&c) : !has_call(&c);
        conversation_release(&c);
        return status;
    }
}

/* Of nothing but seed, prompt and answer: a run that is resumed draws the same. */
static double draw(const RewardPart *part, const RewardItem *item)
{
    uint64_t key = rng_hash(item->prompt_ids,
                            (uint64_t)item->n_prompt * sizeof *item->prompt_ids, 0);
    key = rng_hash(item->answer, (uint64_t)item->n_answer * sizeof *item->answer, key);
    Rng rng = rng_make(part->seed, RNG_REWARD, key);
    return rng_normal(&rng);
}

/* --- the rule as a reward ------------------------------------------------------------ */

static Status rule_score(void *self, RewardItem *items, int64_t n, Err *err)
{
    Rule *r = self;
    for (int64_t i = 0; i < n; i++) {
        RewardItem *item = &items[i];
        TRY(reward_text(r->tok, r->chat, item, &r->raw, &r->text, err));
        switch (r->part->kind) {
        case REWARD_EXACT:
            TRY(exact(r, item, &item->score, err));
            break;
        case REWARD_REGEX:
            TRY(regex(r, &item->score, err));
            break;
        case REWARD_LENGTH:
            item->score = length(r->part, item->n_answer);
            break;
        case REWARD_RANDOM:
            item->score = draw(r->part, item);
            break;
        default:
            TRY(format(r, item, &item->score, err));
            break;
        }
    }
    return OK;
}

static void rule_free(void *self)
{
    Rule *r = self;
    regex_scratch_free(r->scratch);
    regex_free(r->regex);
    str_release(&r->raw);
    str_release(&r->text);
    str_release(&r->wanted);
    mem_free(r);
}

Status reward_from_rule(Reward *out, const RewardPart *part, const Tokenizer *tok,
                        const ChatTemplate *chat, Err *err)
{
    *out = (Reward){0};
    Rule *r;
    TRY(MEM_ARRAY(&r, 1, err));
    *r = (Rule){.part = part, .tok = tok, .chat = chat};
    Status status = OK;
    if (part->kind == REWARD_REGEX)
        status = regex_new(&r->regex, span_of(part->what), err);
    if (status == OK && r->regex)
        status = regex_scratch(r->regex, &r->scratch, err);
    if (status != OK) {
        rule_free(r);
        return status;
    }
    *out = (Reward){r, part->o.name, rule_score, rule_free};
    return OK;
}
