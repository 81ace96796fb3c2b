"""SIGKILL at any moment: what was there stays whole, what is new is whole or absent, and the same command finishes."""

import hashlib
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

from tests.fuzz import engine, guard, judge, process
from tests.fuzz.case import Failure, Outcome, Report, Setting, Step
from tests.fuzz.faults import CORPUS
from tests.fuzz.process import Arranged
from tests.fuzz.trial import Trial

_TOUCHING = ("os.remove", "os.rename", "os.rmdir", "os.mkdir", "shutil.rmtree", "os.truncate", "os.link", "os.symlink")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_USERS = {"work/out/notes.txt": "of the user", "work/out/photo/mine.txt": "of the user"}


@dataclass(frozen=True)
class Scene:
    """Two commands that write to one place; the second is killed over what the first left.

    Attributes:
        first: what ran before, to its end; its results are the old ones.
        second: what is killed.
        outputs: where they write.
        real: it may also be killed by the clock, as a process of its own with the package's own models.
    """

    first: tuple[str, ...]
    second: tuple[str, ...]
    outputs: tuple[str, ...] = ("work/out",)
    real: bool = True


_PREDICT = ("predict", "photo.jpg", "--out", "out")
_EVALUATE = ("evaluate", "folder", "--root", "data", "--predictions", "npy", "--unit", "m", "--out", "out")
_STUDY = ("study", "make", "--photos", "photos", "--predictions", "ours=ours", "--predictions", "rival=rival")
SCENES: dict[str, Scene] = {
    "predict": Scene((*_PREDICT, "--focal-px", "90"), (*_PREDICT, "--focal-px", "150")),
    "predict again": Scene((*_PREDICT, "--focal-px", "150"), (*_PREDICT, "--focal-px", "150")),
    "evidence": Scene(
        (*_PREDICT, "--focal-px", "90", "--save-evidence"), (*_PREDICT, "--focal-px", "150", "--save-evidence")
    ),
    "paintings": Scene(
        (*_PREDICT, "--focal-px", "90", "--people", "paint", "--paintings", "2", "--save-paintings", "--save-evidence"),
        (*_PREDICT, "--focal-px", "150", "--people", "paint", "--paintings", "2", "--save-paintings"),
        real=False,
    ),
    "several": Scene(
        (*_PREDICT, "plain.png", "--focal-px", "90"), (*_PREDICT, "plain.png", "--focal-px", "150"), real=False
    ),
    "refit": Scene(
        ("refit", "seen.npz", "--out", "out/photo", "--focal-px", "90"),
        ("refit", "seen.npz", "--out", "out/photo", "--focal-px", "150"),
    ),
    "evaluate": Scene(_EVALUATE, (*_EVALUATE, "--restart"), real=False),
    "evaluate method": Scene(
        ("evaluate", "folder", "--root", "data", "--people", "only", "--out", "out"),
        ("evaluate", "folder", "--root", "data", "--people", "only", "--out", "out", "--restart"),
        real=False,
    ),
    "evaluate on": Scene((), _EVALUATE, real=False),
    "study": Scene((), (*_STUDY, "--out", "out/page.html"), real=False),
    "import": Scene((), ("weights", "import", "carried"), outputs=("weights",), real=False),
}  # fmt: skip
"""What is killed."""


def keys(count: int) -> list[str]:
    """Return keys of kills, all scenes in turn.

    Args:
        count: how many keys.
    """
    names = list(SCENES)
    return [f"kills:{names[number % len(names)]}:{number // len(names)}" for number in range(count)]


def run_case(setting: Setting, key: str) -> Report:
    """Kill one run, and see what it leaves.

    Args:
        setting: of the run.
        key: "kills:SCENE:NUMBER".
    """
    _, name, _ = key.split(":", 2)
    scene, rng = SCENES[name], setting.rng(key)
    # Some by the clock with the real models, most between two touches of the disk.
    by_clock = scene.real and rng.random() < 0.4
    old = bool(scene.first) and rng.random() < 0.7
    with Trial(setting, key, f"kill {name}") as trial:
        wanted = _expected(setting, name, by_clock)
        _prepare(trial.root, setting)
        if old:
            _run(trial, scene.first, scene, real=by_clock)
        users = _put_users(trial.root)
        step = Step(scene.second, outputs=scene.outputs, owned=scene.outputs, tiny=not by_clock)
        before = trial.remember(step)
        killed = _kill_by_clock(trial, step, wanted, rng) if by_clock else _kill_at_touch(trial, step, wanted, rng)
        trial.count("killed" if killed else "came too late")
        _check_state(trial, wanted, "after the kill")
        _check_users(trial, users, "after the kill")
        # What the killed one left is the next one's to sweep.
        left = tuple(trial.snapshot().keys() - before.keys())
        outcome = _run(trial, scene.second, scene, real=by_clock, owned=left)
        if outcome.code == 0:
            _check_finished(trial, wanted, scene.outputs)
            for one in guard.compare(before, trial.snapshot(), outputs=scene.outputs, owned=scene.outputs):
                trial.fail(one)
        _check_users(trial, users, "after the next run")
    return trial.report()


