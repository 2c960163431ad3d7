"""Runs a row: all its programs at once, round by round, and what their figures say."""
import math
import os
import statistics
import time

import data
from programs import Failed, NotThisRow, Program, start_once, warn
from report import NAMES

LONG_PAUSE = 1.5  # loaders of the last program go on until their queues are full
PAUSE = 0.1  # threads of the last program may spin for a while after it has answered
COMPARED_STEPS = 20
UPDATES = 3  # steps of an optimizer alone after which parameters are compared
LONG_STEP = 1.0  # seconds
PATIENCE = 6.0  # and to wait for processors to be moved together again
TRIES = 3  # of a round
PROFILED = 12  # nodes that are kept of a profile


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


def warm_up(program, row, options):
    """First steps, whose losses are compared: up to COMPARED_STEPS, fewer when they take long. Then some more; returns how
    many steps make a round."""
    if row.parameters:
        step = program.run(UPDATES)[-1]
    else:
        program.run(1)
        step = program.run(1)[0]
        step = min(program.run(max(1, min(COMPARED_STEPS - 2, int(options.warm / step)))))
    if step > options.seconds:
        return 1
    program.run(max(1, min(5000, int(options.seconds * 0.4 / step))))
    step = statistics.median(program.run(max(1, min(5000, int(options.seconds * 0.2 / step)))))
    return max(1, min(20000, int(options.seconds / step)))


def figures(program):
    steps = [s for r in program.rounds for s in r]
    medians = [statistics.median(r) for r in program.rounds]
    return {"name": program.hello.get("name", program.kind.key), "version": program.hello.get("version"),
            "isa": program.hello.get("isa"),
            "details": "; ".join(filter(None, [program.hello.get("details"), program.setup.get("details")])),
            "median_seconds": statistics.median(steps), "min_seconds": min(medians), "max_seconds": max(medians),
            "fastest_step_seconds": min(steps), "steps": len(steps), "far_rounds": program.far, "setup_seconds": round(program.setup_seconds, 3),
            "first_step_seconds": program.setup.get("first_step_seconds"), "peak_bytes": program.peak_bytes(),
            "memory": {k: program.setup[k] for k in ("buffer_bytes", "state_bytes") if k in program.setup},
            "first_losses": program.losses[:COMPARED_STEPS], "outputs": (program.outputs or [])[:32]}


def disagreement(row, of, reference):
    """A sentence, or None when both computed the same."""
    if not row.bounded:
        if len(of["outputs"]) != len(reference["outputs"]):
            return "no outputs to compare"
        for a, b in zip(of["outputs"], reference["outputs"]):
            if abs(a - b) > row.tolerance * max(1.0, abs(b)):
                return f"its first batch or file is {of['outputs']}, that of {reference['name']} {reference['outputs']}"
        return None
    if row.train:
        n = min(len(of["first_losses"]), len(reference["first_losses"]), COMPARED_STEPS)
        if n == 0:
            return "no losses to compare"
        a, b = of["first_losses"][:n], reference["first_losses"][:n]
        if not row.random and not abs(a[0] - b[0]) <= (0.03 if row.half else 2e-3) * abs(b[0]):
            return f"the first loss is {a[0]:.5f}, that of {reference['name']} {b[0]:.5f}"
        mean_a, mean_b = statistics.fmean(a), statistics.fmean(b)
        if not math.isfinite(mean_a) or abs(mean_a - mean_b) > row.tolerance * abs(mean_b):
            return f"the mean loss of {n} first steps is {mean_a:.4f}, that of {reference['name']} {mean_b:.4f}"
        return None
    a, b = of["outputs"], reference["outputs"]
    if not a or not b or len(a) != len(b):
        return "no outputs to compare"
    worst = max(abs(x - y) for x, y in zip(a, b)) / max(1.0, *(abs(y) for y in b))
    return None if worst <= (0.05 if row.half else 1e-3) else f"outputs differ from those of {reference['name']} by {worst:.2g}"


def judge(row, programs, machine, full=None):
    """The ratios to the best peer and to PyTorch, and how near the bound Tarn comes. `full` are the peers of the same row in
    f32: where a peer is faster so, this is what counts."""
    peers = {k: p for k, p in programs.items() if k != "tarn" and not p.get("disagrees")}
    peers.update({f"{k}, f32": p for k, p in (full or {}).items() if k != "tarn" and not p.get("disagrees")})
    tarn = programs.get("tarn")
    result = {"goal": row.goal}
    limits = machine.get("limits")
    if limits and row.name != "startup":
        compute = row.flops() / (limits[f"{row.precision}_gflops"] * 1e9)
        memory = row.bytes() / (limits["copy_gbytes_per_second"] * 1e9)
        result["bound"] = {"flops": row.flops(), "bytes": row.bytes(), "seconds": max(compute, memory),
                           "by": "arithmetic" if compute >= memory else "memory"}
        if tarn:
            result["bound"]["share"] = max(compute, memory) / tarn["median_seconds"]
    if peers:
        best = min(peers, key=lambda k: peers[k]["median_seconds"])
        result["best_peer"] = best
        if tarn and not tarn.get("disagrees"):
            result["ratio"] = peers[best]["median_seconds"] / tarn["median_seconds"]
            torch = [p["median_seconds"] for k, p in peers.items() if k.startswith("pytorch")]
            if torch:
                result["pytorch_ratio"] = min(torch) / tarn["median_seconds"]
            result["reached"] = result["ratio"] >= 1 and result.get("pytorch_ratio", result["ratio"]) >= row.goal
            lightest = min((p["peak_bytes"] for p in peers.values() if p["peak_bytes"]), default=None)
            if lightest and tarn["peak_bytes"]:
                result["memory_share"] = tarn["peak_bytes"] / lightest
    return result


