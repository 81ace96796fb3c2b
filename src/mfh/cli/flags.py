"""Flags that several commands have, each with one help text."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from mfh.errors import InputError

# As in mfh.types, which needs numpy: help must not.
Space = Literal["disparity", "depth"]
# As in mfh_lab.evaluation.pocket_subjects, for the same reason.
NOISES = ("clean", "noisy", "outliers10", "outliers20", "misplaced")

FocalPx = Annotated[float | None, typer.Option(help="Focal length in pixels.")]
FovXDeg = Annotated[float | None, typer.Option(help="Horizontal field of view in degrees.")]
Focal35mm = Annotated[float | None, typer.Option(help="35 mm equivalent focal length in millimetres.")]
IntrinsicsFile = Annotated[
    Path | None,
    typer.Option(
        help="Intrinsics in pixels: JSON with fx, fy, cx, cy or a 3x3 matrix, a transforms.json or a cameras.txt."
    ),
]

PersonHeights = Annotated[
    list[str] | None,
    typer.Option(
        "--person-height",
        metavar="[NUMBER=]HEIGHT",
        help="Height of everybody in the photo, as 1.80, or of one person of the receipt, as 0=1.80; repeatable.",
        show_default=False,
    ),
]
KnownDistances = Annotated[
    list[str] | None,
    typer.Option(
        "--known-distance",
        metavar="X,Y=DISTANCE",
        help="Distance from the camera to what is at a pixel, as 320,240=2.31m; repeatable. No people are needed then.",
        show_default=False,
    ),
]
KnownLengths = Annotated[
    list[str] | None,
    typer.Option(
        "--known-length",
        metavar="X1,Y1:X2,Y2=LENGTH",
        help="Straight length between what is at two pixels, as 100,50:100,410=203cm; repeatable.",
        show_default=False,
    ),
]

WantedRegion = Annotated[
    str | None,
    typer.Option(
        "--region",
        metavar="X1,Y1:X2,Y2",
        help="Two corners of a rectangle in the photo: says how far that is, and painting with --until-interval goes "
        "on until that is narrow enough.",
        show_default=False,
    ),
]

WantedLengths = Annotated[
    list[str] | None,
    typer.Option(
        "--measure",
        metavar="X1,Y1:X2,Y2",
        help="Two pixels: says the straight length between what is seen there; repeatable.",
        show_default=False,
    ),
]

RelativeDepthFile = Annotated[
    Path | None,
    typer.Option(help="Your own relative depth of the photo: npy, npz, 16-bit png, tiff, pfm or exr; needs --space."),
]
RelativeDepthSpace = Annotated[
    Space | None,
    typer.Option(help="What its values are: disparity (larger is nearer) or depth (larger is farther)."),
]

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
