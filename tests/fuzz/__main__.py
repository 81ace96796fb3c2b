"""Damaged files, odd flags, faults and kills, counted: python -m tests.fuzz, or make fuzz."""

import argparse
import gc
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from tests.fuzz import faults, files, flags, kills, losses, report
from tests.fuzz.case import Report, Setting
from tests.fuzz.warm import prepare, warm

GROUPS: dict[str, Callable[[Setting, str], Report]] = {
    "whole": files.run_case,
    "files": files.run_case,
    "flags": flags.run_case,
    "faults": faults.run_case,
    "kills": kills.run_case,
    "losses": losses.run_case,
}
"""First word of a key -> what runs it."""


@dataclass(frozen=True)
class Amount:
    """How many cases of each group.

    Attributes:
        files, flags, faults, kills: cases.
        losses: times each.
        short: only quick readers.
        whole: every reader's input undamaged too.
    """

    files: int = 3300
    flags: int = 1200
    faults: int = 188
    kills: int = 77
    losses: int = 4
    short: bool = False
    whole: bool = True

    def scaled(self, scale: float) -> "Amount":
        """Return more or fewer of everything.

        Args:
            scale: what to multiply by.
        """

        def times(count: int) -> int:
            return max(1, round(count * scale))

        more = (times(self.files), times(self.flags), times(self.faults), times(self.kills), times(self.losses))
        return Amount(*more, short=self.short, whole=self.whole)


FULL = Amount()
SHORT = Amount(files=110, flags=60, faults=6, kills=8, losses=1, short=True, whole=False)
"""For the tests of every day: under a minute on two slow cores."""


def all_keys(amount: Amount) -> list[str]:
    """Return the keys of all cases of a run.

    Args:
        amount: how many.
    """
    chosen = files.readers(short=amount.short)
    return [
        *(files.whole_keys(chosen) if amount.whole else ()),
        *losses.keys(amount.losses),
        *files.file_keys(chosen, amount.files),
        *flags.keys(amount.flags),
        *kills.keys(amount.kills),
        *faults.keys(amount.faults),
    ]


def run(keys: Sequence[str], setting: Setting, *, jobs: int, say: Callable[[str], None]) -> list[Report]:
    """Run cases, several at a time.

    Args:
        keys: of the cases.
        setting: of the run.
        jobs: at a time.
        say: told how far it is, and every failure.

    Returns:
        One report a case, in the order of the keys.
    """
    build(keys, setting, say)
    done: dict[str, Report] = {}
    begin = said = time.monotonic()
    with ProcessPoolExecutor(jobs, mp_context=get_context("fork"), initializer=_of_its_own) as pool:
        running = {pool.submit(GROUPS[key.partition(":")[0]], setting, key): key for key in keys}
        for one in as_completed(running):
            done[running[one]] = found = one.result()
            for failure in found.failures:
                say(f"{failure.kind}: {failure.site or failure.detail[:120]}   {report.again(found, setting.seed)}")
            if time.monotonic() - said > 30:
                said = time.monotonic()
                say(f"{len(done)} of {len(keys)} cases, {said - begin:.0f} s")
    return [done[key] for key in keys]


def build(keys: Sequence[str], setting: Setting, say: Callable[[str], None]) -> None:
    """Write the whole inputs that cases need, and import what they import.

    Args:
        keys: of the cases.
        setting: of the run.
        say: told what is done.
    """
    begin = time.monotonic()
    warm(setting)
    groups = {key.partition(":")[0] for key in keys}
    names = dict.fromkeys(key.split(":", 2)[1] for key in keys if key.partition(":")[0] in ("whole", "files"))
    files.build(setting, [files.READERS[name] for name in names])
    if "flags" in groups:
        flags.build(setting)
    if groups & {"faults", "kills", "losses"}:
        faults.build(setting)
    # What is in memory now stays as it is: forks then share it, whatever their garbage collector looks at.
    gc.collect()
    gc.freeze()
    say(f"inputs of {len(names)} readers in {time.monotonic() - begin:.1f} s")


def _of_its_own() -> None:
    # Ctrl-C is for the one who started all this.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the suite, and print what it found.

    Args:
        arguments: words; None for the process's own.

    Returns:
        0 where nothing failed, else 1.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="of everything drawn")
    parser.add_argument("--scale", type=float, default=1.0, help="times as many cases")
    parser.add_argument(
        "--only", default="", help="keys that begin with this, such as files:evidence or kills:predict:3"
    )
    parser.add_argument("--short", action="store_true", help="as many as the tests of every day run")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="cases at a time")
    parser.add_argument(
        "--out", type=Path, default=Path("build/fuzz"), help="folder for inputs of failures and report.json"
    )
    given = parser.parse_args(arguments)
    amount = (SHORT if given.short else FULL).scaled(given.scale)
    keys = chosen_keys(amount, given.only)
    if not keys:
        parser.error(f"--only {given.only} names no case")
    out = given.out.absolute()
    begin = time.monotonic()
    setting = prepare(given.seed, out / f"run-{os.getpid()}", out / "failures")
    shutil.rmtree(setting.keep, ignore_errors=True)
    try:
        reports = run(keys, setting, jobs=given.jobs, say=lambda line: print(line, flush=True))
    finally:
        shutil.rmtree(setting.base, ignore_errors=True)
    report.write(out / "report.json", reports, seed=given.seed)
    print(f"\n{report.table(reports)}\n\n{report.kinds(reports, seed=given.seed)}\n")
    print(report.summary(reports, seed=given.seed, seconds=time.monotonic() - begin))
    failed = any(one.failures for one in reports)
    if failed:
        print(f"inputs of failures: {setting.keep}/, all of it: {out / 'report.json'}")
    return int(failed)


def chosen_keys(amount: Amount, only: str) -> list[str]:
    """Return the keys of a run, or those of them that begin with a word; a whole key need not be among them.

    Args:
        amount: how many.
        only: the beginning; empty for all.
    """
    keys = all_keys(amount)
    if not only:
        return keys
    found = [key for key in keys if key.startswith(only)]
    exact = only.count(":") == 2 and only.partition(":")[0] in GROUPS and not only.endswith(":")
    return [only] if exact else found


if __name__ == "__main__":
    sys.exit(main())
