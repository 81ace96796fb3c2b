"""What a report says, as JSON: numbers, texts, and packed arrays. It knows nothing of the page that shows it."""

import math
from collections.abc import Sequence
from dataclasses import asdict

import cv2
import numpy as np
from jaxtyping import Float, Float32, Int
from numpy import ndarray

from mfh import __version__
from mfh.io.json_text import plain_values
from mfh.io.receipt import versions
from mfh.report.again import command_of, with_report
from mfh.report.bodies import PackedBody, packed_bodies
from mfh.report.encode import encode_log_depth, packed_floats
from mfh.report.focal import AnswerAt, PackedPosterior, answer_of, answers_by_focal
from mfh.report.pictures import Thumbnail, photo_jpeg, thumbnails
from mfh.scale.interval import SHAPE_SHARE, interval_value
from mfh.scale.range_prior import photo_range
from mfh.types import Landmark, LogSigmaCurve, MetricDepth, MetricHead, RelativeDepth
from mfh.types.people import used_landmarks

SCHEMA = "mfh/report/1"
POINTS = 200_000
"""Pixels of the depth grid, about."""
_FARTHEST_M = 1e4
"""Beyond this, the grid says "at infinity"."""


def report_payload(result: MetricDepth, *, commands: Sequence[str] = ()) -> dict[str, object]:
    """Return all that a report shows, as JSON values; numbers that do not exist are null.

    Args:
        result: the depth of one photo. Without its ``basis`` it has no posterior: lengths have no interval, and the
            focal length stays.
        commands: that made it, as typed; none where Python did, and then one is made from the result.
    """
    base, by_focal = answer_of(result), answers_by_focal(result)
    camera, focal = result.photo.camera, result.photo.focal
    jpeg, width, height = photo_jpeg(result.photo)
    nearest_m, median_m, farthest_m = result.depth_range_m
    answers = [base, *by_focal]
    content: dict[str, object] = {
        "schema": SCHEMA,
        "mfh": __version__,
        "photo": {
            "name": result.photo.name,
            "width": camera.width,
            "height": camera.height,
            "jpeg": jpeg,
            "jpeg_width": width,
            "jpeg_height": height,
        },
        "camera": {"fx": camera.fx, "fy": camera.fy, "cx": camera.cx, "cy": camera.cy},
        "focal": {"source": focal.source, "detail": focal.detail, "relative_sigma": focal.relative_sigma},
        "space": result.head.space,
        "depth": asdict(encode_log_depth(_grid_of_log_depth(result.relative, result.head))),
        "depth_m": {"nearest": nearest_m, "median": median_m, "farthest": farthest_m},
        "max_depth_m": result.max_depth_m if result.basis is None else result.basis.gathered.max_depth_m,
        "middle": _middle(result),
        "shape_share": SHAPE_SHARE,
        "sky_fraction": result.relative.sky_fraction,
        "sources": used_landmarks(result.landmarks),
        "known_sizes": [one.name for one in result.known_sizes],
        "limited_by": None if result.interval is None else result.interval.limited_by,
        "landmarks": [
            _landmark(number, *each)
            for number, each in enumerate(
                zip(result.landmarks, thumbnails(result), packed_bodies(result.landmarks), strict=True)
            )
        ],
        "answer": answer_row(base),
        "by_focal": [answer_row(one, like=base) for one in by_focal],
        "posteriors": packed_posteriors([one.posterior for one in answers if one.posterior is not None]),
        "lengths": [[*one.segment.start_xy, *one.segment.end_xy] for one in result.lengths],
        "preset": result.preset,
        "models": dict(result.models),
        "command": with_report(commands) or command_of(result),
        "versions": versions(),
        "warnings": list(dict.fromkeys((*result.photo.notes, *focal.notes, *result.warnings))),
    }
    return {key: plain_values(value) for key, value in content.items()}


def grid_shape(height: int, width: int) -> tuple[int, int]:
    """Return rows and columns of the depth grid for a photo or map of this size: its own where that is small."""
    scale = min(1.0, math.sqrt(POINTS / (height * width)))
    return max(1, round(height * scale)), max(1, round(width * scale))


def nearest_places(cells: int, pixels: int) -> Int[ndarray, "cells"]:
    """Return the pixel that is nearest to the middle of each cell of a coarser row or column."""
    return np.clip(np.rint((np.arange(cells) + 0.5) * pixels / cells - 0.5), 0, pixels - 1).astype(int)


