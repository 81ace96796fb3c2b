"""What to paint where: the random prompts of Eq. 3 and App. B, each decided by its painting's seed alone."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool
from numpy import ndarray

from mfh.config import PaintingConfig
from mfh.errors import InputError

PERSON_ASPECT = (0.35, 0.55)
"""Width over height of a box around a standing person with room to move the arms."""
PERSON_HEIGHT = (0.3, 0.95)
"""Height of a person box over the image height: from across a room to head-to-toe close."""
PERSON_FEET_ROW = (0.7, 1.0)
"""Lower edge of a person box over the image height: people stand on the lower part of a picture."""


@dataclass(frozen=True)
class PaintingPlan:
    """Everything that decides painting n, derived from (seed, n) alone.

    Attributes:
        paint_mask: (h, w) True where to paint.
        prompt: what to paint.
        seed: the painter's seed.
    """

    paint_mask: Bool[ndarray, "h w"]
    prompt: str
    seed: int


def plan_painting(n: int, *, seed: int, height: int, width: int, config: PaintingConfig) -> PaintingPlan:
    """Draw the mask, the prompt and the seed of painting n (Eq. 3).

    Args:
        n: index of the painting, 0 or more.
        seed: seed of the whole painting loop, 0 or more.
        height: image height in pixels.
        width: image width in pixels.
        config: shape and size of the masks, and the prompts to draw from.

    Returns:
        The plan, the same whatever other paintings there are.

    Raises:
        InputError: for a negative seed.
    """
    own_seed = painting_seed(seed, n)
    if config.mask_shape == "strip":
        paint_mask = strip_paint_mask(
            own_seed, height=height, width=width, min_width=config.min_width, max_width=config.max_width
        )
    else:
        paint_mask = person_paint_mask(own_seed, height=height, width=width)
    # A stream of its own: the prompt must not depend on how many numbers the mask took.
    prompt = config.prompts[int(np.random.default_rng((own_seed, 1)).integers(len(config.prompts)))]
    return PaintingPlan(paint_mask, prompt, own_seed)


def painting_seed(seed: int, n: int) -> int:
    """Return the seed of painting n, a function of (seed, n) alone.

    Args:
        seed: seed of the whole painting loop, 0 or more.
        n: index of the painting, 0 or more.

    Returns:
        An integer in [0, 2^32), well mixed: neighbouring n share nothing.

    Raises:
        InputError: for a negative seed.
    """
    if seed < 0:
        raise InputError(f"seed is {seed}: expected 0 or more")
    return int(np.random.SeedSequence((seed, n)).generate_state(1)[0])


def strip_paint_mask(
    seed: int, *, height: int, width: int, min_width: float = 0.2, max_width: float = 0.8
) -> Bool[ndarray, "h w"]:
    """Draw a full-height strip: width uniform in [alpha·min(H, W), beta·min(H, W)], centre uniform with it inside.

    Args:
        seed: the painting's seed.
        height: image height in pixels.
        width: image width in pixels.
        min_width: alpha, over min(height, width).
        max_width: beta, over min(height, width).

    Returns:
        (h, w) True where to paint; always smaller than an image of two columns or more.

    Reference:
        App. B and Table 7 of the paper (alpha = 0.2, beta = 0.8).
    """
    rng = np.random.default_rng(seed)
    strip = rng.uniform(min_width, max_width) * min(height, width)
    # "Rectangles smaller than the whole image": the alignment (Eq. 7) needs something left unpainted.
    columns = int(np.clip(round(strip), 1, max(width - 1, 1)))
    left = int(rng.integers(0, width - columns + 1))
    paint_mask = np.zeros((height, width), bool)
    paint_mask[:, left : left + columns] = True
    return paint_mask


def person_paint_mask(seed: int, *, height: int, width: int) -> Bool[ndarray, "h w"]:
    """Draw a person-shaped box that stands on the lower part of the image.

    Height, aspect and the row of the feet are uniform in PERSON_HEIGHT, PERSON_ASPECT and PERSON_FEET_ROW; the centre
    is uniform such that the box lies inside. A box that would rise above the image is cut at its top.

    Args:
        seed: the painting's seed.
        height: image height in pixels.
        width: image width in pixels.

    Returns:
        (h, w) True where to paint; never the whole width of an image of two columns or more.
    """
    rng = np.random.default_rng(seed)
    box_height = rng.uniform(*PERSON_HEIGHT) * height
    columns = int(np.clip(round(box_height * rng.uniform(*PERSON_ASPECT)), 1, max(width - 1, 1)))
    bottom = max(round(rng.uniform(*PERSON_FEET_ROW) * height), 1)
    top = min(max(round(bottom - box_height), 0), bottom - 1)
    left = int(rng.integers(0, width - columns + 1))
    paint_mask = np.zeros((height, width), bool)
    paint_mask[top:bottom, left : left + columns] = True
    return paint_mask
