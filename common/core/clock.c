/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calendar arithmetic is done on days since 1970-01-01 in the proleptic Gregorian calendar, with
 * March as the first month so that the leap day is the last day of a year; libc's timegm and
 * strftime would drag in locale and time zone files.
 */
#include "common/core/clock.h"

#include <assert.h>
#include <time.h>

#define US_PER_S   INT64_C(1000000)
#define S_PER_DAY  INT64_C(86400)
#define FIRST_US   (INT64_C(-62135596800) * US_PER_S) /* 0001-01-01 */
#define PAST_US    (INT64_C(253402300800) * US_PER_S) /* 10000-01-01 */
#define DAYS_400_Y 146097

int64_t clock_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * CLOCK_S + t.tv_nsec;
}

int64_t clock_wall_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * US_PER_S + t.tv_nsec / 1000;
}

int64_t clock_epoch_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return clock_wall_us() - ((int64_t)t.tv_sec * US_PER_S + t.tv_nsec / 1000);
}

int64_t clock_suspended_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (int64_t)t.tv_sec * CLOCK_S + t.tv_nsec - clock_now_ns();
}

static int64_t days_of(int64_t year, int month, int day)
{
    const int64_t y = month <= 2 ? year - 1 : year;
    const int64_t era = (y >= 0 ? y : y - 399) / 400;
    const int64_t year_of_era = y - era * 400;
    const int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    const int64_t day_of_era =
        year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * DAYS_400_Y + day_of_era - 719468;
}

static void date_of(int64_t days, int *out_year, int *out_month, int *out_day)
{
    const int64_t shifted = days + 719468; /* since 0000-03-01 */
    const int64_t era = (shifted >= 0 ? shifted : shifted - (DAYS_400_Y - 1)) / DAYS_400_Y;
    const int64_t day_of_era = shifted - era * DAYS_400_Y;
    const int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    const int64_t day_of_year =
        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const int64_t month = (5 * day_of_year + 2) / 153; /* 0 = March */
    *out_day = (int)(day_of_year - (153 * month + 2) / 5 + 1);
    *out_month = (int)(month < 10 ? month + 3 : month - 9);
    *out_year = (int)(year_of_era + era * 400 + (*out_month <= 2 ? 1 : 0));
}

static char *put_digits(char *out, int64_t value, int width)
{
    for (int i = width - 1; i >= 0; i--) {
        out[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return out + width;
}

void clock_format(int64_t wall_us, char out[CLOCK_TEXT_SIZE + 1])
{
    int year, month, day;
    assert(wall_us >= FIRST_US && wall_us < PAST_US);
    const int64_t since_first = wall_us - FIRST_US;
    const int64_t us_of_day = since_first % (S_PER_DAY * US_PER_S);
    const int64_t second = us_of_day / US_PER_S;
    date_of(since_first / (S_PER_DAY * US_PER_S) + FIRST_US / US_PER_S / S_PER_DAY, &year, &month,
            &day);
    char *p = put_digits(out, year, 4);
    *p++ = '-';
    p = put_digits(p, month, 2);
    *p++ = '-';
    p = put_digits(p, day, 2);
    *p++ = 'T';
    p = put_digits(p, second / 3600, 2);
    *p++ = ':';
    p = put_digits(p, second / 60 % 60, 2);
    *p++ = ':';
    p = put_digits(p, second % 60, 2);
    *p++ = '.';
    p = put_digits(p, us_of_day % US_PER_S, 6);
    *p++ = 'Z';
    *p = 0;
}

/* Reads exactly `width` digits; false leaves *s where it is. */
static bool take_digits(struct slice *s, size_t width, int *out_value)
{
    uint64_t value = 0;
    if (s->size < width || !slice_to_u64((struct slice){s->data, width}, 9999, &value))
        return false;
    s->data += width;
    s->size -= width;
    *out_value = (int)value;
    return true;
}

static bool take_char(struct slice *s, const char *wanted)
{
    for (; *wanted != 0; wanted++) {
        if (s->size > 0 && s->data[0] == *wanted) {
            s->data++;
            s->size--;
            return true;
        }
    }
    return false;
}

static bool take_date(struct slice *s, int64_t *out_days)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year, month, day;
    if (!take_digits(s, 4, &year) || !take_char(s, "-") || !take_digits(s, 2, &month) ||
        !take_char(s, "-") || !take_digits(s, 2, &day))
        return false;
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (year < 1 || month < 1 || month > 12 || day < 1 ||
        day > lengths[month - 1] + (month == 2 && leap ? 1 : 0))
        return false;
    *out_days = days_of(year, month, day);
    return true;
}

/* Microseconds of the digits after the point; further digits are cut. */
static bool take_fraction(struct slice *s, int64_t *out_us)
{
    int64_t us = 0, unit = 100000;
    size_t digits = 0;
    for (; s->size > 0 && s->data[0] >= '0' && s->data[0] <= '9'; digits++) {
        us += unit * (s->data[0] - '0');
        unit /= 10;
        s->data++;
        s->size--;
    }
    *out_us = us;
    return digits > 0;
}

static bool take_time(struct slice *s, int64_t *out_us, bool *out_leap)
{
    int hour, minute, second = 0;
    int64_t us = 0;
    if (!take_digits(s, 2, &hour) || !take_char(s, ":") || !take_digits(s, 2, &minute) ||
        !take_char(s, ":") || !take_digits(s, 2, &second))
        return false;
    if (take_char(s, ".") && !take_fraction(s, &us))
        return false;
    if (hour > 23 || minute > 59 || second > 60)
        return false;
    *out_us = ((hour * INT64_C(60) + minute) * 60 + second) * US_PER_S + (second == 60 ? 0 : us);
    *out_leap = second == 60;
    return true;
}

/* Seconds east of UTC; nothing at all is UTC. */
static bool take_zone(struct slice *s, int64_t *out_s)
{
    int hour, minute;
    *out_s = 0;
    if (s->size == 0 || take_char(s, "Zz"))
        return true;
    const bool west = s->data[0] == '-';
    if (!take_char(s, "+-") || !take_digits(s, 2, &hour) || !take_char(s, ":") ||
        !take_digits(s, 2, &minute) || hour > 23 || minute > 59)
        return false;
    *out_s = (west ? -1 : 1) * (hour * INT64_C(3600) + minute * 60);
    return true;
}

bool clock_parse(struct slice text, int64_t *out_wall_us)
{
    int64_t days, us_of_day, zone_s;
    bool leap;
    struct slice s = text;
    if (!take_date(&s, &days) || !take_char(&s, "Tt ") || !take_time(&s, &us_of_day, &leap) ||
        !take_zone(&s, &zone_s) || s.size != 0)
        return false;
    const int64_t wall_us = (days * S_PER_DAY - zone_s) * US_PER_S + us_of_day;
    /* A leap second is the last of a UTC day: counted on, it reads as midnight. */
    if (leap && wall_us % (S_PER_DAY * US_PER_S) != 0)
        return false;
    if (wall_us < FIRST_US || wall_us >= PAST_US)
        return false;
    *out_wall_us = wall_us;
    return true;
}
