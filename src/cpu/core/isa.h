/* isa.h: which instruction set runs here, and on how many threads. */
#ifndef CPU_ISA_H
#define CPU_ISA_H

#include <stdbool.h>

/* In rising order: each can run what those before it can. CPU_AMX_PAIRS is for tests: all kernels of CPU_AMX, which compute the same in vector
 * registers. */
typedef enum cpu_isa {
    CPU_PORTABLE,
    CPU_AVX2,
    CPU_AVX512,
    CPU_AVX512_BF16,
    CPU_AMX_PAIRS,
    CPU_AMX,
    CPU_ISA_END
} cpu_isa;

/* What a *.tile.c file exports, in the form for `isa`: CPU_OF_ISA(isa, name) or CPU_OF_ISA(isa, &name). */
#if CPU_X86
#define CPU_OF_ISA(isa, name) ((isa) >= CPU_AVX512 ? name##_avx512 : (isa) == CPU_AVX2 ? name##_avx2 : name##_portable)
/* What a *.amx.c file exports: for the matrix registers, or for vector registers. */
#define CPU_OF_AMX(isa, name) ((isa) >= CPU_AMX ? name##_amx : name##_avx512_bf16)
#else
#define CPU_OF_ISA(isa, name) ((void)(isa), name##_portable)
#endif

/* The best that the processor, the kernel and this build have. Where there is AMX the process is given the permission
 * to use it. */
cpu_isa cpu_isa_best(void);
/* The last that runs here at all, however fast. For tests. */
cpu_isa cpu_isa_most(void);
/* "portable", "avx2", "avx512", "avx512_bf16", "amx_pairs", "amx"; "?" for other numbers. */
const char *cpu_isa_name(cpu_isa isa);
/* False, and *isa untouched, if there is no instruction set of this name. */
bool cpu_isa_from_name(const char *name, cpu_isa *isa);

/* Processors that the process may use: its affinity, but no more than its control groups' quota. At least 1. */
int cpu_thread_count(void);

#endif
