"""What is known of one frame when its networks have run: kept in a file, so that a run that was ended can go on.

A record holds the frame's relative depth, how its grid's points moved since the frame before, and, of key frames, the
people and objects seen in it. Memory does not grow with the clip, and what comes later needs no network.
"""

import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from mfh.errors import InputError
from mfh.io.atomic import atomic_path
from mfh.io.json_text import from_json, plain_values
from mfh.io.reading import parse_json, read_npz
from mfh.types import Evidence, Landmark, LogRange, RelativeDepth, Space

_LEVELS = 65535
_GRID = ("was_px", "now", "before", "holds")
_WHAT, _EXPECTED = "the record of a frame", "what mfh video writes"


@dataclass(frozen=True)
class Sighting:
    """A person or an object in one frame.

    Attributes:
        landmark: with its verdict; its box is in pixels of the frame.
        relative: median relative depth where it was measured, of the frame's own map; None where it was rejected.
        depth_m: its median distance there; None where it was rejected.
    """

    landmark: Landmark
    relative: float | None
    depth_m: float | None

    @property
    def used(self) -> bool:
        """Whether it gives a scale."""
        return self.landmark.verdict == "used" and self.relative is not None


@dataclass(frozen=True)
class GridReading:
    """Relative depth at the points of the grid, now and in the frame before.

    Attributes:
        was_px: (n, 2) where each point was in the frame before, columns and rows.
        now: (n,) relative depth at the points, of this frame's map.
        before: (n,) at ``was_px``, of the map of the frame before.
        holds: (n,) where all of that is known, and no edge is near.
    """

    was_px: Float[ndarray, "n 2"]
    now: Float[ndarray, "n"]
    before: Float[ndarray, "n"]
    holds: Bool[ndarray, "n"]


@dataclass(frozen=True)
class Record:
    """One frame after its networks.

    Attributes:
        seconds: its time in the clip.
        relative: its relative depth.
        grid: how its grid moved since the frame before; None for the first frame.
        is_key: whether people and objects were looked for.
        sightings: those that were found.
        boxes: left, top, right, bottom of everything that may move.
    """

    seconds: float
    relative: RelativeDepth
    grid: GridReading | None
    is_key: bool
    sightings: tuple[Sighting, ...] = ()
    boxes: tuple[tuple[float, float, float, float], ...] = ()


@dataclass(frozen=True)
class _Text:
    """The JSON part of a record."""

    mark: str
    seconds: float
    space: Space
    low: float
    high: float
    holes_are_sky: bool
    log_range: tuple[tuple[float, float, float], ...] | None
    is_key: bool
    sightings: tuple[Sighting, ...]
    boxes: tuple[tuple[float, float, float, float], ...]


def sightings_of(evidence: Sequence[Evidence]) -> tuple[Sighting, ...]:
    """Return every person and object of a frame, with medians where it was used; priors are none.

    Args:
        evidence: of the frame.
    """
    found = []
    for one in evidence:
        for number, landmark in enumerate(one.landmarks):
            own = one.person == number
            relative, depth_m = (
                (float(np.median(one.relative[own])), float(np.median(one.depth_m[own]))) if own.any() else (None, None)
            )
            found.append(Sighting(replace(landmark, figure=None), relative, depth_m))
    return tuple(found)


def write_record(path: Path, record: Record, mark: str) -> None:
    """Write a record.

    Args:
        path: of the file.
        record: what it holds.
        mark: fingerprint of the settings that made it.

    Raises:
        InputError: where it cannot be written.
    """
    relative = record.relative
    low, high = float(relative.values.min()), float(relative.values.max())
    levels = np.rint((relative.values - low) * (_LEVELS / max(high - low, 1e-30))).astype(np.uint16)
    text = _Text(
        mark=mark,
        seconds=record.seconds,
        space=relative.space,
        low=low,
        high=high,
        holes_are_sky=relative.holes_are_sky,
        log_range=None if relative.log_range is None else relative.log_range.parts,
        is_key=record.is_key,
        sightings=record.sightings,
        boxes=record.boxes,
    )
    arrays = {
        "text": np.frombuffer(json.dumps(plain_values(asdict(text))).encode(), np.uint8),
        "relative_png": cv2.imencode(".png", levels, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1],
    }
    if relative.valid_mask is not None:
        arrays["valid"] = np.packbits(relative.valid_mask)
    if (grid := record.grid) is not None:
        arrays |= {"was_px": grid.was_px, "now": grid.now, "before": grid.before, "holds": grid.holds}
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    with atomic_path(path) as temporary:
        temporary.write_bytes(buffer.getvalue())


def read_record(path: Path, mark: str, *, maps: bool = True) -> Record | None:
    """Read a record; None where there is none of these settings.

    Args:
        path: of the file.
        mark: fingerprint of the settings.
        maps: whether relative depth is wanted; an empty map stands for it else.
    """
    if not path.is_file():
        return None
    try:
        wanted = ("relative_png", "valid") if maps else ()
        arrays = read_npz(path, what=_WHAT, expected=_EXPECTED, names=("text",), optional=(*_GRID, *wanted))
        text = from_json(_Text, parse_json(arrays["text"].astype(np.uint8).tobytes().decode()))
        if text.mark != mark:
            return None
        return Record(
            text.seconds,
            _map(text, arrays, whole=maps),
            GridReading(*(arrays[name] for name in ("was_px", "now", "before", "holds")))
            if "was_px" in arrays
            else None,
            text.is_key,
            text.sightings,
            text.boxes,
        )
    except (InputError, KeyError, ValueError, cv2.error):
        # Half a file of a machine that went down: made again.
        return None


def _map(text: _Text, arrays: dict[str, ndarray], *, whole: bool) -> RelativeDepth:
    log_range = None if text.log_range is None else LogRange(text.log_range)
    if not whole:
        return RelativeDepth(np.zeros((1, 1), np.float32), text.space, log_range)
    levels = cv2.imdecode(arrays["relative_png"], cv2.IMREAD_UNCHANGED)
    if levels is None:
        raise ValueError("its map is no picture")
    values = (text.low + levels.astype(np.float32) * np.float32((text.high - text.low) / _LEVELS)).astype(np.float32)
    valid = None
    if "valid" in arrays:
        valid = np.unpackbits(arrays["valid"], count=values.size).reshape(values.shape).astype(bool)
    return RelativeDepth(values, text.space, log_range, valid, holes_are_sky=text.holes_are_sky)
