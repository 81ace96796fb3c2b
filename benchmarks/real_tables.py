"""Rows of ``study_real.py``, and its tables by group of photos and by kind of evidence: pure functions of the rows."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

NEAR_M = 1.8
"""An indoor photo whose median true depth is less is a close-up; else it is of a room."""
Z_80 = 1.2816
"""Standard deviations on either side that hold 80 % of a normal distribution."""
Table = list[list[str]]


@dataclass(frozen=True)
class PhotoFacts:
    """What is known of a photo without any answer.

    Attributes:
        set: folder of its data set.
        name: unique there.
        place: "indoor" or "outdoor", by its intrinsics.json.
        true_m: median true depth of the scored pixels.
    """

    set: str
    name: str
    place: str
    true_m: float


@dataclass(frozen=True)
class Shape:
    """AbsRel and δ1 of one answer, in one setting."""

    abs_rel: float
    delta1: float


@dataclass(frozen=True)
class Receipt:
    """One landmark or known size, against the truth.

    Attributes:
        kind: what it is: "person", "painted person", "object: car", "known size".
        painted: whether it was painted into the photo.
        used: or rejected.
        weight: share in the answer.
        distance_error: log(stated distance / true depth there); None for what is painted or where no depth is true.
        scale_error: log(median depth of the photo by this landmark alone / the true one), at the answer's t/s.
        log_sigma: its stated one-sigma of log distance, what it shares with its like included.
    """

    kind: str
    painted: bool
    used: bool
    weight: float
    distance_error: float | None
    scale_error: float | None
    log_sigma: float | None


@dataclass(frozen=True)
class RealRow:
    """One photo.

    Attributes:
        facts: without the answer.
        seconds: of the answer, or of the refusal.
        refused: why there is no answer; empty where there is one.
        unaligned: errors as they are.
        one_factor: after 1 / median(p/g).
        affine: after the least-squares scale and shift in the answer's own space, inverse depth for preset pocket.
        log_scale: log median(p/g).
        found_m: median answer over the scored pixels.
        holds_80: whether the 80 % interval of the photo's depth holds the truth; None without an interval.
        holds_95: the same of the 95 % interval.
        half_width: of the 80 % interval, relative to the answer.
        receipts: landmarks and known sizes.
    """

    facts: PhotoFacts
    seconds: float
    refused: str = ""
    unaligned: Shape | None = None
    one_factor: Shape | None = None
    affine: Shape | None = None
    log_scale: float = 0.0
    found_m: float = 0.0
    holds_80: bool | None = None
    holds_95: bool | None = None
    half_width: float | None = None
    receipts: tuple[Receipt, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """Set and name."""
        return self.facts.set, self.facts.name


def read_rows(path: Path) -> list[RealRow]:
    """Return the rows of a file, sorted by set and name; a line that was not finished does not count.

    Args:
        path: a JSON object a line; nothing where it does not exist.
    """
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    return sorted((_row(json.loads(line)) for line in lines if line), key=lambda row: row.key)


def add_row(path: Path, row: RealRow) -> None:
    """Add a row to a file; a line that a killed run did not finish is dropped first.

    Args:
        path: a JSON object a line; made where it does not exist.
        row: of one photo.
    """
    written = path.read_bytes() if path.is_file() else b""
    whole = written[: written.rfind(b"\n") + 1]
    if whole != written:
        path.write_bytes(whole)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(row)) + "\n")


def _row(content: dict) -> RealRow:
    shapes = {name: Shape(**content[name]) for name in ("unaligned", "one_factor", "affine") if content[name]}
    receipts = tuple(Receipt(**one) for one in content["receipts"])
    return RealRow(**{**content, "facts": PhotoFacts(**content["facts"]), **shapes, "receipts": receipts})


def constants(rows: Sequence[RealRow]) -> dict[str, float]:
    """Return the constant of each place: the median of its photos' median true depths, those refused included."""
    places = sorted({row.facts.place for row in rows})
    return {place: float(np.median([row.facts.true_m for row in rows if row.facts.place == place])) for place in places}


def constant_log_scale(row: RealRow, constant_m: float) -> float:
    """Return the log scale error of the same shape with its median at a constant.

    Args:
        row: of a photo with an answer.
        constant_m: metres.
    """
    return row.log_scale + float(np.log(constant_m / row.found_m))


def kinds_used(row: RealRow) -> str:
    """Return the kinds of evidence in the answer: "person", "known size + painted person"."""
    return " + ".join(sorted({one.kind.split(":")[0] for one in row.receipts if one.used})) or "nothing"


