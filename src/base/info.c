/* info.c: names of status codes and dtypes, views, version. */
#include <string.h>
#include <tarn/core.h>

const char *tn_status_name(tn_status status)
{
    switch (status) {
#define TN_X(name, number, doc)                                                                                        \
    case TN_##name: return #name;
        TN_STATUS_LIST(TN_X)
#undef TN_X
    }
    return "?";
}

const char *tn_status_text(tn_status status)
{
    switch (status) {
#define TN_X(name, number, doc)                                                                                        \
    case TN_##name: return doc;
        TN_STATUS_LIST(TN_X)
#undef TN_X
    }
    return "?";
}

static const struct {
    const char *name;
    size_t size;
} dtypes[TN_DTYPE_END] = {[TN_NONE] = {"?", 0},
#define TN_X(name, number, text, bytes) [TN_##name] = {text, bytes},
                          TN_DTYPE_LIST(TN_X)
#undef TN_X
};

static bool valid(tn_dtype dtype)
{
    return dtype > TN_NONE && dtype < TN_DTYPE_END;
}

const char *tn_dtype_name(tn_dtype dtype)
{
    return dtypes[valid(dtype) ? dtype : TN_NONE].name;
}

tn_dtype tn_dtype_from_name(const char *name)
{
    for (int d = 1; d < TN_DTYPE_END; d++)
        if (strcmp(dtypes[d].name, name) == 0)
            return (tn_dtype)d;
    return TN_NONE;
}

size_t tn_dtype_size(tn_dtype dtype)
{
    return dtypes[valid(dtype) ? dtype : TN_NONE].size;
}

bool tn_dtype_is_float(tn_dtype dtype)
{
    return dtype >= TN_F64 && dtype <= TN_BF16;
}

bool tn_dtype_is_int(tn_dtype dtype)
{
    return dtype >= TN_I64 && dtype <= TN_U8;
}

int64_t tn_view_count(const tn_view *view)
{
    int64_t n = 1;
    for (int i = 0; i < view->rank; i++)
        if (view->dims[i] < 0 || __builtin_mul_overflow(n, view->dims[i], &n))
            return -1;
    return n;
}

tn_view tn_view_of(void *data, tn_dtype dtype, int rank, const int64_t *dims)
{
    tn_view v = {.data = data, .dtype = dtype, .rank = rank};
    for (int i = 0; i < rank && i < TN_MAX_RANK; i++)
        v.dims[i] = dims[i];
    int64_t n = tn_view_count(&v);
    if (n < 0 || __builtin_mul_overflow((size_t)n, tn_dtype_size(dtype), &v.bytes))
        v.bytes = 0; /* more than memory can be: nothing fits into it */
    return v;
}

int tn_version(void)
{
    return TN_VERSION;
}
