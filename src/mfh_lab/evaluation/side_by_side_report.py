"""The table of several methods: files that repeat byte for byte, and seconds and memory in files apart.

Rows are in the order asked for; every number stands beside how many photos it is of.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mfh_lab.evaluation.report import as_csv, as_pipes, write_own
from mfh_lab.evaluation.side_by_side import ERRORS, Cost, Outcome, Summary, common_photos, summarise

NAME = "comparison"
FILES = (f"{NAME}.md", f"{NAME}.csv", f"{NAME}.json", f"{NAME}-with-cost.md", "cost.csv")
NONE = "–"
_GAP = "  "
ABOUT = (
    "AbsRel, δ1, SIlog and RMSE: nothing aligned. Scale: |ln median(p/g)|. Shape: AbsRel after the best scale (s), and "
    "after the best scale and shift (s, t). All are means over the photos answered. 80 %, 95 %: photos whose interval "
    "holds the true scale; ±: median half-width of the 80 % one."
)
ABOUT_COST = (
    "Seconds: median of a photo, without the first of every process, which includes what a method does once (*: with "
    "it, where there is no other). RAM: peak resident memory of the method's process, Python and libraries included. "
    "GPU: peak that torch allocated."
)


@dataclass(frozen=True)
class Comparison:
    """Methods on the photos of one dataset.

    Attributes:
        dataset: its name.
        protocol: name of the protocol.
        photos: photos of the dataset.
        outcomes: one a method.
    """

    dataset: str
    protocol: str
    photos: int
    outcomes: Sequence[Outcome]

    @property
    def title(self) -> str:
        """One line about it."""
        return f"{self.dataset}: {self.photos} photos, protocol {self.protocol}, {len(self.outcomes)} methods"

    @property
    def unscorable(self) -> int:
        """Photos that no method is scored on."""
        return max((one.unscorable for one in self.outcomes), default=0)


HEAD = ("method", "photos", "AbsRel", "δ1", "SIlog", "RMSE", "scale", "shape s", "shape s, t", "80 %", "95 %", "±")
HEAD_COST = ("s/photo", "RAM GB", "GPU GB")
HEAD_LICENCE = ("weights", "commercial")


def cells(comparison: Comparison, *, cost: bool) -> list[list[str]]:
    """Return the cells of the table: a heading, and a line for each method.

    Args:
        comparison: of all methods.
        cost: whether seconds and memory are columns of it.
    """
    lines = [[*HEAD, *(HEAD_COST if cost else ()), *HEAD_LICENCE]]
    for one in comparison.outcomes:
        summary = summarise([*one.numbers.values()]) if one.numbers else None
        scorable = comparison.photos - comparison.unscorable
        count = f"{summary.photos}/{scorable}" if summary else NONE if one.published else f"0/{scorable}"
        lines.append([
            one.label, count, *_numbers(summary), *(_cost(one.cost) if cost else ()),
            one.weights_licence or NONE, one.commercial or NONE,
        ])  # fmt: skip
    return lines


def notes(comparison: Comparison) -> list[str]:
    """Return what the table does not say: what failed and why, and what its columns are.

    Args:
        comparison: of all methods.
    """
    lines = []
    for one in comparison.outcomes:
        if one.published:
            lines.append(f"{one.label}: published numbers, of other photos: {one.reason}")
        elif not one.answered:
            lines.append(one.reason if one.reason.startswith(one.label) else f"{one.label}: no numbers: {one.reason}")
        elif one.failed:
            lines.append(f"{one.label}: {one.failed} photos without an answer; the first: {one.reason}")
    if comparison.unscorable:
        lines.append(
            f"{comparison.unscorable} photos cannot be scored, for any method: no truth that counts, or unreadable"
        )
    if any(one.failed and one.answered for one in comparison.outcomes):
        lines.append("Failures as worst case: summary.md of each method.")
    return [*lines, ABOUT]


def shared_cells(comparison: Comparison) -> list[list[str]]:
    """Return the same errors over the photos that every method answered; nothing where those are the photos above.

    Args:
        comparison: of all methods.
    """
    answered = [one for one in comparison.outcomes if one.numbers]
    shared = common_photos(answered)
    if not shared or all(one.numbers is not None and len(one.numbers) == len(shared) for one in answered):
        return []
    lines = [[*HEAD]]
    for one in answered:
        summary = summarise([one.numbers[name] for name in shared]) if one.numbers else None
        lines.append([one.label, str(len(shared)), *_numbers(summary)])
    return lines


def markdown(comparison: Comparison, *, cost: bool) -> str:
    """Return the table as Markdown.

    Args:
        comparison: of all methods.
        cost: whether seconds and memory are columns of it.
    """
    parts = [f"# {comparison.title}", "", *as_pipes(cells(comparison, cost=cost)), ""]
    shared = shared_cells(comparison)
    if shared:
        parts += ["The same over the photos that every method answered:", "", *as_pipes(shared), ""]
    parts += [f"- {line}" for line in [*notes(comparison), *([ABOUT_COST] if cost else [])]]
    if not cost:
        parts.append(f"- Seconds and memory: [{NAME}-with-cost.md]({NAME}-with-cost.md).")
    return "\n".join([*parts, ""])


def text(comparison: Comparison, *, width: int) -> str:
    """Return what is printed: the table, in several blocks where it is wider than the terminal.

    Args:
        comparison: of all methods.
        width: letters in a line.
    """
    lines = cells(comparison, cost=True)
    last = len(lines[0])
    parts = [comparison.title, "", *aligned(lines, width=width, left=(0, last - 2, last - 1)), ""]
    shared = shared_cells(comparison)
    if shared:
        parts += ["The same over the photos that every method answered:", "", *aligned(shared, width=width), ""]
    return "\n".join([*parts, *notes(comparison), ABOUT_COST])


def aligned(lines: Sequence[Sequence[str]], *, width: int, left: Sequence[int] = (0,)) -> list[str]:
    """Return a table as lines of text; columns that do not fit stand in further blocks, each with the first column.

    Args:
        lines: cells, the heading first.
        width: letters in a line.
        left: columns whose cells stand on the left; the others' stand on the right.
    """
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    blocks: list[list[int]] = [[]]
    room = width - widths[0]
    for column in range(1, len(widths)):
        needed = len(_GAP) + widths[column]
        if blocks[-1] and needed > room:
            blocks.append([])
            room = width - widths[0]
        blocks[-1].append(column)
        room -= needed
    found: list[str] = []
    for block in blocks:
        found += [""] if found else []
        for line in lines:
            texts = [
                line[column].ljust(widths[column]) if column in left else line[column].rjust(widths[column])
                for column in (0, *block)
            ]
            found.append(_GAP.join(texts).rstrip())
    return found


def write_comparison(comparison: Comparison, out: Path) -> None:
    """Write the files of a comparison; all but the two with the cost repeat byte for byte.

    Args:
        comparison: of all methods.
        out: folder, which is there.

    Raises:
        InputError: where a file cannot be written.
    """
    write_own(out / f"{NAME}.md", markdown(comparison, cost=False))
    write_own(out / f"{NAME}.csv", as_csv(_csv_lines(comparison)))
    content = comparison_object(comparison, cost=False)
    write_own(out / f"{NAME}.json", json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False) + "\n")
    write_own(out / f"{NAME}-with-cost.md", markdown(comparison, cost=True))
    costs = [["method", *_COST]]
    for one in comparison.outcomes:
        costs.append([one.label, *(_exact(one.cost and getattr(one.cost, name)) for name in _COST)])
    write_own(out / "cost.csv", as_csv(costs))


def comparison_object(comparison: Comparison, *, cost: bool) -> dict[str, object]:
    """Return the comparison as plain JSON values; None where there is no number.

    Args:
        comparison: of all methods.
        cost: whether seconds and memory are part of it.
    """
    shared = common_photos(comparison.outcomes)
    return {
        "dataset": comparison.dataset,
        "protocol": comparison.protocol,
        "photos": comparison.photos,
        "unscorable": comparison.unscorable,
        "photos_of_all": len(shared),
        "methods": [_object(one, shared, cost=cost) for one in comparison.outcomes],
    }


_COST = ("seconds", "photos", "warm_up", "ram_bytes", "gpu_bytes")


def _object(one: Outcome, shared: Sequence[str], *, cost: bool) -> dict[str, object]:
    own = summarise([*one.numbers.values()]) if one.numbers else None
    both = summarise([one.numbers[name] for name in shared]) if one.numbers and shared else None
    return {
        "label": one.label,
        "folder": one.folder or None,
        "answered": own.photos if own else 0,
        "failed": one.failed,
        "errors": _rounded(own),
        "errors_on_photos_of_all": _rounded(both),
        "intervals": own.intervals if own else 0,
        "covered_80": own.covered_80 if own else 0,
        "covered_95": own.covered_95 if own else 0,
        "half_width": _significant(own.half_width) if own else None,
        "weights_licence": one.weights_licence or None,
        "commercial": one.commercial,
        "published": one.published,
        "reason": one.reason or None,
        **({"cost": {name: getattr(one.cost, name) for name in _COST} if one.cost else None} if cost else {}),
    }


def _csv_lines(comparison: Comparison) -> list[list[str]]:
    head = ["method", "folder", "photos", "answered", "failed", *ERRORS]
    lines = [[*head, "intervals", "covered_80", "covered_95", "half_width", "weights_licence", "commercial", "reason"]]
    for one in comparison.outcomes:
        own = summarise([*one.numbers.values()]) if one.numbers else None
        errors = [_exact(own and own.means[name]) for name in ERRORS]
        interval = [
            _exact(own and getattr(own, name)) for name in ("intervals", "covered_80", "covered_95", "half_width")
        ]
        answered = str(own.photos if own else 0)
        lines.append([
            one.label, one.folder, str(comparison.photos), answered, str(one.failed), *errors, *interval,
            one.weights_licence, one.commercial or "", one.reason,
        ])  # fmt: skip
    return lines


def _numbers(summary: Summary | None) -> list[str]:
    if summary is None:
        return [NONE] * (len(HEAD) - 2)
    errors = [f"{summary.means[name]:.2f}" if name == "silog" else f"{summary.means[name]:.3f}" for name in ERRORS]
    if summary.half_width is None:
        return [*errors, NONE, NONE, NONE]
    held = [f"{count}/{summary.intervals}" for count in (summary.covered_80, summary.covered_95)]
    return [*errors, *held, f"{summary.half_width:.0%}"]


def _cost(cost: Cost | None) -> list[str]:
    if cost is None:
        return [NONE] * len(HEAD_COST)
    seconds = f"{cost.seconds:.2g}" if cost.seconds < 10 else f"{cost.seconds:.0f}"
    return [seconds + ("" if cost.warm_up else "*"), _gigabytes(cost.ram_bytes), _gigabytes(cost.gpu_bytes)]


def _gigabytes(size: int | None) -> str:
    return NONE if size is None else f"{size / 1e9:.1f}"


def _rounded(summary: Summary | None) -> dict[str, float | None] | None:
    return {name: _significant(summary.means[name]) for name in ERRORS} if summary else None


def _significant(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.9g}")


def _exact(value: float | int | bool | None) -> str:
    if value is None:
        return ""
    return f"{value:.9g}" if isinstance(value, float) else str(int(value))