@dataclass(frozen=True)
class _Expected:
    """What runs that nobody disturbs leave.

    Attributes:
        first, second: path below the case's folder -> digest, of files that say what was measured.
        names: all paths that the second leaves, run over the first.
        touches: how often the second touches the disk.
        seconds: of computing that it takes.
    """

    first: Mapping[str, str]
    second: Mapping[str, str]
    names: frozenset[str]
    touches: int
    seconds: float


@cache
def _expected(setting: Setting, name: str, real: bool) -> _Expected:
    scene = SCENES[name]
    made: list[Mapping[str, str]] = []
    touches, seconds = 0, 0.0
    names: frozenset[str] = frozenset()
    for number, words in enumerate((scene.first, scene.second)):
        root = setting.base / f"expected-{os.getpid()}-{name.replace(' ', '-')}-{real}-{number}"
        _prepare(root, setting)
        made.append({})
        if words:
            step = Step(words, tiny=not real)
            if real:
                outcome = process.run(step, root, setting.base)
            else:
                # What was there is touched too: the second is counted over the first.
                if number and scene.first:
                    engine.run(Step(scene.first), root, setting.base, deadline_s=120)
                outcome = _counted(step, root, setting.base)
                touches = int((root / "streams" / "touches").read_text())
            seconds = outcome.cpu_s
            if outcome.code != 0:
                raise RuntimeError(f"{' '.join(words)} ended with {outcome.code}: {outcome.err.decode()}")
            made[number] = _measured(root, scene.outputs)
        if number:
            names = frozenset(_names(root, scene.outputs))
        shutil.rmtree(root)
    return _Expected(made[0], made[1], names, touches, seconds)


def _prepare(root: Path, setting: Setting) -> None:
    shutil.rmtree(root, ignore_errors=True)
    engine.make_root(root)
    shutil.copytree(setting.corpus / CORPUS / "work", root / "work", dirs_exist_ok=True)
    (root / "weights").mkdir()
    for path in (setting.base / "weights").iterdir():
        (root / "weights" / path.name).symlink_to(path.resolve())


def _run(trial: Trial, words: tuple[str, ...], scene: Scene, *, real: bool, owned: tuple[str, ...] = ()) -> Outcome:
    """Run to the end, which must be a good one."""
    may_change = (*scene.outputs, *owned)
    step = Step(words, codes=frozenset({0}), outputs=scene.outputs, owned=may_change, tiny=not real)
    if not real:
        return trial.run(step)
    before = trial.remember(step)
    return trial.judged(step, process.run(step, trial.root, trial.setting.base), before)


def _counting(root: Path, at_touch: Callable[[int], None]) -> Callable[[], None]:
    """Return what makes a process call a function before it touches a file in the case's folder, with the number."""

    def begin() -> None:
        count = 0
        within = (f"{root / 'work'}{os.sep}", f"{root / 'weights'}{os.sep}")

        def hook(event: str, arguments: tuple) -> None:
            nonlocal count
            if event == "open":
                path, mode, flags = arguments
                if not (isinstance(flags, int) and flags & _WRITING):
                    return
            elif event in _TOUCHING:
                path = arguments[0]
            else:
                return
            if isinstance(path, str | bytes | os.PathLike) and os.path.abspath(os.fsdecode(path)).startswith(within):
                count += 1
                at_touch(count)

        sys.addaudithook(hook)

    return begin


def _counted(step: Step, root: Path, base: Path) -> Outcome:
    listed = root / "streams" / "touches"
    listed.write_text("0")
    return engine.run(step, root, base, deadline_s=120, before=_counting(root, lambda n: _write(listed, n)))


def _write(path: Path, number: int) -> None:
    file = os.open(path, os.O_WRONLY | os.O_TRUNC)
    os.write(file, str(number).encode())
    os.close(file)


