/* data_download.c: an address to a file, going on behind what an earlier attempt left. Files are copied; for http: and https:
 * libcurl is opened when it is first wanted, so that it is needed for nothing else. */
#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "data.h"

/* ---- libcurl ----------------------------------------------------------------------------------------------------- */

/* The numbers of curl/curl.h, which never change: libcurl keeps its binary interface. */
enum {
    OPT_WRITEDATA = 10001,
    OPT_URL = 10002,
    OPT_ERRORBUFFER = 10010,
    OPT_USERAGENT = 10018,
    OPT_WRITEFUNCTION = 20011,
    OPT_RESUME_FROM_LARGE = 30116,
    OPT_NOBODY = 44,
    OPT_FAILONERROR = 45,
    OPT_FOLLOWLOCATION = 52,
    OPT_MAXREDIRS = 68,
    OPT_NOSIGNAL = 99,
    OPT_LOW_SPEED_LIMIT = 19,
    OPT_LOW_SPEED_TIME = 20,
    INFO_RESPONSE_CODE = 0x200002,
    HTTP_ERROR = 22, /* CURLE_HTTP_RETURNED_ERROR */
    NO_RANGE = 33,   /* CURLE_RANGE_ERROR */
    NOT_SATISFIABLE = 416,
    MOST_REDIRECTS = 20,
    ERROR_TEXT = 256
};

typedef struct curl {
    void *(*init)(void);
    int (*setopt)(void *easy, int option, ...);
    int (*perform)(void *easy);
    int (*getinfo)(void *easy, int info, ...);
    void (*cleanup)(void *easy);
    const char *(*strerror)(int code);
} curl;

/* A function by its name: ISO C has no conversion from what dlsym gives. */
static bool find(void *library, const char *name, void *function, size_t bytes)
{
    void *at = dlsym(library, name);
    memcpy(function, &at, bytes);
    return at;
}

static bool open_curl(curl *c)
{
    void *library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!library)
        library = dlopen("libcurl-gnutls.so.4", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!library)
        return cli_fail("downloads need libcurl (Debian package libcurl4); or get the files by other means and say "
                        "--from FOLDER") == CLI_OK;
    bool ok = find(library, "curl_easy_init", &c->init, sizeof c->init) &&
              find(library, "curl_easy_setopt", &c->setopt, sizeof c->setopt) &&
              find(library, "curl_easy_perform", &c->perform, sizeof c->perform) &&
              find(library, "curl_easy_getinfo", &c->getinfo, sizeof c->getinfo) &&
              find(library, "curl_easy_cleanup", &c->cleanup, sizeof c->cleanup) &&
              find(library, "curl_easy_strerror", &c->strerror, sizeof c->strerror);
    return ok || cli_fail("this libcurl lacks functions that downloads need") == CLI_OK;
}

static size_t take(const char *data, size_t size, size_t n, void *file)
{
    return fwrite(data, size, n, file);
}

static void set_up(const curl *c, void *easy, const char *address)
{
    c->setopt(easy, OPT_URL, address);
    c->setopt(easy, OPT_USERAGENT, "tarn");
    c->setopt(easy, OPT_FAILONERROR, 1L);
    c->setopt(easy, OPT_FOLLOWLOCATION, 1L);
    c->setopt(easy, OPT_MAXREDIRS, (long)MOST_REDIRECTS);
    c->setopt(easy, OPT_NOSIGNAL, 1L);
    c->setopt(easy, OPT_LOW_SPEED_LIMIT, 1L);
    c->setopt(easy, OPT_LOW_SPEED_TIME, 60L);
}

bool cli_data_is_there(const char *address)
{
    curl c = {0};
    void *easy = open_curl(&c) ? c.init() : NULL;
    if (!easy)
        return false;
    set_up(&c, easy, address);
    c.setopt(easy, OPT_NOBODY, 1L);
    const int result = c.perform(easy);
    c.cleanup(easy);
    return result == 0;
}

