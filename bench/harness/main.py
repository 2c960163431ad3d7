"""The harness of the benchmark; bench/bench starts it. See bench/README.md."""
import argparse
import datetime
import json
import os
import sys
import time

import extras
import machine as machines
import measure
import places
import precision
import programs
import report
from data_rows import DATA, DataRow
from rows import ALL, STARTUP

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, "build", "release")
EXTRAS = {"scaling": "the same rows on one thread and on all", "curves": "cost against batch, depth and length",
          "size": "bytes of what is installed"}


def arguments():
    p = argparse.ArgumentParser(prog="bench", description="Measures Tarn beside its peers; see bench/README.md.")
    p.add_argument("rows", nargs="*", metavar="ROW", help="rows to run (default: all but `precision`; `data`: those about data; "
                   "`precision`: training in bf16 and in f32 to the end)")
    p.add_argument("--quick", action="store_true", help="a first look in a few minutes: one short round, no compilers that are slow to start, no bf16")
    p.add_argument("--brief", action="store_true", help="leave compilers that are slow to start (PyTorch's, XLA) out of the rows in bf16")
    p.add_argument("--rounds", type=int, help="rounds of all programs (default 5; quick 1)")
    p.add_argument("--seconds", type=float, help="how long a program runs in a round, at least one step (default 0.5; quick 0.2)")
    p.add_argument("--threads", type=int, default=2, help="processors and threads for each program (default 2)")
    p.add_argument("--no-peers", action="store_true", help="Tarn alone")
    p.add_argument("--tarn", default=os.path.join(BUILD, "tarn"), help="the program (default build/release/tarn)")
    p.add_argument("--no-files", action="store_true", help="print only: write neither results nor the page")
    p.add_argument("--page", action="store_true", help="write the page anew from the results that are there, and end")
    p.add_argument("--list", action="store_true", help="list the rows and end")
    p.add_argument("--peers-python", default="none", help=argparse.SUPPRESS)
    p.add_argument("--cache", default=os.path.expanduser("~/.cache/tarn-bench"), help=argparse.SUPPRESS)
    options = p.parse_args()
    usual = {**{r.name: r for r in [*ALL, *DATA]}, **{name: name for name in EXTRAS}}
    known = {**usual, **{r.name: r for r in precision.PRECISION}}
    groups = {"data": DATA, "precision": precision.PRECISION}
    options.rows = [n for r in options.rows for n in ([d.name for d in groups[r]] if r in groups else [r])]
    wrong = [r for r in options.rows if r not in known]
    if wrong:
        p.error(f"there is no row {wrong[0]}; there are: {' '.join(known)}")
    options.rounds = (1 if options.quick else 5) if options.rounds is None else options.rounds
    options.seconds = (0.2 if options.quick else 0.5) if options.seconds is None else options.seconds
    options.root = ROOT
    options.warm = 0.5 if options.quick else 3.0  # seconds of first steps
    if options.rounds < 1 or options.threads < 1 or not options.seconds > 0:
        p.error("--rounds and --threads must be at least 1, --seconds above 0")
    options.chosen = [known[r] for r in options.rows] or list(usual.values())
    if options.quick and not options.rows:
        options.chosen = [r for r in options.chosen if r not in ("scaling", "curves") and not getattr(r, "half", False)]
    return options


def show(result):
    print(f"\n{result['title']}")
    for key in sorted(result.get("programs", {}), key=lambda k: result["programs"][k]["median_seconds"]):
        p = result["programs"][key]
        print(f"  {p['name']:22} {report.duration(p['median_seconds']):>10}   ({report.duration(p['min_seconds'])} to "
              f"{report.duration(p['max_seconds'])})   {report.megabytes(p.get('peak_bytes')):>8}   {p.get('details') or ''}")
    if "ratios" in result:
        print("  " + "; ".join(f"{report.NAMES[k]} {r:.2f} times (goal {result['goals'].get(k, 1):g})" for k, r in result["ratios"].items()))
    elif "ratio" in result:
        said = f"{result['ratio']:.2f} times as fast as the best peer"
        if "pytorch_ratio" in result:
            said += f", {result['pytorch_ratio']:.2f} times as fast as PyTorch (goal {result['goal']:g})"
        if "memory_share" in result:
            said += f", {100 * result['memory_share']:.0f}% of the smallest peer's memory"
        print("  Tarn is " + said)
    sys.stdout.flush()


def in_f32(row, found, options):
    """The programs of the row's form in f32, of this run or an earlier one; None if it never ran."""
    name = row.name.removesuffix("_bf16")
    result = found.get(name) or report.load(options.results).get(name, {})
    return result.get("programs")


def run(row, kinds, options, machine, found):
    if row == "scaling":
        return extras.run_scaling(kinds, options, machine)
    if row == "curves":
        return extras.run_curves(kinds, options, machine)
    if row == "size":
        return extras.run_size(options, BUILD)
    if isinstance(row, precision.PrecisionRow):
        return precision.run(row, options)
    if isinstance(row, DataRow):
        return measure.run_data(row, programs.data_kinds(BUILD, None if options.no_peers else options.peers_python), options)
    if row is STARTUP:
        return measure.run_startup(row, kinds, options, machine)
    return measure.run_row(row, kinds, options, machine, in_f32(row, found, options) if row.half else None)


def keep(result, name, folder):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name + ".json"), "w", encoding="utf-8") as file:
        json.dump(result, file, indent=1)
        file.write("\n")


def main():
    options, begin = arguments(), time.monotonic()
    if options.list:
        for r in [*ALL, *DATA, *precision.PRECISION]:
            print(f"{r.name:24} {r.title}")
        for name, title in EXTRAS.items():
            print(f"{name:24} {title}")
        return 0
    if options.page:
        places.write(ROOT)
        return 0
    options.logs = os.path.join(options.cache, "logs")
    os.makedirs(options.logs, exist_ok=True)
    machine = machines.describe(BUILD, options.threads)
    options.threads = machine["threads"]
    options.near = (lambda: machines.are_near(BUILD)) if options.threads > 1 else lambda: None
    options.results = places.folder(ROOT, places.of(ROOT, machine["processor"]))
    kinds = programs.kinds(options.tarn, None if options.no_peers else options.peers_python,
                           lambda row: row is not STARTUP and not options.quick and not (options.brief and row.half))
    if not any(k.is_tarn for k in kinds):
        programs.warn(f"there is no {options.tarn}: the peers run alone")
    print(f"{machine['processor']}, {machine['threads']} threads on processors {machine['pinned_to']}; limits: {machine['limits']}")
    found = {}
    for row in options.chosen:
        result = found[row if isinstance(row, str) else row.name] = run(row, kinds, options, machine, found)
        result["machine"], result["date"] = machine, datetime.date.today().isoformat()
        show(result)
        if not options.no_files and result.get("programs") != {}:
            keep(result, result["row"], options.results)
            places.write(ROOT)  # after each row: nothing is lost when a run is stopped
    print(f"\n{(time.monotonic() - begin) / 60:.1f} minutes")
    return 0


sys.exit(main())
