"""What a photo shows before anything is painted: relative depth, and people, objects and a view of known size."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from jaxtyping import Float
from numpy import ndarray

from mfh.config import Config
from mfh.errors import Rejected
from mfh.geometry.camera import view_of
from mfh.landmarks.detector_check import agreement, person_boxes
from mfh.landmarks.objects import object_evidence
from mfh.landmarks.view_size import view_evidence
from mfh.models.protocols import FieldOfViewModel, ObjectDetector, RgbOfAnySize, ScalePrior
from mfh.pipeline.evidence import doubt_lone_person, photo_evidence, with_shared_error
from mfh.pipeline.inference import Models, asking, with_estimated_camera
from mfh.pipeline.messages import describe, objects_not_looked_for
from mfh.pipeline.painting import on_photo
from mfh.pipeline.request import Progress
from mfh.types import Camera, DetectedObject, Evidence, Photo, RelativeDepth


@dataclass
class Watch:
    """Wall seconds by stage, and where the work stands."""

    progress: Progress | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str, fraction: float) -> Iterator[None]:
        """Report the stage and add its time."""
        if self.progress is not None:
            self.progress(name, fraction)
        begin = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - begin


@dataclass(frozen=True)
class Observer:
    """The models that observe a photo.

    Attributes:
        config: everything that decides the answer.
        models: relative depth, people and their bodies.
        field_of_view: asked for the focal length where the photo does not say it; None for its default.
        object_detector: finds everyday objects; None for none.
        scale_prior: predicts the size of the view; None for none.
        missing_objects: why there is no object detector although the configuration names one; else empty.
        refuses: says why people painted into a photo would say nothing; None where they would, or it cannot tell.
    """

    config: Config
    models: Models
    field_of_view: FieldOfViewModel | None
    object_detector: ObjectDetector | None
    scale_prior: ScalePrior | None
    missing_objects: str
    refuses: Callable[[RgbOfAnySize], Rejected | None]


@dataclass(frozen=True)
class Observed:
    """What was seen in a photo.

    Attributes:
        photo: with the camera that was chosen.
        view: what models run on: the photo itself, or means over blocks of a very large one.
        seen: relative depth of the view.
        relative: the same, as of the photo.
        evidence: of people, objects and the size of the view; empty where only painted people count.
        objects: all that the object detector found, in pixels of the view; empty without one.
        tried: what was looked for, and what came of it, in words.
    """

    photo: Photo
    view: Photo
    seen: RelativeDepth
    relative: RelativeDepth
    evidence: tuple[Evidence, ...]
    objects: tuple[DetectedObject, ...]
    tried: tuple[str, ...]


def observe(observer: Observer, photo: Photo, watch: Watch, *, seen: RelativeDepth | None = None) -> Observed:
    """Observe a photo: its focal length, relative depth, people, objects and size.

    Args:
        observer: the models.
        photo: to observe.
        watch: takes the time.
        seen: relative depth of the view, where it is known already.

    Raises:
        BackendError: where a model breaks its contract.
    """
    config, models = observer.config, observer.models
    # 0. The focal length, where it is not known and a model was named to estimate it.
    if observer.field_of_view is not None and photo.focal.source == "default-fov":
        with watch.stage("field of view", 0.0), asking(observer.field_of_view.name):
            photo = with_estimated_camera(photo, observer.field_of_view)

    # Models run on the photo itself, unless it is larger than any of them could use.
    view = view_of(photo)
    rgb = view.rgb

    # 1. Relative depth of the photo.
    if seen is None:
        with watch.stage("relative depth", 0.0):
            seen = models.predict_depth(rgb)
    relative = seen if view is photo else replace(seen, photo_shape=photo.pixels.shape[:2])
    if config.people == "paint":
        return Observed(photo, view, seen, relative, (), (), ())

    # 2. People and objects of known size already in the photo are landmarks without any painting.
    with watch.stage("objects", 0.2):
        detected = _detect(observer.object_detector, rgb)
        finder = "" if observer.object_detector is None else observer.object_detector.name
        objects = object_evidence(detected or (), seen, view.camera, finder=finder, max_depth_m=config.max_depth_m)
    with watch.stage("people", 0.25):
        people = _people(observer, rgb, seen, view.camera, detected)
    tried = [describe("people in the photo", [people])]
    if observer.missing_objects:
        photo = replace(photo, notes=(*photo.notes, objects_not_looked_for(observer.missing_objects)))
    elif observer.object_detector is not None:
        tried.append(describe("objects of known size", [objects]))
    prior = _size_of_view(observer.scale_prior, rgb, seen, view.camera)
    evidence = tuple(on_photo(one, view, photo) for one in (people, objects, prior) if one is not None)
    return Observed(photo, view, seen, relative, evidence, tuple(detected or ()), tuple(tried))


def _people(
    observer: Observer,
    rgb: Float[ndarray, "h w 3"],
    relative: RelativeDepth,
    camera: Camera,
    detected: Sequence[DetectedObject] | None,
) -> Evidence:
    """Find and measure the people in the photo, and pair them with its relative depth."""
    models, config = observer.models, observer.config
    (people,) = models.find_people([rgb], boxes=None if detected is None else [person_boxes(detected)])
    sighting = models.measure(rgb, people, camera, "photo")
    found = photo_evidence(sighting, rgb, relative.values_or_nan, camera, config=config, objects=detected)
    found = with_shared_error(found, models.human_mesh.shared_log_sigma)
    if config.gates:
        agreed = None if detected is None else agreement(people, detected)
        found = doubt_lone_person(found, sighting.min_score, refused=lambda: observer.refuses(rgb), agreement=agreed)
    return found


def _detect(detector: ObjectDetector | None, rgb: Float[ndarray, "h w 3"]) -> list[DetectedObject] | None:
    """Find everyday objects in the photo; None without a detector."""
    if detector is None:
        return None
    with asking(detector.name):
        return detector.detect(rgb)


def _size_of_view(
    prior: ScalePrior | None, rgb: Float[ndarray, "h w 3"], relative: RelativeDepth, camera: Camera
) -> Evidence | None:
    """Pair the predicted size of the view with the photo's relative depth; None without such a prior."""
    if prior is None:
        return None
    with asking(prior.name):
        size = prior.predict(rgb)
    return view_evidence(size, relative, camera, predicted_by=prior.name)
