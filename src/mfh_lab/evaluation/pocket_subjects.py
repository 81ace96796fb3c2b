"""Scenes of the pocket benchmark, with oracle models under noise or with the trained ones."""

import math
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np

from mfh.config import Config, preset
from mfh.models.protocols import Painter
from mfh.pipeline.inference import Models
from mfh.pipeline.pipeline import MetricFromHuman
from mfh.types import FocalProvenance, Photo
from mfh_lab.pocket.world.bodies import BodyBank, load_bank
from mfh_lab.pocket.world.export_scenes import read_scene, scene_folder
from mfh_lab.pocket.world.oracle_noise import PeopleNoise, RelativeDepthNoise
from mfh_lab.pocket.world.oracle_painter import OraclePainter
from mfh_lab.pocket.world.oracles import KnownPictures, OraclePeople, OracleRelativeDepth, unlit
from mfh_lab.pocket.world.places import scene_camera
from mfh_lab.pocket.world.scenes import draw_scene, free_figures

FIRST_SEED = 5_000_000
SIZE = (384, 288)
SPLIT = "test"
MIN_PLACES = 4
"""A scene in which fewer people could stand in view has no room for painted ones."""
ATTEMPTS_PER_PAINTING = 4

ModelKind = Literal["oracle", "trained"]
NoiseName = Literal["clean", "noisy", "outliers10", "outliers20", "misplaced"]


@dataclass(frozen=True)
class Noise:
    """Noise of all oracles of a run."""

    relative: RelativeDepthNoise = field(default_factory=RelativeDepthNoise)
    people: PeopleNoise = field(default_factory=PeopleNoise)


_DISTORTED = RelativeDepthNoise(scene_distortion=0.05, painting_distortion=0.025)
_UNSURE = PeopleNoise(size_sigma=0.1, translation_sigma=0.04)
NOISES: dict[NoiseName, Noise] = {
    "clean": Noise(),
    "noisy": Noise(_DISTORTED, _UNSURE),
    "outliers10": Noise(_DISTORTED, replace(_UNSURE, outliers=0.1)),
    "outliers20": Noise(_DISTORTED, replace(_UNSURE, outliers=0.2)),
    "misplaced": Noise(replace(_DISTORTED, figure_sigma=0.2), replace(_UNSURE, outliers=0.1)),
}
"""5 % low-frequency distortion, 10 % size error, 4 % translation noise, and 10 or 20 % gross outliers.

"misplaced" is what trained networks do besides: each painted person's disparity is off by 20 %.
"""


@dataclass(frozen=True)
class Task:
    """One scene to be measured with one set of models.

    Attributes:
        scene_seed: seed of the scene.
        models: "oracle" or "trained".
        noise: of the oracles; "" for trained models.
        paintings: numbers of usable paintings to look at, ascending.
        seeds: painting seeds 0 .. seeds - 1.
        bank_path: bodies.
        renders: folder of rendered scenes, for trained models.
        size: (width, height) pixels.
    """

    scene_seed: int
    models: ModelKind
    noise: NoiseName | Literal[""]
    paintings: tuple[int, ...]
    seeds: int
    bank_path: Path
    renders: Path | None = None
    size: tuple[int, int] = SIZE


@dataclass(frozen=True)
class Subject:
    """What is to be measured, and with what."""

    photo: Photo
    truth_m: np.ndarray
    kind: str
    painter: Painter
    models: Models
    config: Config


def has_room(job: tuple[int, Path]) -> tuple[int, bool]:
    """Tell whether people could stand in view of a scene's camera.

    Args:
        job: seed of the scene, and the bank.

    Returns:
        The seed, and whether ``MIN_PLACES`` people could.
    """
    seed, bank_path = job
    bank = _bank(bank_path)
    scene = draw_scene(seed, bank, split=SPLIT, size=SIZE)
    return seed, len(free_figures(scene, bank, split=SPLIT, count=2 * MIN_PLACES, seed=0)) >= MIN_PLACES


@lru_cache(maxsize=1)
def _bank(path: Path) -> BodyBank:
    return load_bank(path)


@lru_cache(maxsize=1)
def _trained() -> MetricFromHuman:
    return MetricFromHuman.from_preset("pocket", people="paint")


def _loop(config: Config, task: Task) -> Config:
    """Return the configuration with a painting loop that makes as many as the largest N needs, one at a time."""
    most = max(task.paintings)
    painting = replace(
        config.painting,
        max_paintings=most,
        max_attempts=ATTEMPTS_PER_PAINTING * most,
        answer_interrupted=False,
        budget_s=math.inf,
        batch_size=1,
    )
    return replace(config, painting=painting, keep_paintings=False)


def oracle_subject(task: Task) -> Subject:
    """Return a scene with oracle models under the task's noise.

    Args:
        task: which scene and noise.
    """
    bank = _bank(task.bank_path)
    scene = draw_scene(task.scene_seed, bank, split=SPLIT, size=task.size)
    known = KnownPictures()
    photo = known.add_photo(scene, unlit(scene))
    noise = NOISES[task.noise or "clean"]
    people = OraclePeople(known, bank, noise=noise.people)
    models = Models(OracleRelativeDepth(known, noise=noise.relative), people, people)
    config = replace(
        preset("pocket"), name="oracle", relative_depth="oracle", person_segmenter="oracle", human_mesh="oracle",
        painter="oracle", people="paint",
    )  # fmt: skip
    painter = OraclePainter(known, bank, split=SPLIT)
    truth_m = known.truth_of(photo.rgb).depth_m
    return Subject(photo, truth_m, scene.layout.kind, painter, models, _loop(config, task))


def trained_subject(task: Task) -> Subject:
    """Return a rendered scene with the models of the package.

    Args:
        task: which scene, and the folder of its render.
    """
    assert task.renders is not None, "trained models need rendered scenes"
    pipeline = _trained()
    assert pipeline.painter is not None, "people='paint' refuses a preset without a painter"
    tree, rgb, depth_m = read_scene(scene_folder(task.renders, task.scene_seed))
    scene = draw_scene(task.scene_seed, _bank(task.bank_path), split=SPLIT, size=task.size)
    focal = FocalProvenance("explicit", "true focal length of the render", 0.0)
    photo = Photo(rgb.astype(np.float32) / np.float32(255), scene_camera(scene), focal, f"scene {task.scene_seed}")
    models = Models(pipeline.relative_depth, pipeline.person_segmenter, pipeline.human_mesh)
    return Subject(photo, depth_m, str(tree["kind"]), pipeline.painter, models, _loop(pipeline.config, task))
