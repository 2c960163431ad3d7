/* predict.c: tarn predict RUN|MODEL FILE...: pictures (PNG, JPEG), entries of IDX files (images.idx:17), or whatever the model's
 * preparation reads: rows of a table, lines of a text; all such files of a folder or an archive; or nodes of the model's graph. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "predict_picture.h"
#include "predict_tokens.h"

enum { SHOWN = 3 };

typedef struct predicting {
    tn_context *c;
    tn_model *m;
    tn_predictor *p;
    const cli_args *a;
    int64_t dims[TN_MAX_RANK]; /* of one raw sample, batch first */
    int rank;
    tn_view raw;
    tn_view output; /* of one sample: scores, a value for each class or whatever the model gives */
    float *scores;
    int64_t classes;
    int64_t width, height; /* of the picture that was read last; 0: it came in the model's size */
    cli_masks masks;
    const char *within; /* the name of the file in a folder or archive; NULL: it was named itself */
    const void *data;   /* what it holds then */
    size_t bytes;
} predicting;

static int best_left(const float *p, int64_t n, const int *taken, int n_taken)
{
    int best = -1;
    for (int i = 0; i < n; i++) {
        bool used = false;
        for (int k = 0; k < n_taken; k++)
            used |= taken[k] == i;
        if (!used && (best < 0 || p[i] > p[best]))
            best = i;
    }
    return best;
}

static void show(const predicting *x, const char *file)
{
    int taken[SHOWN], n = x->classes < SHOWN ? (int)x->classes : SHOWN;
    bool labels = x->classes > 0 && tn_model_labels(x->m) == x->classes;
    for (int k = 0; k < n; k++)
        taken[k] = best_left(x->scores, x->classes, taken, k);
    if (x->a->json) {
        (void)fputs("{\"file\":", stdout);
        cli_json_string(stdout, file);
        if (labels) {
            (void)fputs(",\"label\":", stdout);
            cli_json_string(stdout, tn_model_label(x->m, taken[0]));
        }
        (void)fputs(",\"scores\":[", stdout);
        for (int64_t i = 0; i < x->classes; i++) {
            (void)fputs(i ? "," : "", stdout);
            cli_json_number(stdout, (double)x->scores[i]);
        }
        (void)fputs("]}\n", stdout);
        return;
    }
    (void)printf("%s:", file);
    for (int k = 0; labels && k < n; k++)
        (void)printf("%s %s (%.1f%%)", k ? "," : "", tn_model_label(x->m, taken[k]), 100 * (double)x->scores[taken[k]]);
    for (int64_t i = 0; !labels && i < x->classes; i++)
        (void)printf(" %.6g", (double)x->scores[i]);
    (void)fputc('\n', stdout);
}

/* For models that see 16 bits a value. */
static int load_deep(predicting *x, const char *file, const char *step)
{
    const tn_picture_opt opt = {.channels = x->dims[1] == 1 ? 1 : 3};
    tn_picture16 *p =
        x->within ? tn_picture_decode16(x->c, x->data, x->bytes, file, &opt) : tn_picture_read16(x->c, file, &opt);
    if (!p)
        return cli_fail("%s", tn_context_error(x->c));
    tn_view view = tn_view_of(x->raw.data, TN_F32, 3, x->dims + 1);
    x->width = p->width;
    x->height = p->height;
    tn_status status = tn_picture_prepare16(x->c, p, step, &view);
    tn_picture16_free(p);
    return status == TN_OK ? CLI_OK : cli_fail("%s: %s", file, tn_context_error(x->c));
}

static int load_picture(predicting *x, const char *file)
{
    const char *step = tn_model_preprocess(x->m)->step;
    if (x->rank == 4 && x->raw.dtype == TN_F32 && step)
        return load_deep(x, file, step);
    if (x->rank != 4 || x->raw.dtype != TN_U8)
        return cli_fail("%s: this model takes no pictures, [channels, height, width]; give it an entry of an IDX file "
                        "(samples.idx:0)",
                        file);
    tn_picture *picture =
        x->within ? tn_picture_decode(x->c, x->data, x->bytes, file, NULL) : tn_picture_read(x->c, file, NULL);
    const char *idx = strstr(file, "idx"); /* as in t10k-images-idx3-ubyte.gz */
    if (!picture)
        return cli_fail("%s%s%s%s", tn_context_error(x->c), idx ? "; an entry of an IDX file has a number: " : "",
                        idx ? file : "", idx ? ":0" : "");
    tn_view view = tn_view_of(x->raw.data, TN_U8, 3, x->dims + 1);
    x->width = picture->width;
    x->height = picture->height;
    tn_status status = tn_picture_prepare(x->c, picture, step ? step : "resize", &view);
    tn_picture_free(picture);
    return status == TN_OK ? CLI_OK : cli_fail("%s: %s", file, tn_context_error(x->c));
}

