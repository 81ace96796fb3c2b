"""The models of one pipeline, held to their contracts: relative depth, people, and their bodies."""

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from mfh.errors import BackendError, MfhError, kind_and_message
from mfh.geometry.camera import camera_from_fov_x, view_of
from mfh.io.one_camera import SharedFocal, aspect
from mfh.landmarks.bodies import Sighting
from mfh.models.protocols import FieldOfViewModel, HumanMeshModel, PersonBoxes, PersonSegmenter, RelativeDepthModel
from mfh.models.relative_depth.range_head import with_likely_range
from mfh.types import Camera, FocalProvenance, Person, Photo, RelativeDepth


@contextmanager
def asking(name: str) -> Iterator[None]:
    """Turn whatever a model stumbles on into an error of that model, in one line.

    Models are other people's code: what they raise on a picture they cannot bear is not known beforehand.

    Args:
        name: of the model.

    Raises:
        BackendError: for any failure but a lack of memory, which says more as it is.
    """
    try:
        yield
    except (MfhError, MemoryError):
        raise
    except Exception as error:
        raise BackendError(
            f"the model {name} failed on this photo ({kind_and_message(error)}): expected an answer; other models can "
            "be named"
        ) from error


@dataclass(frozen=True)
class Models:
    """The models of one pipeline, held to their contracts."""

    relative_depth: RelativeDepthModel
    person_segmenter: PersonSegmenter
    human_mesh: HumanMeshModel
    cuts_sky: bool = False
    """Whether relative depth of a photo is not valid in its sky; a model with ``keeps_sky`` is left as it is."""

    def predict_relative(self, photos: Sequence[Float[ndarray, "_ _ 3"]]) -> list[RelativeDepth]:
        """Predict relative depth.

        Args:
            photos: pictures of any sizes.

        Returns:
            One map per picture.

        Raises:
            BackendError: for a model that fails, a map of another size, or values that are not finite.
        """
        with asking(self.relative_depth.name):
            maps = self.relative_depth.predict(photos)
        for rgb, relative in zip(photos, maps, strict=True):
            name = self.relative_depth.name
            if relative.values.shape != rgb.shape[:2]:
                raise BackendError(f"{name} returned {relative.values.shape}: expected the photo's {rgb.shape[:2]}")
            if not np.isfinite(relative.values).all():
                raise BackendError(f"{name} returned values that are not finite: expected relative depth everywhere")
        return maps

    def predict_depth(self, rgb: Float[ndarray, "h w 3"]) -> RelativeDepth:
        """Predict relative depth of a photo, with how far its depth likely reaches; not valid in the sky.

        Args:
            rgb: the photo.

        Raises:
            BackendError: as for :meth:`predict_relative`.
        """
        (relative,) = self.predict_relative([rgb])
        relative = with_likely_range(relative, shape_log_sigma=self.relative_depth.shape_log_sigma)
        if not self.cuts_sky or relative.valid_mask is not None or getattr(self.relative_depth, "keeps_sky", False):
            return relative
        # Imported with the first photo: it brings OpenCV, and importing the package must stay quick.
        from mfh.models.sky import without_sky

        return without_sky(relative, rgb)

    def find_people(
        self,
        photos: Sequence[Float[ndarray, "_ _ 3"]],
        regions: Sequence[Bool[ndarray, "_ _"] | None] | None = None,
        boxes: Sequence[PersonBoxes | None] | None = None,
    ) -> list[list[Person]]:
        """Find the people in pictures.

        Args:
            photos: pictures of any sizes.
            regions: where to look in each; None for everywhere.
            boxes: person boxes of another detector in each, possibly none; a finder that does not search boxes is not
                given them.

        Raises:
            BackendError: for a finder that fails.
        """
        with asking(self.person_segmenter.name):
            # Not every finder needs to know of regions.
            given: dict[str, Any] = {} if regions is None else {"regions": regions}
            if boxes is not None and getattr(self.person_segmenter, "searches_boxes", False):
                given["boxes"] = boxes
            return self.person_segmenter.segment(photos, **given)

    def measure(
        self,
        rgb: Float[ndarray, "h w 3"],
        people: Sequence[Person],
        camera: Camera,
        source: str,
        paint_mask: Bool[ndarray, "h w"] | None = None,
    ) -> Sighting:
        """Measure the people found in one image.

        Args:
            rgb: the image.
            people: who was found in it.
            camera: its intrinsics.
            source: "photo", or "painting k".
            paint_mask: where it was painted; None for the photo itself.

        Returns:
            The people with their bodies.

        Raises:
            BackendError: for a model that fails.
        """
        with asking(self.human_mesh.name):
            meshes = self.human_mesh.measure(rgb, people, camera) if people else []
        finder = self.person_segmenter
        return Sighting(people, meshes, source, finder.name, self.human_mesh.name, paint_mask, finder.min_score)


NARROWEST_DEG, WIDEST_DEG = 2.0, 150.0
"""No photo a person can be measured in has another horizontal field of view: 1000 mm and 5 mm lenses."""


def with_estimated_camera(photo: Photo, model: FieldOfViewModel) -> Photo:
    """Return the photo with the camera a model sees in it, and a note that says so.

    Args:
        photo: whose focal length is not known.
        model: estimates its field of view.

    Raises:
        BackendError: where the model says a field of view that no such photo has.
    """
    height, width = photo.pixels.shape[:2]
    fov_x_deg = model.fov_x_deg(view_of(photo).rgb)
    if not (math.isfinite(fov_x_deg) and NARROWEST_DEG <= fov_x_deg <= WIDEST_DEG):
        raise BackendError(
            f"{model.name} says that {photo.name} has a field of view of {fov_x_deg:.1f}°: expected {NARROWEST_DEG:g} "
            f"to {WIDEST_DEG:g}; give --fov-x-deg or --focal-px, or leave out --fov-from"
        )
    camera = camera_from_fov_x(fov_x_deg, width=width, height=height)
    note = (
        f"the focal length was estimated from the picture by {model.name} (taken as good to "
        f"{model.relative_sigma:.0%}), and all distances scale with it: give --focal-px if you know it"
    )
    focal = FocalProvenance(
        source="estimated",
        detail=f"estimated by {model.name}: {fov_x_deg:.1f}° horizontal field of view ({camera.fx:.0f} px)",
        relative_sigma=model.relative_sigma,
        notes=(note,),
    )
    return replace(photo, camera=camera, focal=focal)


def pooled_focal(photos: Iterable[Photo], model: FieldOfViewModel) -> SharedFocal:
    """Return the median of the focal lengths that a model sees in photos of one camera.

    Its error is that of one estimate: what a model misjudges in one photo of a camera it misjudges in others.

    Args:
        photos: whose focal length is not known; one at least.
        model: estimates their field of view.

    Raises:
        BackendError: as for :func:`with_estimated_camera`.
    """
    shares: list[float] = []
    focal, shape = None, 1.0
    for photo in photos:
        with asking(model.name):
            seen = with_estimated_camera(photo, model)
        camera, focal = seen.camera, seen.focal
        shares.append(camera.fx / max(camera.width, camera.height))
        shape = aspect(camera.width, camera.height)
    assert focal is not None, "one photo at least is expected"
    middle = float(np.median(shares))
    detail = f"estimated by {model.name} from {len(shares)} pictures of the camera: {middle:.2f} of the long side"
    return SharedFocal(middle, shape, replace(focal, detail=detail))
