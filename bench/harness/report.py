"""What was measured, as a page and pictures: docs/performance.md, docs/performance.svg, docs/performance_curves.svg, and likewise
for other processors (places.py)."""
import glob
import json
import math
import os

import picture
import precision
from picture import NAMES, ORDER, duration
from data_rows import DATA
from rows import ABSENT, ALL
from tried import tried

SHOWN_NODES = 8
MOST_MEMORY, MEMORY_FROM = 0.6, 200e6  # goal: at most so much of PyTorch's peak, on rows where that is above so many bytes
TRAINING, TRAINING_BF16, ONE_SAMPLE = 1.5, 1.7, 1.3  # goals of geometric means: against the best peer, the last against ONNX Runtime
MOST_FIRST_STEP = 1.0  # goal: seconds from nothing to the first training step


def megabytes(count):
    return f"{count / 1e6:.0f} MB" if count else "-"


def counted(n, what):
    return f"{n} {what}{'' if n == 1 else 's'}"


def load(results):
    """By name of the row."""
    found = {}
    for path in sorted(glob.glob(os.path.join(results, "*.json"))):
        with open(path, encoding="utf-8") as file:
            r = json.load(file)
        found[r["row"]] = r
    return found


def table(head, *lines):
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    for line in lines:
        yield "| " + " | ".join(line) + " |"
    yield ""


def remarks(r, before=""):
    """Who is not compared, and who did not take part."""
    for key, p in r["programs"].items():
        if p.get("disagrees"):
            yield f"(*) {before}{NAMES.get(key, key)} is not compared: {p['disagrees']}."
            yield ""
    for key, reason in r["failures"].items():
        yield f"{before}{NAMES.get(key, key)} did not take part: {reason}"
        yield ""


def geometric_mean(values):
    return math.exp(sum(map(math.log, values)) / len(values))


# ---- times ----------------------------------------------------------------------------------------------------------


def cell(program, parts=0):
    if not program:
        return "-"
    return duration(program["median_seconds"] / (parts or 1)) + (" (*)" if program.get("disagrees") else "")


def verdict(r, key, goal):
    if key not in r:
        return "-"
    return f"**{r[key]:.2f}x**" if r[key] >= goal else f"{r[key]:.2f}x"


def share(r):
    bound = r.get("bound") or {}
    least = "" if limits_hold(r["machine"]) else "at least "
    return f"{least}{100 * bound['share']:.0f}% ({bound['by']})" if "share" in bound else "-"


def present(rows):
    """The programs that took part in any of them."""
    return [k for k in ORDER if any(k in r["programs"] for r in rows)]


def times(rows, goal):
    """A table of rows, and their geometric mean with the goal for it, if there is one."""
    keys = present(rows)
    yield from table(["row", *(NAMES[k] for k in keys), "Tarn against the best peer (goal 1x)", "against PyTorch", "its goal",
                      "share of the bound"],
                     *([r["title"], *(cell(r["programs"].get(k), r.get("parts")) for k in keys), verdict(r, "ratio", 1),
                        verdict(r, "pytorch_ratio", r["goal"]), f"{r['goal']:g}x", share(r)] for r in rows))
    for what, mean, due in means(rows, goal):
        yield f"{what}: {mean:.2f}x{f' (goal {due:g}x)' if due else ''}."
        yield ""


def means(rows, goal):
    """What there is a geometric mean of, the mean, its goal."""
    ratios = [r["ratio"] for r in rows if "ratio" in r]
    if len(ratios) > 1:
        yield f"Geometric mean of {len(ratios)} rows", geometric_mean(ratios), goal
    ratios = against_onnxruntime(rows)
    if len(ratios) > 1:
        yield f"Geometric mean of {len(ratios)} forwards of one sample against ONNX Runtime", geometric_mean(ratios), ONE_SAMPLE


