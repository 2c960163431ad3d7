/* net.h: a graph with its state, compiled and run, for tests of programs. */
#ifndef TEST_NET_H
#define TEST_NET_H

#include <tarn/program.h>

typedef struct net {
    tn_context *context;
    tn_graph *graph;
    tn_state *state;
    tn_program *program;
    tn_session *session;
} net;

net net_new(void);
void net_free(net *n);
/* Program and session, the state filled; or the test fails. */
void net_compile(net *n, const tn_compile_opt *opt);
/* The session of another program of the same graph, on the same state. */
tn_session *net_session(net *n, const tn_compile_opt *opt);
/* Runs, or the test fails. */
void net_run(tn_session *s, const char *entry, int n_in, const tn_feed *in, int n_out, const tn_feed *out);

#endif
