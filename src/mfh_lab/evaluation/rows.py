"""Rows on disk: CSV files that people write, and JSON files that a run keeps so that the next one resumes."""

import csv
import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar

from mfh.errors import InputError
from mfh.io.atomic import atomic_path, make_folder
from mfh.io.reading import read_json, read_text, reading

RowType = TypeVar("RowType")
_EXPECTED = "rows that this program kept; delete it and run again"


def read_csv_rows(
    path: str | Path, columns: Sequence[str], *, nothing_else: bool = False
) -> list[tuple[int, Mapping[str, str]]]:
    """Read a CSV with a header; spaces around cells are dropped.

    Args:
        path: the file, UTF-8.
        columns: that it must have; others may be there.
        nothing_else: refuse others, and cells beyond the last column.

    Returns:
        Line number and cells by column.

    Raises:
        InputError: for a file that cannot be read, or a missing column or cell.
    """
    expected = f"a CSV file of UTF-8 text with the columns {', '.join(columns)}"
    text = read_text(path, what="", expected=expected)
    with reading(path, what="", expected=expected):
        reader = csv.DictReader(io.StringIO(text, newline=""))
        header = [name.strip() for name in reader.fieldnames or ()]
        rows: list[tuple[int, Mapping[str, str]]] = []
        for cells in reader:
            values = [(cells[name] or "").strip() for name in reader.fieldnames or ()]
            rows.append((reader.line_num, dict(zip(header, values, strict=True))))
            if nothing_else and None in cells:
                raise InputError(f"{path} line {reader.line_num}: more cells than the columns {', '.join(header)}")
    missing = [name for name in columns if name not in header]
    if missing:
        raise InputError(f"{path} has no column {missing[0]!r}: expected {', '.join(columns)} in its first line")
    others = [name for name in header if name not in columns]
    if nothing_else and (others or len(header) > len(columns)):
        raise InputError(f"{path} has a column {(others or header)[-1]!r}: expected {', '.join(columns)} and no other")
    for number, row in rows:
        empty = [name for name in columns if not row[name]]
        if empty:
            raise InputError(f"{path} line {number}: nothing in column {empty[0]!r}")
    return rows


def write_rows(path: Path, rows: Sequence[Any]) -> None:
    """Keep rows; the file is whole or not there.

    Args:
        path: json file; its folder is made.
        rows: dataclasses of plain values.

    Raises:
        InputError: where it cannot be written.
    """
    make_folder(path.parent)
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps([asdict(row) for row in rows]), encoding="utf-8")


def read_rows(path: Path, kind: type[RowType]) -> list[RowType] | None:
    """Return what :func:`write_rows` wrote, or None where there is nothing.

    Args:
        path: json file.
        kind: dataclass of the rows.

    Raises:
        InputError: for a file of something else.
    """
    if not os.path.lexists(path):
        return None
    content = read_json(path, what="", expected=_EXPECTED, finite=False)
    with reading(path, what="", expected=_EXPECTED):
        if not isinstance(content, list):
            raise ValueError("it is no list")
        return [_row(one, kind) for one in content]


def _row(content: dict[str, Any], kind: type[RowType]) -> RowType:
    """Return one row.

    Raises:
        KeyError, TypeError, ValueError: for something else.
    """
    found: dict[str, Any] = {}
    for field in fields(kind):  # pyright: ignore[reportArgumentType]  (of dataclasses alone)
        value = content[field.name]
        if field.type == tuple[str, ...]:
            if not (isinstance(value, list) and all(isinstance(one, str) for one in value)):
                raise ValueError(f"{field.name} is no list of texts")
            value = tuple(value)
        elif not _is_of(value, field.type):
            raise ValueError(f"{field.name} is {value!r}")
        found[field.name] = value
    if len(found) != len(content):
        raise ValueError("it has other columns")
    return kind(**found)


def _is_of(value: Any, kind: Any) -> bool:
    """Return whether a value of JSON is of a type, or of a union: whole numbers are numbers, True and False are not."""
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, kind) or (isinstance(value, int) and isinstance(float(value), kind))
