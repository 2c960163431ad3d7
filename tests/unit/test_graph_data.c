/* test_graph_data.c: graphs out of tables: both directions of edges, features, labels, splits; neighbourhoods that are drawn; what is
 * refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/context.h"
#include "base/str.h"
#include "data/graph/graph_data.h"
#include "support/context.h"

static tn_table *table_of(const char *text)
{
    tn_table *t = tn_table_parse(context, text, strlen(text), "t.csv", TN_OPT(tn_table_opt, .header = TN_HEADER_YES));
    if (!t)
        fail_msg("%s", tn_context_error(context));
    return t;
}

static tn_graph_data *graph_of(const char *nodes, const char *edges, const char *features, const tn_graph_data_opt *opt)
{
    tn_table *n = table_of(nodes), *e = edges ? table_of(edges) : NULL, *f = features ? table_of(features) : NULL;
    tn_graph_data *g = tn_graph_data_new(context, n, e, f, opt);
    tn_table_free(n);
    tn_table_free(e);
    tn_table_free(f);
    return g;
}

static void graphs_have_both_directions(void **state)
{
    (void)state;
    tn_graph_data *g = graph_of("name,label,split,a,b\nx,u,train,1,0\ny,w,val,0,2\nz,,test,3,1\nq,u,,0,0\n",
                                "from,to\nx,y\nz,y\ny,x\nz,z\n", NULL, TN_OPT(tn_graph_data_opt, .normalize = true));
    if (!g)
        fail_msg("%s", tn_context_error(context));
    const tn_graph_view *v = tn_graph_data_view(g);
    assert_true(v->nodes == 4 && v->edges == 5 && v->features == 2 && v->classes == 2);
    const int64_t starts[] = {0, 1, 3, 5, 5}, sources[] = {1, 0, 2, 1, 2}, targets[] = {0, 1, 1, 2, 2};
    assert_memory_equal(v->in_start, starts, sizeof starts);
    assert_memory_equal(v->in_source, sources, sizeof sources);
    assert_memory_equal(v->in_target, targets, sizeof targets);
    assert_memory_equal(v->out_start, starts, sizeof starts);
    assert_true(v->labels[0] == 0 && v->labels[1] == 1 && v->labels[2] == -1);
    assert_true(v->split[1] == TN_NODE_VALID && v->split[2] == TN_NODE_TEST && v->split[3] == TN_NODE_NONE);
    float x[8];
    tn_graph_data_features(g, NULL, 4, x);
    assert_true(x[0] == 1 && x[1] == 0 && x[3] == 1 && x[4] == 0.75F && x[5] == 0.25F && x[6] == 0);
    tn_dataset *d = tn_dataset_nodes(context, g, -1);
    tn_graph_data_free(g);
    assert_int_equal(tn_dataset_count(d), 3);
    int64_t id, y;
    assert_int_equal(tn_dataset_get(context, d, 2, 0,
                                    (tn_view[]){tn_view_of(&id, TN_I64, 0, NULL), tn_view_of(&y, TN_I64, 0, NULL)}),
                     TN_OK);
    assert_true(id == 3 && y == 0);
    assert_string_equal(tn_dataset_class_name(d, 1), "w");
    tn_dataset_free(d);
    g = graph_of("node\n0\n1\n2\n", "u,v,w\n0,1,0.5\n2,1,2\n", "n,f,v\n2,3,1.5\n0,0,2\n",
                 TN_OPT(tn_graph_data_opt, .directed = true, .weight = "w"));
    assert_non_null(g);
    v = tn_graph_data_view(g);
    assert_true(v->edges == 2 && v->in_weight[0] == 0.5F && v->in_weight[1] == 2 && v->out_start[1] == 1);
    assert_true(v->features == 4 && v->value_start[2] == 1 && v->value_feature[1] == 3);
    tn_graph_data_free(g);
}

static void neighbourhoods_are_drawn(void **state)
{
    (void)state;
    enum { N = 200 };
    base_str nodes = {0}, edges = {0};
    base_str_add(&nodes, "node\n");
    base_str_add(&edges, "u,v\n");
    for (int i = 0; i < N; i++) {
        base_str_printf(&nodes, "%d\n", i);
        for (int k = 1; k <= 10; k++)
            base_str_printf(&edges, "%d,%d\n", i, (i * 7 + k * k) % N);
    }
    tn_graph_data *g = graph_of(nodes.text, edges.text, NULL, NULL);
    assert_non_null(g);
    const tn_graph_view *v = tn_graph_data_view(g);
    const int64_t seeds[] = {5, 9, 5}, turned[] = {9, 5};
    tn_graph_sample a, b;
    assert_int_equal(tn_graph_data_sample(context, g, seeds, 3, (const int[]){4, 3}, 2, 77, &a), TN_OK);
    assert_int_equal(tn_graph_data_sample(context, g, turned, 2, (const int[]){4, 3}, 2, 77, &b), TN_OK);
    assert_true(a.node[0] == 5 && a.node[1] == 9 && a.nodes == b.nodes && a.edges == b.edges);
    assert_true(a.start[1] == 4 && a.start[2] == 8);
    for (int64_t t = 0; t < a.nodes; t++)
        for (int64_t i = a.start[t]; i < a.start[t + 1]; i++) {
            bool there = false;
            assert_int_equal(a.target[i], t);
            for (int64_t k = v->in_start[a.node[t]]; k < v->in_start[a.node[t] + 1]; k++)
                there |= v->in_source[k] == a.node[a.source[i]];
            assert_true(there);
            for (int64_t k = a.start[t]; k < i; k++)
                assert_int_not_equal(a.source[k], a.source[i]);
        }
    int64_t drawn[N] = {0}; /* whom 5 has, whatever the order of seeds */
    for (int64_t i = a.start[0]; i < a.start[1]; i++)
        drawn[a.node[a.source[i]]]++;
    for (int64_t i = b.start[1]; i < b.start[2]; i++)
        drawn[b.node[b.source[i]]]--;
    for (int i = 0; i < N; i++)
        assert_int_equal(drawn[i], 0);
    tn_graph_sample_free(&a);
    tn_graph_sample_free(&b);
    assert_int_equal(tn_graph_data_sample(context, g, seeds, 1, (const int[]){0}, 1, 1, &a), TN_OK);
    assert_int_equal(a.edges, v->in_start[6] - v->in_start[5]);
    tn_graph_sample_free(&a);
    assert_int_equal(tn_graph_data_sample(context, g, (const int64_t[]){N}, 1, (const int[]){0}, 1, 1, &a), TN_INVALID);
    tn_graph_data_free(g);
    base_str_free(&nodes);
    base_str_free(&edges);
}

