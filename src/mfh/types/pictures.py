"""Photos with their cameras, relative depth, and paintings."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Shaped
from numpy import ndarray

from mfh.types.rows import enlarged_rows, to_unit_range

Space = Literal["disparity", "depth"]
FocalSource = Literal["explicit", "intrinsics-file", "exif-35mm", "exif-sensor", "estimated", "default-fov"]


@dataclass(frozen=True)
class Camera:
    """A pinhole camera for one image size.

    Attributes:
        fx: focal length in pixels, horizontal.
        fy: focal length in pixels, vertical.
        cx: principal point column; 0 is the centre of the first pixel.
        cy: principal point row.
        width: image width in pixels.
        height: image height in pixels.
    """

    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int


@dataclass(frozen=True)
class Region:
    """A rectangle of a photo in which metres are wanted.

    Attributes:
        left: first column.
        top: first row.
        right: one past the last column.
        bottom: one past the last row.
    """

    left: int
    top: int
    right: int
    bottom: int

    @property
    def pixels(self) -> tuple[slice, slice]:
        """Rows and columns, to index an image with."""
        return slice(self.top, self.bottom), slice(self.left, self.right)


@dataclass(frozen=True)
class Segment:
    """Two places of a photo between which a length is wanted.

    Attributes:
        start_xy: column and row of one end, pixels.
        end_xy: of the other.
    """

    start_xy: tuple[float, float]
    end_xy: tuple[float, float]


@dataclass(frozen=True)
class FocalProvenance:
    """Where a focal length came from, and its error.

    Attributes:
        source: one of "explicit", "intrinsics-file", "exif-35mm", "exif-sensor", "estimated" (by a model, from
            the picture), "default-fov".
        detail: one human-readable line, e.g. "EXIF 26 mm (35 mm equivalent)".
        relative_sigma: one-sigma relative uncertainty of the focal length (metres scale with it); 0 when given.
        notes: sentences for the user about this focal length; with another one they are idle.
    """

    source: FocalSource
    detail: str
    relative_sigma: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Photo:
    """One decoded photo with its camera.

    Attributes:
        pixels: (h, w, 3) as decoded, or (h, w, 1) where it is grey: uint8, uint16, or float32 in [0, 1]; upright (EXIF
            rotation applied).
        camera: intrinsics for exactly this size.
        focal: where the focal length came from.
        name: what to call the photo in messages (file name or "array").
        notes: plain sentences about odd input, e.g. "animated: first frame used"; those about the focal length are its
            own.
        path: the file it was read from; empty for an array.
    """

    pixels: Shaped[ndarray, "h w c"]
    camera: Camera
    focal: FocalProvenance
    name: str = "array"
    notes: tuple[str, ...] = ()
    path: str = ""

    @property
    def rgb(self) -> Float[ndarray, "h w 3"]:
        """(h, w, 3) float32 in [0, 1], made anew each time unless the pixels are that already: 12 bytes a pixel."""
        return _three_channels(to_unit_range(self.pixels))

    def rgb_of(self, rows: slice) -> Float[ndarray, "r w 3"]:
        """Return some rows as float32 in [0, 1].

        Args:
            rows: which.
        """
        return _three_channels(to_unit_range(self.pixels[rows]))


@dataclass(frozen=True)
class LogRange:
    """A distribution of the log of a photo's depth range: a mixture of Gaussians.

    The range is the 95th over the 5th percentile of depth of what is not sky.

    Attributes:
        parts: (weight, mean, standard deviation) of each; weights sum to 1.
    """

    parts: tuple[tuple[float, float, float], ...]

    def moments(self) -> tuple[float, float]:
        """Return mean and standard deviation of the mixture."""
        mean = sum(weight * middle for weight, middle, _ in self.parts)
        square = sum(weight * (sigma**2 + (middle - mean) ** 2) for weight, middle, sigma in self.parts)
        return mean, math.sqrt(square)

    def scaled(self, factor: float, *, below: float) -> "LogRange":
        """Return the same with smaller ranges.

        Args:
            factor: on the means.
            below: means from here on stay.
        """
        return LogRange(
            tuple((weight, mean * (factor if mean < below else 1.0), sigma) for weight, mean, sigma in self.parts)
        )

    def widened(self, log_sigma: float) -> "LogRange":
        """Return the same, less certain.

        Args:
            log_sigma: standard deviation of a further error.
        """
        return LogRange(tuple((weight, mean, math.hypot(sigma, log_sigma)) for weight, mean, sigma in self.parts))


@dataclass(frozen=True)
class RelativeDepth:
    """Depth up to an unknown affine map, in the space its model declares.

    Attributes:
        values: (a, b) float32, finite. ``disparity``: affine-invariant inverse depth, larger is nearer;
            ``depth``: affine-invariant depth, larger is farther.
        space: which of the two; the metric head is fitted in the same space.
        log_range: of the photo, where a network estimated it from the picture or from the shape of the map.
        valid_mask: (a, b) where the values say anything; None for everywhere. Maps that users bring may have holes:
            what fills them is of no meaning.
        holes_are_sky: what is not valid is sky, found in the photo; a network's values there are kept.
        photo_shape: height and width of the photo, where that is larger than the input of the model; None where the
            map has its size.
    """

    values: Float[ndarray, "a b"]
    space: Space
    log_range: LogRange | None = None
    valid_mask: Bool[ndarray, "a b"] | None = None
    photo_shape: tuple[int, int] | None = None
    holes_are_sky: bool = False

    @property
    def sky_fraction(self) -> float:
        """Share of the photo that is sky, as far as it was looked for."""
        return 1 - float(self.valid_mask.mean()) if self.holes_are_sky and self.valid_mask is not None else 0.0

    @property
    def valid_values(self) -> Float[ndarray, "n"]:
        """The (n,) values that are valid."""
        return self.values.ravel() if self.valid_mask is None else self.values[self.valid_mask]

    @property
    def values_or_nan(self) -> Float[ndarray, "a b"]:
        """The (a, b) values, NaN where they are not valid."""
        return self.values if self.valid_mask is None else np.where(self.valid_mask, self.values, np.float32(np.nan))

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the photo."""
        height, width = self.values.shape
        return self.photo_shape or (height, width)

    def rows(self, rows: slice) -> Float[ndarray, "r w"]:
        """Return some rows at the photo's size, between the values where the map is smaller.

        Args:
            rows: which; start and stop are given.
        """
        return self._at_photo_size(self.values, rows)

    def rows_or_nan(self, rows: slice) -> Float[ndarray, "r w"]:
        """Return the same, NaN where a value that is not valid has a part in it.

        Args:
            rows: which; start and stop are given.
        """
        return self._at_photo_size(self.values_or_nan, rows)

    def _at_photo_size(self, values: Float[ndarray, "a b"], rows: slice) -> Float[ndarray, "r w"]:
        return values[rows] if self.shape == values.shape else enlarged_rows(values, self.shape, rows)

    def place(self, xy: tuple[float, float]) -> tuple[float, float]:
        """Return where in the map a place of the photo is; pixel centres are integers in both.

        Args:
            xy: column and row.
        """
        (height, width), (tall, wide) = self.shape, self.values.shape
        if (height, width) == (tall, wide):
            return xy
        return (xy[0] + 0.5) * wide / width - 0.5, (xy[1] + 0.5) * tall / height - 0.5

    def window(self, region: Region) -> tuple[slice, slice]:
        """Return the rows and columns of the map that show a region of the photo: one pixel at least.

        Args:
            region: of at least one pixel.
        """
        (height, width), (tall, wide) = self.shape, self.values.shape
        top, left = region.top * tall // height, region.left * wide // width
        bottom, right = -(-region.bottom * tall // height), -(-region.right * wide // width)
        return slice(top, bottom), slice(left, right)


@dataclass(frozen=True)
class PastedSprite:
    """A sprite of known size that a painter pasted.

    Attributes:
        sprite_mask: (h, w) pixels that show it.
        foot_xy_px: (x, y) pixel between its feet.
        px_per_m: pixels a metre covers there, upright: its distance is the focal length over this.
        stature_m: how tall it is.
        log_size_sigma: one-sigma of the log of px_per_m, as the painter reports it.
        shared_log_sigma: by how much the sizes of all sprites in this photo may be off alike, one-sigma of the log, as
            the painter reports it; None where it does not.
    """

    sprite_mask: Bool[ndarray, "h w"]
    foot_xy_px: tuple[float, float]
    px_per_m: float
    stature_m: float
    log_size_sigma: float = 0.0
    shared_log_sigma: float | None = None


@dataclass(frozen=True)
class PaintedPhoto:
    """A photo with a person painted into it; identical to the photo outside ``paint_mask``.

    Attributes:
        rgb: (h, w, 3) the painting.
        paint_mask: (h, w) where it may differ from the photo.
        prompt: what was asked for.
        seed: the painting's own.
        sprite: whom the painter pasted, where it knows; None for a generative model.
    """

    rgb: Float[ndarray, "h w 3"]
    paint_mask: Bool[ndarray, "h w"]
    prompt: str
    seed: int
    sprite: PastedSprite | None = None


@dataclass(frozen=True)
class Proposal:
    """Where a person would be painted, as far as a painter knows without painting.

    Attributes:
        foot_xy_px: (x, y) pixel between the feet, about.
        log_size_sigma: one-sigma of the log of how large they would appear, as the painter reports it.
    """

    foot_xy_px: tuple[float, float]
    log_size_sigma: float = 0.0


def _three_channels(pixels: Float[ndarray, "h w c"]) -> Float[ndarray, "h w 3"]:
    """Return colour pixels as they are, and grey ones three times."""
    return pixels if pixels.shape[2] == 3 else np.repeat(pixels, 3, axis=2)
