"""Write the results of one photo: depth, pictures, paintings, evidence and the receipt, in one folder."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray
from PIL import Image

from mfh.io.depth import PNG_MAX_M, write_depth_npz, write_depth_png
from mfh.io.evidence import EVIDENCE_FILE, save_evidence
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
) -> Written:
    """Write the files of one result: depth, pictures, its paintings with their strip where it kept them, its evidence.

    Args:
        place: where they go, and what they were made from.
        result: the depth of one photo.
        gathered: evidence to keep; None for none, and then that of an earlier run stays.
        notes: sentences to add to the result's own warnings.
        report: the page to write beside them; None for none, and then that of an earlier run goes.

    Returns:
        Where they are, with the receipt.

    Raises:
        InputError: when a file cannot be written.
    """

    def fill(folder: Path) -> dict[str, object]:
        files = {"depth": "depth.npz", "depth_millimetres": "depth.png", "preview": "preview.png"}
        write_depth_npz(folder / files["depth"], result)
        saturated = write_depth_png(folder / files["depth_millimetres"], result)
        _write_picture(folder / files["preview"], preview(result))
        files |= _write_paintings(folder, result)
        if gathered is not None:
            save_evidence(folder / EVIDENCE_FILE, gathered)
            files["evidence"] = EVIDENCE_FILE
        if report is not None:
            # Bytes: another line ending would be another script than the one the page admits.
            (folder / REPORT_FILE).write_bytes(report.encode())
            files["report"] = REPORT_FILE
        sentences = list(notes)
        if saturated:
            share = saturated / math.prod(result.shape)
            sentences.append(
                f"depth.png ends at {PNG_MAX_M} m: {share:.1%} of the pixels are farther; depth.npz has all"
            )
        return receipt(result, photo_path=place.source, files=files, notes=tuple(sentences))

    return write_results(place, fill)


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


def _write_picture(path: Path, pixels: UInt8[ndarray, "h w 3"]) -> None:
    Image.fromarray(pixels).save(path)