def against_onnxruntime(rows):
    """Its times over Tarn's, where one sample goes forward in f32."""
    pairs = [(r["programs"].get("onnxruntime"), r["programs"].get("tarn")) for r in rows
             if not r["train"] and r["batch"] == 1 and r["precision"] == "f32" and r["row"] != "startup" and not r["parts"]]
    return [a["median_seconds"] / b["median_seconds"] for a, b in pairs if a and b and not a.get("disagrees") and not b.get("disagrees")]


def torch_peak(r):
    return min((p["peak_bytes"] for k, p in r["programs"].items() if k.startswith("pytorch") and p.get("peak_bytes")), default=0)


def memory_short(r):
    """Tarn's share of PyTorch's peak where it is more than the goal, else None."""
    ours, theirs = (r["programs"].get("tarn") or {}).get("peak_bytes"), torch_peak(r)
    return ours / theirs if r["train"] and ours and theirs > MEMORY_FROM and ours > MOST_MEMORY * theirs else None


def first_step_short(r):
    """What comes before the first step where it is more than the goal, else None."""
    tarn = r["programs"].get("tarn") or {}
    before = (tarn.get("first_step_seconds") or 0) - tarn.get("median_seconds", 0)
    return before if r["train"] and before > MOST_FIRST_STEP else None


def memory(rows):
    keys = present(rows)
    yield from table(["row", *(NAMES[k] for k in keys), "Tarn's share of the smallest peer", "Tarn's values and scratch", "Tarn's state"],
                     *([r["title"], *(megabytes((r["programs"].get(k) or {}).get("peak_bytes")) for k in keys),
                        f"{100 * r['memory_share']:.0f}%" if "memory_share" in r else "-",
                        *(megabytes((r["programs"].get("tarn") or {}).get("memory", {}).get(k)) for k in ("buffer_bytes", "state_bytes"))]
                       for r in rows))


def first_step(program):
    seconds = (program or {}).get("first_step_seconds")
    return duration(seconds) if seconds else "-"


def first_steps(rows):
    keys = present(rows)
    yield from table(["row", *(NAMES[k] for k in keys)],
                     *([r["title"], *(first_step(r["programs"].get(k)) for k in keys)] for r in rows))


# ---- data ----------------------------------------------------------------------------------------------------------------


def rate(r, p):
    """Things a second, in the unit that shows them best."""
    value, unit = r["count"] / p["median_seconds"], r["unit"]
    if unit == "bytes":
        return f"{value / 1e6:.1f} MB/s"
    return f"{value / 1e6:.2f} million {unit}/s" if value >= 1e6 else f"{value:,.0f} {unit}/s"


def data_rows(rows):
    for r in rows:
        for key in sorted(r["programs"], key=lambda k: list(NAMES).index(k)):
            p = r["programs"][key]
            least, most = (rate(r, {"median_seconds": p[k]}).split(" ")[0] for k in ("max_seconds", "min_seconds"))
            ratio, goal = r.get("ratios", {}).get(key), r["goals"].get(key, 1.0)
            told = "-" if ratio is None else f"**{ratio:.2f}x**" if ratio >= goal else f"{ratio:.2f}x"
            if p.get("disagrees"):
                told = "(*)"
            words = " ".join(filter(None, [p.get("version"), p.get("details")]))
            yield [r["title"] if key == "tarn" else "", p["name"], rate(r, p), f"{least} to {most}", told, f"{goal:g}x" if key != "tarn" else "",
                   megabytes(p.get("peak_bytes")), words]


def data_page(rows):
    yield "## Data"
    yield ""
    yield "Things a second on their way into a model, more is better: the median of all steps, and the least and largest median of a round."
    yield "The ratio is Tarn's speed over the peer's. Memory is the peak of the process; of PyTorch's and librosa's without that of their"
    yield "worker processes."
    yield ""
    yield from table(["row", "program", "speed", "rounds", "Tarn is", "goal", "peak memory", "version and options"], *data_rows(rows))
    for r in rows:
        yield from remarks(r, f"{r['title']}: ")


# ---- training in bf16 and in f32 --------------------------------------------------------------------------------------------


