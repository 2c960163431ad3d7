/* gpt2_scan.c: GPT-2's pattern by hand,
 *     's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
 * leftmost, alternatives in order. ASCII goes by a table of four classes; a byte that is not UTF-8 is like punctuation. */
#include "data/text/unicode.h"
#include "data/text/work.h"

enum { OTHER, LETTER, NUMBER, SPACE, FAR };

/* clang-format off */
#define O OTHER
#define L LETTER
#define N NUMBER
#define S SPACE
#define FAR16 FAR, FAR, FAR, FAR, FAR, FAR, FAR, FAR, FAR, FAR, FAR, FAR, FAR, FAR, FAR, FAR
static const uint8_t class_of[256] = {
    O, O, O, O, O, O, O, O, O, S, S, S, S, S, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O,
    S, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, N, N, N, N, N, N, N, N, N, N, O, O, O, O, O, O,
    O, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, O, O, O, O, O,
    O, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, O, O, O, O, O,
    FAR16, FAR16, FAR16, FAR16, FAR16, FAR16, FAR16, FAR16};
#undef O
#undef L
#undef N
#undef S
/* clang-format on */

/* The class of the character at p and its bytes. */
static inline int classify(const char *p, const char *end, size_t *used)
{
    int class = class_of[(unsigned char)*p];
    *used = 1;
    if (class != FAR)
        return class;
    int properties = text_properties_of(text_next_far(p, end, used));
    return properties & TEXT_LETTER   ? LETTER
           : properties & TEXT_NUMBER ? NUMBER
           : properties & TEXT_SPACE  ? SPACE
                                      : OTHER;
}

/* The end of the run of characters of one class. */
static inline const char *run(const char *p, const char *end, int class)
{
    while (p < end) {
        int c = class_of[(unsigned char)*p];
        size_t used = 1;
        if (c != class && (c != FAR || classify(p, end, &used) != class))
            break;
        p += used;
    }
    return p;
}

/* White space: all of it at the end of the text, else all but the last character, which goes with what follows. */
static const char *spaces(const char *p, const char *end)
{
    const char *last = p, *start = p;
    size_t used;
    while (p < end && classify(p, end, &used) == SPACE) {
        last = p;
        p += used;
    }
    return p == end || last == start ? p : last;
}

/* The length of what an apostrophe shortens, 0: none. */
static size_t contraction(const char *p, const char *end)
{
    size_t n = (size_t)(end - p);
    if (n >= 2 && (p[1] == 's' || p[1] == 't' || p[1] == 'm' || p[1] == 'd'))
        return 2;
    if (n >= 3 && ((p[1] == 'r' && p[2] == 'e') || (p[1] == 'v' && p[2] == 'e') || (p[1] == 'l' && p[2] == 'l')))
        return 3;
    return 0;
}

const char *text_gpt2_next(const char *p, const char *end)
{
    size_t used;
    if (*p == '\'') {
        size_t n = contraction(p, end);
        return n ? p + n : run(p + 1, end, OTHER);
    }
    const char *q = *p == ' ' && p + 1 < end ? p + 1 : p;
    int class = classify(q, end, &used);
    return class == SPACE ? spaces(p, end) : run(q + used, end, class);
}
