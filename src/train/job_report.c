/* job_report.c: what a finished job shows: curves, confusion matrix and a page with sample predictions. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/number.h"
#include "format/json.h"
#include "train/job.h"
#include "train/report.h"

enum { SAMPLES = 24, MOST_FACTS = 16 };

/* ---- curves out of the history ------------------------------------------------------------------------------------ */

typedef struct history {
    size_t n;
    double *epoch, *loss, *val_loss, *accuracy, *val_accuracy, *lr, *skipped, *val_skipped;
    size_t best; /* the epoch whose model was kept, from 1 */
} history;

static double number_at(const format_json *line, const char *key)
{
    double v = (double)NAN;
    base_error ignored;
    const format_json *value = format_json_find(line, key);
    if (value)
        (void)format_json_as_f64(value, key, &v, &ignored);
    return v;
}

static size_t count_lines(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += *text == '\n';
    return n;
}

static tn_status read_history(tn_job *j, history *h)
{
    const char *text = base_str_text(&j->trainer->history);
    size_t n = count_lines(text);
    double **columns[] = {&h->epoch,        &h->loss, &h->val_loss, &h->accuracy,
                          &h->val_accuracy, &h->lr,   &h->skipped,  &h->val_skipped};
    static const char *const keys[] = {"epoch",        "loss", "val_loss", "accuracy",
                                       "val_accuracy", "lr",   "skipped",  "val_skipped"};
    enum { COLUMNS = sizeof keys / sizeof *keys };
    for (size_t i = 0; i < COLUMNS; i++)
        if (!(*columns[i] = BASE_ARRAY(&j->arena, double, n + 1)))
            return base_no_memory(&j->error, "writing a report");
    for (const char *end; (end = strchr(text, '\n')) != NULL; text = end + 1, h->n++) {
        format_json *line;
        BASE_TRY(format_json_parse(text, (size_t)(end - text), NULL, "metrics.jsonl", &line, &j->error));
        for (size_t i = 0; i < COLUMNS; i++)
            (*columns[i])[h->n] = number_at(line, keys[i]);
        bool best = false;
        base_error ignored;
        if (format_json_find(line, "best") && format_json_get_bool(line, "a line", "best", &best, &ignored) == TN_OK &&
            best)
            h->best = h->n + 1;
        format_json_free(line);
    }
    return TN_OK;
}

static size_t series_of(const history *h, const double *train, const double *valid, tn_plot_series *out)
{
    tn_plot_series *next = out;
    if (h->n && !isnan(train[h->n - 1])) /* accuracy is not counted while gradients are summed over batches */
        *next++ = (tn_plot_series){.name = "training", .x = h->epoch, .y = train, .n = h->n, .color = 1};
    if (h->n && !isnan(valid[h->n - 1]))
        *next++ = (tn_plot_series){.name = "validation", .x = h->epoch, .y = valid, .n = h->n, .color = 2};
    return (size_t)(next - out);
}

/* The names of the model's outputs; those beyond the classes of the data have numbers. NULL when memory is out. */
static const char **class_names(tn_job *j)
{
    const char **names = BASE_ARRAY(&j->arena, const char *, j->result.classes + 1);
    for (int i = 0; names && i < j->result.classes; i++) {
        names[i] = tn_dataset_class_name(j->valid, i);
        if (!names[i] && !(names[i] = base_arena_printf(&j->arena, "%d", i)))
            return NULL;
    }
    return names;
}

/* ---- pictures ------------------------------------------------------------------------------------------------------ */

static tn_status save_plot(tn_job *j, tn_plot *plot, const char *name)
{
    const char *path = train_job_path(j, name);
    tn_status status = plot && path ? tn_plot_save(plot, path) : base_no_memory(&j->error, "drawing");
    if (plot && status != TN_OK)
        base_fail(&j->error, status, "%s", tn_plot_error(plot));
    tn_plot_free(plot);
    return status;
}

