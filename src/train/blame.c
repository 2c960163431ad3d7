/* blame.c: a model that cannot be built, or does not fit its data: which line of the recipe it is, what came in, and what may be done. */
#include <string.h>

#include "base/number.h"
#include "base/text.h"
#include "model/core/zoo.h"
#include "train/build.h"
#include "train/trainer.h"

/* ---- what may be done -------------------------------------------------------------------------------------------- */

/* Axes that a layer's input must have, the batch first; 0: any. */
static int axes_of(train_layer_kind kind)
{
    switch (kind) {
    case TRAIN_LAYER_conv1d:
    case TRAIN_LAYER_max_pool1d:
    case TRAIN_LAYER_avg_pool1d:
    case TRAIN_LAYER_rnn:
    case TRAIN_LAYER_lstm:
    case TRAIN_LAYER_gru:
    case TRAIN_LAYER_transformer_encoder: return 3;
    case TRAIN_LAYER_conv2d:
    case TRAIN_LAYER_max_pool2d:
    case TRAIN_LAYER_avg_pool2d: return 4;
    case TRAIN_LAYER_conv3d:
    case TRAIN_LAYER_max_pool3d:
    case TRAIN_LAYER_avg_pool3d: return 5;
    default: return 0;
    }
}

static bool is_sequence(train_layer_kind kind)
{
    return kind == TRAIN_LAYER_rnn || kind == TRAIN_LAYER_lstm || kind == TRAIN_LAYER_gru ||
           kind == TRAIN_LAYER_transformer_encoder;
}

/* Where the number of axes is wrong. */
static const char *advice_on_axes(train_layer_kind kind, int have)
{
    const int want = axes_of(kind);
    if (want == 0 || have == want)
        return NULL;
    if (is_sequence(kind))
        return "it takes [steps, features] of a sample, which the layer reshape can make";
    if (have == 2)
        return "put it before the layer that flattens, or give samples their axes back with the layer reshape, "
               "{reshape: [channels, ...]}";
    if (have == want - 1)
        return "samples lack an axis, that of channels: put {reshape: [1, ...]} before it";
    return have == 3   ? "for lines there are conv1d, max_pool1d and avg_pool1d"
           : have == 4 ? "for pictures there are conv2d, max_pool2d and avg_pool2d"
                       : "for volumes there are conv3d, max_pool3d and avg_pool3d";
}

static const char *advice_on(train_layer_kind kind, int have, const char *sentence)
{
    const char *axes = advice_on_axes(kind, have);
    if (axes)
        return axes;
    if (strstr(sentence, "does not fit into"))
        return "take a smaller kernel or dilation, give it padding, or shrink less before it";
    if (strstr(sentence, "groups"))
        return "groups must divide the channels that come in and those that go out (units)";
    if (kind == TRAIN_LAYER_add || kind == TRAIN_LAYER_concat)
        return "layers that are joined must have kept the same sizes: check kernel, stride and padding of those "
               "between, "
               "or set their padding to half the kernel";
    if (strstr(sentence, "heads"))
        return "heads must divide the number of features";
    if (kind == TRAIN_LAYER_reshape)
        return "one of its sizes may be -1, which is found";
    return NULL;
}

/* ---- sentences --------------------------------------------------------------------------------------------------- */

/* ", which says more" behind e's sentence. */
static void add(base_error *e, const char *between, const char *text)
{
    const size_t n = strlen(e->text);
    if (text && n + strlen(between) + strlen(text) < sizeof e->text)
        (void)base_print(e->text + n, sizeof e->text - n, "%s%s", between, text);
}

/* What came in, unless the sentence says so. */
static void add_given(base_error *e, const tn_tensor *x)
{
    char given[128];
    if (!strstr(e->text, "; given "))
        add(e, "; given ", tn_tensor_describe(x, given, sizeof given));
}

tn_status train_blame_layer(const train_layer *layer, const tn_tensor *x, base_error *e)
{
    const tn_graph *g = tn_tensor_graph(x);
    const tn_status status = tn_graph_status(g);
    base_fail(e, status, "%s%s: %s", layer->place, layer->type, tn_graph_error(g));
    if (status == TN_MEMORY || status == TN_LIMIT)
        return status;
    add_given(e, x);
    if (status == TN_SHAPE)
        add(e, "; ", advice_on(layer->kind, tn_tensor_rank(x), e->text));
    return status;
}

