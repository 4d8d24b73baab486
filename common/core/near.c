/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Optimal string alignment: a letter changed, added, left out, or two exchanged count one each;
 * capitals and the joints - and _ count nothing. Short words must be nearer than long ones.
 */
#include "common/core/near.h"

#include <ctype.h>

enum { NEAR_SIZE_MAX = 64 };

static char plain(char c)
{
    return c == '-' || c == '.' || c == ' ' ? '_' : (char)tolower((unsigned char)c);
}

static size_t limit_of(struct slice word)
{
    return word.size <= 3 ? 0 : word.size <= 5 ? 1 : 2;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Three rows of the table are enough: this one and the two above. */
static size_t distance(struct slice a, struct slice b)
{
    size_t rows[3][NEAR_SIZE_MAX + 1];
    for (size_t j = 0; j <= b.size; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a.size; i++) {
        size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b.size; j++) {
            const char x = plain(a.data[i - 1]), y = plain(b.data[j - 1]);
            row[j] = least(above[j - 1] + (x != y), least(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && x == plain(b.data[j - 2]) && y == plain(a.data[i - 2]))
                row[j] = least(row[j], above2[j - 2] + 1);
        }
    }
    return rows[a.size % 3][b.size];
}

struct near near_start(struct slice word)
{
    return (struct near){.word = word, .distance = SIZE_MAX};
}

void near_offer(struct near *n, struct slice candidate)
{
    const size_t a = n->word.size, b = candidate.size;
    const size_t limit = limit_of(candidate);
    if (a > NEAR_SIZE_MAX || b > NEAR_SIZE_MAX || a > b + limit || b > a + limit)
        return;
    const size_t d = distance(n->word, candidate);
    if (d > limit || d >= n->distance)
        return;
    n->found = candidate;
    n->distance = d;
}

bool near_is(struct slice word, struct slice candidate)
{
    struct near n = near_start(word);
    near_offer(&n, candidate);
    return n.found.data != NULL;
}