static tn_status save_plots(tn_job *j, const history *h)
{
    tn_plot_series loss[2];
    size_t n = series_of(h, h->loss, h->val_loss, loss);
    BASE_TRY(save_plot(
        j, tn_plot_lines(loss, n, TN_OPT(tn_plot_opt, .title = "Loss", .x_label = "epoch", .y_label = "loss")),
        "curves.svg"));
    if (!j->have_result || !j->result.confusion)
        return TN_OK;
    const char **names = class_names(j);
    if (!names)
        return base_no_memory(&j->error, "drawing");
    return save_plot(j,
                     tn_plot_confusion(j->confusion, (size_t)j->result.classes, names,
                                       TN_OPT(tn_plot_opt, .title = "Confusion matrix")),
                     "confusion.svg");
}

/* ---- sample predictions -------------------------------------------------------------------------------------------- */

static int best_of(const float *p, int n)
{
    int best = 0;
    for (int i = 1; i < n; i++)
        if (p[i] > p[best])
            best = i;
    return best;
}

/* Sample i of the validation set as a picture with its prediction; false when the data are no grey or colour pictures. */
static bool one_sample(tn_job *j, tn_predictor *predictor, int64_t i, const char *const *names, tn_plot_picture *out)
{
    int fields = tn_dataset_fields(j->valid), x = tn_dataset_find(j->valid, "x"), y = tn_dataset_find(j->valid, "y");
    const tn_field *f = tn_dataset_field(j->valid, x);
    int classes = j->result.classes;
    tn_view views[TN_MAX_FIELDS];
    if (f->dtype != TN_U8 || f->rank != 3 || f->dims[0] != 1 || fields > TN_MAX_FIELDS || classes == 0)
        return false;
    uint8_t *pixels = base_arena_alloc(&j->arena, (size_t)(f->dims[1] * f->dims[2]));
    float *p = BASE_ARRAY(&j->arena, float, classes);
    for (int k = 0; k < fields; k++) {
        const tn_field *field = tn_dataset_field(j->valid, k);
        views[k] = tn_view_of(NULL, field->dtype, field->rank, field->dims);
        views[k].data = k == x ? pixels : base_arena_alloc(&j->arena, views[k].bytes + 8);
        if (!views[k].data)
            return false;
    }
    if (!pixels || !p || tn_dataset_get(j->context, j->valid, i, 0, views) != TN_OK)
        return false;
    tn_view raw = tn_view_of(pixels, TN_U8, 4, (const int64_t[]){1, 1, f->dims[1], f->dims[2]});
    tn_view scores = tn_view_of(p, TN_F32, 2, (const int64_t[]){1, classes});
    if (tn_predict(predictor, &raw, &scores) != TN_OK)
        return false;
    int64_t truth = *(int64_t *)views[y].data;
    int best = best_of(p, classes);
    char percent[32];
    (void)base_print(percent, sizeof percent, "%.0f%%", 100.0 * (double)p[best]);
    const char *name = names[best], *right = names[truth];
    *out = (tn_plot_picture){
        .pixels = pixels, .width = (int)f->dims[2], .height = (int)f->dims[1], .channels = 1, .marked = best != truth};
    out->caption = best == truth ? base_arena_printf(&j->arena, "%s (%s)", name, percent)
                                 : base_arena_printf(&j->arena, "%s (%s), is %s", name, percent, right);
    return out->caption != NULL;
}

static size_t samples_of(tn_job *j, const char *const *names, tn_plot_picture *out)
{
    tn_predictor *predictor = j->valid && tn_model_labels(j->best) ? tn_predictor_new(j->best) : NULL;
    size_t n = 0;
    int64_t count = predictor ? tn_dataset_count(j->valid) : 0;
    for (int64_t i = 0; i < count && n < SAMPLES; i++)
        if (!one_sample(j, predictor, i, names, &out[n++])) {
            n = 0;
            break;
        }
    tn_predictor_free(predictor);
    return n;
}

/* ---- the page ------------------------------------------------------------------------------------------------------- */

static void add_fact(tn_job *j, train_fact *facts, size_t *n, const char *name, const char *value)
{
    const char *copy = base_arena_strdup(&j->arena, value);
    if (copy && *n < MOST_FACTS)
        facts[(*n)++] = (train_fact){name, copy};
}

static void add_number(tn_job *j, train_fact *facts, size_t *n, const char *name, const char *format, double value)
{
    char text[64];
    (void)base_print(text, sizeof text, format, value); /* NOLINT: formats are literals of this file */
    add_fact(j, facts, n, name, text);
}