def _grid_of_log_depth(relative: RelativeDepth, head: MetricHead) -> Float[ndarray, "a b"]:
    """Return log depth on a grid, read as lengths read it: the median around each place; no limit is applied."""
    height, width = relative.values.shape
    rows, columns = grid_shape(height, width)
    values = _medians(relative.values)
    row, column = nearest_places(rows, height), nearest_places(columns, width)
    seen = values[np.ix_(row, column)].astype(np.float64)
    metric = head.scale * seen + head.shift
    with np.errstate(divide="ignore", invalid="ignore"):
        log_depth = -np.log(metric) if head.space == "disparity" else np.log(metric)
    if head.space == "disparity":
        log_depth[~(metric > 1 / _FARTHEST_M)] = np.inf
    else:
        # Behind the camera there is no depth.
        log_depth[~(metric > 0)] = np.nan
        log_depth[metric > _FARTHEST_M] = np.inf
    if relative.valid_mask is not None:
        log_depth[~relative.valid_mask[np.ix_(row, column)]] = np.nan
    return log_depth


def _medians(values: Float32[ndarray, "h w"]) -> Float32[ndarray, "h w"]:
    """Return the median of 5x5 pixels around each."""
    return cv2.medianBlur(np.ascontiguousarray(values, np.float32), 5)


def _middle(result: MetricDepth) -> float:
    """Return the relative depth that the interval of the photo as a whole is of."""
    if result.basis is None:
        return photo_range(result.relative).middle
    return interval_value(result.basis.solution.fit.consensus, result.relative)


def _landmark(number: int, one: Landmark, thumb: Thumbnail | None, body: PackedBody | None) -> dict[str, object]:
    """Return what does not depend on the focal length."""
    own, shared = one.log_distance_sigma or 0.0, one.shared_log_sigma or 0.0
    return {
        "number": number,
        "kind": one.label or ("painted person" if one.painted else "person"),
        "painted": one.painted,
        "object": one.is_object,
        "prior": one.is_prior,
        "source": one.source,
        "measured_by": one.measured_by,
        "box": [float(side) for side in one.box_xyxy],
        "size_m": one.stature_m if one.is_person else one.size_m,
        "log_sigma": math.hypot(own, shared),
        "reason": one.reason,
        "thumb": None if thumb is None else asdict(thumb),
        "body": None if body is None else asdict(body),
    }


def answer_row(one: AnswerAt, *, like: AnswerAt | None = None) -> dict[str, object]:
    """Return the part of an answer that changes with the focal length; reasons only where they are not ``like``'s."""
    sign = 1.0 if one.head.space == "disparity" else -1.0
    reasons = [landmark.reason for landmark in one.landmarks]
    if like is not None:
        same = [landmark.reason for landmark in like.landmarks]
        reasons = [None if reason == other else reason for reason, other in zip(reasons, same, strict=True)]
    return {
        "factor": one.factor,
        "scale": one.head.scale,
        "shift": one.head.shift,
        "limit_m": one.limit_m,
        "reach_m": one.reach_m,
        "level_80": None if one.interval is None else one.interval.level_80,
        "level_95": None if one.interval is None else one.interval.level_95,
        "curve": _curve(one.curve),
        "errors": asdict(one.errors),
        "widths": one.widths_log_sigma,
        "landmarks": [
            {
                "distance_m": None if landmark.distance_m is None else _short(landmark.distance_m),
                "weight": _short(landmark.weight),
                # Log of the depth that it alone implies, over the answer's.
                "implied": None
                if not landmark.implied_scale
                else _short(sign * math.log(one.head.scale / landmark.implied_scale)),
                "used": landmark.verdict == "used",
                "reason": reason,
            }
            for landmark, reason in zip(one.landmarks, reasons, strict=True)
        ],
        "posterior": one.posterior is not None,
    }


def _curve(curve: LogSigmaCurve | None) -> dict[str, list[float]] | None:
    if curve is None:
        return None
    return {"values": [_short(float(one)) for one in curve.values], "log_sigma": curve.log_sigma.round(5).tolist()}


def _short(value: float) -> float:
    """Return a number with six digits, which no picture shows."""
    return float(f"{value:.6g}")


def packed_posteriors(posteriors: Sequence[PackedPosterior]) -> dict[str, object]:
    """Return the posteriors one after the other: of each all ratios, then all log scales, then all weights."""
    columns = [column for one in posteriors for column in (one.ratio, one.log_scale, one.weight)]
    return {"counts": [len(one.ratio) for one in posteriors], "data": packed_floats(np.concatenate(columns))}
