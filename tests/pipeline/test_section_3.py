"""Section 3 of the paper, equation by equation, against an implementation that shares no code with the package.

The world is tiny and its models are simulated: relative depth is bent, sizes of people are wrong, one of them is three
metres tall, and people hide each other. The preset is ``paper``'s but for the models. The straight lines below use
numpy, scipy and the paper's formulas alone; bodies are ray-traced where the package rasterizes.
"""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from scipy.ndimage import minimum_filter
from scipy.optimize import minimize

from mfh.config import HeadConfig, PaintingConfig, preset
from mfh.types import Camera, HumanMesh, PaintedPhoto, RelativeDepth
from tests.toy_world import LEFT_NEAR, MIDDLE, OraclePainter, OraclePeople, bodies_in, depth_in, pipeline, render

PAINTINGS = 5
GIANT = MIDDLE


@dataclass
class BentRelativeDepth:
    """The truth, bent by waves that differ from picture to picture, under an affine map that does too."""

    space: str
    name: str = "bent"
    shape_log_sigma: float = 0.0
    keeps_sky: bool = True

    def predict(self, photos):
        return [RelativeDepth(self.of(rgb).astype(np.float32), self.space) for rgb in photos]

    def of(self, rgb: np.ndarray) -> np.ndarray:
        rng = np.random.default_rng(int(rgb[..., 1].astype(float).sum() * 1e4))
        rows, columns = np.indices(rgb.shape[:2])
        waves = 1 + 0.05 * np.sin(rows / 9 + rng.uniform(0, 6)) * np.sin(columns / 7 + rng.uniform(0, 6))
        exact = depth_in(rgb) * waves
        exact = 1 / exact if self.space == "disparity" else exact
        return (exact - rng.uniform(-1, 0.05)) / rng.uniform(0.2, 3)


@dataclass
class WrongPeople(OraclePeople):
    """Sizes are wrong by a factor of each person, and one person is three metres tall."""

    error: dict[int, float] = field(default_factory=lambda: {place: 0.8 + 0.02 * place for place in range(30)})

    def measure(self, photo, people, camera: Camera) -> list[HumanMesh | None]:
        meshes = super().measure(photo, people, camera)
        places = [int(np.median(bodies_in(photo)[one.instance_mask])) for one in people]
        return [
            replace(mesh, stature_m=3.0) if mesh is not None and place == GIANT else mesh
            for mesh, place in zip(meshes, places, strict=True)
        ]


@dataclass
class RecordingPainter(OraclePainter):
    """Keeps what it paints."""

    paintings: list[PaintedPhoto] = field(default_factory=list)
    prompts: list[str] = field(default_factory=list)

    def paint(self, photo, paint_masks, prompts, seeds):
        painted = super().paint(photo, paint_masks, prompts, seeds)
        self.paintings += painted
        self.prompts += prompts
        return painted


def rays(camera: Camera) -> np.ndarray:
    rows, columns = np.indices((camera.height, camera.width))
    return np.stack([(columns - camera.cx) / camera.fx, (rows - camera.cy) / camera.fy, np.ones(rows.shape)], -1)


def traced_depth(mesh: HumanMesh, camera: Camera) -> np.ndarray:
    """D of Eq. 4: z of the nearest triangle on the ray of each pixel; inf off the silhouette S."""
    nearest = np.full((camera.height, camera.width), np.inf)
    for a, b, c in mesh.vertices_m[mesh.faces]:
        across, down = b - a, c - a
        normal = np.cross(across, down)
        towards = rays(camera) @ normal
        with np.errstate(divide="ignore", invalid="ignore"):
            z = (a @ normal) / towards
            point = z[..., None] * rays(camera) - a
            u = np.einsum("hwi,i->hw", np.cross(point, down), normal) / (normal @ normal)
            v = np.einsum("hwi,i->hw", np.cross(across, point), normal) / (normal @ normal)
        hit = (u >= 0) & (v >= 0) & (u + v <= 1) & (z > 0)
        nearest = np.where(hit, np.minimum(nearest, z), nearest)
    return nearest


def pseudo_ground_truth(rgb: np.ndarray, people: OraclePeople, camera: Camera) -> np.ndarray:
    """Eq. 4: the least, over people, of erode(M and S) times D; inf where there is no person."""
    (found,) = people.segment([rgb])
    truth = np.full(rgb.shape[:2], np.inf)
    for person, mesh in zip(found, people.measure(rgb, found, camera), strict=True):
        depth = traced_depth(mesh, camera)
        inside = minimum_filter(person.instance_mask & np.isfinite(depth), 3, mode="constant", cval=0)
        truth = np.minimum(truth, np.where(inside, depth, np.inf))
    return truth


def aligned(painted: np.ndarray, photo: np.ndarray, paint_mask: np.ndarray) -> np.ndarray:
    """Eqs. 6 and 7: s_n and t_n by least squares where nothing was painted."""
    x = painted[~paint_mask]
    (scale, shift), *_ = np.linalg.lstsq(np.stack([x, np.ones_like(x)], 1), photo[~paint_mask], rcond=None)
    assert scale > 0
    return scale * painted + shift


