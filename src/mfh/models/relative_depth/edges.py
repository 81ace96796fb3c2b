"""Relative depth enlarged to the photo's size, with its edges where those of the photo are.

A network's map is smaller than the photo: enlarged, an edge of depth becomes a ramp many pixels wide, and its points
hang in the air. But each pixel on a ramp belongs to one of two surfaces. What these look like is known from the map's
cells to both sides of the ramp; a linear discriminant of colour, with the height on the ramp as prior, decides for
every pixel of the photo, which gets the disparity of its side. Off the ramps the map is enlarged bilinearly, so that
edges of colour on one surface leave no trace.

References: discriminant: Fisher, "The use of multiple measurements in taxonomic problems", 1936; fitted at the size of
the map and applied at that of the photo, as He and Sun, "Fast Guided Filter", 2015, do with theirs.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.models.protocols import Rgb, RgbOfAnySize

# All lengths are in cells of the map: the network sees no finer, at whatever size of photo.
_REACH = 3
"""Half the width of a ramp."""
_AROUND = 9
"""Further cells to each side, that distinguish a ramp from a slanted plane: the plane goes on as it is, a ramp ends."""
_SIDES = 4
"""Cells to each side from which the values and colours of the two surfaces are taken."""
_SPREAD = 2
"""Cells by which a ramp that was found is widened: at its foot less of it is in reach."""

_LEAST_STEP, _SURE_STEP = 0.05, 0.2
"""Change of disparity over the nearer side's, from which an edge is one, and is one for sure; below it is noise."""
_PLANE, _RAMP = 0.4, 0.5
"""Change within reach over that around: a plane's is 0.25, at the border of the map up to 0.4; a lone ramp's is 1."""
_ON_SIDE = (0.6, 0.95)
"""Height on the ramp (0 far, 1 near), from where and in full, at which a cell shows the near surface."""
_OWN = (0.8, 1.0)
"""The same, at which a pixel of the near surface keeps its own value."""
_COLOUR_VARIANCE = 4e-4
"""Variance of colour (0 to 1) of a plain surface: noise of the camera."""
_PRIOR = 2.0
"""Weight of the height on the ramp, as log odds."""
_MOST_BY_COLOUR = 8.0
"""Log odds by colour are no larger: far up or down the ramp, nothing overrules the map."""
_LEAST_HEIGHT = 1e-3
_SPECKS = 5
"""Window of the median of the log odds, in pixels of the photo: single pixels are no surface."""


@dataclass(frozen=True)
class _Ramps:
    """What decides which side a pixel is on, and what it gets, at every cell of the map.

    Attributes:
        colour: (a, b, 3) times the pixel's colour, and ``offset`` added: log odds of the near side by colour.
        offset: (a, b).
        prior: (a, b) log odds by the height on the ramp.
        far: (a, b) disparity of the far side; off the ramps the map itself.
        step: (a, b) that of the near side less it; 0 off the ramps.
    """

    colour: Float[ndarray, "a b 3"]
    offset: Float[ndarray, "a b"]
    prior: Float[ndarray, "a b"]
    far: Float[ndarray, "a b"]
    step: Float[ndarray, "a b"]


def enlarged_along_edges(values: Float[ndarray, "a b"], rgb: RgbOfAnySize) -> Float[ndarray, "h w"]:
    """Return disparity at the photo's size, whose edges are steps along the edges of the photo.

    Args:
        values: (a, b) float32 disparity up to an affine map with a positive scale. Where one is not finite, the map is
            enlarged bilinearly.
        rgb: the photo.

    Returns:
        (h, w) float32, within the range of ``values``.
    """
    size = rgb.shape[1], rgb.shape[0]

    def enlarged(field: Float[ndarray, "a b"], into: Float[ndarray, "h w"] | None = None) -> Float[ndarray, "h w"]:
        return cv2.resize(field, size, dst=into, interpolation=cv2.INTER_LINEAR)

    if not np.isfinite(values).all():
        return enlarged(values)
    ramps = _ramps(values, cv2.resize(rgb, values.shape[::-1], interpolation=cv2.INTER_AREA))
    if not ramps.step.any():
        return enlarged(values)
    # In place, in two maps of the photo's size: it may have 25 megapixels, and fresh memory costs more than arithmetic.
    log_odds, near = enlarged(ramps.offset), np.empty(rgb.shape[:2], np.float32)
    for channel in range(3):
        enlarged(np.ascontiguousarray(ramps.colour[..., channel]), near)
        near *= rgb[..., channel]
        log_odds += near
    np.clip(log_odds, -_MOST_BY_COLOUR, _MOST_BY_COLOUR, out=log_odds)
    log_odds += enlarged(ramps.prior, near)
    cv2.medianBlur(log_odds, _SPECKS, near)
    # Logistic.
    np.negative(near, out=near)
    cv2.exp(near, near)
    near += 1
    np.reciprocal(near, out=near)
    near *= enlarged(ramps.step, log_odds)
    near += enlarged(ramps.far, log_odds)
    return near


