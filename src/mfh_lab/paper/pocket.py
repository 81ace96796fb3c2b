"""The pocket world as a bench: drawn scenes with oracle models, or rendered ones with the models in the package.

Everything measured here is simulated, and titles say so.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.config import Config, preset
from mfh.errors import InputError
from mfh.models.protocols import RelativeDepthModel
from mfh.pipeline.inference import Models
from mfh.types import RelativeDepth, Space
from mfh_lab.evaluation.datasets.registry import open_dataset
from mfh_lab.evaluation.protocols import PAPER, EvaluationView, Protocol
from mfh_lab.evaluation.remember import Memory, RememberingPainter, RememberingPeople, RememberingRelativeDepth
from mfh_lab.evaluation.store import Store
from mfh_lab.paper.bench import BenchSubject, DatasetBench
from mfh_lab.paper.tables import ORACLE, ORACLE_DEPTH
from mfh_lab.pocket.world.bodies import BodyBank, load_bank
from mfh_lab.pocket.world.export_scenes import SceneOptions, export_scenes, scene_folder
from mfh_lab.pocket.world.oracle_noise import PeopleNoise, RelativeDepthNoise
from mfh_lab.pocket.world.oracle_painter import OraclePainter
from mfh_lab.pocket.world.oracles import KnownPictures, OraclePeople, OracleRelativeDepth, unlit
from mfh_lab.pocket.world.scenes import draw_scene, free_people
from mfh_lab.pocket.world.workers import in_processes

Progress = Callable[[str, float], None]
FIRST_SEED = 5_000_000
SIZE = (384, 288)
SPLIT = "test"
MIN_PLACES = 4
"""A scene in which fewer people could stand in view has no room for painted ones."""
UNIT = 10.0
"""Oracles' relative depth in units of its own: Depth Anything's output is of the order of ten, metric disparity of a
few tenths. Without it a scale fixed to 1 would be right by accident."""

NoiseName = Literal["clean", "noisy", "outliers10", "outliers20", "misplaced"]


@dataclass(frozen=True)
class OracleNoise:
    """Noise of all oracles of a run."""

    relative: RelativeDepthNoise = field(default_factory=RelativeDepthNoise)
    people: PeopleNoise = field(default_factory=PeopleNoise)


_DISTORTED = RelativeDepthNoise(scene_distortion=0.05, painting_distortion=0.025)
_UNSURE = PeopleNoise(size_sigma=0.1, translation_sigma=0.04)
NOISES: dict[NoiseName, OracleNoise] = {
    "clean": OracleNoise(),
    "noisy": OracleNoise(_DISTORTED, _UNSURE),
    "outliers10": OracleNoise(_DISTORTED, replace(_UNSURE, outliers=0.1)),
    "outliers20": OracleNoise(_DISTORTED, replace(_UNSURE, outliers=0.2)),
    "misplaced": OracleNoise(replace(_DISTORTED, person_sigma=0.2), replace(_UNSURE, outliers=0.1)),
}
"""5 % low-frequency distortion, 10 % size error, 4 % translation noise, and 10 or 20 % gross outliers.

"misplaced" is what trained networks do besides: each painted person's disparity is off by 20 %.
"""


class FromZero:
    """A relative-depth model in the convention of the published ones: never negative, 0 at the end of its range.

    Depth Anything's last layer is a ReLU, so that 0 is the farthest it can predict. For a head with a free shift this
    changes nothing; a head without one (Table 4) needs it.

    Args:
        model: any.
        unit: factor on its values.
    """

    def __init__(self, model: RelativeDepthModel, *, unit: float = 1.0) -> None:
        self.name = f"{model.name}, from 0"
        self.shape_log_sigma = model.shape_log_sigma
        self._model = model
        self._unit = unit

    def predict(self, photos: Sequence[Float[ndarray, "_ _ 3"]]) -> list[RelativeDepth]:
        """Return the model's maps, each counted from its own smallest value."""
        return [
            replace(one, values=self._unit * (one.values - one.values.min())) for one in self._model.predict(photos)
        ]


