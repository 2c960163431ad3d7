/* pipeline.h: steps that change a picture, with their parameters; see tn_pipeline in <tarn/picture.h>. */
#ifndef DATA_PICTURE_PIPELINE_H
#define DATA_PICTURE_PIPELINE_H

#include "base/philox.h"
#include "base/str.h"
#include "data/picture/scene.h"

#include <stdatomic.h>
#include <tarn/picture.h>

enum { STEP_PARAMETERS = 9 };

typedef struct step_parameter {
    const char *name;
    double least, most, standard;
    const char *const *words; /* for 0, 1, ...; NULL: a number */
    bool whole;
} step_parameter;

struct step_kind;
typedef struct picture_step {
    const struct step_kind *kind;
    double probability;
    double v[STEP_PARAMETERS];
} picture_step;

/* Another picture of the set, with what belongs to it, for steps that put several together. */
typedef tn_status pipeline_other(void *user, uint64_t number, picture_scene *scene, base_error *e);

/* What a step gets to know. */
typedef struct step_run {
    const picture_step *step;
    base_random random;
    const data_hint *hint; /* for the first: the part may have been chosen by the decoder already */
    bool mirror;           /* a flip that follows is done along */
    pipeline_other *other;
    void *user;
    base_error *e;
} step_run;

typedef struct step_kind {
    const char *name;
    double probability; /* where nothing is said */
    tn_status (*run)(step_run *r, picture_scene *s);
    /* Which part of a picture of this size the step would take; NULL: it needs all. */
    bool (*part)(const picture_step *step, base_random random, int64_t width, int64_t height, data_part *part);
    step_parameter parameters[STEP_PARAMETERS];
} step_kind;

struct tn_pipeline {
    atomic_int references;
    int n;
    picture_step *steps;
    base_str json;
};

const step_kind *step_kind_at(int i); /* NULL behind the last */
const step_kind *step_kind_find(const char *name);

tn_pipeline *pipeline_parse(const char *text, base_error *e);
tn_pipeline *pipeline_retain(const tn_pipeline *p);
bool pipeline_has_mosaic(const tn_pipeline *p);
/* hint, other may be NULL. */
tn_status pipeline_run(const tn_pipeline *p, picture_scene *scene, uint64_t key, const data_hint *hint,
                       pipeline_other *other, void *user, base_error *e);
/* The same for steps [from, to). */
tn_status pipeline_run_steps(const tn_pipeline *p, int from, int to, picture_scene *scene, uint64_t key,
                             const data_hint *hint, pipeline_other *other, void *user, base_error *e);
/* How many steps come before the first that depends on the key; -1: that is the first one, and it chooses what is decoded. */
int pipeline_certain(const tn_pipeline *p);
/* The part that the first step takes of a picture of this size, if that is its whole work. */
bool pipeline_part(const tn_pipeline *p, int64_t width, int64_t height, uint64_t key, data_part *part);

#endif