def _ramps(values: Float[ndarray, "a b"], rgb: Rgb) -> _Ramps:
    """Return the two sides of every ramp.

    Args:
        values: (a, b) finite disparity.
        rgb: (a, b, 3) the photo at the size of the map.
    """
    low, high = cv2.erode(values, _square(_REACH)), cv2.dilate(values, _square(_REACH))
    change = high - low
    ramp = _ramp_strength(values, low, high)
    height = (values - low) / np.maximum(change, np.float32(1e-6))
    near, far = ramp * _smoothstep(height, *_ON_SIDE), ramp * _smoothstep(1 - height, *_ON_SIDE)
    (near_sum, near_value, near_colour), (far_sum, far_value, far_colour) = (
        _means(weight, values, rgb, beside) for weight, beside in ((near, high), (far, low))
    )
    near_square, far_square = _square_sum(near_colour), _square_sum(far_colour)
    # Within the sides, mean over the channels.
    square = _mean_around((near + far) * _square_sum(rgb))
    within = (square - near_sum * near_square - far_sum * far_square) / (3 * (near_sum + far_sum))
    variance = np.maximum(within, np.float32(0)) + np.float32(_COLOUR_VARIANCE)
    known = np.clip(height, _LEAST_HEIGHT, 1 - _LEAST_HEIGHT)
    near_value += _smoothstep(height, *_OWN) * (values - near_value)
    far_value += _smoothstep(1 - height, *_OWN) * (values - far_value)
    return _Ramps(
        colour=(near_colour - far_colour) / variance[..., None],
        offset=(far_square - near_square) / (2 * variance),
        prior=np.float32(_PRIOR) * np.log(known / (1 - known)),
        far=values + ramp * (far_value - values),
        step=ramp * (near_value - far_value),
    )


def _ramp_strength(
    values: Float[ndarray, "a b"], low: Float[ndarray, "a b"], high: Float[ndarray, "a b"]
) -> Float[ndarray, "a b"]:
    """Return 1 on ramps between two surfaces, 0 on surfaces; ``low`` and ``high`` are the extremes within reach."""
    first, last = (float(one) for one in np.percentile(values, (1, 99)))
    spread = last - first
    if spread <= 0:
        return np.zeros_like(values)
    # The zero of disparity is not known: somewhat beyond the farthest.
    nearer = np.maximum(high - np.float32(first - 0.1 * spread), np.float32(0.1 * spread))
    change = high - low
    step = _smoothstep(change / nearer, _LEAST_STEP, _SURE_STEP)
    around = cv2.dilate(high, _square(_AROUND)) - cv2.erode(low, _square(_AROUND))
    ends = _smoothstep(change / np.maximum(around, np.float32(1e-9 * spread)), _PLANE, _RAMP)
    wide = cv2.blur(cv2.dilate(step * ends, _square(_SPREAD)), (_SPREAD + 1, _SPREAD + 1))
    return np.minimum(step, wide)


def _means(
    weight: Float[ndarray, "a b"], values: Float[ndarray, "a b"], rgb: Rgb, otherwise: Float[ndarray, "a b"]
) -> tuple[Float[ndarray, "a b"], Float[ndarray, "a b"], Float[ndarray, "a b 3"]]:
    """Return the mean weight around each cell, and the weighted means of values and colours; where none, otherwise."""
    least = np.float32(1e-4)
    total = _mean_around(weight) + least
    value = (_mean_around(weight * values) + least * otherwise) / total
    return total, value, _mean_around(weight[..., None] * rgb) / total[..., None]


def _mean_around(field: Float[ndarray, "a b *c"]) -> Float[ndarray, "a b *c"]:
    return cv2.blur(field, (2 * _SIDES + 1, 2 * _SIDES + 1))


def _square_sum(rgb: Rgb) -> Float[ndarray, "a b"]:
    # Thirty times as fast as numpy's sum over so short an axis.
    return cv2.transform(rgb * rgb, np.ones((1, 3), np.float32))


def _square(reach: int) -> ndarray:
    return np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)


def _smoothstep(x: Float[ndarray, "a b"], start: float, end: float) -> Float[ndarray, "a b"]:
    """Return 0 up to the start, 1 from the end on, and a smooth rise between them."""
    part = np.clip((x - np.float32(start)) / np.float32(end - start), np.float32(0), np.float32(1))
    return part * part * (3 - 2 * part)
