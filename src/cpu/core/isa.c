/* isa.c: see isa.h. Linux calls that POSIX lacks are behind _GNU_SOURCE, in this file and place.c only. */
#if defined(__linux__)
#define _GNU_SOURCE
#include <sched.h>
#include <sys/syscall.h>
#endif
#include "cpu/core/isa.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#if CPU_X86
#include <cpuid.h>
#endif

static const char *const isa_names[CPU_ISA_END] = {"portable", "avx2", "avx512", "avx512_bf16", "amx_pairs", "amx"};

const char *cpu_isa_name(cpu_isa isa)
{
    return (unsigned)isa < CPU_ISA_END ? isa_names[isa] : "?";
}

bool cpu_isa_from_name(const char *name, cpu_isa *isa)
{
    for (int i = 0; i < CPU_ISA_END; i++)
        if (strcmp(name, isa_names[i]) == 0) {
            *isa = (cpu_isa)i;
            return true;
        }
    return false;
}

#if CPU_X86
/* Which register files the operating system saves (XCR0). */
static uint64_t saved_registers(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

/* Linux hands out the 8 KB of tile registers only to a process that asked; asking again changes nothing. */
static bool ask_for_tiles(void)
{
#if defined(__linux__) && defined(SYS_arch_prctl)
    enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 };
    return syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
#else
    return false;
#endif
}

static bool all(uint32_t have, uint32_t want)
{
    return (have & want) == want;
}

/* Leaves of cpuid: 1 and 7, its sub-leaf 1 too. */
static cpu_isa find_isa(void)
{
    enum { XSAVE_YMM = 0x6, XSAVE_ZMM = 0xe0, XSAVE_TILES = 0x60000 };
    uint32_t a, b, c, d, a1, b1, c1, d1;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !all(c, bit_FMA | bit_OSXSAVE | bit_AVX | bit_F16C))
        return CPU_PORTABLE;
    uint64_t saved = saved_registers();
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !all(b, bit_AVX2 | bit_BMI2) || !all((uint32_t)saved, XSAVE_YMM))
        return CPU_PORTABLE;
    if (!all(b, bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL) || !all((uint32_t)saved, XSAVE_ZMM))
        return CPU_AVX2;
    if (!__get_cpuid_count(7, 1, &a1, &b1, &c1, &d1) || !all(a1, bit_AVX512BF16) || !all(c, bit_AVX512VNNI))
        return CPU_AVX512;
    enum { AMX_BF16 = 1 << 22, AMX_TILE = 1 << 24, AMX_INT8 = 1 << 25 };
    if (!all(d, AMX_BF16 | AMX_TILE | AMX_INT8) || !all((uint32_t)saved, XSAVE_TILES) || !ask_for_tiles())
        return CPU_AVX512_BF16;
    return CPU_AMX;
}

/* AMD's products of pairs take the time of a multiply-add, Intel's beside matrix registers that are switched off four times that: there f32
 * is faster. */
static bool pairs_are_fast(void)
{
    uint32_t a, b, c, d;
    return __get_cpuid(0, &a, &b, &c, &d) && b == signature_AMD_ebx && d == signature_AMD_edx && c == signature_AMD_ecx;
}

cpu_isa cpu_isa_best(void)
{
    const cpu_isa isa = find_isa();
    return isa == CPU_AVX512_BF16 && !pairs_are_fast() ? CPU_AVX512 : isa;
}

cpu_isa cpu_isa_most(void)
{
    const cpu_isa isa = find_isa();
    return isa == CPU_AVX512_BF16 ? CPU_AMX_PAIRS : isa;
}
#else
cpu_isa cpu_isa_best(void)
{
    return CPU_PORTABLE;
}

cpu_isa cpu_isa_most(void)
{
    return CPU_PORTABLE;
}
#endif

#if defined(__linux__)
static int affinity_count(void)
{
    enum { MOST = 1 << 16 }; /* processors; the kernel refuses a set that is smaller than its own */
    static const size_t bytes = MOST / 8;
    unsigned long set[MOST / 8 / sizeof(unsigned long)];
    memset(set, 0, sizeof set);
    if (sched_getaffinity(0, bytes, (cpu_set_t *)(void *)set) != 0)
        return 1;
    return CPU_COUNT_S(bytes, (cpu_set_t *)(void *)set);
}

/* The first number, or -1, and the second, of a file like "150000 100000"; false if it cannot be read. */
static bool read_numbers(const char *path, long long *first, long long *second)
{
    FILE *f = fopen(path, "re");
    if (!f)
        return false;
    *first = -1;
    int got = fscanf(f, "%lld %lld", first, second); /* "max 100000" reads nothing: no limit */
    fclose(f);
    return got != EOF;
}

/* Processors that quota / period stands for, rounded up; `limit` if that is fewer or there is no quota. */
static int at_most(int limit, long long quota, long long period)
{
    if (quota <= 0 || period <= 0)
        return limit;
    long long n = (quota + period - 1) / period;
    return n < limit ? (int)n : limit;
}

/* The quota of one group's folder, of version 1 (two files) or 2 (one). */
static int folder_limit(const char *folder, int limit)
{
    char path[1200];
    long long quota = -1, period = 0, unused;
    snprintf(path, sizeof path, "%s/cpu.max", folder);
    if (read_numbers(path, &quota, &period))
        return at_most(limit, quota, period);
    snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", folder);
    if (!read_numbers(path, &quota, &unused))
        return limit;
    snprintf(path, sizeof path, "%s/cpu.cfs_period_us", folder);
    return read_numbers(path, &period, &unused) ? at_most(limit, quota, period) : limit;
}

/* A group is held to its own quota and to those of all the groups around it. */
static int group_limit(const char *root, const char *group, int limit)
{
    char folder[1100];
    int n = snprintf(folder, sizeof folder, "%s%s", root, group);
    if (n < 0 || (size_t)n >= sizeof folder)
        return limit;
    for (;;) {
        limit = folder_limit(folder, limit);
        char *slash = strrchr(folder, '/');
        if (!slash || (size_t)(slash - folder) < strlen(root))
            return limit;
        *slash = '\0';
    }
}

static int quota_count(int limit)
{
    FILE *f = fopen("/proc/self/cgroup", "re");
    if (!f)
        return limit;
    char line[1024];
    while (fgets(line, sizeof line, f)) { /* "4:cpu,cpuacct:/group" (version 1) or "0::/group" (version 2) */
        line[strcspn(line, "\n")] = '\0';
        char *names = strchr(line, ':');
        char *group = names ? strchr(names + 1, ':') : NULL;
        if (!group)
            continue;
        *names++ = *group++ = '\0';
        if (names[0] == '\0')
            limit = group_limit("/sys/fs/cgroup", group, limit);
        else if (strcmp(names, "cpu") == 0 || strncmp(names, "cpu,", 4) == 0 || strstr(names, ",cpu,") ||
                 (strlen(names) > 4 && strcmp(names + strlen(names) - 4, ",cpu") == 0))
            limit = group_limit("/sys/fs/cgroup/cpu", group, limit);
    }
    fclose(f);
    return limit;
}

int cpu_thread_count(void)
{
    int n = quota_count(affinity_count());
    return n < 1 ? 1 : n;
}
#else
int cpu_thread_count(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > 1024 ? 1024 : (int)n;
}
#endif
