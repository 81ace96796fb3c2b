"""All tables of the paper on made-up NYUv2 rooms, by the command: how long they take, and what a kill leaves.

Every table runs once undisturbed. Then it runs in another folder, where it is killed (SIGKILL, with all of its
processes) at seeded random moments and started again until it is done. The files of all results are compared byte for
byte; seconds are in files of their own and are not compared.

    python -m benchmarks.study_tables WORK                 # the models of the package
    python -m benchmarks.study_tables WORK --kills 0       # the time alone
"""

import argparse
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.nyu_rooms import write_rooms

TABLES = tuple(f"table{number}" for number in range(1, 10))
FIGURES = ("fig10",)
OTHER_DATASETS = ("table2", "table6")
"""Tables of datasets beside NYUv2: measured on the rooms too."""
_LEAST_S = 0.3


@dataclass(frozen=True)
class Timed:
    """One table.

    Attributes:
        name: of the table.
        seconds: of the undisturbed run.
        cpu_s: of it and its processes.
        kills: of the disturbed one.
        same: whether every file has the same bytes.
    """

    name: str
    seconds: float
    cpu_s: float
    kills: int
    same: bool


def command(name: str, rooms: Path, *, limit: int, workers: int, extra: Sequence[str] = ()) -> list[str]:
    """Return the command of one table; both runs have the same, in folders of their own.

    Args:
        name: of the table.
        rooms: folder of the photos.
        limit: photos.
        workers: processes.
        extra: more options.
    """
    dataset = ["--dataset", "nyu"] if name in OTHER_DATASETS else []
    options = [
        "--root",
        f"nyu={rooms.absolute()}",
        *dataset,
        "--limit",
        limit,
        "--workers",
        workers,
        *extra,
        "--out",
        "out",
    ]
    return [sys.executable, "-m", "mfh", "reproduce", name, *map(str, options)]


def run(words: Sequence[str], folder: Path, *, kill_after_s: float | None = None) -> bool:
    """Run a command in a folder, or kill it with all its processes.

    Args:
        words: the command.
        folder: to run in.
        kill_after_s: seconds; None to let it end.

    Returns:
        Whether it ended by itself.

    Raises:
        SystemExit: where it failed.
    """
    process = subprocess.Popen(
        words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        _, error = process.communicate(timeout=kill_after_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return False
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(words)} failed with {process.returncode}: {error}")
    return True


def results(folder: Path, name: str) -> dict[str, bytes]:
    """Return the files of a table but those of seconds.

    Args:
        folder: a run was made in.
        name: of the table.
    """
    files = (path for path in (folder / "out").glob(f"*/{name}*") if "-seconds" not in path.name)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(files)}


def study(work: Path, names: Sequence[str], *, limit: int, workers: int, kills: int, seed: int) -> list[Timed]:
    """Run all tables undisturbed, then killed and resumed, and compare.

    Args:
        work: new folder.
        names: of the tables.
        limit: photos.
        workers: processes.
        kills: of each table, at most.
        seed: of the moments.
    """
    write_rooms(work / "rooms", limit)
    calm, killed = work / "calm", work / "killed"
    for folder in (calm, killed):
        folder.mkdir()
    rng = random.Random(seed)
    timed = []
    for name in names:
        words = command(name, work / "rooms", limit=limit, workers=workers, extra=("--preset", "pocket"))
        begin, before = time.monotonic(), _cpu_s()
        run(words, calm)
        seconds, cpu_s = time.monotonic() - begin, _cpu_s() - before
        print(f"{name}: {seconds:.1f} s, {cpu_s:.1f} s of CPU", flush=True)
        done = 0
        if kills:
            # Moments lie within what is left to do: a run that resumes is shorter.
            moments = [max(_LEAST_S, rng.random() * seconds / (1 + 0.5 * k)) for k in range(kills)]
            for moment in moments:
                if run(words, killed, kill_after_s=moment):
                    break
                done += 1
            run(words, killed)
        same = not kills or (results(calm, name) == results(killed, name) and bool(results(calm, name)))
        timed.append(Timed(name, seconds, cpu_s, done, same))
        if kills:
            print(f"{name}: {done} kills, {'the same bytes' if same else 'OTHER BYTES'}", flush=True)
    return timed


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Read the command line and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path, help="new folder")
    parser.add_argument("--limit", type=int, default=20, help="photos")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--kills", type=int, default=3, help="of each table")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--names", nargs="*", default=[*TABLES, *FIGURES], help="tables and figures")
    given = parser.parse_args()
    given.work.mkdir(parents=True)
    timed = study(given.work, given.names, limit=given.limit, workers=given.workers, kills=given.kills, seed=given.seed)
    print("\n| table | seconds | CPU seconds | kills | same bytes |\n| --- | --- | --- | --- | --- |")
    for one in timed:
        print(f"| {one.name} | {one.seconds:.0f} | {one.cpu_s:.0f} | {one.kills} | {'yes' if one.same else 'NO'} |")
    tables = [one for one in timed if one.name.startswith("table")]
    print(f"\ntables: {sum(one.seconds for one in tables):.0f} s, {sum(one.cpu_s for one in tables):.0f} s of CPU")
    if not all(one.same for one in timed):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
