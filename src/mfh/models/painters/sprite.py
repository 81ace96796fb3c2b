"""The sprite painter: samples a foot point and a size from a learned prior, and pastes a rendered person there.

Offline, on any CPU, a tenth of a second per painting. Prior and sprites come from the rendered pocket world, and so do
the sizes of its people.
"""

import math
import re
from collections.abc import Sequence

import numpy as np

from mfh.errors import Rejected
from mfh.models.painters.blending import PhotoLook, look_of
from mfh.models.painters.pasting import SPRITES, Sprite, composite, load_sprites
from mfh.models.painters.person_prior import PersonPrior
from mfh.models.protocols import PaintMask, Rgb
from mfh.models.relative_depth.pocket import PocketRelativeDepth
from mfh.models.scene_kind import SceneClassifier, SceneKind
from mfh.types import PaintedPhoto, PastedSprite, RelativeDepth
from mfh.weights import check_embedded

# The systematic error of the sizes in one photo is this share of the prior's standard deviation. From
# real photos with sensor depth: see docs/reference/pocket_painter_card.md, also for the following.
_SHARED = 0.6
# No person is painted into a photo with these scores of a distant view or a close-up, which no photo of a room or a
# street with sensor depth reaches.
_FAR, _NEAR = 0.65, 0.7
# The systematic error beyond that: in any photo, per unit of the close-up score, and growing with the score of a
# distant view from here to its limit.
_REAL_LOG_SIGMA, _NEAR_LOG_SIGMA = 0.1, 1.2
_RATHER_FAR, _FAR_LOG_SIGMA = 0.55, 2.0
# Adults only: the mesh model assumes the stature of adults, and the prompts ask for adults.
_ADULT_M = 1.45
_WOMAN = re.compile(r"\b(woman|lady)\b", re.IGNORECASE)
_MAN = re.compile(r"\b(man|gentleman)\b", re.IGNORECASE)


class SpritePainter:
    """Painter that samples from P(foot point, size | photo without the mask) and pastes a sprite there."""

    name = "sprite"
    # At the typical standard deviation of the prior.
    shared_log_sigma = 0.36
    provenance = (
        "the painter learned in a rendered world (the pocket world), and from things of known size in photos, how "
        "large people are in photos: this scale is only as good as those resemble the photo"
    )

    def __init__(self) -> None:
        """Load the prior, relative depth for occlusion, and the classifier of photos; sprites with the first painting.

        Raises:
            WeightsError: where a file is missing.
        """
        check_embedded(SPRITES, "sprites")
        self._prior = PersonPrior()
        self._relative_depth = PocketRelativeDepth()
        self._classifier = SceneClassifier()
        self._seen: tuple[Rgb, RelativeDepth, SceneKind, PhotoLook] | None = None

    def refuses(self, photo: Rgb) -> Rejected | None:
        """Refuse distant views and close-ups, in which the prior predicts sizes as in a room."""
        return refusal(self._classifier.predict(photo))

    def paint(
        self, photo: Rgb, paint_masks: Sequence[PaintMask], prompts: Sequence[str], seeds: Sequence[int]
    ) -> list[PaintedPhoto]:
        """Paint one person per mask.

        The returned paint mask holds the changed pixels: a subset of the requested one, empty where no person could
        stand. Outside it the photo is unchanged bit for bit. A painting depends on its own mask, prompt and seed alone.
        """
        relative, kind, look = self._look(photo)
        painted = []
        for paint_mask, prompt, seed in zip(paint_masks, prompts, seeds, strict=True):
            rng = np.random.default_rng(seed)
            sample = self._prior.predict(photo, paint_mask).sample(paint_mask, rng)
            if sample is None:
                painted.append(PaintedPhoto(photo, np.zeros_like(paint_mask), prompt, seed))
                continue
            sprite = choose_sprite(load_sprites(), prompt, rng)
            picture = composite(
                photo,
                sprite,
                foot_xy_px=sample.foot_xy_px,
                px_per_m=sample.px_per_m,
                relative=relative.values,
                allowed_mask=paint_mask,
                rng=rng,
                look=look,
            )
            pasted = PastedSprite(
                picture.sprite_mask,
                sample.foot_xy_px,
                sample.px_per_m,
                sprite.stature_m,
                sample.log_size_sigma,
                math.hypot(_SHARED * sample.log_size_sigma, real_log_sigma(kind)),
            )
            painted.append(PaintedPhoto(picture.rgb, picture.changed_mask, prompt, seed, pasted))
        return painted

    def _look(self, photo: Rgb) -> tuple[RelativeDepth, SceneKind, PhotoLook]:
        """Return relative depth, kind and look of the photo, cached: one photo is painted into many times."""
        # Read once: another thread may replace it meanwhile.
        seen = self._seen
        if seen is None or seen[0] is not photo:
            (relative,) = self._relative_depth.predict([photo])
            self._seen = seen = photo, relative, self._classifier.predict(photo), look_of(photo)
        return seen[1:]


def refusal(kind: SceneKind) -> Rejected | None:
    """Return why no person is painted into a photo of this kind; None for an ordinary one."""
    if kind.far >= _FAR:
        return Rejected("a view from far away (aerial, skyline, landscape, tower)")
    if kind.near >= _NEAR:
        return Rejected("a close-up")
    return None


def real_log_sigma(kind: SceneKind) -> float:
    """Return the systematic error that a real photo adds to all painted sizes: one standard deviation of the log."""
    near = _NEAR_LOG_SIGMA * max(0.0, kind.near)
    far = _FAR_LOG_SIGMA * float(np.clip((kind.far - _RATHER_FAR) / (_FAR - _RATHER_FAR), 0, 1))
    return math.hypot(_REAL_LOG_SIGMA, near, far)


def choose_sprite(sprites: Sequence[Sprite], prompt: str, rng: np.random.Generator) -> Sprite:
    """Sample an adult that matches the prompt: a woman, a man, or either where it names neither or both."""
    woman, man = bool(_WOMAN.search(prompt)), bool(_MAN.search(prompt))
    adults = [one for one in sprites if one.stature_m >= _ADULT_M]
    fitting = [one for one in adults if woman == man or one.female == woman]
    return fitting[int(rng.integers(len(fitting)))]
