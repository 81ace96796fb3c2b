"""Success and failure of pseudo ground truth (App. D.1), measured on every painting, as the paper groups them.

The paper names three kinds of failure by eye. Here each is a number with a limit: no painting is chosen by its looks.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.errors import NoLandmarkError
from mfh.geometry.rasterize import rasterize_depth
from mfh.landmarks.bodies import judge_people
from mfh.pipeline.painting import canvas_of, paint_people
from mfh.scale.head import fit_silog_head
from mfh.types import Camera, Evidence, HumanMesh, MeasuredPainting, MetricHead, Person, RelativeDepth
from mfh_lab.evaluation.remember import AttemptClock
from mfh_lab.paper.bench import Bench
from mfh_lab.paper.grid import Cell
from mfh_lab.paper.measure import head_depth, true_evidence

Kind = Literal["not a human", "out of proportion", "bodies penetrate", "success", "in between"]
FAILURES: tuple[Kind, ...] = ("not a human", "out of proportion", "bodies penetrate")
KINDS: tuple[Kind, ...] = (*FAILURES, "success", "in between")

MIN_OVERLAP = 0.5
"""Intersection over union of the person that was found and the body: below it, the body is of no human there."""
PROPORTIONATE, OUT_OF_PROPORTION = 1.25, 1.5
"""Factor between a person's distance by the body and by the place in the scene: up to the one a success, beyond the
other out of proportion."""
TOUCH_M, MAX_TOUCHING = 0.03, 0.02
"""Two bodies penetrate where more than this share of one is this near to the other's surface."""
_EVERY_VERTEX = 5


@dataclass(frozen=True)
class Case:
    """One painting with its pseudo ground truth.

    Attributes:
        photo: name of the sample.
        number: of the painting.
        kind: failure, success, or neither.
        overlap: least intersection over union of a person and the body.
        factor: distance by the body over distance by the place in the scene, farthest from 1; NaN where it has none.
        touching: largest share of a body that is at another one's surface; 0 for a single body.
        rgb: (h, w, 3) the photo, at the size of the painting.
        camera: of that size.
        painting: with its people.
        depth_m: (h, w) pseudo ground truth; infinite where there is none.
    """

    photo: str
    number: int
    kind: Kind
    overlap: float
    factor: float
    touching: float
    rgb: Float[ndarray, "h w 3"]
    camera: Camera
    painting: MeasuredPainting
    depth_m: Float[ndarray, "h w"]

    @property
    def reason(self) -> str:
        """What was measured, a short line each."""
        parts = [f"body and person overlap {self.overlap:.0%}"]
        if not np.isnan(self.factor):
            parts.append(f"distance ×{self.factor:.2f} of the scene's")
        if self.touching:
            parts.append(f"{self.touching:.0%} at another's surface")
        return "\n".join(parts)


@dataclass(frozen=True)
class Cases:
    """All paintings that were judged.

    Attributes:
        found: those with a pseudo ground truth, in the dataset's order.
        without: paintings that have none: no body was measured, or it covers nothing of the person.
        faults: photos that could not be painted, with the reason.
    """

    found: tuple[Case, ...]
    without: int
    faults: dict[str, str]

    def count(self, kind: Kind) -> int:
        """Return how many paintings are of a kind."""
        return sum(one.kind == kind for one in self.found)


def find_cases(bench: Bench, *, paintings: int, seed: int, progress: Callable[[str, float], None]) -> Cases:
    """Paint into every photo as the paper does, and judge every pseudo ground truth.

    Args:
        bench: photos with their models loaded here.
        paintings: a photo.
        seed: of the paintings.
        progress: called with what is being done and the fraction done.

    Raises:
        MfhError: where a model is not there.
    """
    cell = Cell(("cases",), paintings=paintings, painted_people="measured")
    bench.load(cell.configured(bench.base))
    found: list[Case] = []
    faults: dict[str, str] = {}
    without = 0
    for number, name in enumerate(bench.names):
        progress(f"{name},", number / len(bench.names))
        for case in _of_photo(bench, cell, name, seed=seed):
            if case is None:
                without += 1
            elif isinstance(case, str):
                faults[name] = case
            else:
                found.append(case)
    return Cases(tuple(found), without, faults)


def choose(cases: Sequence[Case], *, each: int) -> list[Case]:
    """Return the first of each failure, and the first successes, one a photo where there are enough.

    Args:
        cases: in the dataset's order.
        each: successes, and as many failures in all where the kinds suffice.
    """
    chosen: list[Case] = []
    for kinds, count in (*(((kind,), 1) for kind in FAILURES), (("success",), each)):
        own = [one for one in cases if one.kind in kinds]
        fresh = list({one.photo: one for one in reversed(own)}.values())[::-1]
        chosen += [*fresh, *(one for one in own if one not in fresh)][:count]
    return chosen


