"""What is asked of one photo beside its depth: sizes that are known, a region, lengths, and reports of progress."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mfh.errors import InputError
from mfh.geometry.camera import check_camera
from mfh.pipeline.solve import DepthSoFar
from mfh.scale.interval import segment_rays
from mfh.scale.known_sizes import KnownSizes
from mfh.types import MeasuredPainting, Photo, Region, Segment

Progress = Callable[[str, float], None]
"""Called with the stage and the fraction done."""


@dataclass(frozen=True)
class PaintingSoFar:
    """A painting that was just judged, and the answer by all there is up to it.

    Attributes:
        painting: with the people found in it. Their boxes are in pixels of the painting, and their verdicts are those
            before the fit, which may still reject one of several as an outlier.
        usable: paintings with usable people so far, this one included.
        attempts: paintings so far, usable or not.
        max_paintings: usable ones after which painting ends.
        max_attempts: paintings after which it ends.
        depth: of the photo, by the evidence so far; None where that gives no scale yet.
        before: of the photo, by the people and objects in it and by what is known, before any painting; None where they
            give no scale.
    """

    painting: MeasuredPainting
    usable: int
    attempts: int
    max_paintings: int
    max_attempts: int
    depth: DepthSoFar | None
    before: DepthSoFar | None


OnPainting = Callable[[PaintingSoFar], None]
"""Called after each painting, by the thread that paints; what it raises ends the work."""


@dataclass(frozen=True)
class Request:
    """What is asked of one photo.

    Attributes:
        known: sizes and distances the user measured; a distance or a length suffices without any person.
        region: where metric depth is wanted most; None for the whole photo. The answer has the region's own depth,
            painting continues until its interval is narrow enough, and masks are chosen that inform it most.
        lengths: straight lengths to measure in the photo.
        progress: called with the stage and the fraction done.
        on_painting: called after each painting with the picture, its people and the answer so far; it never changes the
            answer. A batch is judged together: with a ``batch_size`` of 1, each is reported as soon as it is painted.
    """

    known: KnownSizes = KnownSizes()
    region: Region | None = None
    lengths: Sequence[Segment] = ()
    progress: Progress | None = None
    on_painting: OnPainting | None = None

    def __post_init__(self) -> None:
        """Refuse values of another type, which would fail later and say less."""
        if not isinstance(self.known, KnownSizes):
            raise InputError(f"known is {self.known!r}: expected KnownSizes(distances=..., lengths=..., heights=...)")
        if not (self.region is None or isinstance(self.region, Region)):
            raise InputError(f"region is {self.region!r}: expected Region(left, top, right, bottom)")
        if not (isinstance(self.lengths, Sequence) and all(isinstance(one, Segment) for one in self.lengths)):
            raise InputError(f"lengths is {self.lengths!r}: expected a list of Segment((x1, y1), (x2, y2))")


def check_is_request(request: object) -> None:
    """Refuse what is no request, with how to make one.

    Raises:
        InputError: for anything else.
    """
    if not isinstance(request, Request):
        kind = type(request).__name__
        raise InputError(f"the second argument is a {kind}: expected a Request, such as Request(known=KnownSizes(...))")


def check_request(photo: Photo, region: Region | None, lengths: Sequence[Segment]) -> None:
    """Refuse a region or a length that is not one of the photo.

    Raises:
        InputError: for a region that is empty or reaches outside, or a length that does or has its ends at one pixel.
    """
    for segment in lengths:
        segment_rays(segment, photo.camera)
    if region is None:
        return
    camera, corners = photo.camera, f"{region.left},{region.top} to {region.right},{region.bottom}"
    if region.left >= region.right or region.top >= region.bottom:
        raise InputError(f"the region {corners} is empty: expected a rectangle with a width and a height")
    if region.left < 0 or region.top < 0 or region.right > camera.width or region.bottom > camera.height:
        raise InputError(f"the region {corners} reaches outside {photo.name}, which is {camera.width}x{camera.height}")


def check_photo(photo: Photo) -> None:
    """Refuse a photo whose camera is none, or is for another size.

    Raises:
        InputError: for such a photo.
    """
    camera = check_camera(photo.camera)
    height, width = photo.pixels.shape[:2]
    if (camera.width, camera.height) != (width, height):
        raise InputError(
            f"{photo.name} is {width}x{height} pixels but its camera is for {camera.width}x{camera.height}: "
            "expected the camera of exactly this size"
        )
