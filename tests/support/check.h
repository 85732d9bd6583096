/* check.h - what every test includes: cmocka with what it needs before it, Status
 * checks that print the message, and the random stream of the tests. */
#ifndef SUPPORT_CHECK_H
#define SUPPORT_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/rng.h"

/* Evaluates a call that takes `&err` and must succeed. */
#define CHECK_OK(call)                                                                 \
    do {                                                                               \
        Status check_status_ = (call);                                                 \
        if (check_status_ != OK)                                                       \
            fail_msg("%s: status %d: %s", #call, (int)check_status_, err.msg);         \
    } while (0)

/* A call that must fail with `code` and exactly this message in err. */
#define CHECK_FAILS(call, expected_code, message)                                      \
    do {                                                                               \
        Status check_status_ = (call);                                                 \
        if (check_status_ != (expected_code))                                          \
            fail_msg("%s: status %d, not %d: %s", #call, (int)check_status_,           \
                     (int)(expected_code), err.msg);                                   \
        assert_string_equal(err.msg, (message));                                       \
    } while (0)

/* |got - want| <= tol, with the numbers shown. */
#define CHECK_NEAR(got, want, tol)                                                     \
    do {                                                                               \
        double check_got_ = (double)(got), check_want_ = (double)(want);               \
        double check_diff_ = check_got_ - check_want_;                                 \
        if (!(check_diff_ <= (tol) && check_diff_ >= -(tol)))                          \
            fail_msg("%s = %.9g, not %.9g (tolerance %g)", #got, check_got_,           \
                     check_want_, (double)(tol));                                      \
    } while (0)

/* Prints its seed; CHECK_SEED=n runs another. */
static inline Rng check_rng(void)
{
    const char *text = getenv("CHECK_SEED");
    uint64_t seed = text ? strtoull(text, NULL, 10) : 1;
    print_message("CHECK_SEED=%llu\n", (unsigned long long)seed);
    return rng_make(seed, RNG_TEST, 0);
}

#endif
