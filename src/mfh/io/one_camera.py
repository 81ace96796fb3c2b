"""Photos of one camera and zoom: those that do not say their focal length have that of the others."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from mfh.errors import InputError
from mfh.geometry.camera import camera_from_focal_px
from mfh.io.exif import read_exif
from mfh.io.focal import choose_camera
from mfh.io.pictures import MAX_PIXELS, PHOTO_FORMATS, open_picture
from mfh.types import FocalProvenance, Photo

ZOOMED = 1.05
"""Ratio of two focal lengths from which two photos are not of one camera and zoom."""
_SAME_SHAPE = 0.01
_TURNED = (5, 6, 7, 8)


@dataclass(frozen=True)
class SharedFocal:
    """The focal length of all photos of one camera.

    Attributes:
        over_long_side: focal length over the long side of a photo.
        aspect: long over short side of the photos it is known for.
        focal: where it came from, and its error.
        photo: name of the photo that says it; empty where it is of several.
    """

    over_long_side: float
    aspect: float
    focal: FocalProvenance
    photo: str = ""

    def given_to(self, photo: Photo) -> Photo:
        """Return a photo with this focal length, where it does not say its own and is of the same shape.

        Args:
            photo: of the same camera.
        """
        camera = photo.camera
        if photo.focal.source != "default-fov":
            return photo
        if abs(aspect(camera.width, camera.height) / self.aspect - 1) > _SAME_SHAPE:
            note = "it has another shape than the photos of its camera whose focal length is known: it may be a crop"
            return replace(photo, notes=(*photo.notes, note))
        focal_px = self.over_long_side * max(camera.width, camera.height)
        by = f" (of {self.photo}, the same camera)" if self.photo else ""
        return replace(
            photo,
            camera=camera_from_focal_px(focal_px, width=camera.width, height=camera.height),
            focal=replace(self.focal, detail=f"{self.focal.detail}{by}"),
        )


def shared_focal(
    paths: Sequence[Path], *, otherwise: str = "give the focal length, or leave out --one-camera"
) -> SharedFocal | None:
    """Return the focal length that photos of one camera say, by the one that says it best; None where none does.

    Args:
        paths: of the photos; those that cannot be read say nothing.
        otherwise: what to do where they are not of one, for the message.

    Raises:
        InputError: for two that say different ones.
    """
    known: list[SharedFocal] = []
    for path in paths:
        with (
            suppress(InputError),
            open_picture(path, formats=PHOTO_FORMATS, what="", expected="a photo", max_pixels=MAX_PIXELS) as image,
        ):
            exif = read_exif(image)
            width, height = image.size[::-1] if exif.orientation in _TURNED else image.size
            camera, focal = choose_camera(None, exif, width=width, height=height)
            if focal.source != "default-fov":
                share = camera.fx / max(width, height)
                known.append(SharedFocal(share, aspect(width, height), focal, path.name))
    if not known:
        return None
    shortest, longest = (pick(known, key=lambda one: one.over_long_side) for pick in (min, max))
    if longest.over_long_side > ZOOMED * shortest.over_long_side:
        raise InputError(
            f"{shortest.photo} and {longest.photo} have other focal lengths ({shortest.focal.detail}; "
            f"{longest.focal.detail}): expected one camera and zoom; {otherwise}"
        )
    return min(known, key=lambda one: one.focal.relative_sigma)


def aspect(width: int, height: int) -> float:
    """Return long over short side."""
    return max(width, height) / min(width, height)
