/* logs.c - `tame logs`: the conversations that `tame ask` has kept: listed, searched,
 * shown, promoted to data for training, deleted. */
#include "cli/command.h"

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/plain.h"
#include "data/record_json.h"
#include "data/talk_promote.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct LogsOptions {
    char *store, *query, *as, *out, *over, *labels, *labeler;
    int64_t number;
    bool json, brief;
} LogsOptions;

static const OptField fields[] = {
    OPT_INT(LogsOptions, number, 5, 1, 1000000, "answers to list at most (-n)"),
    OPT_TEXT(LogsOptions, query, NULL,
             "those whose conversation has a message with all these words (-q)"),
    OPT_BOOL(LogsOptions, brief, false, "a line an answer (--short)"),
    OPT_BOOL(LogsOptions, json, false, "print JSON"),
    OPT_TEXT(LogsOptions, as, NULL,
             "promote: demonstration, or comparison with the other answers"),
    OPT_TEXT(LogsOptions, over, NULL,
             "promote: compare with this answer alone, not with all others"),
    OPT_TEXT(LogsOptions, out, NULL, "promote: append rows of JSON Lines to this file"),
    OPT_TEXT(LogsOptions, labels, NULL, "promote: put it into this store of labels"),
    OPT_TEXT(LogsOptions, labeler, NULL,
             "promote: who says so in that store; unset: the user's name"),
    OPT_TEXT(LogsOptions, store, NULL,
             "the file; unset: TAME_TALKS, or tame/talks.db in XDG_DATA_HOME or "
             "~/.local/share"),
    OPT_END,
};
static const OptTable logs_options = {"logs", "options", sizeof(LogsOptions), fields};

/* --- showing ---------------------------------------------------------------------------- */
static void print_text(Span text)
{
    plain_put(stdout, text);
}

static void print_line(Span text, size_t most)
{
    Str line = {0};
    for (size_t i = 0; i < text.len; i++)
        str_putc(&line, text.ptr[i] == '\n' ? ' ' : text.ptr[i]);
    size_t end = 0;
    while (end < line.len && end < most) {
        size_t n = span_utf8(str_span(&line), end);
        end += n ? n : 1;
    }
    print_text((Span){str_c(&line), end});
    fputs(end < line.len ? "...\n" : "\n", stdout);
    str_release(&line);
}

static Span last_of(const Conversation *c, Role role)
{
    for (size_t i = c->n; i > 0; i--) {
        const Message *m = &c->messages[i - 1];
        if (m->role == role && !m->call_name)
            return (Span){m->content, m->len};
    }
    return (Span){0};
}

static void print_head(const TalkUse *use)
{
    char hex[2 * SHA256_BYTES + 1];
    talk_id_hex(&use->node, hex);
    printf("%.*s  %s  ", TALK_SHORT_HEX, hex, use->created);
    print_text(str_span(&use->model));
    fputs("  ", stdout);
    print_text(str_span(&use->strategy));
    printf("  %lld + %lld tokens  %s\n", (long long)use->prompt_tokens,
           (long long)use->answer_tokens, log_seconds(use->seconds));
}

static void print_message(const Message *m)
{
    printf("%s: ", role_name(m->role));
    if (m->call_name) {
        print_text(message_call_name(m));
        if (m->call_args) {
            fputs("(", stdout);
            print_text(message_call_args(m));
            fputs(")", stdout);
        }
    }
    print_text((Span){m->content, m->len});
    fputs("\n", stdout);
}

static json_t *use_json(const TalkUse *use, const Conversation *c)
{
    char hex[2 * SHA256_BYTES + 1];
    json_t *o = json_object(), *usage = json_object();
    talk_id_hex(&use->node, hex);
    json_object_set_new(o, "id", json_string(hex));
    json_object_set_new(o, "created", json_string(use->created));
    json_object_set_new(o, "model", json_from_bytes(str_span(&use->model)));
    json_object_set_new(o, "think", json_from_bytes(str_span(&use->strategy)));
    json_object_set_new(usage, "prompt_tokens", json_integer(use->prompt_tokens));
    json_object_set_new(usage, "cached_tokens", json_integer(use->cached_tokens));
    json_object_set_new(usage, "answer_tokens", json_integer(use->answer_tokens));
    json_object_set_new(usage, "requests", json_integer(use->requests));
    json_object_set_new(usage, "seconds", json_real(use->seconds));
    json_object_set_new(o, "usage", usage);
    if (use->trace.len > 0)
        json_object_set_new(o, "trace", json_from_bytes(str_span(&use->trace)));
    json_object_set_new(o, "messages", conversation_json(c));
    return o;
}

