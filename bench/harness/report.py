"""What was measured, as a page and a picture: docs/performance.md and docs/performance.svg."""
import glob
import json
import os
from html import escape

COLORS = {"tarn": "#0072b2", "pytorch_eager": "#d55e00", "pytorch_compiled": "#e69f00", "onnxruntime": "#009e73"}
NAMES = {"tarn": "Tarn", "pytorch_eager": "PyTorch eager", "pytorch_compiled": "PyTorch compiled", "onnxruntime": "ONNX Runtime"}
ORDER = list(NAMES)


def duration(seconds):
    for unit, scale in (("s", 1), ("ms", 1e3)):
        if seconds * scale >= 1:
            return f"{seconds * scale:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"


def megabytes(count):
    return f"{count / 1e6:.0f} MB" if count else "-"


def load(results, order):
    found = []
    for path in glob.glob(os.path.join(results, "*.json")):
        with open(path, encoding="utf-8") as file:
            found.append(json.load(file))
    return sorted(found, key=lambda r: (order.index(r["row"]) if r["row"] in order else len(order), r["row"]))


def cell(program):
    if not program:
        return "-"
    return duration(program["median_seconds"]) + (" (*)" if program.get("disagrees") else "")


def summary_lines(rows):
    yield "| row | " + " | ".join(NAMES[k] for k in ORDER) + " | Tarn against the best peer | goal | share of the bound |"
    yield "|---|" + "---|" * (len(ORDER) + 3)
    for r in rows:
        tarn, bound = r["programs"].get("tarn"), r.get("roofline")
        ratio = f"**{r['ratio']:.2f}x**" if "ratio" in r else "not measured"
        share = f"{100 * bound['bound_seconds'] / tarn['median_seconds']:.0f}% ({bound['bound_by']})" if tarn and bound else "-"
        yield (f"| {r['title']} | " + " | ".join(cell(r["programs"].get(k)) for k in ORDER)
               + f" | {ratio} | {r['goal']:g}x | {share} |")


def memory_lines(rows):
    yield "| row | " + " | ".join(NAMES[k] for k in ORDER) + " | Tarn's share of the smallest peer |"
    yield "|---|" + "---|" * (len(ORDER) + 1)
    for r in rows:
        share = f"{100 * r['memory_share']:.0f}%" if "memory_share" in r else "not measured"
        yield (f"| {r['title']} | " + " | ".join(megabytes((r["programs"].get(k) or {}).get("peak_bytes")) for k in ORDER)
               + f" | {share} |")


def detail_lines(r):
    yield f"### {r['title']}"
    yield ""
    machine = r["machine"]
    limits = machine.get("limits")
    said = f"{machine['processor']}, {r['threads']} threads"
    if limits:
        said += (f"; measured limits: {limits['f32_gflops']:.0f} GFLOP/s of float32 multiply-adds ({limits['isa']}), "
                 f"{limits['copy_gbytes_per_second']:.1f} GB/s copying")
    yield said + f". {r['rounds']} rounds, {r['date']}."
    bound = r.get("roofline")
    if bound:
        yield (f"A step is {bound['flops'] / 1e6:.3g} million operations and {bound['bytes'] / 1e6:.3g} MB at least: "
               f"{duration(bound['bound_seconds'])}, bound by {bound['bound_by']}. The goal needs "
               f"{needed(r, bound)}.")
    yield ""
    yield "| program | median | rounds' medians | steps | set-up | peak memory | version and options |"
    yield "|---|---|---|---|---|---|---|"
    for key in sorted(r["programs"], key=lambda k: ORDER.index(k) if k in ORDER else 99):
        p = r["programs"][key]
        setup = f"{p['setup_seconds']:.2g} s" if p.get("setup_seconds") is not None else "-"
        words = ", ".join(filter(None, [p.get("version"), p.get("isa"), p.get("details")]))
        yield (f"| {p['name']} | {duration(p['median_seconds'])} | {duration(p['min_seconds'])} to "
               f"{duration(p['max_seconds'])} | {p['steps']} | {setup} | {megabytes(p.get('peak_bytes'))} | {words} |")
    yield ""
    for key, p in r["programs"].items():
        if p.get("disagrees"):
            yield f"(*) {NAMES.get(key, key)} is not compared: {p['disagrees']}."
            yield ""
    for key, reason in r["failures"].items():
        yield f"{NAMES.get(key, key)} did not take part: {reason}"
        yield ""


def needed(r, bound):
    best = r["programs"].get(r.get("best_peer", ""))
    if not best:
        return "a peer to compare with"
    seconds = best["median_seconds"] / r["goal"]
    return f"{bound['flops'] / seconds / 1e9:.3g} GFLOP/s and {bound['bytes'] / seconds / 1e9:.3g} GB/s"


def page(rows):
    yield "# Performance"
    yield ""
    yield "Made by `./run bench`; `bench/README.md` says how it measures. Do not edit: the next run writes it again."
    yield "Times are medians of one step (or of one forward, or of one start); less is better."
    yield ""
    yield from summary_lines(rows)
    yield ""
    yield "![Times beside the best peer's](performance.svg)"
    yield ""
    yield "## Peak memory"
    yield ""
    yield from memory_lines(rows)
    yield ""
    yield "## Details"
    yield ""
    for r in rows:
        yield from detail_lines(r)


def picture(rows):
    """For each row the programs' times as bars, relative to the slowest."""
    left, width, bar, gap = 190, 420, 16, 34
    parts, y = [], 40
    for r in rows:
        times = {k: r["programs"][k]["median_seconds"] for k in ORDER if k in r["programs"]}
        if not times:
            continue
        parts.append(f'<text x="16" y="{y + 12}" font-weight="600">{escape(r["title"])}</text>')
        y += 20
        for key, seconds in times.items():
            length = max(1.0, width * seconds / max(times.values()))
            parts.append(f'<text x="{left - 8}" y="{y + 12}" text-anchor="end" fill="#555">{NAMES[key]}</text>'
                         f'<rect x="{left}" y="{y}" width="{length:.1f}" height="{bar - 2}" fill="{COLORS[key]}"/>'
                         f'<text x="{left + length + 6:.1f}" y="{y + 12}" fill="#555">{duration(seconds)}</text>')
            y += bar
        y += gap - 20
    body = "\n".join(parts)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="720" height="{y}" viewBox="0 0 720 {y}" font-size="12" '
            f"font-family=\"'DejaVu Sans',Verdana,Arial,sans-serif\" fill=\"#222\">\n"
            f'<rect width="720" height="{y}" fill="#fff"/>\n'
            f'<text x="16" y="24" font-size="16" font-weight="600">Time per step, less is better</text>\n{body}\n</svg>\n')


def write(root, order):
    rows = load(os.path.join(root, "bench", "results"), order)
    os.makedirs(os.path.join(root, "docs"), exist_ok=True)
    with open(os.path.join(root, "docs", "performance.md"), "w", encoding="utf-8") as file:
        file.write("\n".join(page(rows)).rstrip() + "\n")
    with open(os.path.join(root, "docs", "performance.svg"), "w", encoding="utf-8") as file:
        file.write(picture(rows))
