"""Answers on disk come back bit for bit, are asked for once, and never belong to other settings."""

from dataclasses import fields, is_dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfh.errors import InputError
from mfh.types import Camera, HumanMesh, LogRange, PaintedPhoto, PastedSprite, Person, PoseLandmarks, RelativeDepth
from mfh_lab.evaluation.codecs import BodiesCodec, PaintingCodec, PeopleCodec, RelativeDepthCodec
from mfh_lab.evaluation.digest import model_code_digest
from mfh_lab.evaluation.remember import Memory, RememberingPainter, RememberingPeople, RememberingRelativeDepth
from mfh_lab.evaluation.store import Store

CAMERA = Camera(50.0, 51.0, 7.5, 5.5, 16, 12)


def same(one, other) -> bool:
    """Equal bit for bit, arrays with their types."""
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    if is_dataclass(one):
        return type(one) is type(other) and all(
            same(getattr(one, field.name), getattr(other, field.name)) for field in fields(one)
        )
    if isinstance(one, list | tuple):
        return type(one) is type(other) and len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


def through_disk(codec, answer, folder: Path):
    store = Store(folder)
    store.save("kind", "question", codec.encode(answer), 1.5)
    found = store.load("kind", "question")
    assert found is not None and found[1] == 1.5
    return codec.decode(found[0])


def photo_of(rng: np.random.Generator) -> np.ndarray:
    return rng.random((12, 16, 3), np.float32)


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.booleans(), st.booleans(), st.booleans())
def test_paintings_come_back_bit_for_bit(tmp_path_factory, seed: int, in_bytes: bool, figure: bool, strays: bool):
    rng = np.random.default_rng(seed)
    photo, mask = photo_of(rng), rng.random((12, 16)) < 0.4
    rgb = photo.copy()
    painted = rng.integers(0, 256, (12, 16, 3)).astype(np.float32) / np.float32(255)
    rgb[mask] = (painted if in_bytes else photo_of(rng))[mask]
    if strays:
        rgb[~mask] += np.float32(0.01)
    shown = PastedSprite(rng.random((12, 16)) < 0.3, (1.5, 2.25), float(rng.random()), 1.71, 0.05, 0.3)
    answer = PaintedPhoto(rgb, mask, "a man", seed, shown if figure else None)
    back = through_disk(PaintingCodec(photo), answer, tmp_path_factory.mktemp("store"))
    assert same(back, answer)


@pytest.mark.parametrize("log_range", [None, LogRange(((0.75, 1.25, 0.4), (0.25, 3.1, 0.8)))])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_relative_depth_comes_back_bit_for_bit(tmp_path: Path, log_range, dtype):
    answer = RelativeDepth(np.random.default_rng(0).normal(size=(12, 16)).astype(dtype), "depth", log_range)
    assert same(through_disk(RelativeDepthCodec(), answer, tmp_path), answer)


def test_people_and_bodies_come_back_bit_for_bit(tmp_path: Path):
    rng = np.random.default_rng(1)
    pose = PoseLandmarks(rng.random((33, 2)), rng.random((33, 3)), rng.random(33).astype(np.float32))
    mask = rng.random((12, 16)) < 0.5
    people = [
        Person(rng.random(4).astype(np.float32), mask, 0.1 + 0.2, pose),
        Person(np.array([0.0, 1, 2, 3]), ~mask, 1.0),
    ]
    assert same(through_disk(PeopleCodec(), people, tmp_path), people)
    assert through_disk(PeopleCodec(), [], tmp_path) == []
    faces = np.array([[0, 1, 2]], np.int32)
    bodies = [
        None,
        HumanMesh(rng.random((3, 3)), faces, "hmr", 1.7, None, 0.3),
        HumanMesh(rng.random((3, 3)).astype(np.float32), faces.astype(np.int64), "blazepose"),
    ]
    assert same(through_disk(BodiesCodec(), bodies, tmp_path), bodies)


class Model:
    """All roles in one, counting what it is asked."""

    name = provenance = "model"
    shape_log_sigma = shared_log_sigma = min_score = 0.0

    def __init__(self):
        self.asked: list[str] = []

    def paint(self, photo, paint_masks, prompts, seeds):
        self.asked += ["paint"] * len(seeds)
        return [
            PaintedPhoto(np.where(m[..., None], np.float32(s / 10), photo), m, p, s)
            for m, p, s in zip(paint_masks, prompts, seeds, strict=True)
        ]

    def predict(self, photos):
        self.asked += ["predict"] * len(photos)
        return [RelativeDepth(rgb[..., 0], "disparity") for rgb in photos]

    def segment(self, photos, regions=None):
        self.asked += ["segment"] * len(photos)
        return [[Person(np.array([0.0, 0, 4, 3]), rgb[..., 0] > 0.5, 1.0)] for rgb in photos]

    def measure(self, photo, people, camera):
        self.asked.append("measure")
        return [HumanMesh(np.eye(3) * camera.fx, np.array([[0, 1, 2]]), "model") for _ in people]