def precision_page(results):
    if not results:
        return
    yield "## Training in bf16 ends where f32 does"
    yield ""
    yield "`./run bench precision`: recipes run to their end in both, each from several seeds, and then `tarn eval`. A difference of the means"
    yield "is within noise where it is at most that of 95% of such pairs of runs if precision made none (Student's t from the spread of the"
    yield "seeds). What differs from the recipe, to keep runs short, stands with the title."
    yield ""
    yield from table(precision.HEAD, *precision.lines(results))


# ---- besides rows of one size ------------------------------------------------------------------------------------------


def scaling(result):
    for r in result["rows"]:
        threads = sorted(r["threads"], key=int)
        line = [r["title"]]
        for key in ("tarn", "pytorch_eager"):
            seconds = [(r["threads"][t]["programs"].get(key) or {}).get("median_seconds") for t in threads]
            line += [duration(s) if s else "-" for s in (seconds[0], seconds[-1])]
            line.append(f"{seconds[0] / seconds[-1]:.2f}x" if seconds[0] and seconds[-1] else "-")
        yield line


def curves(result):
    for r in result["rows"]:
        for size in sorted(r["points"], key=int):
            programs = r["points"][size]["programs"]
            line = [r["title"].split(",")[0], f"{r['axis']} {size}"]
            for key in ("tarn", "pytorch_eager"):
                p = programs.get(key)
                line += [duration(p["median_seconds"]), duration(p["median_seconds"] / int(size))] if p else ["-", "-"]
            yield line


def sizes(result):
    tarn = result.get("tarn")
    if tarn:
        yield ["Tarn, all that is installed", megabytes(tarn["bytes"])]
        for name, count in sorted(tarn["files"].items()):
            yield [f"of that `{name}`", f"{count / 1e6:.2f} MB"]
    for name, count in result.get("peers", {}).items():
        yield [f"the Python package {name}", megabytes(count)]


def others(results, name):
    if "scaling" in results:
        yield "### From one thread to all"
        yield ""
        head = [f"{name}, {what}" for name in ("Tarn", "PyTorch eager") for what in ("1 thread", "all threads", "gain")]
        yield from table(["row", *head], *scaling(results["scaling"]))
    if "curves" in results:
        yield "### Cost against batch, depth and length"
        yield ""
        yield f"![Time per sample against the batch, per layer against the depth, per step against the length]({name}_curves.svg)"
        yield ""
        head = [f"{name}, {what}" for name in ("Tarn", "PyTorch eager") for what in ("a step", "of that a sample, layer or step")]
        yield from table(["net", "size", *head], *curves(results["curves"]))
    if "size" in results:
        yield "### What is installed"
        yield ""
        yield from table(["what", "size"], *sizes(results["size"]))


# ---- rows one by one -----------------------------------------------------------------------------------------------------


def node_lines(r):
    """Where Tarn's time goes."""
    profile = r["profile"]
    yield (f"Where Tarn's time goes, node by node (the longest of {profile['count']}, which take "
           f"{duration(profile['seconds'])} together when each is timed):")
    yield ""
    nodes, limits = profile["nodes"][:SHOWN_NODES], r["machine"].get("limits")
    lines = []
    for n in nodes:
        s = n["seconds"] or 1e-12
        line = [f"`{n['node']}`", f"`{n['kernel']}`", f"{1e3 * s:.3g} ms", f"{100 * s / profile['seconds']:.0f}%",
                f"{n['flops'] / s * 1e-9:.3g}", f"{n['bytes'] / s * 1e-9:.3g}"]
        if limits:
            least = max(n["flops"] / limits[f"{r['precision']}_gflops"], n["bytes"] / limits["copy_gbytes_per_second"]) * 1e-9
            line.append(f"{100 * least / s:.0f}%")
        lines.append(line)
    yield from table(["node", "kernel", "time", "share", "GFLOP/s", "GB/s", *(["of the bound"] if limits else [])], *lines)


