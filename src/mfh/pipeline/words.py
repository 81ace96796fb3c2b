"""Known sizes and places as people write them: ``0=1.80``, ``320,240=2.31m``, ``10,20:30,40=90cm``.

The command line and the server take the same words. Messages name the flag, as which a field of the server is called.
"""

import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mfh.errors import InputError

if TYPE_CHECKING:
    from mfh.pipeline.request import Request
    from mfh.scale.known_sizes import KnownDistance, KnownHeight, KnownLength, KnownObject, KnownSizes
    from mfh.types import Region, Segment

METRES_PER_UNIT = {"": 1.0, "m": 1.0, "cm": 0.01, "mm": 0.001, "ft": 0.3048, "in": 0.0254}

_SIZE = re.compile(r"(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)\s*(?P<unit>[a-z]*)", re.IGNORECASE)
_PIXEL = re.compile(r"(-?\d+(?:\.\d*)?)\s*,\s*(-?\d+(?:\.\d*)?)")
_SHORTEST_M, _TALLEST_M = 0.4, 2.6
_MOST_DIGITS, _MOST_LETTERS = 9, 60


def request_of(
    *,
    heights: Sequence[str] = (),
    distances: Sequence[str] = (),
    lengths: Sequence[str] = (),
    objects: Sequence[str] = (),
    region: str | None = None,
    measure: Sequence[str] = (),
) -> "Request":
    """Return what is known of one photo, and asked of it.

    Args:
        heights: words of --person-height.
        distances: words of --known-distance.
        lengths: words of --known-length.
        objects: words of --known-size.
        region: word of --region; None for none.
        measure: words of --measure.

    Raises:
        InputError: for a word that is no size, region or length, or two heights of one person.
    """
    from mfh.pipeline.request import Request

    return Request(
        known=known_sizes(heights=heights, distances=distances, lengths=lengths, objects=objects),
        region=parse_region(region),
        lengths=tuple(parse_segment(text) for text in measure),
    )


def known_sizes(
    *, heights: Sequence[str], distances: Sequence[str], lengths: Sequence[str], objects: Sequence[str] = ()
) -> "KnownSizes":
    """Return the sizes the user gave.

    Args:
        heights: words of --person-height.
        distances: words of --known-distance.
        lengths: words of --known-length.
        objects: words of --known-size.

    Raises:
        InputError: for a word that says no size, or two heights of one person.
    """
    from mfh.scale.known_sizes import KnownSizes

    return KnownSizes(
        distances=tuple(parse_distance(word) for word in distances),
        lengths=tuple(parse_length(word) for word in lengths),
        heights=parse_heights(heights),
        objects=tuple(parse_object(word) for word in objects),
    )


def parse_distance(word: str) -> "KnownDistance":
    """Return the distance that "320,240=2.31m" says.

    Args:
        word: a pixel, and the distance along the line of sight.

    Raises:
        InputError: for anything else.
    """
    from mfh.scale.known_sizes import KnownDistance

    where, _, size = word.partition("=")
    pixel, metres = _pixel(where), parse_metres(size)
    if pixel is None or metres is None:
        raise InputError(
            f"--known-distance is {shortened(word)}: expected X,Y=DISTANCE such as 320,240=2.31m; {_UNITS}"
        )
    return KnownDistance(*pixel, metres)


def parse_length(word: str) -> "KnownLength":
    """Return the length that "100,50:100,410=203cm" says.

    Args:
        word: two pixels, and the straight length between what is seen there.

    Raises:
        InputError: for anything else, or twice the same pixel.
    """
    from mfh.scale.known_sizes import KnownLength

    return KnownLength(*_ends_and_metres("--known-length", "LENGTH such as 100,50:100,410=2.03m", word))


def parse_object(word: str) -> "KnownObject":
    """Return the object that "100,50:160,50=30cm" says.

    Args:
        word: two pixels on opposite edges of an object seen face on, and its size from edge to edge.

    Raises:
        InputError: for anything else, or twice the same pixel.
    """
    from mfh.scale.known_sizes import KnownObject

    return KnownObject(*_ends_and_metres("--known-size", "SIZE such as 100,50:160,50=0.30m", word))


def _ends_and_metres(flag: str, expected: str, word: str) -> tuple[tuple[float, float], tuple[float, float], float]:
    where, _, size = word.partition("=")
    ends, metres = _two_pixels(where), parse_metres(size)
    if ends is None or metres is None:
        raise InputError(f"{flag} is {shortened(word)}: expected X1,Y1:X2,Y2={expected}; {_UNITS}")
    if ends[0] == ends[1]:
        raise InputError(f"{flag} is {shortened(word)}: expected two different pixels")
    return *ends, metres


