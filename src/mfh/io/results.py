"""The folder of one photo's results has one owner: it is replaced whole, and nothing else in it is ever touched.

A run stages its files in a hidden folder beside the results and puts them in place once they are complete. Of the files
there already, only those may be removed that the folder's own last receipt lists by name and digest, unchanged. Files
that others put there or changed stay, and so do the run's inputs: where one is in the way, the results go to another
folder. Evidence and paintings, which are expensive, stay until a run replaces them with its own.

A killed run leaves the old results whole, or the new ones, or new ones that are complete in ``.mfh-swap`` beside no
receipt; the next run finishes those, removes what is left over, and writes to the same folder.
"""

import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mfh.errors import InputError
from mfh.io.atomic import plain_name
from mfh.io.contents import RECEIPT, Digest, digests_in, is_listing, is_still, read_receipt, sealed
from mfh.io.json_text import json_text
from mfh.io.lock import folder_lock
from mfh.io.reading import read_json

EXPENSIVE = {"evidence": ("evidence.npz",), "paintings": ("strip.png", "paintings/")}
"""Groups of files that a run without them leaves in place, by name or by folder."""
SWAP = ".mfh-swap"
"""Folder of new results that are complete, but not yet in place."""
_STAGE, _PLAN = ".mfh-new-", "plan.json"
_USUAL = ("depth.npz", "depth.png", "preview.png", RECEIPT)
_OTHERS = "it holds the results of "
_WAIT_S = 120.0
_MOST_NAMES = 100_000


@dataclass(frozen=True)
class Place:
    """Where the results made from one file go.

    Attributes:
        root: the folder of all results, in which each file gets ``<its stem>/``, or ``<its stem>-2/`` where that one
            belongs to something else.
        source: the file: results in a folder belong to it.
        name: used in place of the stem; None for the stem.
        exact: results go right into ``root``.
        inputs: other files that the run reads: never replaced, nor is the source.
        adds_to: digest of the receipt to whose files others are added: those that are not replaced stay; None for a
            run of its own.
        called: the source on receipts, where its path is not to be passed on; None for the path.
    """

    root: Path
    source: Path
    name: str | None = None
    exact: bool = False
    inputs: tuple[Path, ...] = ()
    adds_to: str | None = None
    called: str | None = None

    @property
    def owner(self) -> str:
        """The source as receipts name it."""
        return os.path.realpath(self.source) if self.called is None else self.called

    @property
    def base(self) -> Path:
        """The folder that new files are staged in: of one that is added to, as of the run that made it."""
        return self.root if self.adds_to is None else self.root.absolute().parent

    def folders(self) -> Iterator[Path]:
        """Yield the folders that the results may go to, in order."""
        if self.exact:
            yield self.root
            return
        name = plain_name(self.name or self.source.stem or self.source.name)
        yield self.root / name
        for count in range(2, _MOST_NAMES):
            yield self.root / f"{name}-{count}"


@dataclass(frozen=True)
class Written:
    """Results in place.

    Attributes:
        folder: where they are.
        receipt: what receipt.json holds.
        passed_over: why the results did not go to the first folder of their name; empty where they did, or where that
            one holds another file's results.
    """

    folder: Path
    receipt: dict[str, object]
    passed_over: str = ""


def write_results(place: Place, fill: Callable[[Path], dict[str, object]]) -> Written:
    """Write the results made from one file, and put them in place at once.

    ``fill`` writes the files, but not the receipt, into the folder it is given, and returns the receipt's content.

    Returns:
        Where they are, with the receipt: as ``fill`` returned it, and ``contents`` (name -> bytes and sha256 of every
        file), ``from_earlier_run`` (names of those that stay from it) and ``receipt_sha256``.

    Raises:
        InputError: where nothing can be written there, or ``place`` is exact and holds something else.
    """
    with _made(place.base), _staging(place.base) as stage:
        with _disk_errors(place.root):
            content = fill(stage)
            new = digests_in(stage)
        # Of a folder that is added to, the runs that write it hold the one it lies in, or itself.
        inner = nullcontext() if place.adds_to is None else folder_lock(place.root, wait_s=_WAIT_S)
        with folder_lock(place.base, wait_s=_WAIT_S), inner, _disk_errors(place.root):
            folder, plan, passed_over = _choose(place, new)
            earlier = sorted(plan.kept) if place.adds_to is None else content.get("from_earlier_run", [])
            content = sealed({**content, "contents": {**new, **plan.kept}, "from_earlier_run": earlier})
            (stage / RECEIPT).write_text(json_text(content) + "\n", encoding="utf-8")
            _put_in_place(stage, folder, plan)
    return Written(folder, content, passed_over)


