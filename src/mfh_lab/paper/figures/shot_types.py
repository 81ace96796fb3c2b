"""Fig. 9: AbsRel by camera angle and by distance of shot."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.errors import InputError
from mfh_lab.evaluation.score_files import ScoreFile
from mfh_lab.paper.annotate.shots import ANGLES, DISTANCES, Shot
from mfh_lab.paper.figures.saving import COLORS, literal, new_figure, save_caption, save_figure, save_table

ATTRIBUTES: tuple[tuple[str, tuple[str, ...]], ...] = (("angle", ANGLES), ("distance", DISTANCES))
_TITLES = {"angle": "camera angle", "distance": "distance of shot"}


@dataclass(frozen=True)
class ShotError:
    """One bar.

    Attributes:
        attribute: "angle" or "distance".
        value: of the attribute.
        method: label.
        photos: how many.
        abs_rel: mean over them.
        low: of the 95 % bootstrap interval of the mean over photos.
        high: of it.
    """

    attribute: str
    value: str
    method: str
    photos: int
    abs_rel: float
    low: float
    high: float


@dataclass(frozen=True)
class Figure9:
    """What was drawn.

    Attributes:
        bars: all of them.
        photos: photos behind them: with a shot type, and an answer of every method.
        left_out: photos with a score or a shot type that lack the other, or the answer of some method.
        files: png, pdf, csv, md.
    """

    bars: tuple[ShotError, ...]
    photos: int
    left_out: int
    files: tuple[Path, ...]


def make_fig9(scores: Mapping[str, ScoreFile], shots: Mapping[str, Shot], out: Path, *, seed: int = 0) -> Figure9:
    """Draw AbsRel by shot type, for all methods over the same photos.

    Args:
        scores: by method.
        shots: by photo.
        out: folder for fig9.png, fig9.pdf and fig9.csv.
        seed: of the bootstrap.

    Returns:
        What was drawn.

    Raises:
        InputError: where no photo has a shot type and an answer of every method.
        BackendError: where matplotlib is not installed.
    """
    photos, left_out = common_photos(scores, shots)
    bars = tuple(shot_errors(scores, shots, photos, seed=seed))
    figure = new_figure(9.5, 3.6)
    panels = figure.subplots(1, 2, sharey=True, squeeze=False)[0]
    for axes, (attribute, values) in zip(panels, ATTRIBUTES, strict=True):
        shown = [value for value in values if any((one.attribute, one.value) == (attribute, value) for one in bars)]
        counts = {one.value: one.photos for one in bars if one.attribute == attribute}
        width = 0.8 / len(scores)
        for number, method in enumerate(scores):
            own = {one.value: one for one in bars if (one.attribute, one.method) == (attribute, method)}
            at = np.arange(len(shown)) + (number - (len(scores) - 1) / 2) * width
            means = np.array([own[value].abs_rel for value in shown])
            reach = np.array([[own[v].abs_rel - own[v].low, own[v].high - own[v].abs_rel] for v in shown]).T
            axes.bar(at, means, 0.92 * width, color=COLORS[number % len(COLORS)], label=literal(method))
            axes.errorbar(at, means, yerr=reach, fmt="none", ecolor="#202124", capsize=2.5, linewidth=1)
        axes.set_xticks(range(len(shown)), [f"{value}\n{counts[value]} photos" for value in shown])
        axes.set_xlabel(_TITLES[attribute])
        axes.grid(axis="y", alpha=0.3)
        axes.set_axisbelow(True)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    panels[0].set_ylabel("AbsRel ↓ (mean, 95 % bootstrap)")
    figure.legend(
        *panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=4, fontsize=9, frameon=False
    )
    drawn = save_figure(figure, out / "fig9")
    cells = [(one.attribute, one.value, one.method, one.photos, one.abs_rel, one.low, one.high) for one in bars]
    table = save_table(
        out / "fig9.csv", ("attribute", "value", "method", "photos", "abs_rel", "low_95", "high_95"), cells
    )
    caption = save_caption(
        out / "fig9.md",
        "# Figure 9: AbsRel by shot type\n\n"
        f"Mean AbsRel of {', '.join(scores)} with its 95 % bootstrap over photos, by camera angle and by distance of "
        f"shot, over the {len(photos)} photos that have a shot type and an answer of every method; {left_out} others "
        "are left out. The paper names its attributes no further than level-angle, close-up and wide-view: compare "
        "trends.\n",
    )
    return Figure9(bars, len(photos), left_out, (*drawn, table, caption))


def common_photos(scores: Mapping[str, ScoreFile], shots: Mapping[str, Shot]) -> tuple[list[str], int]:
    """Return the photos that can be compared, and how many others there are.

    Args:
        scores: by method.
        shots: by photo.

    Returns:
        Photos with a shot type and an answer of every method, in order of name; and the number of other photos.

    Raises:
        InputError: for no method, or where there is no such photo.
    """
    if not scores:
        raise InputError("no scores: expected those of at least one method")
    known = set(shots).union(*(set(one.scores) | set(one.unanswered) for one in scores.values()))
    common = set(shots).intersection(*(one.scores for one in scores.values()))
    if not common:
        first = next(iter(next(iter(scores.values())).scores))
        raise InputError(
            f"no photo has a shot type and an answer of every method: shots name {next(iter(shots), 'none')!r}, scores "
            f"{first!r}; expected the same names"
        )
    return sorted(common), len(known) - len(common)


def shot_errors(
    scores: Mapping[str, ScoreFile], shots: Mapping[str, Shot], photos: Sequence[str], *, seed: int
) -> list[ShotError]:
    """Return the mean AbsRel by method and shot type with its interval.

    Args:
        scores: by method.
        shots: by photo.
        photos: that count.
        seed: of the bootstrap.
    """
    bars: list[ShotError] = []
    for attribute, values in ATTRIBUTES:
        for value in values:
            chosen = [photo for photo in photos if getattr(shots[photo], attribute) == value]
            for method, one in scores.items():
                if chosen:
                    errors = np.array([one.scores[photo].abs_rel for photo in chosen])
                    low, high = mean_interval(errors, seed=seed)
                    bars.append(ShotError(attribute, value, method, len(chosen), float(errors.mean()), low, high))
    return bars


def mean_interval(values: Float[ndarray, "n"], *, seed: int, draws: int = 2000) -> tuple[float, float]:
    """Return the 95 % percentile bootstrap interval of a mean.

    Args:
        values: (n,) one a photo.
        seed: of the draws.
        draws: how many.

    Returns:
        Low and high end; the value itself, twice, for one photo.
    """
    chosen = np.random.default_rng(seed).integers(0, len(values), (draws, len(values)))
    low, high = np.quantile(values[chosen].mean(axis=1), [0.025, 0.975])
    return float(low), float(high)