static void show(const TalkUse *use, const Conversation *c, const LogsOptions *o,
                 bool whole)
{
    print_head(use);
    if (whole) {
        for (size_t i = 0; i < c->n; i++)
            print_message(&c->messages[i]);
    } else if (o->brief) {
        fputs("  ", stdout);
        print_line(last_of(c, ROLE_USER), 90);
    } else {
        fputs("> ", stdout);
        print_text(last_of(c, ROLE_USER));
        fputs("\n", stdout);
        print_text(last_of(c, ROLE_ASSISTANT));
        fputs("\n\n", stdout);
    }
}

/* One answer of the list: shown, or appended to `list` for JSON. */
static Status show_use(Talks *t, const TalkUse *use, const LogsOptions *o, bool whole,
                       json_t *list, Err *err)
{
    Conversation c = {0};
    Status status = talks_read(t, &use->node, &c, err);
    if (status == OK && o->json)
        json_array_append_new(list, use_json(use, &c));
    else if (status == OK)
        show(use, &c, o, whole);
    conversation_release(&c);
    return status;
}

static void print_json(const json_t *list)
{
    Str text = {0};
    json_append(&text, list);
    puts(str_c(&text));
    str_release(&text);
}

/* id NULL: the latest of all; else the conversation up to there, with what answered. */
static Status list(Talks *t, const LogsOptions *o, const TalkId *id, Err *err)
{
    TalkUse *uses = NULL;
    size_t n = 0, shown = 0;
    json_t *all = json_array();
    Status status = talks_list(t, span_of(o->query ? o->query : ""), id,
                               id ? INT32_MAX : o->number, &uses, &n, err);
    for (size_t i = n; status == OK && i > 0; i--) { /* the latest stands last */
        if (id && !talk_id_equal(&uses[i - 1].node, id))
            continue;
        status = show_use(t, &uses[i - 1], o, id != NULL, all, err);
        shown++;
    }
    if (status == OK && id && shown == 0) { /* a message that is nobody's answer */
        TalkUse bare = {0};
        bare.node = *id;
        status = show_use(t, &bare, o, true, all, err);
    }
    if (status == OK && o->json)
        print_json(all);
    else if (status == OK && !id && n == 0)
        log_info(o->query ? "no conversation has these words" : "nothing is kept yet");
    for (size_t i = 0; i < n; i++)
        talk_use_release(&uses[i]);
    mem_free(uses);
    json_decref(all);
    return status;
}

/* --- promoting --------------------------------------------------------------------------- */
static Status append_rows(const Promoted *p, const char *path, Err *err)
{
    Str rows = {0};
    FileAppend *f = NULL;
    promoted_rows(p, &rows);
    Status status = str_check(&rows, err);
    if (status == OK)
        status = file_append_open(&f, path, err);
    if (status == OK && rows.len > 0) {
        str_truncate(&rows, rows.len - 1); /* the last line's end comes with it */
        status = file_append_line(f, str_c(&rows), err);
    }
    if (status == OK)
        status = file_append_sync(f, err);
    file_append_close(f);
    str_release(&rows);
    return status;
}

static Status into_labels(const Promoted *p, const LogsOptions *o, Err *err)
{
    Labels *labels;
    const char *user = getenv("USER");
    TRY(labels_open(&labels, o->labels, true, err));
    Status status = promoted_label(p, labels,
                                   o->labeler      ? o->labeler
                                   : user && *user ? user
                                                   : "me",
                                   err);
    labels_close(labels);
    return status;
}

static Status promote(Talks *t, const LogsOptions *o, const TalkId *id, Err *err)
{
    bool compare = o->as && strcmp(o->as, "comparison") == 0;
    TalkId over;
    Promoted p = {0};
    if (!compare && !(o->as && strcmp(o->as, "demonstration") == 0))
        return err_set(err, ERR_OPTION,
                       "--as says what it becomes: demonstration or comparison");
    if (!o->out && !o->labels)
        return err_set(err, ERR_OPTION,
                       "--out FILE or --labels STORE says where it is to go");
    if (o->over)
        TRY(talks_find(t, span_of(o->over), &over, err));
    Status status = compare ? promote_comparison(t, id, o->over ? &over : NULL, &p, err)
                            : promote_demonstration(t, id, &p, err);
    if (status == OK && o->out)
        status = append_rows(&p, o->out, err);
    if (status == OK && o->labels)
        status = into_labels(&p, o, err);
    if (status == OK && compare)
        log_info("%d comparison%s", (int)p.n - 1, p.n == 2 ? "" : "s");
    else if (status == OK)
        log_info("1 demonstration");
    promoted_release(&p);
    return status;
}

/* --- the ways ---------------------------------------------------------------------------- */
static Status delete (Talks *t, const TalkId *id, Err *err)
{
    int64_t nodes;
    TRY(talks_delete(t, id, &nodes, err));
    log_info("%lld message%s deleted", (long long)nodes, nodes == 1 ? "" : "s");
    return OK;
}

