/* job.c: a training with its run folder. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/beside.h"
#include "base/file.h"
#include "base/number.h"
#include "train/job.h"
#include "train/source/source.h"
#include "train/target.h"

enum { MOST_RUNS = 99999, MOST_METRICS = 1 << 30 };

/* ---- the folder -------------------------------------------------------------------------------------------------- */

char *train_job_path(const tn_job *j, const char *name)
{
    return base_arena_printf((base_arena *)(uintptr_t)&j->arena, "%s/%s", j->folder, name);
}

/* NAME-NUMBER below the output folder, the first number that is free: a run is never overwritten. */
static tn_status make_folder(tn_job *j, const char *output)
{
    BASE_TRY(base_make_folder(output, &j->error));
    for (int n = 1; n <= MOST_RUNS; n++) {
        j->folder = base_arena_printf(&j->arena, "%s/%s-%03d", output, tn_recipe_name(j->recipe), n);
        if (!j->folder)
            return base_no_memory(&j->error, "making a run folder");
        if (mkdir(j->folder, 0777) == 0)
            return TN_OK;
        if (errno != EEXIST)
            return base_make_folder(j->folder, &j->error); /* says why not */
    }
    return base_fail(&j->error, TN_LIMIT, "%s holds %d runs named %s; remove some", output, MOST_RUNS,
                     tn_recipe_name(j->recipe));
}

/* The lock goes with the process: a killed run leaves none behind. */
static tn_status lock_folder(tn_job *j)
{
    const char *path = train_job_path(j, "lock");
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (!path)
        return base_no_memory(&j->error, "locking a run folder");
    j->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (j->lock < 0)
        return base_fail(&j->error, TN_IO, "cannot write into %s: %s", j->folder, strerror(errno));
    if (fcntl(j->lock, F_SETLK, &lock) != 0)
        return base_fail(&j->error, TN_BUSY, "%s is being written by another process", j->folder);
    return TN_OK;
}

static tn_status save_recipe(tn_job *j)
{
    base_str text = {0};
    const char *path = train_job_path(j, "recipe.yaml");
    char here[4096];
    tn_status status = train_recipe_write(j->recipe->r, getcwd(here, sizeof here), &text);
    if (status == TN_OK && path)
        status = base_file_write(path, base_str_text(&text), text.length, &j->error);
    else
        status = base_no_memory(&j->error, "saving a recipe");
    base_str_free(&text);
    return status;
}

/* What a killed run was writing when it died. The folder is locked: nobody else writes. */
static void remove_leftovers(tn_job *j)
{
    DIR *d = opendir(j->folder);
    for (struct dirent *f; d && (f = readdir(d)) != NULL;) {
        long process;
        const char *path = base_beside_named(f->d_name, &process) ? train_job_path(j, f->d_name) : NULL;
        if (path)
            (void)unlink(path);
    }
    if (d)
        closedir(d);
}

/* ---- making ------------------------------------------------------------------------------------------------------ */

static tn_status context_error(tn_job *j)
{
    return base_fail(&j->error, j->context->err.status, "%s", j->context->err.text);
}

/* The parts are told in the run's folder, once. */
static tn_status open_data(tn_job *j)
{
    train_sets s;
    const char *path = train_job_path(j, "split.json");
    if (!path)
        return base_no_memory(&j->error, "opening data");
    if (train_sets_open(j->context, j->recipe->r, &s) != TN_OK)
        return context_error(j);
    j->train = s.train;
    j->valid = s.valid;
    j->bad_rows = s.bad_rows;
    j->bad_values = s.bad_values;
    tn_status status = base_file_exists(path) ? TN_OK : train_sets_record(j->recipe->r, &s, path, &j->error);
    tn_dataset_free(s.test);
    return status;
}

