"""What the user of the page knows: places clicked and numbers typed become the words of a request, and back."""

import html
import re
from typing import Any

from mfh.errors import InputError
from mfh.pipeline.words import known_sizes

DISTANCE, LENGTH = "distance from the camera", "length between two places"
SIZE, HEIGHT = "size of something seen face on", "height of a person"
PLACES = {DISTANCE: 1, LENGTH: 2, SIZE: 2, HEIGHT: 0}
"""What a user may know, and how many places are clicked for it."""
_WORDS = {DISTANCE: "distance", LENGTH: "length", SIZE: "size", HEIGHT: "height"}
_FIELDS = {"distance": "known_distance", "length": "known_length", "size": "known_size", "height": "person_height"}
"""First word of a line of what is known -> field of a request."""
_ON_PAGE = {
    "focal_px": "the focal length above",
    "focal_35mm": "the focal length above",
    "fov_x_deg": "the focal length above",
    "known_distance": "a distance you know",
    "known_length": "a length you know",
    "known_size": "a size you know",
    "person_height": "the height of a person",
}
_NAMES = re.compile(
    rf"(?:--)?\b({'|'.join(name.replace('_', '[_-]') for name in _ON_PAGE)})\b(?: [A-Z0-9][A-Z,=:0-9.m]*[A-Z0-9m])?"
)


def added(clicks: list[list[int]], kind: str, text: str, words: str, session: Any) -> tuple[str, str, str]:
    """Return what is known with one more line, the number of metres that is left, and what is wrong with it."""
    # As much of the world writes it.
    number = re.sub(r"(?<=\d),(?=\d)", ".", text.strip())
    places = clicks[len(clicks) - PLACES[kind] :] if PLACES[kind] else []
    if not number:
        return words, text, failed("give a number of metres first")
    if len(places) < PLACES[kind]:
        missing = "the place" if PLACES[kind] == 1 else "both places, one after the other,"
        return words, text, failed(f"click {missing} in the photo first")
    person = person_at(session, *clicks[-1]) if clicks and kind == HEIGHT else None
    at = ":".join(f"{x},{y}" for x, y in places) if places else "" if person is None else str(person)
    line = f"{_WORDS[kind]} {at}{'=' if at else ''}{number}"
    try:
        _check(options_of(line, "", []))
    except InputError as error:
        return words, text, failed(for_page(str(error)))
    return "\n".join([*filter(None, words.splitlines()), line]), "", ""


def _check(fields: dict[str, Any]) -> None:
    """Refuse words that say no size.

    Raises:
        InputError: for such a word.
    """
    known_sizes(
        heights=fields["person_height"],
        distances=fields["known_distance"],
        lengths=fields["known_length"],
        objects=fields["known_size"],
    )


def for_page(line: str) -> str:
    """Return a sentence that names flags or fields as one that names what is on the page."""
    return re.sub(r"(the focal length above)(?:,| or|, or)? (?=\1)", "", _NAMES.sub(_named, line))


def _named(match: re.Match[str]) -> str:
    return _ON_PAGE[match[1].replace("-", "_")]


def options_of(words: str, focal_35mm: str, names: list[str]) -> dict[str, object]:
    """Return the fields of a request."""
    fields: dict[str, list[str]] = {name: [] for name in _FIELDS.values()}
    for line in filter(None, (one.strip() for one in words.splitlines())):
        kind, _, word = line.partition(" ")
        if kind not in _FIELDS:
            raise InputError(
                f"{line[:60]!r} is unknown: expected distance X,Y=METRES, length X,Y:X,Y=METRES, size X,Y:X,Y=METRES "
                "or height METRES"
            )
        fields[_FIELDS[kind]].append(word)
    return {**fields, "formats": names, "focal_35mm": focal_35mm.strip() or None}


def failed(line: str) -> str:
    """Return a line that says what is wrong, as HTML."""
    return f'<div role="alert" class="mfh-failed">{html.escape(line)}</div>'


def person_at(session: Any, x: int, y: int) -> int | None:
    """Return the number of the smallest person around a pixel; None where there is none, or no result yet."""
    around = [
        ((right - left) * (bottom - top), number)
        for number, (left, top, right, bottom) in session.get("people", [])
        if left <= x <= right and top <= y <= bottom
    ]
    return min(around)[1] if around else None
