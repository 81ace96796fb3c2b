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

    Closed form, all paintings at once: the normal equations of Eq. 7 in float64, with both sides centred on their
    means first, so that they stay well conditioned where the mean is large beside the variation.

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
    unpainted = ~paint_masks
    count = np.maximum(unpainted.sum((1, 2)), 1)
    x, y = painted.astype(np.float64), photo.astype(np.float64)
    finite = np.all(np.isfinite(np.where(unpainted, x, 0.0)), axis=(1, 2))
    mean_x = x.sum((1, 2), where=unpainted) / count
    mean_y = np.broadcast_to(y, x.shape).sum((1, 2), where=unpainted) / count
    centred = np.where(unpainted, x - mean_x[:, None, None], 0.0)
    variance = np.einsum("nhw,nhw->n", centred, centred) / count
    # `centred` sums to zero, so any constant may be taken off y; the photo's mean keeps the products small.
    covariance = np.einsum("nhw,hw->n", centred, y - y.mean()) / count
    variance_y = np.broadcast_to((y - y.mean()) ** 2, x.shape).sum((1, 2), where=unpainted) / count
    variance_y -= (mean_y - y.mean()) ** 2
    results: list[Alignment | Rejected] = []
    for n in range(len(painted)):
        if not unpainted[n].any():
            results.append(Rejected("nothing was left unpainted to align it by"))
        elif not finite[n]:
            results.append(Rejected("its relative depth has values that are not finite"))
        elif variance[n] <= (1e-9 * mean_x[n]) ** 2:
            results.append(Rejected("its relative depth is constant outside the paint mask"))
        elif covariance[n] <= 0:
            results.append(Rejected("its background runs against the photo's: the scale would not be positive"))
        else:
            scale = float(covariance[n] / variance[n])
            misfit = 1 - float(covariance[n] ** 2 / variance[n] / max(variance_y[n], 1e-300))
            results.append(Alignment(scale, float(mean_y[n]) - scale * float(mean_x[n]), min(max(misfit, 0.0), 1.0)))
    return results
