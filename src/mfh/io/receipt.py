"""The scale receipt: everything that decided the scale of one photo, as plain JSON."""

import platform
from collections.abc import Sequence
from contextlib import suppress
from importlib import metadata

import numpy as np

from mfh import __version__
from mfh.io.json_text import plain_values
from mfh.io.schema import about_result
from mfh.types import Landmark, MeasuredPainting, MetricDepth, RegionDepth, ScaleInterval

# What can decide the numbers; those of the extras are named where they are installed.
_PACKAGES = (
    "numpy",
    "pillow",
    "opencv-python-headless",
    "onnxruntime",
    "ai-edge-litert",
    "torch",
    "torchvision",
    "transformers",
    "diffusers",
    "accelerate",
    "safetensors",
    "peft",
)


def receipt(
    result: MetricDepth,
    *,
    photo: str | None = None,
    files: dict[str, str] | None = None,
    notes: tuple[str, ...] = (),
    commands: Sequence[str] = (),
) -> dict[str, object]:
    """Return the receipt of one photo: JSON values, with null for numbers that are not finite.

    Args:
        result: the depth with all it carries.
        photo: what it was made from: the path of the photo, or for a refit of the evidence; None for the photo's name.
        files: what was written beside the receipt: kind -> file name.
        notes: sentences to add to the result's own warnings.
        commands: that made it, as typed.
    """
    about = about_result(result, commands=commands)
    camera, focal = result.photo.camera, result.photo.focal
    nearest_m, median_m, farthest_m = result.depth_range_m
    content: dict[str, object] = {
        "schema": about.schema,
        "about": about.document(),
        "photo": photo or result.photo.name,
        "size": {"width": camera.width, "height": camera.height},
        "preset": result.preset,
        "models": dict(result.models),
        "people_used": result.people_used,
        "objects_used": result.objects_used,
        "painted_people_used": sum(one.painted and one.verdict == "used" for one in result.landmarks),
        "people_spread": result.people_spread,
        "depth_m": {"nearest": nearest_m, "median": median_m, "farthest": farthest_m},
        "valid_fraction": float((~np.isnan(result.map_m)).mean()),
        "max_depth_m": result.max_depth_m,
        "reach_m": result.reach_m,
        "sky_fraction": result.relative.sky_fraction,
        "head": {
            "scale": float(result.head.scale),
            "shift": float(result.head.shift),
            "space": result.head.space,
            "loss": float(result.head.loss),
            "shift_determined": bool(result.head.shift_determined),
        },
        "interval": _interval(result.interval),
        "lengths": [
            {
                "start_xy": list(one.segment.start_xy),
                "end_xy": list(one.segment.end_xy),
                "metres": one.metres,
                "level_80_m": list(one.level_80),
                "level_95_m": list(one.level_95),
            }
            for one in result.lengths
        ],
        "region": _region(result.region),
        "known_sizes": [
            {"name": one.name, "weight": one.weight, "by_people": one.by_people, "by_answer": one.by_answer}
            for one in result.known_sizes
        ],
        "doubt": result.doubt,
        "camera": {"fx": camera.fx, "fy": camera.fy, "cx": camera.cx, "cy": camera.cy},
        "focal": {"source": focal.source, "detail": focal.detail, "relative_sigma": focal.relative_sigma},
        "landmarks": [_landmark(number, landmark) for number, landmark in enumerate(result.landmarks)],
        "seed": result.seed,
        "attempts": result.attempts,
        "paintings": result.paintings,
        "ended_by": result.ended_by,
        "kept_paintings": [
            {"number": one.number, "file": painting_name(one), "used": one.used, "reason": one.reason}
            for one in result.kept_paintings
        ],
        "seconds": {stage: round(seconds, 4) for stage, seconds in result.seconds.items()},
        "warnings": list(dict.fromkeys((*result.photo.notes, *result.photo.focal.notes, *result.warnings, *notes))),
        "files": dict(files or {}),
        "versions": versions(),
    }
    return {key: plain_values(value) for key, value in content.items()}


def painting_name(painting: MeasuredPainting) -> str:
    """Return the file a kept painting is written to, beside the receipt."""
    return f"paintings/{painting.number:02d}.png"


def _interval(interval: ScaleInterval | None) -> object:
    if interval is None:
        return None
    return {
        "level_80": list(interval.level_80),
        "level_95": list(interval.level_95),
        "half_width": interval.half_width,
        "half_width_over_photo": interval.half_width_over_photo,
        "log_sigma": {
            "people": interval.people_log_sigma,
            "shared": interval.common.shared,
            "shape": interval.common.shape,
            "focal": interval.common.focal,
        },
        "effective_people": interval.effective_people,
        "limited_by": interval.limited_by,
    }


def _region(region: RegionDepth | None) -> object:
    if region is None:
        return None
    at, factors = region.region, region.interval
    return {
        "box_xyxy": [at.left, at.top, at.right, at.bottom],
        "depth_m": region.depth_m,
        "level_80_m": [factor * region.depth_m for factor in factors.level_80],
        "level_95_m": [factor * region.depth_m for factor in factors.level_95],
        "interval": _interval(factors),
    }


def _landmark(number: int, landmark: Landmark) -> object:
    return {
        "number": number,
        "source": landmark.source,
        "measured_by": landmark.measured_by,
        "verdict": landmark.verdict,
        "reason": landmark.reason,
        "evidence": landmark.evidence,
        "weight": float(landmark.weight),
        "implied_scale": landmark.implied_scale,
        "distance_m": landmark.distance_m,
        "stature_m": landmark.stature_m,
        "pixels": int(landmark.pixels),
        "score": float(landmark.score),
        "box_xyxy": [float(side) for side in landmark.box_xyxy],
        "reprojection_px": landmark.reprojection_px,
        "label": landmark.label or None,
        "size_m": landmark.size_m,
    }


def versions() -> dict[str, object]:
    """Return the versions of the installed packages that decide the numbers; none is imported."""
    found: dict[str, object] = {"mfh": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        # What is not installed had no part in the answer.
        with suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found
