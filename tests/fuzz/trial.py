"""One case on its way: a folder of its own, runs in it, each judged, and what is kept of a failure."""

import json
import os
import shutil
import signal
import sys
import traceback
from collections import Counter
from dataclasses import replace
from pathlib import Path

from tests.fuzz import engine, guard, judge
from tests.fuzz.case import Failure, Outcome, Report, Setting, Step

_NOT_GUARDED = ("streams", "tmp", "mark", "home")
# Onnxruntime's own.
_LIBRARY_FILE = ".ses"
_TRACE = "MFH_TRACEBACK"
# Of a case with all its runs; each of them has a deadline of its own, so that this is never reached.
_LONGEST_S = 600
# Nothing here is as large but what was made large without content.
_SPARSE_BYTES = 500_000_000


class Trial:
    """The folder of a case while it is tried; afterwards it is gone, and of a failure a copy is kept.

    Args:
        setting: of the run.
        key: of the case.
        kind: for the table.
    """

    def __init__(self, setting: Setting, key: str, kind: str) -> None:
        self.setting, self.key, self.kind = setting, key, kind
        self.root = setting.base / "cases" / _slug(key)
        self.recipe = ""
        self._codes: list[int] = []
        self._cpu_s = 0.0
        self._failures: list[Failure] = []
        self._counts: Counter[str] = Counter()
        self._last: Step | None = None
        self._input: Path | None = None

    def __enter__(self) -> "Trial":
        """Make the folder."""
        shutil.rmtree(self.root, ignore_errors=True)
        engine.make_root(self.root)
        signal.signal(signal.SIGALRM, _too_long)
        signal.alarm(_LONGEST_S)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> bool:
        """Keep what failed, and remove the rest; an error of the suite itself is a failure of the case."""
        signal.alarm(0)
        if isinstance(error, Exception):
            frames = traceback.extract_tb(error.__traceback__)[-3:]
            site = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames))
            self.fail(Failure("suite", f"{type(error).__name__}: {error}"[:300], site))
        if self._failures and self._input is not None:
            self._keep()
        for place in (self.root, self._input):
            if place is not None:
                shutil.rmtree(place, ignore_errors=True)
        return isinstance(error, Exception)

    def fail(self, failure: Failure) -> None:
        """Write down a failure.

        Args:
            failure: what must not be.
        """
        self._failures.append(failure)

    def count(self, what: str) -> None:
        """Count something for the table.

        Args:
            what: one word.
        """
        self._counts[what] += 1

    def run(
        self, step: Step, *, protect: bool = True, check_results: bool = True, interrupt_s: float | None = None
    ) -> Outcome:
        """Run a step and judge it.

        Args:
            step: what to run.
            interrupt_s: interrupt it after so many seconds, as a user would who has seen enough.
            protect: compare all files before and after.
            check_results: read the results it wrote.

        Returns:
            What it did.
        """
        self._last = step
        if self._input is None or protect:
            self._remember()
        before = self.snapshot()
        outcome = engine.run(step, self.root, self.setting.base, interrupt_s=interrupt_s)
        if outcome.hung:
            outcome = self._again(step, interrupt_s) or outcome
        return self.judged(step, outcome, before, protect=protect, check_results=check_results)

    def judged(
        self, step: Step, outcome: Outcome, before: guard.Snapshot, *, protect: bool = True, check_results: bool = True
    ) -> Outcome:
        """Judge a run, however it was run.

        Args:
            step: what was run.
            outcome: what it did.
            before: what lay in the folder before it.
            protect: compare all files before and after.
            check_results: read the results it wrote.

        Returns:
            The outcome.
        """
        self._codes.append(outcome.code)
        self._cpu_s += outcome.cpu_s
        mark = self.root / "mark"
        found = list(judge.judge(step, outcome, ran=mark.exists()))
        mark.unlink(missing_ok=True)
        if protect:
            after = self.snapshot()
            found += guard.compare(before, after, outputs=step.outputs, owned=step.owned, named=step.named)
        found += self._leftovers()
        if check_results and step.words[:1] in (("predict",), ("refit",), ("demo",)):
            found += self._check_results(before)
        site = site_of(outcome.err)
        found = [replace(one, site=site) if one.kind == "traceback" and site else one for one in found]
        if any(one.kind == "fault" for one in found):
            found = self._with_site(step, found)
        self._failures += found
        return outcome

    def snapshot(self) -> guard.Snapshot:
        """Return what lies in the folder, but for what belongs to the suite."""
        return guard.snapshot(self.root, without=_NOT_GUARDED)

    def remember(self, step: Step) -> guard.Snapshot:
        """Keep the folder as it is, to be kept where the step fails.

        Args:
            step: about to be run.

        Returns:
            What lies in the folder.
        """
        self._last = step
        self._remember()
        return self.snapshot()

    def report(self) -> Report:
        """Return what came of the case."""
        return Report(
            key=self.key,
            kind=self.kind,
            codes=tuple(self._codes),
            failures=tuple(self._failures),
            recipe=self.recipe,
            command=engine.by_hand(self._last) if self._last is not None else "",
            counts=dict(self._counts),
            cpu_s=self._cpu_s,
        )

    def _remember(self) -> None:
        """Copy the input, before the run can change it."""
        self._input = self.setting.base / "inputs" / _slug(self.key)
        shutil.rmtree(self._input, ignore_errors=True)
        copy_tree(self.root, self._input)

    def _again(self, step: Step, interrupt_s: float | None) -> Outcome | None:
        """Look again at what missed the deadline, with more time: the machine may have been busy."""
        root = Path(f"{self.root}-again")
        try:
            shutil.rmtree(root, ignore_errors=True)
            assert self._input is not None
            copy_tree(self._input, root)
            engine.make_root(root)
            patient = engine.PATIENT_S
            outcome = engine.run(step, root, self.setting.base, deadline_s=patient, interrupt_s=interrupt_s)
        finally:
            shutil.rmtree(root, ignore_errors=True)
        slow = outcome.hung or outcome.cpu_s > engine.DEADLINE_S
        return None if slow else outcome

    def _leftovers(self) -> list[Failure]:
        left = [path for path in (self.root / "tmp").rglob("*") if path.is_file() and path.name != _LIBRARY_FILE]
        found = [Failure("leftover", f"tmp/{path.relative_to(self.root / 'tmp')} was left behind") for path in left]
        shutil.rmtree(self.root / "tmp", ignore_errors=True)
        (self.root / "tmp").mkdir()
        return found[:1]

    def _check_results(self, before: guard.Snapshot) -> list[Failure]:
        """Read every result that is new, and let the command verify it."""
        found: list[Failure] = []
        after = guard.snapshot(self.root / "work")
        for folder in judge.results_in(self.root / "work"):
            name = str((folder / "receipt.json").relative_to(self.root / "work"))
            if before.get(f"work/{name}") != after.get(name):
                found += judge.check_result(folder)
                found += self.verify(folder)
        return found

    def verify(self, folder: Path, *, whole: bool = True) -> list[Failure]:
        """Let the command say whether a folder of results is whole; where it cannot yet, that is counted.

        Args:
            folder: with a receipt.
            whole: it must be.
        """
        if not can_verify():
            self.count("not verified")
            return []
        self.count("verified")
        step = Step(("verify", str(folder)), codes=frozenset({0} if whole else {0, 2}), outputs=())
        outcome = engine.run(step, self.root, self.setting.base)
        found = list(judge.judge(step, outcome, ran=False))
        return [replace(one, kind="verify", detail=f"verify {folder.name}: {one.detail}") for one in found]

    def _with_site(self, step: Step, found: list[Failure]) -> list[Failure]:
        """Run a fault again with its traceback, and say where it came from."""
        root = Path(f"{self.root}-site")
        try:
            shutil.rmtree(root, ignore_errors=True)
            assert self._input is not None
            copy_tree(self._input, root)
            engine.make_root(root)
            traced = replace(step, environment={**step.environment, _TRACE: "1"})
            outcome = engine.run(traced, root, self.setting.base)
        except (OSError, shutil.Error):
            return found
        finally:
            shutil.rmtree(root, ignore_errors=True)
        site = site_of(outcome.err)
        return [replace(one, site=site) if one.kind == "fault" and site else one for one in found]

    def _keep(self) -> None:
        """Keep the input of a failure, and what is known of it."""
        assert self._input is not None
        place = self.setting.keep / _slug(self.key)
        shutil.rmtree(place, ignore_errors=True)
        try:
            copy_tree(self._input, place)
        except (OSError, shutil.Error) as error:
            print(f"the input of {self.key} could not be kept: {error}", file=sys.stderr)
            place.mkdir(parents=True, exist_ok=True)
        about = {
            "key": self.key,
            "recipe": self.recipe,
            "words": list(self._last.words) if self._last else [],
            "by hand": engine.by_hand(self._last) if self._last else "",
            "failures": [[one.kind, one.site, one.detail] for one in self._failures],
        }
        (place / "case.json").write_text(json.dumps(about, indent=1))


