/* err.h - how a function says why it failed.
 *
 * A function that can fail for a reason outside the program (a file, a peer,
 * memory, a user's option) returns Status and takes `Err *err` as its last
 * argument. On success it returns OK and leaves *err alone. On failure it returns
 * the code, and err->msg is one line fit to show a user: lower case, no full stop,
 * names in 'quotes', the wrong value and the right one. A caller that knows more
 * puts it in front with err_context(), giving
 * "stage 'sft': data 'a.jsonl': line 3: not an object".
 *
 * A broken promise inside the program is not a Status: it is an ASSERT(). */
#ifndef BASE_ERR_H
#define BASE_ERR_H

typedef enum Status {
    OK = 0,
    ERR_NOMEM,
    ERR_IO,      /* the system refused: open, read, write, socket */
    ERR_FORMAT,  /* bytes that are not what they should be */
    ERR_OPTION,  /* a setting out of its range, or two that exclude each other */
    ERR_LIMIT,   /* legal, but over a limit we set */
    ERR_NUMERIC, /* NaN or Inf in training, a loss spike */
    ERR_STOPPED, /* the user asked to stop (Ctrl-C, SIGTERM); state was saved */
} Status;

typedef struct Err {
    Status code;
    char msg[512]; /* fixed, so that running out of memory can be reported too */
} Err;

#define NODISCARD               __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))

/* Fills *err (NULL allowed) and returns code: `return err_set(err, ERR_IO, ...)`. */
Status err_set(Err *err, Status code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Puts "text: " in front of err->msg and returns err->code. Without an err the code
 * is lost, and ERR_FORMAT is returned: it is not OK, which is what callers ask. */
Status err_context(Err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* "cannot <verb> '<path>': <what errno says>" with ERR_IO (ERR_NOMEM for ENOMEM). */
Status err_system(Err *err, const char *verb, const char *path);
/* What errno says, written into the caller's buffer. */
const char *err_reason(char out[128]);

/* `TRY(f(..., err));` returns f's Status from the calling function unless OK. For
 * functions that have nothing to undo; others use `goto fail`. */
#define TRY(call)                                                                      \
    do {                                                                               \
        Status try_status_ = (call);                                                   \
        if (try_status_ != OK)                                                         \
            return try_status_;                                                        \
    } while (0)

/* A bug in the program: says where and aborts, in every build. */
#define ASSERT(cond)                                                                   \
    do {                                                                               \
        if (!(cond))                                                                   \
            err_assert_failed(#cond, __FILE__, __LINE__);                              \
    } while (0)
__attribute__((noreturn)) void err_assert_failed(const char *cond, const char *file,
                                                 int line);

#endif
