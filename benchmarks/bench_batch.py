"""Many photos: two processes beside one, and beside the two-process ceiling of the machine; overhead of a photo.

python benchmarks/bench_batch.py [--photos 24] [--rows 20000] [--seed 0]
python benchmarks/bench_batch.py --photos 0 --rows 100000

The photos are made from those in docs/images, in several crops. The ceiling is the same work as two commands that share
nothing, on half of the photos each, with one thread each (MFH_THREADS). The overhead is of photos that cost nothing:
claim, pipe, row, merged table.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from mfh.batch.columns import Item
from mfh.batch.ledger import open_ledger
from mfh.batch.local import LocalEngine
from mfh.batch.manifest import read_inputs
from mfh.batch.rows import Row
from mfh.batch.run import run
from mfh.batch.status import standing, status_lines
from mfh.batch.worker import Answered, Job, Opened, Worker
from mfh.config import preset
from mfh.io.formats import Formats

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
SOURCES = ("meeting.jpg", "waiting-room.jpg")


class Costless(Worker):
    """Measures nothing."""

    def prepare(self) -> None:
        """Load nothing."""

    def open(self, item: Item) -> Opened:
        """Open nothing."""
        return Opened(item, 0.0)

    def measure(self, opened: Opened) -> Answered:
        """Measure nothing."""
        return Answered(opened)

    def write(self, answered: Answered) -> Row:
        """Return a row."""
        item = answered.opened.item
        return Row(id=item.id, path=item.path, camera="", status="ok", fingerprint=self.job.fingerprint)


def make_photos(folder: Path, count: int, seed: int) -> None:
    """Write crops of the photos, 640 pixels wide."""
    rng = np.random.default_rng(seed)
    folder.mkdir()
    for number in range(count):
        with Image.open(IMAGES / SOURCES[number // 2 % len(SOURCES)]) as source:
            left, top = rng.integers(0, 40, 2).tolist()
            crop = source.convert("RGB").crop((left, top, source.width - 40 + left, source.height - 40 + top))
            crop.resize((640, 640 * crop.height // crop.width)).save(folder / f"{number:03d}.jpg", quality=92)


def seconds_of(*commands: list[str], threads: int | None = None) -> float:
    """Return how long commands take that run at once, with so many threads each."""
    limits = {} if threads is None else dict.fromkeys(("MFH_THREADS", "OMP_NUM_THREADS"), str(threads))
    environment = {**os.environ, **limits}
    begin = time.perf_counter()
    running = [
        subprocess.Popen([sys.executable, "-m", "mfh", *words, "--quiet"], env=environment) for words in commands
    ]
    if any(one.wait() for one in running):
        raise SystemExit("a command failed")
    return time.perf_counter() - begin


def main() -> None:
    """Print times and ratios."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--photos", type=int, default=24)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        if given.photos:
            compare_processes(Path(name), given.photos, given.seed)
        measure_overhead(Path(name), given.rows)


def compare_processes(folder: Path, count: int, seed: int) -> None:
    """Print what one process, two, and two commands take."""
    make_photos(folder / "photos", count, seed)

    def batch(out: str, *words: str) -> list[str]:
        return ["batch", str(folder / "photos"), "--out", str(folder / out), *words]

    one = seconds_of(batch("one"))
    two = seconds_of(batch("two", "--workers", "2"))
    apart = seconds_of(*(batch(f"half-{k}", "--shard", f"{k}/2") for k in (1, 2)), threads=1)
    print(f"{count} photos of 640 pixels, preset pocket, start-up included")
    print(f"one process     {one:6.1f} s  {one / count:.2f} s a photo")
    print(f"two processes   {two:6.1f} s  {one / two:.2f} x one")
    print(f"two commands    {apart:6.1f} s  {one / apart:.2f} x one: the ceiling of the machine")
    for line in status_lines(standing(str(folder / "two"))):
        print(line)


def measure_overhead(folder: Path, rows: int) -> None:
    """Print what rows cost whose photos cost nothing: time, and memory of the command beyond its libraries."""
    import pyarrow as pa

    # Loads what it needs.
    pa.array(["a"])
    table = folder / "t.csv"
    table.write_text("path\n" + "".join(f"some/folder/photo-{k:07d}.jpg\n" for k in range(rows)))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin = time.perf_counter()
    items = read_inputs([str(table)])
    print(f"a table of {len(items)} rows is read in {time.perf_counter() - begin:.2f} s")
    ledger = open_ledger(folder / "stub", {})
    job = Job(preset("pocket"), folder / "stub", ledger.mark, Formats(), False, False, 10**8)
    begin = time.perf_counter()
    progress = run(items, ledger, lambda: LocalEngine(job, 2, make=Costless))
    took = time.perf_counter() - begin
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(
        f"{rows} photos that cost nothing: the first after {progress.first_s:.1f} s, {1000 * took / rows:.2f} ms each, "
        f"memory +{grown:.0f} MB"
    )


if __name__ == "__main__":
    main()
