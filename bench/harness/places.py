"""Where results are kept: those of the first processor in bench/results, with the page docs/performance.md; those of any other in a
folder and on a page of its own, since times of two machines say nothing beside each other."""
import collections
import glob
import os
import re

import report

HOME = ""


def slug(processor):
    words = re.sub(r"\(.*?\)", " ", processor).lower()
    return "_".join(re.findall(r"[a-z0-9]+", words)) or "other"


def folder(root, place):
    return os.path.join(root, "bench", "results", place)


def of(root, processor):
    """The place for this processor's results."""
    first = collections.Counter(r["machine"]["processor"] for r in report.load(folder(root, HOME)).values())
    return HOME if not first or first.most_common(1)[0][0] == processor else slug(processor)


def all_places(root):
    return [HOME, *sorted(os.path.basename(p) for p in glob.glob(os.path.join(folder(root, HOME), "*")) if os.path.isdir(p))]


def page_name(place):
    return f"performance_{place}" if place else "performance"


def write(root):
    """Each place's page, which names the others."""
    results = {place: report.load(folder(root, place)) for place in all_places(root)}
    names = {place: next(iter(r.values()))["machine"]["processor"] for place, r in results.items() if r}
    for place, here in results.items():
        links = [f"[{names[p]}]({page_name(p)}.md)" for p in names if p != place]
        report.write(os.path.join(root, "docs"), page_name(place), here, links)
