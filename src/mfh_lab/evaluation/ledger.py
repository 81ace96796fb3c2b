"""The ledger of an evaluation: which configuration a folder belongs to, and which photos are done.

``ledger.json`` holds the configuration; another one is refused. ``done.jsonl`` gets a line for every photo, after its
answer is whole on disk: what a killed run had begun and not written down is done again, and nothing else is. What the
ledger does not list is not this program's: it is never replaced or removed.
"""

import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from mfh.errors import InputError
from mfh.io.atomic import atomic_path, make_folder
from mfh.io.reading import check_file, parse_json, read_json, reading
from mfh.pipeline.settings import differences
from mfh_lab.evaluation.methods.stored import is_stored, prediction_path

LEDGER, DONE, PREDICTIONS = "ledger.json", "done.jsonl", "predictions"
_KEYS = frozenset({"method", "dataset", "protocol", "code"})
"""What the configuration of every ledger of this program has."""
_EXPECTED = "the ledger of mfh evaluate; choose another folder with --out"
_MAX_DONE_BYTES = 1 << 30
_LEFT = re.compile(r"\.(ledger|done|scores|failures|summary|timings|\.mfh-written)\.\d+\.tmp\.\w+")
_LEFT_ANSWER = re.compile(r"\..+\.\d+\.tmp\.npz", re.DOTALL)
"""Names that :func:`mfh.io.atomic.atomic_path` gives to what it has not renamed yet."""
_SHOWN = 3


@dataclass(frozen=True)
class Done:
    """One photo that is done.

    Attributes:
        name: of the sample.
        seconds: the method took.
        failure: why it has no answer; empty where it has one.
        kind: what kind of failure: the name of the error; empty where there is none.
        first: whether it was the first that its process asked the method for: its seconds include what a method does
            once.
        ram_bytes: peak resident memory of the process until then; None where the system does not say.
        gpu_bytes: peak memory of torch on a GPU; None where it used none.
    """

    name: str
    seconds: float
    failure: str = ""
    kind: str = ""
    first: bool = False
    ram_bytes: int | None = None
    gpu_bytes: int | None = None


class Ledger:
    """A folder of answers of one configuration.

    Attributes:
        done: what is done, by the sample's name.
    """

    def __init__(self, folder: Path, done: dict[str, Done]) -> None:
        self.folder = folder
        self.done = done

    @property
    def predictions(self) -> Path:
        """Folder of the answers."""
        return self.folder / PREDICTIONS

    def add(self, done: Done) -> None:
        """Write down that a photo is done; its answer must be on disk already.

        Args:
            done: the photo.

        Raises:
            InputError: where it cannot be written.
        """
        try:
            with (self.folder / DONE).open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(done)) + "\n")
        except OSError as error:
            raise InputError(f"cannot write {self.folder / DONE}: {error.strerror or error}") from error
        self.done[done.name] = done