def finish_interrupted(folder: Path) -> None:
    """Put new results in place that a killed run left complete beside the old ones; nothing where there are none."""
    if not (folder / SWAP).is_dir():
        return
    with folder_lock(folder.parent, wait_s=_WAIT_S), folder_lock(folder, wait_s=_WAIT_S), _disk_errors(folder):
        _finish_swap(folder)


def check_place(place: Place) -> None:
    """Refuse an exact place that holds something else before any work is done for it.

    Raises:
        InputError: where results cannot go there.
    """
    if not place.exact:
        return
    with _disk_errors(place.root):
        plan = _plan(place.root, place, _USUAL)
    if isinstance(plan, str):
        raise InputError(f"results cannot go to {place.root}: {plan}; choose another folder with --out")


@dataclass(frozen=True)
class _Plan:
    """What happens to what lies in a folder already.

    Attributes:
        remove: name -> digest of files of the last run that go.
        kept: those that stay, with digests.
    """

    remove: dict[str, Digest]
    kept: dict[str, Digest]


def _choose(place: Place, new: Mapping[str, object]) -> tuple[Path, _Plan, str]:
    """Return the first folder that new files may go to, the plan for the old ones, and why others were passed over."""
    passed_over = ""
    _sweep(place.base)
    for folder in place.folders():
        _finish_swap(folder)
        plan = _plan(folder, place, (*new, RECEIPT))
        if isinstance(plan, _Plan):
            return folder, plan, passed_over
        if place.exact:
            raise InputError(f"results cannot go to {folder}: {plan}; choose another folder with --out")
        passed_over = passed_over or ("" if plan.startswith(_OTHERS) else plan)
    raise InputError(f"{place.root} holds too many results of one name: choose another folder with --out")


def _plan(folder: Path, place: Place, names: Sequence[str]) -> _Plan | str:
    """Return what happens to a folder's files where these are written to it, or why they cannot be."""
    if not os.path.lexists(folder):
        return _Plan({}, {})
    if not folder.is_dir():
        return f"{folder} is a file"
    contents: dict[str, Digest] = {}
    if os.path.lexists(folder / RECEIPT):
        receipt = read_receipt(folder / RECEIPT)
        if isinstance(receipt, str):
            return receipt
        if place.adds_to is None and receipt.owner != place.owner:
            return f"{_OTHERS}{receipt.owner}"
        if place.adds_to not in (None, receipt.sha256):
            return "it was written anew meanwhile"
        contents = receipt.contents
    elif place.adds_to is not None:
        return "its receipt is gone"
    for part in {folder / parent for name in names for parent in PurePosixPath(name).parents}:
        if os.path.lexists(part) and (part.is_symlink() or not part.is_dir()) and part != folder:
            return f"{part} is in the way"
    own = {name for name, digest in contents.items() if is_still(folder / name, digest)}
    for name in names:
        if os.path.lexists(folder / name) and name not in own and name != RECEIPT:
            return f"{folder / name} was not written by the last run, or was changed since"
    if place.adds_to is not None:
        # Those that were changed too: they stay on the receipt, so that this is found.
        return _Plan({}, {name: digest for name, digest in contents.items() if name not in names})
    replaced = {group for group, of in EXPENSIVE.items() if any(_is_of(name, of) for name in names)}
    stay = [name for group, of in EXPENSIVE.items() if group not in replaced for name in own if _is_of(name, of)]
    remove = own - {*names, *stay}
    inputs = {os.path.realpath(path) for path in (place.source, *place.inputs)}
    for name in sorted({*names, *remove}):
        if os.path.realpath(folder / name) in inputs:
            return f"{folder / name} is what this run reads"
    return _Plan({name: contents[name] for name in remove}, {name: contents[name] for name in stay})


def _is_of(name: str, group: Sequence[str]) -> bool:
    return any(name == one or (one.endswith("/") and name.startswith(one)) for one in group)


@contextmanager
def _made(root: Path) -> Iterator[None]:
    """Make a folder for the time of a block, which stays unless it is still empty."""
    with _disk_errors(root):
        root.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        # Refused where there is anything in it.
        with suppress(OSError):
            root.rmdir()


@contextmanager
def _staging(root: Path) -> Iterator[Path]:
    """Yield a new hidden folder in another, locked while it is in use; removed at the end unless it was renamed."""
    stage = root / f"{_STAGE}{secrets.token_hex(4)}"
    with folder_lock(stage, wait_s=0.0):
        try:
            with _disk_errors(root):
                stage.mkdir()
            yield stage
        finally:
            shutil.rmtree(stage, ignore_errors=True)