/* "u8[1,28,28]" */
static const char *describe(tn_dtype dtype, int rank, const int64_t *dims, char *to, size_t size)
{
    int at = snprintf(to, size, "%s[", tn_dtype_name(dtype));
    for (int i = 0; i < rank && at < (int)size; i++)
        at += snprintf(to + at, size - (size_t)at, "%s%lld", i ? "," : "", (long long)dims[i]);
    if (at < (int)size)
        (void)snprintf(to + at, size - (size_t)at, "]");
    return to;
}

/* Entry `number`, as it was written, of an IDX file. */
static int load_entry(predicting *x, const char *file, const char *number)
{
    const bool digits = number[0] && number[strspn(number, "0123456789")] == '\0';
    const int64_t index = digits ? strtoll(number, NULL, 10) : -1;
    tn_dataset *d = tn_dataset_idx(x->c, file, NULL, NULL);
    tn_view view = x->raw;
    if (!d)
        return cli_fail("%s", tn_context_error(x->c));
    const tn_field *f = tn_dataset_field(d, 0);
    tn_view one = tn_view_of(view.data, f->dtype, f->rank, f->dims);
    char have[128], due[128];
    int code = CLI_OK;
    if (tn_dataset_count(d) == 0)
        code = cli_fail("%s has no entries", file);
    else if (index < 0 || index >= tn_dataset_count(d))
        code = cli_fail("%s has %lld entries, 0 to %lld; there is no entry '%s'", file, (long long)tn_dataset_count(d),
                        (long long)tn_dataset_count(d) - 1, number);
    else if (one.dtype != view.dtype || one.bytes != view.bytes)
        code = cli_fail("%s: its entries are %s; the model takes %s", file,
                        describe(f->dtype, f->rank, f->dims, have, sizeof have),
                        describe(view.dtype, x->rank - 1, x->dims + 1, due, sizeof due));
    else if (tn_dataset_get(x->c, d, index, 0, &one) != TN_OK)
        code = cli_fail("%s", tn_context_error(x->c));
    tn_dataset_free(d);
    return code;
}

/* "images.idx:17": the part before the colon; *number is what is behind it. NULL if it is no such name: a file has it as it is, or none
 * has the part before the colon. */
static char *idx_name(const char *file, const char **number)
{
    struct stat st;
    const char *colon = strrchr(file, ':');
    char *name = colon ? malloc((size_t)(colon - file) + 1) : NULL;
    if (!name)
        return NULL;
    memcpy(name, file, (size_t)(colon - file));
    name[colon - file] = '\0';
    *number = colon + 1;
    const bool digits = colon[1] && colon[1 + strspn(colon + 1, "0123456789")] == '\0';
    if (stat(file, &st) != 0 && (digits || stat(name, &st) == 0))
        return name;
    free(name);
    return NULL;
}

/* Room for the outputs of one sample like x->raw. */
static int fit_output(predicting *x)
{
    if (tn_predictor_shape_for(x->p, &x->raw, &x->output) != TN_OK)
        return cli_fail("%s", tn_predictor_error(x->p));
    if (x->output.dtype != TN_F32)
        return cli_fail("the model's output is %s; only f32 can be shown", tn_dtype_name(x->output.dtype));
    x->classes = tn_view_count(&x->output);
    free(x->scores);
    x->output.data = x->scores = malloc(x->output.bytes + 1);
    return x->scores ? CLI_OK : cli_fail("out of memory");
}

/* Runs the model on x->raw, sample `index` of d (NULL: of none), and shows what comes out. */
static int predict_raw(predicting *x, const tn_dataset *d, int64_t index, const char *file)
{
    const tn_status status =
        d ? tn_predict_sample(x->p, d, index, &x->raw, &x->output) : tn_predict(x->p, &x->raw, &x->output);
    if (status != TN_OK)
        return cli_fail("%s: %s", file, tn_predictor_error(x->p));
    for (int64_t i = 0; i < x->classes; i++)
        if (isnan(x->scores[i]))
            return cli_fail("%s: the model's output %lld is not a number: the model or this input holds a NaN or an "
                            "infinity",
                            file, (long long)i);
    const cli_picture p = {x->c, x->m, x->a, file, x->within, x->width, x->height, &x->masks};
    if (x->rank == 4 && tn_model_finds_boxes(x->m))
        return cli_show_boxes(&p, &x->output);
    if (x->rank == 4 && cli_gives_masks(x->m, &x->output, x->dims[2] * x->dims[3]))
        return cli_show_mask(&p, &x->output);
    if (cli_gives_tokens(x->m, &x->raw, &x->output))
        return cli_show_tokens(&(cli_tokens){x->c, x->m, x->a, file, &x->raw}, &x->output);
    show(x, file);
    return CLI_OK;
}