def _kill_at_touch(trial: Trial, step: Step, wanted: _Expected, rng: Random) -> bool:
    chosen = rng.randint(1, max(1, wanted.touches))
    trial.recipe = f"killed before touch {chosen} of {wanted.touches}"

    def at_touch(number: int) -> None:
        if number == chosen:
            os.kill(os.getpid(), signal.SIGKILL)

    outcome = engine.run(step, trial.root, trial.setting.base, before=_counting(trial.root, at_touch))
    return outcome.code == -signal.SIGKILL


def _kill_by_clock(trial: Trial, step: Step, wanted: _Expected, rng: Random) -> bool:
    after_s = rng.uniform(0.3, 1.05) * wanted.seconds
    trial.recipe = f"killed after computing {after_s:.2f} s of {wanted.seconds:.2f} s"
    arranged = Arranged(meanwhile=(after_s, engine.end))
    return process.run(step, trial.root, trial.setting.base, arranged).code == -signal.SIGKILL


def _measured(root: Path, outputs: tuple[str, ...]) -> dict[str, str]:
    """Return digests of the files whose bytes the same command always gives again."""
    found = {}
    for output in outputs:
        for path in (root / output).rglob("*"):
            if path.is_file() and path.name in ("depth.npz", "depth.png", "preview.png", "scores.csv", "config.json"):
                found[str(path.relative_to(root))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def _names(root: Path, outputs: tuple[str, ...]) -> list[str]:
    return [str(path.relative_to(root)) for output in outputs for path in (root / output).rglob("*")]


def _check_state(trial: Trial, wanted: _Expected, when: str) -> None:
    """See that every receipt lies beside what it was written for: all of the first's files, or all of the second's."""
    for folder in judge.results_in(trial.root / "work" / "out"):
        receipt = folder / "receipt.json"
        files = {path.name: str(path.relative_to(trial.root)) for path in folder.iterdir() if path.is_file()}
        whose = {
            name: _owner(trial.root / place, place, wanted)
            for name, place in files.items()
            if name in ("depth.npz", "depth.png", "preview.png")
        }
        said = _receipt_owner(receipt)
        if len(whose) < 3:
            trial.fail(
                Failure("mixed", f"{when} {folder.name} has a receipt and only {', '.join(whose) or 'no files'}")
            )
        elif not all(said in owners for owners in whose.values()):
            trial.fail(Failure("mixed", f"{when} {folder.name} has the receipt of the {said} run beside {whose}"))
        else:
            for one in trial.verify(folder):
                trial.fail(one)


def _owner(path: Path, place: str, wanted: _Expected) -> tuple[str, ...]:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return tuple(name for name in ("first", "second") if getattr(wanted, name).get(place) == digest)


def _receipt_owner(receipt: Path) -> str:
    try:
        focal = json.loads(receipt.read_text())["camera"]["fx"]
    except (ValueError, KeyError, TypeError):
        return "damaged"
    return {90: "first", 150: "second"}.get(round(focal), f"unknown ({focal})")


def _put_users(root: Path) -> list[str]:
    """Put files of the user's beside results, and among those that are there already."""
    places = [
        place for place in _USERS if (root / place).parent.parent.name == "work" or (root / place).parent.is_dir()
    ]
    for place in places:
        (root / place).parent.mkdir(exist_ok=True)
        (root / place).write_text(_USERS[place])
    return places


def _check_users(trial: Trial, users: list[str], when: str) -> None:
    for place in users:
        path = trial.root / place
        if not path.is_file() or path.read_text() != _USERS[place]:
            trial.fail(Failure("lost", f"{when} {place} of the user is gone or changed"))


def _check_finished(trial: Trial, wanted: _Expected, outputs: tuple[str, ...]) -> None:
    """See that the next run finished in the same folder, and that nothing of the killed one is left."""
    found = _measured(trial.root, outputs)
    for place, digest in wanted.second.items():
        if found.get(place) != digest:
            there = "is something else" if place in found else "is not there"
            trial.fail(Failure("rerun", f"after the next run {place} {there}"))
    more = sorted(set(_names(trial.root, outputs)) - wanted.names - set(_USERS))
    more = [place for place in more if place not in ("work/out/photo", "work/out")]
    kept = ("evidence.npz", "strip.png", "paintings")
    more = [place for place in more if not any(part in kept for part in Path(place).parts)]
    if more:
        trial.fail(Failure("leftover", f"after the next run there are also {', '.join(more[:4])}"))
