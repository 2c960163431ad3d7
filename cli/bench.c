/* bench.c: tarn bench: how fast this machine runs small standard nets, without peers; the rows with peers are bench/bench. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"

static int run(const cli_args *a)
{
    (void)a;
    return cli_usage(&cli_bench);
}

const cli_command cli_bench = {"bench",
                               "bench [ROW] [--serve --data FILE] [--threads N]",
                               "Times training steps and predictions.",
                               run,
                               "serve data",
                               false};
