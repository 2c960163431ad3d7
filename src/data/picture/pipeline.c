/* pipeline.c: pipelines from text and JSON and back, and their running. Every step draws from a stream of its own, which is a
 * function of the key and of its place, so that a step more at the end changes nothing before it. */
#include "data/picture/pipeline.h"

#include <stdlib.h>
#include <string.h>

#include "base/context.h"
#include "base/number.h"
#include "base/text.h"
#include "base/vec.h"
#include "format/json.h"

typedef base_vec(picture_step) step_vec;

/* ---- parameters ------------------------------------------------------------------------------------------------ */

static int parameters_of(const step_kind *kind)
{
    int n = 0;
    while (n < STEP_PARAMETERS && kind->parameters[n].name)
        n++;
    return n;
}

static picture_step standard_step(const step_kind *kind)
{
    picture_step s = {.kind = kind, .probability = kind->probability};
    for (int i = 0; i < parameters_of(kind); i++)
        s.v[i] = kind->parameters[i].standard;
    return s;
}

static tn_status unknown_parameter(const step_kind *kind, const char *name, base_error *e)
{
    base_str known = {0};
    for (int i = 0; i < parameters_of(kind); i++)
        base_str_printf(&known, "%s, ", kind->parameters[i].name);
    base_fail(e, TN_INVALID, "the step \"%s\" has no parameter \"%s\"; it has %sprobability", kind->name,
              BASE_SHOW(name), base_str_text(&known));
    base_str_free(&known);
    return TN_INVALID;
}

static tn_status set_number(picture_step *step, const char *name, double v, base_error *e)
{
    const step_kind *kind = step->kind;
    const step_parameter *p = NULL;
    double *at = &step->probability, least = 0, most = 1;
    for (int i = 0; i < parameters_of(kind); i++)
        if (strcmp(kind->parameters[i].name, name) == 0) {
            p = &kind->parameters[i];
            at = &step->v[i];
            least = p->least;
            most = p->most;
        }
    if (!p && strcmp(name, "probability") != 0)
        return unknown_parameter(kind, name, e);
    if (!(v >= least && v <= most))
        return base_fail(e, TN_INVALID, "the step \"%s\": %s is %g; it lies in %g to %g", kind->name, name, v, least,
                         most);
    if (p && p->whole && v != (double)(int64_t)v)
        return base_fail(e, TN_INVALID, "the step \"%s\": %s is %g; a whole number is due", kind->name, name, v);
    *at = v;
    return TN_OK;
}

/* A word (bilinear, true) or a number. */
static tn_status set_text(picture_step *step, const char *name, const char *text, base_error *e)
{
    const step_kind *kind = step->kind;
    for (int i = 0; i < parameters_of(kind); i++)
        for (int w = 0;
             strcmp(kind->parameters[i].name, name) == 0 && kind->parameters[i].words && kind->parameters[i].words[w];
             w++)
            if (strcmp(kind->parameters[i].words[w], text) == 0)
                return set_number(step, name, w, e);
    double v;
    if (!base_parse_f64(text, &v))
        return base_fail(e, TN_INVALID,
                         "the step \"%s\": %s is \"%s\", which is neither a number nor a word known here", kind->name,
                         BASE_SHOW(name), BASE_SHOW(text));
    return set_number(step, name, v, e);
}

/* Pairs low, high must be in order. */
static tn_status check_step(const picture_step *step, base_error *e)
{
    for (int i = 1; i < parameters_of(step->kind); i++) {
        const char *name = step->kind->parameters[i].name;
        size_t n = strlen(name);
        if (n > 5 && strcmp(name + n - 5, "_high") == 0 && step->v[i] < step->v[i - 1])
            return base_fail(e, TN_INVALID, "the step \"%s\": %s (%g) is less than %s (%g)", step->kind->name, name,
                             step->v[i], step->kind->parameters[i - 1].name, step->v[i - 1]);
    }
    return TN_OK;
}

static tn_status find_kind(const char *name, picture_step *step, base_error *e)
{
    const step_kind *kind = step_kind_find(name);
    if (kind) {
        *step = standard_step(kind);
        return TN_OK;
    }
    const char *nearest = "resize";
    int best = 1000;
    for (int i = 0; step_kind_at(i); i++)
        if (base_distance(name, step_kind_at(i)->name) < best) {
            nearest = step_kind_at(i)->name;
            best = base_distance(name, nearest);
        }
    return base_fail(e, TN_NOT_FOUND, "there is no step \"%s\"; did you mean \"%s\"?", BASE_SHOW(name), nearest);
}