def groups_of(row: RealRow) -> tuple[str, ...]:
    """Return the groups a photo counts in.

    Streets are outdoor photos, close-ups are indoor photos nearer than ``NEAR_M``, rooms are the other indoor photos:
    every photo is in one of the three, whatever the answer. People are photos with a real person in the answer; "object
    or person" are those with either, "neither" the other answers. Then come the kinds of evidence in the answer.
    """
    near = "close-ups" if row.facts.true_m < NEAR_M else "rooms"
    groups = ["all", "streets" if row.facts.place == "outdoor" else near]
    if row.refused:
        return tuple(groups)
    kinds = {one.kind.split(":")[0].split(",")[0] for one in row.receipts if one.used and not one.painted}
    groups += ["people"] * ("person" in kinds)
    groups.append("object or person" if kinds & {"object", "person"} else "neither object nor person")
    return (*groups, f"scale from {kinds_used(row)}")


@dataclass(frozen=True)
class _Column:
    """A column of the table by group.

    Attributes:
        heading: with its unit.
        cell: of the answered photos of a group.
        value: of one photo, for paired differences; None where there is none.
    """

    heading: str
    cell: Callable[[Sequence[RealRow]], str]
    value: Callable[[RealRow], float] | None = None


def _columns(constant: Mapping[str, float]) -> list[_Column]:
    def of(name: str, part: str) -> Callable[[RealRow], float]:
        return lambda row: getattr(getattr(row, name), part)

    def mean(value: Callable[[RealRow], float], digits: int = 3) -> Callable[[Sequence[RealRow]], str]:
        return lambda rows: f"{np.mean([value(row) for row in rows]):.{digits}f}"

    def median(value: Callable[[RealRow], float]) -> Callable[[Sequence[RealRow]], str]:
        return lambda rows: f"{np.median([value(row) for row in rows]):.3f}"

    def scale(row: RealRow) -> float:
        return abs(row.log_scale)

    def by_constant(row: RealRow) -> float:
        return abs(constant_log_scale(row, constant[row.facts.place]))

    abs_rel, delta1 = of("unaligned", "abs_rel"), of("unaligned", "delta1")
    one_factor, affine = of("one_factor", "abs_rel"), of("affine", "abs_rel")
    return [
        _Column("AbsRel", mean(abs_rel), abs_rel),
        _Column("median", median(abs_rel)),
        _Column("δ1", mean(delta1), delta1),
        _Column("one factor", mean(one_factor), one_factor),
        _Column("affine", mean(affine), affine),
        _Column("log scale, median", lambda rows: f"{np.median([row.log_scale for row in rows]):+.3f}"),
        _Column("|log scale|, median", median(scale), scale),
        _Column("rms", lambda rows: f"{_rms([row.log_scale for row in rows]):.3f}"),
        _Column("80 % holds", lambda rows: _held([row.holds_80 for row in rows])),
        _Column("95 % holds", lambda rows: _held([row.holds_95 for row in rows])),
        _Column("half-width", _half_width, lambda row: row.half_width or 0.0),
        _Column("nearer than constant", lambda rows: _held([scale(row) < by_constant(row) for row in rows])),
        _Column("constant, median", median(by_constant)),
        _Column("constant, rms", lambda rows: f"{_rms([by_constant(row) for row in rows]):.3f}"),
        _Column("s", mean(lambda row: row.seconds, 1), lambda row: row.seconds),
    ]


def group_table(rows: Sequence[RealRow], others: Sequence[RealRow] | None = None) -> Table:
    """Return the table by group; refused photos are counted, and are in no mean and no coverage.

    Args:
        rows: one a photo, in any order.
        others: of another run, to stand below each group: the same photos, and mean differences (rows minus others)
            with their standard errors over the photos that both answer. Groups and constants are those of ``rows``.
    """
    rows = sorted(rows, key=lambda row: row.key)
    constant = constants(rows)
    columns = _columns(constant)
    stated = ", ".join(f"{place} {metres:.2f} m" for place, metres in constant.items())
    table = [[f"group (constants: {stated})", "photos", "answered", *(column.heading for column in columns)]]
    by_key = {row.key: row for row in others or ()}
    names = ["close-ups", "rooms", "streets", "people", "all"]
    found = {group for row in rows for group in groups_of(row)}
    for group in [*(name for name in names if name in found), *sorted(found.difference(names))]:
        members = [row for row in rows if group in groups_of(row)]
        table.append(_line(group, members, columns))
        if others is not None:
            theirs = [by_key[row.key] for row in members if row.key in by_key]
            table += [_line("  other run", theirs, columns), _differences(members, by_key, columns)]
    return table