def setup_seconds(p):
    return duration(p["setup_seconds"]) if p.get("setup_seconds") else "-"


def details(r):
    yield f"### {r['title']}"
    yield ""
    machine, bound = r["machine"], r.get("bound")
    yield (f"`{r['row']}`, {r['precision']}, {counted(r['threads'], 'thread')}, {counted(r['rounds'], 'round')}"
           f"{', quick' if r.get('quick') else ''}, {r['date']}.")
    if bound:
        yield (f"A step is {bound['flops'] / 1e6:.3g} million operations and {bound['bytes'] / 1e6:.3g} MB at least: "
               f"{duration(bound['seconds'])}, bound by {bound['by']}. {needed(r, bound, machine)}")
    yield ""
    lines = []
    for key in sorted(r["programs"], key=lambda k: ORDER.index(k) if k in ORDER else 99):
        p = r["programs"][key]
        words = ", ".join(filter(None, [p.get("version"), p.get("isa"), p.get("details")]))
        lines.append([p["name"], duration(p["median_seconds"]), f"{duration(p['min_seconds'])} to {duration(p['max_seconds'])}",
                      str(p["steps"]), setup_seconds(p), megabytes(p.get("peak_bytes")), words])
    yield from table(["program", "median", "rounds' medians", "steps", "set-up", "peak memory", "version and options"], *lines)
    yield from remarks(r)
    if r.get("profile") and not r.get("reached"):
        yield from node_lines(r)
    if r.get("reached") is False and tried(r["row"]):
        yield f"What was tried: {tried(r['row'])}"
        yield ""


def needed(r, bound, machine):
    best = r["programs"].get(r.get("best_peer", ""))
    if not best:  # none, or one of another row
        return ""
    rate = bound["flops"] / (best["median_seconds"] / r["goal"]) * 1e-9
    limit = machine["limits"][f"{r['precision']}_gflops"]
    share = f", {100 * rate / limit:.0f}% of the limit" if limits_hold(machine) else ""
    return f"The goal needs {rate:.3g} GFLOP/s{share}."


# ---- the page ------------------------------------------------------------------------------------------------------------


def limits_hold(machine):
    """Whether threads timed themselves; before, who waited for them did, and might be woken late."""
    return "own_clocks" in (machine.get("limits") or {})


def machine_line(machine):
    said = f"{machine['processor']} ({', '.join(machine['instruction_sets'])}), {machine['threads']} threads, {machine['system']}"
    limits = machine.get("limits")
    if limits:
        said += (f". Measured limits: {limits['f32_gflops']:.0f} GFLOP/s of float32 multiply-adds ({limits['isa']}), "
                 f"{limits['bf16_gflops']:.0f} of bf16, "
                 f"{limits['copy_gbytes_per_second']:.1f} GB/s copying")
    return said + "."


def machines(results):
    """Rows may have been measured at different times: limits then differ a little. Of rows about precision speed does not count."""
    first = {}
    rows = [r for r in results.values() if "runs" not in r]
    for r in sorted(rows, key=lambda r: not limits_hold(r["machine"])):
        first.setdefault((r["machine"]["processor"], r["machine"]["threads"]), r["machine"])
    lines = [machine_line(m) for m in first.values()]
    if not all(limits_hold(r["machine"]) for r in rows):
        lines.append("Shares that are \"at least\" are of older runs, whose limits came out too high on two threads, by up to half.")
    return lines


def data_short(rows):
    for r in rows:
        for key, ratio in r.get("ratios", {}).items():
            goal = r["goals"].get(key, 1.0)
            if ratio < goal:
                yield f"- {r['title']}: {ratio:.2f}x {NAMES[key]} (goal {goal:g}x)"


