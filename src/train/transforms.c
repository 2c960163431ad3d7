/* transforms.c: see transforms.h. */
#include "train/transforms.h"

#include "base/context.h"
#include "data/dataset.h"
#include "data/picture/pipeline.h"

tn_status train_transforms_pipeline(const train_transforms *t, tn_pipeline **out, base_error *e)
{
    base_str text = {0};
    base_error own = {0};
    e = e ? e : &own;
    *out = NULL;
    if (t->steps.n == 0)
        return TN_OK;
    for (size_t i = 0; i < t->steps.n; i++)
        base_str_printf(&text, "%s;", t->steps.at[i]);
    if (text.failed)
        base_no_memory(e, "reading transforms");
    else
        *out = pipeline_parse(base_str_text(&text), e);
    base_str_free(&text);
    return *out ? TN_OK : e->status;
}

tn_status train_transforms_check(const train_transforms *t, const format_yaml_node *node, base_error *e)
{
    base_error inner = {0};
    tn_pipeline *p;
    if (train_transforms_pipeline(t, &p, &inner) != TN_OK)
        return format_yaml_fail(node, e, "data.transforms: %s", inner.text);
    tn_pipeline_free(p);
    return TN_OK;
}

tn_status train_transforms_finish(tn_context *c, const train_recipe *r, const train_transforms *t, tn_dataset *plain,
                                  train_sets *sets)
{
    bool mixes = t->mixup > 0 || t->cutmix > 0;
    if ((t->steps.n > 0 || mixes) &&
        ((train_cut_key(r) && !sets->valid) || (r->data->test_fraction > 0 && !sets->test)))
        BASE_TRY(train_split_changed(c, r, sets->train, plain ? plain : data_retain(sets->train), sets));
    else
        tn_dataset_free(plain);
    if (!mixes)
        return TN_OK;
    tn_dataset *pure = sets->train;
    sets->train = tn_dataset_mix(c, pure, TN_OPT(tn_mix_opt, .mixup = t->mixup, .cutmix = t->cutmix));
    tn_dataset_free(pure);
    return sets->train ? TN_OK : TN_INVALID;
}

tn_status train_transforms_apply(tn_context *c, const train_recipe *r, const train_transforms *t, train_sets *sets)
{
    tn_pipeline *p;
    BASE_TRY(train_transforms_pipeline(t, &p, base_context_begin(c)));
    if (!p)
        return train_transforms_finish(c, r, t, NULL, sets);
    tn_dataset *plain = sets->train;
    sets->train = tn_dataset_augment(c, plain, p, 0, 0);
    tn_pipeline_free(p);
    if (sets->train)
        return train_transforms_finish(c, r, t, plain, sets);
    tn_dataset_free(plain);
    return TN_INVALID;
}