def kind_table(rows: Sequence[RealRow], others: Sequence[RealRow] | None = None) -> Table:
    """Return the table by kind of evidence: log errors of what was used, and of those over their stated sigma.

    "distance" compares a landmark's stated distance with the true depth at its pixels; "scale" the median depth of the
    photo that the landmark alone implies with the true one, which painted people have too.

    Args:
        rows: one a photo, in any order.
        others: of another run; its lines stand below.
    """
    headings = ["kind", "by", "photos", "used", "rejected", "log error, median", "rms", "stated sigma, median"]
    table = [[*headings, "rms over sigma", "within 1.28 sigma"]]
    table += _kind_lines(rows, "")
    return table + (_kind_lines(others, "  other run: ") if others is not None else [])


def reasons(rows: Sequence[RealRow]) -> list[str]:
    """Return how many photos of each group were refused for which reason, a line each."""
    counts: Counter[tuple[str, str]] = Counter()
    for row in rows:
        if row.refused:
            short = row.refused.replace(f"{row.facts.name}: ", "").partition(" (")[0]
            counts[groups_of(row)[1], short] += 1
    return [f"refused, {group}: {count}: {reason}" for (group, reason), count in sorted(counts.items())]


def markdown(table: Table) -> str:
    """Return a table in Markdown."""
    lines = [f"| {' | '.join(cell.strip().replace('|', chr(92) + '|') for cell in line)} |" for line in table]
    return "\n".join([lines[0], "|" + "---|" * len(table[0]), *lines[1:]])


def plain(table: Table) -> str:
    """Return a table with aligned columns."""
    widths = [max(len(line[k]) for line in table) for k in range(len(table[0]))]
    lines = [
        "  ".join(
            [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))]
        )
        for line in table
    ]
    return "\n".join(line.rstrip() for line in lines)


def _line(name: str, members: Sequence[RealRow], columns: Sequence[_Column]) -> list[str]:
    answered = [row for row in members if not row.refused]
    cells = [column.cell(answered) if answered else "-" for column in columns]
    return [name, str(len(members)), str(len(answered)), *cells]


def _differences(
    members: Sequence[RealRow], others: Mapping[tuple[str, str], RealRow], columns: Sequence[_Column]
) -> list[str]:
    """Return mean differences, with standard errors, over the photos that both runs answer."""
    both = [(row, others[row.key]) for row in members if row.key in others]
    both = [(one, other) for one, other in both if not (one.refused or other.refused)]
    cells = []
    for column in columns:
        if column.value is None or not both:
            cells.append("")
            continue
        difference = np.array([column.value(one) - column.value(other) for one, other in both])
        error = f" ± {difference.std(ddof=1) / len(both) ** 0.5:.3f}" if len(both) > 1 else ""
        cells.append(f"{difference.mean():+.3f}{error}")
    return ["  difference, paired", str(len(both)), "", *cells]


def _kind_lines(rows: Sequence[RealRow], prefix: str) -> Table:
    rows = sorted(rows, key=lambda row: row.key)
    lines = []
    for kind in sorted({one.kind for row in rows for one in row.receipts}):
        for way in ("distance", "scale"):
            every = [(row.key, one) for row in rows for one in row.receipts if one.kind == kind]
            used = [(key, one, getattr(one, f"{way}_error")) for key, one in every if one.used]
            used = [(key, one, error) for key, one, error in used if error is not None]
            if not used:
                continue
            errors = [error for _, _, error in used]
            over = [(error / one.log_sigma, one.log_sigma) for _, one, error in used if one.log_sigma]
            counts = [len({key for key, _, _ in used}), len(used), sum(not one.used for _, one in every)]
            cells = [f"{np.median(errors):+.3f}", f"{_rms(errors):.3f}", "-", "-", "-"]
            if over:
                inside = sum(abs(one) <= Z_80 for one, _ in over)
                sigma = np.median([sigma for _, sigma in over])
                cells[2:] = [f"{sigma:.3f}", f"{_rms([one for one, _ in over]):.2f}", f"{inside}/{len(over)}"]
            lines.append([prefix + kind, way, *map(str, counts), *cells])
    return lines


def _rms(values: Sequence[float]) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def _held(held: Sequence[bool | None]) -> str:
    known = [one for one in held if one is not None]
    return f"{sum(known)}/{len(known)}"


def _half_width(rows: Sequence[RealRow]) -> str:
    known = [row.half_width for row in rows if row.half_width is not None]
    return f"{np.median(known):.0%}" if known else "-"