class InOtherSpace:
    """The true depth that an oracle of disparity knows, as a network of depth would give it: affine in metres.

    Args:
        model: an oracle of disparity.
        known: its pictures.
    """

    def __init__(self, model: OracleRelativeDepth, known: KnownPictures) -> None:
        self.name = "oracle relative depth, in metres up to scale and shift"
        self.shape_log_sigma = model.shape_log_sigma
        self._model = model
        self._known = known

    def predict(self, photos: Sequence[Float[ndarray, "_ _ 3"]]) -> list[RelativeDepth]:
        """Return one map of depth per picture, with the oracle's own distortion; sky is as far as what is farthest."""
        return [self._one(rgb, found) for rgb, found in zip(photos, self._model.predict(photos), strict=True)]

    def _one(self, rgb: Float[ndarray, "h w 3"], found: RelativeDepth) -> RelativeDepth:
        # The oracle's affine map is undone by a fit to the true disparity.
        disparity = 1 / self._known.truth_of(rgb).depth_m
        seen = disparity > 0
        scale, shift = np.polyfit(disparity[seen], found.values[seen], 1)
        own = np.maximum((found.values - shift) / scale, disparity[seen].min())
        return RelativeDepth(1 / own, "depth")


@dataclass(frozen=True)
class PocketScenes:
    """Scenes to measure on: the first, from a seed on, in which people could stand in view.

    Attributes:
        count: how many.
        bank_path: bodies.
        out: renders are kept in ``out/scenes``.
        workers: processes that draw and render.
        first_seed: ``FIRST_SEED`` for the test; other seeds to choose anything by.
    """

    count: int
    bank_path: Path
    out: Path
    workers: int = 1
    first_seed: int = FIRST_SEED

    def __post_init__(self) -> None:
        """Refuse numbers that cannot work."""
        for flag, value in (("--scenes", self.count), ("--workers", self.workers)):
            if value < 1:
                raise InputError(f"{flag} is {value}: expected at least 1")
        if self.first_seed < 0:
            raise InputError(f"--first-seed is {self.first_seed}: expected at least 0")

    def seeds(self, progress: Progress) -> list[int]:
        """Return the seeds of the scenes."""
        chosen: list[int] = []
        seeds = itertools.count(self.first_seed)
        while len(chosen) < self.count:
            missing = self.count - len(chosen)
            jobs = [(next(seeds), self.bank_path) for _ in range(missing + missing // 4 + 1)]
            found = []
            for done, answer in enumerate(in_processes(has_room, jobs, workers=self.workers), start=1):
                found.append(answer)
                progress("choosing scenes,", done / len(jobs))
            chosen += [seed for seed, room in sorted(found) if room]
        return chosen[: self.count]


def has_room(job: tuple[int, Path]) -> tuple[int, bool]:
    """Return whether ``MIN_PLACES`` people could stand in view of a scene's camera.

    Args:
        job: seed of the scene, and the bank.

    Returns:
        The seed, and the answer.
    """
    seed, bank_path = job
    bank = _bank(bank_path)
    scene = draw_scene(seed, bank, split=SPLIT, size=SIZE)
    return seed, len(free_people(scene, bank, split=SPLIT, count=2 * MIN_PLACES, seed=0)) >= MIN_PLACES


@lru_cache(maxsize=1)
def _bank(path: Path) -> BodyBank:
    return load_bank(path)


class OracleBench:
    """Drawn scenes and oracle models, which know the truth and err by a given noise.

    Args:
        seeds: of the scenes.
        bank: bodies.
        noise: of all oracles.
        size: (width, height) pixels.
        as_published: relative depth and people are those of the published models: values from 0 in a unit of their own,
            and painted people measured; else as the preset has it.
    """

    def __init__(
        self,
        seeds: Sequence[int],
        bank: BodyBank,
        noise: NoiseName,
        *,
        size: tuple[int, int] = SIZE,
        as_published: bool = True,
    ) -> None:
        self.title = f"SIMULATED: {len(seeds)} scenes of the pocket world, oracle models, noise {noise!r}"
        self.dataset = "pocket"
        self.names: Sequence[str] = tuple(f"scene-{seed}" for seed in seeds)
        self.base = replace(
            preset("pocket"), name="pocket", relative_depth=ORACLE, person_segmenter=ORACLE, human_mesh=ORACLE,
            painter=ORACLE,
        )  # fmt: skip
        if as_published:
            self.base = replace(self.base, painted_people="measured")
        self._rules = PAPER.of("pocket")
        self._noise = NOISES[noise]
        self.settings: Mapping[str, object] = {
            "oracles": noise,
            "noise": repr(self._noise),
            "first seed": FIRST_SEED,
            "size": list(size),
            "unit": UNIT,
            "as published": as_published,
        }
        self._seeds = dict(zip(self.names, seeds, strict=True))
        self._bank = bank
        self._size = size
        self._as_published = as_published
        self._space: Space = "disparity"
        self._known = KnownPictures()

    def load(self, config: Config) -> None:
        """Choose the oracle of relative depth."""
        self._space = "depth" if config.relative_depth == ORACLE_DEPTH else "disparity"

    def view(self, name: str) -> EvaluationView:
        """Draw one scene."""
        scene = draw_scene(self._seeds[name], self._bank, split=SPLIT, size=self._size)
        self._known = KnownPictures()
        photo = self._known.add_photo(scene, unlit(scene))
        depth_m = self._known.truth_of(photo.rgb).depth_m
        truth_m = np.where(np.isfinite(depth_m), depth_m, 0.0)
        low, high = self._rules.min_m, self._rules.max_m
        return EvaluationView(name, photo, truth_m, (truth_m > low) & (truth_m < high), low, high, scene.layout.kind)

    def subject(self, seen: EvaluationView) -> BenchSubject:
        """Return the scene with its oracles; they forget it with the next one."""
        memory = Memory()
        oracle = OracleRelativeDepth(self._known, noise=self._noise.relative)
        depth: RelativeDepthModel = oracle if self._space == "disparity" else InOtherSpace(oracle, self._known)
        oracle_people = OraclePeople(self._known, self._bank, noise=self._noise.people)
        people = RememberingPeople(oracle_people, oracle_people, memory)
        painter = RememberingPainter(OraclePainter(self._known, self._bank, split=SPLIT), memory)
        remembering: RelativeDepthModel = RememberingRelativeDepth(depth, memory)
        relative = FromZero(remembering, unit=UNIT) if self._as_published else remembering
        return BenchSubject(seen, Models(relative, people, people), painter, memory)


def trained_bench(
    seeds: Sequence[int],
    scenes: PocketScenes,
    base: Config,
    store: Store | None,
    *,
    protocol: Protocol = PAPER,
    as_published: bool = True,
    progress: Progress,
) -> DatasetBench:
    """Render scenes without people, and return them with the models of a preset.

    Args:
        seeds: of the scenes.
        scenes: where renders are kept, with which bodies.
        base: the preset.
        store: answers of the models; None to keep none.
        protocol: which pixels are scored.
        as_published: relative depth counts from 0, as that of the published models; else as the preset has it.
        progress: called with what is being done and the fraction done.
    """
    folder = scenes.out / "scenes"
    options = SceneOptions(SPLIT, *SIZE, people="none")
    export_scenes(seeds, folder, scenes.bank_path, options=options, workers=scenes.workers, progress=progress)
    rendered = open_dataset("pocket", folder)
    names = [scene_folder(folder, seed).name for seed in seeds]
    dataset = replace(rendered, frames={name: rendered.frames[name] for name in names})
    title = f"SIMULATED: {len(seeds)} scenes of the pocket world, models of preset {base.name}"
    return DatasetBench(dataset, protocol, base, store, title=title, adapt=FromZero if as_published else None)
