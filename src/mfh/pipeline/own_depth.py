"""Bring your own relative depth: metres for the map of any model.

>>> from mfh.pipeline.own_depth import metric_from_relative_depth
>>> result = metric_from_relative_depth("photo.jpg", "marigold.npy", space="depth")
>>> result.depth_m  # (height, width), metres

The map is of the upright photo (npy, npz, png, tiff, pfm, exr, or an array). ``space`` says what it holds: "disparity",
larger is nearer (Depth Anything, MiDaS), or "depth", larger is farther (Marigold, DA3, MoGe). What is not
finite is a hole without depth, and so is 0 among whole numbers of depth. People in the photo are measured as ever;
where there are none, people are painted and meet the map where their feet stand on the ground, since there is no map of
the paintings.

Whether relative depth grows the way its space says: a swapped space would make depth silently wrong.
"""

import os
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Shaped
from numpy import ndarray

from mfh.config import Config, preset
from mfh.errors import InputError
from mfh.geometry.camera import view_of
from mfh.geometry.masks import relative_with_holes
from mfh.io.photo import load_photo
from mfh.io.relative import RelativeDepthMap, read_relative_depth, relative_depth_map
from mfh.models.protocols import RgbOfAnySize
from mfh.pipeline.conclude import conclude
from mfh.pipeline.pipeline import MetricFromHuman
from mfh.pipeline.request import Request, check_request
from mfh.scale.known_sizes import KnownSizes, known_measurements
from mfh.scale.measurements import ScaleMeasurement, landmark_measurements, relative_at
from mfh.scale.range_prior import region_range
from mfh.types import MetricDepth, Photo, RelativeDepth, Space
from mfh.types.observations import Gathered
from mfh.types.rows import strips, to_unit_range

ASSUMED_SHAPE_LOG_SIGMA = 0.08
"""How far the best affine fit of a map leaves log depth off, where its model is not known.

Published networks leave an AbsRel of 4 to 8 % after alignment; the paper's oracle on NYUv2 has 4.6 %.
"""


class GivenRelativeDepth:
    """A relative-depth model that knows one photo: the map the user brought.

    Args:
        given: of exactly the photo's size.
        pixels: (h, w, c) of the photo, as :class:`mfh.types.Photo` has them.

    Attributes:
        relative: the map.
    """

    shape_log_sigma = ASSUMED_SHAPE_LOG_SIGMA
    keeps_sky = True
    """The map has its own holes, and what it places at infinity."""

    def __init__(self, given: RelativeDepthMap, pixels: Shaped[ndarray, "h w c"]) -> None:
        self.name = given.name
        self.relative = relative_with_holes(given.values, given.space)
        self._pixels = pixels

    def predict(self, photos: Sequence[RgbOfAnySize]) -> list[RelativeDepth]:
        """Return the map for the photo.

        Args:
            photos: the photo, any number of times.

        Raises:
            InputError: for any other picture.
        """
        if not all(self._is_photo(rgb) for rgb in photos):
            raise InputError(f"relative depth {self.name} is of one photo, and was asked for another picture")
        return [self.relative for _ in photos]

    def _is_photo(self, rgb: RgbOfAnySize) -> bool:
        return rgb.shape[:2] == self._pixels.shape[:2] and all(
            np.array_equal(rgb[rows], np.broadcast_to(to_unit_range(self._pixels[rows]), rgb[rows].shape))
            for rows in strips(rgb.shape[:2])
        )


def metric_from_relative_depth(
    photo: Photo | str | os.PathLike[str],
    relative: Shaped[ndarray, "..."] | str | os.PathLike[str],
    *,
    space: Space,
    config: Config | None = None,
    request: Request = Request(),
) -> MetricDepth:
    """Return metric depth from the relative depth of one photo.

    Args:
        photo: a photo with its camera, or the path of a picture file.
        relative: (h, w) numbers of the upright photo, or the path of their file.
        space: "disparity", larger is nearer, or "depth", larger is farther.
        config: everything else; None for the preset "pocket".
        request: known sizes, a region, lengths to measure, and a report of progress.

    Returns:
        Metric depth at the photo's own resolution.

    Raises:
        InputError: for a map that cannot be used, or has no value where something is known or asked for, or is of the
            other space, as people and known sizes show.
        NoLandmarkError, BackendError: as for a call of :class:`mfh.pipeline.pipeline.MetricFromHuman`.
    """
    config = config or preset("pocket")
    if not isinstance(photo, Photo):
        photo = load_photo(os.fspath(photo))
    if isinstance(relative, ndarray):
        given = relative_depth_map(relative, space=space)
    else:
        given = read_relative_depth(os.fspath(relative), space=space)
    gathered = gather_with_relative_depth(photo, given, config=config, request=request)
    return conclude(gathered, head=config.head, known=request.known)


