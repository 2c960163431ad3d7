"""The harness of the benchmark; bench/bench starts it. See bench/README.md."""
import argparse
import datetime
import json
import os
import sys

import machine as machines
import measure
import programs
import report
from rows import ROWS, STARTUP

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def arguments():
    p = argparse.ArgumentParser(prog="bench", description="Measures Tarn beside its peers; see bench/README.md.")
    p.add_argument("rows", nargs="*", metavar="ROW", help="rows to run (default: all)")
    p.add_argument("--rounds", type=int, default=5, help="rounds of all programs (default 5)")
    p.add_argument("--seconds", type=float, default=1.0, help="how long a program runs in a round (default 1)")
    p.add_argument("--threads", type=int, default=2, help="processors and threads for each program (default 2)")
    p.add_argument("--no-peers", action="store_true", help="Tarn alone")
    p.add_argument("--tarn", default=os.path.join(ROOT, "build", "release", "tarn"), help="the program (default build/release/tarn)")
    p.add_argument("--no-files", action="store_true", help="print only: write neither results nor the page")
    p.add_argument("--list", action="store_true", help="list the rows and end")
    p.add_argument("--peers-python", default="none", help=argparse.SUPPRESS)
    p.add_argument("--cache", default=os.path.expanduser("~/.cache/tarn-bench"), help=argparse.SUPPRESS)
    options = p.parse_args()
    known = {r.name: r for r in [*ROWS, STARTUP]}
    wrong = [r for r in options.rows if r not in known]
    if wrong:
        p.error(f"there is no row {wrong[0]}; there are: {' '.join(known)}")
    if options.rounds < 1 or options.threads < 1 or not options.seconds > 0:
        p.error("--rounds and --threads must be at least 1, --seconds above 0")
    options.chosen = [known[r] for r in options.rows] or list(known.values())
    return options


def show(result):
    print(f"\n{result['title']}")
    for key in sorted(result["programs"], key=lambda k: result["programs"][k]["median_seconds"]):
        p = result["programs"][key]
        print(f"  {p['name']:22} {report.duration(p['median_seconds']):>10}   ({report.duration(p['min_seconds'])} to "
              f"{report.duration(p['max_seconds'])})   {report.megabytes(p.get('peak_bytes')):>8}   {p.get('details') or ''}")
    if "ratio" in result:
        said = f"{result['ratio']:.2f} times as fast as the best peer (goal {result['goal']:g})"
        if "memory_share" in result:
            said += f", {100 * result['memory_share']:.0f}% of the smallest peer's memory"
        print("  Tarn is " + said)
    sys.stdout.flush()


def main():
    options = arguments()
    if options.list:
        for r in [*ROWS, STARTUP]:
            print(f"{r.name:20} {r.title}")
        return 0
    options.logs = os.path.join(options.cache, "logs")
    os.makedirs(options.logs, exist_ok=True)
    machine = machines.describe(os.path.join(ROOT, "build", "release"), options.threads)
    options.threads = machine["threads"]
    kinds = programs.kinds(options.tarn, None if options.no_peers else options.peers_python)
    if not any(k.is_tarn for k in kinds):
        programs.warn(f"there is no {options.tarn}: the peers run alone")
    print(f"{machine['processor']}, {machine['threads']} threads on processors {machine['pinned_to']}; limits: {machine['limits']}")
    for row in options.chosen:
        result = (measure.run_startup if row is STARTUP else measure.run_row)(row, kinds, options, machine)
        result["machine"] = machine
        result["date"] = datetime.date.today().isoformat()
        show(result)
        if not options.no_files and result["programs"]:
            folder = os.path.join(ROOT, "bench", "results")
            os.makedirs(folder, exist_ok=True)
            with open(os.path.join(folder, row.name + ".json"), "w", encoding="utf-8") as file:
                json.dump(result, file, indent=1)
                file.write("\n")
    if not options.no_files:
        report.write(ROOT, [r.name for r in [*ROWS, STARTUP]])
    return 0


sys.exit(main())