/* ---- text ------------------------------------------------------------------------------------------------------ */

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == ',';
}

/* "kind name=value name=value"; the text is cut up where it stands. */
static tn_status parse_line(char *line, step_vec *steps, base_error *e)
{
    picture_step step = {0};
    for (char *p = line; *p;) {
        while (is_space(*p))
            p++;
        char *word = p;
        while (*p && !is_space(*p))
            p++;
        if (*p)
            *p++ = '\0';
        if (!*word)
            break;
        char *equals = strchr(word, '=');
        if (!step.kind) {
            BASE_TRY(find_kind(word, &step, e));
            continue;
        }
        if (!equals)
            return base_fail(e, TN_FORMAT, "the step \"%s\": \"%s\" is due in the form name=value", step.kind->name,
                             BASE_SHOW(word));
        *equals = '\0';
        BASE_TRY(set_text(&step, word, equals + 1, e));
    }
    if (!step.kind)
        return TN_OK;
    BASE_TRY(check_step(&step, e));
    return base_vec_push(steps, step) ? TN_OK : base_no_memory(e, "reading a pipeline");
}

static tn_status parse_lines(const char *text, step_vec *steps, base_error *e)
{
    char *copy = strdup(text);
    tn_status status = copy ? TN_OK : base_no_memory(e, "reading a pipeline");
    for (char *p = copy; status == TN_OK && p;) {
        char *end = p + strcspn(p, ";\n");
        bool last = !*end;
        *end = '\0';
        status = parse_line(p, steps, e);
        p = last ? NULL : end + 1;
    }
    free(copy);
    return status;
}

/* ---- JSON ------------------------------------------------------------------------------------------------------ */

static tn_status parse_object(const format_json *object, size_t i, step_vec *steps, base_error *e)
{
    char what[40];
    base_print(what, sizeof what, "step %d", (int)i);
    const char *kind, *key;
    const format_json *value;
    picture_step step;
    BASE_TRY(format_json_as_object(object, what, e));
    BASE_TRY(format_json_get_string(object, what, "kind", &kind, e));
    BASE_TRY(find_kind(kind, &step, e));
    for (void *iter = NULL; format_json_next(object, &iter, &key, &value);) {
        const char *type = format_json_kind(value);
        double number = 0;
        const char *text;
        bool yes;
        if (strcmp(key, "kind") == 0)
            continue;
        if (strcmp(type, "a string") == 0) {
            BASE_TRY(format_json_as_string(value, key, &text, e));
            BASE_TRY(set_text(&step, key, text, e));
            continue;
        }
        if (strcmp(type, "true or false") == 0) {
            BASE_TRY(format_json_as_bool(value, key, &yes, e));
            number = yes;
        } else {
            BASE_TRY(format_json_as_f64(value, key, &number, e));
        }
        BASE_TRY(set_number(&step, key, number, e));
    }
    BASE_TRY(check_step(&step, e));
    return base_vec_push(steps, step) ? TN_OK : base_no_memory(e, "reading a pipeline");
}

static tn_status parse_json(const char *text, step_vec *steps, base_error *e)
{
    format_json *root = NULL;
    BASE_TRY(format_json_parse(text, strlen(text), NULL, "the pipeline", &root, e));
    tn_status status = format_json_as_list(root, "the pipeline", e);
    for (size_t i = 0; status == TN_OK && i < format_json_count(root); i++)
        status = parse_object(format_json_at(root, i), i, steps, e);
    format_json_free(root);
    return status;
}

static void write_json(tn_pipeline *p)
{
    format_json_out w = {.to = &p->json};
    format_json_open_list(&w, NULL);
    for (int i = 0; i < p->n; i++) {
        const picture_step *s = &p->steps[i];
        format_json_open_object(&w, NULL);
        format_json_put_string(&w, "kind", s->kind->name);
        for (int k = 0; k < parameters_of(s->kind); k++) {
            const step_parameter *q = &s->kind->parameters[k];
            if (q->words)
                format_json_put_string(&w, q->name, q->words[(int)s->v[k]]);
            else if (q->whole)
                format_json_put_i64(&w, q->name, (int64_t)s->v[k]);
            else
                format_json_put_f64(&w, q->name, s->v[k]);
        }
        format_json_put_f64(&w, "probability", s->probability);
        format_json_close(&w);
    }
    format_json_close(&w);
}

