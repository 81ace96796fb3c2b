"""One photo in, metric depth out: the method's steps, top to bottom.

The pipeline reads no files but the photo, draws nothing, and knows no model by name.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from mfh.config import Config, preset
from mfh.errors import BackendError, InputError, NoLandmarkError, Rejected
from mfh.findings import any_used, describe, nobody_found, warnings_for, why_no_painting
from mfh.geometry.camera import check_camera
from mfh.models.protocols import HumanMeshModel, Painter, PersonSegmenter, RelativeDepthModel
from mfh.models.registry import Role, load_models
from mfh.numerics.agreement import reject_disagreeing
from mfh.numerics.alignment import align_paintings
from mfh.numerics.evidence import Sighting, gather_evidence, reject_everybody
from mfh.numerics.metric_head import apply_head, fit_metric_head
from mfh.numerics.paint_masks import plan_painting
from mfh.types import Camera, Evidence, MetricDepth, Person, Photo, RelativeDepth

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class PaintingRun:
    """What the painting loop found: evidence of every attempt, and why it ended."""

    evidence: tuple[Evidence, ...] = ()
    ended_by: str = ""


@dataclass
class _Watch:
    """Wall seconds by stage, and where the work stands."""

    progress: Progress | None
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str, fraction: float) -> Iterator[None]:
        """Report the stage and add its time."""
        if self.progress is not None:
            self.progress(name, fraction)
        begin = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - begin


class MetricFromHuman:
    """Metric depth of a photo from a relative-depth model and the people in, or painted into, it.

    Args:
        config: everything that decides the answer.
        relative_depth: depth up to an affine map.
        person_segmenter: finds people.
        human_mesh: measures them in metres; may be the same object.
        painter: paints people; None for a configuration without one.

    Raises:
        InputError: where people are to be painted and there is no painter.
    """

    def __init__(
        self,
        config: Config,
        *,
        relative_depth: RelativeDepthModel,
        person_segmenter: PersonSegmenter,
        human_mesh: HumanMeshModel,
        painter: Painter | None = None,
    ) -> None:
        if config.people == "paint" and painter is None:
            raise InputError(
                f'people="paint" needs a painter, and preset {config.name!r} has none: use people="auto" or "only", '
                "with a photo that has people in it"
            )
        self.config = config
        self.relative_depth = relative_depth
        self.person_segmenter = person_segmenter
        self.human_mesh = human_mesh
        self.painter = painter

    @classmethod
    def from_preset(cls, name: str = "pocket", **overrides: Any) -> "MetricFromHuman":
        """Make the pipeline of a named preset, with its models.

        Args:
            name: the preset.
            **overrides: fields of :class:`mfh.config.Config` to change, e.g. ``people="only"``, ``seed=3``.

        Returns:
            The pipeline; models are loaded.

        Raises:
            InputError: for an unknown preset, field or model.
            BackendError: where a package is missing.
            WeightsError: where a model's files are missing.
        """
        base = preset(name)
        known = [one.name for one in fields(Config)]
        for override in overrides:
            if override not in known:
                raise InputError(f"unknown option {override!r}: expected one of {', '.join(known)}")
        config = replace(base, **overrides)
        names: dict[Role, str] = {
            "relative_depth": config.relative_depth,
            "person_segmenter": config.people_finder,
            "human_mesh": config.human_mesh,
        }
        if config.painter is not None:
            names["painter"] = config.painter
        elif config.people == "paint":
            # Said by the constructor too, but there is no need to load models first.
            raise InputError(f'people="paint" needs a painter, and preset {name!r} has none: use people="auto"')
        return cls(config, **load_models(names))

    def __call__(self, photo: Photo | str | os.PathLike[str], *, progress: Progress | None = None) -> MetricDepth:
        """Measure one photo.

        Args:
            photo: a photo with its camera, or the path of a picture file.
            progress: called with the stage and the fraction done.

        Returns:
            Metric depth at the photo's own resolution, with all it rests on.

        Raises:
            NoLandmarkError: where nobody gives a scale, with what was tried.
            InputError: for a photo or camera that cannot be used.
            BackendError: where a model breaks its contract.
        """
        if not isinstance(photo, Photo):
            from mfh.io.photo import load_photo

            photo = load_photo(os.fspath(photo))
        _check_photo(photo)
        watch = _Watch(progress)

        # 1. Relative depth of the photo.
        with watch.stage("relative depth", 0.0):
            (relative,) = self._predict_relative([photo.rgb])

        # 2. People already in the photo are landmarks without any painting.
        evidence: list[Evidence] = []
        tried: list[str] = []
        if self.config.people != "paint":
            with watch.stage("people", 0.3):
                (people,) = self.person_segmenter.segment([photo.rgb])
                sighting = self._measure(photo.rgb, people, photo.camera, "photo")
                evidence.append(self._pair(sighting, relative.values, photo.camera))
                tried.append(describe("people in the photo", evidence))

        # 3. Otherwise paint people into it, align each painting (Eqs. 6, 7) and measure them there.
        run = PaintingRun()
        if not any_used(evidence):
            if self.painter is None or self.config.people == "only":
                tried.append(why_no_painting(self.config))
            else:
                run = self._paint(self.painter, photo, relative, watch)
                evidence += run.evidence
                tried.append(describe(f"{len(run.evidence)} paintings ({run.ended_by})", run.evidence))
        if not any_used(evidence):
            message = nobody_found(photo, self.config, tried, has_painter=self.painter is not None)
            raise NoLandmarkError(message, tried=tuple(tried))

        # 4. Who contradicts the majority is no landmark; then scale and shift from all the rest (Eqs. 5, 8).
        with watch.stage("fit", 0.95):
            evidence = reject_disagreeing(evidence, relative)
            head = fit_metric_head([one for one in evidence if len(one.relative)], relative, config=self.config.head)

        # 5. Apply them to the photo's own relative depth (Eq. 2).
        with watch.stage("apply", 0.98):
            depth_m, valid_mask = apply_head(relative, head, max_depth_m=self.config.max_depth_m)

        landmarks = tuple(landmark for one in evidence for landmark in one.landmarks)
        return MetricDepth(
            depth_m=depth_m,
            valid_mask=valid_mask,
            photo=photo,
            relative=relative,
            head=head,
            landmarks=landmarks,
            preset=self.config.name,
            models=self._model_names(),
            seed=self.config.seed,
            attempts=len(run.evidence),
            paintings=sum(any_used([one]) for one in evidence[len(evidence) - len(run.evidence) :]),
            seconds=watch.seconds,
            warnings=warnings_for(photo, head, landmarks),
        )

    def _predict_relative(self, photos: Sequence[Float[ndarray, "h w 3"]]) -> list[RelativeDepth]:
        """Predict relative depth, and hold the model to its contract."""
        maps = self.relative_depth.predict(photos)
        for rgb, relative in zip(photos, maps, strict=True):
            name = self.relative_depth.name
            if relative.values.shape != rgb.shape[:2]:
                raise BackendError(f"{name} returned {relative.values.shape}: expected the photo's {rgb.shape[:2]}")
            if not np.isfinite(relative.values).all():
                raise BackendError(f"{name} returned values that are not finite: expected relative depth everywhere")
        return maps

    def _paint(self, painter: Painter, photo: Photo, relative: RelativeDepth, watch: _Watch) -> PaintingRun:
        """Paint until enough paintings have usable people, or attempts or time run out: it always ends."""
        limits = self.config.painting
        deadline = time.monotonic() + limits.budget_s
        evidence: list[Evidence] = []
        usable = 0
        while usable < limits.max_paintings:
            if len(evidence) >= limits.max_attempts:
                return PaintingRun(tuple(evidence), f"max_attempts = {limits.max_attempts} reached")
            if time.monotonic() >= deadline:
                return PaintingRun(tuple(evidence), f"budget_s = {limits.budget_s:g} spent")
            # Never more than are still needed: a batch then does just what one at a time would do.
            size = min(limits.batch_size, limits.max_paintings - usable, limits.max_attempts - len(evidence))
            numbers = range(len(evidence), len(evidence) + size)
            done = max(usable / limits.max_paintings, len(evidence) / limits.max_attempts)
            with watch.stage("painting", 0.3 + 0.65 * done):
                batch = self._paint_batch(painter, photo, relative, numbers)
            evidence += batch
            usable += sum(any_used([one]) for one in batch)
        return PaintingRun(tuple(evidence), f"max_paintings = {limits.max_paintings} reached")

    def _paint_batch(
        self, painter: Painter, photo: Photo, relative: RelativeDepth, numbers: Sequence[int]
    ) -> list[Evidence]:
        """Paint, align and measure the paintings of these numbers."""
        height, width = photo.rgb.shape[:2]
        plans = [
            plan_painting(n, seed=self.config.seed, height=height, width=width, config=self.config.painting)
            for n in numbers
        ]
        paintings = painter.paint(
            photo.rgb,
            [plan.paint_mask for plan in plans],
            [plan.prompt for plan in plans],
            [plan.seed for plan in plans],
        )
        maps = self._predict_relative([painting.rgb for painting in paintings])
        found = self.person_segmenter.segment([painting.rgb for painting in paintings])
        paint_masks = [painting.paint_mask for painting in paintings]
        alignments = align_paintings(np.stack([one.values for one in maps]), relative.values, np.stack(paint_masks))
        evidence = []
        for n, painting, painted, people, alignment in zip(numbers, paintings, maps, found, alignments, strict=True):
            sighting = self._measure(painting.rgb, people, photo.camera, f"painting {n}", painting.paint_mask)
            if isinstance(alignment, Rejected):
                evidence.append(reject_everybody(sighting, f"the painting cannot be aligned: {alignment.reason}"))
            else:
                evidence.append(self._pair(sighting, alignment.apply(painted.values), photo.camera))
        return evidence

    def _measure(
        self,
        rgb: Float[ndarray, "h w 3"],
        people: Sequence[Person],
        camera: Camera,
        source: str,
        paint_mask: Bool[ndarray, "h w"] | None = None,
    ) -> Sighting:
        """Measure the people found in one image."""
        meshes = self.human_mesh.measure(rgb, people, camera) if people else []
        return Sighting(people, meshes, source, self.person_segmenter.name, self.human_mesh.name, paint_mask)

    def _pair(self, sighting: Sighting, relative: Float[ndarray, "h w"], camera: Camera) -> Evidence:
        """Pair people's metres with relative depth."""
        return gather_evidence(sighting, relative, camera, max_depth_m=self.config.max_depth_m)

    def _model_names(self) -> dict[str, str]:
        names = {
            "relative_depth": self.relative_depth.name,
            "person_segmenter": self.person_segmenter.name,
            "human_mesh": self.human_mesh.name,
        }
        return names if self.painter is None else {**names, "painter": self.painter.name}


def _check_photo(photo: Photo) -> None:
    camera = check_camera(photo.camera)
    height, width = photo.rgb.shape[:2]
    if (camera.width, camera.height) != (width, height):
        raise InputError(
            f"{photo.name} is {width}x{height} pixels but its camera is for {camera.width}x{camera.height}: "
            "expected the camera of exactly this size"
        )
