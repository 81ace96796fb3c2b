"""Which folder a photo's results go to: never one that holds another photo's."""

import json
from collections.abc import Collection
from pathlib import Path

RESULT_FILES = ("depth.npz", "depth.png", "preview.png", "receipt.json")


def result_folder(out: Path, photo: Path, *, taken: Collection[Path] = ()) -> Path:
    """Return OUT/<stem>, or OUT/<stem>-2, -3 and so on where that belongs to another photo.

    Measuring the same photo again replaces its results. A folder belongs to the photo its receipt names; one that holds
    result files without a readable receipt belongs to somebody unknown and is left alone.

    Args:
        out: where all results go.
        photo: the picture file.
        taken: folders given to other photos in this run.

    Returns:
        The folder, which may not exist yet.
    """
    stem = photo.stem or photo.name
    count = 1
    while True:
        folder = out / (stem if count == 1 else f"{stem}-{count}")
        if folder not in taken and is_free(folder, photo):
            return folder
        count += 1


def is_free(folder: Path, photo: Path) -> bool:
    """Return whether results made from a file may go to a folder: it holds none, or those made from it before.

    Args:
        folder: need not exist.
        photo: the file.
    """
    if not folder.exists():
        return True
    if not folder.is_dir():
        return False
    if not any((folder / name).exists() for name in RESULT_FILES):
        return True
    try:
        owner = json.loads((folder / "receipt.json").read_text(encoding="utf-8"))["photo"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return owner == str(photo.resolve())
