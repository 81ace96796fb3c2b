"""Start-up time as whole processes, beside an empty Python: wall seconds, and those of all processors.

Run: python benchmarks/bench_import.py [repeats]. Limits are of wall time on a machine without other work.
"""

import resource
import statistics
import subprocess
import sys
import time

COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "import mfh": ["-c", "import mfh"],
    "from mfh import MetricFromHuman": ["-c", "from mfh import MetricFromHuman"],
    "models of preset pocket": ["-c", "from mfh import MetricFromHuman; MetricFromHuman.from_preset('pocket')"],
    "mfh --help": ["-m", "mfh.cli.main", "--help"],
    "mfh predict --help": ["-m", "mfh.cli.main", "predict", "--help"],
}
LIMITS_S = {"import mfh": 0.2, "mfh --help": 0.4, "models of preset pocket": 0.5}


def seconds_of(words: list[str]) -> tuple[float, float]:
    """Return the wall and processor seconds of one whole process."""
    started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Time every command in turn, so that a busy moment touches all of them alike, and print the medians."""
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 11
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in COMMANDS}
    for words in COMMANDS.values():
        seconds_of(words)  # Once untimed: compiled files and the disk cache.
    for _ in range(repeats):
        for name, words in COMMANDS.items():
            seconds[name].append(seconds_of(words))
    print(f"{'':<34}{'median':>8}{'best':>8}{'processor':>11}{'limit':>8}   seconds, {repeats} runs")
    for name, pairs in seconds.items():
        times, processor = zip(*pairs, strict=True)
        limit = f"{LIMITS_S[name]:.1f}" if name in LIMITS_S else ""
        print(
            f"{name:<34}{statistics.median(times):>8.3f}{min(times):>8.3f}{statistics.median(processor):>11.3f}{limit:>8}"
        )


if __name__ == "__main__":
    main()
