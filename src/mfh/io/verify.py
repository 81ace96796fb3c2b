"""Whether what lies in a folder of results is what was written: ``mfh verify``."""

import os
from dataclasses import dataclass
from pathlib import Path

from mfh.errors import InputError
from mfh.io.contents import RECEIPT, is_still, read_receipt
from mfh.io.results import SWAP


@dataclass(frozen=True)
class Checked:
    """What was found in the folder of one photo's results.

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

    Args:
        root: where to look.

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
    """Return whether the results in a folder are those that its receipt lists, byte for byte.

    Args:
        folder: of one photo's results.
    """
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
