"""Several methods on the same photos: their numbers, read from the folders that ``mfh evaluate`` wrote."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from mfh.errors import InputError
from mfh_lab.evaluation.ledger import Done, done_photos
from mfh_lab.evaluation.methods.known import Commercial
from mfh_lab.evaluation.rows import read_csv_rows

SCORES, FAILURES = "scores.csv", "failures.csv"


@dataclass(frozen=True)
class PhotoNumbers:
    """One photo that a method answered for.

    Attributes:
        abs_rel: AbsRel, nothing aligned, as the next three.
        delta1: δ1.
        silog: SIlog.
        rmse: RMSE, metres.
        scale_error: |ln median(p/g)|.
        shape_scale: AbsRel after the best scale.
        shape_scale_shift: AbsRel after the best scale and shift.
        half_width: of the 80 % interval, relative to the answer; None without one.
        covered_80: whether it holds the true scale.
        covered_95: whether the 95 % interval does.
    """

    abs_rel: float
    delta1: float
    silog: float
    rmse: float
    scale_error: float
    shape_scale: float
    shape_scale_shift: float
    half_width: float | None = None
    covered_80: bool | None = None
    covered_95: bool | None = None


ERRORS = tuple(one.name for one in fields(PhotoNumbers))[:7]
_COLUMNS = {"shape_scale": "best_scale_abs_rel", "shape_scale_shift": "best_scale_shift_abs_rel"}
"""Attribute -> column of scores.csv, where it has another name."""


@dataclass(frozen=True)
class Cost:
    """What a method takes.

    Attributes:
        seconds: median of a photo, without the first of every process where there are others.
        photos: that it is the median of.
        warm_up: whether the first photos are left out.
        ram_bytes: peak resident memory of its process; None where the system does not say.
        gpu_bytes: peak memory of torch on a GPU; None without one.
    """

    seconds: float
    photos: int
    warm_up: bool
    ram_bytes: int | None
    gpu_bytes: int | None


@dataclass(frozen=True)
class Outcome:
    """One method of a comparison.

    Attributes:
        label: of its row.
        folder: of its results, inside that of the comparison; empty where it has none.
        numbers: photo -> numbers, of the photos it answered for.
        failed: photos it has no answer for.
        unscorable: photos that no method is scored on.
        cost: what it takes; None where that was not measured: answers from files.
        reason: why it has no numbers, in one line; of a method that has some, why photos failed.
        published: that it is a row of published numbers, which are the reason.
        weights_licence: of its weights.
        commercial: whether code and weights permit commercial use; None where that is not known here.
    """

    label: str
    folder: str = ""
    numbers: Mapping[str, PhotoNumbers] | None = None
    failed: int = 0
    unscorable: int = 0
    cost: Cost | None = None
    reason: str = ""
    published: bool = False
    weights_licence: str = ""
    commercial: Commercial | None = None

    @property
    def answered(self) -> bool:
        """Whether it has numbers."""
        return bool(self.numbers)


@dataclass(frozen=True)
class Summary:
    """A method's numbers over photos.

    Attributes:
        photos: how many.
        means: attribute of :data:`ERRORS` -> unweighted mean.
        intervals: photos with an interval.
        covered_80: of those, how many 80 % intervals hold the true scale.
        covered_95: the same of the 95 % intervals.
        half_width: median half-width of the 80 % interval; None without any.
    """

    photos: int
    means: Mapping[str, float]
    intervals: int
    covered_80: int
    covered_95: int
    half_width: float | None


def summarise(numbers: Sequence[PhotoNumbers]) -> Summary:
    """Return the means over photos.

    Args:
        numbers: one a photo, at least one.
    """
    widths = [one.half_width for one in numbers if one.half_width is not None]
    return Summary(
        photos=len(numbers),
        means={name: statistics.fmean(getattr(one, name) for one in numbers) for name in ERRORS},
        intervals=len(widths),
        covered_80=sum(one.covered_80 is True for one in numbers),
        covered_95=sum(one.covered_95 is True for one in numbers),
        half_width=statistics.median(widths) if widths else None,
    )


def common_photos(outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    """Return the photos that every method with numbers answered for, in the order of the first one's.

    Args:
        outcomes: methods.
    """
    answered = [one.numbers for one in outcomes if one.numbers]
    return tuple(name for name in answered[0] if all(name in one for one in answered)) if answered else ()


def read_numbers(folder: Path) -> dict[str, PhotoNumbers]:
    """Return the numbers of every photo with an answer.

    Args:
        folder: of the results of a method.

    Raises:
        InputError: for a table that cannot be read.
    """
    found: dict[str, PhotoNumbers] = {}
    for number, row in read_csv_rows(folder / SCORES, ("name", "answered")):
        if row["answered"] == "0":
            continue
        try:
            errors = {name: float(row[_COLUMNS.get(name, name)]) for name in ERRORS}
            width, covered_80, covered_95 = (row[name] for name in ("half_width", "covered_80", "covered_95"))
            found[row["name"]] = PhotoNumbers(
                **errors,
                half_width=float(width) if width else None,
                covered_80=covered_80 == "1" if covered_80 else None,
                covered_95=covered_95 == "1" if covered_95 else None,
            )
        except (KeyError, ValueError) as error:
            raise InputError(f"{folder / SCORES} line {number}: {error}: expected a table of mfh evaluate") from error
    return found


def read_failures(folder: Path, not_counted: Sequence[str]) -> tuple[int, int, str]:
    """Return how many photos have no answer, how many can be scored for no method, and the first reason of the former.

    Args:
        folder: of the results of a method.
        not_counted: kinds of failures that are no method's.

    Raises:
        InputError: for a table that cannot be read.
    """
    rows = [row for _, row in read_csv_rows(folder / FAILURES, ("name", "kind", "reason"))]
    failed = [row for row in rows if row["kind"] not in not_counted]
    first = f"{failed[0]['name']}: {failed[0]['reason']}" if failed else ""
    return len(failed), len(rows) - len(failed), first


def read_cost(folder: Path, names: Sequence[str]) -> Cost | None:
    """Return what the photos with an answer took, by the ledger; None where there are none.

    Args:
        folder: of the results of a method.
        names: photos with an answer.

    Raises:
        InputError: for a ledger that is damaged.
    """
    done = done_photos(folder)
    answered = [done[name] for name in names if name in done]
    if not answered:
        return None
    later = [one for one in answered if not one.first]
    return Cost(
        seconds=statistics.median(one.seconds for one in later or answered),
        photos=len(later or answered),
        warm_up=bool(later),
        ram_bytes=_most(answered, "ram_bytes"),
        gpu_bytes=_most(answered, "gpu_bytes"),
    )


def _most(done: Sequence[Done], name: str) -> int | None:
    return max((value for one in done if (value := getattr(one, name)) is not None), default=None)