def metric_head(images: list[tuple[np.ndarray, np.ndarray]], space: str, form: str) -> tuple[float, float]:
    """Eqs. 5 and 8, or ZoeDepth's form over all pixels pooled, by L-BFGS over log s and t / s from several starts."""
    least = min(x.min() for x, _ in images)

    def scale_and_shift(p):
        scale = np.exp(p[0])
        return scale, scale * (np.exp(p[1]) - least)

    def loss(p):
        scale, shift = scale_and_shift(p)
        sign = -1 if space == "disparity" else 1
        d = [sign * np.log(scale * x + shift) - np.log(y) for x, y in images]
        if form == "pooled":
            pooled = np.concatenate(d)
            return pooled.var(ddof=1) + 0.15 * pooled.mean() ** 2
        return sum((one**2).mean() - 0.85 * one.mean() ** 2 for one in d)

    starts = [(a, b) for a in (-2.0, 0.0, 2.0) for b in (-3.0, -1.0, 1.0)]
    found = [minimize(loss, start, method="L-BFGS-B", options={"ftol": 1e-15, "gtol": 1e-10}) for start in starts]
    best = min(found, key=lambda one: one.fun)
    return scale_and_shift(minimize(loss, best.x, method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-15}).x)


@pytest.mark.parametrize("form", ["pooled", "per-image-sum"])
@pytest.mark.parametrize("space", ["disparity", "depth"])
@pytest.mark.parametrize("places", [[], [4, 13]], ids=["empty", "people in the photo"])
def test_the_preset_paper_is_section_3(space: str, form: str, places: list[int]):
    paper = preset("paper")
    options = replace(
        paper,
        painting=replace(paper.painting, max_paintings=PAINTINGS, batch_size=2),
        head=replace(paper.head, silog_form=form),
    )
    assert (paper.painting.min_width, paper.painting.max_width, paper.painting.max_paintings) == (0.2, 0.8, 32)
    relative_depth, people, painter = BentRelativeDepth(space), WrongPeople(), RecordingPainter(misses=0.1)
    photo = render(places)
    result = pipeline(options, people=people, painter=painter, relative_depth=relative_depth)(photo)

    # Eq. 3: random strips and prompts.
    height, width = photo.rgb.shape[:2]
    for painting in painter.paintings:
        columns = np.flatnonzero(painting.paint_mask.any(0))
        assert painting.paint_mask[:, columns[0] : columns[-1] + 1].all(), "a rectangle of full height"
        assert 0.2 * height - 1 <= len(columns) <= 0.8 * height + 1, "of a width between alpha and beta"
    assert set(painter.prompts) == {"a man", "a woman"}

    photo_relative = relative_depth.of(photo.rgb)
    images = []
    for painting in painter.paintings:
        truth = pseudo_ground_truth(painting.rgb, people, photo.camera)
        at = np.isfinite(truth)
        if at.any() and len(images) < PAINTINGS:
            brought = aligned(relative_depth.of(painting.rgb), photo_relative, painting.paint_mask)
            images.append((brought[at], truth[at]))
    assert len(images) == PAINTINGS == result.paintings

    scale, shift = metric_head(images, space, form)
    value = scale * photo_relative + shift
    with np.errstate(divide="ignore"):
        expected = 1 / value if space == "disparity" else value
    seen = (expected > 0) & (expected <= paper.max_depth_m)
    np.testing.assert_array_equal(result.valid_mask, seen)
    np.testing.assert_allclose(result.depth_m[seen], expected[seen], rtol=2e-4)

    error = np.abs(np.log(result.depth_m[seen] / depth_in(photo.rgb)[seen])).mean()
    assert 0.01 < error < 1, "a world in which nothing is wrong would prove nothing"
    used = [one for one in result.landmarks if one.verdict == "used"]
    assert len(used) == len(result.landmarks), "nothing is gated"


def test_the_giant_counts_without_gates_alone():
    options = replace(
        preset("paper"), painting=PaintingConfig(max_paintings=3, max_attempts=60), head=HeadConfig("silog"), seed=1
    )
    models = {"people": WrongPeople(error={}), "relative_depth": BentRelativeDepth("disparity")}
    with_gates = pipeline(replace(options, gates=True, people="only"), **models)
    without = pipeline(replace(options, people="only"), **models)
    photo = render([GIANT, LEFT_NEAR])
    assert [one.verdict for one in without(photo).landmarks] == ["used", "used"]
    reasons = [one.reason for one in with_gates(photo).landmarks if one.verdict == "rejected"]
    assert len(reasons) == 1 and "3.00 m tall" in reasons[0]


def test_people_of_one_relative_depth_do_not_end_a_photo_that_can_be_painted():
    """The oracle of relative depth is flat on a box; SIlog of one such person has no minimum."""
    photo = render([3])
    options = replace(preset("paper"), people="auto", painting=PaintingConfig(max_paintings=4, max_attempts=40))
    assert pipeline(options)(photo).paintings == 4
