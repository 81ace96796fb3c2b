"""Depth that is there already in other formats, without any model: beside the results it came from, or elsewhere."""

import os
from dataclasses import dataclass
from pathlib import Path

from mfh.errors import InputError, shown
from mfh.io.added import add_files, read_results
from mfh.io.atomic import make_folder
from mfh.io.contents import CLIP_FILE, RECEIPT, is_still, read_receipt
from mfh.io.depth_rows import DepthRows, rows_of_stored
from mfh.io.formats import FORMATS, Formats, write_formats
from mfh.io.pictures import MAX_PIXELS
from mfh.io.read_depth import IN_FOLDER, read_depth
from mfh.io.schema import StoredDepth
from mfh.io.written import check_apart, check_own, own_path
from mfh.types import Photo


@dataclass(frozen=True)
class Converted:
    """What was written.

    Attributes:
        folder: where it is.
        files: names, in the order of the formats.
        notes: sentences that the user should read.
    """

    folder: Path
    files: tuple[str, ...]
    notes: tuple[str, ...]


def convert_results(folder: Path, formats: Formats, *, photo: Path | None = None) -> Converted:
    """Add formats to a folder of results, and to its receipt; nothing else in it changes.

    Args:
        folder: of one photo's results.
        formats: to write.
        photo: the photo, where it is no longer where the receipt says.

    Raises:
        InputError: where the folder or the photo cannot be used, or its depth was changed since it was written.
    """
    results = read_results(folder)
    contents, owner = results.receipt.contents, Path(results.receipt.owner)
    name = next((one for one in IN_FOLDER if one in contents), None)
    if CLIP_FILE in contents:
        archive = next((one for one in contents if one.startswith("depth/")), "depth/")
        raise InputError(f"{shown(folder)} holds a clip, and formats are of photos: its frames are in {archive}")
    if name is None:
        raise InputError(f"{shown(folder)} has no depth to convert: expected one of {', '.join(IN_FOLDER)}")
    if not is_still(folder / name, contents[name]):
        raise InputError(f"{shown(folder / name)} is not what was written: measure again, or name that file itself")
    rows = _rows(_described(folder / name), formats, photo or owner)
    notes = add_files(results, lambda stage: write_formats(stage, rows, formats))
    return Converted(folder, _files(formats), notes)


def convert_file(source: Path, out: Path, formats: Formats, *, photo: Path | None = None) -> Converted:
    """Write formats of one file of depth into a folder; files there that this program did not write stay.

    Args:
        source: a file that says what it holds, or a folder of results.
        out: made where it is not there.
        formats: to write.
        photo: for those with colours; of a folder of results, the one they were made from where not given.

    Raises:
        InputError: where a file cannot be used, or one of the same name is in the way.
    """
    if formats.colours and photo is None and os.path.isdir(source):
        receipt = read_receipt(source / RECEIPT)
        photo = None if isinstance(receipt, str) else Path(receipt.owner)
    if formats.colours and photo is None:
        named = next(name for name in formats.names if FORMATS[name].colours)
        raise InputError(f"format {named} has the photo's colours: name the photo with --photo")
    names = _files(formats)
    check_apart([out / name for name in names], [source, *([photo] if photo else [])])
    rows = _rows(_described(source), formats, photo)
    make_folder(out)
    check_own(out, names)
    _, sentences = write_formats(out, rows, formats, written_to=own_path)
    return Converted(out, names, tuple(sentences))


def _described(path: Path) -> StoredDepth:
    stored = read_depth(path)
    if stored.about is None:
        raise InputError(f"{shown(path)} says nothing about itself: expected a file of mfh predict or mfh convert")
    return stored


def _rows(stored: StoredDepth, formats: Formats, photo: Path | None) -> DepthRows:
    if not formats.colours or photo is None:
        return rows_of_stored(stored, None)
    return rows_of_stored(stored, _photo(photo, stored))


def _photo(path: Path, stored: StoredDepth) -> Photo:
    """Return the photo, which for a refit is in the evidence."""
    if path.suffix.lower() == ".npz":
        from mfh.io.evidence import load_evidence

        return load_evidence(path).photo
    from mfh.io.photo import load_photo

    try:
        return load_photo(path, max_pixels=max(MAX_PIXELS, stored.depth_m.size))
    except InputError as error:
        raise InputError(f"{error} (for the colours: name the photo with --photo)") from error


def _files(formats: Formats) -> tuple[str, ...]:
    return tuple(FORMATS[name].file for name in formats.names)
