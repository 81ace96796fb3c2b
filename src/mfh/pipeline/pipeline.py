"""One photo in, metric depth out: the method's steps, top to bottom. The last two are in ``conclusion``.

The pipeline reads no files but the photo, draws nothing, and knows no model by name.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from mfh.config import Config, changed, preset
from mfh.errors import InputError, NoLandmarkError, Rejected
from mfh.models.protocols import (
    ChoosyPainter,
    FieldOfViewModel,
    GuidedPainter,
    HumanMeshModel,
    ObjectDetector,
    Painter,
    PersonSegmenter,
    RelativeDepthModel,
    RgbOfAnySize,
    ScalePrior,
)
from mfh.models.registry import CONFIG_FIELDS, OPTIONAL_ROLES, Role, load_models, load_optional, names_of
from mfh.pipeline.conclude import conclude
from mfh.pipeline.inference import Models
from mfh.pipeline.look import Observed, Observer, Watch, observe
from mfh.pipeline.messages import (
    describe,
    no_person_found,
    no_scale_in_view,
    not_painted,
    why_no_painting,
)
from mfh.pipeline.painting import PaintingRun, Solve, on_photo, paint_people
from mfh.pipeline.request import Request, check_is_request, check_photo, check_request
from mfh.pipeline.solve import Solution, heights_so_far, solve, suffices
from mfh.scale.interval import people_share
from mfh.scale.known_sizes import KnownSizes
from mfh.scale.range_prior import region_range
from mfh.types import Evidence, MeasuredPainting, MetricDepth, Photo, RelativeDepth, any_used
from mfh.types.observations import Gathered


class MetricFromHuman:
    """Metric depth of a photo from a relative-depth model and the people in, or painted into, it.

    Args:
        config: everything that decides the answer.
        relative_depth: depth up to an affine map.
        person_segmenter: finds people.
        human_mesh: measures them in metres; may be the same object.
        painter: paints people; None for none.
        field_of_view: asked for the focal length where the photo does not say it; None takes the photo's default.
        object_detector: finds everyday objects; None for none.
        scale_prior: predicts the size of the view from the photo as a whole; None for none.
        missing_objects: why there is no object detector although the configuration names one; else empty.

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
        field_of_view: FieldOfViewModel | None = None,
        object_detector: ObjectDetector | None = None,
        scale_prior: ScalePrior | None = None,
        missing_objects: str = "",
    ) -> None:
        _check_painter(config, painter)
        self.config = config
        self.relative_depth = relative_depth
        self.person_segmenter = person_segmenter
        self.human_mesh = human_mesh
        self.painter = _guided(painter, config)
        self.field_of_view = field_of_view
        self.object_detector = object_detector
        self.scale_prior = scale_prior
        self.missing_objects = missing_objects

    @classmethod
    def from_preset(
        cls, name: str = "pocket", *, models: Mapping[Role, Any] | None = None, **overrides: Any
    ) -> "MetricFromHuman":
        """Make the pipeline of a named preset, with its models.

        Args:
            name: the preset.
            models: role -> model to use instead of the preset's; the others are loaded.
            **overrides: fields of :class:`mfh.config.Config` to change, e.g. ``people="only"``, ``seed=3``.

        Raises:
            InputError: for an unknown preset, field or model.
            BackendError: where a package is missing.
            WeightsError: where a model's files are missing.
        """
        return cls.from_config(changed(preset(name), **overrides), models=models)

    @classmethod
    def from_config(cls, config: Config, *, models: Mapping[Role, Any] | None = None) -> "MetricFromHuman":
        """Make the pipeline of a configuration, with its models.

        Args:
            config: everything that decides the answer.
            models: role -> model to use instead of the configuration's; the others are loaded.

        Raises:
            InputError: for an unknown model, or people to be painted without a painter.
            BackendError: where a package is missing.
            WeightsError: where a model's files are missing.
        """
        if config.painter is None and not (models or {}).get("painter"):
            # The constructor refuses it too; this way no model is loaded first.
            _check_painter(config, None)
        given = dict(models or {})
        if unknown := [role for role in given if role not in CONFIG_FIELDS]:
            raise InputError(f"models has {unknown[0]!r}: expected roles, of {', '.join(CONFIG_FIELDS)}")
        names: dict[Role, str] = {role: model for role, model in names_of(config).items() if role not in given}
        required: dict[Role, str] = {role: model for role, model in names.items() if role not in OPTIONAL_ROLES}
        loaded = load_models(required)
        missing = ""
        if "object_detector" in names:
            loaded["object_detector"], missing = load_optional("object_detector", names["object_detector"])
        return cls(config, **{**loaded, **given}, missing_objects=missing)

    @property
    def observer(self) -> Observer:
        """The models that observe a photo before anything is painted."""
        models = Models(self.relative_depth, self.person_segmenter, self.human_mesh, cuts_sky=self.config.gates)
        return Observer(
            self.config,
            models,
            self.field_of_view,
            self.object_detector,
            self.scale_prior,
            self.missing_objects,
            self._refused,
        )

    def __call__(self, photo: Photo | str | os.PathLike[str], request: Request = Request()) -> MetricDepth:
        """Measure one photo.

        Args:
            photo: a photo with its camera, or the path of a picture file.
            request: known sizes, a region, lengths to measure, and reports of progress.

        Returns:
            Metric depth at the photo's own resolution, with all it rests on.

        Raises:
            NoLandmarkError: where no person and no known size gives a scale, with what was tried.
            InputError: for a photo, camera, region, length or known size that cannot be used.
            BackendError: where a model breaks its contract.
        """
        gathered = self.gather(photo, request)
        if request.progress is not None:
            request.progress("fit", 0.95)
        return conclude(gathered, head=self.config.head, known=request.known)

    def gather(self, photo: Photo | str | os.PathLike[str], request: Request = Request()) -> Gathered:
        """Run the models on one photo: steps 1 to 3, without an answer yet.

        Args:
            photo: a photo with its camera, or the path of a picture file.
            request: as for a call; people are painted beside known sizes only with people="paint".

        Returns:
            What :func:`mfh.pipeline.conclude.conclude` needs, for this camera or another.

        Raises:
            NoLandmarkError, InputError, BackendError: as for a call.
        """
        check_is_request(request)
        if not isinstance(photo, (Photo, str, os.PathLike)):
            raise InputError(
                f"the photo is a {type(photo).__name__}: expected a path or a Photo (photo_from_array(rgb) makes one)"
            )
        if not isinstance(photo, Photo):
            from mfh.io.photo import load_photo

            photo = load_photo(os.fspath(photo))
        check_photo(photo)
        check_request(photo, request.region, request.lengths)
        watch = Watch(request.progress)

        # 1, 2. Relative depth; people and objects of known size already in the photo.
        return self.complete(observe(self.observer, photo, watch), request, watch)

    def complete(self, observed: Observed, request: Request, watch: Watch | None = None) -> Gathered:
        """Return what was gathered from what was seen in a photo, painting people where that does not suffice.

        Args:
            observed: what was seen in the photo; its evidence may be that of more pictures of the same scene, aligned.
            request: as for a call.
            watch: takes the time.

        Raises:
            NoLandmarkError, InputError, BackendError: as for a call.
        """
        known, watch = request.known, watch or Watch(request.progress)
        photo, view, relative = observed.photo, observed.view, observed.relative
        evidence, tried = [*observed.evidence], [*observed.tried]

        # 3. Where they do not suffice, paint people into it, measure them there, and align the paintings (Eqs. 6, 7) or
        #    look where their feet meet the photo's own ground.
        run = PaintingRun()
        if not self._suffices(photo, relative, evidence, known):
            if self.painter is None or self.config.people == "only":
                tried.append(why_no_painting(self.config))
            elif (refused := self._refused(view.rgb)) is not None:
                tried.append(not_painted(refused))
                if not known and not any_used(evidence):
                    raise NoLandmarkError(no_scale_in_view(photo, tried), tried=tuple(tried))
            else:
                if request.region is not None:
                    # A region without relative depth is refused before anything is painted.
                    region_range(relative, request.region)
                run = paint_people(
                    self.painter,
                    self.observer.models,
                    view,
                    observed.seen,
                    config=self.config,
                    stage=watch.stage,
                    solve=self._solver(photo, relative, tuple(evidence), known),
                    region=request.region,
                    on_painting=request.on_painting,
                )
                run = replace(run, evidence=tuple(on_photo(one, view, photo) for one in run.evidence))
                evidence += run.evidence
                tried.append(describe(f"{len(run.evidence)} paintings ({run.ended_by})", run.evidence))
        if not any_used(evidence) and not known:
            message = no_person_found(photo, self.config, tried, has_painter=self.painter is not None)
            raise NoLandmarkError(message, tried=tuple(tried))

        return self._gathered(photo, relative, evidence, run, request, watch.seconds)

    def _suffices(self, photo: Photo, relative: RelativeDepth, evidence: Sequence[Evidence], known: KnownSizes) -> bool:
        """Return whether the evidence determines the depth well enough without painting people."""
        if self.config.people == "paint":
            return False
        if known or not any_used(evidence):
            return bool(known)
        try:
            return suffices(self._solver(photo, relative, evidence, known)([]), self.config)
        except NoLandmarkError:
            # The paper's head has no minimum where people's relative depth is the same everywhere.
            return False

    def _gathered(
        self,
        photo: Photo,
        relative: RelativeDepth,
        evidence: Sequence[Evidence],
        run: PaintingRun,
        request: Request,
        seconds: dict[str, float],
    ) -> Gathered:
        """Put what the models found together, with what the answer needs of them."""
        return Gathered(
            photo=photo,
            relative=relative,
            evidence=tuple(evidence),
            preset=self.config.name,
            models=self._model_names(photo),
            seed=self.config.seed,
            attempts=len(run.evidence),
            ended_by=run.ended_by,
            shared_log_sigma=self._shared_log_sigma(run.evidence),
            shape_log_sigma=self.relative_depth.shape_log_sigma,
            provenance=self.painter.provenance if run.evidence and self.painter is not None else "",
            max_depth_m=self.config.max_depth_m,
            seconds=seconds,
            region=request.region,
            lengths=tuple(request.lengths),
            paintings=tuple(
                MeasuredPainting(number, painting.rgb, painting.paint_mask, one.landmarks, meshes)
                for number, (one, (painting, meshes)) in enumerate(zip(run.evidence, run.kept, strict=False))
            ),
        )

    def _solver(self, photo: Photo, relative: RelativeDepth, before: Sequence[Evidence], known: KnownSizes) -> Solve:
        """Return what fits scale and shift while people are painted: exactly as the answer will be fitted."""

        def so_far(painted: Sequence[Evidence]) -> Solution:
            evidence = [*before, *painted]
            known_so_far = heights_so_far(known, evidence)
            solution = solve(
                evidence,
                relative,
                photo,
                head=self.config.head,
                known=known_so_far,
                shared_log_sigma=self._shared_log_sigma(painted),
                shape_log_sigma=self.relative_depth.shape_log_sigma,
            )
            return replace(solution, incomplete=len(known_so_far.heights) < len(known.heights))

        return so_far

    def _refused(self, rgb: RgbOfAnySize) -> Rejected | None:
        """Ask the painter whether people painted into this photo would say anything, where it can tell."""
        painter = self.painter
        return painter.refuses(rgb) if self.config.gates and isinstance(painter, ChoosyPainter) else None

    def _shared_log_sigma(self, painted: Sequence[Evidence]) -> float:
        """Return what all people are wrong by together: in the mesh model's eyes, or in the painter's."""
        if painted and self.painter is not None:
            return people_share(painted, self.painter.shared_log_sigma)
        return self.human_mesh.shared_log_sigma

    def _model_names(self, photo: Photo) -> dict[str, str]:
        looks_at_photo = self.config.people != "paint"
        models = {
            "relative_depth": self.relative_depth,
            "person_segmenter": self.person_segmenter,
            "human_mesh": self.human_mesh,
            "painter": self.painter,
            "object_detector": self.object_detector if looks_at_photo else None,
            "scale_prior": self.scale_prior if looks_at_photo else None,
            "field_of_view": self.field_of_view if photo.focal.source == "estimated" else None,
        }
        return {role: model.name for role, model in models.items() if model is not None}


def _guided(painter: Painter | None, config: Config) -> Painter | None:
    """Return the painter with the guidance and steps of the configuration, where it states any."""
    chosen = {"guidance_scale": config.painting.guidance_scale, "steps": config.painting.steps}
    if painter is None or all(value is None for value in chosen.values()):
        return painter
    if not isinstance(painter, GuidedPainter):
        raise InputError(
            f"guidance and steps (--guidance-scale, --steps) are of painters by diffusion, and {painter.name} is none: "
            "leave them out, or name another painter"
        )
    return painter.with_guidance(**chosen)


def _check_painter(config: Config, painter: Painter | None) -> None:
    if config.people == "paint" and painter is None:
        raise InputError(
            f'people="paint" (--people paint) needs a painter, and preset {config.name!r} has none: name one '
            '(painter=, --painter), or use people="auto" or "only" (--people auto) with a photo that has people in it'
        )
