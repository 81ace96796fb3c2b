"""Models that answer at once, in the place of the package's: a floor, and one person who stands on it.

They come in by the registry, where anybody adds a model; the pipeline, the command and every reader are the real ones.
"""

from collections.abc import Sequence

import numpy as np

_FACES = np.array(
    [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1], [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4]]
    + [[1, 5, 7], [1, 7, 3]]
)
_HEIGHT_SHARE, _STATURE_M = 0.6, 1.7


def take_their_place() -> None:
    """Answer for the package's models from now on, in this process."""
    from mfh.models.registry import REGISTRY, Entry

    here = Entry(f"{__name__}:TinyWorld", "")
    REGISTRY["relative_depth"]["pocket"] = here
    REGISTRY["person_segmenter"]["blazepose"] = here
    REGISTRY["human_mesh"]["blazepose"] = here
    REGISTRY["painter"]["sprite"] = here


class TinyWorld:
    """Every role; what it says depends on the size of the photo alone."""

    name, provenance = "tiny", "it was made up"
    shape_log_sigma, shared_log_sigma, min_score = 0.1, 0.05, 0.0

    def predict(self, photos: Sequence[np.ndarray]) -> list:
        """Return disparity that grows downwards."""
        from mfh.types import RelativeDepth

        def slope(rgb: np.ndarray) -> np.ndarray:
            height, width = rgb.shape[:2]
            return np.repeat(np.linspace(0.2, 1.8, height, dtype=np.float32)[:, None], width, axis=1)

        return [RelativeDepth(slope(rgb), "disparity") for rgb in photos]

    def segment(self, photos: Sequence[np.ndarray], regions: object = None) -> list:
        """Find one person in the middle of every photo."""
        from mfh.types import Person

        people = []
        for rgb in photos:
            height, width = rgb.shape[:2]
            box = np.array([0.4 * width, 0.3 * height, 0.6 * width, (0.3 + _HEIGHT_SHARE) * height])
            left, top, right, bottom = (int(side) for side in box)
            mask = np.zeros((height, width), bool)
            mask[top : bottom + 1, left : right + 1] = True
            people.append([Person(box, mask, score=0.9)])
        return people

    def measure(self, photo: np.ndarray, people: Sequence, camera) -> list:
        """Measure everybody as 1.7 m tall."""
        from mfh.types import HumanMesh

        meshes = []
        for person in people:
            left, top, right, bottom = person.box_xyxy
            z = camera.fy * _STATURE_M / (bottom - top)
            x, y = ((left + right) / 2 - camera.cx) * z / camera.fx, (bottom - camera.cy) * z / camera.fy
            half = (right - left) / 2 * z / camera.fx
            corners = [[a, b, c] for a in (-half, half) for b in (-_STATURE_M, 0.0) for c in (-0.1, 0.1)]
            vertices = np.array(corners) + np.array([x, y, z + 0.1])
            meshes.append(HumanMesh(vertices, _FACES, "tiny", stature_m=_STATURE_M))
        return meshes

    def paint(self, photo: np.ndarray, paint_masks: Sequence, prompts: Sequence, seeds: Sequence) -> list:
        """Paint a grey figure where the mask is widest."""
        from mfh.types import PaintedPhoto, PastedSprite

        painted = []
        for mask, prompt, seed in zip(paint_masks, prompts, seeds, strict=True):
            rng = np.random.default_rng(abs(int(seed)))
            rows, columns = np.nonzero(mask)
            tall = max(8, int(0.5 * (rows.max() - rows.min() + 1)))
            foot, middle = int(rows.max()), int(rng.choice(columns))
            shown = np.zeros(mask.shape, bool)
            shown[max(0, foot - tall) : foot + 1, max(0, middle - tall // 6) : middle + tall // 6 + 1] = True
            shown &= mask
            rgb = np.where(shown[..., None], np.float32(0.5), photo).astype(np.float32)
            figure = PastedSprite(
                shown, (float(middle), float(foot)), tall / _STATURE_M, _STATURE_M, log_size_sigma=0.1
            )
            painted.append(PaintedPhoto(rgb, shown, prompt, seed, figure))
        return painted
