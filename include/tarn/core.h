/* tarn/core.h: what every other header stands on: version, status codes, dtypes, contexts, views.
 *
 * Conventions of the whole interface
 *   - Actions return tn_status; the sentence that explains a failure belongs to the object that failed
 *     (tn_context_error, tn_graph_error, tn_session_error, ...), and is valid until that object's next call.
 *   - NULL for what could not be made may be handed on to what would be made of it (tn_compile, tn_session_new, tn_predictor_new,
 *     tn_trainer_new), run by it (tn_run, tn_predict, tn_trainer_run: TN_INVALID) or asked for its error (""). The context keeps the
 *     sentence of what failed first, so one check at the end does.
 *   - Who creates frees. `_free(NULL)` does nothing. Objects retain what they need, so the order of frees is free.
 *   - Option structs are passed by pointer, last; NULL means the defaults, and zero is the default of every field.
 *   - The library has no global state, never prints, exits or aborts, and reads neither environment nor locale.
 */
#ifndef TARN_CORE_H
#define TARN_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TN_VERSION_MAJOR 0
#define TN_VERSION_MINOR 1
#define TN_VERSION_PATCH 0
#define TN_VERSION (TN_VERSION_MAJOR * 10000 + TN_VERSION_MINOR * 100 + TN_VERSION_PATCH)

#if defined(__GNUC__)
#define TN_API __attribute__((visibility("default")))
#define TN_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define TN_API
#define TN_PRINTF(fmt, args)
#endif

/* Option structs in place: tn_layer_conv2d(x, "conv1", 32, 3, TN_OPT(tn_conv_opt, .stride = 2)).
 * C++ has no address of a temporary; there a named struct is passed instead, and TN_OPT makes one that lives
 * until the end of the full expression. */
