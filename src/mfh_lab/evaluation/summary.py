"""From rows to tables: one statistic per seed over the scenes, then mean and deviation over the seeds."""

import csv
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from mfh.io.written import own_path
from mfh_lab.evaluation.pocket_benchmark import BOUND, Row

OUTDOORS = ("street", "road", "yard", "park")


@dataclass(frozen=True)
class Spread:
    """A statistic over the scenes: its mean over the painting seeds, and their standard deviation."""

    mean: float
    sd: float

    def text(self, digits: int = 3) -> str:
        """Return "0.123 ± 0.004", or a dash where there is nothing."""
        if math.isnan(self.mean):
            return "-"
        return f"{self.mean:.{digits}f}" + (f" ± {self.sd:.{digits}f}" if not math.isnan(self.sd) else "")


@dataclass(frozen=True)
class Summary:
    """All scenes of one place, models, noise, way and number of paintings.

    Attributes:
        where: "all", "indoors" or "outdoors".
        models: "oracle" or "trained".
        noise: of the oracles.
        way: name of the way.
        paintings: usable paintings asked for.
        scenes: number of scenes.
        unanswered: share of scenes and seeds without an answer; they are in no other number.
        abs_rel_median: median over scenes.
        abs_rel_mean: mean over scenes.
        delta1: mean over scenes.
        scale_error: median over scenes of |log| of the median ratio.
        seconds: median over scenes and seeds.
        covers_80: share of scenes and seeds whose 80 % interval holds the true metres; NaN without intervals.
        covers_95: the same for 95 %.
        half_width: median half-width of the 80 % interval.
    """

    where: str
    models: str
    noise: str
    way: str
    paintings: int
    scenes: int
    unanswered: float
    abs_rel_median: Spread
    abs_rel_mean: Spread
    delta1: Spread
    scale_error: Spread
    seconds: float
    covers_80: float
    covers_95: float
    half_width: float


def summarise(rows: Sequence[Row]) -> list[Summary]:
    """Return one summary for each place, models, noise, way and number of paintings, in the order of the rows.

    Args:
        rows: of any number of scenes.
    """
    summaries = []
    for where in ("all", "indoors", "outdoors"):
        groups: dict[tuple[str, str, str, int], list[Row]] = {}
        for row in rows:
            if where == "all" or (row.kind in OUTDOORS) == (where == "outdoors"):
                groups.setdefault((row.models, row.noise, row.way, row.paintings), []).append(row)
        for (models, noise, way, paintings), group in groups.items():
            answered = [row for row in group if not math.isnan(row.abs_rel)]
            summaries.append(
                Summary(
                    where,
                    models,
                    noise,
                    way,
                    paintings,
                    scenes=len({row.scene for row in group}),
                    unanswered=1 - len(answered) / len(group),
                    abs_rel_median=_over_seeds(answered, lambda row: row.abs_rel, np.median),
                    abs_rel_mean=_over_seeds(answered, lambda row: row.abs_rel, np.mean),
                    delta1=_over_seeds(answered, lambda row: row.delta1, np.mean),
                    scale_error=_over_seeds(answered, lambda row: row.scale_error, np.median),
                    seconds=float(np.median([row.seconds for row in group])),
                    covers_80=_mean([row.covered_80 for row in answered]),
                    covers_95=_mean([row.covered_95 for row in answered]),
                    half_width=_mean([row.half_width for row in answered], np.median),
                )  # fmt: skip
            )
    return summaries


def table(summaries: Sequence[Summary], *, where: str = "all") -> str:
    """Return the table that is printed.

    Args:
        summaries: of all places.
        where: the place to show.
    """
    head = (
        "models",
        "way",
        "N",
        "AbsRel median",
        "AbsRel mean",
        "δ1",
        "scale error",
        "80/95 % cover",
        "±",
        "seconds",
        "no answer",
    )
    lines: list[tuple[str, ...]] = [head]
    for one in summaries:
        if one.where != where:
            continue
        models = f"{one.models} ({one.noise})" if one.noise else one.models
        bound = one.way == BOUND
        lines.append(
            (
                models,
                "best affine fit to the truth" if bound else one.way,
                "" if bound else str(one.paintings),
                one.abs_rel_median.text(),
                one.abs_rel_mean.text(),
                one.delta1.text(),
                "" if bound else one.scale_error.text(),
                "" if math.isnan(one.covers_80) else f"{one.covers_80:.0%} / {one.covers_95:.0%}",
                "" if math.isnan(one.half_width) else f"{one.half_width:.0%}",
                f"{one.seconds:.2f}",
                "" if bound else f"{one.unanswered:.0%}",
            )
        )
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
                     for line in lines)  # fmt: skip


def write_results(out: Path, rows: Sequence[Row], summaries: Sequence[Summary], settings: dict[str, object]) -> None:
    """Write rows.csv (every answer), summary.csv and summary.json.

    Args:
        out: an existing folder.
        rows: every answer.
        summaries: of them.
        settings: what was run.

    Raises:
        InputError: when a file cannot be written.
    """
    names = [one.name for one in fields(Row)]
    _write_csv(out / "rows.csv", names, [[_plain(value) for value in asdict(row).values()] for row in rows])
    flat = [_flat(one) for one in summaries]
    _write_csv(out / "summary.csv", list(flat[0]) if flat else [], [list(one.values()) for one in flat])
    with own_path(out / "summary.json") as temporary:
        tree = {"settings": settings, "summary": flat}
        temporary.write_text(json.dumps(tree, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _mean(values: Sequence[float], statistic: Callable[[list[float]], np.floating] = np.mean) -> float:
    known = [value for value in values if not math.isnan(value)]
    return float(statistic(known)) if known else math.nan


def _over_seeds(
    rows: Sequence[Row], value: Callable[[Row], float], statistic: Callable[[list[float]], np.floating]
) -> Spread:
    by_seed: dict[int, list[float]] = {}
    for row in rows:
        by_seed.setdefault(row.seed, []).append(value(row))
    each = [float(statistic(values)) for values in by_seed.values()]
    if not each:
        return Spread(math.nan, math.nan)
    return Spread(float(np.mean(each)), float(np.std(each, ddof=1)) if len(each) > 1 else math.nan)


def _flat(one: Summary) -> dict[str, object]:
    flat: dict[str, object] = {}
    for field in fields(Summary):
        value = getattr(one, field.name)
        if isinstance(value, Spread):
            flat[field.name], flat[f"{field.name}_sd"] = _plain(value.mean), _plain(value.sd)
        else:
            flat[field.name] = _plain(value)
    return flat


def _plain(value: object) -> object:
    """Round numbers to what they mean; None for NaN."""
    if isinstance(value, float):
        return None if math.isnan(value) else round(value, 6)
    return value


def _write_csv(path: Path, names: Sequence[str], lines: Sequence[Sequence[object]]) -> None:
    with own_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        writer.writerows(lines)