/* Models of a graph: a node by its number. */
static int predict_node(predicting *x, const char *number)
{
    int64_t *node = x->raw.data;
    char *end;
    errno = 0;
    *node = strtoll(number, &end, 10);
    if (errno != 0 || end == number || *end != '\0' || *node < 0)
        return cli_fail("%s: this model tells nodes of a graph; name them by their numbers, which are the rows of the "
                        "table of nodes, from 0",
                        number);
    return predict_raw(x, NULL, 0, number);
}

static int predict_file(predicting *x, const char *file)
{
    const char *number = "";
    if (x->rank == 1 && x->raw.dtype == TN_I64)
        return predict_node(x, file);
    char *name = x->within ? NULL : idx_name(file, &number);
    x->width = x->height = 0;
    int code = name ? load_entry(x, name, number) : load_picture(x, file);
    free(name);
    return code == CLI_OK ? predict_raw(x, NULL, 0, file) : code;
}

/* ---- models with a preparation ----------------------------------------------------------------------------------- */

/* What a model that translates says of x->raw. */
static int translate(predicting *x, const char *file)
{
    char *text = NULL;
    size_t bytes = 0;
    if (tn_translate_text(x->p, &x->raw, &text, &bytes) != TN_OK)
        return cli_fail("%s: %s", file, tn_predictor_error(x->p));
    if (x->a->json) {
        (void)fputs("{\"file\":", stdout);
        cli_json_string(stdout, file);
        (void)fputs(",\"text\":", stdout);
        cli_json_string(stdout, text);
        (void)fputs("}\n", stdout);
    } else {
        (void)printf("%s: %s\n", file, text);
    }
    free(text);
    return CLI_OK;
}

/* Sample i of what was read: x->raw becomes its field "x" with a batch of one before it. */
static int predict_sample(predicting *x, const tn_dataset *d, int64_t i, const char *file, void *room)
{
    const tn_field *f = tn_dataset_field(d, 0);
    tn_view one = tn_view_of(room, f->dtype, f->rank, f->dims);
    if (tn_dataset_get(x->c, d, i, 0, &one) != TN_OK)
        return cli_fail("%s: %s", file, tn_context_error(x->c));
    int64_t dims[TN_MAX_RANK] = {1};
    for (int k = 0; k < one.rank; k++)
        dims[k + 1] = one.dims[k];
    const bool says = tn_model_heard(x->m) != NULL, same = x->scores && memcmp(dims, x->dims, sizeof dims) == 0;
    x->raw = tn_view_of(room, f->dtype, one.rank + 1, dims);
    int code = same || says ? CLI_OK : fit_output(x);
    memcpy(x->dims, dims, code == CLI_OK ? sizeof dims : 0);
    char name[4096];
    if (tn_dataset_count(d) > 1)
        (void)snprintf(name, sizeof name, "%s:%lld", file, (long long)i);
    else
        (void)snprintf(name, sizeof name, "%s", file);
    return code != CLI_OK ? code : says ? translate(x, name) : predict_raw(x, d, i, name);
}

static int predict_prepared(predicting *x, const char *file)
{
    const tn_preparation *p = tn_model_preparation(x->m);
    tn_dataset *d =
        x->within ? tn_preparation_read(x->c, p, x->data, x->bytes, file) : tn_preparation_open(x->c, p, file);
    if (!d)
        return cli_fail("%s", tn_context_error(x->c));
    const tn_field *f = tn_dataset_field(d, 0);
    const tn_view most = tn_view_of(NULL, f->dtype, f->rank, f->dims);
    void *room = malloc(most.bytes + 8);
    int code = room ? CLI_OK : cli_fail("out of memory");
    for (int64_t i = 0; room && i < tn_dataset_count(d); i++) {
        int one = predict_sample(x, d, i, file, room); /* a bad sample does not stop the others */
        code = one == CLI_OK ? code : one;
    }
    free(room);
    x->raw.data = NULL;
    tn_dataset_free(d);
    return code;
}

static int predict_one(predicting *x, const char *file)
{
    return tn_model_preparation(x->m) ? predict_prepared(x, file) : predict_file(x, file);
}

/* ---- folders and archives ---------------------------------------------------------------------------------------- */

