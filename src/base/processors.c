/* processors.c: see processors.h. Affinity is read from /proc, as sched_getaffinity is not POSIX. */
#include "base/processors.h"

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Files in /proc and /sys have no size beforehand. False if there is no such file. */
static bool read_small(const char *path, char *text, size_t room)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    size_t n = 0;
    for (ssize_t got = 1; got > 0 && n<room - 1; n += got> 0 ? (size_t)got : 0)
        got = read(fd, text + n, room - 1 - n);
    text[n] = '\0';
    close(fd);
    return true;
}

int base_count_mask(const char *hex)
{
    static const char digits[] = "0123456789abcdef";
    int bits = 0;
    for (; *hex == ',' || (*hex && strchr(digits, *hex)); hex++)
        if (*hex != ',')
            bits += __builtin_popcount((unsigned)(strchr(digits, *hex) - digits));
    return bits;
}

int base_quota(const char *text)
{
    char *end;
    long long quota = strtoll(text, &end, 10);
    if (end == text || quota <= 0)
        return 0;
    long long period = strtoll(end, &end, 10);
    if (period <= 0)
        return 0;
    long long n = quota / period + (quota % period != 0);
    return n > INT_MAX ? INT_MAX : (int)n;
}

static int affinity(void)
{
    char text[8192];
    const char *line = read_small("/proc/self/status", text, sizeof text) ? strstr(text, "\nCpus_allowed:") : NULL;
    if (!line)
        return 0;
    line += strlen("\nCpus_allowed:");
    return base_count_mask(line + strspn(line, " \t"));
}

static int smaller_quota(int a, int b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

/* Control groups, version 2: the tightest quota from our group up to the root. Inside a container its own group is the
 * root, which then has a cpu.max. */
static int quota_v2(void)
{
    char groups[4096], path[4400], text[128];
    if (!read_small("/proc/self/cgroup", groups, sizeof groups))
        return 0;
    char *group = strstr(groups, "0::/");
    if (!group || (group != groups && group[-1] != '\n'))
        return 0;
    group += strlen("0::");
    group[strcspn(group, "\n")] = '\0';
    int quota = 0;
    for (char *cut = group + strlen(group); cut; cut = strrchr(group, '/')) {
        *cut = '\0';
        (void)snprintf(path, sizeof path, "/sys/fs/cgroup%s/cpu.max", group);
        if (read_small(path, text, sizeof text))
            quota = smaller_quota(quota, base_quota(text));
    }
    return quota;
}

static int quota_v1(void)
{
    char quota[64], period[64], both[130];
    if (!read_small("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", quota, sizeof quota) ||
        !read_small("/sys/fs/cgroup/cpu/cpu.cfs_period_us", period, sizeof period))
        return 0;
    (void)snprintf(both, sizeof both, "%s %s", quota, period);
    return base_quota(both);
}

int base_processors(void)
{
    int n = affinity();
    if (n <= 0)
        n = (int)sysconf(_SC_NPROCESSORS_ONLN);
    int quota = smaller_quota(quota_v2(), quota_v1());
    if (quota > 0 && quota < n)
        n = quota;
    return n < 1 ? 1 : n;
}
