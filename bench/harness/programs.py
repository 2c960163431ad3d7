"""Programs that take part: started as processes, spoken to by lines; see bench/README.md."""
import json
import mmap
import os
import select
import subprocess
import sys
import time

from rows import ALL

HERE = os.path.dirname(os.path.abspath(__file__))
PEERS = os.path.join(os.path.dirname(HERE), "peers")
MOST_TOUCHED, TOUCHED_EACH = 4 << 30, 16  # bytes; for each byte of first weights and batches
PATIENCE = {"hello": 120, "setup": 600, "run": 600, "profile": 600}


class Failed(Exception):
    """The program said, or showed, that it cannot go on; the text is a sentence."""


class NotThisRow(Exception):
    """The program does not do this row, and said so."""


class Kind:
    """What can be started: Tarn, or one of the peers in one of its modes."""

    def __init__(self, key, command, is_tarn=False, rows=None):
        self.key, self.command, self.is_tarn, self.rows = key, command, is_tarn, rows

    def takes(self, row):
        return self.rows is None or self.rows(row)


def kinds(tarn, python, compiled):
    """What takes part; compiled(row): whether compilers that are slow to start, PyTorch's and XLA, do in that row."""
    found = []
    if tarn and os.path.exists(tarn):
        found.append(Kind("tarn", lambda row: [tarn, "bench", row] + ([] if row == "startup" else ["--serve"]), True))
    if python and python != "none":
        def torch(mode):
            return lambda row: [python, "-B", os.path.join(PEERS, "pytorch.py"), "--mode", mode, row]
        found.append(Kind("pytorch_eager", torch("eager")))
        found.append(Kind("pytorch_compiled", torch("compiled"), rows=compiled))
        found.append(Kind("onnxruntime", lambda row: [python, "-B", os.path.join(PEERS, "ort.py"), row],
                          rows=lambda row: not row.train and not row.optimizer))
        found += others(compiled)
    return found


def others(compiled):
    """Peers that take part where a variable names an interpreter which has them."""
    tf, jax = (os.environ.get(f"TARN_BENCH_{name}_PYTHON") for name in ("TF", "JAX"))
    brief = {r.name for r in ALL if r.name != "startup" and not compiled(r)}
    if tf:
        yield Kind("tensorflow", lambda row: [tf, "-B", os.path.join(PEERS, "tensorflow_peer.py"), "--mode", "brief" if row in brief else "all", row])
    if jax:
        yield Kind("jax", lambda row: [jax, "-B", os.path.join(PEERS, "jax_peer.py"), row],
                   rows=lambda row: not row.half or row.name not in brief)


# Peers of the rows about data: their key, and the variable that names the interpreter which has them.
DATA_PEERS = {"torchvision": "TARN_BENCH_PYTHON", "pillow_simd": "TARN_BENCH_PILLOW_SIMD_PYTHON", "tf_data": "TARN_BENCH_TF_PYTHON",
              "pandas": "TARN_BENCH_TABLES_PYTHON", "pyarrow": "TARN_BENCH_TABLES_PYTHON", "tokenizers": "TARN_BENCH_TABLES_PYTHON",
              "librosa": "TARN_BENCH_SOUND_PYTHON", "torch_stft": "TARN_BENCH_PYTHON"}


def data_kinds(build, python):
    """What takes part in the rows about data. bench/bench passes the first interpreter on, whether it was named or made."""
    found, program = [], os.path.join(build, "bench_data")
    if os.path.exists(program):
        found.append(Kind("tarn", lambda row: [program, row], True))
    for key, variable in DATA_PEERS.items():
        peer = python if variable == "TARN_BENCH_PYTHON" else os.environ.get(variable)
        if python and python != "none" and peer:
            found.append(Kind(key, lambda row, key=key, peer=peer: [peer, "-B", os.path.join(PEERS, "data_peer.py"), key, row],
                              rows=lambda row, key=key: key in row.peers))
    return found


def environment(threads):
    return dict(os.environ, OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads), PYTHONDONTWRITEBYTECODE="1")


def free_memory():
    with open("/proc/meminfo", encoding="utf-8") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("MemAvailable"))


def touch_memory(size):
    """Takes so much memory and gives it back, at most half of what is free. A virtual machine that has returned pages to its host gets
    them again at 0.6 to 2.5 seconds a gigabyte, where clearing takes 0.1; which program pays that depends on what ran before."""
    page = 2 << 20
    size = min(size, free_memory() // 2) // page * page
    if size == 0:
        return
    with mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
        if hasattr(mmap, "MADV_HUGEPAGE"):
            memory.madvise(mmap.MADV_HUGEPAGE)
        for at in range(0, size, mmap.PAGESIZE):
            memory[at] = 1


class Program:
    """One running program."""

    def __init__(self, kind, row, data, threads, log):
        command = kind.command(row.name) + ["--data", data, "--threads", str(threads)]
        self.kind, self.steps, self.losses, self.outputs, self.rounds = kind, [], [], None, []
        self.log, self.last_seconds, self.far = log, 0.0, 0  # far: rounds in which the processors were far from each other
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                                        env=environment(threads))
        self.buffer = b""
        try:
            self.hello = self.ask("hello")
            touch_memory(min(MOST_TOUCHED, TOUCHED_EACH * os.path.getsize(data)))
            begin = time.monotonic()
            self.setup = self.ask("setup")
            self.setup_seconds = time.monotonic() - begin
        except BaseException:
            self.close()
            raise

    def read_line(self, patience):
        end = time.monotonic() + patience
        while b"\n" not in self.buffer:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                raise Failed(f"no answer within {patience} seconds")
            part = os.read(self.process.stdout.fileno(), 1 << 20)
            if not part:
                status = self.process.wait()
                if status == 3:
                    raise NotThisRow
                raise Failed(f"ended with status {status}; {self.log.name} says why")
            self.buffer += part
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line.decode()

    def ask(self, command):
        try:
            self.process.stdin.write(command.encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # what its end means is said by read_line
        line = self.read_line(PATIENCE[command.split()[0]])
        try:
            answer = json.loads(line)
        except ValueError:
            raise Failed(f"answered {command!r} with {line[:200]!r}, which is not JSON") from None
        if "error" in answer:
            raise Failed(answer["error"])
        return answer

    def run(self, steps):
        answer = self.ask(f"run {steps}")
        seconds = answer.get("seconds", [])
        if len(seconds) != steps or not all(s > 0 for s in seconds):
            raise Failed(f"answered 'run {steps}' with {len(seconds)} times")
        self.last_seconds = seconds[-1]
        self.losses += answer.get("losses", [])
        self.outputs = self.outputs or answer.get("outputs")
        return seconds

    def peak_bytes(self):
        try:
            with open(f"/proc/{self.process.pid}/status", encoding="utf-8") as file:
                line = next(line for line in file if line.startswith("VmHWM"))
            return int(line.split()[1]) * 1024
        except (OSError, StopIteration):
            return None

    def close(self):
        try:
            self.process.stdin.write(b"quit\n")
            self.process.stdin.close()
        except OSError:
            pass
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


def start_once(kind, data, threads, log):
    """Seconds from starting the program to its first line, that line, and the peak of its memory."""
    command = kind.command("startup") + ["--data", data, "--threads", str(threads)]
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, env=environment(threads))
    line = process.stdout.readline()
    seconds = time.perf_counter() - begin
    process.stdout.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode == 3:
        raise NotThisRow
    if process.returncode != 0 or not line.strip():
        raise Failed(f"ended with status {process.returncode}; {log.name} says why")
    return seconds, json.loads(line)["class"], usage.ru_maxrss * 1024


def warn(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)
