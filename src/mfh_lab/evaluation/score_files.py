"""Per-photo scores that ``mfh evaluate`` wrote, for figures."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mfh.errors import InputError
from mfh_lab.evaluation.rows import read_csv_rows

FILE = "scores.csv"


@dataclass(frozen=True)
class PhotoScore:
    """The two scores that figures are drawn of.

    Attributes:
        abs_rel: mean |z' - z| / z.
        delta1: share of pixels with max(z'/z, z/z') < 1.25.
    """

    abs_rel: float
    delta1: float


@dataclass(frozen=True)
class ScoreFile:
    """The scores of one method.

    Attributes:
        scores: photo -> scores, for the photos with an answer.
        unanswered: photos without one; they can be in no mean, so every figure states how many there are.
    """

    scores: Mapping[str, PhotoScore]
    unanswered: tuple[str, ...]


def read_scores(place: Path, *, aligned: bool = False) -> ScoreFile:
    """Read scores.csv.

    Args:
        place: the file, or the output folder of ``mfh evaluate`` it is in.
        aligned: the errors after the best scale and shift, in place of those with nothing aligned.

    Raises:
        InputError: for a file that cannot be read, has no answer, a photo twice, or something that is no number.
    """
    path = place / FILE if place.is_dir() else place
    before = "best_scale_shift_" if aligned else ""
    scores: dict[str, PhotoScore] = {}
    unanswered: list[str] = []
    for number, row in read_csv_rows(path, ("name", "answered")):
        name = row["name"]
        if name in scores or name in unanswered:
            raise InputError(f"{path} line {number}: photo {name!r} a second time")
        if row["answered"] == "0":
            unanswered.append(name)
            continue
        try:
            one = PhotoScore(float(row[f"{before}abs_rel"]), float(row[f"{before}delta1"]))
        except (KeyError, ValueError) as error:
            raise InputError(f"{path} line {number}: {error}: expected numbers for abs_rel and delta1") from error
        if not (math.isfinite(one.abs_rel) and math.isfinite(one.delta1)):
            raise InputError(f"{path} line {number}: AbsRel {one.abs_rel}, δ1 {one.delta1}: expected finite numbers")
        scores[name] = one
    if not scores:
        raise InputError(f"{path} has no photo with an answer: nothing can be drawn")
    return ScoreFile(scores, tuple(unanswered))
