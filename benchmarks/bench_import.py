"""Start-up time as whole processes: ``import mfh`` (< 0.2 s) and ``mfh --help`` (< 0.4 s), beside an empty Python.

Run: python benchmarks/bench_import.py [repeats]
"""

import statistics
import subprocess
import sys
import time

COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "import mfh": ["-c", "import mfh"],
    "from mfh import MetricFromHuman": ["-c", "from mfh import MetricFromHuman"],
    "mfh --help": ["-m", "mfh.cli.main", "--help"],
    "mfh predict --help": ["-m", "mfh.cli.main", "predict", "--help"],
}
LIMITS_S = {"import mfh": 0.2, "mfh --help": 0.4}


def seconds_of(words: list[str]) -> float:
    """Return the wall seconds of one whole process."""
    started = time.perf_counter()
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> None:
    """Time every command in turn, so that a busy moment touches all of them alike, and print the medians."""
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 11
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for words in COMMANDS.values():
        seconds_of(words)  # Once untimed: compiled files and the disk cache.
    for _ in range(repeats):
        for name, words in COMMANDS.items():
            seconds[name].append(seconds_of(words))
    print(f"{'':<34}{'median':>8}{'best':>8}{'limit':>8}   seconds, {repeats} runs")
    for name, times in seconds.items():
        limit = f"{LIMITS_S[name]:.1f}" if name in LIMITS_S else ""
        print(f"{name:<34}{statistics.median(times):>8.3f}{min(times):>8.3f}{limit:>8}")


if __name__ == "__main__":
    main()
