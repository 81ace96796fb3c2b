"""One photo stage by stage, beside the floor, which is the time in its networks alone; cold and warm.

Run: python benchmarks/bench_stages.py [--sizes 0.3 12 100] [--rounds 2] [--against SRC]

The photos are those of the package and of docs/images, resized. Every round measures each case in a process of its own,
one after another, so that a busy moment touches all of them alike. Printed are processor seconds with one thread a
network, medians over the rounds; of wall time, with as many threads as the machine has, the least. Overhead is the time
outside networks over that in networks; ``first`` is a new process with its first photo, imports and models included.
With ``--against`` the package of another folder is measured in turn with this one.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

REPOSITORY = Path(__file__).resolve().parent.parent
IMAGES, ROOM = REPOSITORY / "docs" / "images", REPOSITORY / "src" / "mfh" / "examples" / "room" / "rgb.png"
SIZES = {"0.3": (640, 480), "12": (4000, 3000), "100": (11_547, 8_660)}
WARM = {"0.3": 4, "12": 2, "100": 1}
"""Megapixels -> photos measured after the first in a process; the fastest counts."""


@dataclass(frozen=True)
class Case:
    """A photo and how its people are looked for."""

    photo: Path
    people: str


CASES = {
    "two people": Case(ROOM, "auto"),
    "six people": Case(IMAGES / "meeting.jpg", "auto"),
    "objects alone": Case(IMAGES / "waiting-room.jpg", "only"),
    "eight painted": Case(IMAGES / "waiting-room.jpg", "auto"),
}


@dataclass(frozen=True)
class Run:
    """One photo measured and written.

    Attributes:
        wall: seconds.
        processor: seconds of all threads.
        networks_wall: wall seconds in networks.
        own: stage -> processor seconds outside networks.
        networks: stage -> processor seconds in networks.
    """

    wall: float
    processor: float
    networks_wall: float
    own: dict[str, float] = field(default_factory=dict)
    networks: dict[str, float] = field(default_factory=dict)

    @property
    def floor(self) -> float:
        """Processor seconds in networks."""
        return sum(self.networks.values())


def main() -> None:
    """Print a table of the cases, and one of the stages of each size."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--against", type=Path, help="folder that holds another mfh")
    given = parser.parse_args()
    trees = {"": REPOSITORY / "src", **({"before": given.against} if given.against else {})}
    found: dict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
    # Interrupted, it prints what there is.
    with tempfile.TemporaryDirectory() as name, suppress(KeyboardInterrupt):
        for _ in range(given.rounds):
            for size in given.sizes:
                for case in given.cases:
                    photo = resized(CASES[case].photo, size, Path(name))
                    for tree, source in trees.items():
                        found[size, case, tree].append(measured(photo, CASES[case].people, WARM[size], source))
    print_cases(found, given.sizes, list(trees))
    for size in given.sizes:
        print_stages({case: found[size, case, ""] for case in CASES if found[size, case, ""]}, size)


def resized(source: Path, size: str, folder: Path) -> Path:
    """Return a photo at a size of :data:`SIZES`, as a JPEG in a folder, made if it is not there."""
    path = folder / f"{source.stem}-{size}.jpg"
    if not path.exists():
        with Image.open(source) as image:
            image.convert("RGB").resize(SIZES[size], Image.Resampling.BICUBIC).save(path, quality=92)
    return path


