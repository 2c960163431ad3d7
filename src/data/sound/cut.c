/* cut.c: sound files that end before their samples do. libsndfile takes them for shorter ones, where samples lie in a chunk whose
 * length is written in front. WAV: Microsoft and IBM, "Multimedia Programming Interface and Data Specifications 1.0"; RF64:
 * EBU Tech 3306; AIFF: Apple, "Audio Interchange File Format"; CAF: Apple, "Core Audio Format
 * Specification"; W64: Sony's Sound Forge; AU: Sun's audio(4). */
#include "data/sound/sound.h"

#include <string.h>

/* Chunks: a name, a length, and so many bytes, filled up to a multiple of `align`. */
typedef struct layout {
    const char *magic, *samples; /* what the file begins with; the name of the chunk that holds samples */
    size_t head, name, length;   /* bytes: in front of the first chunk, of a chunk's name and of its length */
    size_t align;
    bool big, whole; /* big-endian; a length counts the chunk's name and length as well */
} layout;

static const layout layouts[] = {
    {"RIFF", "data", 12, 4, 4, 2, false, false}, {"RIFX", "data", 12, 4, 4, 2, true, false},
    {"RF64", "data", 12, 4, 4, 2, false, false}, {"BW64", "data", 12, 4, 4, 2, false, false},
    {"FORM", "SSND", 12, 4, 4, 2, true, false},  {"riff", "data", 40, 16, 8, 8, false, true},
    {"caff", "data", 8, 4, 8, 1, true, false},
};

static uint64_t number(const unsigned char *p, size_t n, bool big)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v = v << 8 | p[big ? i : n - 1 - i];
    return v;
}

/* Who wrote to a pipe did not know the length, and said nothing or the most there can be. */
static bool is_unknown(uint64_t length, size_t bytes)
{
    return length == 0 || length >= (bytes == 8 ? (uint64_t)0x7fff << 48 : 0x7fff0000);
}

static bool chunk_is_cut(const layout *l, const unsigned char *p, size_t bytes)
{
    enum { SIZES = 16 }; /* of RF64's chunk ds64, whose second number is the length of the samples */
    const size_t header = l->name + l->length;
    uint64_t large = UINT32_MAX;
    for (size_t at = l->head; at <= bytes && bytes - at >= header;) {
        const unsigned char *chunk = p + at;
        const size_t left = bytes - at - header;
        uint64_t size = number(chunk + l->name, l->length, l->big);
        if (l->whole && size < header)
            return false; /* no length at all: libsndfile says so */
        size -= l->whole ? header : 0;
        if (memcmp(chunk, l->samples, 4) == 0) {
            const bool elsewhere = size == UINT32_MAX && large != UINT32_MAX;
            size = elsewhere ? large : size;
            return size > left && !is_unknown(size, elsewhere ? 8 : l->length);
        }
        if (size > left)
            return true;
        if (memcmp(chunk, "ds64", 4) == 0 && size >= SIZES)
            large = number(chunk + header + SIZES / 2, 8, false);
        at += header + ((size_t)size + l->align - 1) / l->align * l->align;
    }
    return false;
}

bool data_sound_is_cut(const void *data, size_t bytes)
{
    const unsigned char *p = data;
    for (size_t i = 0; bytes >= 12 && i < sizeof layouts / sizeof *layouts; i++)
        if (memcmp(p, layouts[i].magic, 4) == 0)
            return chunk_is_cut(&layouts[i], p, bytes);
    if (bytes < 12 || memcmp(p, ".snd", 4) != 0)
        return false;
    const uint64_t start = number(p + 4, 4, true), size = number(p + 8, 4, true);
    return size != UINT32_MAX && start + size > bytes;
}
