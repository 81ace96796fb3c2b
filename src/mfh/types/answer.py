"""The answer: scale and shift, how sure they are, and metric depth with everything it rests on."""

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from mfh.types.people import HumanMesh, Landmark
from mfh.types.pictures import Photo, RelativeDepth, Space
from mfh.types.rows import strips
from mfh.types.uncertainty import MeasuredLength, RegionDepth, ScaleInterval

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mfh.pipeline.conclude import Basis
    from mfh.report.page import HtmlFrame


NoteKind = Literal["input", "focal", "scale", "interval", "given", "painter", "range", "region"]


@dataclass(frozen=True)
class Note:
    """Something the user should know about an answer.

    ``text`` is one plain sentence; ``kind`` is what it is about.
    """

    kind: NoteKind
    text: str


@dataclass(frozen=True)
class MetricHead:
    """The photo's metric scale and shift (Eq. 5).

    ``disparity``: depth = 1 / (scale·relative + shift); ``depth``: depth = scale·relative + shift.

    Attributes:
        scale: s > 0.
        shift: t.
        space: the space of the relative depth it applies to.
        loss: value of the minimised objective.
        shift_determined: False where people's depths do not identify the shift: it is regularized by the prior.
    """

    scale: float
    shift: float
    space: Space
    loss: float
    shift_determined: bool = True

    def depth_of(self, values: Float[ndarray, "h w"], *, max_depth_m: float) -> Float[ndarray, "h w"]:
        """Return metric depth: 1 / (s·D + t) in disparity space, s·D + t in depth space (Eq. 2).

        Returns:
            (h, w) float32 metres; NaN where not valid, which is all but 0 < depth <= max_depth_m.
        """
        height, width = values.shape
        depth_m = np.empty((height, width), np.float32)
        for rows in strips((height, width)):
            value = values[rows].astype(np.float64)
            value *= self.scale
            value += self.shift
            if self.space == "disparity":
                # An inverse depth of 0 or less is at infinity or beyond: not valid, like anything too far.
                value[~(value >= 1 / max_depth_m)] = np.nan
                np.divide(1.0, value, out=value)
            else:
                value[~((value > 0) & (value <= max_depth_m))] = np.nan
            depth_m[rows] = value
        return depth_m


@dataclass(frozen=True)
class LogSigmaCurve:
    """One-sigma of log depth as a function of relative depth, over which it varies smoothly.

    Attributes:
        values: (k,) relative depths, rising.
        log_sigma: (k,) there; between them it is interpolated, beyond them it stays.
    """

    values: Float[ndarray, "k"]
    log_sigma: Float[ndarray, "k"]

    def at(self, values: Float[ndarray, "h w"]) -> Float[ndarray, "h w"]:
        """Return the standard deviation of log depth at (h, w) relative depths, float32."""
        return np.interp(values.astype(np.float64), self.values, self.log_sigma).astype(np.float32)


@dataclass(frozen=True)
class KnownSize:
    """A size the user gave: a row of the scale receipt.

    Attributes:
        name: what is known, in a few words.
        weight: share in the answer.
        by_people: how many times larger than given it is by people alone (median); None without people.
        by_answer: how many times larger it is by the answer: 1 but where given sizes contradict each other; None where
            the answer has nothing at a finite depth there.
    """

    name: str
    weight: float
    by_people: float | None = None
    by_answer: float | None = None


@dataclass(frozen=True)
class MeasuredPainting:
    """One painting with what was measured in it, kept for pictures.

    Attributes:
        number: k of "painting k".
        rgb: (h, w, 3) the painting, of the photo's shape or smaller.
        paint_mask: (h, w) where it may differ from the photo.
        landmarks: the people found in it, with their final verdicts; their boxes are in pixels of the photo.
        meshes: one per landmark, None where nothing was measured.
    """

    number: int
    rgb: Float[ndarray, "h w 3"]
    paint_mask: Bool[ndarray, "h w"]
    landmarks: tuple[Landmark, ...]
    meshes: tuple[HumanMesh | None, ...]

    @property
    def used(self) -> bool:
        """Whether any person in it gave evidence."""
        return any(landmark.verdict == "used" for landmark in self.landmarks)

    @property
    def reason(self) -> str:
        """Why it was used, or why not."""
        if not self.landmarks:
            return "no person was found in it"
        verdict = "used" if self.used else "rejected"
        return "; ".join(dict.fromkeys(one.reason for one in self.landmarks if one.verdict == verdict))