def look(model: Model, folder: Path, *, identity: str = "model 1", seeds=(1, 2), camera: Camera = CAMERA):
    """One run: paintings, what is seen in them, and who."""
    memory = Memory(Store(folder))
    painter = RememberingPainter(model, memory, identity=identity)
    depth = RememberingRelativeDepth(model, memory, identity=identity)
    people = RememberingPeople(model, model, memory, segmenter_identity=identity, mesh_identity=identity)
    photo = photo_of(np.random.default_rng(0))
    paintings = painter.paint(photo, [np.eye(12, 16, dtype=bool)] * len(seeds), ["a man"] * len(seeds), seeds)
    pictures = [one.rgb for one in paintings]
    found = people.segment(pictures)
    bodies = [people.measure(rgb, one, camera) for rgb, one in zip(pictures, found, strict=True)]
    return (paintings, depth.predict(pictures), found, bodies), memory


def test_a_second_run_asks_no_model_and_gets_the_same(tmp_path: Path):
    first, second = Model(), Model()
    one, cost = look(first, tmp_path)
    other, free = look(second, tmp_path)
    assert sorted(first.asked) == ["measure"] * 2 + ["paint"] * 2 + ["predict"] * 2 + ["segment"] * 2
    assert second.asked == [] and same(one, other)
    assert cost.spent_s > 0 and free.spent_s == 0
    assert free.charged_s == pytest.approx(cost.charged_s), "what it would have taken is remembered too"


def test_a_run_that_was_killed_goes_on_where_it_was(tmp_path: Path):
    class Killed(BaseException):
        pass

    class Dying(Model):
        def predict(self, photos):
            if self.asked.count("predict") == 1:
                raise Killed
            return super().predict(photos)

    dying, heir = Dying(), Model()
    with pytest.raises(Killed):
        look(dying, tmp_path)
    resumed, _ = look(heir, tmp_path)
    assert heir.asked == ["predict"], "all but the answer in flight was kept"
    undisturbed, _ = look(Model(), tmp_path / "another")
    assert same(resumed, undisturbed)
    assert not list(tmp_path.rglob("*.tmp*"))


def test_other_settings_seeds_and_cameras_are_never_mixed(tmp_path: Path):
    look(Model(), tmp_path)
    other = Model()
    look(other, tmp_path, identity="model 2")
    assert len(other.asked) == 8
    more = Model()
    look(more, tmp_path, seeds=(1, 2, 3))
    assert more.asked.count("paint") == 1
    moved = Model()
    look(moved, tmp_path, camera=Camera(60.0, 51.0, 7.5, 5.5, 16, 12))
    assert moved.asked == ["measure"] * 2


def test_pictures_of_the_same_bytes_and_another_shape_are_others():
    memory = Memory()
    assert memory.name(np.zeros((2, 3))) != memory.name(np.zeros((3, 2)))


def test_a_model_without_an_identity_may_not_be_kept(tmp_path: Path):
    with pytest.raises(ValueError, match="needs an identity"):
        RememberingRelativeDepth(Model(), Memory(Store(tmp_path)))


def test_a_damaged_file_is_named(tmp_path: Path):
    look(Model(), tmp_path)
    path = next((tmp_path / "relative").rglob("*.npz"))
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(InputError, match=rf"{path.name} is damaged .*; delete it and run again"):
        look(Model(), tmp_path)


def test_the_digest_changes_with_the_models_code_and_not_with_other_code(tmp_path: Path, monkeypatch):
    for name in ("models/a.py", "geometry/b.py", "weights/data/c.onnx", "scale/fit.py", "models/notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1")
    (tmp_path / "types.py").write_text("1")
    monkeypatch.setattr("mfh.__file__", str(tmp_path / "__init__.py"))
    digest = model_code_digest.__wrapped__
    before = digest()
    for name, matters in (("scale/fit.py", False), ("models/notes.txt", False), ("models/a.py", True)):
        (tmp_path / name).write_text("2")
        assert (digest() != before) == matters
    (tmp_path / "models/a.py").write_text("1")
    assert digest() == before