#ifdef __cplusplus
}
template <class T> struct tn_opt_holder {
    T value;
    operator const T *() const
    {
        return &value;
    }
};
#define TN_OPT(type, ...) (tn_opt_holder<type>{type{__VA_ARGS__}})
extern "C" {
#else
#define TN_OPT(type, ...) (&(const type){__VA_ARGS__})
#endif

/* A value that may be absent: where 0 is legal and not the default. tn_f64(0) is "set, to zero". */
typedef struct tn_opt_f64 {
    bool set;
    double value;
} tn_opt_f64;
static inline tn_opt_f64 tn_f64(double value)
{
    tn_opt_f64 o = {true, value};
    return o;
}

/* ---- status ---------------------------------------------------------------------------------------------------- */

/* X(name, number, what it means). Numbers are only appended. */
#define TN_STATUS_LIST(X)                                                                                              \
    X(OK, 0, "success")                                                                                                \
    X(INVALID, 1, "an argument is wrong")                                                                              \
    X(SHAPE, 2, "shapes do not fit")                                                                                   \
    X(DTYPE, 3, "dtypes do not fit")                                                                                   \
    X(MEMORY, 4, "out of memory")                                                                                      \
    X(LIMIT, 5, "a limit that the caller set would be exceeded")                                                       \
    X(IO, 6, "reading or writing failed")                                                                              \
    X(FORMAT, 7, "a file or text does not follow its format")                                                          \
    X(NOT_FOUND, 8, "no such thing")                                                                                   \
    X(UNSUPPORTED, 9, "not available in this build, on this device or for these types")                                \
    X(NONFINITE, 10, "a NaN or an infinity where there must be none")                                                  \
    X(FAULT, 11, "an operator found bad data while running")                                                           \
    X(BUSY, 12, "in use by another thread or process")                                                                 \
    X(CANCELLED, 13, "cancelled by the caller")                                                                        \
    X(TOO_NEW, 14, "made by a newer version")                                                                          \
    X(INTERNAL, 15, "a defect in Tarn; please report it")

typedef enum tn_status {
#define TN_X(name, number, doc) TN_##name = number,
    TN_STATUS_LIST(TN_X)
#undef TN_X
} tn_status;

/* "OK", "SHAPE", ...; "?" for a number outside the list. Never NULL, static. */
TN_API const char *tn_status_name(tn_status status);
/* What the code means, in a few words. Never NULL, static. */
TN_API const char *tn_status_text(tn_status status);

/* ---- dtypes ---------------------------------------------------------------------------------------------------- */

/* X(NAME, number, "name", bytes). Numbers are only appended; files store names. */
#define TN_DTYPE_LIST(X)                                                                                               \
    X(F64, 1, "f64", 8)                                                                                                \
    X(F32, 2, "f32", 4)                                                                                                \
    X(F16, 3, "f16", 2)                                                                                                \
    X(BF16, 4, "bf16", 2)                                                                                              \
    X(I64, 5, "i64", 8)                                                                                                \
    X(I32, 6, "i32", 4)                                                                                                \
    X(I16, 7, "i16", 2)                                                                                                \
    X(I8, 8, "i8", 1)                                                                                                  \
    X(U8, 9, "u8", 1)                                                                                                  \
    X(BOOL, 10, "bool", 1)

typedef enum tn_dtype {
    TN_NONE = 0, /* "not said": builders then take their default */
#define TN_X(name, number, text, bytes) TN_##name = number,
    TN_DTYPE_LIST(TN_X)
#undef TN_X
        TN_DTYPE_END /* one past the last; not a dtype */
} tn_dtype;

/* "f32", ...; "?" for TN_NONE and numbers outside the list. Never NULL, static. */
TN_API const char *tn_dtype_name(tn_dtype dtype);
/* The dtype with this name, or TN_NONE. */
TN_API tn_dtype tn_dtype_from_name(const char *name);
/* Bytes of an element; 0 for TN_NONE and numbers outside the list. */
TN_API size_t tn_dtype_size(tn_dtype dtype);
TN_API bool tn_dtype_is_float(tn_dtype dtype);
/* True for i64 i32 i16 i8 u8; bool is neither integer nor float. */
TN_API bool tn_dtype_is_int(tn_dtype dtype);

/* ---- views ----------------------------------------------------------------------------------------------------- */

enum { TN_MAX_RANK = 8 };

/* Data of the caller's, described. Strides are in elements; `strided` false means row-major and `strides` is ignored.
 * `bytes` is the size of what `data` points to: every element that dims and strides reach must lie within, which is
 * checked wherever a view is taken. Any alignment. A rank-0 view has one element. */
typedef struct tn_view {
    void *data;
    size_t bytes;
    tn_dtype dtype;
    int rank;
    int64_t dims[TN_MAX_RANK];
    bool strided;
    int64_t strides[TN_MAX_RANK];
} tn_view;

/* A row-major view of `count` = product of dims elements; bytes are counted from the dims. */
TN_API tn_view tn_view_of(void *data, tn_dtype dtype, int rank, const int64_t *dims);
/* Elements in the view: product of its dims, 1 for rank 0. -1 if a dim is negative or the product overflows. */
TN_API int64_t tn_view_count(const tn_view *view);

/* ---- context --------------------------------------------------------------------------------------------------- */

/* Settings shared by what is made from it: threads, instruction set, log. Contexts in two threads never meet. */
typedef struct tn_context tn_context;

/* Level 0 error, 1 warning, 2 info, 3 debug. `line` has no newline and lives until the call returns. */
typedef void (*tn_log_fn)(void *user, int level, const char *line);

typedef struct tn_context_opt {
    int threads; /* threads of a session; 0: the processors that the process may use (affinity, cgroup quota) */
    const char *
        isa; /* at most this instruction set: "portable", "avx2", "avx512", "avx512_bf16", "amx"; NULL: the best there is */
    tn_log_fn log; /* NULL: no log */
    void *log_user;
    void *reserved[8];
} tn_context_opt;

/* NULL only when memory is out or `version` (the header's, passed by the macro) is of another major version. */
TN_API tn_context *tn_context_new_version(int version, const tn_context_opt *opt);
#define tn_context_new(opt) tn_context_new_version(TN_VERSION, opt)
TN_API void tn_context_free(tn_context *context);
/* The sentence of the last failure of a call that was given this context; "" if none. */
TN_API const char *tn_context_error(const tn_context *context);
/* Threads and the instruction set that are in force. */
TN_API int tn_context_threads(const tn_context *context);
TN_API const char *tn_context_isa(const tn_context *context);

/* Version of the library that is loaded, as TN_VERSION. */
TN_API int tn_version(void);
/* One line for people: version, instruction sets compiled in, optional parts with the versions of their libraries. */
TN_API const char *tn_version_text(void);

#ifdef __cplusplus
}
#endif
#endif