def measured(photo: Path, people: str, warm: int, source: Path) -> dict[str, Any]:
    """Measure a photo in processes of their own: with one thread a network, and with as many as the machine has."""
    found = {}
    for threads in ("1", "") if source == REPOSITORY / "src" else ("1",):
        limits = {"MFH_THREADS": threads, "OMP_NUM_THREADS": threads} if threads else {}
        environment = {**os.environ, **limits, "PYTHONPATH": str(source)}
        if not threads:
            environment.pop("OMP_NUM_THREADS", None)
        words = [sys.executable, __file__, str(photo), people, str(warm), threads or "0", str(time.perf_counter())]
        output = subprocess.run(words, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
        found[threads or "all"] = json.loads(output.splitlines()[-1])
    return found


def measure_here(photo: Path, people: str, warm: int, threads: int, begun: float) -> None:
    """Print what one process measures: the first photo and the fastest of those after it, as JSON."""
    import cv2

    from mfh.cli.measure import Given, Meter
    from mfh.cli.progress import ProgressLine
    from mfh.config import changed, preset
    from mfh.io.focal import FocalRequest
    from mfh.io.results import Place
    from stage_clock import REST, StageClock

    if threads:
        cv2.setNumThreads(threads)
    clock = StageClock()
    clock.install()
    config = changed(preset("pocket"), people=people)
    runs = []
    with tempfile.TemporaryDirectory() as folder:

        def run(number: int, *, save_evidence: bool = False) -> Run:
            meter = keeping if save_evidence else plain
            clock.reset()
            wall, processor = time.perf_counter(), time.process_time()
            with clock.stage(REST):
                meter.measure(Place(Path(folder) / str(number), photo), ProgressLine())
            wall, processor = time.perf_counter() - wall, time.process_time() - processor
            return Run(wall, processor, clock.networks_wall, dict(clock.own), dict(clock.networks))

        focal = Given(focal=FocalRequest(fov_x_deg=60.0))
        plain, keeping = (Meter(config, given=focal, max_pixels=10**9, save_evidence=keep) for keep in (False, True))
        run(0)
        first = {"wall": time.perf_counter() - begun, "processor": time.process_time()}
        # Linux counts kilobytes, macOS bytes.
        peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e9 if sys.platform == "darwin" else 1e6)
        runs = [run(1 + number) for number in range(warm)]
        keeping._pipeline = plain._pipeline
        evidence = run(1 + warm, save_evidence=True).own["evidence.npz"]
    best = min(runs, key=lambda one: one.processor)
    print(json.dumps({"first": first, "peak_gb": peak_gb, "warm": asdict(best), "evidence": evidence}))


def print_cases(found: dict[tuple[str, str, str], list[dict[str, Any]]], sizes: list[str], trees: list[str]) -> None:
    """Print a row per size and case."""
    columns = ["megapixels", "photo", "networks, s", "whole, s", "overhead", "own, s", "first, s"]
    columns += ["wall, s", "first, wall s", "peak, GB"]
    columns += ["before: whole, s", "overhead"] if len(trees) > 1 else []
    print(f"\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for size in sizes:
        for case in CASES:
            rows = found[size, case, ""]
            if not rows:
                continue
            floor, whole = (middle(rows, "1", key) for key in ("floor", "processor"))
            cold = statistics.median(one["1"]["first"]["processor"] for one in rows)
            # Other work on the machine only adds to wall time.
            wall = min(one["all"]["warm"]["wall"] for one in rows)
            first = min(one["all"]["first"]["wall"] for one in rows)
            peak = max(one["all"]["peak_gb"] for one in rows)
            line = f"| {size} | {case} | {floor:.2f} | {whole:.2f} | {whole / floor - 1:.0%} | {whole - floor:.2f} "
            line += f"| {cold:.1f} | {wall:.2f} | {first:.1f} | {peak:.2f} |"
            for tree in trees[1:]:
                if not (old := found[size, case, tree]):
                    continue
                floor, whole = (middle(old, "1", key) for key in ("floor", "processor"))
                line += f" {whole:.2f} | {whole / floor - 1:.0%} |"
            print(line, flush=True)


def middle(rows: list[dict[str, Any]], threads: str, key: str) -> float:
    """Return the median over rounds of a figure of the warm runs."""
    return statistics.median(getattr(Run(**one[threads]["warm"]), key) for one in rows)


def print_stages(rows: dict[str, list[dict[str, Any]]], size: str) -> None:
    """Print processor milliseconds of the stages at one size: own time, and that of networks after a plus."""
    from stage_clock import REST, STAGES

    print(f"\n| {size} megapixels, ms | {' | '.join(rows)} |")
    print("|---|" + "---|" * len(rows))
    for stage in [*STAGES, REST]:
        cells = []
        for found in rows.values():
            warm = [Run(**one["1"]["warm"]) for one in found]
            own, inside = (
                1000 * statistics.median(one.get(stage, 0.0) for one in each)
                for each in ([one.own for one in warm], [one.networks for one in warm])
            )
            if stage == "evidence.npz":
                own = 1000 * statistics.median(one["1"]["evidence"] for one in found)
            cells.append(f"{own:.0f}" + (f" + {inside:.0f}" if inside else ""))
        print(f"| {stage} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    if len(sys.argv) == 6 and not sys.argv[1].startswith("-"):
        measure_here(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5]))
    else:
        main()
