"""How far an answer may be off: systematic errors, intervals, and what was measured with them."""

import math
from dataclasses import dataclass

from mfh.types.pictures import Region, Segment


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
        """Return them in quadrature, with a share of the shape error."""
        return math.hypot(self.shared, self.shape * shape_share, self.focal)


@dataclass(frozen=True)
class ScaleInterval:
    """How far the depth of a photo as a whole, or of a region of it, may be off, as factors on the answer.

    Attributes:
        level_80: true depth lies between these factors times the answer with 80 % probability.
        level_95: the same with 95 %.
        half_width_over_photo: half the width of the 80 % interval, relative to the answer, where the photo is near, in
            its middle and where it is far: mean of the three. Of a region: where that is near, and so on.
        people_log_sigma: one-sigma of log metres that people's scatter and the shift leave open.
        common: what people do not average out.
        common_log_sigma: the same in quadrature, the shape of the relative depth by as much as it counts here.
        effective_people: effective number of people (and known sizes) behind the answer, 1 / sum(weight²).
        limited_by: what makes the interval wide, in a few words.
        sources: what the scale comes from: "people", "painted people", "what is given", or both.
    """

    level_80: tuple[float, float]
    level_95: tuple[float, float]
    half_width_over_photo: float
    people_log_sigma: float
    common: CommonErrors
    common_log_sigma: float
    effective_people: float
    limited_by: str
    sources: str = "people"

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
        metres: the length; NaN where an end has no depth (sky, or beyond what answers reach).
        level_80: metres between which it lies with 80 % probability.
        level_95: the same with 95 %.
    """

    segment: Segment
    metres: float
    level_80: tuple[float, float]
    level_95: tuple[float, float]
