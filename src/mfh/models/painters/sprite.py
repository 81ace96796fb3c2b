"""The sprite painter: a learned prior says where a person could stand and how large; a rendered sprite is put there.

Offline, on any CPU, a tenth of a second a painting. Prior and sprites come from the rendered pocket world, and so does
the painter's sense of human size.
"""

import math
import re
from collections.abc import Sequence

import numpy as np

from mfh.errors import Rejected
from mfh.models.painters.pasting import Sprite, composite, load_sprites
from mfh.models.painters.person_prior import PersonPrior
from mfh.models.protocols import PaintMask, Rgb
from mfh.models.relative_depth.pocket import PocketRelativeDepth
from mfh.models.scene_kind import SceneJudge, SceneKind
from mfh.types import PaintedPhoto, PastedSprite, RelativeDepth

# Sizes in one photo are off alike, and farther where the prior itself is less sure: by this power of its own deviation,
# here relative to a usual one. From held-out renders and validation scenes: see docs/pocket-painter-card.md.
_USUAL_SIGMA, _SHARED_POWER = 0.2, 1.5
# Where a photo looks this much like a view from far away, or like a close-up, nobody is painted: no photo of a room or
# a street with sensor depth does. See docs/pocket-painter-card.md, as for what follows.
_FAR, _NEAR = 0.65, 0.7
# What real photos add to the error that all sizes in one share: in any photo, times how much it looks like a close-up,
# and from this much of a view from far away up to where it is refused.
_REAL_LOG_SIGMA, _NEAR_LOG_SIGMA = 0.15, 1.2
_RATHER_FAR, _FAR_LOG_SIGMA = 0.55, 2.0
# The people model takes children for adults, and prompts ask for adults.
_ADULT_M = 1.45
_WOMAN = re.compile(r"\b(woman|lady)\b", re.IGNORECASE)
_MAN = re.compile(r"\b(man|gentleman)\b", re.IGNORECASE)


class SpritePainter:
    """Paints by drawing from P(foot point, size | photo without the mask) and standing a sprite there."""

    name = "sprite"
    # Where the prior is as sure as usual; from validation scenes, as above.
    shared_log_sigma = 0.18
    provenance = (
        "the painter learned in a rendered world (the pocket world) how large people are in photos: "
        "this scale is only as good as that world resembles the photo"
    )

    def __init__(self) -> None:
        """Load the prior, the sprites, relative depth to know what stands in front of them, and the judge of photos.

        Raises:
            WeightsError: when a weight file is missing.
        """
        self._prior = PersonPrior()
        self._sprites = load_sprites()
        self._relative_depth = PocketRelativeDepth()
        self._judge = SceneJudge()
        self._seen: tuple[Rgb, RelativeDepth, SceneKind] | None = None

    def refuses(self, photo: Rgb) -> Rejected | None:
        """Refuse views from far away and close-ups: the network would take them for a room and see people's sizes."""
        return refusal(self._judge.look(photo))

    def paint(
        self, photo: Rgb, paint_masks: Sequence[PaintMask], prompts: Sequence[str], seeds: Sequence[int]
    ) -> list[PaintedPhoto]:
        """Paint one person per mask.

        The paint mask that comes back is just what was touched: part of the one asked for, and empty where nobody
        could stand. Outside it the photo comes back bit for bit. A painting depends on its own mask, prompt and seed
        alone.
        """
        relative, kind = self._look(photo)
        painted = []
        for paint_mask, prompt, seed in zip(paint_masks, prompts, seeds, strict=True):
            rng = np.random.default_rng(seed)
            stand = self._prior.look(photo, paint_mask).draw(paint_mask, rng)
            if stand is None:
                painted.append(PaintedPhoto(photo, np.zeros_like(paint_mask), prompt, seed))
                continue
            sprite = choose_sprite(self._sprites, prompt, rng)
            picture = composite(
                photo,
                sprite,
                foot_xy_px=stand.foot_xy_px,
                px_per_m=stand.px_per_m,
                relative=relative.values,
                allowed_mask=paint_mask,
                rng=rng,
            )
            pasted = PastedSprite(
                picture.sprite_mask,
                stand.foot_xy_px,
                stand.px_per_m,
                sprite.stature_m,
                stand.log_size_sigma,
                math.hypot(
                    self.shared_log_sigma * (stand.log_size_sigma / _USUAL_SIGMA) ** _SHARED_POWER,
                    real_log_sigma(kind),
                ),
            )
            painted.append(PaintedPhoto(picture.rgb, picture.changed_mask, prompt, seed, pasted))
        return painted

    def _look(self, photo: Rgb) -> tuple[RelativeDepth, SceneKind]:
        """Return the relative depth and the kind of the photo: one is painted into many times over."""
        # Read once: another thread may paint into another photo meanwhile.
        seen = self._seen
        if seen is None or seen[0] is not photo:
            self._seen = seen = photo, self._relative_depth.predict([photo])[0], self._judge.look(photo)
        return seen[1:]


def refusal(kind: SceneKind) -> Rejected | None:
    """Say why nobody is painted into a photo of some kind; None where somebody is."""
    if kind.far >= _FAR:
        return Rejected("a view from far away (aerial, skyline, landscape, tower)")
    if kind.near >= _NEAR:
        return Rejected("a close-up")
    return None


def real_log_sigma(kind: SceneKind) -> float:
    """Return what a real photo adds to the error that all painted sizes in it share, one-sigma of the log."""
    near = _NEAR_LOG_SIGMA * max(0.0, kind.near)
    far = _FAR_LOG_SIGMA * float(np.clip((kind.far - _RATHER_FAR) / (_FAR - _RATHER_FAR), 0, 1))
    return math.hypot(_REAL_LOG_SIGMA, near, far)


def choose_sprite(sprites: Sequence[Sprite], prompt: str, rng: np.random.Generator) -> Sprite:
    """Draw an adult who fits the prompt: a woman, a man, or either where it names neither or both."""
    woman, man = bool(_WOMAN.search(prompt)), bool(_MAN.search(prompt))
    adults = [one for one in sprites if one.stature_m >= _ADULT_M]
    fitting = [one for one in adults if woman == man or one.female == woman]
    return fitting[int(rng.integers(len(fitting)))]
