"""Figures on disk: a png for the screen, a pdf to print, a csv with what is drawn."""

import csv
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mfh.errors import BackendError, printable
from mfh.io.written import own_path

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLORS = ("#c0392b", "#2980b9", "#27ae60", "#8e44ad", "#d68910", "#16a085", "#7f8c8d", "#2c3e50")
_PNG_DPI = 150


def new_figure(width_in: float, height_in: float) -> "Figure":
    """Return an empty figure that needs no display.

    Args:
        width_in: inches.
        height_in: inches.

    Raises:
        BackendError: where matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise BackendError("figures need matplotlib: pip install 'metric-from-human[plot]'") from error
    return Figure(figsize=(width_in, height_in), layout="constrained")


def literal(text: str) -> str:
    """Return a given name as text that a figure shows as it is: a dollar sign begins no formula.

    Args:
        text: the name.
    """
    return printable(text).replace("$", r"\$")


def save_figure(figure: "Figure", stem: Path) -> tuple[Path, Path]:
    """Write STEM.png and STEM.pdf; the same figure gives the same bytes.

    Args:
        figure: what is drawn.
        stem: path without suffix.

    Returns:
        Both files.

    Raises:
        InputError: when a file cannot be written.
    """
    files = stem.with_name(f"{stem.name}.png"), stem.with_name(f"{stem.name}.pdf")
    for path, dates in zip(files, ({"Software": None}, {"CreationDate": None}), strict=True):
        with own_path(path) as temporary, warnings.catch_warnings():
            # A name in letters that the font lacks is drawn as boxes.
            warnings.filterwarnings("ignore", message="Glyph .* missing from")
            figure.savefig(temporary, dpi=_PNG_DPI, metadata=dates)
    return files


def save_table(path: Path, head: Sequence[str], rows: Sequence[Sequence[object]]) -> Path:
    """Write a csv; numbers with six digits.

    Args:
        path: the file.
        head: names of the columns.
        rows: cells.

    Returns:
        The file.

    Raises:
        InputError: when it cannot be written.
    """
    with own_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(head)
        writer.writerows([f"{cell:.6g}" if isinstance(cell, float) else cell for cell in row] for row in rows)
    return path


def save_caption(path: Path, text: str) -> Path:
    """Write what a figure shows, as Markdown.

    Args:
        path: the file.
        text: of it.

    Returns:
        The file.

    Raises:
        InputError: when it cannot be written.
    """
    with own_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path
