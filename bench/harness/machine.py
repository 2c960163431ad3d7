"""The machine: its name, its processors, its limits."""
import json
import os
import platform
import subprocess


def processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith(("model name", "Model")):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.machine()


def instruction_sets():
    wanted = ("avx2", "avx512f", "avx512_bf16", "avx512_fp16", "avx512_vnni", "amx_bf16")
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            flags = next((line for line in file if line.startswith("flags")), "").split()
    except OSError:
        flags = []
    return [flag for flag in wanted if flag in flags]


def pin(threads):
    """Keeps this process and its children on the first processors it may use; returns their numbers."""
    allowed = sorted(os.sched_getaffinity(0))[:threads]
    os.sched_setaffinity(0, allowed)
    return allowed


def limits(build, threads):
    """Measured by bench/micro/limits.c; None when it is not built."""
    program = os.path.join(build, "bench_limits")
    if not os.path.exists(program):
        return None
    done = subprocess.run([program, str(threads)], capture_output=True, text=True, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else None


FAR = 450  # nanoseconds that a cache line takes to the other processor and back: more are of two dies or sockets


def are_near(build):
    """Whether the first two processors are near each other at this moment; None where nobody knows. A virtual machine's may be moved apart
    while it runs, which slows programs whose threads share data, and is none of theirs."""
    program = os.path.join(build, "bench_distance")
    if len(os.sched_getaffinity(0)) < 2 or not os.path.exists(program):
        return None
    done = subprocess.run([program], capture_output=True, text=True, check=False)
    return float(done.stdout) < FAR if done.returncode == 0 else None


def describe(build, threads):
    cpus = pin(threads)
    return {"processor": processor(), "instruction_sets": instruction_sets(), "threads": len(cpus), "pinned_to": cpus,
            "system": f"{platform.system()} {platform.release()} {platform.machine()}", "limits": limits(build, len(cpus))}