/* One attempt from byte `from` on; *code is the server's. */
static int fetch(const curl *c, const char *address, FILE *to, long long from, long *code, char text[ERROR_TEXT])
{
    void *easy = c->init();
    if (!easy)
        return -1;
    set_up(c, easy, address);
    c->setopt(easy, OPT_ERRORBUFFER, text);
    c->setopt(easy, OPT_WRITEFUNCTION, take);
    c->setopt(easy, OPT_WRITEDATA, to);
    c->setopt(easy, OPT_RESUME_FROM_LARGE, from);
    int result = c->perform(easy);
    c->getinfo(easy, INFO_RESPONSE_CODE, code);
    c->cleanup(easy);
    return result;
}

/* Why nothing more came; a file that holds nothing yet is taken away. */
static bool failed(const curl *c, const char *address, const char *part, int result, long code, const char *text)
{
    struct stat st;
    const bool kept = stat(part, &st) == 0 && st.st_size > 0;
    if (!kept)
        (void)remove(part);
    const char *then = kept ? "; what came is kept, the same command goes on there" : "";
    if (result == HTTP_ERROR)
        return cli_fail("%s: the server answers %ld%s%s", address, code,
                        code == 404   ? ", it has no such file"
                        : code >= 500 ? ", which is its own fault: try again later"
                                      : "",
                        then) == CLI_OK;
    return cli_fail("%s: %s%s", address, *text ? text : c->strerror(result), then) == CLI_OK;
}

static bool download(const char *address, const char *part, long long from, bool verified)
{
    char text[ERROR_TEXT] = "";
    curl c = {0};
    if (!open_curl(&c))
        return false;
    FILE *to = fopen(part, from ? "ab" : "wb");
    if (!to)
        return cli_fail("%s cannot be written: %s", part, strerror(errno)) == CLI_OK;
    long code = 0;
    int result = fetch(&c, address, to, from, &code, text);
    const bool all = from && code == NOT_SATISFIABLE; /* of it was there, or it is another file's */
    const bool again = result == NO_RANGE || (all && !verified);
    if (again && (to = freopen(part, "wb", to)) != NULL) /* a server without ranges: from the start */
        result = fetch(&c, address, to, 0, &code, text);
    const bool written = to && fclose(to) == 0;
    if (all && !again)
        return true;
    if (result != 0)
        return failed(&c, address, part, result, code, text);
    return written || cli_fail("%s cannot be written", part) == CLI_OK;
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

static bool copy(const char *path, const char *part, long long from)
{
    char piece[65536];
    size_t n;
    struct stat st;
    if (stat(path, &st) != 0)
        return cli_fail("%s cannot be read: %s", path, strerror(errno)) == CLI_OK;
    from = from <= st.st_size ? from : 0; /* more than there is: another file's */
    FILE *in = fopen(path, "rb"), *out = in ? fopen(part, from ? "ab" : "wb") : NULL;
    bool ok = in && out && fseeko(in, (off_t)from, SEEK_SET) == 0;
    while (ok && (n = fread(piece, 1, sizeof piece, in)) > 0)
        ok = fwrite(piece, 1, n, out) == n;
    const char *wrong = !in || ferror(in) ? path : part;
    ok = ok && !ferror(in);
    if (in)
        (void)fclose(in);
    if (out)
        ok = fclose(out) == 0 && ok;
    return ok || cli_fail("%s: copying failed: %s", wrong, strerror(errno)) == CLI_OK;
}

bool cli_data_download(const char *address, const char *part, bool verified)
{
    struct stat st;
    long long from = stat(part, &st) == 0 && S_ISREG(st.st_mode) ? (long long)st.st_size : 0;
    if (strncmp(address, "http://", 7) == 0 || strncmp(address, "https://", 8) == 0)
        return download(address, part, from, verified);
    return copy(address, part, from);
}
