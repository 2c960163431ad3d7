"""Plots of what was measured, as SVG."""
import math
from html import escape

COLORS = {"tarn": "#0072b2", "pytorch_eager": "#d55e00", "pytorch_compiled": "#e69f00", "onnxruntime": "#009e73",
          "tensorflow": "#56b4e9", "jax": "#cc79a7"}
NAMES = {"tarn": "Tarn", "pytorch_eager": "PyTorch eager", "pytorch_compiled": "PyTorch compiled", "onnxruntime": "ONNX Runtime",
         "tensorflow": "TensorFlow", "jax": "JAX", "torchvision": "torchvision", "pillow_simd": "Pillow-SIMD", "tf_data": "tf.data", "pandas": "pandas",
         "pyarrow": "pyarrow", "tokenizers": "tokenizers", "librosa": "librosa", "torch_stft": "PyTorch"}
ORDER = list(COLORS)
PER = {"batch": "sample", "depth": "layer", "sequence": "step"}
FONT = "font-family=\"'DejaVu Sans',Verdana,Arial,sans-serif\""


def duration(seconds):
    for unit, scale in (("s", 1), ("ms", 1e3)):
        if seconds * scale >= 1:
            return f"{seconds * scale:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"


def svg(width, height, parts):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
            f'font-size="12" {FONT} fill="#222">\n<rect width="{width}" height="{height}" fill="#fff"/>\n'
            + "\n".join(parts) + "\n</svg>\n")


def text(x, y, words, **options):
    extra = "".join(f' {k.replace("_", "-")}="{v}"' for k, v in options.items())
    return f'<text x="{x:.1f}" y="{y:.1f}"{extra}>{escape(words)}</text>'


def bars(rows):
    """For each row the programs' times as bars, relative to the slowest."""
    left, width, bar, gap = 190, 420, 16, 34
    parts, y = [text(16, 24, "Time per step, less is better", font_size=16, font_weight=600)], 40
    for r in rows:
        times = {k: r["programs"][k]["median_seconds"] / (r.get("parts") or 1) for k in ORDER if k in r["programs"]}
        if not times:
            continue
        parts.append(text(16, y + 12, r["title"], font_weight=600))
        y += 20
        for key, seconds in times.items():
            length = max(1.0, width * seconds / max(times.values()))
            parts.append(text(left - 8, y + 12, NAMES[key], text_anchor="end", fill="#555")
                         + f'<rect x="{left}" y="{y}" width="{length:.1f}" height="{bar - 2}" fill="{COLORS[key]}"/>'
                         + text(left + length + 6, y + 12, duration(seconds), fill="#555"))
            y += bar
        y += gap - 20
    return svg(720, y, parts)


def axis(low, high):
    """Powers of ten around the values."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    return first, max(last, first + 1)


def curve(row, x0, y0, width, height):
    """Time per sample or layer against their number, both logarithmic."""
    sizes = sorted(int(b) for b in row["points"])
    series = {}
    for size in sizes:
        for key, p in row["points"][str(size)]["programs"].items():
            series.setdefault(key, []).append((size, p["median_seconds"] / size))
    if not series:
        return []
    values = [v for points in series.values() for _, v in points]
    first, last = axis(min(values), max(values))
    right = math.log2(max(sizes[-1] / sizes[0], 2))

    def at(size, value):
        return x0 + width * math.log2(size / sizes[0]) / right, y0 + height * (last - math.log10(value)) / (last - first)

    parts = [text(x0, y0 - 10, f"{row['title'].split(',')[0]}: time per {PER[row['axis']]} against the {row['axis']}", font_weight=600)]
    for power in range(first, last + 1):
        _, y = at(sizes[0], 10.0 ** power)
        parts.append(f'<line x1="{x0}" y1="{y:.1f}" x2="{x0 + width}" y2="{y:.1f}" stroke="#ddd"/>'
                     + text(x0 - 6, y + 4, duration(10.0 ** power), text_anchor="end", fill="#555"))
    for size in sizes:
        x, _ = at(size, values[0])
        parts.append(text(x, y0 + height + 18, str(size), text_anchor="middle", fill="#555"))
    for key, points in series.items():
        where = [at(*p) for p in points]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in where)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{COLORS[key]}" stroke-width="2"/>'
                     + "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{COLORS[key]}"/>' for x, y in where)
                     + text(where[-1][0] + 8, where[-1][1] + 4, NAMES[key], fill=COLORS[key]))
    return parts


def curves(rows):
    parts, y = [], 50
    for row in rows:
        parts += curve(row, 80, y, 420, 200)
        y += 270
    return svg(640, y - 20, parts)
