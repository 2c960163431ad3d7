/* tarn/recipe.h: recipes (YAML files that say what is trained on what and how) and jobs (trainings with a run folder): what
 * the program `tarn` is made of, for programs that embed it. */
#ifndef TARN_RECIPE_H
#define TARN_RECIPE_H

#include <tarn/train.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- recipes ----------------------------------------------------------------------------------------------------- */

typedef struct tn_recipe tn_recipe;

/* Reads a recipe; overrides are texts "train.lr=0.1", applied in order. Every error names file, line and key, and what may
 * have been meant. NULL: the context has the sentence. */
TN_API tn_recipe *tn_recipe_load(tn_context *context, const char *path, int n_overrides, const char *const *overrides);
TN_API void tn_recipe_free(tn_recipe *recipe);
/* Paths of the data that stand for a known set, "set:NAME" or "set:NAME/FILE": the i-th, and its key as overrides name it ("data.path",
 * "data.paths.0"), cut to `bytes`. NULL from the end on. Who opens the data loads the recipe again, with places in their stead. */
TN_API const char *tn_recipe_known_set(const tn_recipe *recipe, int i, char *key, size_t bytes);
TN_API const char *tn_recipe_name(const tn_recipe *recipe);
/* Threads that the recipe asks for; 0: all the process may use. */
TN_API int tn_recipe_threads(const tn_recipe *recipe);
/* The resolved recipe, all defaults written out; free() it; NULL when memory is out. */
TN_API char *tn_recipe_text(const tn_recipe *recipe);
/* Help about a topic ("recipe", "model", "layers", "data", "train", "output", the name of a layer or of a kind of data; NULL: all), as text or
 * Markdown; free() it; NULL for an unknown topic. */
TN_API char *tn_recipe_help(const char *topic, bool markdown);
/* The data sets that the recipe names. *valid may be NULL afterwards: none. */
TN_API tn_status tn_recipe_data(tn_context *context, const tn_recipe *recipe, tn_dataset **train, tn_dataset **valid);
/* The same with the samples that are kept for the very end; *test may be NULL afterwards: none. */
TN_API tn_status tn_recipe_sets(tn_context *context, const tn_recipe *recipe, tn_dataset **train, tn_dataset **valid,
                                tn_dataset **test);
/* The model, for samples like those of data; its state is initialised with the recipe's seed. */
TN_API tn_model *tn_recipe_model(tn_context *context, const tn_recipe *recipe, const tn_dataset *data);

/* What a step of the recipe's training on its data sets needs, without training. */
TN_API tn_status tn_recipe_memory(tn_context *context, const tn_recipe *recipe, const tn_dataset *train,
                                  const tn_dataset *valid, tn_memory *memory);

/* tn_evaluate by the recipe's loss. */
TN_API tn_status tn_recipe_evaluate(tn_context *context, const tn_recipe *recipe, tn_model *model,
                                    const tn_dataset *data, tn_evaluation *result, int64_t *confusion);

/* Models with a name ("mnist_cnn"): the i-th name and what it is; NULL from the end on. */
TN_API const char *tn_zoo_name(int i);
TN_API const char *tn_zoo_doc(int i);
/* The model's output for x [batch, ...] and so many classes, built into x's graph; NULL when there is no model of this name. */
TN_API tn_tensor *tn_zoo_build(const char *name, tn_tensor *x, int64_t classes);

/* ---- jobs -------------------------------------------------------------------------------------------------------- */

/* A training with its run folder OUTPUT/NAME-NUMBER: recipe.yaml, model.safetensors (best), last.safetensors (everything to
 * go on), metrics.jsonl, and at the end report.html, curves.svg, confusion.svg. The folder is locked while it is written. */
typedef struct tn_job tn_job;

typedef struct tn_job_opt {
    tn_progress_fn progress;
    void *user;
    void *reserved[4];
} tn_job_opt;

/* A new job. The recipe may be freed at once. */
TN_API tn_job *tn_job_new(tn_context *context, const tn_recipe *recipe, const tn_job_opt *opt);
/* Goes on with a run from its folder's last.safetensors. TN_BUSY (NULL, sentence) if another process writes there. */
TN_API tn_job *tn_job_resume(tn_context *context, const char *folder, const tn_job_opt *opt);
TN_API void tn_job_free(tn_job *job);
/* Trains, then writes the report. TN_CANCELLED after tn_job_cancel; `last` is saved then. */
TN_API tn_status tn_job_run(tn_job *job);
TN_API void tn_job_cancel(tn_job *job); /* safe in a signal handler */
TN_API const char *tn_job_error(const tn_job *job);
TN_API const char *tn_job_folder(const tn_job *job);
TN_API tn_model *tn_job_model(tn_job *job);
/* What a step needs. */
TN_API const tn_memory *tn_job_memory(const tn_job *job);
TN_API const tn_dataset *tn_job_train_data(const tn_job *job);
TN_API const tn_dataset *tn_job_valid_data(const tn_job *job);
/* What data.bad left out of tables: rows, and values taken as missing. */
TN_API void tn_job_bad(const tn_job *job, int64_t *rows, int64_t *values);
/* Figures of the best model on the validation set, after tn_job_run; false if there are none. */
TN_API bool tn_job_result(const tn_job *job, tn_evaluation *result);

#ifdef __cplusplus
}
#endif
#endif
