"""How often each method was chosen as the most reasonable, by range of depth (Table 10), with confidence intervals."""

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist

import numpy as np
from jaxtyping import Int
from numpy import ndarray

from mfh.errors import InputError
from mfh.io.written import own_path
from mfh_lab.paper.study.answers import Answers
from mfh_lab.paper.study.meter_bar import RANGES
from mfh_lab.paper.study.plan import NONE, Key

OVERALL = "overall"
_TITLES = {
    "short": "short range (≤ 15 m)",
    "medium": "medium range (≤ 40 m)",
    "long": "long range (> 40 m)",
    OVERALL: "overall",
}
_LEVEL = 0.95
MIN_PARTICIPANTS = 5
"""Fewer, drawn anew, are so often drawn alike that the interval would be far too narrow."""


@dataclass(frozen=True)
class Rate:
    """How often a method was chosen within a range.

    Attributes:
        range_name: "short", "medium", "long" or "overall".
        label: of the method; "none" for no picture being reasonable.
        chosen: answers that chose it.
        answers: answers of the range.
        wilson: 95 % interval of the share, as if all answers were independent.
        bootstrap: 95 % interval by drawing participants anew, whose answers hang together; None for
            fewer than five.
    """

    range_name: str
    label: str
    chosen: int
    answers: int
    wilson: tuple[float, float]
    bootstrap: tuple[float, float] | None

    @property
    def share(self) -> float:
        """Selection rate: chosen over answers."""
        return self.chosen / self.answers


@dataclass(frozen=True)
class Tally:
    """All rates, and what they rest on.

    Attributes:
        rates: by range, then method as given, then "none"; ranges without an answer are left out.
        participants: number of files.
        complete: how many of them answered every question.
        questions: of the study.
    """

    rates: tuple[Rate, ...]
    participants: int
    complete: int
    questions: int


def tally(answers: Sequence[Answers], key: Key, *, seed: int = 0, draws: int = 2000) -> Tally:
    """Count.

    The rate is chosen over all answers of the range, "none" among them, so that a range's rates sum to 1.

    Args:
        answers: of all participants.
        key: of the study.
        seed: of the bootstrap.
        draws: of the bootstrap.

    Returns:
        The rates.

    Raises:
        InputError: for no answers.
    """
    if not any(one.chosen for one in answers):
        raise InputError("no answers to count: expected at least one")
    options = [*key.labels, NONE]
    rates: list[Rate] = []
    for range_name in (*RANGES, OVERALL):
        ids = {q for q, one in key.questions.items() if range_name in (OVERALL, one.range_name)}
        # One row a participant: how often each option was chosen.
        counts = np.array([[sum(one.chosen.get(q) == option for q in ids) for option in options] for one in answers])
        total = int(counts.sum())
        if total == 0:
            continue
        intervals = cluster_bootstrap(counts, seed=seed, draws=draws)
        for column, option in enumerate(options):
            chosen = int(counts[:, column].sum())
            interval = intervals[column] if intervals is not None else None
            rates.append(Rate(range_name, option, chosen, total, wilson(chosen, total), interval))
    complete = sum(len(one.chosen) == len(key.questions) for one in answers)
    return Tally(tuple(rates), len(answers), complete, len(key.questions))


def wilson(chosen: int, answers: int, *, level: float = _LEVEL) -> tuple[float, float]:
    """Return Wilson's score interval of a share.

    (p + z²/2n ± z·sqrt(p(1 - p)/n + z²/4n²)) / (1 + z²/n), with p = chosen/n.

    Args:
        chosen: successes.
        answers: trials n, at least 1.
        level: of confidence.

    Returns:
        Low and high end, in [0, 1].

    Reference:
        E. B. Wilson, Probable inference, the law of succession, and statistical inference, 1927.
    """
    z = NormalDist().inv_cdf(0.5 + level / 2)
    share = chosen / answers
    middle = share + z * z / (2 * answers)
    spread = z * math.sqrt(share * (1 - share) / answers + z * z / (4 * answers * answers))
    scale = 1 + z * z / answers
    # At no and at all successes one end is exact, which rounding must not move.
    low = 0.0 if chosen == 0 else (middle - spread) / scale
    high = 1.0 if chosen == answers else (middle + spread) / scale
    return low, high