static Status verify(Talks *t, Err *err)
{
    int64_t nodes;
    TRY(talks_verify(t, &nodes, err));
    printf("%lld messages, each is what its id says\n", (long long)nodes);
    return OK;
}

static Status tell_status(Talks *t, Err *err)
{
    bool on;
    TRY(talks_enabled(t, &on, err));
    printf("%s, %s, %s\n", on ? "on" : "off", talks_path(t),
           log_bytes((double)file_size(talks_path(t))));
    return OK;
}

typedef enum Way { LIST, PROMOTE, DELETE, ON, OFF, STATUS, VERIFY } Way;
static const char *const ways[] = {"list", "promote", "delete", "on",
                                   "off",  "status",  "verify", NULL};

static Way way_of(const char *word)
{
    for (int i = 0; word && ways[i]; i++) {
        if (strcmp(word, ways[i]) == 0)
            return (Way)i;
    }
    return LIST;
}

static Status run(Talks *t, const LogsOptions *o, Way way, const char *cid, Err *err)
{
    TalkId id;
    if (cid)
        TRY(talks_find(t, span_of(cid), &id, err));
    switch (way) {
    case LIST:
        return list(t, o, cid ? &id : NULL, err);
    case PROMOTE:
        return promote(t, o, &id, err);
    case DELETE:
        return delete (t, &id, err);
    case ON:
    case OFF:
        return talks_set_enabled(t, way == ON, err);
    case STATUS:
        return tell_status(t, err);
    case VERIFY:
        return verify(t, err);
    }
    return OK;
}

/* `logs off` may come before there is anything to log. */
static Status logs(const LogsOptions *o, Way way, const char *cid, Err *err)
{
    Talks *t = NULL;
    TRY(talks_open(&t, o->store, way == OFF || way == ON, err));
    Status status = run(t, o, way, cid, err);
    talks_close(t);
    return status;
}

/* -n, -q and --short as in simonw/llm. */
static void expand(int argc, char **argv)
{
    static char number[] = "--number", query[] = "--query", brief[] = "--brief";
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "-n") == 0)
            argv[i++] = number;
        else if (strcmp(argv[i], "-q") == 0)
            argv[i++] = query;
        else if (strcmp(argv[i], "--short") == 0)
            argv[i] = brief;
    }
}

static const char what[] =
    "Shows the latest answers that `tame ask` has kept, the newest last. A CID is the\n"
    "beginning of an answer's id.\n\n"
    "CID             shows the conversation up to there\n"
    "promote CID     makes data for training of it: --as demonstration, or comparison\n"
    "                with the other answers to the same question\n"
    "delete CID      deletes it and what follows it, and leaves no rest in the file\n"
    "on, off         whether `tame ask` keeps what it is asked; status tells\n"
    "verify          computes every id anew";
static const char examples[] =
    "  tame logs -n 20 --short\n"
    "  tame logs -q \"capital france\"\n"
    "  tame logs 3f2a91c04b7d\n"
    "  tame logs promote 3f2a91c04b7d --as demonstration --out demonstrations.jsonl\n"
    "  tame logs promote 3f2a91c04b7d --as comparison --out comparisons.jsonl\n"
    "  tame logs delete 3f2a91c04b7d\n";

/* `tame logs [way] [CID]`: which words there are. */
static int check_words(const char **words, size_t n, Way *way, const char **cid)
{
    *way = way_of(n ? words[0] : NULL);
    bool named = n > 0 && strcmp(words[0], ways[*way]) == 0;
    *cid = n > named ? words[named] : NULL;
    bool needs = *way == PROMOTE || *way == DELETE;
    if (n > (size_t)named + 1 || (!needs && *way != LIST && *cid))
        return command_usage_error("logs", "'%s' is one word too many", words[n - 1]);
    if (needs && !*cid)
        return command_usage_error("logs", "%s needs a CID; `tame logs` shows some",
                                   ways[*way]);
    return 0;
}

static int work(void *self, const char **words, size_t n)
{
    Err err = {0};
    Way way = LIST;
    const char *cid = NULL;
    int result = check_words(words, n, &way, &cid);
    return result != 0 ? result : command_end(logs(self, way, cid, &err), &err);
}

int logs_command(int argc, char **argv)
{
    LogsOptions o = {0};
    const OptBinding bindings[] = {{&logs_options, &o}};
    const Usage usage = {.name = "logs",
                         .words =
                             "[CID | promote CID | delete CID | on | off | status | "
                             "verify]",
                         .what = what,
                         .examples = examples,
                         .options = bindings,
                         .n_options = sizeof bindings / sizeof *bindings};
    expand(argc, argv);
    return command_run(&usage, argc, argv, 0, 3, work, &o);
}
