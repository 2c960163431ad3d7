"""The protocol's side of a peer: reads commands, answers with lines of JSON; see bench/README.md."""
import argparse
import json
import os
import sys


def arguments(**modes):
    p = argparse.ArgumentParser()
    p.add_argument("row")
    p.add_argument("--data", required=True)
    p.add_argument("--threads", type=int, default=2)
    for name, choices in modes.items():
        p.add_argument(f"--{name}", choices=choices, default=choices[0])
    return p.parse_args()


def serve(program):
    """program has hello(), setup() and run(n), which return what is to be answered."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print must not get between the answers
    for line in sys.stdin:
        words = line.split()
        if not words:
            continue
        if words[0] == "quit":
            return
        try:
            if words[0] == "hello":
                answer = program.hello()
            elif words[0] == "setup":
                answer = program.setup()
            elif words[0] == "run":
                answer = program.run(int(words[1]))
            else:
                answer = {"error": f"unknown command {words[0]!r}"}
        except Exception as error:  # the harness shows it; the log has the rest
            import traceback
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"}
        out.write(json.dumps(answer) + "\n")
        out.flush()
