/* amx.h: the matrix registers (Intel AMX) as the files compiled for them use them: eight of 16 rows of 64 bytes. */
#ifndef CPU_AMX_H
#define CPU_AMX_H

#include "cpu/core/vec.h"

#include <immintrin.h>

/* Rows of a register; k's of bf16 of one. */
enum { AMX_SIDE = 16, AMX_UNIT = 32 };

typedef struct amx_config {
    uint8_t palette, start, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} amx_config;

CPU_INLINE void amx_enter(void)
{
    /* A constant, since some compilers take the instruction to read no more than its first bytes. */
    static const amx_config config = {
        .palette = 1,
        .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64},
        .rows = {AMX_SIDE, AMX_SIDE, AMX_SIDE, AMX_SIDE, AMX_SIDE, AMX_SIDE, AMX_SIDE, AMX_SIDE}};
    _tile_loadconfig(&config);
}

CPU_INLINE void amx_leave(void)
{
    _tile_release();
}

#endif