static void what_is_wrong_is_told(void **state)
{
    (void)state;
    const struct {
        const char *nodes, *edges, *features;
        tn_graph_data_opt opt;
        const char *says;
    } wrong[] = {
        {"node\na\nb\na\n", NULL, NULL, {0}, "rows 1 and 3 of the table of nodes are the same node"},
        {"node\n0\n1\n", "u,v\n0,1\n1,2\n", NULL, {0}, "row 2 of the table of edges: there is no node"},
        {"node\na\n", "u,v\na,c\n", NULL, {0}, "there is no node \"c\""},
        {"node\n0\n", "u\n0\n", NULL, {0}, "at least 2 are due"},
        {"node\n0\n", "u,v\n0,0\n", NULL, {.weight = "w"}, "the table of edges has no column \"w\""},
        {"node\n0\n", NULL, "n,f\n0,-1\n", {0}, "row 1 of the table of features"},
        {"node\n0\n", NULL, NULL, {.label = "y"}, "the table of nodes has no column \"y\""},
        {"node\n", NULL, NULL, {0}, "with one at least"},
        {"node,a\n0,1\n1,nan\n",
         NULL,
         NULL,
         {0},
         "t.csv: row 2 of the table of nodes, column \"a\": the value is missing"},
        {"node,a\n0,1\n1,inf\n", NULL, NULL, {0}, "row 2 of the table of nodes, column \"a\": the value"},
        {"node,a\n0,1e40\n1,\n", NULL, NULL, {0}, "row 1 of the table of nodes, column \"a\": the value"},
        {"node\n0\n", NULL, "n,f,v\n0,0,1\n0,1,-inf\n", {0}, "row 2 of the table of features, column \"v\""},
        {"node\n0\n1\n", "u,v,w\n0,1,1\n1,0,nan\n", NULL, {.weight = "w"}, "row 2 of the table of edges, column \"w\""},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_null(graph_of(wrong[i].nodes, wrong[i].edges, wrong[i].features, &wrong[i].opt));
        if (!strstr(tn_context_error(context), wrong[i].says))
            fail_msg("\"%s\" does not have \"%s\"", tn_context_error(context), wrong[i].says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(graphs_have_both_directions),
        cmocka_unit_test(neighbourhoods_are_drawn),
        cmocka_unit_test(what_is_wrong_is_told),
    };
    return cmocka_run_group_tests(tests, context_begin, context_end);
}
