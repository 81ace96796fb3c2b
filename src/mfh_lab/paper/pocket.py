"""The pocket world as a bench: drawn scenes with oracle models, or rendered ones with the models in the package.

Everything measured here is simulated, and titles say so.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.config import Config, preset
from mfh.io.written import own_path
from mfh.models.protocols import RelativeDepthModel
from mfh.pipeline.inference import Models
from mfh.types import RelativeDepth, Space
from mfh_lab.evaluation.datasets.registry import open_dataset
from mfh_lab.evaluation.pocket_subjects import FIRST_SEED, NOISES, SIZE, SPLIT, NoiseName
from mfh_lab.evaluation.protocols import PAPER, Protocol
from mfh_lab.evaluation.remember import Memory, RememberingPainter, RememberingPeople, RememberingRelativeDepth
from mfh_lab.evaluation.run import Benchmark, choose_scenes
from mfh_lab.evaluation.store import Store
from mfh_lab.evaluation.view import View
from mfh_lab.paper.bench import DatasetBench, Subject
from mfh_lab.paper.grid import Cell, Grid
from mfh_lab.paper.tables import target_cells
from mfh_lab.pocket.world.bodies import BodyBank, load_bank
from mfh_lab.pocket.world.export_scenes import SceneOptions, export_scenes, scene_folder
from mfh_lab.pocket.world.oracle_painter import OraclePainter
from mfh_lab.pocket.world.oracles import KnownPictures, OraclePeople, OracleRelativeDepth, unlit
from mfh_lab.pocket.world.scenes import draw_scene

Progress = Callable[[str, float], None]
ORACLE = "oracle"
ORACLE_DEPTH = "oracle-depth"
"""Names that stand for an oracle of disparity, as of Depth Anything, and of depth, as of Marigold."""
UNIT = 10.0
"""Oracles' relative depth in units of its own: Depth Anything's output is of the order of ten, metric disparity of a
few tenths. Without it a scale fixed to 1 would be right by accident."""


class FromZero:
    """A relative-depth model in the convention of the published ones: never negative, 0 at the end of its range.

    Depth Anything's last layer is a ReLU, so that 0 is the farthest it can say. For a head with a free shift this
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
        # The oracle's affine map is undone where it can be: by what it says of the two ends of the true range.
        disparity = 1 / self._known.truth_of(rgb).depth_m
        seen = disparity > 0
        scale, shift = np.polyfit(disparity[seen], found.values[seen], 1)
        own = np.maximum((found.values - shift) / scale, disparity[seen].min())
        return RelativeDepth(1 / own, "depth")


@dataclass(frozen=True)
class Scenes:
    """Which scenes to measure on.

    Attributes:
        count: scenes of the test seeds, from the first in which people could stand.
        bank_path: bodies.
        out: renders are kept in ``out/scenes``.
        workers: processes that render.
    """

    count: int
    bank_path: Path
    out: Path
    workers: int = 1

    def seeds(self, progress: Progress) -> list[int]:
        """Return the seeds of the scenes."""
        wanted = Benchmark(self.count, (1,), 1, (), self.bank_path, self.out, self.workers)
        return choose_scenes(wanted, progress=progress)


