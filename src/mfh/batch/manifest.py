"""What is to be measured: photos from folders, patterns, lists and tables, each with an id of its own.

A table (CSV, JSON lines, Parquet) has a row a photo, with the columns of :class:`Item`; a path in it is relative to the
table. In a list (``.txt``) each line is a path. Ids of files in a folder are their paths in it.
"""

import csv
import glob
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from mfh.batch.address import is_address, pictures_below
from mfh.batch.columns import COLUMNS, NUMBERS, Item, Photos
from mfh.errors import InputError
from mfh.io.reading import parse_json

PICTURES = frozenset(
    (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".jp2", ".heic", ".heif", ".avif", ".mpo")
)
"""Endings of the files that are taken from a folder."""
TABLES = (".csv", ".jsonl", ".parquet")
_MOST_LETTERS = 1000


def read_inputs(inputs: Sequence[str]) -> Photos:
    """Return the photos that are to be measured, in order.

    Args:
        inputs: picture files, addresses, folders (with all below), patterns (``photos/**/*.jpg``), lists and tables.

    Raises:
        InputError: where one is not there, has no photo, or has a row that cannot be read, or two photos have one id.
    """
    photos = Photos.of(item for one in inputs for item in _items(one))
    if (twins := photos.first_twins()) is not None:
        raise InputError(
            f"two photos have the id {twins[0].id[:80]!r} ({twins[0].path} and {twins[1].path}): expected ids that "
            "differ; give a table with a column id"
        )
    return photos


def shard_of(items: Photos, shard: str | None) -> Photos:
    """Return every n-th of the photos, from the i-th on.

    Args:
        items: all.
        shard: "i/n", counted from 1; None for all.

    Raises:
        InputError: for anything else.
    """
    if shard is None:
        return items
    first, _, count = shard.partition("/")
    if not (first.isdecimal() and count.isdecimal() and 1 <= int(first) <= int(count)):
        raise InputError(f"--shard is {shard!r:.40}: expected I/N, as 1/8 for the first of eight parts")
    return items[int(first) - 1 :: int(count)]


def _items(given: str) -> Iterable[Item]:
    """Return the photos of one input."""
    if not given.strip():
        raise InputError("an empty path is given: expected photos, a folder, a list or a table")
    if is_address(given):
        return _of_address(given) if given.endswith("/") else [Item(given, given)]
    path = Path(given)
    if path.is_dir():
        return _of_folder(path)
    if path.is_file():
        ending = path.suffix.lower()
        if ending in TABLES or ending == ".txt":
            return _of_table(path)
        return [Item(path.name, str(path))]
    if glob.has_magic(given):
        found = sorted(name for name in glob.glob(given, recursive=True) if os.path.isfile(name))
        if not found:
            raise InputError(f"{given} matches no file: expected a pattern of picture files")
        return [Item(Path(name).as_posix(), name) for name in found]
    raise InputError(f"{given} is not there: expected photos, a folder, a list (.txt) or a table ({', '.join(TABLES)})")


def _of_address(address: str) -> Iterator[Item]:
    found = pictures_below(address, PICTURES)
    if not found:
        raise InputError(f"{address} has no picture files: expected {', '.join(sorted(PICTURES))}")
    for name in found:
        yield Item(name, address + name)


def _of_folder(folder: Path) -> Iterator[Item]:
    names = sorted(
        (Path(at) / name).relative_to(folder).as_posix()
        for at, folders, files in os.walk(folder)
        for name in files
        if os.path.splitext(name)[1].lower() in PICTURES and not name.startswith(".")
    )
    if not names:
        raise InputError(f"{folder} has no picture files: expected {', '.join(sorted(PICTURES))}")
    for name in names:
        yield Item(name, str(folder / name))


def _of_table(path: Path) -> Iterator[Item]:
    """Yield the photos of a list or a table."""
    readers = {".csv": _csv, ".jsonl": _json_lines, ".parquet": _parquet, ".txt": _lines}
    number = 0
    try:
        for number, row in enumerate(readers[path.suffix.lower()](path), start=1):
            yield _item(row, path.parent, f"row {number} of {path}")
    except (OSError, UnicodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read ({error}): expected UTF-8 text, as its ending says") from error
    if not number:
        raise InputError(f"{path} has no row: expected a row for each photo")


def _item(row: Mapping[str, object], folder: Path, where: str) -> Item:
    """Return one row as a photo.

    Raises:
        InputError: for a column that is unknown or missing, or a value of another type.
    """
    if unknown := [name for name in row if name not in COLUMNS]:
        raise InputError(f"{where} has a column {unknown[0]!r:.60}: expected {', '.join(COLUMNS)}")
    given = {name: value for name, value in row.items() if value is not None and value != ""}
    path = given.get("path")
    if not isinstance(path, str):
        raise InputError(f"{where} has no path: expected a column path, of picture files or addresses")
    values: dict[str, object] = {"id": path}
    for name, value in given.items():
        values[name] = _number(value, f"{name} of {where}") if name in NUMBERS else _text(value, f"{name} of {where}")
    values["path"] = path if is_address(path) else str(folder / path)
    return Item(**values)  # pyright: ignore[reportArgumentType]


def _number(value: object, what: str) -> float:
    try:
        return float(value)  # pyright: ignore[reportArgumentType]
    except (TypeError, ValueError):
        raise InputError(f"{what} is {value!r:.40}: expected a number") from None


def _text(value: object, what: str) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    if len(text) > _MOST_LETTERS:
        raise InputError(f"{what} has {len(text)} letters: expected {_MOST_LETTERS} at most")
    return text


def _csv(path: Path) -> Iterator[Mapping[str, object]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        for row in csv.DictReader(file):
            if None in row:
                raise InputError(f"{path}: a row has more values than there are columns: {row[None]!r:.60}")
            yield row


def _json_lines(path: Path) -> Iterator[Mapping[str, object]]:
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                row = parse_json(line)
            except ValueError as error:
                raise InputError(f"line {number} of {path} is no JSON ({error}): expected an object a line") from error
            if not isinstance(row, dict):
                raise InputError(f"line {number} of {path} is no object: expected {{'path': ...}}")
            yield row


def _parquet(path: Path) -> Iterator[Mapping[str, object]]:
    from mfh.batch.tables import parquet_rows

    yield from parquet_rows(path)


def _lines(path: Path) -> Iterator[Mapping[str, object]]:
    with path.open(encoding="utf-8-sig") as file:
        for line in file:
            if line.strip():
                yield {"path": line.strip()}
