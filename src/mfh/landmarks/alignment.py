"""Alignment: a painting's relative depth brought onto the photo's, outside the paint mask (Eqs. 6, 7)."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Shaped
from numpy import ndarray

from mfh.errors import InputError, Rejected


@dataclass(frozen=True)
class Alignment:
    """Scale and shift s_n, t_n from a painting's relative depth to the photo's (Eq. 6).

    Attributes:
        scale: s_n > 0.
        shift: t_n, in units of the photo's relative depth.
        misfit: share of the variance of the photo's relative depth, where nothing was painted, left unexplained.
    """

    scale: float
    shift: float
    misfit: float = 0.0

    def apply(self, relative: Shaped[ndarray, "*shape"]) -> Float[ndarray, "*shape"]:
        """Return s_n · relative + t_n in float64."""
        return self.scale * relative.astype(np.float64) + self.shift


def align_paintings(
    painted: Float[ndarray, "n h w"], photo: Float[ndarray, "h w"], paint_masks: Bool[ndarray, "n h w"]
) -> list[Alignment | Rejected]:
    """Fit s_n, t_n minimising the squared error of s_n·painted_n + t_n against the photo where nothing was painted.

    Closed form: the normal equations of Eq. 7 in float64, with both sides centred on their means first, so that they
    stay well conditioned where the mean is large beside the variation.

    Args:
        painted: (n, h, w) relative depth of the paintings.
        photo: (h, w) relative depth of the photo.
        paint_masks: (n, h, w) True where each was painted.

    Returns:
        One alignment per painting, or why it was rejected: nothing unpainted, values that are not finite, a constant
        map, or a scale that is not positive (near and far would be swapped).

    Raises:
        InputError: for a photo's map with values that are not finite.

    Reference:
        Eq. 7 of the paper.
    """
    if not np.isfinite(photo).all():
        raise InputError("the photo's relative depth has values that are not finite: expected finite values everywhere")
    return [
        _aligned(one[~paint_mask], photo[~paint_mask]) for one, paint_mask in zip(painted, paint_masks, strict=True)
    ]


def _aligned(painted: Float[ndarray, "p"], photo: Float[ndarray, "p"]) -> Alignment | Rejected:
    """Fit one painting where nothing was painted."""
    if not len(painted):
        return Rejected("nothing was left unpainted to align it by")
    if not np.isfinite(painted).all():
        return Rejected("its relative depth has values that are not finite")
    x, y = painted.astype(np.float64), photo.astype(np.float64)
    mean_x, mean_y = float(x.mean()), float(y.mean())
    x -= mean_x
    y -= mean_y
    # Not by BLAS, whose sums depend on the number of threads.
    variance, covariance, variance_y = (float(np.einsum("p,p->", *pair)) / len(x) for pair in ((x, x), (x, y), (y, y)))
    if variance <= (1e-9 * mean_x) ** 2:
        return Rejected("its relative depth is constant outside the paint mask")
    if covariance <= 0:
        return Rejected("its background runs against the photo's: the scale would not be positive")
    scale = covariance / variance
    misfit = 1 - covariance**2 / variance / max(variance_y, 1e-300)
    return Alignment(scale, mean_y - scale * mean_x, min(max(misfit, 0.0), 1.0))
