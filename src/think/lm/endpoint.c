/* endpoint.c - see endpoint.h. */
#include "think/lm/endpoint.h"

#include "base/file.h"
#include "base/mem.h"
#include "format/json.h"
#include "format/yaml.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const logprobs_names[] = {"auto", "yes", "no", NULL};
static const char *const schemas_names[] = {"auto", "json_schema", "json_object", "no",
                                            NULL};
static const char *const grammar_names[] = {"no", "llama.cpp", "vllm", NULL};

static const char *const prefixes_names[] = {"no", "yes", "echo", NULL};

static const OptField fields[] = {
    OPT_TEXT(EndpointOptions, endpoint, NULL, "the address, up to and with /v1"),
    OPT_TEXT(EndpointOptions, model, NULL,
             "the model's name there; unset: the only one it has"),
    OPT_TEXT(EndpointOptions, key_env, NULL,
             "the environment variable that holds the key; unset: OPENAI_API_KEY for "
             "api.openai.com, else TAME_API_KEY"),
    OPT_TEXT(EndpointOptions, key_file, NULL,
             "a file that holds the key and that nobody else can read"),
    OPT_REAL(EndpointOptions, timeout, 600, 0.1, 86400, "seconds for a whole reply"),
    OPT_REAL(EndpointOptions, connect_timeout, 10, 0.1, 600,
             "seconds for a connection"),
    OPT_REAL(EndpointOptions, idle_timeout, 120, 0.1, 86400,
             "seconds between two pieces of a reply"),
    OPT_INT(EndpointOptions, retries, 4, 0, 20,
            "times to try again what failed and may not fail again"),
    OPT_REAL(EndpointOptions, backoff, 0.5, 0, 60,
             "seconds before the first of them; then twice as many each time"),
    OPT_REAL(EndpointOptions, max_wait, 60, 0, 3600,
             "seconds to wait at most before one of them; an endpoint that asks for "
             "more is an error"),
    OPT_INT(EndpointOptions, max_bytes, 64e6, 1000, 1e9, "bytes of a reply at most"),
    OPT_INT(EndpointOptions, context, 0, 0, 1e9, "tokens of context; 0: not known"),
    OPT_CHOICE(
        EndpointOptions, logprobs, 0, logprobs_names,
        "whether it gives log-probabilities; auto: asks, and drops it when it is "
        "refused"),
    OPT_CHOICE(
        EndpointOptions, schemas, 0, schemas_names,
        "how it takes a JSON Schema; auto: json_schema, json_object when that is "
        "refused"),
    OPT_CHOICE(EndpointOptions, grammar, 0, grammar_names,
               "whose words it has for grammars, choices and regular expressions"),
    OPT_REAL(EndpointOptions, price_read, 0, 0, 1e6,
             "price of a million tokens that it reads; 0: none"),
    OPT_REAL(EndpointOptions, price_cached, 0, 0, 1e6,
             "of those among them that it had in its cache; 0: like the others"),
    OPT_REAL(EndpointOptions, price_written, 0, 0, 1e6, "of those that it writes"),
    OPT_BOOL(EndpointOptions, tools, true, "it takes tools"),
    OPT_BOOL(EndpointOptions, documents, true, "it has /completions"),
    OPT_CHOICE(
        EndpointOptions, prefixes, 0, prefixes_names,
        "whether it goes on with an answer that was begun for it; echo: and says "
        "the beginning again (llama.cpp)"),
    OPT_END,
};
const OptTable endpoint_options = {"endpoint", "an OpenAI-compatible endpoint",
                                   sizeof(EndpointOptions), fields};

enum { MAX_FILE = 1 << 16, MAX_KEY = 8192 };

static bool is_address(Span word)
{
    return span_starts(word, SPAN("http://")) || span_starts(word, SPAN("https://"));
}

static bool ends_with(Span word, Span tail)
{
    return word.len > tail.len &&
           span_equal((Span){word.ptr + word.len - tail.len, tail.len}, tail);
}

bool endpoint_is(const char *word)
{
    Span s = span_of(word);
    return is_address(s) ||
           ((ends_with(s, SPAN(".yaml")) || ends_with(s, SPAN(".yml"))) &&
            !file_is_folder(word));
}