static tn_status prepare(tn_job *j)
{
    train_pointed to;
    if (open_data(j) != TN_OK)
        return j->error.status;
    j->model = tn_recipe_model(j->context, j->recipe, j->train);
    if (!j->model)
        return context_error(j);
    tn_train_opt o = train_options_of(j->recipe->r, &to);
    o.folder = j->folder;
    o.progress = j->opt.progress;
    o.user = j->opt.user;
    j->trainer = tn_trainer_new(j->context, j->model, j->train, j->valid, &o);
    if (j->trainer)
        return TN_OK;
    (void)context_error(j);
    return j->error.status == TN_SHAPE ? train_blame_model(j->recipe->r, &j->error) : j->error.status;
}

static tn_job *new_job(tn_context *context, const tn_job_opt *opt)
{
    tn_job *j = calloc(1, sizeof *j);
    if (!j) {
        base_no_memory(base_context_begin(context), "making a job");
        return NULL;
    }
    j->context = base_context_retain(context);
    j->lock = -1;
    if (opt)
        j->opt = *opt;
    return j;
}

static tn_job *finish(tn_job *j, tn_status status, bool remove_folder)
{
    if (status == TN_OK)
        return j;
    base_error kept = j->error;
    tn_context *context = base_context_retain(j->context);
    if (remove_folder && j->folder) { /* a job that never began leaves no run behind */
        static const char *const files[] = {"lock", "recipe.yaml", "split.json"};
        for (size_t i = 0; i < 3; i++) {
            const char *path = train_job_path(j, files[i]);
            if (path)
                (void)unlink(path);
        }
        (void)rmdir(j->folder);
    }
    tn_job_free(j);
    base_fail(base_context_begin(context), kept.status, "%s", kept.text);
    tn_context_free(context);
    return NULL;
}

tn_job *tn_job_new(tn_context *context, const tn_recipe *recipe, const tn_job_opt *opt)
{
    tn_job *j = new_job(context, opt);
    if (!j)
        return NULL;
    j->recipe = train_recipe_retain(recipe);
    tn_status status = make_folder(j, recipe->r->output.folder ? recipe->r->output.folder : "runs");
    if (status == TN_OK)
        status = lock_folder(j);
    if (status == TN_OK)
        status = save_recipe(j);
    if (status == TN_OK)
        status = prepare(j);
    return finish(j, status, true);
}

/* Killed before the first checkpoint, a run begins at the beginning; one that had more must not be lost that way. */
static tn_status begin_again(tn_job *j)
{
    const char *metrics = train_job_path(j, "metrics.jsonl");
    void *text = NULL;
    size_t bytes = 0, epochs = 0;
    if (!metrics)
        return base_no_memory(&j->error, "resuming a run");
    if (base_file_exists(metrics)) {
        BASE_TRY(base_file_read(metrics, MOST_METRICS, &text, &bytes, &j->error));
        for (size_t i = 0; i < bytes; i++)
            epochs += ((const char *)text)[i] == '\n';
        free(text);
    }
    if (epochs > 1) /* the first line is written before the first checkpoint */
        return base_fail(&j->error, TN_NOT_FOUND,
                         "%s has no last.safetensors, so the run cannot go on; its metrics.jsonl tells of %zu epochs. "
                         "Train anew with its recipe: tarn train %s/recipe.yaml",
                         j->folder, epochs, j->folder);
    base_log(j->context, BASE_LOG_WARNING, "%s has no checkpoint yet: the run begins at the beginning", j->folder);
    return TN_OK;
}

