"""CSV beside pandas and pyarrow: tables.py FILE READER [RUNS], one line as bench_table prints it. READER is pandas (its C engine), arrow, or
arrow1 (one thread). `tables.py make FOLDER CREDIT ETT TEXT` makes the three files that docs/tables.md speaks of, from the sets of those names."""
import gzip
import os
import resource
import sys
import time


def make(folder, credit, ett, text):
    def lines(path):
        data = open(path, "rb").read()
        return (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode().rstrip("\n").split("\n")

    os.makedirs(folder, exist_ok=True)
    for name, path, times in (("integers", credit, 20), ("floats", ett, 30)):
        header, *rows = lines(path)
        with open(f"{folder}/{name}.csv", "w") as f:
            f.write("\n".join([header] + rows * times) + "\n")
    rows = [",".join('"' + cell.replace('"', '""') + '"' for cell in line.split("\t")) for line in lines(text)]
    with open(f"{folder}/texts.csv", "w") as f:
        f.write("en,zh,by\n" + "\n".join(rows * 10) + "\n")


def reader(name, path):
    if name == "pandas":
        import pandas

        dates = ["date"] if open(path).readline().startswith("date,") else None
        return lambda: pandas.read_csv(path, engine="c", parse_dates=dates)
    import pyarrow.csv

    pyarrow.set_cpu_count(2)
    options = pyarrow.csv.ReadOptions(use_threads=name != "arrow1")
    return lambda: pyarrow.csv.read_csv(path, read_options=options)


def main():
    if sys.argv[1] == "make":
        return make(*sys.argv[2:6])
    path, name = sys.argv[1:3]
    read, best = reader(name, path), 1e30
    for _ in range(int(sys.argv[3]) if len(sys.argv) > 3 else 5):
        start = time.perf_counter()
        table = read()
        best = min(best, time.perf_counter() - start)
    rows = table.shape[0]
    held = table.memory_usage(deep=True).sum() if name == "pandas" else table.nbytes
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(f"{rows} rows in {best * 1e3:.1f} ms: {rows / best / 1e6:.2f} million rows/s, {held / 1e6:.1f} MB held, at most {peak:.0f} MB")


main()
