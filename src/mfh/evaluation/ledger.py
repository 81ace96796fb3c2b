"""The ledger of an evaluation: which configuration a folder belongs to, and which photos are done.

``ledger.json`` holds the configuration; another one is refused. ``done.jsonl`` gets a line for every photo, after its
answer is whole on disk: what a killed run had begun and not written down is done again, and nothing else is.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from mfh.errors import InputError
from mfh.io.atomic import atomic_path

LEDGER, DONE, PREDICTIONS = "ledger.json", "done.jsonl", "predictions"
_ABSENT = "nothing"
_SHOWN = 3


@dataclass(frozen=True)
class Done:
    """One photo that is done.

    Attributes:
        name: of the sample.
        seconds: the method took.
        failure: why it has no answer; empty where it has one.
        kind: what kind of failure: the name of the error; empty where there is none.
    """

    name: str
    seconds: float
    failure: str = ""
    kind: str = ""


class Ledger:
    """A folder of answers of one configuration.

    Attributes:
        folder: the folder.
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
        restart: throw away what is there.

    Returns:
        The ledger, with what earlier runs have done.

    Raises:
        InputError: for a folder of another configuration, saying what differs, or one that cannot be used.
    """
    path = folder / LEDGER
    if restart and path.is_file():
        for old in (folder / DONE, path):
            old.unlink(missing_ok=True)
        shutil.rmtree(folder / PREDICTIONS, ignore_errors=True)
    if path.is_file():
        different = differences(_read(path), json.loads(json.dumps(settings)))
        if different:
            others = f" and {len(different) - _SHOWN} more" if len(different) > _SHOWN else ""
            raise InputError(
                f"{folder} holds results of another configuration ({'; '.join(different[:_SHOWN])}{others}): choose "
                "another folder with --out, or --restart to compute everything again"
            )
    else:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"cannot make {folder}: {error.strerror or error}; choose another with --out") from error
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps(settings, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    _sweep(folder / PREDICTIONS)
    return Ledger(folder, {done.name: done for done in _read_done(folder / DONE)})


def differences(old: object, new: object, where: str = "") -> list[str]:
    """Return what differs between two trees of plain values, a few words each: "method.seed was 0, is 1".

    Args:
        old: what is there.
        new: what is asked for.
        where: path to both, with dots.
    """
    if isinstance(old, dict) and isinstance(new, dict):
        keys = [*old, *(key for key in new if key not in old)]
        prefix = f"{where}." if where else ""
        return [
            line
            for key in keys
            for line in differences(old.get(key, _ABSENT), new.get(key, _ABSENT), f"{prefix}{key}")
        ]  # fmt: skip
    return [] if old == new else [f"{where} was {_short(old)}, is {_short(new)}"]


def _short(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _read(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}): --restart computes everything again") from error


def _read_done(path: Path) -> Iterator[Done]:
    """Yield what is done; a last line that a killed run did not finish is cut off."""
    if not path.is_file():
        return
    written = path.read_bytes()
    whole = written[: written.rfind(b"\n") + 1]
    if len(whole) < len(written):
        with atomic_path(path) as temporary:
            temporary.write_bytes(whole)
    for number, line in enumerate(whole.decode("utf-8").splitlines(), start=1):
        try:
            yield Done(**json.loads(line))
        except (TypeError, ValueError) as error:
            raise InputError(
                f"line {number} of {path} is damaged ({error}): --restart computes everything again"
            ) from error


def _sweep(predictions: Path) -> None:
    """Remove files that a killed run was about to rename."""
    if predictions.is_dir():
        for left in predictions.rglob(".*.tmp.npz"):
            left.unlink(missing_ok=True)