def judge_data(row, programs):
    """The ratio to each peer, to the best of them, and whether the row's goals are reached."""
    tarn = programs.get("tarn")
    peers = {k: p for k, p in programs.items() if k != "tarn" and not p.get("disagrees")}
    result = {"goals": dict(row.goals), "unit": row.unit}
    if not tarn or tarn.get("disagrees") or not peers:
        return result
    result["ratios"] = {k: p["median_seconds"] / tarn["median_seconds"] for k, p in peers.items()}
    result["best_peer"] = min(result["ratios"], key=result["ratios"].get)
    result["ratio"] = result["ratios"][result["best_peer"]]
    result["reached"] = all(r >= dict(row.goals).get(k, 1.0) for k, r in result["ratios"].items())
    lightest = min((p["peak_bytes"] for p in peers.values() if p["peak_bytes"]), default=None)
    if lightest and tarn["peak_bytes"]:
        result["memory_share"] = tarn["peak_bytes"] / lightest
    return result


def profile(program, steps):
    """Where Tarn's time goes: the nodes that take longest."""
    answer = program.ask(f"profile {max(1, min(50, steps))}")
    return {"seconds": answer["seconds"], "count": answer["count"], "nodes": answer["nodes"][:PROFILED]}


def await_near(near, patience):
    """Waits until the processors are near each other, or for as long; whether they are (None: nobody knows)."""
    end = time.monotonic() + patience
    while (said := near()) is False and time.monotonic() < end:
        time.sleep(PAUSE)
    return said


def turn(p, run, near, patience):
    """A round of one program, again if the processors were moved apart before or meanwhile; at last as they are."""
    for _ in range(TRIES):
        far = await_near(near, patience) is False
        seconds = run()
        if not seconds:
            return
        far = far or near() is False
        if not far:
            break
    p.rounds.append(seconds)
    p.far += far


def take_turns(programs, steps, rounds, attempt, near, pause=PAUSE):
    """Rounds in which each program runs while the others wait; another one begins in each. Long steps get fewer rounds."""
    if programs and max(p.last_seconds for p in programs) > LONG_STEP:
        rounds = min(rounds, 3)
    for r in range(rounds):
        first = r % len(programs) if programs else 0
        for p in programs[first:] + programs[:first]:
            time.sleep(pause)
            turn(p, lambda p=p: attempt(p, lambda: p.run(steps[p])), near, PATIENCE)


def header(row, options, found, failures, rounds):
    return {"row": row.name, "title": row.title, "precision": row.precision, "batch": row.batch, "parts": row.parts,
            "train": row.train, "threads": options.threads, "rounds": rounds, "quick": options.quick,
            "programs": found, "failures": failures}


def run_data(row, kinds, options):
    path, counts = data.make_folder(options.root, os.path.join(options.cache, "data"), options.peers_python)
    result = run_programs(row, path, kinds, options, profiled=False)
    found = result["programs"]
    reference = next((found[k] for k in row.peers if k in found), None)
    compare(row, found, reference)
    return {**result, **judge_data(row, found), "data": True, "count": row.count or counts.get(row.name, 0)}


def compare(row, found, reference):
    for key, f in found.items():
        if reference and f is not reference:
            said = disagreement(row, f, reference)
            if said:
                f["disagrees"] = said
                warn(f"{row.name}: {key} is not compared: {said}")


def run_row(row, kinds, options, machine, full=None):
    path = data.make(row, os.path.join(options.cache, "data"))
    result = run_programs(row, path, kinds, options)
    found, nodes = result["programs"], result.pop("profile")
    # In bf16 everybody rounds elsewhere: predictions are held to ONNX Runtime's, which computes these rows in f32.
    exact = found.get("onnxruntime") if row.half and not row.train else None
    compare(row, found, exact or found.get("pytorch_eager"))
    return {**result, **judge(row, found, machine, full), "profile": nodes}


def run_programs(row, path, kinds, options, profiled=True):
    """All programs of a row in turn: their figures, failures, and where Tarn's time went."""
    programs, failures = start_all(kinds, row, path, options.threads, options.logs)
    nodes = None

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
        steps = {p: attempt(p, lambda p=p: warm_up(p, row, options)) for p in list(programs)}
        take_turns(programs, steps, options.rounds, attempt, options.near, PAUSE if row.bounded else LONG_PAUSE)
        found = {p.kind.key: figures(p) for p in programs}
        for p in [p for p in programs if p.kind.is_tarn and profiled]:
            nodes = attempt(p, lambda p=p: profile(p, steps[p]))
    finally:
        for p in programs:
            p.close()
    rounds = max((len(p.rounds) for p in programs), default=0)
    return {**header(row, options, found, failures, rounds), "profile": nodes}


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
        found[kind.key] = {"name": NAMES[kind.key], "median_seconds": statistics.median(t), "min_seconds": min(t),
                           "max_seconds": max(t), "steps": len(t), "peak_bytes": peaks[kind], "class": answers[kind]}
    reference = found.get("pytorch_eager")
    for f in found.values():
        if reference and f["class"] != reference["class"]:
            f["disagrees"] = f"class {f['class']}, PyTorch says {reference['class']}"
    return {**header(row, options, found, failures, options.rounds), **judge(row, found, machine)}
