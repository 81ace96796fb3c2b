"""Killed at random moments and resumed, a run ends with the rows and files of an undisturbed one; two commands at once.

python benchmarks/study_kills.py [--photos 500] [--kills 30] [--seed 0] [--keep FOLDER]

Photos are noise of 128 x 96 pixels, made here, each with a known distance; every twentieth is no picture. Models are
stubs: what those of preset pocket find in one such photo is taken for what they find in each, so that 500 photos take a
minute and not ten; all else is the command's own. For half of the kills there is one command on a folder, with two
processes; for the other half there are two commands of one process each, and one of them, taken at random, is killed.
SIGKILL hits the command; its processes end by themselves. A quarter of the moments is drawn from the start-up of a
command, the others from the time after it, up to twice the share of the undisturbed time that falls to each kill. At
the end rows are compared but for their seconds, all files byte for byte, and the names of all that is in the folder.
"""

import argparse
import hashlib
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from PIL import Image

from mfh import FocalRequest, MetricFromHuman, load_photo
from mfh.batch import local
from mfh.batch.rows import VARIABLE
from mfh.batch.worker import Job, Worker
from mfh.pipeline.request import Request
from mfh.pipeline.words import request_of
from mfh.types import Photo
from mfh.types.observations import Gathered

VARIES = ("rows.parquet", "last_run.json")
FOUND = "MFH_STUDY_FOUND"
"""Environment variable that names the file with what the models have found."""


class Remembered(Worker):
    """A worker whose models have seen one photo, and say the same of all."""

    def __init__(self, job: Job) -> None:
        """Read what they have said."""
        found: Gathered = pickle.loads(Path(os.environ[FOUND]).read_bytes())

        def gather(photo: Photo, request: Request) -> Gathered:
            return replace(found, photo=photo)

        super().__init__(job, gather)


def run_command(words: list[str]) -> int:
    """Run the command with such workers."""
    from mfh.cli.main import main as command

    setattr(local, "LocalEngine", partial(local.LocalEngine, make=Remembered))  # noqa: B010
    sys.argv = ["mfh", *words]
    return command()


def make_photos(folder: Path, count: int, seed: int) -> Path:
    """Write photos of noise, and the table that names them."""
    rng = np.random.default_rng(seed)
    folder.mkdir()
    for number in range(count):
        path = folder / f"{number:04d}.jpg"
        if number % 20 == 19:
            path.write_bytes(b"no picture")
        else:
            Image.fromarray(rng.integers(0, 255, (96, 128, 3), np.uint8)).save(path)
    table = folder.with_suffix(".csv")
    rows = [f'{folder.name}/{number:04d}.jpg,"64,48={2 + number % 5}m"\n' for number in range(count)]
    table.write_text("path,known_distance\n" + "".join(rows))
    return table


def start(table: Path, out: Path, workers: int) -> subprocess.Popen[bytes]:
    """Start a command."""
    words = ["batch", str(table), "--out", str(out), "--workers", str(workers), "--quiet"]
    return subprocess.Popen([sys.executable, __file__, "command", *words])


def finish(command: subprocess.Popen[bytes]) -> None:
    """Wait for a command, which must succeed."""
    if command.wait():
        raise SystemExit("a command failed")


def killed(table: Path, out: Path, moments: list[float], commands: int, rng: np.random.Generator) -> tuple[int, int]:
    """Kill one of some commands at each moment, start it again at once, and let all end at last.

    Returns:
        How many were killed, and how many of them had begun to write.
    """
    running = [start(table, out, 3 - commands) for _ in range(commands)]
    hits = writing = 0
    for moment in moments:
        time.sleep(moment)
        chosen = int(rng.integers(commands))
        if running[chosen].poll() is None:
            writing += (out / "photos").is_dir()
            running[chosen].send_signal(signal.SIGKILL)
            running[chosen].wait()
            hits += 1
        elif running[chosen].returncode:
            raise SystemExit("a command failed")
        running[chosen] = start(table, out, 3 - commands)
    for one in running:
        finish(one)
    return hits, writing


def rows_of(out: Path) -> list[dict[str, object]]:
    """Return the rows, without what differs from run to run."""
    rows = pq.read_table(out / "rows.parquet").to_pylist()
    return [{name: value for name, value in row.items() if name not in VARIABLE} for row in rows]


def files_of(out: Path) -> dict[str, str]:
    """Return the digest of every file in a folder, hidden ones too; of folders that hold nothing, none."""
    found = {}
    for at, folders, names in os.walk(out):
        for name in names:
            path = Path(at) / name
            found[path.relative_to(out).as_posix()] = hashlib.sha256(path.read_bytes()).hexdigest()
        if not folders and not names:
            found[Path(at).relative_to(out).as_posix()] = ""
    return {name: digest for name, digest in found.items() if name not in VARIES}


def main() -> None:
    """Print what was killed, and whether anything differs."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--photos", type=int, default=500)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--start-up", type=float, default=4.0, help="seconds a command takes to begin, about")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="folder for photos and results; else they are removed at the end")
    given = parser.parse_args()
    rng = np.random.default_rng(given.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) if given.keep is None else given.keep
        folder.mkdir(parents=True, exist_ok=True)
        table = make_photos(folder / "photos", given.photos, given.seed)
        found = MetricFromHuman.from_preset("pocket").gather(
            load_photo(folder / "photos" / "0000.jpg", focal=FocalRequest()), request_of(distances=["64,48=2m"])
        )
        (folder / "found.pickle").write_bytes(pickle.dumps(found))
        os.environ[FOUND] = str(folder / "found.pickle")
        begun = time.monotonic()
        finish(start(table, folder / "whole", 2))
        took = time.monotonic() - begun
        rows, files = rows_of(folder / "whole"), files_of(folder / "whole")
        print(f"undisturbed: {len(rows)} rows, {len(files)} files, {took:.0f} s", flush=True)
        for commands, kills in ((1, given.kills // 2), (2, given.kills - given.kills // 2)):
            out = folder / f"killed-{commands}"
            begun = time.monotonic()
            later = given.start_up + rng.random(kills) * 2 * took / kills
            moments = np.where(rng.random(kills) < 0.25, rng.random(kills) * given.start_up, later).tolist()
            hits, writing = killed(table, out, moments, commands, rng)
            same = "the same" if rows_of(out) == rows else "DIFFERENT"
            others = files_of(out)
            left = sorted(set(others) - set(files))
            wrong = sorted(one for one in files if others.get(one) != files[one])
            print(
                f"{commands} command(s): {hits} killed, {writing} of them while photos were written, "
                f"{time.monotonic() - begun:.0f} s; rows {same}; files that differ or lack {len(wrong)} {wrong[:3]}, "
                f"left over {len(left)} {left[:3]}",
                flush=True,
            )


if __name__ == "__main__":
    if sys.argv[1:2] == ["command"]:
        sys.exit(run_command(sys.argv[2:]))
    main()