/* The last number of a column, where there is one. */
static void add_left_out(tn_job *j, train_fact *facts, size_t *n, const char *name, const double *column, size_t rows)
{
    if (rows && !isnan(column[rows - 1]))
        add_number(j, facts, n, name, "%.0f", column[rows - 1]);
}

/* What was trained, and on how much; in the job's arena. */
static const char *summary(tn_job *j)
{
    tn_view v;
    long long parameters = 0, samples = (long long)tn_dataset_count(j->train);
    for (int i = 0; tn_state_get(tn_model_state(j->best), i, &v); i++)
        parameters += (long long)tn_view_count(&v);
    if (!j->valid)
        return base_arena_printf(&j->arena, "%lld parameters, trained on %lld samples, not measured on others.",
                                 parameters, samples);
    return base_arena_printf(&j->arena, "%lld parameters, trained on %lld samples, measured on %lld others.",
                             parameters, samples, (long long)tn_dataset_count(j->valid));
}

static tn_status write_page(tn_job *j, const history *h)
{
    tn_plot_series loss[2], accuracy[2];
    train_report_curves curves[2] = {
        {.title = "Loss", .x_label = "epoch", .y_label = "loss", .series = loss},
        {.title = "Accuracy", .x_label = "epoch", .y_label = "accuracy", .series = accuracy}};
    curves[0].count = series_of(h, h->loss, h->val_loss, loss);
    curves[1].count = series_of(h, h->accuracy, h->val_accuracy, accuracy);
    train_fact figures[MOST_FACTS], environment[MOST_FACTS];
    tn_plot_picture pictures[SAMPLES];
    train_report r = {.title = strrchr(j->folder, '/') ? strrchr(j->folder, '/') + 1 : j->folder,
                      .figures = figures,
                      .curves = curves,
                      .environment = environment,
                      .samples = pictures};
    r.curves_count = curves[1].count ? 2 : 1;
    r.summary = summary(j);
    train_confusion confusion = {.classes = j->result.classes, .counts = j->confusion};
    if (j->have_result) {
        if (j->result.classes)
            add_number(j, figures, &r.figure_count, "validation accuracy", "%.4f", j->result.accuracy);
        if (j->result.classes > TN_CONFUSION_CLASSES)
            add_number(j, figures, &r.figure_count, "macro F1", "%.4f", j->result.macro_f1);
        add_number(j, figures, &r.figure_count, "validation loss", "%.4f", j->result.loss);
        r.confusion = j->result.confusion ? &confusion : NULL;
        r.many_classes = j->result.confusion ? 0 : j->result.classes;
    }
    if (j->bad_rows)
        add_number(j, figures, &r.figure_count, "rows left out (data.bad)", "%.0f", (double)j->bad_rows);
    if (j->bad_values)
        add_number(j, figures, &r.figure_count, "values taken as missing (data.bad)", "%.0f", (double)j->bad_values);
    add_left_out(j, figures, &r.figure_count, "left out in the last epoch", h->skipped, h->n);
    add_left_out(j, figures, &r.figure_count, "left out of validation", h->val_skipped, h->n);
    add_number(j, figures, &r.figure_count, "epochs", "%.0f", (double)h->n);
    add_number(j, figures, &r.figure_count, "best epoch", "%.0f", (double)h->best);
    add_number(j, figures, &r.figure_count, "seconds", "%.1f", train_now() - j->trainer->started);
    add_fact(j, environment, &r.environment_count, "Tarn", tn_version_text());
    add_fact(j, environment, &r.environment_count, "instruction set", tn_context_isa(j->context));
    add_number(j, environment, &r.environment_count, "threads", "%.0f", tn_context_threads(j->context));
    const char **names = class_names(j);
    r.class_names = names;
    r.sample_count = names ? samples_of(j, names, pictures) : 0;
    char *recipe = tn_recipe_text(j->recipe);
    r.recipe = recipe;
    const char *path = train_job_path(j, "report.html");
    tn_status status =
        path && names ? train_report_write(&r, path, &j->error) : base_no_memory(&j->error, "writing a report");
    free(recipe);
    return status;
}

tn_status train_job_report(tn_job *j)
{
    history h = {0};
    BASE_TRY(read_history(j, &h));
    if (j->recipe->r->output.plots)
        BASE_TRY(save_plots(j, &h));
    return j->recipe->r->output.report ? write_page(j, &h) : TN_OK;
}
