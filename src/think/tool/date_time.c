/* date_time.c - the calendar for models, which know neither the day nor how to count
 * them. Dates are days of the Gregorian calendar, carried back before it began. */
#include "think/tool/builtin.h"
#include "think/tool/builtin_internal.h"

#include <stdio.h>
#include <string.h>

static const char *const weekdays[] = {"Thursday", "Friday",  "Saturday", "Sunday",
                                       "Monday",   "Tuesday", "Wednesday"};

typedef struct Date {
    int64_t year;
    int month, day; /* from 1 */
} Date;

static bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_of_month(int64_t year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap(year));
}

/* Days of the whole years before `year`, counted from year 1. */
static int64_t days_before(int64_t year)
{
    int64_t y = year - 1;
    return y * 365 + y / 4 - y / 100 + y / 400;
}

/* Days since 1970-01-01, a Thursday. */
static int64_t to_days(Date d)
{
    int64_t days = days_before(d.year) - days_before(1970) + d.day - 1;
    for (int m = 1; m < d.month; m++)
        days += days_of_month(d.year, m);
    return days;
}

static Date from_days(int64_t days)
{
    Date d = {.year = 1970 + days / 366, .month = 1, .day = 1};
    if (days < 0)
        d.year--;
    while (to_days(d) > days)
        d.year--;
    while (to_days((Date){d.year + 1, 1, 1}) <= days)
        d.year++;
    while (to_days(d) + days_of_month(d.year, d.month) <= days)
        d.month++;
    d.day = (int)(days - to_days(d)) + 1;
    return d;
}

/* "2026-12-01", years 1 to 9999. */
static bool read_date(Span text, Date *out)
{
    if (text.len != 10 || text.ptr[4] != '-' || text.ptr[7] != '-')
        return false;
    int v[10];
    for (int i = 0; i < 10; i++) {
        v[i] = text.ptr[i] - '0';
        if (i != 4 && i != 7 && (v[i] < 0 || v[i] > 9))
            return false;
    }
    *out = (Date){v[0] * 1000 + v[1] * 100 + v[2] * 10 + v[3], v[5] * 10 + v[6],
                  v[8] * 10 + v[9]};
    return out->year >= 1 && out->month >= 1 && out->month <= 12 && out->day >= 1 &&
           out->day <= days_of_month(out->year, out->month);
}

static void put_day(Str *out, int64_t days)
{
    Date d = from_days(days);
    str_printf(out, "%04lld-%02d-%02d, a %s", (long long)d.year, d.month, d.day,
               weekdays[(days % 7 + 7) % 7]);
}

static void put_now(Str *out, time_t now)
{
    struct tm tm;
    char text[64];
    if (!localtime_r(&now, &tm) ||
        strftime(text, sizeof text, ", %H:%M:%S %z", &tm) == 0)
        return;
    put_day(out, to_days((Date){tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday}));
    str_puts(out, text);
}

static int64_t today(time_t now)
{
    struct tm tm;
    if (!localtime_r(&now, &tm))
        return 0;
    return to_days((Date){tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday});
}

/* A member that is a date, if it is there; false: it is none. */
static bool read_member(const json_t *arguments, const char *key, int64_t *days,
                        Str *out)
{
    const json_t *given = json_object_get(arguments, key);
    Date date;
    if (!given)
        return true;
    Span text = {json_string_value(given), json_string_length(given)};
    if (!read_date(text, &date)) {
        str_printf(out, "'%s' is no date YYYY-MM-DD of the years 1 to 9999", key);
        return false;
    }
    *days = to_days(date);
    return true;
}

Status date_time_answer(const json_t *arguments, time_t now, Str *out, bool *failed,
                        Err *err)
{
    int64_t days = today(now), until = 0;
    const json_t *add = json_object_get(arguments, "add_days");
    bool dated = json_object_get(arguments, "date"),
         counts = json_object_get(arguments, "until");
    if (!read_member(arguments, "date", &days, out) ||
        !read_member(arguments, "until", &until, out)) {
        *failed = true;
        return str_check(out, err);
    }
    if (add)
        days += (int64_t)json_number_value(add);
    if (days < to_days((Date){1, 1, 1}) || days > to_days((Date){9999, 12, 31})) {
        *failed = true;
        str_puts(out, "a day outside of the years 1 to 9999");
    } else if (!dated && !add && !counts) {
        put_now(out, now);
    } else {
        put_day(out, days);
    }
    if (counts && !*failed) {
        str_printf(out, "; %lld days until ", (long long)(until - days));
        put_day(out, until);
    }
    return str_check(out, err);
}

Status date_time_call(void *self, const json_t *arguments, Str *out, bool *failed,
                      Err *err)
{
    (void)self;
    return date_time_answer(arguments, time(NULL), out, failed, err);
}
