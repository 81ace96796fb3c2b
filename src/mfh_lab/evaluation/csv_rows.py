"""CSV files that people write."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from mfh.errors import InputError
from mfh.io.reading import read_text, reading


def read_rows(
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
