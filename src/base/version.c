/* version.c: one line that says what this build can do. */
#include <tarn/core.h>

#define STRING_(x) #x
#define STRING(x) STRING_(x)

#ifdef CPU_X86
#define ISAS "portable, avx2, avx512, avx512_bf16, amx"
#else
#define ISAS "portable"
#endif
#ifdef TARN_HAVE_ZLIB
#define WITH_ZLIB "; zlib " TARN_ZLIB_VERSION
#else
#define WITH_ZLIB ""
#endif
#ifdef TARN_HAVE_PNG
#define WITH_PNG "; libpng " TARN_PNG_VERSION
#else
#define WITH_PNG ""
#endif
#ifdef TARN_HAVE_JPEG
#define WITH_JPEG "; libjpeg " TARN_JPEG_VERSION
#else
#define WITH_JPEG ""
#endif
#ifdef TARN_HAVE_WEBP
#define WITH_WEBP "; libwebp " TARN_WEBP_VERSION
#else
#define WITH_WEBP ""
#endif
#ifdef TARN_HAVE_EXPAT
#define WITH_EXPAT "; expat " TARN_EXPAT_VERSION
#else
#define WITH_EXPAT ""
#endif
#ifdef TARN_HAVE_YAML
#define WITH_YAML "; libyaml " TARN_YAML_VERSION
#else
#define WITH_YAML ""
#endif
#ifdef TARN_HAVE_UTF8PROC
#define WITH_UTF8PROC "; utf8proc " TARN_UTF8PROC_VERSION
#else
#define WITH_UTF8PROC ""
#endif
#ifdef TARN_HAVE_SQLITE
#define WITH_SQLITE "; sqlite " TARN_SQLITE_VERSION
#else
#define WITH_SQLITE ""
#endif
#ifdef TARN_HAVE_JANSSON
#define WITH_JANSSON "; jansson " TARN_JANSSON_VERSION
#else
#define WITH_JANSSON ""
#endif
#ifdef TARN_HAVE_SNDFILE
#define WITH_SNDFILE "; libsndfile " TARN_SNDFILE_VERSION
#else
#define WITH_SNDFILE ""
#endif
#ifdef TARN_HAVE_CAIRO
#define WITH_CAIRO "; cairo " TARN_CAIRO_VERSION
#else
#define WITH_CAIRO ""
#endif

const char *tn_version_text(void)
{
    return "tarn " STRING(TN_VERSION_MAJOR) "." STRING(TN_VERSION_MINOR) "." STRING(
        TN_VERSION_PATCH) " (" ISAS WITH_ZLIB WITH_PNG WITH_JPEG WITH_WEBP WITH_EXPAT WITH_YAML WITH_JANSSON
        WITH_UTF8PROC WITH_SQLITE WITH_SNDFILE WITH_CAIRO ")";
}
