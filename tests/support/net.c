/* net.c: see net.h. */
#include "support/net.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

net net_new(void)
{
    net n = {.context = tn_context_new(NULL)};
    n.graph = tn_graph_new(n.context);
    n.state = tn_state_new(n.context);
    return n;
}

void net_free(net *n)
{
    tn_session_free(n->session);
    tn_program_free(n->program);
    tn_state_free(n->state);
    tn_graph_free(n->graph);
    tn_context_free(n->context);
}

static tn_program *program_of(net *n, const tn_compile_opt *opt)
{
    tn_program *p = tn_compile(n->graph, opt);
    if (!p)
        fail_msg("%s", tn_context_error(n->context));
    if (tn_state_init(n->state, n->graph, 1) != TN_OK)
        fail_msg("%s", tn_state_error(n->state));
    return p;
}

void net_compile(net *n, const tn_compile_opt *opt)
{
    n->program = program_of(n, opt);
    n->session = tn_session_new(n->program, n->state);
    assert_non_null(n->session);
}

tn_session *net_session(net *n, const tn_compile_opt *opt)
{
    tn_program *p = program_of(n, opt);
    tn_session *s = tn_session_new(p, n->state);
    tn_program_free(p);
    assert_non_null(s);
    return s;
}

void net_run(tn_session *s, const char *entry, int n_in, const tn_feed *in, int n_out, const tn_feed *out)
{
    if (tn_run(s, entry, n_in, in, n_out, out) != TN_OK)
        fail_msg("%s", tn_session_error(s));
}