def gather_with_relative_depth(
    photo: Photo, relative: RelativeDepthMap, *, config: Config, request: Request = Request()
) -> Gathered:
    """Run all models but the relative-depth one on a photo whose relative depth is given.

    Args:
        photo: the photo with its camera.
        relative: its relative depth, perhaps at another size.
        config: a preset with changes.
        request: known sizes, a region, lengths to measure, and a report of progress.

    Returns:
        What :func:`mfh.pipeline.conclude.conclude` needs.

    Raises:
        InputError: for a map of another shape than the photo, without a value where something is known or asked for,
            or of the other space.
        NoLandmarkError, BackendError: as for a call of :class:`mfh.pipeline.pipeline.MetricFromHuman`.
    """
    view = view_of(photo)
    fitted, notes = relative.fitted_to(view.camera.width, view.camera.height)
    model = GivenRelativeDepth(fitted, view.pixels)
    check_request(photo, request.region, request.lengths)
    _check_values(replace(model.relative, photo_shape=photo.pixels.shape[:2]), photo, request)
    # The map is of the photo alone: of a painting only the ground at the feet has a relative depth.
    at_feet = replace(config, painting_evidence="contact")
    pipeline = MetricFromHuman.from_config(at_feet, models={"relative_depth": model})
    gathered = pipeline.gather(photo, request)
    notes += _check_space(gathered, request.known, relative.name)
    if gathered.attempts and config.painting_evidence != "contact":
        notes += (f"painted people meet {relative.name} at their feet: there is no relative depth of the paintings",)
    return replace(gathered, photo=replace(photo, notes=photo.notes + notes))


def _check_values(relative: RelativeDepth, photo: Photo, request: Request) -> None:
    """Refuse, before any model runs, a map without a value where something is known or asked for."""
    known_measurements(request.known, relative, photo.camera)
    if request.region is not None:
        region_range(relative, request.region)
    for segment in request.lengths:
        relative_at(relative, segment.start_xy)
        relative_at(relative, segment.end_xy)


def _check_space(gathered: Gathered, known: KnownSizes, name: str) -> tuple[str, ...]:
    """Refuse relative depth whose order is opposite to that of people's distances, or known ones.

    Returns:
        A note where no distances are informative about it.

    Raises:
        InputError: for the other space.
    """
    relative = gathered.relative
    other = "depth" if relative.space == "disparity" else "disparity"
    given = known_measurements(known, relative, gathered.photo.camera)
    swapped = space_is_swapped(landmark_measurements(gathered.evidence), given, relative.space)
    if swapped is None:
        return (f"{name} is taken for {relative.space}, as stated: no distance shows whether it is {other}",)
    if swapped:
        raise of_other_space(name, relative.space)
    return ()


def of_other_space(name: str, space: Space) -> InputError:
    """Return the error of relative depth that is of the other space than stated.

    Args:
        name: of the maps.
        space: as stated.
    """
    other, larger = ("depth", "farther") if space == "disparity" else ("disparity", "nearer")
    return InputError(
        f"{name} is larger where things are {larger}, so it holds {other}, not {space}: "
        f"pass --space {other} (space={other!r} in Python)"
    )


_TELLING = 0.2
"""Log ratio of two distances from which their order is beyond the errors of people, where many pairs say the same."""
_TELLING_ALONE = 0.4
"""The same for one or two pairs."""
_MANY = 3
_AGREED = 0.5


def space_agreement(measurements: Sequence[ScaleMeasurement], space: Space) -> float | None:
    """Return how far relative depth is ordered as metres are: 1 as the space says, -1 the other way round.

    Args:
        measurements: distances in metres with the relative depth there.
        space: as stated.

    Returns:
        Kendall's rank correlation over pairs of clearly different distances; None where no pair is.
    """
    points = [
        (np.log(measurement.metres), float(measurement.relative[0]))
        for measurement in measurements
        if len(measurement.relative) == 1
    ]
    if len(points) < 2:
        return None
    log_z, relative = np.array(points).T
    first, second = np.triu_indices(len(points), 1)
    apart = log_z[first] - log_z[second]
    telling = np.abs(apart) > _TELLING
    if telling.sum() < _MANY:
        telling = np.abs(apart) > _TELLING_ALONE
    if not telling.any():
        return None
    expected = -1.0 if space == "disparity" else 1.0
    same = np.sign(apart[telling]) * np.sign(relative[first][telling] - relative[second][telling])
    return float(expected * same.mean())


def space_is_swapped(
    people: Sequence[ScaleMeasurement], known: Sequence[ScaleMeasurement], space: Space
) -> bool | None:
    """Return whether relative depth is of the other space than stated.

    Args:
        people: one measurement a person.
        known: distances and lengths the user knows; asked where people cannot tell.
        space: as stated.

    Returns:
        True where the order is clearly the wrong way round, False where it is right; None where the distances are not
        informative.
    """
    for measurements in (people, [*people, *known]):
        agreement = space_agreement(measurements, space)
        if agreement is not None and abs(agreement) >= _AGREED:
            return agreement < 0
    return None
