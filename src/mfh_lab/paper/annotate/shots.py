"""The two attributes of a shot and the CSV they are kept in: ``photo,angle,distance``.

The paper annotates ETH3D with "two shot-related attributes", names level-angle, close-up and wide-view shots, and has
no list of the rest: the values here are the usual ones of photography.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mfh.errors import InputError
from mfh.io.atomic import atomic_path
from mfh_lab.evaluation.rows import read_csv_rows

Angle = Literal["level", "high", "low"]
"""Where the camera looks: about level; down, from a high place; up, from a low one."""
Distance = Literal["close-up", "medium", "wide"]
"""How much is in the picture: a thing or a part of it; a few things or a corner; a whole room or street."""

ANGLES: tuple[Angle, ...] = ("level", "high", "low")
DISTANCES: tuple[Distance, ...] = ("close-up", "medium", "wide")


@dataclass(frozen=True)
class Shot:
    """The type of one shot.

    Attributes:
        angle: "level", "high" (looking down) or "low" (looking up).
        distance: "close-up", "medium" or "wide".
    """

    angle: Angle
    distance: Distance


def as_shot(angle: object, distance: object) -> Shot:
    """Return a shot from its two labels.

    Args:
        angle: one of ANGLES.
        distance: one of DISTANCES.

    Raises:
        InputError: for other labels.
    """
    known_angle: Angle | None = next((one for one in ANGLES if one == angle), None)
    known_distance: Distance | None = next((one for one in DISTANCES if one == distance), None)
    if known_angle is None:
        raise InputError(f"angle {angle!r}: expected one of {', '.join(ANGLES)}")
    if known_distance is None:
        raise InputError(f"distance {distance!r}: expected one of {', '.join(DISTANCES)}")
    return Shot(known_angle, known_distance)


def read_shots(path: Path, *, nothing_else: bool = False) -> dict[str, Shot]:
    """Read shot types.

    Args:
        path: CSV with the columns photo, angle, distance; photos named as in scores.csv.
        nothing_else: refuse other columns, for a file that is going to be written anew.

    Returns:
        Photo -> shot, in the file's order.

    Raises:
        InputError: for a file that cannot be read, another word, a photo that is there twice, or a column that would be
            lost.
    """
    shots: dict[str, Shot] = {}
    for number, row in read_csv_rows(path, ("photo", "angle", "distance"), nothing_else=nothing_else):
        if row["photo"] in shots:
            raise InputError(f"{path} line {number}: photo {row['photo']!r} a second time: expected one line a photo")
        try:
            shots[row["photo"]] = as_shot(row["angle"].lower(), row["distance"].lower())
        except InputError as error:
            raise InputError(f"{path} line {number}: {error}") from error
    return shots


def write_shots(path: Path, shots: Mapping[str, Shot]) -> None:
    """Write shot types, whole or not at all.

    Args:
        path: csv file.
        shots: photo -> shot.

    Raises:
        InputError: when the file cannot be written.
    """
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("photo", "angle", "distance"))
        writer.writerows((photo, shot.angle, shot.distance) for photo, shot in shots.items())