/* --- addresses -------------------------------------------------------------------------- */
static Status bad_address(Span word, const char *why, Err *err)
{
    Str shown = {0};
    str_quote(&shown, word, 80);
    Status status = err_set(err, ERR_OPTION, "endpoint '%s': %s", str_c(&shown), why);
    str_release(&shown);
    return status;
}

/* The host begins behind "://" and ends before a port, a path, a query; one in brackets,
 * [::1], behind the closing one. */
static Span host_of(Span address)
{
    ptrdiff_t from = span_find(address, SPAN("://"), 0) + 3;
    size_t end = (size_t)from;
    if (end < address.len && address.ptr[end] == '[') {
        ptrdiff_t closing = span_find(address, SPAN("]"), end);
        end = closing < 0 ? address.len : (size_t)closing + 1;
    }
    while (end < address.len && !strchr(":/?", address.ptr[end]))
        end++;
    return (Span){address.ptr + from, end - (size_t)from};
}

/* A name without brackets, or one bracketed whole. */
static bool is_host(Span host)
{
    ptrdiff_t opening = span_find(host, SPAN("["), 0),
              closing = span_find(host, SPAN("]"), 0);
    return (opening < 0 && closing < 0) ||
           (opening == 0 && closing == (ptrdiff_t)host.len - 1 &&
            span_find(host, SPAN("["), 1) < 0);
}

static Status check_address(Span address, Err *err)
{
    if (!is_address(address))
        return bad_address(address, "it does not begin with http:// or https://", err);
    for (size_t i = 0; i < address.len; i++) {
        unsigned char c = (unsigned char)address.ptr[i];
        if (c <= ' ' || c >= 0x7f)
            return bad_address(address, "it has a space or a byte that is no letter",
                               err);
    }
    /* A password here would be shown wherever the model's name is. */
    if (span_find(address, SPAN("@"), 0) >= 0)
        return err_set(err, ERR_OPTION,
                       "an endpoint's address has an '@': give the key by key_env or "
                       "key_file, not in the address");
    Span host = host_of(address);
    if (host.len == 0)
        return bad_address(address, "it names no host", err);
    if (!is_host(host))
        return bad_address(address, "its host has a bracket out of place", err);
    return OK;
}

static Status set_text(char **field, Span text, Err *err)
{
    mem_free(*field);
    *field = text.len > 0 ? mem_dup(text.ptr, text.len) : NULL;
    return *field || text.len == 0 ? OK
                                   : err_set(err, ERR_NOMEM, "no memory for a name");
}

/* "http://h:1" becomes "http://h:1/v1", "http://h/v1/" "http://h/v1". */
static Status set_address(Span address, EndpointOptions *o, Err *err)
{
    Str whole = {0};
    ptrdiff_t question = span_find(address, SPAN("?"), 0);
    Span path = question < 0 ? address : (Span){address.ptr, (size_t)question};
    Span host = host_of(address);
    while (path.len > 0 && path.ptr[path.len - 1] == '/')
        path.len--;
    str_span_append(&whole, path);
    size_t behind = (size_t)(host.ptr - address.ptr) + host.len;
    if (span_find(path, SPAN("/"), behind < path.len ? behind : path.len) < 0)
        str_puts(&whole, "/v1");
    if (question >= 0)
        str_append(&whole, address.ptr + question, address.len - (size_t)question);
    Status status = str_check(&whole, err);
    if (status == OK)
        status = set_text(&o->endpoint, str_span(&whole), err);
    str_release(&whole);
    return status;
}

Status endpoint_from_address(Span word, EndpointOptions *o, Err *err)
{
    ptrdiff_t hash = span_find(word, SPAN("#"), 0);
    Span address = hash < 0 ? word : (Span){word.ptr, (size_t)hash};
    TRY(check_address(address, err));
    if (hash >= 0) {
        Span model = {word.ptr + hash + 1, word.len - (size_t)hash - 1};
        if (model.len == 0 || memchr(model.ptr, 0, model.len))
            return bad_address(word, "there is no model's name behind #", err);
        TRY(set_text(&o->model, model, err));
    }
    return set_address(address, o, err);
}

