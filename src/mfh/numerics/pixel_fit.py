"""The paper's head under each of its losses (Table 5) and with each set of free parameters (Table 4), always exact.

The authors compare s·D + t with the metres it stands for in the head's own space: v = 1 / depth in disparity space,
v = depth in depth space. SIlog and MSE-log are of the logarithms (``silog_fit``), L2 is linear regression, and L1 a
convex function of the scale alone once the best shift for each scale, a median, is put in.
"""

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from mfh.config import FreeParameters, HeadConfig
from mfh.errors import Rejected
from mfh.numerics.silog_fit import SilogMinimum, fit_silog
from mfh.types import Space

_HALVINGS = 200
"""More than enough to bring any bracket of a float64 scale down to rounding."""


def fit_pixels(
    relative: Float[ndarray, "n"],
    depth_m: Float[ndarray, "n"],
    image: Int[ndarray, "n"],
    *,
    space: Space,
    config: HeadConfig,
) -> SilogMinimum | Rejected:
    """Return the global minimum of a head's loss over what may move.

    MSE-log is SIlog with lambda = 0 over all pixels as one image: with both parameters free the mean is zero at the
    minimum, and the two have the very same scale and shift.

    Args:
        relative: (n,) relative depth, aligned to the photo's.
        depth_m: (n,) metres there, positive.
        image: (n,) which image each pixel comes from.
        space: the space of the relative depth.
        config: the loss, and what may move.

    Returns:
        The minimum, or why there is none.

    Reference:
        Tables 4 and 5 of the paper.
    """
    if config.loss == "silog":
        form, focus = config.silog_form, config.variance_focus
        return fit_silog(relative, depth_m, image, space=space, form=form, variance_focus=focus, free=config.free)
    if config.loss == "mse-log":
        one = np.zeros(len(relative), int)
        return fit_silog(
            relative, depth_m, one, space=space, form="per-image-sum", variance_focus=0.0, free=config.free
        )
    if len(relative) == 0:
        return Rejected("no pixel of any person has a depth")
    x = relative.astype(np.float64)
    value = 1 / depth_m.astype(np.float64) if space == "disparity" else depth_m.astype(np.float64)
    if config.free != "shift" and np.ptp(x) <= 1e-9 * max(float(np.abs(x).max()), 1e-300):
        return Rejected("the relative depth is the same at every pixel of every person")
    scale, shift = (
        _least_squares(x, value, config.free) if config.loss == "l2" else _least_absolute(x, value, config.free)
    )
    if not scale > 0:
        return Rejected(f"the best scale is {scale:.3g}: near and far would be swapped")
    off = scale * x + shift - value
    loss = np.mean(off**2) if config.loss == "l2" else np.mean(np.abs(off))
    return SilogMinimum(scale, shift, float(loss), at_infinity=False)


def _least_squares(x: Float[ndarray, "n"], value: Float[ndarray, "n"], free: FreeParameters) -> tuple[float, float]:
    """Return the scale and shift of linear regression."""
    if free == "shift":
        return 1.0, float(np.mean(value - x))
    if free == "scale":
        return float(x @ value / (x @ x)), 0.0
    centred = x - x.mean()
    scale = float(centred @ value / (centred @ centred))
    return scale, float(value.mean() - scale * x.mean())


def _least_absolute(x: Float[ndarray, "n"], value: Float[ndarray, "n"], free: FreeParameters) -> tuple[float, float]:
    """Return the scale and shift of least absolute deviations."""
    if free == "shift":
        return 1.0, float(np.median(value - x))
    if free == "scale":
        # |s·x - v| is |x|·|s - v/x|: a weighted median of the ratios.
        used = x != 0
        ratio, weight = value[used] / x[used], np.abs(x[used])
        order = np.argsort(ratio, kind="stable")
        total = np.cumsum(weight[order])
        return float(ratio[order][np.searchsorted(total, total[-1] / 2)]), 0.0
    scale = _slope_of_least_absolute(x, value)
    return scale, float(np.median(value - scale * x))


def _slope_of_least_absolute(x: Float[ndarray, "n"], value: Float[ndarray, "n"]) -> float:
    """Return the scale at which the profile f(s) = min over t of the sum of |v - s·x - t|, convex, turns upwards."""
    # A common offset of x changes only the shift, and large ones would cost digits.
    x = x - x.mean()
    middle = _least_squares(x, value, "scale-shift")[0]
    step = max(abs(middle), float(np.ptp(value)) / float(np.ptp(x)), 1e-300) / 4
    low, high = middle - step, middle + step
    while _derivative(x, value, low) > 0:
        low, high, step = low - 2 * step, low, 2 * step
    while _derivative(x, value, high) < 0:
        low, high, step = high, high + 2 * step, 2 * step
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if not low < middle < high or high - low <= 1e-15 * max(abs(low), abs(high)):
            break
        if _derivative(x, value, middle) > 0:
            high = middle
        else:
            low = middle
    return (low + high) / 2


def _derivative(x: Float[ndarray, "n"], value: Float[ndarray, "n"], scale: float) -> float:
    """Return a subgradient of the profile at a scale."""
    off = value - scale * x
    off -= np.median(off)
    sign = np.sign(off)
    # Pixels exactly on the line take whatever sign balances the others, which is what makes the shift the best one.
    on_line = x[sign == 0]
    balance = float(sign.sum()) * float(on_line.mean()) if on_line.size else 0.0
    return balance - float(sign @ x)
