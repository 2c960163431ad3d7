/* show.c: tarn show RUN|MODEL|RECIPE: the nodes with shapes, parameters, FLOPs and bytes; the memory plan; the graph as dot. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"

bool cli_is_recipe(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

/* The model of a recipe, untrained. */
static tn_model *from_recipe(tn_context *c, const cli_args *a)
{
    tn_dataset *train = NULL, *valid = NULL;
    tn_recipe *r = tn_recipe_load(c, a->at[0], a->n_overrides, a->overrides);
    tn_model *m = r && tn_recipe_data(c, r, &train, &valid) == TN_OK ? tn_recipe_model(c, r, train) : NULL;
    if (!m)
        cli_fail("%s", tn_context_error(c));
    tn_dataset_free(train);
    tn_dataset_free(valid);
    tn_recipe_free(r);
    return m;
}

tn_model *cli_model_of(tn_context *c, const cli_args *a)
{
    return cli_is_recipe(a->at[0]) ? from_recipe(c, a) : cli_model(c, a->at[0]);
}

static double count_of(const tn_view *v)
{
    return (double)tn_view_count(v);
}

static void show_parameters(tn_model *m)
{
    tn_view v;
    const char *name;
    double total = 0, bytes = 0;
    (void)printf("%-32s %-20s %12s %12s\n", "parameter", "shape", "values", "bytes");
    for (int i = 0; (name = tn_state_get(tn_model_state(m), i, &v)) != NULL; i++) {
        char shape[128] = "";
        size_t at = 0;
        for (int k = 0; k < v.rank && at < sizeof shape; k++)
            at += (size_t)snprintf(shape + at, sizeof shape - at, "%s%lld", k ? "x" : "", (long long)v.dims[k]);
        (void)printf("%-32s %s[%s]%*s %12.0f %12zu\n", name, tn_dtype_name(v.dtype), shape,
                     (int)(15 - (int)strlen(shape)), "", count_of(&v), v.bytes);
        total += count_of(&v);
        bytes += (double)v.bytes;
    }
    (void)printf("%-32s %-20s %12.0f %12.0f\n\n", "total", "", total, bytes);
}

/* A session of the predict entry bound to a batch of `n`. */
static tn_status plan(tn_session *s, tn_model *m, int64_t n, tn_memory *memory)
{
    tn_shape in = tn_tensor_shape(tn_model_input(m));
    int64_t dims[TN_MAX_RANK];
    for (int i = 0; i < in.rank; i++)
        dims[i] = i == 0 ? n : in.dims[i];
    tn_feed x = {"x", tn_view_of(NULL, tn_tensor_dtype(tn_model_input(m)), in.rank, dims)};
    return tn_session_plan(s, "predict", 1, &x, memory);
}

static int show_steps(tn_session *s, tn_model *m)
{
    tn_memory one, many;
    tn_profile_row row;
    if (plan(s, m, 64, &many) != TN_OK || plan(s, m, 1, &one) != TN_OK)
        return cli_fail("%s", tn_session_error(s));
    (void)printf("%-32s %-16s %-28s %12s %12s\n", "node", "operator", "kernel", "FLOPs", "bytes");
    for (int i = 0; tn_session_profile_row(s, "predict", i, &row) == TN_OK; i++)
        (void)printf("%-32s %-16s %-28s %12.0f %12.0f\n", row.node, row.op, row.kernel, row.flops, row.bytes);
    (void)printf("\nprediction, batch 1:  %d steps, %.4g MFLOP, %.4g MB moved; buffer %zu bytes (%zu without sharing), "
                 "scratch %zu, packed weights %zu\n",
                 one.steps, one.flops / 1e6, one.bytes / 1e6, one.buffer, one.unshared, one.scratch, one.packed);
    (void)printf("prediction, batch 64: %d steps, %.4g MFLOP, %.4g MB moved; buffer %zu bytes (%zu without sharing), "
                 "scratch %zu, packed weights %zu\n",
                 many.steps, many.flops / 1e6, many.bytes / 1e6, many.buffer, many.unshared, many.scratch, many.packed);
    return CLI_OK;
}

static int show_model(tn_context *c, tn_model *m, const cli_args *a)
{
    tn_program *p = tn_compile_entry(tn_model_graph(m), "predict", NULL);
    if (!p)
        return cli_fail("%s", tn_context_error(c));
    char *dot = a->dot ? tn_graph_dot(tn_model_graph(m)) : NULL, in[128];
    int code = CLI_OK;
    tn_session *s = dot ? NULL : tn_session_new(p, tn_model_state(m));
    if (dot) {
        (void)fputs(dot, stdout);
    } else if (s) {
        (void)printf("%s: input %s, %d labels\n\n", tn_model_name(m),
                     tn_tensor_describe(tn_model_input(m), in, sizeof in), tn_model_labels(m));
        show_parameters(m);
        code = show_steps(s, m);
    } else {
        code = cli_fail("out of memory");
    }
    free(dot);
    tn_session_free(s);
    tn_program_free(p);
    return code;
}

static int run(const cli_args *a)
{
    if (a->n != 1)
        return cli_usage(&cli_show);
    tn_context *c = cli_context(a, 0);
    tn_model *m = c ? cli_model_of(c, a) : NULL;
    int code = m ? show_model(c, m, a) : CLI_FAILED;
    tn_model_free(m);
    tn_context_free(c);
    return code;
}

const cli_command cli_show = {"show",
                              "show RUN|MODEL|RECIPE [key=value ...] [--dot]",
                              "Parameters, the steps of a prediction with FLOPs, bytes and kernels, the memory plan; "
                              "--dot: the graph for Graphviz.",
                              run,
                              "dot",
                              true};