def open_ledger(folder: Path, settings: Mapping[str, object], *, restart: bool = False) -> Ledger:
    """Open a folder for one configuration, and make it if it is new.

    Args:
        folder: of the results.
        settings: plain JSON values that decide every result.
        restart: throw away the answers that the ledger lists, and nothing else.

    Returns:
        The ledger, with what earlier runs have done.

    Raises:
        InputError: for a folder of another configuration, saying what differs, one that holds files of others where
            answers would go, or one that cannot be used.
    """
    path = folder / LEDGER
    wanted = parse_json(json.dumps(settings))
    if os.path.lexists(path):
        there = _read(path)
        different = [] if restart else differences(there, wanted)
        if different:
            others = f" and {len(different) - _SHOWN} more" if len(different) > _SHOWN else ""
            raise InputError(
                f"{folder} holds results of another configuration ({'; '.join(different[:_SHOWN])}{others}): choose "
                "another folder with --out, or --restart to compute everything again"
            )
        _sweep(folder)
        if restart:
            _forget(folder)
    else:
        _check_free(folder)
    if not os.path.lexists(path):
        make_folder(folder)
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps(settings, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return Ledger(folder, done_photos(folder))


def done_photos(folder: Path) -> dict[str, Done]:
    """Return the photos of a folder of answers that are done, by name; a line that was cut off is removed.

    Args:
        folder: of the results.

    Raises:
        InputError: for a list that is damaged.
    """
    return {done.name: done for done in _read_done(folder / DONE)}


def _read(path: Path) -> dict[str, object]:
    content = read_json(path, what="", expected=_EXPECTED)
    if not (isinstance(content, dict) and content.keys() >= _KEYS):
        raise InputError(f"{path} is no ledger of mfh evaluate: choose another folder with --out")
    return content


def _check_free(folder: Path) -> None:
    """Refuse a folder without a ledger that holds other files where answers would go."""
    with reading(folder, what="--out", expected="a folder for results"):
        taken = [name for name in (DONE, PREDICTIONS) if os.path.lexists(folder / name)]
        if taken == [PREDICTIONS] and os.path.isdir(folder / PREDICTIONS) and not os.listdir(folder / PREDICTIONS):
            return
        if taken:
            raise InputError(
                f"{folder / taken[0]} is there already and {folder} has no {LEDGER}: mfh evaluate did not write it; "
                "choose another folder with --out"
            )


def _read_done(path: Path) -> Iterator[Done]:
    """Yield what is done; a last line that a killed run did not finish is cut off."""
    for number, line in enumerate(_done_lines(path), start=1):
        what, expected = f"line {number} of", "one that mfh evaluate wrote; --restart computes everything again"
        with reading(path, what=what, expected=expected):
            yield _as_done(line)


def _done_lines(path: Path) -> list[bytes]:
    if not os.path.lexists(path):
        return []
    with reading(path, what="", expected=_EXPECTED):
        if os.path.isfile(path) and path.stat().st_size == 0:
            return []
        check_file(path, what="", expected=_EXPECTED, max_bytes=_MAX_DONE_BYTES)
        written = path.read_bytes()
    whole = written[: written.rfind(b"\n") + 1]
    if len(whole) < len(written):
        with atomic_path(path) as temporary:
            temporary.write_bytes(whole)
    return whole.split(b"\n")[:-1]


def _as_done(line: bytes) -> Done:
    """Parse one line.

    Raises:
        ValueError, TypeError: for a line of something else.
    """
    content = parse_json(line.decode("utf-8"))
    if not isinstance(content, dict):
        raise ValueError("it is no JSON object")
    done = Done(**content)
    texts = (done.name, done.failure, done.kind)
    number = isinstance(done.seconds, int | float) and not isinstance(done.seconds, bool)
    bytes_are = all(one is None or type(one) is int for one in (done.ram_bytes, done.gpu_bytes))
    if not all(isinstance(one, str) for one in texts) or not (number and math.isfinite(done.seconds)):
        raise ValueError("it has values of other kinds")
    if not (isinstance(done.first, bool) and bytes_are):
        raise ValueError("it has values of other kinds")
    return done


def _forget(folder: Path) -> None:
    """Remove the answers that the ledger lists, and the ledger."""
    names: dict[str, None] = {}
    for line in _done_lines(folder / DONE):
        # A damaged line lists nothing.
        with suppress(ValueError, TypeError, OverflowError):
            names[_as_done(line).name] = None
    try:
        for name in names:
            path = prediction_path(folder / PREDICTIONS, name)
            if is_stored(path):
                path.unlink()
                _remove_empty(path.parent, folder / PREDICTIONS)
        for path in (folder / DONE, folder / LEDGER):
            path.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"cannot remove results in {folder}: {error.strerror or error}") from error


def _remove_empty(folder: Path, last: Path) -> None:
    with suppress(OSError):
        while folder != last:
            folder.rmdir()
            folder = folder.parent


def _sweep(folder: Path) -> None:
    """Remove files that a killed run was about to rename."""
    with suppress(OSError):
        found = [(path, _LEFT) for path in folder.glob(".*")]
        found += [(path, _LEFT_ANSWER) for path in (folder / PREDICTIONS).rglob(".*")]
        for path, name in found:
            if name.fullmatch(path.name) and path.is_file():
                path.unlink()
