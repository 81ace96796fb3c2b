"""The exact minimiser of SIlog over scale and shift: the paper's metric head (Eqs. 5, 8).

Write the head as s·(x + r) with r = t/s, and let a = log(x + r) + log(y) in disparity space, log(x + r) - log(y) in
depth space. Then d = ∓(log s + a), and for any r the best log s is closed-form: log s = -mean(a). What remains is one
number. Over all pixels pooled it minimises

    V(r) = var(a),                                              whatever lambda is,

and over images summed (Eq. 8), with m_n the mean of a in image n and m their mean,

    L(r) = Σ_n var_n(a) + (1 - lambda)·Σ_n (m_n - m)².

The first is the second for a single group. With the scale fixed to 1 (free "shift") the mean is not zero, and its
square counts too. Feasible is r > -min(x): all people at a positive depth. With p = log(r + min x) the objective varies
on a scale of about one, so a scan over p in steps of 0.4 finds every basin, and Newton's method with analytic
derivatives (a' = g, a'' = g·(1 - g), g = gap / (x + r)) finishes on all pixels.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from mfh.config import FreeParameters, SilogForm
from mfh.errors import Rejected
from mfh.types import Space

SCAN_PIXELS = 1024
"""Pixels in the scan; the minimum itself is found on all of them."""
SCAN_DECADES = (-6.0, 5.0)
"""Range of the gap r + min(x) that is scanned, in powers of ten of the range of x."""
POINTS_A_DECADE = 6
"""Steps of 0.38 in p."""
_DECADE = float(np.log(10.0))


@dataclass(frozen=True)
class SilogMinimum:
    """The scale and shift that minimise SIlog.

    Attributes:
        scale: s > 0.
        shift: t.
        loss: ZoeDepth's form for "pooled", the sum of Eq. 5 for "per-image-sum".
        at_infinity: True where the loss keeps falling as r grows: people's depths look constant in relative depth, so
            the shift is only where the scan ended.
    """

    scale: float
    shift: float
    loss: float
    at_infinity: bool


@dataclass(frozen=True)
class _Pixels:
    """What the objective sees: pixels sorted by group.

    Attributes:
        offset: (n,) x - min(x), 0 or more.
        log_target: (n,) log(y) in disparity space, -log(y) in depth space.
        starts: (g,) index of each group's first pixel.
        counts: (g,) pixels of each group.
        between: weight of the spread of the groups' means, 1 - lambda.
        mean_weight: weight of the square of the groups' mean mean; 0 where the scale makes that mean zero.
    """

    offset: Float[ndarray, "n"]
    log_target: Float[ndarray, "n"]
    starts: Int[ndarray, "g"]
    counts: Int[ndarray, "g"]
    between: float
    mean_weight: float = 0.0


def fit_silog(
    relative: Float[ndarray, "n"],
    depth_m: Float[ndarray, "n"],
    image: Int[ndarray, "n"],
    *,
    space: Space,
    form: SilogForm = "pooled",
    variance_focus: float = 0.85,
    free: FreeParameters = "scale-shift",
) -> SilogMinimum | Rejected:
    """Return the global minimum of SIlog over scale > 0 and shift, or over one of them.

    Args:
        relative: (n,) relative depth at the pseudo-ground-truth pixels, aligned to the photo's.
        depth_m: (n,) metres there, positive.
        image: (n,) which image each pixel comes from; used by "per-image-sum".
        space: the space of the relative depth.
        form: "pooled" or "per-image-sum".
        variance_focus: lambda of Eq. 5; the pooled minimiser over both does not depend on it.
        free: "scale-shift"; "scale", with t = 0, over the pixels of positive relative depth: no scale gives the others
            any depth; or "shift", with s = 1.

    Returns:
        The minimum, or why there is none: no pixels, relative depth that is the same at all of them, or, for a scale
        alone, at most half of it positive.

    Reference:
        Eqs. 5 and 8; the authors reach the same minimum with L-BFGS. Table 4 for one parameter.
    """
    if len(relative) == 0:
        return Rejected("no pixel of any person has a depth")
    x = relative.astype(np.float64)
    sign = 1.0 if space == "disparity" else -1.0
    log_target = sign * np.log(depth_m.astype(np.float64))
    if free == "scale":
        positive = x > 0
        if 2 * positive.sum() <= len(x):
            return Rejected(f"relative depth is positive at {positive.mean():.0%} of people's pixels: no scale fits it")
        x, log_target, image = x[positive], log_target[positive], image[positive]
    nearest_to_zero = float(x.min())
    reach = float(x.max()) - nearest_to_zero
    if free == "scale-shift" and reach <= 1e-9 * max(abs(nearest_to_zero), 1e-300):
        return Rejected("the relative depth is the same at every pixel of every person")
    pixels = _group(x - nearest_to_zero, log_target, image, form, 1 - variance_focus)
    if free == "scale":
        best = _evaluate(pixels, float(np.log(nearest_to_zero)))
        return SilogMinimum(float(np.exp(-best.mean)), 0.0, _loss(best, pixels, form), at_infinity=False)
    if free == "shift":
        # Over n - 1, as ZoeDepth's variance is; the sum over images has one squared mean for each.
        times = len(pixels.starts) if form == "per-image-sum" else (len(x) - 1) / len(x)
        pixels = replace(pixels, mean_weight=pixels.between * times)
    low, high = _range(reach, log_target, free)
    best = min((_descend(pixels, start, low, high) for start in _scan(pixels, low, high)), key=lambda at: at.value)
    scale = 1.0 if free == "shift" else float(np.exp(-best.mean))
    shift = scale * (float(np.exp(best.log_gap)) - nearest_to_zero)
    at_infinity = free == "scale-shift" and best.log_gap >= high
    return SilogMinimum(scale, shift, _loss(best, pixels, form), at_infinity=at_infinity)


def _range(reach: float, log_target: Float[ndarray, "n"], free: FreeParameters) -> tuple[float, float]:
    """Return the lowest and highest p of the scan."""
    low_decades, high_decades = SCAN_DECADES
    if free == "scale-shift":
        return float(np.log(reach)) + low_decades * _DECADE, float(np.log(reach)) + high_decades * _DECADE
    # With the scale fixed the gap has the units of the targets, which need not be those of relative depth.
    log_values = -log_target
    log_reach = float(np.log(reach)) if reach > 0 else float(log_values.mean())
    low = min(log_reach, float(log_values.min())) + low_decades * _DECADE
    return low, max(log_reach, float(log_values.max())) + _DECADE


def _loss(best: "_At", pixels: _Pixels, form: SilogForm) -> float:
    """Return the value of the published form; the mean is zero at the minimum unless the scale is fixed."""
    if form == "per-image-sum":
        return best.value
    count = len(pixels.offset)
    return float(10 * np.sqrt(max(best.value, 0.0) * count / max(count - 1, 1)))


@dataclass(frozen=True)
class _At:
    """The objective at one p = log(r + min x), with its derivatives by p, and the mean of a (which is -log s)."""

    log_gap: float
    value: float
    slope: float
    curvature: float
    mean: float
    mean_slope: float
    mean_curvature: float

    def step(self, by: float) -> "_At":
        """Return the second-order Taylor expansion at p + by, good to rounding for the last, tiny Newton step."""
        return _At(
            self.log_gap + by,
            self.value + by * self.slope + by * by / 2 * self.curvature,
            self.slope + by * self.curvature,
            self.curvature,
            self.mean + by * self.mean_slope + by * by / 2 * self.mean_curvature,
            self.mean_slope,
            self.mean_curvature,
        )


def _group(
    offset: Float[ndarray, "n"], log_target: Float[ndarray, "n"], image: Int[ndarray, "n"], form: str, between: float
) -> _Pixels:
    """Sort pixels by image, or put them all in one group."""
    if form == "pooled":
        return _Pixels(offset, log_target, np.array([0]), np.array([len(offset)]), between)
    order = np.argsort(image, kind="stable")
    starts = np.append(0, np.flatnonzero(np.diff(image[order])) + 1)
    return _Pixels(offset[order], log_target[order], starts, np.diff(np.append(starts, len(order))), between)


def _thin(pixels: _Pixels, keep: int) -> _Pixels:
    """Return about ``keep`` pixels, evenly from each group."""
    every = -(-len(pixels.offset) // keep)
    if every == 1:
        return pixels
    chosen = [np.arange(start, start + count, every) for start, count in zip(pixels.starts, pixels.counts, strict=True)]
    counts = np.array([len(group) for group in chosen])
    flat = np.concatenate(chosen)
    starts = np.cumsum(counts) - counts
    return replace(pixels, offset=pixels.offset[flat], log_target=pixels.log_target[flat], starts=starts, counts=counts)


def _evaluate(pixels: _Pixels, log_gap: float) -> _At:
    """Return the objective and its first two derivatives by p, over all pixels."""
    one_group = len(pixels.starts) == 1

    def means(values: Float[ndarray, "n"]) -> Float[ndarray, "g"]:
        return np.add.reduceat(values, pixels.starts) / pixels.counts

    def mean_products(left: Float[ndarray, "n"], right: Float[ndarray, "n"]) -> Float[ndarray, "g"]:
        # One dot product needs no array of products: half the time of the whole evaluation.
        return np.array([left @ right]) / pixels.counts if one_group else means(left * right)

    def centre(values: Float[ndarray, "n"], at: Float[ndarray, "g"]) -> None:
        values -= at[0] if one_group else np.repeat(at, pixels.counts)

    gap = np.exp(log_gap)
    distance = pixels.offset + gap
    g = gap / distance
    a = np.log(distance, out=distance)
    a += pixels.log_target
    mean_a, mean_g = means(a), means(g)
    h = g * g
    np.subtract(g, h, out=h)
    mean_h = means(h)
    centre(a, mean_a)
    centre(g, mean_g)
    spread_a, spread_g = mean_a - mean_a.mean(), mean_g - mean_g.mean()
    middle, middle_g, middle_h = float(mean_a.mean()), float(mean_g.mean()), float(mean_h.mean())
    between, whole = pixels.between, pixels.mean_weight
    return _At(
        log_gap=log_gap,
        value=float(mean_products(a, a).sum() + between * (spread_a @ spread_a) + whole * middle * middle),
        slope=float(2 * (mean_products(a, g).sum() + between * (spread_a @ mean_g) + whole * middle * middle_g)),
        curvature=float(
            2 * (mean_products(g, g) + mean_products(a, h)).sum()
            + 2 * between * (spread_g @ spread_g + spread_a @ mean_h)
            + 2 * whole * (middle_g * middle_g + middle * middle_h)
        ),
        mean=middle,
        mean_slope=middle_g,
        mean_curvature=middle_h,
    )


def _scan(pixels: _Pixels, low: float, high: float) -> list[float]:
    """Return where to start: the local minima of a scan that come within reach of the lowest."""
    thin = _thin(pixels, SCAN_PIXELS)
    grid = np.linspace(low, high, 1 + round(POINTS_A_DECADE * (high - low) / _DECADE))
    a = thin.offset + np.exp(grid)[:, None]
    np.log(a, out=a)
    a += thin.log_target
    centre = a.mean(1, keepdims=True)
    a -= centre
    mean = np.add.reduceat(a, thin.starts, 1) / thin.counts
    a *= a
    within = np.add.reduceat(a, thin.starts, 1) / thin.counts - mean**2
    values = within.sum(1) + thin.between * ((mean - mean.mean(1, keepdims=True)) ** 2).sum(1)
    values += thin.mean_weight * (centre[:, 0] + mean.mean(1)) ** 2
    padded = np.concatenate([[np.inf], values, [np.inf]])
    minima = np.flatnonzero((values <= padded[:-2]) & (values <= padded[2:]))
    # The scan sees a sample: basins that are only a little higher in it may be the lowest on all pixels.
    contenders = minima[values[minima] <= values.min() + 0.05 * (values.max() - values.min())]
    contenders = contenders[np.argsort(values[contenders], kind="stable")][:3]
    return [float(grid[index]) for index in contenders]


def _descend(pixels: _Pixels, start: float, low: float, high: float) -> _At:
    """Return the minimum of the basin of ``start``: found on a sample, then finished on all pixels."""
    sizes = [size for size in (SCAN_PIXELS, 16 * SCAN_PIXELS) if size < len(pixels.offset)]
    for size in sizes:
        start = _newton(_thin(pixels, size), start, low, high).log_gap
    return _newton(pixels, start, low, high)


def _newton(pixels: _Pixels, start: float, low: float, high: float) -> _At:
    """Find where the slope crosses zero upwards, by Newton's method kept inside what is known of the crossing."""
    falling, rising = low, high
    at = _evaluate(pixels, start)
    for _ in range(60):
        if at.slope > 0:
            rising = min(rising, at.log_gap)
        else:
            falling = max(falling, at.log_gap)
        step = -at.slope / at.curvature if at.curvature > 0 else np.inf
        if abs(step) < 1e-5:
            return at.step(step)
        # Where the curvature is no help, go downhill by half the known room, at most by one scale of the objective.
        room = (rising if at.slope <= 0 else falling) - at.log_gap
        if not abs(step) < abs(room) or step * room < 0:
            step = room if abs(room) < 1e-9 else room / 2
        if abs(step) < 1e-9:
            return at
        at = _evaluate(pixels, at.log_gap + float(np.clip(step, -1, 1)))
    return at
