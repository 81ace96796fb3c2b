"""Table 10: how often each method was chosen, with the paper's rates beside."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mfh.io.written import own_path
from mfh_lab.paper.figures.saving import literal, new_figure, save_figure, save_table
from mfh_lab.paper.missing import Missing, Waits, filling_command, waits_for
from mfh_lab.paper.published import TABLE_10, TABLE_10_METHODS
from mfh_lab.paper.study.meter_bar import RANGES
from mfh_lab.paper.study.plan import NONE
from mfh_lab.paper.study.tally import OVERALL, Rate, Tally, footnote

RANGE_NAMES = (*RANGES, OVERALL)
_TITLES = {"short": "short, 10-15 m", "medium": "medium, 20-40 m", "long": "long, 80 m", OVERALL: "overall"}
LONG_NAMES = {
    "Depth Anything-K": "DA-K",
    "Depth Anything-N": "DA-N",
    "Metric3D": "M3D-v1",
    "Metric3D v2": "M3D-v2",
    "UniDepth-C": "UD-C",
    "UniDepth-V": "UD-V",
    "ZeroDepth": "0D",
    "ZoeDepth-NK": "ZD-NK",
}
"""Labels of other tables -> Table 10's."""


@dataclass(frozen=True)
class SelectionRow:
    """One method.

    Attributes:
        label: of the study, or of the paper where the study does not have it.
        rates: by range; None for a range without an answer, or a method that is not in the study.
        paper: percent, by range; NaN for a method that is not in the paper.
        waits: what the row waits for; empty where it has a rate.
    """

    label: str
    rates: tuple[Rate | None, ...]
    paper: tuple[float, ...]
    waits: Waits = ()


def selection_rows(result: Tally | None) -> list[SelectionRow]:
    """Return the paper's methods first, then those that only the study has.

    Args:
        result: of the study; None where there are no answers yet.
    """
    rates = {} if result is None else {(one.label, one.range_name): one for one in result.rates}
    labels = list(dict.fromkeys(label for label, _ in rates))
    named = {LONG_NAMES.get(label, label): label for label in labels}
    rows = []
    for place, method in enumerate(TABLE_10_METHODS):
        own = named.get(method)
        paper = tuple(TABLE_10[name][place] for name in RANGE_NAMES)
        found = tuple(rates.get((own, name)) if own is not None else None for name in RANGE_NAMES)
        rows.append(SelectionRow(own or method, found, paper, () if own is not None else (_missing(method, result),)))
    unknown = (math.nan,) * len(RANGE_NAMES)
    others = [label for label in labels if LONG_NAMES.get(label, label) not in TABLE_10_METHODS]
    return [
        *rows,
        *(SelectionRow(label, tuple(rates.get((label, one)) for one in RANGE_NAMES), unknown) for label in others),
    ]


def _missing(method: str, result: Tally | None) -> Missing:
    if result is not None:
        return Missing(f"a study with {method}: --predictions '{method}=DIR' of mfh study make")
    methods = " ".join(f"--predictions '{one}=DIR'" for one in TABLE_10_METHODS)
    make = f"mfh study make --photos PHOTOS {methods} --out study.html"
    return Missing("the answers of people, saved by the page of a study", make, "--answers FILE --key study-key.json")


def write_selection_table(out: Path, result: Tally | None, *, again: str) -> tuple[list[Path], str]:
    """Write table10.md, .csv, .json, .png and .pdf.

    Args:
        out: an existing folder.
        result: of the study; None where there are no answers yet: the paper's rates alone, and what is waited for.
        again: the command that was run.

    Returns:
        The files, and the table as Markdown.

    Raises:
        InputError: when a file cannot be written.
        BackendError: where matplotlib is not installed.
    """
    rows = selection_rows(result)
    text = _markdown(rows, result, again)
    paths = [out / "table10.md", out / "table10.csv", out / "table10.json"]
    with own_path(paths[0]) as temporary:
        temporary.write_text(text, encoding="utf-8")
    flat = [line for row in rows for line in _lines(row, again)]
    save_table(paths[1], list(flat[0]), [["" if cell is None else cell for cell in line.values()] for line in flat])
    with own_path(paths[2]) as temporary:
        content = {"participants": result.participants if result else 0, "cells": flat}
        temporary.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return [*paths, *_draw(out, rows, result)], text


