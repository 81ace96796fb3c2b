"""The row of one photo: what was measured, or why nothing was."""

import math
from dataclasses import dataclass
from typing import Literal

from mfh.types import MetricDepth

Status = Literal["ok", "no scale", "failed"]


@dataclass(frozen=True)
class Row:
    """What is known of one photo when it is done; None where a number does not exist.

    Attributes:
        id: of the photo.
        path: of the picture file.
        camera: as the table says.
        status: "ok", "no scale" (no person, object or size gives one) or "failed".
        error: why there is no depth, in one line; empty where there is.
        error_kind: name of the error; empty where there is none.
        width: of the upright photo, pixels.
        height: the same.
        nearest_m: depth of the photo, metres: 1st percentile, median, 99th percentile.
        median_m: the same.
        farthest_m: the same.
        scale: of the metric head.
        shift: of the metric head.
        low_80: depth is between so many times the answer with 80 % probability.
        high_80: the same.
        low_95: with 95 %.
        high_95: the same.
        focal_px: focal length, pixels.
        focal_source: where it came from.
        focal_sigma: one-sigma of its log.
        people: used of those in the photo.
        objects: used.
        painted: people painted into it who were used.
        warnings: sentences, one a line.
        folder: of its files, in the folder of the run; empty for none.
        tar: the tar file that they are in, by the same path; empty where they are not packed.
        seconds: it took, from opening the file to the last one written.
        sha256: of the picture file; empty where it could not be read.
        bytes_in: of the picture file.
        bytes_out: of all files written.
        fingerprint: of configuration and models.
    """

    id: str
    path: str
    camera: str
    status: Status
    fingerprint: str
    error: str = ""
    error_kind: str = ""
    width: int | None = None
    height: int | None = None
    nearest_m: float | None = None
    median_m: float | None = None
    farthest_m: float | None = None
    scale: float | None = None
    shift: float | None = None
    low_80: float | None = None
    high_80: float | None = None
    low_95: float | None = None
    high_95: float | None = None
    focal_px: float | None = None
    focal_source: str = ""
    focal_sigma: float | None = None
    people: int | None = None
    objects: int | None = None
    painted: int | None = None
    warnings: str = ""
    folder: str = ""
    tar: str = ""
    seconds: float = 0.0
    sha256: str = ""
    bytes_in: int | None = None
    bytes_out: int | None = None


VARIABLE = ("seconds",)
"""Columns that differ from run to run."""


def values_of(result: MetricDepth) -> dict[str, object]:
    """Return what the row of a photo says of its result.

    Args:
        result: its depth.
    """
    camera, focal, interval = result.photo.camera, result.photo.focal, result.interval
    used = [one for one in result.landmarks if one.verdict == "used"]
    nearest_m, median_m, farthest_m = result.depth_range_m
    levels = (None,) * 4 if interval is None else (*interval.level_80, *interval.level_95)
    return {
        "width": camera.width,
        "height": camera.height,
        "nearest_m": _finite(nearest_m),
        "median_m": _finite(median_m),
        "farthest_m": _finite(farthest_m),
        "scale": result.head.scale,
        "shift": result.head.shift,
        **dict(zip(("low_80", "high_80", "low_95", "high_95"), map(_finite, levels), strict=True)),
        "focal_px": camera.fx,
        "focal_source": focal.source,
        "focal_sigma": focal.relative_sigma,
        "people": sum(one.is_person and not one.painted for one in used),
        "objects": sum(one.is_object for one in used),
        "painted": sum(one.painted for one in used),
        "warnings": "\n".join(dict.fromkeys((*result.photo.notes, *focal.notes, *result.warnings))),
    }


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)
