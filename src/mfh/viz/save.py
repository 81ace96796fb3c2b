"""Write the results of one photo: depth, pictures, paintings, evidence and the receipt, in one folder."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from mfh.io.depth_rows import rows_of_result
from mfh.io.evidence import EVIDENCE_FILE, save_evidence
from mfh.io.formats import Formats, formats_named, write_formats
from mfh.io.png import write_png
from mfh.io.receipt import painting_name, receipt
from mfh.io.results import Place, Written, write_results
from mfh.types import MetricDepth
from mfh.types.observations import Gathered
from mfh.viz.result import preview
from mfh.viz.strip import painting_strip

REPORT_FILE = "report.html"
"""Its name beside the other results of a photo."""


def save_result(
    place: Place,
    result: MetricDepth,
    *,
    gathered: Gathered | None = None,
    notes: Sequence[str] = (),
    report: str | None = None,
    formats: Formats | None = None,
    commands: Sequence[str] = (),
    with_preview: bool = True,
) -> Written:
    """Write the files of one result: depth, pictures, its paintings with their strip where it kept them, its evidence.

    Args:
        place: where they go, and what they were made from.
        result: the depth of one photo.
        gathered: evidence to keep; None for none, and then that of an earlier run stays.
        notes: sentences to add to the result's own warnings.
        report: the page to write beside them; None for none, and then that of an earlier run goes.
        formats: of the depth; None for the usual ones.
        commands: that made it, as typed.
        with_preview: whether preview.png is among them.

    Returns:
        Where they are, with the receipt.

    Raises:
        InputError: when a file cannot be written.
    """

    def fill(folder: Path) -> dict[str, object]:
        rows = rows_of_result(result, commands=commands)
        # The picture takes as long as the depth: compression leaves the other threads of Python alone.
        with ThreadPoolExecutor(1) as aside:
            drawing = aside.submit(_write_preview, folder, result) if with_preview else None
            files, sentences = write_formats(folder, rows, formats or Formats())
            if drawing is not None:
                files["preview"] = drawing.result()
        files |= _write_paintings(folder, result)
        if gathered is not None:
            save_evidence(folder / EVIDENCE_FILE, gathered)
            files["evidence"] = EVIDENCE_FILE
        if report is not None:
            # Bytes: another line ending would be another script than the one the page admits.
            (folder / REPORT_FILE).write_bytes(report.encode())
            files["report"] = REPORT_FILE
        return receipt(result, photo=place.owner, files=files, notes=(*notes, *sentences), commands=commands)

    return write_results(place, fill)


def save_into(folder: Path, result: MetricDepth, *, formats: Sequence[str]) -> Path:
    """Write the files of one result right into a folder, and return that.

    Args:
        folder: made where it is not there.
        result: the depth of one photo; results in the folder must be of the same.
        formats: names of formats of the depth; none for the usual ones.

    Raises:
        InputError: where the folder cannot be used, or a format cannot be written.
    """
    place = Place(folder, Path(result.photo.path or result.photo.name), exact=True)
    return save_result(place, result, formats=formats_named(formats)).folder


def _write_paintings(folder: Path, result: MetricDepth) -> dict[str, str]:
    """Write the paintings a result kept, and the strip made of them."""
    if not result.kept_paintings:
        return {}
    (folder / "paintings").mkdir()
    for painting in result.kept_paintings:
        pixels = np.rint(np.clip(painting.rgb, 0, 1) * 255).astype(np.uint8)
        _write_picture(folder / painting_name(painting), pixels)
    _write_picture(folder / "strip.png", painting_strip(result))
    return {"paintings": "paintings", "strip": "strip.png"}


def _write_preview(folder: Path, result: MetricDepth) -> str:
    """Write the preview, and return its name."""
    _write_picture(folder / "preview.png", preview(result))
    return "preview.png"


def _write_picture(path: Path, pixels: UInt8[ndarray, "h w 3"]) -> None:
    height, width, _ = pixels.shape
    write_png(path, (height, width), [pixels])