def _lines(row: SelectionRow, again: str) -> list[dict[str, object]]:
    return [
        {
            "method": row.label,
            "range": name,
            "chosen": rate.chosen if rate else None,
            "answers": rate.answers if rate else None,
            "rate_percent": float(f"{100 * rate.share:.6g}") if rate else None,
            "wilson_low_percent": float(f"{100 * rate.wilson[0]:.6g}") if rate else None,
            "wilson_high_percent": float(f"{100 * rate.wilson[1]:.6g}") if rate else None,
            "paper_percent": None if math.isnan(paper) else paper,
            "waits_for": waits_for(row.waits),
            "command": filling_command(row.waits, again) if row.waits else "",
        }
        for name, rate, paper in zip(RANGE_NAMES, row.rates, row.paper, strict=True)
    ]


def _markdown(rows: Sequence[SelectionRow], result: Tally | None, again: str) -> str:
    heads = ["method", *(_TITLES[name] for name in RANGE_NAMES), "answers"]
    about = footnote(result) if result else "There are no answers yet."
    lines = [
        "# Table 10: selection rate as the most reasonable depth",
        "",
        f"{about} In square brackets after each rate: the paper's, of 50 participants and other photos; compare the "
        "order and not the numbers.",
        "",
        "| " + " | ".join(heads) + " |",
        "|" + " --- |" * len(heads),
    ]
    waiting: dict[Missing, list[str]] = {}
    for row in rows:
        cells = [_cell(rate, paper) for rate, paper in zip(row.rates, row.paper, strict=True)]
        answered = str(next((rate.answers for rate in reversed(row.rates) if rate), 0))
        for one in row.waits:
            waiting.setdefault(one, []).append(row.label)
            answered = f"waits for {1 + list(waiting).index(one)}"
        label = "none is reasonable" if row.label == NONE else row.label
        lines.append("| " + " | ".join([label.replace("|", "\\|"), *cells, answered]) + " |")
    lines.append("")
    for number, (one, names) in enumerate(waiting.items(), start=1):
        command = filling_command((one,), again) if one.first else ""
        lines.append(f"{number}. {', '.join(names)}: waits for {one.waits_for}" + (f": `{command}`" if command else ""))
    return "\n".join(lines).rstrip() + "\n"


def _cell(rate: Rate | None, paper: float) -> str:
    ends = f" ({100 * rate.wilson[0]:.0f}–{100 * rate.wilson[1]:.0f})" if rate else ""
    return (f"{rate.share:.1%}{ends}" if rate else "–") + ("" if math.isnan(paper) else f" [{paper:.1f}%]")


def _draw(out: Path, rows: Sequence[SelectionRow], result: Tally | None) -> tuple[Path, Path]:
    figure = new_figure(11.0, 1.4 + 0.34 * len(rows))
    panels = figure.subplots(1, len(RANGE_NAMES), sharey=True)
    for column, (axes, name) in enumerate(zip(panels, RANGE_NAMES, strict=True)):
        for place, row in enumerate(rows):
            rate, paper = row.rates[column], row.paper[column]
            if rate:
                low, high = (100 * end for end in rate.wilson)
                share = 100 * rate.share
                axes.barh(place - 0.2, share, 0.36, color="#2980b9", xerr=[[share - low], [high - share]],
                          error_kw={"linewidth": 0.9, "capsize": 2})  # fmt: skip
            if not math.isnan(paper):
                axes.barh(place + 0.2, paper, 0.36, color="#bbbbbb")
        axes.set_title(f"{_TITLES[name]}, %", fontsize=9)
        axes.grid(axis="x", alpha=0.3)
        axes.tick_params(labelsize=8)
    labels = [
        ("none is reasonable" if row.label == NONE else row.label) + (" (not measured)" if row.waits else "")
        for row in rows
    ]
    panels[0].set_yticks(range(len(rows)), [literal(label) for label in labels], fontsize=8)
    panels[0].invert_yaxis()
    people = f"{result.participants} participants" if result else "no answers yet"
    figure.suptitle(f"Table 10: selection rate; blue: {people}, 95 % Wilson intervals; grey: the paper", fontsize=9)
    return save_figure(figure, out / "table10")