def cluster_bootstrap(
    counts: Int[ndarray, "participants options"], *, seed: int, draws: int, level: float = _LEVEL
) -> list[tuple[float, float]] | None:
    """Return percentile intervals of the options' shares, drawing whole participants with replacement.

    Args:
        counts: how often each participant chose each option.
        seed: of the draws.
        draws: how many.
        level: of confidence.

    Returns:
        Low and high end an option; None where fewer than five participants answered.
    """
    counts = counts[counts.sum(axis=1) > 0]
    people = len(counts)
    if people < MIN_PARTICIPANTS:
        return None
    # How often each participant is drawn is all that matters.
    drawn = np.random.default_rng(seed).multinomial(people, np.full(people, 1 / people), size=draws)
    sums = drawn @ counts
    shares = sums / sums.sum(axis=1, keepdims=True)
    low, high = np.quantile(shares, [0.5 - level / 2, 0.5 + level / 2], axis=0)
    return [(float(a), float(b)) for a, b in zip(low, high, strict=True)]


def table(result: Tally) -> str:
    """Return the rates as text: a row a method, a column a range, Wilson's interval beneath each rate in brackets.

    Args:
        result: of tally.
    """
    shown, labels, cells = _grid(result)
    head = ["", *(f"{name}, n = {_answers(result, name)}" for name in shown)]
    lines = [head, *([label, *(cells[name, label] for name in shown)] for label in labels)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def markdown(result: Tally) -> str:
    """Return the rates as a Markdown table laid out like Table 10: a row a range, a column a method.

    Args:
        result: of tally.
    """
    shown, labels, cells = _grid(result)
    lines = [
        "| Range | answers | " + " | ".join(label.replace("|", "\\|") for label in labels) + " |",
        "|---" * (len(labels) + 2) + "|",
    ]
    for name in shown:
        row = " | ".join(cells[name, label] for label in labels)
        lines.append(f"| {_TITLES[name]} | {_answers(result, name)} | {row} |")
    return "\n".join(lines) + f"\n\n{footnote(result)}\n"


def footnote(result: Tally) -> str:
    """Return what the rates and intervals are.

    Args:
        result: of tally.
    """
    people = f"{result.participants} participant{'' if result.participants == 1 else 's'}"
    return (
        f"Share of answers that chose the method as the most reasonable; {people}, {result.complete} of them answered "
        f"all {result.questions} photos. In brackets: 95 % Wilson interval (answers independent); after it, "
        f"where {MIN_PARTICIPANTS} participants or more answered: 95 % bootstrap over participants."
    )


def write_csv(path: Path, result: Tally) -> None:
    """Write one line a range and method.

    Args:
        path: csv file.
        result: of tally.

    Raises:
        InputError: when the file cannot be written.
    """
    with own_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(
            ("range", "method", "chosen", "answers", "rate", "wilson_low", "wilson_high", "bootstrap_low",
             "bootstrap_high")
        )  # fmt: skip
        for one in result.rates:
            ends = (one.share, *one.wilson, *(one.bootstrap or ()))
            padding = [""] * (5 - len(ends))
            writer.writerow([one.range_name, one.label, one.chosen, one.answers, *(f"{end:.6f}" for end in ends),
                             *padding])  # fmt: skip


def _grid(result: Tally) -> tuple[list[str], list[str], Mapping[tuple[str, str], str]]:
    shown = list(dict.fromkeys(one.range_name for one in result.rates))
    labels = list(dict.fromkeys(one.label for one in result.rates))
    return shown, labels, {(one.range_name, one.label): _cell(one) for one in result.rates}


def _cell(one: Rate) -> str:
    text = f"{one.share:.1%} [{_percent(one.wilson)}]"
    return text if one.bootstrap is None else f"{text} {_percent(one.bootstrap)}"


def _percent(ends: tuple[float, float]) -> str:
    return f"{100 * ends[0]:.0f}–{100 * ends[1]:.0f}"


def _answers(result: Tally, range_name: str) -> int:
    return next(one.answers for one in result.rates if one.range_name == range_name)