def short_lines(rows):
    for title, part, goal in sections(rows):
        for what, mean, due in means(part, goal):
            if due and mean < due:
                yield f"- {title}: {what[0].lower()}{what[1:]} {mean:.2f}x (goal {due:g}x)"
    for r in rows:
        if r.get("reached") is False:
            yield (f"- {r['title']}: {r['ratio']:.2f}x the best peer (goal 1x), {r.get('pytorch_ratio', r['ratio']):.2f}x PyTorch "
                   f"(goal {r['goal']:g}x)")
    for r in rows:
        part, seconds = memory_short(r), first_step_short(r)
        if part:
            yield f"- {r['title']}: {100 * part:.0f}% of PyTorch's peak memory (goal {100 * MOST_MEMORY:.0f}%)"
        if seconds:
            yield f"- {r['title']}: {duration(seconds)} before the first step (goal {duration(MOST_FIRST_STEP)})"


def sections(rows):
    """Titles of the tables of times, their rows, the goals of their geometric means."""
    for title, train, half, goal in (("Training", True, False, TRAINING), ("Training in bf16", True, True, TRAINING_BF16),
                                     ("Forwards, updates, starts", False, False, None), ("Forwards in bf16", False, True, None)):
        part = [r for r in rows if r["train"] == train and (r["precision"] != "f32") == half]
        if part:
            yield title, part, goal


def page(results, rows, of_data, name="performance", links=()):
    train = [r for r in rows if r["train"]]
    yield "# Performance"
    yield ""
    yield "Made by `./run bench`; [bench/README.md](../bench/README.md) says how it measures. Do not edit: the next run writes it"
    yield "again. Times are medians of one step (of one forward, one update, one start); less is better. Ratios in bold reach"
    yield "their goal. The share of the bound is how near Tarn comes to the machine's limit, by the count of necessary operations"
    yield "and bytes. In bf16 products and convolutions multiply what was rounded to bf16, weights and sums stay f32 (PyTorch:"
    yield "autocast; TensorFlow and JAX: bf16 between layers too; ONNX Runtime: f32); a peer that is faster in f32 counts with that."
    yield ""
    for line in machines(results):
        yield line
        yield ""
    if links:
        yield f"On other processors: {', '.join(links)}."
        yield ""
    yield f"![Times beside the peers']({name}.svg)"
    yield ""
    for title, part, goal in sections(rows):
        yield f"## {title}"
        yield ""
        yield from times(part, goal)
    if of_data:
        yield from data_page(of_data)
    yield from precision_page([results[r.name] for r in precision.PRECISION if r.name in results])
    short = [*short_lines(rows), *data_short(of_data)]
    if short:
        yield "## What falls short"
        yield ""
        yield "Goals that are not reached. For those of speed, the nodes that take the time, and what was tried, stand below with the row."
        yield ""
        yield from short
        yield ""
    yield "## What is not there yet"
    yield ""
    yield from table(["row", "why"], *map(list, ABSENT))
    if train:
        yield "## Peak memory of training"
        yield ""
        yield from memory(train)
    if rows:
        yield "## To the first step"
        yield ""
        yield "From nothing built to the end of the first step, compiling included; a peer's compiler may find what it made in an"
        yield "earlier run."
        yield ""
        yield from first_steps([r for r in rows if r["row"] != "startup"])
    if any(name in results for name in ("scaling", "curves", "size")):
        yield "## Besides"
        yield ""
        yield from others(results, name)
    yield "## Rows one by one"
    yield ""
    for r in rows:
        yield from details(r)


def write(docs, name, results, links):
    """The page `name` and its pictures; links: to the pages of other processors."""
    rows = [results[r.name] for r in ALL if r.name in results]
    os.makedirs(docs, exist_ok=True)
    of_data = [results[r.name] for r in DATA if r.name in results]
    pages = {name + ".md": "\n".join(page(results, rows, of_data, name, links)).rstrip() + "\n", name + ".svg": picture.bars(rows)}
    if "curves" in results:
        pages[name + "_curves.svg"] = picture.curves(results["curves"]["rows"])
    for path, contents in pages.items():
        with open(os.path.join(docs, path), "w", encoding="utf-8") as file:
            file.write(contents)