def _of_photo(bench: Bench, cell: Cell, name: str, *, seed: int) -> Iterator[Case | str | None]:
    """Yield the cases of one photo; None for a painting without a body, a sentence for a photo without a scale."""
    view = bench.view(name)
    subject = bench.subject(view)
    config = replace(cell.configured(bench.base), seed=seed, keep_paintings=True, gates=False)
    relative = subject.models.predict_depth(view.photo.rgb)
    try:
        truth = fit_silog_head([true_evidence(view, relative)], relative, config=cell.head_config)
    except NoLandmarkError as error:
        yield str(error)
        return
    clock = AttemptClock(subject.memory)
    run = paint_people(subject.painter, subject.models, view.photo, relative, config=config, stage=clock.stage)
    canvas, _ = canvas_of(view.photo, relative, max_pixels=config.painting.max_pixels)
    for number, ((painting, meshes), evidence) in enumerate(zip(run.kept, run.evidence, strict=True)):
        # Remembered: the very answers that the evidence is made of; without gates, of the whole picture.
        (people,) = subject.models.find_people([painting.rgb])
        sighting = subject.models.measure(
            painting.rgb, people, canvas.camera, f"painting {number}", painting.paint_mask
        )
        judged = judge_people(sighting, canvas.camera, max_depth_m=config.max_depth_m, gates=False)
        bodies = [(person, mesh) for person, mesh in zip(people, meshes, strict=True) if _is_body(mesh)]
        given = judged.truth.person_index >= 0
        if not (bodies and given.any()):
            yield None
            continue
        overlap = min(_overlap(person, mesh, canvas.camera) for person, mesh in bodies)
        factor = _factor(evidence, truth, relative)
        touching = _touching([mesh for _, mesh in bodies if mesh is not None])
        measured = MeasuredPainting(number, painting.rgb, painting.paint_mask, judged.landmarks, tuple(meshes))
        kind = judge(overlap, factor, touching)
        depth_m = np.where(given, judged.truth.depth_m, np.inf)
        yield Case(name, number, kind, overlap, factor, touching, canvas.rgb, canvas.camera, measured, depth_m)


def judge(overlap: float, factor: float, touching: float) -> Kind:
    """Return what kind of case a painting is.

    Args:
        overlap: least intersection over union of a person and the body.
        factor: distance by the body over distance by the scene; NaN for none.
        touching: largest share of a body at another one's surface.
    """
    if overlap < MIN_OVERLAP:
        return "not a human"
    if touching > MAX_TOUCHING:
        return "bodies penetrate"
    if np.isnan(factor):
        return "in between"
    apart = max(factor, 1 / factor)
    if apart > OUT_OF_PROPORTION:
        return "out of proportion"
    return "success" if apart <= PROPORTIONATE else "in between"


def _is_body(mesh: HumanMesh | None) -> bool:
    return mesh is not None and bool(np.isfinite(mesh.vertices_m).all())


def _overlap(person: Person, mesh: HumanMesh | None, camera: Camera) -> float:
    assert mesh is not None
    silhouette = np.isfinite(rasterize_depth(mesh.vertices_m, mesh.faces, camera))
    union = np.count_nonzero(silhouette | person.instance_mask)
    return float(np.count_nonzero(silhouette & person.instance_mask) / union) if union else 0.0


def _factor(evidence: Evidence, truth: MetricHead, relative: RelativeDepth) -> float:
    """Return by how much a person's body is farther than the scene says, of the person who is farthest off."""
    factors = [float("nan")]
    for index in np.unique(evidence.person):
        own = evidence.person == index
        place_m = head_depth(RelativeDepth(evidence.relative[own][None], relative.space), truth)
        known = np.isfinite(place_m[0])
        if known.any():
            factors.append(float(np.median(evidence.depth_m[own][known] / place_m[0][known])))
    return max(factors[1:], key=lambda one: abs(np.log(one)), default=factors[0])


def _touching(bodies: Sequence[HumanMesh]) -> float:
    """Return the largest share of a body's vertices that are at the surface of another one."""
    clouds = [body.vertices_m[::_EVERY_VERTEX] for body in bodies]
    shares = [0.0]
    for number, one in enumerate(clouds):
        for other in clouds[number + 1 :]:
            if (one.min(axis=0) - TOUCH_M > other.max(axis=0)).any() or (
                other.min(axis=0) - TOUCH_M > one.max(axis=0)
            ).any():
                continue
            apart = np.sqrt(((one[:, None] - other[None]) ** 2).sum(axis=-1))
            shares += [float((apart.min(axis=axis) < TOUCH_M).mean()) for axis in (0, 1)]
    return max(shares)
