"""Runs a row: all its programs at once, round by round, and what their figures say."""
import math
import os
import statistics
import time

import data
from programs import Failed, NotThisRow, Program, start_once, warn
from report import NAMES

PAUSE = 0.3  # threads of the last program may spin for a while after it has answered
COMPARED_STEPS = 20


def start_all(kinds, row, path, threads, logs):
    programs, failures = [], {}
    for kind in kinds:
        if not kind.takes(row):
            continue
        with open(os.path.join(logs, f"{row.name}.{kind.key}.log"), "w", encoding="utf-8") as log:
            try:
                programs.append(Program(kind, row, path, threads, log))
            except NotThisRow:
                pass
            except Failed as reason:
                failures[kind.key] = str(reason)
                warn(f"{row.name}: {kind.key} is left out: {reason}")
    return programs, failures


def warm_up(program, seconds):
    """Returns how many steps take about that many seconds; a tenth of that, at least 20 steps, are warm-up."""
    first = program.run(COMPARED_STEPS)
    step = statistics.median(first)
    program.run(max(1, min(5000, int(seconds * 0.3 / step))))
    step = statistics.median(program.run(max(3, min(5000, int(seconds * 0.2 / step)))))
    return max(3, min(20000, int(seconds / step)))


def figures(program):
    steps = [s for r in program.rounds for s in r]
    medians = [statistics.median(r) for r in program.rounds]
    return {"median_seconds": statistics.median(steps), "min_seconds": min(medians), "max_seconds": max(medians),
            "fastest_step_seconds": min(steps), "steps": len(steps), "setup_seconds": round(program.setup_seconds, 3),
            "peak_bytes": program.peak_bytes(), "version": program.hello.get("version"), "isa": program.hello.get("isa"),
            "name": program.hello.get("name", program.kind.key),
            "details": "; ".join(filter(None, [program.hello.get("details"), program.setup.get("details")])),
            "first_losses": program.losses[:COMPARED_STEPS], "outputs": program.outputs}


def disagreement(row, of, reference):
    """A sentence, or None when both computed the same."""
    if row.train:
        a, b = of["first_losses"], reference["first_losses"]
        if len(a) < COMPARED_STEPS or len(b) < COMPARED_STEPS:
            return "no losses to compare"
        mean_a, mean_b = statistics.fmean(a), statistics.fmean(b)
        if not math.isfinite(mean_a) or abs(mean_a - mean_b) > (0.1 if row.dropout else 0.01) * mean_b:
            return f"mean loss of the first {COMPARED_STEPS} steps {mean_a:.4f}, {reference['name']} has {mean_b:.4f}"
        return None
    a, b = of["outputs"], reference["outputs"]
    if not a or not b or len(a) != len(b):
        return "no outputs to compare"
    worst = max(abs(x - y) for x, y in zip(a, b))
    return None if worst <= 1e-3 else f"outputs differ from those of {reference['name']} by {worst:.2g}"


def judge(row, programs, machine):
    """The ratio to the best peer, and how near the roofline Tarn comes."""
    peers = {k: p for k, p in programs.items() if k != "tarn" and not p.get("disagrees")}
    tarn = programs.get("tarn")
    result = {"goal": row.goal}
    limits = machine.get("limits")
    if limits and row.name != "startup":
        compute = row.flops() / (limits["f32_gflops"] * 1e9)
        memory = row.bytes() / (limits["copy_gbytes_per_second"] * 1e9)
        result["roofline"] = {"flops": row.flops(), "bytes": row.bytes(), "bound_seconds": max(compute, memory),
                              "bound_by": "arithmetic" if compute >= memory else "memory"}
    if peers:
        best = min(peers, key=lambda k: peers[k]["median_seconds"])
        result["best_peer"] = best
        if tarn and not tarn.get("disagrees"):
            result["ratio"] = peers[best]["median_seconds"] / tarn["median_seconds"]
            lightest = min((p["peak_bytes"] for p in peers.values() if p["peak_bytes"]), default=None)
            if lightest and tarn["peak_bytes"]:
                result["memory_share"] = tarn["peak_bytes"] / lightest
    return result


def run_row(row, kinds, options, machine):
    path = data.make(row, os.path.join(options.cache, "data"))
    programs, failures = start_all(kinds, row, path, options.threads, options.logs)

    def attempt(p, call):
        """call(), or None: then the program is out of the row."""
        try:
            return call()
        except Failed as reason:
            failures[p.kind.key] = str(reason)
            warn(f"{row.name}: {p.kind.key} is left out: {reason}")
            programs.remove(p)
            p.close()
            return None

    try:
        steps = {p: attempt(p, lambda: warm_up(p, options.seconds)) for p in list(programs)}
        for r in range(options.rounds):
            first = r % len(programs) if programs else 0
            for p in programs[first:] + programs[:first]:
                time.sleep(PAUSE)
                seconds = attempt(p, lambda: p.run(steps[p]))
                if seconds:
                    p.rounds.append(seconds)
        found = {p.kind.key: figures(p) for p in programs}
    finally:
        for p in programs:
            p.close()
    reference = found.get("pytorch_eager")
    for key, f in found.items():
        if reference and f is not reference:
            said = disagreement(row, f, reference)
            if said:
                f["disagrees"] = said
                warn(f"{row.name}: {key} is not compared: {said}")
    return {"row": row.name, "title": row.title, "threads": options.threads, "rounds": options.rounds, "programs": found,
            "failures": failures, **judge(row, found, machine)}


def run_startup(row, kinds, options, machine):
    """Fresh processes in turn; the very first start of each, which fills the page cache, is left out."""
    path = data.make(row, os.path.join(options.cache, "data"))
    found, failures, times = {}, {}, {k: [] for k in kinds if k.takes(row)}
    answers, peaks = {}, {}
    for r in range(options.rounds + 1):
        for kind in list(times):
            with open(os.path.join(options.logs, f"{row.name}.{kind.key}.log"), "w", encoding="utf-8") as log:
                try:
                    seconds, answers[kind], peaks[kind] = start_once(kind, path, options.threads, log)
                except (Failed, NotThisRow) as reason:
                    if isinstance(reason, Failed):
                        failures[kind.key] = str(reason)
                        warn(f"{row.name}: {kind.key} is left out: {reason}")
                    del times[kind]
                    continue
            if r > 0:
                times[kind].append(seconds)
    for kind, t in times.items():
        found[kind.key] = {"name": NAMES[kind.key], "median_seconds": statistics.median(t), "min_seconds": min(t), "max_seconds": max(t),
                           "steps": len(t), "peak_bytes": peaks[kind], "class": answers[kind]}
    reference = found.get("pytorch_eager")
    for f in found.values():
        if reference and f["class"] != reference["class"]:
            f["disagrees"] = f"class {f['class']}, PyTorch says {reference['class']}"
    return {"row": row.name, "title": row.title, "threads": options.threads, "rounds": options.rounds, "programs": found,
            "failures": failures, **judge(row, found, machine)}