class OracleBench:
    """Drawn scenes and oracle models, which know the truth and err as told.

    Args:
        seeds: of the scenes.
        bank: bodies.
        noise: of all oracles.
        size: (width, height) pixels.
    """

    def __init__(self, seeds: Sequence[int], bank: BodyBank, noise: NoiseName, *, size: tuple[int, int] = SIZE) -> None:
        self.title = f"SIMULATED: {len(seeds)} scenes of the pocket world, oracle models, noise {noise!r}"
        self.dataset = "pocket"
        self.names: Sequence[str] = tuple(f"scene-{seed}" for seed in seeds)
        self.base = replace(
            preset("pocket"), name="pocket", relative_depth=ORACLE, person_segmenter=ORACLE, human_mesh=ORACLE,
            painter=ORACLE, painted_people="measured",
        )  # fmt: skip
        self._rules = PAPER.of("pocket")
        self._noise = NOISES[noise]
        self.settings: Mapping[str, object] = {
            "oracles": noise,
            "noise": repr(self._noise),
            "first seed": FIRST_SEED,
            "size": list(size),
            "unit": UNIT,
        }
        self._seeds = dict(zip(self.names, seeds, strict=True))
        self._bank = bank
        self._size = size
        self._space: Space = "disparity"
        self._known = KnownPictures()

    def load(self, config: Config) -> None:
        """Choose the oracle of relative depth."""
        self._space = "depth" if config.relative_depth == ORACLE_DEPTH else "disparity"

    def view(self, name: str) -> View:
        """Draw one scene."""
        scene = draw_scene(self._seeds[name], self._bank, split=SPLIT, size=self._size)
        self._known = KnownPictures()
        photo = self._known.add_photo(scene, unlit(scene))
        depth_m = self._known.truth_of(photo.rgb).depth_m
        truth_m = np.where(np.isfinite(depth_m), depth_m, 0.0)
        low, high = self._rules.min_m, self._rules.max_m
        return View(name, photo, truth_m, (truth_m > low) & (truth_m < high), low, high)

    def subject(self, seen: View) -> Subject:
        """Return the scene with its oracles; they forget it with the next one."""
        memory = Memory()
        oracle = OracleRelativeDepth(self._known, noise=self._noise.relative)
        depth: RelativeDepthModel = oracle if self._space == "disparity" else InOtherSpace(oracle, self._known)
        oracle_people = OraclePeople(self._known, self._bank, noise=self._noise.people)
        people = RememberingPeople(oracle_people, oracle_people, memory)
        painter = RememberingPainter(OraclePainter(self._known, self._bank, split=SPLIT), memory)
        models = Models(FromZero(RememberingRelativeDepth(depth, memory), unit=UNIT), people, people)
        return Subject(seen, models, painter, memory)


def oracle_bench(scenes: Scenes, noise: NoiseName, *, progress: Progress) -> OracleBench:
    """Return drawn scenes with oracle models.

    Args:
        scenes: which.
        noise: of the oracles.
        progress: called with what is being done and the fraction done.
    """
    return OracleBench(scenes.seeds(progress), load_bank(scenes.bank_path), noise)


def trained_bench(
    scenes: Scenes, base: Config, store: Store, *, protocol: Protocol = PAPER, progress: Progress
) -> DatasetBench:
    """Render scenes without people, and return them with the models of a preset.

    Args:
        scenes: which.
        base: the preset.
        store: answers of the models.
        protocol: what is shown and scored.
        progress: called with what is being done and the fraction done.
    """
    seeds = scenes.seeds(progress)
    folder = scenes.out / "scenes"
    options = SceneOptions(SPLIT, *SIZE, people="none")
    export_scenes(seeds, folder, scenes.bank_path, options=options, workers=scenes.workers, progress=progress)
    split = scenes.out / "scenes.txt"
    with own_path(split) as temporary:
        temporary.write_text("".join(f"{scene_folder(folder, seed).name}\n" for seed in seeds), encoding="utf-8")
    title = f"SIMULATED: {len(seeds)} scenes of the pocket world, models of preset {base.name}"
    dataset = open_dataset("pocket", folder, split=split)
    return DatasetBench(dataset, protocol, base, store, title=title, adapt=FromZero)


def pocket_grid(grid: Grid, *, oracle: bool) -> Grid:
    """Return a grid with what the pocket world adds to it; oracles stand for no published model.

    Args:
        grid: the paper's.
        oracle: for oracle models; else for those in the package.
    """
    cells = tuple(_without_published(cell) for cell in grid.cells) if oracle else grid.cells
    return replace(grid, cells=(*cells, *_ADDED.get((grid.name, oracle), ())))


def _without_published(cell: Cell) -> Cell:
    named = next((name for name in (cell.relative_depth, cell.painter, cell.human_mesh) if name is not None), None)
    if cell.absent or named is None:
        return cell
    return replace(cell, absent=f"an oracle stands for no published model, and this row is about {named}")


_ADDED: dict[tuple[str, bool], tuple[Cell, ...]] = {
    ("table3", True): (
        *target_cells("oracle of disparity", ORACLE),
        *target_cells("oracle of depth", ORACLE_DEPTH),
    ),
    ("table3", False): target_cells("pocket network", "pocket"),
    ("table8", True): (Cell(("oracle painter",), paintings=32),),
    ("table8", False): (Cell(("sprite painter",), paintings=32, painter="sprite"),),
    ("table9", True): (Cell(("oracle bodies",), paintings=32),),
    ("table9", False): (
        Cell(("size known to the sprite painter",), paintings=32, painted_people="known"),
        Cell(("BlazePose",), paintings=32, human_mesh="blazepose", painted_people="measured"),
    ),
}
"""(grid, oracle) -> rows that only the pocket world has."""
