"""``mfh/depth/1``: what a file of depth says about itself, the same in every format.

It answers: is this metric, is it z or the distance along the ray, in what unit, in which camera frame, where is no
depth, how sure is it, and what made it. It is stored as JSON where a format has a place for it; :func:`parse_about`
reads it back, checked to the last field.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal

from jaxtyping import Float
from numpy import ndarray

from mfh import __version__
from mfh.errors import printable
from mfh.io.json_text import from_json, plain_values
from mfh.io.reading import parse_json
from mfh.types import Camera, MetricDepth, MetricHead

SCHEMA = "mfh/depth/1"
"""Name and version. A change of the fields or of their meaning gets another number."""
KEY = "mfh_depth"
"""Under which a file of a common format has it."""
OPENCV = "x right, y down, z forward"
"""The camera frame of everything but GLB."""
GLTF = "x right, y up, z backward"
"""The camera frame of GLB, and of normals in a picture."""
PIXEL_CENTRES = "integer"

Kind = Literal["z", "ray"]
Holds = Literal["depth", "points", "mesh", "normals", "camera"]
Factors = tuple[float, float]
_MAX_LETTERS = 64 << 10


@dataclass(frozen=True)
class DepthAbout:
    """What a file of depth says about itself.

    Attributes:
        schema: name and version of these fields.
        holds: what the file has in it, made from this depth.
        metric: whether the numbers are metres times a known factor, and not up to scale.
        depth: "z", along the optical axis; "ray", along the line of sight.
        unit: of depth, once stored numbers are multiplied by ``metres_per_unit``.
        metres_per_unit: of one step of the stored numbers: 0.001 in a PNG of millimetres.
        no_depth: what stands where there is no depth (sky, beyond ``reach_m``, farther than ``max_depth_m``): "NaN",
            "0", or "left out".
        axes: of the camera frame.
        pixel_centres: "integer": the centre of the first pixel is at (0, 0).
        camera: intrinsics in pixels, and the size in pixels.
        level_80: the photo's depth as a whole lies between these factors times the answer with 80 % probability; None
            where it is not known.
        level_95: the same with 95 %.
        log_sigma: whether the file has the standard deviation of the log of depth at every pixel.
        reach_m: up to where the evidence reaches; None where it reaches everything.
        max_depth_m: what is farther has no depth; None for no limit.
        sky_fraction: share of the photo that is sky.
        photo: its file name, without the folder.
        mfh: version that measured it.
        preset: name of the configuration.
        seed: of the paintings.
        commands: that measured it, as typed, without what is about output; none where Python did.
    """

    schema: Literal["mfh/depth/1"]
    holds: Holds
    metric: bool
    depth: Kind
    unit: Literal["m"]
    metres_per_unit: float
    no_depth: Literal["NaN", "0", "left out"]
    axes: str
    pixel_centres: Literal["integer"]
    camera: Camera
    level_80: Factors | None
    level_95: Factors | None
    log_sigma: bool
    reach_m: float | None
    max_depth_m: float | None
    sky_fraction: float
    photo: str
    mfh: str
    preset: str
    seed: int
    commands: tuple[str, ...]

    def stored(
        self,
        *,
        holds: Holds = "depth",
        no_depth: Literal["NaN", "0", "left out"] = "NaN",
        metres_per_unit: float = 1.0,
        axes: str = OPENCV,
        log_sigma: bool = False,
    ) -> "DepthAbout":
        """Return the same for a file that stores its numbers in a way of its own."""
        return replace(
            self,
            holds=holds,
            no_depth=no_depth,
            metres_per_unit=metres_per_unit,
            axes=axes,
            log_sigma=self.log_sigma and log_sigma,
        )

    def document(self) -> dict[str, object]:
        """Return it as a JSON object."""
        return {name: plain_values(value) for name, value in asdict(self).items()}

    def text(self) -> str:
        """Return it as one line of JSON in ASCII."""
        return json.dumps(self.document(), allow_nan=False)


@dataclass(frozen=True)
class StoredDepth:
    """Depth read from a file of any format.

    Attributes:
        depth_m: (h, w) float32 metres; NaN where there is none.
        kind: "z", along the optical axis; "ray", along the line of sight.
        about: what the file says about itself; None where the caller describes it.
        log_sigma: (h, w) float32 standard deviation of the log of depth; None where the file has none.
        camera: intrinsics for this size; None where the file has none.
        head: the metric head; None where the file has none.
    """

    depth_m: Float[ndarray, "h w"]
    kind: Kind
    about: DepthAbout | None = None
    log_sigma: Float[ndarray, "h w"] | None = None
    camera: Camera | None = None
    head: MetricHead | None = None


def about_result(result: MetricDepth, *, commands: Sequence[str] = ()) -> DepthAbout:
    """Return what files of a result say about themselves.

    Args:
        result: the depth of one photo.
        commands: that made it, as typed.
    """
    interval = result.interval
    about = DepthAbout(
        schema=SCHEMA,
        holds="depth",
        metric=True,
        depth="z",
        unit="m",
        metres_per_unit=1.0,
        no_depth="NaN",
        axes=OPENCV,
        pixel_centres=PIXEL_CENTRES,
        camera=result.photo.camera,
        level_80=None if interval is None else interval.level_80,
        level_95=None if interval is None else interval.level_95,
        log_sigma=result.log_sigma_curve is not None,
        reach_m=result.reach_m,
        max_depth_m=result.max_depth_m,
        sky_fraction=result.relative.sky_fraction,
        photo=printable(result.photo.name),
        mfh=__version__,
        preset=result.preset,
        seed=result.seed,
        commands=tuple(printable(one) for one in commands),
    )
    # As it is read back: infinities are null, numpy's numbers Python's own.
    return from_json(DepthAbout, about.document())


def parse_about(text: str) -> DepthAbout:
    """Return what a file says about itself.

    Args:
        text: JSON.

    Raises:
        ValueError: for what is no such JSON, or of another version.
    """
    if len(text) > _MAX_LETTERS:
        raise ValueError(f"what it says about itself has {len(text):,} letters: expected {_MAX_LETTERS:,} at most")
    value = parse_json(text)
    found = value.get("schema") if isinstance(value, dict) else None
    if found != SCHEMA:
        raise ValueError(f"its schema is {str(found)[:40]!r}, and {SCHEMA} is known: it was written by another version")
    about = from_json(DepthAbout, value)
    if not (about.metric and 0 < about.metres_per_unit < 1e9):
        raise ValueError(f"it says {about.metres_per_unit} metres per unit and metric {about.metric}")
    return about
