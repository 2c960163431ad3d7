/* translate.c: models with a second input say what follows from the first, token by token, each time the likeliest one. */
#include <stdlib.h>
#include <string.h>

#include "data/text/pairs.h"
#include "model/core/model.h"

#include <tarn/text.h>

/* What was said is fed in steps of so many places, so that few sizes are bound; a decoder sees nothing of the places behind. */
enum { STEP = 16 };

/* One translation: what was said so far, begin token first, and scores of the last run. */
typedef struct saying {
    tn_predictor *p;
    const pairs_prep *how;
    const tn_view *x;
    int64_t *said;
    int64_t n, room;
    float *scores; /* [room, classes] */
    int64_t classes;
} saying;

static tn_status make_room(saying *s)
{
    if (s->n < s->room)
        return TN_OK;
    const int64_t room = s->room + STEP;
    int64_t *said = realloc(s->said, (size_t)room * sizeof *said);
    s->said = said ? said : s->said;
    float *scores = realloc(s->scores, (size_t)room * (size_t)s->classes * sizeof *scores);
    s->scores = scores ? scores : s->scores;
    if (!said || !scores)
        return base_no_memory(&s->p->error, "translating");
    for (int64_t i = s->room; i < room; i++)
        s->said[i] = s->how->target_pad;
    s->room = room;
    return TN_OK;
}

static tn_status next(saying *s, int64_t *token)
{
    const tn_feed feeds[] = {{"x", *s->x}, {"given", tn_view_of(s->said, TN_I64, 2, (const int64_t[]){1, s->room})}};
    const tn_feed y = {"y", tn_view_of(s->scores, TN_F32, 3, (const int64_t[]){1, s->room, s->classes})};
    const tn_status status = tn_run(s->p->session, "predict", 2, feeds, 1, &y);
    if (status != TN_OK)
        return base_fail(&s->p->error, status, "%s", tn_session_error(s->p->session));
    const float *of = s->scores + (s->n - 1) * s->classes;
    *token = 0;
    for (int64_t i = 1; i < (int64_t)s->how->target->size; i++) /* outputs behind them mean nothing */
        if (of[i] > of[*token])
            *token = i;
    return TN_OK;
}

static tn_status say(saying *s, int32_t *ids, size_t most, size_t *n)
{
    int64_t token = s->how->begin;
    for (;;) {
        BASE_TRY(make_room(s));
        s->said[s->n++] = token;
        if (*n == most || s->n >= s->how->target_length)
            return TN_OK;
        BASE_TRY(next(s, &token));
        if (token == s->how->end)
            return TN_OK;
        ids[(*n)++] = (int32_t)token;
    }
}

static tn_status check(tn_predictor *p, const pairs_prep *how, const tn_view *x)
{
    const tn_tensor *y = p->model->output;
    if (!p->model->heard || !how)
        return base_fail(&p->error, TN_INVALID,
                         "the model translates nothing: it has no second input, or was not trained on pairs");
    if (y->type.rank != 3 || y->type.dtype != TN_F32 || y->type.dims[2] < (int64_t)how->target->size)
        return base_fail(&p->error, TN_SHAPE, "the model's output is not f32 [batch, places, %zu tokens]",
                         how->target->size);
    if (x->rank != 2 || x->dims[0] != 1 || x->dtype != TN_I64)
        return base_fail(&p->error, TN_SHAPE, "one sample i64 [1, places] is translated at a time");
    return TN_OK;
}

/* A line without words is one place of padding. */
static bool is_empty(const pairs_prep *how, const tn_view *x)
{
    const int64_t *ids = x->data;
    return x->dims[1] == 1 && ids[0] == tn_tokenizer_roles(how->source).pad;
}

tn_status tn_translate(tn_predictor *p, const tn_view *x, int32_t *ids, size_t *n)
{
    const pairs_prep *how = data_preparation_self(p->model->preparation, &data_prepare_pairs);
    const size_t most = *n;
    *n = 0;
    base_clear(&p->error);
    BASE_TRY(check(p, how, x));
    if (is_empty(how, x)) /* nothing says nothing */
        return TN_OK;
    saying s = {.p = p, .how = how, .x = x, .classes = p->model->output->type.dims[2]};
    const tn_status status = say(&s, ids, most, n);
    free(s.said);
    free(s.scores);
    return status;
}

tn_status tn_translate_text(tn_predictor *p, const tn_view *x, char **text, size_t *bytes)
{
    const pairs_prep *how = data_preparation_self(p->model->preparation, &data_prepare_pairs);
    size_t n = how ? (size_t)how->target_length : 0;
    int32_t *ids = malloc((n + 1) * sizeof *ids);
    *text = NULL;
    *bytes = 0;
    base_clear(&p->error);
    tn_status status = ids ? tn_translate(p, x, ids, &n) : base_no_memory(&p->error, "translating");
    tn_context *own = status == TN_OK ? tn_context_new(TN_OPT(tn_context_opt, .threads = 1)) : NULL;
    if (status == TN_OK && !own)
        status = base_no_memory(&p->error, "translating");
    else if (status == TN_OK && (status = tn_decode(own, how->target, ids, n, NULL, text, bytes)) != TN_OK)
        base_fail(&p->error, status, "%s", tn_context_error(own));
    tn_context_free(own);
    free(ids);
    return status;
}
