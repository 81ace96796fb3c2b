"""The whole pipeline on a world where everything is known: a floor, a wall, and box-shaped people.

The picture itself carries the truth (red: depth; green: which body), so the oracle models are functions of pixels, as
real ones are. Depths are ray-traced box by box; the pipeline rasterizes meshes: the two know nothing of each other.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

import mfh.numerics.evidence
import mfh.pipeline
from mfh.config import Config, EvidenceMode, FreeParameters, HeadConfig, PaintingConfig, PeopleMode, SilogForm
from mfh.errors import BackendError, InputError, NoLandmarkError
from mfh.geometry.camera import camera_from_focal_px, unproject
from mfh.pipeline import MetricFromHuman
from mfh.types import (
    Camera,
    FocalProvenance,
    HumanMesh,
    MetricDepth,
    PaintedFigure,
    PaintedPhoto,
    Person,
    Photo,
    RelativeDepth,
    Space,
)

CAMERA = camera_from_focal_px(90.0, width=96, height=72)
# Sees the floor from two metres on, so that everybody's feet are in view; CAMERA cuts off the nearer ones.
WIDE = camera_from_focal_px(60.0, width=96, height=100)
FLOOR_M, WALL_M = 1.5, 9.0
NOBODY = -1
# Where bodies can stand: x and z of their middles.
PLACES = [(x, z) for z in (2.6, 3.3, 4.1, 5.2, 6.5) for x in (-1.5, -0.9, -0.3, 0.3, 0.9, 1.5)]
LEFT_NEAR, MIDDLE, RIGHT_FAR = PLACES.index((-0.9, 2.6)), PLACES.index((0.3, 4.1)), PLACES.index((1.5, 6.5))


def box_of(place: int) -> tuple[np.ndarray, np.ndarray]:
    x, z = PLACES[place]
    return np.array([x - 0.3, FLOOR_M - 1.7, z - 0.15]), np.array([x + 0.3, FLOOR_M, z + 0.15])


def body_mesh(place: int) -> HumanMesh:
    low, high = box_of(place)
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)])
    faces = [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1], [2, 3, 7], [2, 7, 6], [0, 2, 6]]
    faces += [[0, 6, 4], [1, 5, 7], [1, 7, 3]]
    return HumanMesh(low + corners * (high - low), np.array(faces), source="oracle", stature_m=1.7)


def ray_traced_box(place: int, camera: Camera) -> np.ndarray:
    """z at which the ray through each pixel enters the box (slab method); +inf where it misses."""
    columns, rows = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    rays = unproject(camera, np.stack([columns, rows], -1), np.ones(columns.shape))
    low, high = box_of(place)
    with np.errstate(divide="ignore"):
        enter, leave = np.sort([low / rays, high / rays], axis=0)
    return np.where(enter.max(-1) <= leave.min(-1), enter.max(-1), np.inf)


def draw(depth_m: np.ndarray, body: np.ndarray) -> np.ndarray:
    return np.stack([depth_m / 16, (body + 1) / 64, np.zeros_like(depth_m)], -1).astype(np.float32)


def depth_in(rgb: np.ndarray) -> np.ndarray:
    return rgb[..., 0].astype(float) * 16


def bodies_in(rgb: np.ndarray) -> np.ndarray:
    return np.rint(rgb[..., 1] * 64).astype(int) - 1


def render(places: Sequence[int], camera: Camera = CAMERA) -> Photo:
    columns, rows = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    down = unproject(camera, np.stack([columns, rows], -1), np.ones(columns.shape))[..., 1]
    depth_m = np.minimum(WALL_M, np.where(down > 0, FLOOR_M / np.maximum(down, 1e-9), np.inf))
    body = np.full(depth_m.shape, NOBODY)
    for place in places:
        box = ray_traced_box(place, camera)
        body[box < depth_m] = place
        depth_m = np.minimum(depth_m, box)
    given = FocalProvenance("explicit", "given: 90 px", 0.0)
    return Photo(draw(depth_m, body), camera, given, name="oracle.png")


@dataclass
class OracleRelativeDepth:
    """The truth under an affine map that differs from picture to picture; people can be seen too far by a factor."""

    space: Space = "disparity"
    name: str = "oracle"
    shape_log_sigma: float = 0.0
    batches: list[int] = field(default_factory=list)
    people_farther: float = 1.0

    def predict(self, photos: Sequence[np.ndarray]) -> list[RelativeDepth]:
        self.batches.append(len(photos))
        maps = []
        for rgb in photos:
            rng = np.random.default_rng(int(rgb[..., 1].astype(float).sum() * 1e4))
            seen_m = np.where(bodies_in(rgb) == NOBODY, 1.0, self.people_farther) * depth_in(rgb)
            exact = 1 / seen_m if self.space == "disparity" else seen_m
            values = (exact - rng.uniform(-1, 0.1)) / rng.uniform(0.2, 3)
            maps.append(RelativeDepth(values.astype(np.float32), self.space))
        return maps


@dataclass
class OraclePeople:
    """Finds every body by its colour and knows its box; ``error`` makes some metres wrong by a factor."""

    name: str = "oracle"
    shared_log_sigma: float = 0.0
    error: dict[int, float] = field(default_factory=dict)
    unmeasurable: bool = False
    regions: list[np.ndarray] = field(default_factory=list)

    def segment(
        self, photos: Sequence[np.ndarray], regions: Sequence[np.ndarray | None] | None = None
    ) -> list[list[Person]]:
        everywhere = [None] * len(photos) if regions is None else regions
        self.regions += [region for region in everywhere if region is not None]
        return [
            [one for one in self._people(bodies_in(rgb)) if region is None or (one.instance_mask & region).any()]
            for rgb, region in zip(photos, everywhere, strict=True)
        ]

    def _people(self, bodies: np.ndarray) -> list[Person]:
        people = []
        for place in np.unique(bodies[bodies != NOBODY]):
            instance_mask = bodies == place
            rows, columns = np.nonzero(instance_mask)
            box = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], float)
            people.append(Person(box, instance_mask, score=0.9))
        return people

    def measure(self, photo: np.ndarray, people: Sequence[Person], camera: Camera) -> list[HumanMesh | None]:
        meshes: list[HumanMesh | None] = []
        for person in people:
            place = int(np.median(bodies_in(photo)[person.instance_mask]))
            mesh = body_mesh(place)
            mesh = replace(mesh, vertices_m=mesh.vertices_m * self.error.get(place, 1.0))
            meshes.append(None if self.unmeasurable else mesh)
        return meshes


@dataclass
class OraclePainter:
    """Paints a body whose middle is inside the mask, drawn by the seed; some seeds paint nobody."""

    name: str = "oracle"
    provenance: str = "the oracle knows how large people are"
    shared_log_sigma: float = 0.0
    misses: float = 0.3
    seen: list[tuple[int, str, int]] = field(default_factory=list)
    camera: Camera = CAMERA
    exact_mask: bool = False

    def paint(
        self, photo: np.ndarray, paint_masks: Sequence[np.ndarray], prompts: Sequence[str], seeds: Sequence[int]
    ) -> list[PaintedPhoto]:
        return [self._one(photo, *each) for each in zip(paint_masks, prompts, seeds, strict=True)]

    def _one(self, photo: np.ndarray, paint_mask: np.ndarray, prompt: str, seed: int) -> PaintedPhoto:
        self.seen.append((int(np.flatnonzero(paint_mask.any(0))[0]), prompt, seed))
        rng = np.random.default_rng(seed)
        inside = [
            place
            for place, (x, z) in enumerate(PLACES)
            if 0 <= (column := round(self.camera.fx * x / z + self.camera.cx)) < self.camera.width
            and paint_mask[40, column]
        ]
        rgb, visible = photo, np.zeros_like(paint_mask)
        if inside and rng.random() >= self.misses:
            place = int(rng.choice(inside))
            box = ray_traced_box(place, self.camera)
            visible = paint_mask & (box < depth_in(photo))
            rgb = np.where(visible[..., None], draw(np.where(visible, box, 1), np.full(box.shape, place)), photo)
        return PaintedPhoto(rgb, visible if self.exact_mask else paint_mask, prompt, seed)


def config(people: PeopleMode = "auto", *, form: SilogForm = "pooled", seed: int = 0, **painting) -> Config:
    painting = {"max_paintings": 6, "max_attempts": 40, **painting}
    return Config(
        name="oracle",
        relative_depth="oracle",
        people_finder="oracle",
        human_mesh="oracle",
        painter="oracle",
        people=people,
        painting=PaintingConfig(**painting),
        head=HeadConfig(silog_form=form),
        seed=seed,
    )


def pipeline(
    options: Config,
    *,
    space: Space = "disparity",
    people: OraclePeople | None = None,
    painter: OraclePainter | None = None,
    relative_depth: OracleRelativeDepth | None = None,
) -> MetricFromHuman:
    people = people or OraclePeople()
    return MetricFromHuman(
        options,
        relative_depth=relative_depth or OracleRelativeDepth(space),
        person_segmenter=people,
        human_mesh=people,
        painter=painter or OraclePainter(),
    )


def assert_exact(result: MetricDepth, *, rtol: float = 1e-4) -> None:
    assert result.valid_mask.all()
    assert result.depth_m.dtype == np.float32
    np.testing.assert_allclose(result.depth_m, depth_in(result.photo.rgb), rtol=rtol)


@pytest.mark.parametrize("space", ["disparity", "depth"])
@pytest.mark.parametrize("form", ["pooled", "per-image-sum"])
def test_people_in_the_photo_recover_the_exact_depth(space: Space, form: SilogForm):
    photo = render([LEFT_NEAR, MIDDLE, RIGHT_FAR])
    result = pipeline(config(form=form), space=space)(photo)
    assert_exact(result)
    assert result.people_used == 3
    assert result.head.shift_determined
    assert (result.attempts, result.paintings) == (0, 0), "people in the photo suffice: nothing is painted"
    assert result.warnings == ()
    assert {landmark.source for landmark in result.landmarks} == {"photo"}
    assert result.landmarks[0].distance_m == pytest.approx(2.45, abs=0.01)


@pytest.mark.parametrize("space", ["disparity", "depth"])
def test_painted_people_recover_the_exact_depth(space: Space):
    result = pipeline(config(), space=space)(render([]))
    assert_exact(result)
    assert result.paintings == 6
    assert result.attempts > 6, "some attempts painted nobody"
    assert result.people_used == 6
    assert result.seconds["painting"] > 0


def test_people_who_hide_each_other_keep_their_own_depth():
    behind = PLACES.index((-0.9, 3.3))
    result = pipeline(config("only"))(render([LEFT_NEAR, behind, RIGHT_FAR]))
    assert_exact(result)
    assert result.people_used == 3


def test_one_person_is_enough_where_everything_is_exact_and_is_warned_about():
    # Seen from the side, so that the body has some depth of its own.
    result = pipeline(config("only"))(render([LEFT_NEAR]))
    assert_exact(result)
    assert any("one person alone" in warning for warning in result.warnings)


def test_paint_mode_ignores_people_in_the_photo():
    result = pipeline(config("paint"))(render([LEFT_NEAR]))
    assert_exact(result)
    assert result.paintings == 6
    in_photo = [landmark for landmark in result.landmarks if "outside the paint mask" in landmark.reason]
    assert in_photo, "the person who was there before is found in paintings and is no painted one"
    assert all(landmark.source.startswith("painting ") for landmark in result.landmarks)


@pytest.mark.parametrize("mask_shape", ["strip", "person"])
def test_any_batch_size_gives_the_identical_answer(mask_shape: str):
    results, orders = [], []
    for batch_size in (1, 4, 40):
        painter = OraclePainter()
        results.append(
            pipeline(config(batch_size=batch_size, mask_shape=mask_shape, seed=5), painter=painter)(render([]))
        )
        orders.append(painter.seen)
    for result, order in zip(results[1:], orders[1:], strict=True):
        np.testing.assert_array_equal(result.depth_m, results[0].depth_m)
        assert result.head == results[0].head
        assert result.landmarks == results[0].landmarks
        assert (result.attempts, result.paintings) == (results[0].attempts, results[0].paintings)
        assert order == orders[0], "not one painting more than one at a time would have made"


def test_a_seed_decides_masks_prompts_and_painter_seeds():
    seen = []
    for seed in (0, 0, 1):
        painter = OraclePainter()
        pipeline(config(seed=seed), painter=painter)(render([]))
        seen.append(painter.seen)
    assert seen[0] == seen[1]
    assert not {painted[2] for painted in seen[0]} & {painted[2] for painted in seen[2]}
    assert {painted[1] for painted in seen[0]} == {"a man", "a woman"}


def test_painting_ends_after_max_attempts_and_says_what_was_tried():
    painter = OraclePainter(misses=1.0)
    with pytest.raises(NoLandmarkError) as caught:
        pipeline(config(max_attempts=7, batch_size=4), painter=painter)(render([]))
    assert len(painter.seen) == 7
    assert caught.value.tried == (
        "people in the photo: 0 found, 0 used",
        "7 paintings (max_attempts = 7 reached): 0 found, 0 used",
    )
    assert "raise max_attempts" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_painting_ends_when_its_time_is_spent(monkeypatch: pytest.MonkeyPatch):
    seconds = iter(range(1000))
    monkeypatch.setattr(mfh.pipeline.time, "monotonic", lambda: float(next(seconds)))
    painter = OraclePainter(misses=1.0)
    with pytest.raises(NoLandmarkError, match="budget_s = 3 spent"):
        pipeline(config(budget_s=3.0, batch_size=1), painter=painter)(render([]))
    assert len(painter.seen) == 2


def test_time_spent_keeps_the_paintings_there_are(monkeypatch: pytest.MonkeyPatch):
    seconds = iter(range(1000))
    monkeypatch.setattr(mfh.pipeline.time, "monotonic", lambda: float(next(seconds)))
    result = pipeline(config(budget_s=4.0, batch_size=1), painter=OraclePainter(misses=0.0))(render([]))
    assert result.attempts == 3
    assert 1 <= result.paintings <= 3


def test_nobody_in_the_photo_and_no_painter_says_what_to_do():
    people = OraclePeople()
    no_painter = MetricFromHuman(
        replace(config(), painter=None),
        relative_depth=OracleRelativeDepth(),
        person_segmenter=people,
        human_mesh=people,
    )
    with pytest.raises(NoLandmarkError, match="use a photo with at least one person") as caught:
        no_painter(render([]))
    assert caught.value.tried == (
        "people in the photo: 0 found, 0 used",
        "painting: not tried, preset 'oracle' has no painter",
    )


def test_only_never_paints():
    painter = OraclePainter()
    with pytest.raises(NoLandmarkError, match='use people="auto"'):
        pipeline(config("only"), painter=painter)(render([]))
    assert painter.seen == []


def test_people_who_cannot_be_measured_are_counted_with_the_reason():
    with pytest.raises(NoLandmarkError) as caught:
        pipeline(config("only"), people=OraclePeople(unmeasurable=True))(render([LEFT_NEAR, MIDDLE]))
    assert caught.value.tried[0] == "people in the photo: 2 found, 0 used (2 could not be measured)"


def test_one_person_facing_the_camera_gives_the_scale_but_not_the_shift():
    # The front of a box is one depth: nothing tells the shift, and the answer must say so and stay sane.
    photo = render([MIDDLE])
    result = pipeline(config("only"))(photo)
    assert not result.head.shift_determined
    assert any("determine the shift" in warning for warning in result.warnings)
    on_person = bodies_in(photo.rgb) == MIDDLE
    np.testing.assert_allclose(result.depth_m[on_person], depth_in(photo.rgb)[on_person], rtol=5e-3)
    ratio = result.depth_m[result.valid_mask] / depth_in(photo.rgb)[result.valid_mask]
    assert result.valid_mask.mean() > 0.95
    assert 0.4 < ratio.min() <= ratio.max() < 2.5


def test_whoever_contradicts_the_others_is_rejected_with_the_factor():
    photo = render([LEFT_NEAR, MIDDLE, RIGHT_FAR, PLACES.index((-1.5, 5.2))])
    result = pipeline(config(), people=OraclePeople(error={MIDDLE: 2.5}))(photo)
    assert_exact(result)
    (wrong,) = [landmark for landmark in result.landmarks if landmark.verdict == "rejected"]
    assert wrong.reason in ("2.4x farther than the others imply", "2.5x farther than the others imply")


def test_a_painting_that_cannot_be_aligned_loses_its_people_with_the_reason():
    class UpsideDown(OracleRelativeDepth):
        def predict(self, photos):
            return [
                replace(one, values=-one.values) if (bodies_in(rgb) != NOBODY).any() else one
                for rgb, one in zip(photos, super().predict(photos), strict=True)
            ]

    people = OraclePeople()
    model = MetricFromHuman(
        config(max_attempts=5),
        relative_depth=UpsideDown(),
        person_segmenter=people,
        human_mesh=people,
        painter=OraclePainter(misses=0.0),
    )
    with pytest.raises(NoLandmarkError, match="the painting cannot be aligned: its background runs against"):
        model(render([]))


def test_a_default_focal_length_is_warned_about():
    photo = replace(
        render([LEFT_NEAR, MIDDLE, RIGHT_FAR]), focal=FocalProvenance("default-fov", "unknown: 60° assumed", 0.2)
    )
    (warning,) = pipeline(config())(photo).warnings
    assert warning == "the focal length is not known (unknown: 60° assumed), and all metres scale with it"
    noted = replace(photo, notes=("no focal length, and all metres scale with it: give one",))
    assert pipeline(config())(noted).warnings == noted.notes


def test_progress_is_reported_in_order_and_stages_are_timed():
    reports: list[tuple[str, float]] = []
    result = pipeline(config(batch_size=1))(render([]), progress=lambda what, done: reports.append((what, done)))
    stages = list(dict.fromkeys(what for what, _ in reports))
    assert stages == ["relative depth", "people", "painting", "fit"]
    assert [done for _, done in reports] == sorted(done for _, done in reports)
    assert all(0 <= done <= 1 for _, done in reports)
    assert list(result.seconds) == stages


def test_the_result_says_what_ran():
    result = pipeline(config(seed=3))(render([LEFT_NEAR]))
    assert (result.preset, result.seed) == ("oracle", 3)
    assert set(result.models) == {"relative_depth", "person_segmenter", "human_mesh", "painter"}


def test_a_path_is_loaded(monkeypatch: pytest.MonkeyPatch, tmp_path):
    import mfh.io.photo

    opened = []

    def load_photo(path):
        opened.append(path)
        return render([LEFT_NEAR, MIDDLE])

    monkeypatch.setattr(mfh.io.photo, "load_photo", load_photo)
    assert_exact(pipeline(config())(tmp_path / "photo.png"))
    assert opened == [str(tmp_path / "photo.png")]


def test_large_photos_are_sampled_and_stay_exact(monkeypatch: pytest.MonkeyPatch):
    photo = render([LEFT_NEAR, RIGHT_FAR])
    whole = pipeline(config())(photo)
    monkeypatch.setattr(mfh.numerics.evidence, "LONG_SIDE_PX", 50)
    sampled = pipeline(config())(photo)
    assert_exact(sampled)
    assert sampled.landmarks[0].pixels < whole.landmarks[0].pixels / 3


def test_a_camera_of_another_size_is_refused():
    photo = render([LEFT_NEAR])
    with pytest.raises(InputError, match="oracle.png is 96x72 pixels but its camera is for 96x71"):
        pipeline(config())(replace(photo, camera=replace(photo.camera, height=71)))
    with pytest.raises(InputError, match="fx is nan"):
        pipeline(config())(replace(photo, camera=replace(photo.camera, fx=math.nan)))


def test_models_are_held_to_their_contract():
    class Cropped(OracleRelativeDepth):
        def predict(self, photos):
            return [replace(one, values=one.values[1:]) for one in super().predict(photos)]

    class Holes(OracleRelativeDepth):
        def predict(self, photos):
            return [replace(one, values=one.values * np.float32(np.nan)) for one in super().predict(photos)]

    people = OraclePeople()
    for model, message in ((Cropped(), r"returned \(71, 96\)"), (Holes(), "not finite")):
        broken = MetricFromHuman(config(), relative_depth=model, person_segmenter=people, human_mesh=people)
        with pytest.raises(BackendError, match=message):
            broken(render([LEFT_NEAR]))


def test_painting_without_a_painter_is_refused_before_any_work():
    people = OraclePeople()
    with pytest.raises(InputError, match='people="paint" needs a painter'):
        MetricFromHuman(
            config("paint"), relative_depth=OracleRelativeDepth(), person_segmenter=people, human_mesh=people
        )
    with pytest.raises(InputError, match='people="paint" needs a painter'):
        MetricFromHuman.from_preset("pocket", people="paint", painter=None)


def test_unknown_presets_and_options_are_refused():
    with pytest.raises(InputError, match="unknown preset 'pockets'"):
        MetricFromHuman.from_preset("pockets")
    with pytest.raises(InputError, match="unknown option 'peple': expected one of name, relative_depth"):
        MetricFromHuman.from_preset("pocket", peple="auto")


def test_a_preset_brings_its_models(monkeypatch: pytest.MonkeyPatch):
    people, relative, painter = OraclePeople(), OracleRelativeDepth(), OraclePainter()
    asked = {}

    def load_models(names):
        asked.update(names)
        return {"relative_depth": relative, "person_segmenter": people, "human_mesh": people, "painter": painter}

    monkeypatch.setattr(mfh.pipeline, "load_models", load_models)
    model = MetricFromHuman.from_preset("pocket", seed=9)
    assert asked == {
        "relative_depth": "pocket",
        "person_segmenter": "blazepose",
        "human_mesh": "blazepose",
        "painter": "sprite",
    }
    assert model.config.seed == 9
    assert model.painter is painter
    assert_exact(model(render([LEFT_NEAR, MIDDLE])))


def by_contact(mode: EvidenceMode, **painting) -> Config:
    return replace(config("paint", **painting), painting_evidence=mode)


@pytest.mark.parametrize("space", ["disparity", "depth"])
def test_contact_of_painted_people_is_exact_without_relative_depth_of_any_painting(space: Space):
    # In depth space the floor is curved between pixels: reading it is exact to a quarter of a per cent there.
    relative_depth = OracleRelativeDepth(space, people_farther=1.4)
    result = pipeline(
        by_contact("contact", max_paintings=14), painter=OraclePainter(camera=WIDE), relative_depth=relative_depth
    )(render([], WIDE))
    truth = depth_in(result.photo.rgb)
    np.testing.assert_allclose(result.depth_m, truth, rtol=2e-4 if space == "disparity" else 0.03)
    assert relative_depth.batches == [1], "only the photo's"
    used = [landmark for landmark in result.landmarks if landmark.verdict == "used"]
    assert len(used) == 14 and {landmark.evidence for landmark in used} == {"contact"}
    assert result.head.shift_determined


def test_contact_is_right_where_bodies_are_seen_too_far():
    errors = {}
    for mode in ("body", "contact", "either"):
        result = pipeline(
            replace(by_contact(mode, max_paintings=14), cross_check=False),
            painter=OraclePainter(camera=WIDE),
            relative_depth=OracleRelativeDepth(people_farther=1.3),
        )(render([], WIDE))
        errors[mode] = float(np.nanmedian(np.abs(result.depth_m / depth_in(result.photo.rgb) - 1)))
    assert errors["contact"] < 1e-3 and errors["either"] < 1e-3
    assert errors["body"] > 0.1


def test_bodies_seen_elsewhere_than_their_feet_are_told():
    model = pipeline(
        by_contact("body", max_paintings=14),
        painter=OraclePainter(camera=WIDE),
        relative_depth=OracleRelativeDepth(people_farther=2.0),
    )
    with pytest.raises(NoLandmarkError, match="body and feet disagree"):
        model.gather(render([], WIDE))


def test_painting_stops_when_the_answer_is_sure_enough_whatever_the_batches():
    sure = [
        pipeline(config("paint", max_paintings=20, batch_size=size, until_interval=0.2))(render([])) for size in (1, 7)
    ]
    assert sure[0].ended_by.startswith("the 80 % interval is within")
    assert sure[0].paintings < 20
    assert sure[0].attempts == sure[1].attempts
    np.testing.assert_array_equal(sure[0].depth_m, sure[1].depth_m)


def test_an_interrupted_run_answers_with_what_there_is():
    class Impatient(OraclePainter):
        def paint(self, photo, paint_masks, prompts, seeds):
            if len(self.seen) >= 6:
                raise KeyboardInterrupt
            return super().paint(photo, paint_masks, prompts, seeds)

    result = pipeline(config("paint", batch_size=2, max_paintings=20), painter=Impatient(misses=0.0))(render([]))
    assert result.ended_by == "interrupted after 6 paintings"
    assert result.paintings == 6
    with pytest.raises(KeyboardInterrupt):
        pipeline(config("paint", batch_size=2, max_paintings=20), painter=Impatient(misses=1.0))(render([]))


def test_either_predicts_relative_depth_only_of_paintings_whose_feet_are_out_of_view():
    relative_depth, people = OracleRelativeDepth(), OraclePeople()
    result = pipeline(by_contact("either", max_paintings=10), relative_depth=relative_depth, people=people)(render([]))
    assert_exact(result, rtol=5e-3)
    kinds = [landmark.evidence for landmark in result.landmarks if landmark.verdict == "used"]
    assert {"body", "contact"} == set(kinds)
    # One for the photo, one for each painting with somebody whose feet are cut off.
    assert sum(relative_depth.batches) == 1 + kinds.count("body")


@pytest.mark.parametrize("mode", ["contact", "either"])
def test_contact_gives_the_identical_answer_for_any_batch_size(mode: EvidenceMode):
    first, second = (pipeline(by_contact(mode, batch_size=size))(render([])) for size in (1, 7))
    np.testing.assert_array_equal(first.depth_m, second.depth_m)
    assert first.landmarks == second.landmarks


@pytest.mark.parametrize("mode", ["contact", "either"])
def test_people_in_the_photo_stand_on_its_floor(mode: EvidenceMode):
    places = [PLACES.index(place) for place in ((1.5, 2.6), (-1.5, 3.3), (-0.9, 4.1), (-0.3, 5.2), (0.9, 6.5))]
    photo = render(places, WIDE)
    result = pipeline(
        replace(config("only"), photo_evidence=mode), relative_depth=OracleRelativeDepth(people_farther=1.3)
    )(photo)
    scene = bodies_in(photo.rgb) == NOBODY
    np.testing.assert_allclose(result.depth_m[scene], depth_in(photo.rgb)[scene], rtol=5e-3)
    assert {landmark.evidence for landmark in result.landmarks} == {"contact"}
    assert result.people_used == 5


def test_feet_out_of_view_are_the_reason_where_only_contact_counts():
    with pytest.raises(NoLandmarkError) as caught:
        pipeline(replace(config("only"), photo_evidence="contact"))(render([LEFT_NEAR]))
    assert caught.value.tried[0] == (
        "people in the photo: 1 found, 0 used (1 feet not visible: cut off by the image's border)"
    )


def test_two_contacts_are_no_exact_fit():
    photo = render([PLACES.index((-0.9, 2.6)), PLACES.index((0.9, 3.3))], WIDE)
    result = pipeline(replace(config("only"), photo_evidence="contact"))(photo)
    assert not result.head.shift_determined
    ratio = result.depth_m / depth_in(photo.rgb)
    assert 0.4 < np.nanmin(ratio) <= np.nanmax(ratio) < 2.5


def test_a_painting_that_cannot_be_aligned_still_has_its_contacts():
    class UpsideDown(OracleRelativeDepth):
        def predict(self, photos):
            return [
                replace(one, values=-one.values) if (bodies_in(rgb) != NOBODY).any() else one
                for rgb, one in zip(photos, super().predict(photos), strict=True)
            ]

    result = pipeline(by_contact("either", max_paintings=8), relative_depth=UpsideDown())(render([]))
    by_verdict = {landmark.verdict: landmark for landmark in result.landmarks}
    assert by_verdict["used"].evidence == "contact"
    assert "cannot be aligned" in by_verdict["rejected"].reason


def test_people_are_looked_for_where_was_painted():
    people = OraclePeople()
    result = pipeline(config("paint"), people=people, painter=OraclePainter(exact_mask=True))(render([LEFT_NEAR]))
    assert_exact(result)
    assert len(people.regions) == result.attempts
    assert len(result.landmarks) == result.people_used, "whoever was there before is not looked for"
    assert any(not region.any() for region in people.regions), "some attempts painted nobody"


def test_the_painters_sense_of_size_is_said_where_it_counts():
    sentence = OraclePainter().provenance
    assert sentence in pipeline(config())(render([])).warnings
    assert sentence not in pipeline(config())(render([LEFT_NEAR, MIDDLE])).warnings


def test_paintings_are_kept_only_where_asked_for():
    assert pipeline(config())(render([])).kept_paintings == ()
    result = pipeline(replace(config(), keep_paintings=True))(render([]))
    kept = result.kept_paintings
    assert [painting.number for painting in kept] == list(range(result.attempts))
    assert sum(painting.used for painting in kept) == result.paintings
    assert {painting.reason for painting in kept} == {"measured", "nobody was found in it"}
    for painting in kept:
        assert len(painting.meshes) == len(painting.landmarks)
        assert all(landmark.source == f"painting {painting.number}" for landmark in painting.landmarks)
        assert (bodies_in(painting.rgb) != NOBODY).any() == bool(painting.landmarks)


@dataclass
class OracleCards:
    """Pastes flat figures on their feet and says how large they are."""

    name: str = "cards"
    provenance: str = "cards have the size they have"
    shared_log_sigma: float = 0.0
    knows: bool = True

    def paint(
        self, photo: np.ndarray, paint_masks: Sequence[np.ndarray], prompts: Sequence[str], seeds: Sequence[int]
    ) -> list[PaintedPhoto]:
        return [self._one(photo, *each) for each in zip(paint_masks, prompts, seeds, strict=True)]

    def _one(self, photo: np.ndarray, paint_mask: np.ndarray, prompt: str, seed: int) -> PaintedPhoto:
        rng = np.random.default_rng(seed)
        z = float(rng.uniform(2.6, 8))
        foot = (float(np.flatnonzero(paint_mask.any(0)).mean()), WIDE.cy + WIDE.fy * FLOOR_M / z)
        rows, columns = np.mgrid[: WIDE.height, : WIDE.width]
        height_px = 1.7 * WIDE.fy / z
        card = (rows <= foot[1]) & (rows > foot[1] - height_px) & (np.abs(columns - foot[0]) < 0.2 * height_px)
        card &= paint_mask & (z < depth_in(photo) + 0.3)
        rgb = np.where(card[..., None], draw(np.full(card.shape, z), np.zeros(card.shape)), photo)
        figure = PaintedFigure(card, foot, WIDE.fy / z, 1.7) if self.knows else None
        return PaintedPhoto(rgb.astype(np.float32), card, prompt, seed, figure)


@pytest.mark.parametrize("kind", ["body", "contact", "either"])
def test_figures_of_known_size_recover_the_depth_and_are_not_looked_for(kind):
    people = OraclePeople()
    options = replace(config("paint", max_paintings=8), painted_people="known", painting_evidence=kind)
    run = pipeline(options, people=people, painter=OracleCards())
    result = run(render([], WIDE))
    error = np.abs(result.depth_m / depth_in(result.photo.rgb) - 1)
    assert error.max() < (1e-4 if kind == "body" else 0.02)
    assert result.paintings == 8 and people.regions == []
    assert {one.measured_by for one in result.landmarks} == {"cards"}
    assert {one.evidence for one in result.landmarks if one.verdict == "used"} <= {kind, "contact", "body"}


def test_a_painter_that_does_not_know_its_figures_is_measured():
    people = OraclePeople()
    options = replace(config("paint"), painted_people="known")
    result = pipeline(options, people=people, painter=OraclePainter())(render([]))
    assert_exact(result)
    assert len(people.regions) == result.attempts
    measured = replace(config("paint", max_paintings=2, max_attempts=2), painted_people="measured")
    with pytest.raises(NoLandmarkError):
        pipeline(measured, people=OraclePeople(unmeasurable=True), painter=OracleCards())(render([], WIDE))


@pytest.mark.parametrize("space", ["disparity", "depth"])
def test_the_papers_head_is_exact_with_everything_free_and_not_otherwise(space: Space):
    """Table 4: alignment, scale and shift are all needed, even by models without any error."""
    photo = render([])

    def error(*, align: bool = True, free: FreeParameters = "scale-shift") -> float:
        options = replace(config("paint"), head=HeadConfig("silog", free=free), align=align)
        result = pipeline(options, space=space)(photo)
        depth_m = np.where(result.valid_mask, result.depth_m, 100.0)
        return float(np.mean(np.abs(depth_m / depth_in(photo.rgb) - 1)))

    assert error() < 1e-4
    assert min(error(align=False), error(free="scale"), error(free="shift")) > 0.01