@dataclass(frozen=True, repr=False)
class MetricDepth:
    """Metric depth of one photo, with everything needed to judge it.

    It is the head applied to the relative depth; maps of the photo's size are made when they are first asked for.

    Attributes:
        photo: the photo (with camera and focal provenance).
        relative: the relative depth the head is applied to.
        head: scale and shift.
        max_depth_m: farther answers are not valid.
        reach_m: up to where the evidence reaches: farther, depth is left open. Infinite where it reaches everything.
        landmarks: every person and object considered, with verdict and reason.
        preset: name of the configuration that ran.
        models: role -> model name.
        seed: seed of the painting loop.
        attempts: painting attempts made.
        paintings: paintings that gave evidence.
        ended_by: why painting ended; empty where no person was painted.
        seconds: stage -> wall seconds.
        notes: what the user should know, by kind.
        interval: how far the depth of the photo as a whole may be off.
        log_sigma_curve: one-sigma of log depth by relative depth: scale and shift jointly, and common errors.
        people_spread: robust standard deviation of people's log metres about the head; None for fewer than three.
        known_sizes: what the user knew, with its share in the answer.
        doubt: probability that what the user gave is wrong, by the people who contradict it; at most one third.
        lengths: what was to be measured, in the order it was asked for.
        region: metres of the region that was asked for; None where none was, or where it shows nothing but sky.
        kept_paintings: every painting made, in order; empty unless the configuration keeps them.
        basis: what the answer was concluded from, and how: a report measures and refits with it; None for an answer
            that was put together otherwise.
    """

    photo: Photo
    relative: RelativeDepth
    head: MetricHead
    max_depth_m: float
    landmarks: tuple[Landmark, ...]
    preset: str
    models: dict[str, str]
    seed: int
    attempts: int
    paintings: int
    seconds: dict[str, float] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()
    ended_by: str = ""
    interval: ScaleInterval | None = None
    log_sigma_curve: LogSigmaCurve | None = None
    people_spread: float | None = None
    known_sizes: tuple[KnownSize, ...] = ()
    lengths: tuple[MeasuredLength, ...] = ()
    region: RegionDepth | None = None
    kept_paintings: tuple[MeasuredPainting, ...] = ()
    doubt: float = 0.0
    reach_m: float = math.inf
    basis: "Basis | None" = None

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the photo."""
        return self.relative.shape

    @cached_property
    def map_m(self) -> Float[ndarray, "a b"]:
        """(a, b) float32 z in metres at the resolution of the relative depth, NaN where not valid.

        Statistics and pictures need no more. Up to 25 megapixels it has the photo's own size.
        """
        return self.head.depth_of(self.relative.values_or_nan, max_depth_m=self.max_depth_m)

    @cached_property
    def depth_m(self) -> Float[ndarray, "h w"]:
        """(h, w) float32 z in metres at the photo's own resolution; NaN where not valid."""
        return self.map_m if self.map_m.shape == self.shape else self._whole(self.depth_rows)

    @cached_property
    def valid_mask(self) -> Bool[ndarray, "h w"]:
        """(h, w) where the head gives a finite positive depth within range, and no hole of a given map is."""
        return ~np.isnan(self.depth_m)

    @cached_property
    def log_sigma(self) -> Float[ndarray, "h w"] | None:
        """(h, w) float32 one-sigma of log depth at every pixel; None where it is not known."""
        return None if self.log_sigma_curve is None else self._whole(self.log_sigma_rows)

    def depth_rows(self, rows: slice) -> Float[ndarray, "r w"]:
        """Return some rows of ``depth_m``; the slice has a start and a stop."""
        if self.map_m.shape == self.shape:
            return self.map_m[rows]
        return self.head.depth_of(self.relative.rows_or_nan(rows), max_depth_m=self.max_depth_m)

    def log_sigma_rows(self, rows: slice) -> Float[ndarray, "r w"]:
        """Return some rows of ``log_sigma``; the slice has a start and a stop.

        Raises:
            ValueError: where it is not known.
        """
        if self.log_sigma_curve is None:
            raise ValueError("the standard deviation of this depth is not known")
        return self.log_sigma_curve.at(self.relative.rows(rows))

    def _whole(self, some: Callable[[slice], Float[ndarray, "r w"]]) -> Float[ndarray, "h w"]:
        """Put the rows of a map together."""
        whole = np.empty(self.shape, np.float32)
        for rows in strips(self.shape):
            whole[rows] = some(rows)
        return whole

    @cached_property
    def depth_range_m(self) -> tuple[float, float, float]:
        """Nearest, median and farthest depth: 1st, 50th and 99th percentile of the valid pixels; NaN without any."""
        valid = self.map_m[~np.isnan(self.map_m)]
        if valid.size == 0:
            return math.nan, math.nan, math.nan
        nearest, median, farthest = np.percentile(valid, [1, 50, 99])
        return float(nearest), float(median), float(farthest)

    @property
    def warnings(self) -> tuple[str, ...]:
        """The notes as plain sentences."""
        return tuple(note.text for note in self.notes)

    @property
    def people_used(self) -> int:
        """Number of people, painted ones included, the head was fitted to."""
        return sum(one.verdict == "used" and one.is_person for one in self.landmarks)

    @property
    def objects_used(self) -> int:
        """Number of objects of known size the head was fitted to."""
        return sum(one.verdict == "used" and one.is_object for one in self.landmarks)

    def points_m(self) -> np.ndarray:
        """Return the (n, 3) valid points in metres in the camera frame."""
        camera = self.photo.camera
        rows, columns = np.nonzero(self.valid_mask)
        z = self.depth_m[rows, columns].astype(np.float64)
        return np.stack([(columns - camera.cx) / camera.fx * z, (rows - camera.cy) / camera.fy * z, z], 1)

    def save(self, folder: str | os.PathLike[str], *, formats: Sequence[str] = ()) -> Path:
        """Write depth, preview.png and receipt.json into a folder, as ``mfh predict`` does.

        Args:
            folder: made where it is not there; earlier results of the same photo in it are replaced.
            formats: of depth, as of ``mfh predict --format``; depth.npz and depth.png where none are named.

        Raises:
            InputError: where the folder cannot be used or holds something else, or a format cannot be written.
        """
        from mfh.viz.save import save_into

        return save_into(Path(folder), self, formats=formats)

    def plot(self) -> "Figure":
        """Return a matplotlib figure of the photo beside its depth, with a bar in metres.

        Raises:
            BackendError: where matplotlib is not installed (the extra ``plot``).
        """
        from mfh.viz.notebook import depth_figure

        return depth_figure(self)

    def save_report(self, path: str | os.PathLike[str]) -> Path:
        """Write the report: one HTML file that needs no other, nor a network.

        Raises:
            InputError: where it cannot be written.
        """
        from mfh.report.page import write_report

        return write_report(Path(path), self)

    def show(self, *, height_px: int = 900) -> "HtmlFrame":
        """Return the report for the output of a notebook's cell."""
        from mfh.report.page import HtmlFrame, report_html

        return HtmlFrame(report_html(self), height_px)

    def __repr__(self) -> str:
        """Return a readable summary: no array is printed."""
        from mfh.types.summary import summary

        return summary(self)

    def _repr_html_(self) -> str:
        """Return the picture and the summary that a notebook shows."""
        from mfh.viz.notebook import result_html

        return result_html(self)
