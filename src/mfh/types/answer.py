"""The answer: scale and shift, how sure they are, and metric depth with everything it rests on."""

import math
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from mfh.types.people import HumanMesh, Landmark
from mfh.types.pictures import Photo, Region, RelativeDepth, Segment, Space


@dataclass(frozen=True)
class MetricHead:
    """The photo's metric scale and shift (Eq. 5).

    ``disparity``: depth = 1 / (scale·relative + shift); ``depth``: depth = scale·relative + shift.

    Attributes:
        scale: s > 0.
        shift: t.
        space: the space of the relative depth it applies to.
        loss: value of the minimised objective.
        shift_determined: False where the people's depths do not determine the shift and it was held back.
    """

    scale: float
    shift: float
    space: Space
    loss: float
    shift_determined: bool = True


@dataclass(frozen=True)
class KnownSize:
    """A size the user gave: a row of the scale receipt.

    Attributes:
        name: what is known, in a few words.
        weight: share in the answer.
    """

    name: str
    weight: float


@dataclass(frozen=True)
class CommonErrors:
    """One-sigma errors of log metres that no number of people averages out.

    Attributes:
        shared: of all people alike: a painter's sense of size in one photo, a mesh model's idea of stature.
        shape: of the relative depth, pixel by pixel.
        focal: of a focal length that was guessed; metres scale with it.
    """

    shared: float = 0.0
    shape: float = 0.0
    focal: float = 0.0

    def log_sigma(self, *, shape_share: float = 1.0) -> float:
        """Return them in quadrature, with this share of the shape error."""
        return math.hypot(self.shared, self.shape * shape_share, self.focal)


@dataclass(frozen=True)
class ScaleInterval:
    """How far the metres of a photo as a whole, or of a region of it, may be off, as factors on the answer.

    Attributes:
        level_80: the true metres lie between these factors times the answer with 80 % probability.
        level_95: the same with 95 %.
        half_width_over_photo: half the width of the 80 % interval, relative to the answer, where the photo is near, in
            its middle and where it is far: mean of the three. Of a region: where that is near, and so on.
        people_log_sigma: one-sigma of log metres that people's scatter and the shift leave open.
        common: what people do not average out.
        common_log_sigma: the same in quadrature, the shape of the relative depth by as much as it counts here.
        effective_people: effective number of people (and known sizes) behind the answer, 1 / sum(weight²).
        limited_by: what makes the interval wide, in a few words.
    """

    level_80: tuple[float, float]
    level_95: tuple[float, float]
    half_width_over_photo: float
    people_log_sigma: float
    common: CommonErrors
    common_log_sigma: float
    effective_people: float
    limited_by: str

    @property
    def half_width(self) -> float:
        """Half the width of the 80 % interval, relative to the answer."""
        return (self.level_80[1] - self.level_80[0]) / 2


@dataclass(frozen=True)
class RegionDepth:
    """Metres of one region of a photo.

    Attributes:
        region: where.
        depth_m: median z of what is seen in it.
        interval: how far that may be off.
    """

    region: Region
    depth_m: float
    interval: ScaleInterval


@dataclass(frozen=True)
class MeasuredLength:
    """The straight length between what is seen at two places of a photo.

    Attributes:
        segment: where.
        metres: the length; NaN where an end has no finite depth (sky).
        level_80: metres between which it lies with 80 % probability.
        level_95: the same with 95 %.
    """

    segment: Segment
    metres: float
    level_80: tuple[float, float]
    level_95: tuple[float, float]


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
        """Whether anybody in it gave evidence."""
        return any(landmark.verdict == "used" for landmark in self.landmarks)

    @property
    def reason(self) -> str:
        """Why it was used, or why not."""
        if not self.landmarks:
            return "nobody was found in it"
        verdict = "used" if self.used else "rejected"
        return "; ".join(dict.fromkeys(one.reason for one in self.landmarks if one.verdict == verdict))


@dataclass(frozen=True)
class MetricDepth:
    """Metric depth of one photo, with everything needed to judge it.

    Attributes:
        depth_m: (h, w) float32 z in metres at the photo's own resolution; NaN where not valid.
        valid_mask: (h, w) where the head gives a finite positive depth within range, and no hole of the map is.
        photo: the photo (with camera and focal provenance).
        relative: the relative depth the head was applied to.
        head: scale and shift.
        landmarks: every person considered, with verdict and reason.
        preset: name of the configuration that ran.
        models: role -> model name.
        seed: seed of the painting loop.
        attempts: painting attempts made.
        paintings: paintings that gave evidence.
        ended_by: why painting ended; empty where nobody was painted.
        seconds: stage -> wall seconds.
        warnings: plain sentences the user should read.
        interval: how far the metres of the photo as a whole may be off.
        log_sigma: (h, w) float32 one-sigma of log depth at every pixel: scale and shift jointly, and common errors.
        people_spread: robust standard deviation of people's log metres about the head; None for fewer than three.
        known_sizes: what the user knew, with its share in the answer.
        lengths: what was to be measured, in the order it was asked for.
        region: metres of the region that was asked for; None where none was, or where it shows nothing but sky.
        kept_paintings: every painting made, in order; empty unless the configuration keeps them.
    """

    depth_m: Float[ndarray, "h w"]
    valid_mask: Bool[ndarray, "h w"]
    photo: Photo
    relative: RelativeDepth
    head: MetricHead
    landmarks: tuple[Landmark, ...]
    preset: str
    models: dict[str, str]
    seed: int
    attempts: int
    paintings: int
    seconds: dict[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    ended_by: str = ""
    interval: ScaleInterval | None = None
    log_sigma: Float[ndarray, "h w"] | None = None
    people_spread: float | None = None
    known_sizes: tuple[KnownSize, ...] = ()
    lengths: tuple[MeasuredLength, ...] = ()
    region: RegionDepth | None = None
    kept_paintings: tuple[MeasuredPainting, ...] = ()

    @property
    def people_used(self) -> int:
        """Number of landmarks the head was fitted to."""
        return sum(landmark.verdict == "used" for landmark in self.landmarks)

    def points_m(self) -> np.ndarray:
        """Return the (n, 3) valid points in metres in the camera frame."""
        camera = self.photo.camera
        rows, columns = np.nonzero(self.valid_mask)
        z = self.depth_m[rows, columns].astype(np.float64)
        return np.stack([(columns - camera.cx) / camera.fx * z, (rows - camera.cy) / camera.fy * z, z], 1)