def site_of(err: bytes) -> str:
    """Return the last place in this package that a traceback names, as "io/maps.py:90 TypeError".

    Args:
        err: what a run wrote to stderr.
    """
    lines = err.decode("utf-8", "replace").splitlines()
    places = [line.strip() for line in lines if "/src/mfh/" in line and line.strip().startswith("File ")]
    if not places:
        return ""
    file, _, rest = places[-1].removeprefix('File "').partition('", line ')
    error = next((line for line in reversed(lines) if line and not line.startswith(" ")), "")
    return f"{file.rpartition('/src/mfh/')[2]}:{rest.partition(',')[0]} {error.partition(':')[0]}"


def can_verify() -> bool:
    """Say whether the command has ``verify``."""
    from tests.fuzz.flags import commands

    return "verify" in commands()


def _too_long(number: int, frame: object) -> None:
    raise TimeoutError(f"the case took more than {_LONGEST_S} s")


def _slug(key: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-._" else "-" for letter in key)


def copy_tree(source: Path, target: Path) -> None:
    """Copy a folder as it is: links as links, pipes as pipes, and sparse files sparse.

    Args:
        source: the folder.
        target: made, with its parents.
    """
    target.mkdir(parents=True, exist_ok=True)
    for entry in os.scandir(source):
        place = target / entry.name
        if entry.is_symlink():
            place.symlink_to(os.readlink(entry.path))
        elif entry.is_dir():
            copy_tree(Path(entry.path), place)
        elif not entry.is_file():
            os.mkfifo(place)
        elif entry.stat().st_size > _SPARSE_BYTES:
            with place.open("wb") as stream:
                stream.truncate(entry.stat().st_size)
        else:
            shutil.copy2(entry.path, place)