/* ---- making ---------------------------------------------------------------------------------------------------- */

tn_pipeline *pipeline_parse(const char *text, base_error *e)
{
    step_vec steps = {0};
    const char *first = text + strspn(text, " \t\r\n");
    tn_status status = *first == '[' ? parse_json(first, &steps, e) : parse_lines(first, &steps, e);
    tn_pipeline *p = status == TN_OK ? calloc(1, sizeof *p) : NULL;
    if (p) {
        atomic_init(&p->references, 1);
        p->n = (int)steps.n;
        p->steps = steps.at;
        write_json(p);
        if (!p->json.failed)
            return p;
        base_str_free(&p->json);
        free(p);
    }
    if (status == TN_OK)
        base_no_memory(e, "reading a pipeline");
    base_vec_free(&steps);
    return NULL;
}

tn_pipeline *tn_pipeline_parse(tn_context *context, const char *text)
{
    base_error *e = base_context_begin(context);
    if (text)
        return pipeline_parse(text, e);
    base_fail(e, TN_INVALID, "a pipeline needs a text");
    return NULL;
}

const char *tn_pipeline_json(const tn_pipeline *p)
{
    return base_str_text(&p->json);
}

tn_pipeline *pipeline_retain(const tn_pipeline *p)
{
    tn_pipeline *mine = (tn_pipeline *)(uintptr_t)p;
    atomic_fetch_add_explicit(&mine->references, 1, memory_order_relaxed);
    return mine;
}

void tn_pipeline_free(tn_pipeline *p)
{
    if (!p || atomic_fetch_sub_explicit(&p->references, 1, memory_order_acq_rel) != 1)
        return;
    free(p->steps);
    base_str_free(&p->json);
    free(p);
}

bool pipeline_has_mosaic(const tn_pipeline *p)
{
    for (int i = 0; i < p->n; i++)
        if (strcmp(p->steps[i].kind->name, "mosaic") == 0)
            return true;
    return false;
}

/* ---- running --------------------------------------------------------------------------------------------------- */

/* The stream of step i, behind the number that says whether it happens. */
static bool happens(const tn_pipeline *p, int i, uint64_t key, base_random *random)
{
    *random = base_random_new(base_philox_key(key, 0x9e7f), (uint64_t)i);
    return base_random_f64(random) < p->steps[i].probability;
}

bool pipeline_part(const tn_pipeline *p, int64_t width, int64_t height, uint64_t key, data_part *part)
{
    base_random random;
    if (p->n == 0 || !p->steps[0].kind->part || !happens(p, 0, key, &random))
        return false;
    return p->steps[0].kind->part(&p->steps[0], random, width, height, part);
}

int pipeline_certain(const tn_pipeline *p)
{
    static const char *const certain[] = {"resize", "resize_shorter", "centre_crop", "pad"};
    int n = 0;
    for (bool is = true; is && n < p->n; n += is) {
        is = false;
        for (size_t k = 0; k < sizeof certain / sizeof *certain; k++)
            is |= p->steps[n].probability >= 1 && strcmp(p->steps[n].kind->name, certain[k]) == 0;
    }
    return n == 0 && p->n > 0 && p->steps[0].kind->part ? -1 : n;
}

tn_status pipeline_run(const tn_pipeline *p, picture_scene *scene, uint64_t key, const data_hint *hint,
                       pipeline_other *other, void *user, base_error *e)
{
    return pipeline_run_steps(p, 0, p->n, scene, key, hint, other, user, e);
}

tn_status pipeline_run_steps(const tn_pipeline *p, int from, int to, picture_scene *scene, uint64_t key,
                             const data_hint *hint, pipeline_other *other, void *user, base_error *e)
{
    for (int i = from; i < to; i++) {
        step_run r = {.step = &p->steps[i], .hint = i == 0 ? hint : NULL, .other = other, .user = user, .e = e};
        base_random next;
        if (!happens(p, i, key, &r.random))
            continue;
        r.mirror = r.step->kind->part && i + 1 < to && strcmp(p->steps[i + 1].kind->name, "flip_horizontal") == 0 &&
                   happens(p, i + 1, key, &next);
        BASE_TRY(r.step->kind->run(&r, scene));
        i += r.mirror;
    }
    return TN_OK;
}
