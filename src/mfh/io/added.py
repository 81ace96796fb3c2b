"""More files in a folder of results that is already in place: listed in its receipt like the others."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mfh.errors import InputError
from mfh.io.contents import RECEIPT, Receipt, read_receipt
from mfh.io.reading import read_json
from mfh.io.results import Place, finish_interrupted, write_results

Fill = Callable[[Path], tuple[Mapping[str, str], Sequence[str]]]
"""Writes files into a folder, and returns kind -> name of each, and sentences that the user should read."""


@dataclass(frozen=True)
class Results:
    """A folder of results as it was when its receipt was read.

    Attributes:
        folder: of one photo's results.
        receipt: what it says of the files.
        content: all that it says.
    """

    folder: Path
    receipt: Receipt
    content: Mapping[str, object]


def read_results(folder: Path) -> Results:
    """Read the receipt of a folder of results.

    Raises:
        InputError: where the folder is none.
    """
    finish_interrupted(folder)
    receipt = read_receipt(folder / RECEIPT)
    if isinstance(receipt, str):
        raise InputError(f"{receipt}: expected the results of mfh predict or mfh refit")
    content = read_json(folder / RECEIPT, what="receipt", expected="a receipt of this program")
    if not isinstance(content, dict):
        raise InputError(f"{folder / RECEIPT} is no receipt of this program: expected a JSON object")
    return Results(folder, receipt, content)


def add_files(results: Results, fill: Fill) -> tuple[str, ...]:
    """Add files to a folder of results, and to its receipt; nothing else in it changes.

    Args:
        results: as they were when the work on the files began.
        fill: writes them.

    Returns:
        The sentences that ``fill`` returned.

    Raises:
        InputError: where a file that is not the program's own is in the way, the folder was written anew meanwhile, or
            nothing can be written there.
    """
    notes: list[str] = []
    files_there, warnings = results.content.get("files"), results.content.get("warnings")

    def whole(stage: Path) -> dict[str, object]:
        files, sentences = fill(stage)
        notes.extend(sentences)
        return {
            **results.content,
            "files": {**(files_there if isinstance(files_there, dict) else {}), **files},
            "warnings": list(dict.fromkeys([*(warnings if isinstance(warnings, list) else []), *sentences])),
        }

    owner = Path(results.receipt.owner)
    write_results(Place(results.folder, owner, exact=True, adds_to=results.receipt.sha256), whole)
    return tuple(notes)