def parse_heights(words: Sequence[str]) -> "tuple[KnownHeight, ...]":
    """Return the heights that "1.80" (all people) and "0=180cm" (person 0 of the receipt) say.

    Args:
        words: one height each.

    Returns:
        That of all people first, so that a person's own comes after it.

    Raises:
        InputError: for anything else, a height no person has, or two heights of one person.
    """
    from mfh.scale.known_sizes import KnownHeight

    heights: dict[int, float] = {}
    all_people = -1
    for word in words:
        number, equals, size = word.rpartition("=")
        metres = parse_metres(size)
        if metres is None or (equals and not is_number(number)):
            raise InputError(
                f"--person-height is {shortened(word)}: expected a height such as 1.80, or NUMBER=HEIGHT such as "
                f"0=1.80, with the person's number on the receipt; {_UNITS}"
            )
        if not _SHORTEST_M <= metres <= _TALLEST_M:
            raise InputError(f"--person-height is {shortened(word)}: expected {_SHORTEST_M} to {_TALLEST_M} m")
        person = int(number) if equals else all_people
        if person in heights:
            whose = "all people" if person == all_people else f"person {person}"
            raise InputError(f"--person-height is given twice for {whose}: expected one height each")
        heights[person] = metres
    return tuple(KnownHeight(heights[one], None if one == all_people else one) for one in sorted(heights))


def parse_region(word: str | None) -> "Region | None":
    """Return the rectangle that "100,80:300,260" says.

    Args:
        word: two opposite corners, in any order; None for none.

    Raises:
        InputError: for anything else, or a rectangle without a width or a height.
    """
    if word is None:
        return None
    corners = _two_pixels(word)
    if corners is None:
        raise InputError(
            f"--region is {shortened(word)}: expected two corners X1,Y1:X2,Y2 in pixels, such as 100,80:300,260"
        )
    (left, right), (top, bottom) = (sorted(ends) for ends in zip(*corners, strict=True))
    if left == right or top == bottom:
        raise InputError(f"--region is {shortened(word)}: expected a rectangle with a width and a height")
    from mfh.types import Region

    return Region(math.floor(left), math.floor(top), math.ceil(right), math.ceil(bottom))


def parse_segment(word: str) -> "Segment":
    """Return the two pixels that "100,50:100,410" says.

    Args:
        word: two pixels between which the length is wanted.

    Raises:
        InputError: for anything else, or twice the same pixel.
    """
    ends = _two_pixels(word)
    if ends is None:
        raise InputError(f"--measure is {shortened(word)}: expected two pixels X1,Y1:X2,Y2 such as 100,50:100,410")
    if ends[0] == ends[1]:
        raise InputError(f"--measure is {shortened(word)}: expected two different pixels")
    from mfh.types import Segment

    return Segment(*ends)


def parse_metres(text: str) -> float | None:
    """Return metres, or None where the text is no positive length.

    Args:
        text: a number and perhaps a unit of METRES_PER_UNIT, such as "2.31", "231 cm" or "7.6ft".
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None or match["unit"].lower() not in METRES_PER_UNIT:
        return None
    metres = float(match["number"]) * METRES_PER_UNIT[match["unit"].lower()]
    return metres if math.isfinite(metres) and metres > 0 else None


def shortened(word: str) -> str:
    """Return a word as a message quotes it: at most some sixty letters of it.

    Args:
        word: what the user typed.
    """
    return repr(word if len(word) <= _MOST_LETTERS else f"{word[:_MOST_LETTERS]}...")


def is_number(text: str) -> bool:
    """Return whether a text is the number of a person on a receipt: decimal digits, and not more than any receipt has.

    Args:
        text: perhaps with spaces around it.
    """
    text = text.strip()
    return text.isdecimal() and len(text) <= _MOST_DIGITS


def _two_pixels(text: str) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """Return the two pixels of "10,20:30,40", or None where the text is anything else."""
    start, _, end = text.partition(":")
    start_xy, end_xy = _pixel(start), _pixel(end)
    return None if start_xy is None or end_xy is None else (start_xy, end_xy)


def _pixel(text: str) -> tuple[float, float] | None:
    match = _PIXEL.fullmatch(text.strip())
    xy = None if match is None else (float(match[1]), float(match[2]))
    return xy if xy is not None and all(map(math.isfinite, xy)) else None


_UNITS = "units are m (if none is given), cm, mm, ft and in"
