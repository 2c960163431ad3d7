/* job.h: the insides of a job. */
#ifndef TRAIN_JOB_H
#define TRAIN_JOB_H

#include "base/context.h"
#include "train/build.h"
#include "train/trainer.h"

struct tn_job {
    tn_context *context;
    base_arena arena;
    base_error error;
    tn_job_opt opt;
    tn_recipe *recipe; /* retained, or read from the folder of a resumed run */
    const char *folder;
    int lock; /* file descriptor */
    tn_dataset *train, *valid;
    int64_t bad_rows, bad_values; /* what data.bad left out of tables, or took as missing */
    tn_model *model, *best;
    tn_trainer *trainer;
    tn_evaluation result;
    int64_t *confusion; /* NULL: there are no classes, or too many */
    bool have_result;
};

/* A file in the run folder; in the job's arena, NULL when memory is out. */
char *train_job_path(const tn_job *j, const char *name);
/* report.html, curves.svg, confusion.svg. */
tn_status train_job_report(tn_job *j);

#endif