static bool holds_many(const char *file)
{
    static const char *const endings[] = {".tar", ".tar.gz", ".tgz", ".zip"};
    const size_t n = strlen(file);
    struct stat st;
    if (stat(file, &st) == 0 && S_ISDIR(st.st_mode))
        return true;
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        const size_t m = strlen(endings[i]);
        if (n > m && strcmp(file + n - m, endings[i]) == 0)
            return true;
    }
    return false;
}

static bool reads(const predicting *x, const char *name)
{
    const tn_preparation *p = tn_model_preparation(x->m);
    return p ? tn_preparation_reads(p, name) : tn_picture_name(name);
}

/* Every file of a folder or archive that the model reads, in the order of their names; what is wrong with one does not stop the others, and
 * is counted in the end. */
static int predict_many(predicting *x, const char *path)
{
    tn_files *f = tn_files_open(x->c, path);
    int64_t read = 0, wrong = 0, n = f ? tn_files_count(f) : 0;
    if (!f)
        return cli_fail("%s", tn_context_error(x->c));
    for (int64_t i = 0; i < n; i++) {
        const char *where = tn_files_where(f, i);
        x->within = tn_files_name(f, i);
        if (!reads(x, x->within))
            continue;
        read++;
        if (tn_files_read(x->c, f, i, &x->data, &x->bytes) != TN_OK)
            wrong += cli_fail("%s", tn_context_error(x->c)) != CLI_OK;
        else
            wrong += predict_one(x, where) != CLI_OK;
    }
    x->within = NULL;
    x->data = NULL;
    tn_files_free(f);
    if (read == 0)
        return cli_fail("%s: none of its %lld files has a name that ends as those that the model reads", path,
                        (long long)n);
    if (n > read)
        (void)fprintf(stderr, "tarn: %s: %lld of its %lld files are none that the model reads, by their names\n", path,
                      (long long)(n - read), (long long)n);
    return wrong ? cli_fail("%s: %lld of %lld files could not be predicted", path, (long long)wrong, (long long)read)
                 : CLI_OK;
}

static int prepare(predicting *x)
{
    x->p = tn_predictor_new(x->m);
    if (!x->p)
        return cli_fail("%s", tn_model_error(x->m));
    if (tn_model_preparation(x->m))
        return CLI_OK; /* the rest depends on the sample */
    tn_shape in = tn_tensor_shape(tn_model_input(x->m));
    tn_dtype raw = tn_model_preprocess(x->m)->raw;
    x->rank = in.rank;
    for (int i = 0; i < in.rank; i++)
        x->dims[i] = i == 0 ? 1 : in.dims[i];
    x->raw = tn_view_of(NULL, raw ? raw : tn_tensor_dtype(tn_model_input(x->m)), x->rank, x->dims);
    if (x->raw.bytes == 0)
        return cli_fail("the model's input has other open sizes than the batch; no single sample can be fed");
    x->raw.data = malloc(x->raw.bytes);
    return x->raw.data ? fit_output(x) : cli_fail("out of memory");
}

static int run(const cli_args *a)
{
    if (a->n < 2)
        return cli_usage(&cli_predict);
    if (a->to && mkdir(a->to, 0777) != 0 && errno != EEXIST)
        return cli_fail("the folder %s cannot be made: %s", a->to, strerror(errno));
    predicting x = {.a = a, .c = cli_context(a, 0)};
    int code = CLI_FAILED;
    x.m = x.c ? cli_model(x.c, a->at[0]) : NULL;
    bool ready = x.m && prepare(&x) == CLI_OK;
    code = ready ? CLI_OK : CLI_FAILED;
    for (int i = 1; ready && i < a->n; i++) {
        int one = holds_many(a->at[i]) ? predict_many(&x, a->at[i])
                                       : predict_one(&x, a->at[i]); /* a bad file does not stop the others */
        code = one == CLI_OK ? code : one;
    }
    tn_predictor_free(x.p);
    tn_model_free(x.m);
    tn_context_free(x.c);
    free(x.raw.data);
    free(x.scores);
    cli_masks_free(&x.masks);
    return code;
}

const cli_command cli_predict = {"predict",
                                 "predict RUN|MODEL FILE... [--to FOLDER] [--json]",
                                 "Classifies pictures (PNG, JPEG), alone or all of a folder or an archive (.tar, "
                                 ".tar.gz, .zip), scaled and centred as the\n"
                                 "model says, entries of IDX files (images.idx:17), or what the model was made for: "
                                 "rows of a table, nodes of a graph by\n"
                                 "their numbers, lines of a text, which models of pairs translate; of models of "
                                 "language the likeliest tokens where some\n"
                                 "are hidden, or that follow. Of models for boxes the boxes, of models for masks a "
                                 "picture FILE.mask.png of class numbers,\n"
                                 "here or in FOLDER, which is made if it is not there.",
                                 run,
                                 "json to",
                                 false};