tn_status train_blame_model(const train_recipe *r, base_error *e)
{
    char place[FORMAT_YAML_PLACE];
    const train_model *m = &r->model;
    if (m->n)
        return base_prefix(e, "%smodel.layers.%zu.%s, the last layer: ", m->layers[m->n - 1].place, m->n - 1,
                           m->layers[m->n - 1].type);
    return m->options ? base_prefix(e, "%s", format_yaml_place(m->options->source, m->options->line, place))
                      : e->status;
}

tn_status train_blame_zoo(const train_recipe *r, const tn_tensor *x, base_error *e)
{
    const tn_graph *g = tn_tensor_graph(x);
    char given[128];
    base_fail(e, tn_graph_status(g), "the model %s does not take samples %s: %s", r->model.name,
              tn_tensor_describe(x, given, sizeof given), tn_graph_error(g));
    if (tn_graph_status(g) == TN_SHAPE)
        add(e, ". ",
            "Give it data of the kind and size that it is made for (`tarn help models`), or list layers of your own");
    return train_blame_model(r, e);
}

tn_status train_check_input(const train_recipe *r, const tn_field *x, base_error *e)
{
    const format_ints *input = &r->model.input;
    bool same = input->n == 0 || (int)input->n == x->rank;
    char have[128], place[FORMAT_YAML_PLACE];
    for (size_t i = 0; same && i < input->n; i++)
        same = (x->varies && i == 0) || input->at[i] == x->dims[i];
    if (same)
        return TN_OK;
    const format_yaml_item *item = format_yaml_find(r->model_node, "input");
    base_str given = {0};
    for (size_t i = 0; i < input->n; i++)
        base_str_printf(&given, "%s%lld", i ? "," : "", (long long)input->at[i]);
    base_fail(e, TN_SHAPE,
              "model.input is [%s], and the data have samples %s; take model.input out, as it follows the data",
              base_str_text(&given), train_describe(x, have, sizeof have));
    base_str_free(&given);
    return item ? base_prefix(e, "%s", format_yaml_place(item->source, item->line, place)) : e->status;
}

/* ---- data -------------------------------------------------------------------------------------------------------- */

const char *train_path_of(const format_option *o, const void *options, size_t at)
{
    const void *field = (const char *)options + o->offset;
    if (o->kind == FORMAT_KIND_PATH) {
        const char *path = *(const char *const *)field;
        return at == 0 && path && format_is_path(o, path) ? path : NULL;
    }
    const format_strings *list = field;
    return o->kind == FORMAT_KIND_PATHS && at < list->n ? list->at[at] : NULL;
}

tn_status train_blame_data(const train_recipe *r, base_error *e)
{
    const format_option *named = NULL;
    size_t most = 0;
    char place[FORMAT_YAML_PLACE];
    if (e->status != TN_IO && e->status != TN_NOT_FOUND)
        return e->status;
    for (const format_option *o = r->data_table->options; o->key; o++) {
        const char *path;
        for (size_t at = 0; (path = train_path_of(o, r->data, at)) != NULL; at++)
            if (strlen(path) > most && strstr(e->text, path)) {
                most = strlen(path);
                named = o;
            }
    }
    const format_yaml_item *item = named ? format_yaml_find(r->data_node, named->key) : NULL;
    return item ? base_prefix(e, "%sdata.%s: ", format_yaml_place(item->source, item->line, place), named->key)
                : e->status;
}

void train_unknown_model(const char *name, base_error *e)
{
    enum { FAR = 4 }; /* letters */
    const char *near = NULL;
    int best = strlen(name) < FAR ? (int)strlen(name) : FAR; /* of a short word all is far */
    for (int i = 0; zoo_at(i); i++) {
        int d = base_distance(zoo_at(i)->name, name);
        if (d < best) {
            best = d;
            near = zoo_at(i)->name;
        }
    }
    base_fail(e, TN_NOT_FOUND, "there is no model '%s' in the zoo%s%s%s `tarn help models` lists them", BASE_SHOW(name),
              near ? "; did you mean '" : ";", near ? near : "", near ? "'?" : "");
}