void endpoint_url(const char *endpoint, const char *path, Str *out)
{
    Span all = span_of(endpoint);
    ptrdiff_t question = span_find(all, SPAN("?"), 0);
    size_t n = question < 0 ? all.len : (size_t)question;
    str_append(out, all.ptr, n);
    str_puts(out, path);
    str_append(out, all.ptr + n, all.len - n);
}

/* --- files of options ------------------------------------------------------------------- */
static Status parse_file(Span bytes, EndpointOptions *o, Err *err)
{
    json_t *tree = NULL;
    TRY(yaml_parse(bytes, &tree, err));
    Status status = json_to_options(tree, &endpoint_options, o, err);
    json_decref(tree);
    if (status == OK && !o->endpoint)
        status = err_set(err, ERR_OPTION, "it does not say its `endpoint`");
    if (status != OK)
        return status;
    char *model = o->model; /* the file's goes before what stands behind # */
    o->model = NULL;
    Str address = {0};
    str_puts(&address, o->endpoint);
    status = str_check(&address, err);
    if (status == OK)
        status = endpoint_from_address(str_span(&address), o, err);
    str_release(&address);
    if (model) {
        mem_free(o->model);
        o->model = model;
    }
    return status;
}

Status endpoint_parse(const char *word, EndpointOptions *o, Err *err)
{
    *o = (EndpointOptions){0};
    TRY(opt_defaults(&endpoint_options, o, err));
    if (is_address(span_of(word)))
        return endpoint_from_address(span_of(word), o, err);
    Str bytes = {0};
    Status status = file_read(word, MAX_FILE, &bytes, err);
    if (status == OK) {
        status = parse_file(str_span(&bytes), o, err);
        if (status != OK)
            err_context(err, "endpoint '%s'", word);
    }
    str_release(&bytes);
    return status;
}

/* --- keys ------------------------------------------------------------------------------- */
static Status check_key(Span key, const char *from, Err *err)
{
    for (size_t i = 0; i < key.len; i++) {
        unsigned char c = (unsigned char)key.ptr[i];
        if (c <= ' ' || c >= 0x7f)
            return err_set(err, ERR_OPTION,
                           "the key of %s has a space or a byte that no key has", from);
    }
    return key.len > 0 ? OK : err_set(err, ERR_OPTION, "the key of %s is empty", from);
}

static Status read_key(int fd, const char *path, Str *out, Err *err)
{
    struct stat st;
    char bytes[MAX_KEY];
    if (fstat(fd, &st) != 0)
        return err_system(err, "look at", path);
    if (!S_ISREG(st.st_mode) || (st.st_mode & 077) != 0)
        return err_set(
            err, ERR_OPTION,
            "key_file '%s' can be read by others than its owner: `chmod 600` "
            "it",
            path);
    ssize_t n = read(fd, bytes, sizeof bytes);
    if (n < 0)
        return err_system(err, "read", path);
    if ((size_t)n == sizeof bytes)
        return err_set(err, ERR_OPTION, "key_file '%s' holds more than a key", path);
    str_span_append(out, span_trim((Span){bytes, (size_t)n}));
    memset(bytes, 0, sizeof bytes);
    TRY(str_check(out, err));
    char from[300];
    (void)snprintf(from, sizeof from, "key_file '%.280s'", path);
    return check_key(str_span(out), from, err);
}

static Status key_of_file(const char *path, Str *out, Err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return err_system(err, "open", path);
    Status status = read_key(fd, path, out, err);
    (void)close(fd);
    return status;
}

Status endpoint_key(const EndpointOptions *o, Str *out, Err *err)
{
    str_reset(out);
    if (o->key_file)
        return key_of_file(o->key_file, out, err);
    bool openai = span_equal(host_of(span_of(o->endpoint)), SPAN("api.openai.com"));
    const char *name = o->key_env ? o->key_env
                       : openai   ? "OPENAI_API_KEY"
                                  : "TAME_API_KEY";
    const char *key = getenv(name);
    if (!key || !*key) {
        if (o->key_env)
            return err_set(err, ERR_OPTION,
                           "the environment variable '%s', which key_env names, is not "
                           "set",
                           name);
        return OK;
    }
    str_puts(out, key);
    TRY(str_check(out, err));
    return check_key(str_span(out), name, err);
}
