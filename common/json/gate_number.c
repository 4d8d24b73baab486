/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers: the grammar of RFC 8259, and no number that PostgreSQL's numeric cannot hold exactly.
 *
 * jsonb keeps a number as numeric, written out without an exponent: up to 131072 digits before the
 * decimal point and 16383 after it (PostgreSQL 15 manual, table 8.2). How the edges fall, tried
 * against PostgreSQL 15.20:
 *
 *   stored                               refused (22003)
 *   1e131071  0.0001e131075              1e131072  0.0001e131076  10e131071
 *   1e-16383  10e-16383  1.0e-16382      1e-16384  1.0e-16383  10e-16384
 *   0e1073741822 (as 0)  0e-16383        0e1073741823  0e-16384
 *
 * So the digits before the point count from the first that is not zero; those after it count as
 * written, trailing zeros too; and of zero only the exponent's own bound and the scale count.
 */
#include "common/json/gate_text.h"

#define DIGITS_BEFORE_MAX 131072
#define DIGITS_AFTER_MAX  16383
/* numeric_in refuses an exponent of INT_MAX / 2 whatever the digits are. */
#define EXPONENT_MAX      1073741822

struct number {
    const char *whole; /* first digit */
    int64_t whole_digits;
    const char *fraction;
    int64_t fraction_digits;
    int64_t exponent;
};

static inline bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline const char *skip_digits(const char *p, const char *end)
{
    while (p < end && is_digit(*p))
        p++;
    return p;
}

/* At least one digit must stand at p. */
static const char *digits(const char *p, const char *end, struct gate_stop *stop)
{
    if (p == end)
        return gate_stop_at(stop, GATE_FAULT_ENDED, end);
    if (!is_digit(*p))
        return gate_stop_at(stop, GATE_FAULT_NUMBER, p);
    return skip_digits(p + 1, end);
}

static const char *whole_part(const char *p, const char *end, struct number *out,
                              struct gate_stop *stop)
{
    out->whole = p;
    p = digits(p, end, stop);
    if (p == NULL)
        return NULL;
    if (*out->whole == '0' && p > out->whole + 1)
        return gate_stop_at(stop, GATE_FAULT_NUMBER, out->whole + 1);
    out->whole_digits = p - out->whole;
    return p;
}

static const char *exponent_part(const char *p, const char *end, struct number *out,
                                 struct gate_stop *stop)
{
    const bool negative = p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+'))
        p++;
    const char *behind = digits(p, end, stop);
    if (behind == NULL)
        return NULL;
    int64_t value = 0;
    for (; p < behind && value <= EXPONENT_MAX; p++)
        value = value * 10 + (*p - '0');
    out->exponent = negative ? -value : value;
    return behind;
}

/* Where the first digit that is not zero stands: 1 is directly before the point, 0 directly
 * behind it. False when all are zero. */
static bool first_place(const struct number *n, int64_t *out_place)
{
    if (*n->whole != '0') {
        *out_place = n->whole_digits;
        return true;
    }
    for (int64_t i = 0; i < n->fraction_digits; i++) {
        if (n->fraction[i] != '0') {
            *out_place = -i;
            return true;
        }
    }
    return false;
}

/* Digits the number has when written out; 0 when numeric cannot hold it. */
static size_t written_out(const struct number *n)
{
    int64_t before = n->whole_digits;
    int64_t after = n->fraction_digits - n->exponent;
    if (n->exponent > EXPONENT_MAX)
        return 0;
    if (n->exponent != 0)
        before = first_place(n, &before) ? before + n->exponent : 1;
    if (before < 1)
        before = 1;
    if (after < 0)
        after = 0;
    return before > DIGITS_BEFORE_MAX || after > DIGITS_AFTER_MAX ? 0 : (size_t)(before + after);
}

const char *gate_number(const char *p, const char *end, size_t *digits_left, struct gate_stop *stop)
{
    struct number n = {0};
    const char *start = p;
    p = whole_part(*p == '-' ? p + 1 : p, end, &n, stop);
    if (p != NULL && p < end && *p == '.') {
        n.fraction = p + 1;
        p = digits(p + 1, end, stop);
        n.fraction_digits = p == NULL ? 0 : p - n.fraction;
    }
    if (p != NULL && p < end && (*p | 0x20) == 'e')
        p = exponent_part(p + 1, end, &n, stop);
    if (p == NULL)
        return NULL;
    if (p < end &&
        (*p == '.' || *p == '+' || *p == '-' || ((*p | 0x20) >= 'a' && (*p | 0x20) <= 'z')))
        return gate_stop_at(stop, GATE_FAULT_NUMBER, p);
    const size_t count = written_out(&n);
    if (count == 0 || count > *digits_left)
        return gate_stop_at(stop, GATE_FAULT_NUMBER_RANGE, start);
    *digits_left -= count;
    return p;
}
