"""Fig. 3 and App. A.1: δ1 of a supervised model against how much a test picture looks like its training pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.errors import InputError
from mfh_lab.paper.figures.saving import COLORS, literal, new_figure, save_caption, save_figure, save_table

POINTS, SAMPLES_A_POINT = 100, 10
"""App. A.1: "randomly take 10 different samples each time", "100 points for each testing dataset"."""


@dataclass(frozen=True)
class TestSet:
    """One test dataset.

    Attributes:
        label: in the legend.
        names: of its samples.
        similarity: (n,) largest cosine with a training picture.
        delta1: (n,) of the method.
    """

    __test__ = False

    label: str
    names: tuple[str, ...]
    similarity: Float[ndarray, "n"]
    delta1: Float[ndarray, "n"]


@dataclass(frozen=True)
class Points:
    """The points of one dataset.

    Attributes:
        similarity: (k,) means of ten samples.
        delta1: (k,) means of the same ten.
        chosen: (k, 10) which samples.
    """

    similarity: Float[ndarray, "k"]
    delta1: Float[ndarray, "k"]
    chosen: ndarray


@dataclass(frozen=True)
class Figure3:
    """What was drawn.

    Attributes:
        points: by dataset.
        rank_correlation: Spearman's, over all single samples of all datasets.
        files: png, pdf, csv of points, csv of samples, md.
    """

    points: tuple[Points, ...]
    rank_correlation: float
    files: tuple[Path, ...]


def draw_points(
    similarity: Float[ndarray, "n"], delta1: Float[ndarray, "n"], *, seed: int, points: int = POINTS
) -> Points:
    """Draw points: the means of ten different samples each.

    Args:
        similarity: (n,) one a sample.
        delta1: (n,) one a sample.
        seed: of the draws.
        points: how many.

    Raises:
        InputError: for fewer than ten samples.
    """
    if len(similarity) < SAMPLES_A_POINT:
        raise InputError(f"{len(similarity)} samples: a point is the mean of {SAMPLES_A_POINT} different ones")
    rng = np.random.default_rng(seed)
    chosen = np.stack([rng.choice(len(similarity), SAMPLES_A_POINT, replace=False) for _ in range(points)])
    return Points(similarity[chosen].mean(axis=1), delta1[chosen].mean(axis=1), chosen)


def rank_correlation(x: Float[ndarray, "n"], y: Float[ndarray, "n"]) -> float:
    """Return Spearman's rank correlation; NaN where one of the two does not vary.

    Args:
        x: (n,) values.
        y: (n,) values.
    """
    first, second = (_ranks(one) for one in (x, y))
    spread = float(first.std() * second.std())
    if spread == 0:
        return float("nan")
    return float(np.mean((first - first.mean()) * (second - second.mean())) / spread)


def make_fig3(tests: Sequence[TestSet], out: Path, *, method: str, seed: int = 0) -> Figure3:
    """Draw δ1 against similarity.

    Args:
        tests: datasets of one method.
        out: folder for fig3.png, fig3.pdf, fig3.csv (points) and fig3-samples.csv.
        method: label of the method.
        seed: of the points.

    Returns:
        What was drawn.

    Raises:
        InputError: for no dataset, or one of fewer than ten samples.
        BackendError: where matplotlib is not installed.
    """
    if not tests:
        raise InputError("no test dataset: expected at least one")
    points = tuple(draw_points(one.similarity, one.delta1, seed=seed) for one in tests)
    together = rank_correlation(
        np.concatenate([one.similarity for one in tests]), np.concatenate([one.delta1 for one in tests])
    )
    figure = new_figure(5.6, 4.2)
    axes = figure.subplots()
    for number, (test, drawn) in enumerate(zip(tests, points, strict=True)):
        axes.scatter(
            drawn.similarity, drawn.delta1, s=14, alpha=0.75, linewidths=0, color=COLORS[number % len(COLORS)],
            label=f"{literal(test.label)} ({len(test.names)} samples)",
        )  # fmt: skip
    axes.set_xlabel("largest cosine similarity to a training picture")
    axes.set_ylabel(f"δ1 of {literal(method)} ↑")
    axes.set_title(f"{POINTS} means of {SAMPLES_A_POINT} samples each; rank correlation of samples {together:.2f}",
                   fontsize=9)  # fmt: skip
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    drawn_files = save_figure(figure, out / "fig3")
    cells = [
        (test.label, float(x), float(y))
        for test, drawn in zip(tests, points, strict=True)
        for x, y in zip(drawn.similarity, drawn.delta1, strict=True)
    ]
    table = save_table(out / "fig3.csv", ("dataset", "similarity", "delta1"), cells)
    samples = [
        (test.label, name, float(x), float(y))
        for test in tests
        for name, x, y in zip(test.names, test.similarity, test.delta1, strict=True)
    ]
    every = save_table(out / "fig3-samples.csv", ("dataset", "name", "similarity", "delta1"), samples)
    counts = ", ".join(f"{one.label} ({len(one.names)} samples)" for one in tests)
    caption = save_caption(
        out / "fig3.md",
        "# Figure 3: scene dependency\n\n"
        f"δ1 of {method} on {counts} against the largest cosine similarity (DINOv2) of a test picture to any "
        f"training picture. Each of {POINTS} points a dataset is the mean of {SAMPLES_A_POINT} different samples, "
        f"drawn with seed {seed}; rank correlation over single samples: {together:.2f}.\n",
    )
    return Figure3(points, together, (*drawn_files, table, every, caption))


def _ranks(values: Float[ndarray, "n"]) -> Float[ndarray, "n"]:
    """Return ranks; equal values share the mean of theirs."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return ((last - count + 1 + last) / 2.0)[place.ravel()]
