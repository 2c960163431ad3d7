/* driver.c: stands in for libFuzzer where the compiler is not clang: gives every file named on the command line, and every
 * file of every folder named, to the fuzz target, and the empty input in any case. Small files are given again many times,
 * damaged at random: the same damage in every run. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/map.h"
#include "base/philox.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { DAMAGED_RUNS = 150, DAMAGED_BYTES = 1 << 14 };

/* Changes, removes or doubles a few bytes; `p` has room for twice as many. */
static size_t damage(unsigned char *p, size_t n, base_random *random)
{
    for (uint64_t times = 1 + base_random_below(random, 4); times > 0 && n > 0; times--) {
        size_t at = base_random_below(random, n), length = 1 + base_random_below(random, n - at);
        switch (base_random_below(random, 6)) {
        case 0: p[at] ^= (unsigned char)(1u << base_random_below(random, 8)); break;
        case 1: p[at] = (unsigned char)base_random_u32(random); break;
        case 2: p[at] = base_random_below(random, 2) ? 0xff : 0; break;
        case 3: n = at; break;
        case 4:
            memmove(p + at, p + at + length, n - at - length);
            n -= length;
            break;
        default:
            if (n + length > 2 * (size_t)DAMAGED_BYTES)
                break;
            memmove(p + at + length, p + at, n - at);
            n += length;
        }
    }
    return n;
}

/* Each input in memory of exactly its size, so that AddressSanitizer sees a read behind it. */
static void run_damaged(const unsigned char *data, size_t bytes)
{
    static unsigned char work[2 * DAMAGED_BYTES];
    base_random random = base_random_new(base_hash(data, bytes, 0), 0);
    for (int i = 0; i < DAMAGED_RUNS && bytes > 0 && bytes <= DAMAGED_BYTES; i++) {
        memcpy(work, data, bytes);
        size_t n = damage(work, bytes, &random);
        unsigned char *exact = malloc(n ? n : 1);
        if (!exact)
            abort();
        memcpy(exact, work, n);
        LLVMFuzzerTestOneInput(exact, n);
        free(exact);
    }
}

static int replay_file(const char *path)
{
    base_error e = {0};
    void *data;
    size_t bytes;
    if (base_file_read(path, (size_t)1 << 30, &data, &bytes, &e) != TN_OK) {
        fprintf(stderr, "%s\n", e.text);
        return 1;
    }
    LLVMFuzzerTestOneInput(data, bytes);
    run_damaged(data, bytes);
    free(data);
    return 0;
}

static int replay_folder(const char *path)
{
    DIR *dir = opendir(path);
    if (!dir) {
        perror(path);
        return 1;
    }
    int bad = 0;
    for (struct dirent *d; (d = readdir(dir));) {
        char file[4096];
        if (d->d_name[0] == '.')
            continue;
        int n = snprintf(file, sizeof file, "%s/%s", path, d->d_name);
        bad += n < 0 || (size_t)n >= sizeof file || replay_file(file);
    }
    closedir(dir);
    return bad;
}

int main(int argc, char **argv)
{
    int bad = 0;
    LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    for (int i = 1; i < argc; i++) {
        struct stat st;
        bool folder = stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode);
        bad += folder ? replay_folder(argv[i]) : replay_file(argv[i]);
    }
    return bad ? 1 : 0;
}