def _sweep(root: Path) -> None:
    """Remove what killed runs left: hidden folders that no process holds, and their locks."""
    stages = {root / path.name[: len(_STAGE) + 8] for path in root.glob(f"{_STAGE}*")}
    for stage in stages:
        try:
            with folder_lock(stage, wait_s=0.0):
                shutil.rmtree(stage, ignore_errors=True)
        except InputError:
            # Another process is writing it.
            continue


def _put_in_place(stage: Path, folder: Path, plan: _Plan) -> None:
    """Make a complete stage the folder's content: at once where there is no folder, else step by step, resumably."""
    if not os.path.lexists(folder):
        os.rename(stage, folder)
        return
    (stage / _PLAN).write_text(json.dumps(plan.remove), encoding="utf-8")
    os.rename(stage, folder / SWAP)
    try:
        _finish_swap(folder)
    except KeyboardInterrupt:
        # Half a swap is no answer to Ctrl-C: it takes milliseconds to finish.
        _finish_swap(folder)
        raise


def _finish_swap(folder: Path) -> None:
    """Put complete new results in place of the old: the old receipt goes first and the new one comes last."""
    swap = folder / SWAP
    if not swap.is_dir():
        return
    if (swap / RECEIPT).is_file() and (swap / _PLAN).is_file():
        expected = "what an unfinished run was going to remove"
        remove = read_json(swap / _PLAN, what="plan", expected=expected)
        if not (isinstance(remove, dict) and all(is_listing(name, one) for name, one in remove.items())):
            raise InputError(f"{swap / _PLAN} is damaged: expected {expected}; look into {swap} and remove it")
        (folder / RECEIPT).unlink(missing_ok=True)
        for name, digest in remove.items():
            if is_still(folder / name, digest):
                (folder / name).unlink()
        for path in sorted(swap.rglob("*")):
            name = path.relative_to(swap)
            if path.is_dir():
                (folder / name).mkdir(exist_ok=True)
            elif name.as_posix() not in (_PLAN, RECEIPT):
                os.replace(path, folder / name)
        os.replace(swap / RECEIPT, folder / RECEIPT)
        for parent in {(folder / name).parent for name in remove} - {folder}:
            if not any(parent.iterdir()):
                parent.rmdir()
    shutil.rmtree(swap)


@contextmanager
def _disk_errors(root: Path) -> Iterator[None]:
    """Turn an error of the disk into one line."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"cannot write to {root}: {reason}; choose another folder with --out") from error


@dataclass(frozen=True)
class Checked:
    """The state of the folder of one photo's results.

    Attributes:
        folder: the folder.
        files: how many files its receipt lists.
        problems: what is wrong, a sentence each; none where everything is as it was written.
    """

    folder: Path
    files: int
    problems: tuple[str, ...]


def result_folders(root: Path) -> list[Path]:
    """Return the folders of results in a folder, itself included, in order; links are not followed.

    Raises:
        InputError: where it cannot be read.
    """

    def refuse(error: OSError) -> None:
        raise InputError(f"cannot read {error.filename}: {error.strerror}; expected a folder of results") from error

    found = []
    for folder, folders, files in os.walk(root, onerror=refuse):
        if RECEIPT in files or SWAP in folders:
            found.append(Path(folder))
        folders[:] = sorted(name for name in folders if not name.startswith(".mfh-"))
    return sorted(found)


def check_results(folder: Path) -> Checked:
    """Return whether the results in a folder are those that its receipt lists, byte for byte."""
    if not (folder / RECEIPT).is_file():
        # Where it has one, and new results wait to be put in place, the old ones are still whole.
        unfinished = "is unfinished: the run that wrote it was killed, and the same run again finishes it"
        return Checked(folder, 0, (f"{folder} {unfinished if (folder / SWAP).is_dir() else 'has no receipt.json'}",))
    receipt = read_receipt(folder / RECEIPT)
    if isinstance(receipt, str):
        return Checked(folder, 0, (receipt,))
    problems = []
    for name, digest in receipt.contents.items():
        path = folder / name
        try:
            if not os.path.lexists(path):
                problems.append(f"{path} is missing")
            elif not is_still(path, digest):
                problems.append(f"{path} is not what was written")
        except OSError as error:
            problems.append(f"{path} cannot be read ({error.strerror or error})")
    return Checked(folder, len(receipt.contents), tuple(problems))
