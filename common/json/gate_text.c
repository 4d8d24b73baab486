/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strings are read sixteen or eight bytes at a time while they are plain ASCII; the first byte that
 * is not (quote, backslash, control, non-ASCII) is found for all of them at once, and each is then
 * looked at closely.
 */
#include "common/json/gate_text.h"

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "common/json/json_text.h"

#define ONES  UINT64_C(0x0101010101010101)
#define HIGHS UINT64_C(0x8080808080808080)

/* The high bit of each byte that is zero. Above the lowest such byte a bit may be wrong (the
 * subtraction borrows), so only the lowest counts. */
static inline uint64_t zero_bytes(uint64_t word)
{
    return (word - ONES) & ~word & HIGHS;
}

static inline uint64_t special_bytes(uint64_t word)
{
    const uint64_t control = (word - ONES * 0x20) & ~word & HIGHS;
    return control | zero_bytes(word ^ ONES * '"') | zero_bytes(word ^ ONES * '\\') |
           (word & HIGHS);
}

static inline bool is_special(char c)
{
    return (unsigned char)c < 0x20 || c == '"' || c == '\\' || (unsigned char)c >= 0x80;
}

#ifdef __SSE2__
/* A bit for each of the sixteen bytes. Compared as signed, non-ASCII is below the blank too. */
static inline unsigned special_of_16(const char *p)
{
    const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
    const __m128i low = _mm_cmplt_epi8(bytes, _mm_set1_epi8(' '));
    const __m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
    const __m128i backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(low, _mm_or_si128(quote, backslash)));
}
#endif

/* The first byte from p on that is not plain, or end. */
static inline const char *skip_plain(const char *p, const char *end)
{
#ifdef __SSE2__
    while (end - p >= 16) {
        const unsigned special = special_of_16(p);
        if (special != 0)
            return p + __builtin_ctz(special);
        p += 16;
    }
#endif
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    while (end - p >= 8) {
        uint64_t word;
        memcpy(&word, p, sizeof word);
        const uint64_t special = special_bytes(word);
        if (special != 0)
            return p + (__builtin_ctzll(special) >> 3);
        p += 8;
    }
#endif
    while (p < end && !is_special(*p))
        p++;
    return p;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))
        return (c | 0x20) - 'a' + 10;
    return -1;
}

/* p stands on the backslash of \uXXXX. */
static const char *code_unit(const char *p, const char *end, unsigned *out_unit,
                             struct gate_stop *stop)
{
    unsigned unit = 0;
    for (int i = 2; i < 6; i++) {
        if (end - p <= i)
            return gate_stop_at(stop, GATE_FAULT_ENDED, end);
        const int digit = hex_digit(p[i]);
        if (digit < 0)
            return gate_stop_at(stop, GATE_FAULT_STRING_ESCAPE, p);
        unit = unit << 4 | (unsigned)digit;
    }
    *out_unit = unit;
    return p + 6;
}

static const char *low_surrogate(const char *p, const char *end, const char *high,
                                 struct gate_stop *stop)
{
    unsigned unit = 0;
    if (p == end || (p + 1 == end && *p == '\\'))
        return gate_stop_at(stop, GATE_FAULT_ENDED, end);
    if (p[0] != '\\' || p[1] != 'u')
        return gate_stop_at(stop, GATE_FAULT_STRING_SURROGATE, high);
    p = code_unit(p, end, &unit, stop);
    if (p != NULL && (unit < 0xdc00 || unit > 0xdfff))
        return gate_stop_at(stop, GATE_FAULT_STRING_SURROGATE, high);
    return p;
}

static const char *unicode_escape(const char *p, const char *end, struct gate_stop *stop)
{
    unsigned unit = 0;
    const char *behind = code_unit(p, end, &unit, stop);
    if (behind == NULL)
        return NULL;
    if (unit == 0)
        return gate_stop_at(stop, GATE_FAULT_STRING_NUL, p);
    if (unit < 0xd800 || unit > 0xdfff)
        return behind;
    if (unit >= 0xdc00)
        return gate_stop_at(stop, GATE_FAULT_STRING_SURROGATE, p);
    return low_surrogate(behind, end, p, stop);
}

static const char *escape(const char *p, const char *end, struct gate_stop *stop)
{
    if (end - p < 2)
        return gate_stop_at(stop, GATE_FAULT_ENDED, end);
    switch (p[1]) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        return p + 2;
    case 'u':
        return unicode_escape(p, end, stop);
    default:
        return gate_stop_at(stop, GATE_FAULT_STRING_ESCAPE, p);
    }
}

static const char *wide_character(const char *p, const char *end, struct gate_stop *stop)
{
    const size_t size = json_utf8_size(p, end);
    return size == 0 ? gate_stop_at(stop, GATE_FAULT_UTF8, p) : p + size;
}

const char *gate_string(const char *p, const char *end, bool *out_escaped, struct gate_stop *stop)
{
    bool escaped = false;
    while (p != NULL) {
        p = skip_plain(p, end);
        if (p == end)
            return gate_stop_at(stop, GATE_FAULT_ENDED, end);
        if (*p == '"')
            break;
        if (*p == '\\') {
            escaped = true;
            p = escape(p, end, stop);
        } else if ((unsigned char)*p < 0x20) {
            return gate_stop_at(stop, GATE_FAULT_STRING_CONTROL, p);
        } else {
            p = wide_character(p, end, stop);
        }
    }
    if (p == NULL)
        return NULL;
    *out_escaped = escaped;
    return p + 1;
}

static bool is_word(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

const char *gate_literal(const char *p, const char *end, struct gate_stop *stop)
{
    const struct slice words[] = {SLICE("true"), SLICE("false"), SLICE("null")};
    const struct slice word = words[*p == 't' ? 0 : *p == 'f' ? 1 : 2];
    for (size_t i = 0; i < word.size; i++) {
        if (p + i == end)
            return gate_stop_at(stop, GATE_FAULT_ENDED, end);
        if (p[i] != word.data[i])
            return gate_stop_at(stop, GATE_FAULT_LITERAL, p);
    }
    if (p + word.size < end && is_word(p[word.size]))
        return gate_stop_at(stop, GATE_FAULT_LITERAL, p);
    return p + word.size;
}
