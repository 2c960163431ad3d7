/* memory.c: see memory.h. */
#include "support/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static size_t data_bytes(void)
{
    static const char what[] = "VmData:";
    char line[200];
    size_t kilobytes = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, what, sizeof what - 1) == 0)
            kilobytes = (size_t)strtoul(line + sizeof what - 1, NULL, 10);
    if (f)
        fclose(f);
    return kilobytes * 1024;
}

bool memory_limit(size_t more)
{
    const size_t data = data_bytes();
    const struct rlimit limit = {data + more, data + more};
    return data > 0 && setrlimit(RLIMIT_DATA, &limit) == 0;
}

void memory_child(int (*run)(void *user), void *user)
{
    int status = 0;
    const pid_t child = fork();
    if (child == 0)
        _exit(run(user));
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == MEMORY_SKIP)
        skip();
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("the child ends with %d, %d", WIFEXITED(status), WEXITSTATUS(status));
}