static tn_status resume(tn_job *j)
{
    const char *recipe = train_job_path(j, "recipe.yaml"), *last = train_job_path(j, "last.safetensors");
    if (!recipe || !last)
        return base_no_memory(&j->error, "resuming a run");
    if (!base_is_folder(j->folder))
        return base_fail(&j->error, TN_NOT_FOUND, "there is no run folder %s", j->folder);
    if (!base_file_exists(recipe))
        return base_fail(&j->error, TN_NOT_FOUND,
                         "%s is no run folder: it has no recipe.yaml; name one that a training has made, such as "
                         "%s/NAME-001",
                         j->folder, j->folder);
    BASE_TRY(lock_folder(j));
    remove_leftovers(j);
    j->recipe = tn_recipe_load(j->context, recipe, 0, NULL);
    if (!j->recipe)
        return context_error(j);
    BASE_TRY(prepare(j));
    if (!base_file_exists(last))
        return begin_again(j);
    tn_status status = tn_trainer_resume(j->trainer, last);
    return status == TN_OK ? TN_OK : base_fail(&j->error, status, "%s", tn_trainer_error(j->trainer));
}

tn_job *tn_job_resume(tn_context *context, const char *folder, const tn_job_opt *opt)
{
    tn_job *j = new_job(context, opt);
    if (!j)
        return NULL;
    j->folder = base_arena_strdup(&j->arena, folder);
    return finish(j, j->folder ? resume(j) : base_no_memory(&j->error, "resuming a run"), false);
}

void tn_job_free(tn_job *j)
{
    if (!j)
        return;
    tn_trainer_free(j->trainer);
    tn_model_free(j->model);
    tn_model_free(j->best);
    tn_dataset_free(j->train);
    tn_dataset_free(j->valid);
    tn_recipe_free(j->recipe);
    if (j->lock >= 0)
        close(j->lock);
    free(j->confusion);
    base_arena_free(&j->arena);
    tn_context_free(j->context);
    free(j);
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

/* Room for a row and a column of each output, of which there may be more than the data have classes. */
static tn_status make_confusion(tn_job *j)
{
    const int classes = train_classes_of(j->best);
    if (classes < 1 || classes > TN_CONFUSION_CLASSES)
        return TN_OK;
    j->confusion = calloc((size_t)classes * (size_t)classes, sizeof *j->confusion);
    return j->confusion ? TN_OK : base_no_memory(&j->error, "evaluating");
}

/* The best model, as it was saved, on the validation set. */
static tn_status judge(tn_job *j)
{
    const char *path = train_job_path(j, "model.safetensors");
    j->best = path ? tn_model_load(j->context, path) : NULL;
    if (!j->best)
        return context_error(j);
    if (!j->valid)
        return TN_OK;
    if (train_takes_classes(j->trainer->loss))
        BASE_TRY(make_confusion(j));
    if (train_recipe_evaluate(j->context, j->recipe->r, j->best, j->valid, false, &j->result, j->confusion) != TN_OK)
        return context_error(j);
    j->have_result = true;
    return TN_OK;
}

tn_status tn_job_run(tn_job *j)
{
    base_clear(&j->error);
    tn_status status = tn_trainer_run(j->trainer);
    if (status != TN_OK)
        return base_fail(&j->error, status, "%s", tn_trainer_error(j->trainer));
    BASE_TRY(judge(j));
    return train_job_report(j);
}

void tn_job_cancel(tn_job *j)
{
    if (j->trainer)
        tn_trainer_cancel(j->trainer);
}

const char *tn_job_error(const tn_job *j)
{
    return j ? j->error.text : "";
}

const char *tn_job_folder(const tn_job *j)
{
    return j->folder;
}

const tn_memory *tn_job_memory(const tn_job *j)
{
    return tn_trainer_memory(j->trainer);
}

tn_model *tn_job_model(tn_job *j)
{
    return j->best ? j->best : j->model;
}

const tn_dataset *tn_job_train_data(const tn_job *j)
{
    return j->train;
}

const tn_dataset *tn_job_valid_data(const tn_job *j)
{
    return j->valid;
}

void tn_job_bad(const tn_job *j, int64_t *rows, int64_t *values)
{
    *rows = j->bad_rows;
    *values = j->bad_values;
}

bool tn_job_result(const tn_job *j, tn_evaluation *result)
{
    *result = j->result;
    return j->have_result;
}
