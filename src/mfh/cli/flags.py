"""Options that several commands share, in groups, and the numbers they may be."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mfh.errors import InputError
from mfh.pipeline.words import request_of

if TYPE_CHECKING:
    from mfh.io.focal import FocalRequest
    from mfh.io.formats import Formats
    from mfh.io.relative import RelativeDepthMap
    from mfh.pipeline.request import Request

# As in mfh.types, which needs numpy: help must not.
Space = Literal["disparity", "depth"]
# As in mfh_lab.paper.pocket, for the same reason.
NOISES = ("clean", "noisy", "outliers10", "outliers20", "misplaced")


@dataclass(frozen=True)
class CameraOptions:
    """The focal length, where the user knows it."""

    focal_px: Annotated[float | None, typer.Option(help="Focal length in pixels.")] = None
    fov_x_deg: Annotated[float | None, typer.Option(help="Horizontal field of view in degrees.")] = None
    focal_35mm: Annotated[float | None, typer.Option(help="35 mm equivalent focal length in millimetres.")] = None
    intrinsics: Annotated[
        Path | None,
        typer.Option(
            help="Intrinsics in pixels: JSON with fx, fy, cx, cy or a 3x3 matrix, a transforms.json or a cameras.txt."
        ),
    ] = None

    def request(self) -> "FocalRequest":
        """Return the focal length that was given, if any.

        Raises:
            InputError: for more than one of them, or one that cannot be used.
        """
        from mfh.io.focal import FocalRequest
        from mfh.io.intrinsics import read_intrinsics

        return FocalRequest(
            focal_px=self.focal_px,
            fov_x_deg=self.fov_x_deg,
            focal_35mm=self.focal_35mm,
            intrinsics=read_intrinsics(self.intrinsics) if self.intrinsics is not None else None,
        )


@dataclass(frozen=True)
class PhotoOptions:
    """What is known of one photo, and what is asked of it."""

    person_height: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NUMBER=]HEIGHT",
            help="Height of all people in the photo, as 1.80, or of one person of the receipt, as 0=1.80; repeatable.",
            show_default=False,
        ),
    ] = None
    known_distance: Annotated[
        list[str] | None,
        typer.Option(
            metavar="X,Y=DISTANCE",
            help="Distance from the camera to what is at a pixel, as 320,240=2.31m; repeatable. No people are needed "
            "then.",
            show_default=False,
        ),
    ] = None
    known_length: Annotated[
        list[str] | None,
        typer.Option(
            metavar="X1,Y1:X2,Y2=LENGTH",
            help="Straight length between what is at two pixels, as 100,50:100,410=203cm; repeatable.",
            show_default=False,
        ),
    ] = None
    known_size: Annotated[
        list[str] | None,
        typer.Option(
            metavar="X1,Y1:X2,Y2=SIZE",
            help="Size of an object seen face on, from edge to edge, as 100,50:160,50=0.30m; repeatable.",
            show_default=False,
        ),
    ] = None
    region: Annotated[
        str | None,
        typer.Option(
            metavar="X1,Y1:X2,Y2",
            help="Two corners of a rectangle in the photo: reports its distance, and painting with --until-interval "
            "continues until that is narrow enough.",
            show_default=False,
        ),
    ] = None
    measure: Annotated[
        list[str] | None,
        typer.Option(
            metavar="X1,Y1:X2,Y2",
            help="Two pixels: reports the straight length between what is seen there; repeatable.",
            show_default=False,
        ),
    ] = None

    def request(self) -> "Request":
        """Return what is known and asked.

        Raises:
            InputError: for text that is no size, region or length, or two heights of one person.
        """
        return request_of(
            heights=self.person_height or (),
            distances=self.known_distance or (),
            lengths=self.known_length or (),
            objects=self.known_size or (),
            region=self.region,
            measure=self.measure or (),
        )

    def check_one_photo(self, photos: Sequence[Path]) -> None:
        """Refuse what is known about one photo for several of them.

        Raises:
            InputError: for a pixel or a person's number, and more than one photo.
        """
        about_one = [("--person-height", text) for text in self.person_height or () if "=" in text]
        about_one += [("--known-distance", text) for text in self.known_distance or ()]
        about_one += [("--known-length", text) for text in self.known_length or ()]
        about_one += [("--known-size", text) for text in self.known_size or ()]
        about_one += [("--measure", text) for text in self.measure or ()]
        about_one += [("--region", self.region)] if self.region else []
        if about_one and len(photos) > 1:
            flag, text = about_one[0]
            raise InputError(
                f"{flag} {text} is about one photo, and {len(photos)} are given: measure that one photo alone"
            )


@dataclass(frozen=True)
class OwnDepthOptions:
    """A relative depth that the user brings."""

    relative_depth: Annotated[
        Path | None,
        typer.Option(
            help="Your own relative depth of the photo: npy, npz, 16-bit png, tiff, pfm or exr; needs --space."
        ),
    ] = None
    space: Annotated[
        Space | None,
        typer.Option(help="What its values are: disparity (larger is nearer) or depth (larger is farther)."),
    ] = None

    def read(self, photos: Sequence[Path], *, model: str | None) -> "RelativeDepthMap | None":
        """Return the map, if there is one.

        Args:
            photos: picture files; a map is for one.
            model: relative-depth model that was asked for.

        Raises:
            InputError: for a file that cannot be used, a missing or idle space, a model besides, or more than one
                photo.
        """
        if self.relative_depth is None:
            if self.space is not None:
                raise InputError(f"--space {self.space} is about a map given with --relative-depth, and none is given")
            return None
        if model is not None:
            raise InputError(f"--relative-depth and --relative-depth-model {model} are both given: drop one of them")
        if self.space is None:
            raise InputError(
                "--relative-depth needs --space disparity (larger is nearer, as of Depth Anything) or --space depth "
                "(larger is farther, as of Marigold)"
            )
        if len(photos) > 1:
            raise InputError(f"--relative-depth is for one photo, and {len(photos)} are given: measure that one alone")
        from mfh.io.relative import read_relative_depth

        return read_relative_depth(self.relative_depth, space=self.space)


@dataclass(frozen=True)
class FormatOptions:
    """In which formats depth is written."""

    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="Of the depth: npz, npy, png (millimetres), png256 (1/256 m), exr, ply or glb (points), "
            "mesh-ply or mesh-glb, normals, normals-npy, camera (intrinsics); several with commas, or repeatable.",
            show_default=False,
        ),
    ] = None
    max_points: Annotated[
        int | None,
        typer.Option(
            help="Most points of ply and glb, and vertices of meshes: by default as many as keep a glb below 20 MB.",
            show_default=False,
        ),
    ] = None

    def chosen(self) -> "Formats":
        """Return the formats that were asked for; the usual ones where none was.

        Raises:
            InputError: for an unknown format, one whose package is not installed, or less than one point.
        """
        from mfh.io.formats import formats_named

        return formats_named(self.formats or (), max_points=self.max_points)


AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]

MOST_SCENES = 1_000_000
MOST_SEEDS = 10_000
MOST_WORKERS = 1024
LAST_SEED = 2**63 - 1


def check_number(flag: str, value: int | float | None, least: int | float, most: int | float) -> None:
    """Refuse a number outside a range.

    Args:
        flag: as typed, for the message.
        value: None for not given.
        least: first that is accepted.
        most: last that is accepted.

    Raises:
        InputError: for a number outside, or none at all.
    """
    if value is not None and not least <= value <= most:
        raise InputError(f"{flag} is {value}: expected {least} to {most}")
