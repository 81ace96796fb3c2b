"""Rows of a table on disk as JSON, so that a run that was stopped goes on; read back only if they are such rows."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar

from mfh.io.atomic import atomic_path, make_folder
from mfh.io.reading import read_json, reading

Row = TypeVar("Row")
_EXPECTED = "rows that this program kept; delete it and run again"


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


def read_rows(path: Path, kind: type[Row]) -> list[Row] | None:
    """Return what :func:`write_rows` wrote, or None where there is nothing.

    Args:
        path: json file.
        kind: dataclass of the rows.

    Raises:
        InputError: for a file of something else.
    """
    if not os.path.lexists(path):
        return None
    tree = read_json(path, what="", expected=_EXPECTED, finite=False)
    with reading(path, what="", expected=_EXPECTED):
        if not isinstance(tree, list):
            raise ValueError("it is no list")
        return [_row(one, kind) for one in tree]


def _row(tree: dict[str, Any], kind: type[Row]) -> Row:
    """Return one row.

    Raises:
        KeyError, TypeError, ValueError: for something else.
    """
    found: dict[str, Any] = {}
    for field in fields(kind):  # pyright: ignore[reportArgumentType]  (of dataclasses alone)
        value = tree[field.name]
        if field.type == tuple[str, ...]:
            if not (isinstance(value, list) and all(isinstance(one, str) for one in value)):
                raise ValueError(f"{field.name} is no list of words")
            value = tuple(value)
        elif not _is_of(value, field.type):
            raise ValueError(f"{field.name} is {value!r}")
        found[field.name] = value
    if len(found) != len(tree):
        raise ValueError("it has other columns")
    return kind(**found)


def _is_of(value: Any, kind: Any) -> bool:
    """Return whether a value of JSON is of a type, or of a union: whole numbers are numbers, True and False are not."""
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, kind) or (isinstance(value, int) and isinstance(float(value), kind))
