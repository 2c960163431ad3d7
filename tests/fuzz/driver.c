/* driver.c: stands in for libFuzzer where the compiler is not clang: gives every file named on the command line, and every
 * file of every folder named, to the fuzz target, and the empty input in any case. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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
