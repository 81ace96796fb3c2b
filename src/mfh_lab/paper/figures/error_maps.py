"""Figs. 7 and 12 to 16: photo, truth, predictions and their errors, two rows a sample."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8
from numpy import ndarray

from mfh.errors import InputError
from mfh.viz.drawing import colour_depth, depth_limits_m
from mfh_lab.evaluation.given_files import read_metric_depth
from mfh_lab.evaluation.methods.method import Prediction
from mfh_lab.evaluation.protocols import EvaluationView
from mfh_lab.evaluation.scoring import resize_aligned, score
from mfh_lab.paper.figures.panels import draw_bar, draw_depth_bar, draw_picture, short_name
from mfh_lab.paper.figures.saving import literal, new_figure, save_caption, save_figure, save_table
from mfh_lab.pocket.metrics import clamped

DEFAULT_ERROR_CAP = 0.5
_PANEL_PX = 420
_PANEL_IN = 2.0
_SPARSE = 0.3
"""Share of pixels with a truth below which points are grown to be seen (a lidar's rows)."""


@dataclass(frozen=True)
class Answer:
    """One method's answer for one sample, as it was scored.

    Attributes:
        depth_m: (h, w) at the truth's size, clamped; NaN where there is no answer.
        relative_error: (h, w) |z' - z| / z; NaN where nothing is scored.
        abs_rel: its mean, as ``mfh evaluate`` has it.
        delta1: share within 25 %.
    """

    depth_m: Float[ndarray, "h w"]
    relative_error: Float[ndarray, "h w"]
    abs_rel: float
    delta1: float


@dataclass(frozen=True)
class ErrorFigure:
    """What was drawn.

    Attributes:
        answers: by sample, then method.
        files: png, pdf, csv, md.
    """

    answers: Mapping[str, Mapping[str, Answer]]
    files: tuple[Path, ...]


def pick_samples(names: Sequence[str], count: int) -> list[str]:
    """Return samples spread evenly over a dataset, so that they are not chosen by their results.

    Args:
        names: of the dataset, in its order.
        count: how many.

    Raises:
        InputError: for less than one.
    """
    if count < 1:
        raise InputError(f"--count is {count}: expected at least 1")
    places = (np.arange(min(count, len(names))) + 0.5) * len(names) / min(count, len(names))
    return [names[int(place)] for place in places]


def compare_answer(depth_m: Float[ndarray, "_ _"], view: EvaluationView) -> Answer:
    """Bring an answer to the truth's size, clamp it as the metrics do, and say how wrong it is where.

    Args:
        depth_m: metres at any size of the photo's shape; NaN where there is none.
        view: what it is scored against.

    Raises:
        InputError: where the shapes differ, or nothing can be scored.
    """
    # AbsRel and δ1 do not depend on the space, which is that of the relative setting.
    scores = score(Prediction(depth_m, "depth"), view).metric
    height, width = view.truth_m.shape
    sized = resize_aligned(depth_m, height, width)
    known = np.isfinite(sized)
    filled = clamped(sized.ravel(), view.min_m, view.max_m, missing_m=max(view.min_m, 1e-3)).reshape(height, width)
    truth_m = np.where(view.scored_mask, view.truth_m, np.nan)
    return Answer(np.where(known, filled, np.nan), np.abs(filled - truth_m) / truth_m, scores.abs_rel, scores.delta1)


def make_error_maps(
    views: Sequence[EvaluationView],
    folders: Mapping[str, Path],
    out: Path,
    *,
    name: str = "fig7",
    title: str = "",
    error_cap: float = DEFAULT_ERROR_CAP,
) -> ErrorFigure:
    """Draw samples as the paper does: photo and error maps in one row, truth and predictions in the next.

    All depths of a sample share one colour bar in metres; all error maps of the figure share another.

    Args:
        views: samples as the protocol shows them.
        folders: method -> folder with its metric depth.
        out: folder for NAME.png, NAME.pdf, NAME.csv and NAME.md (the caption).
        name: of the figure.
        title: what the samples are of, and what of it is simulated.
        error_cap: AbsRel at which the error colours end.

    Returns:
        What was drawn.

    Raises:
        InputError: for no sample or method, a missing or unfit prediction, or a cap that is not positive.
        BackendError: where matplotlib is not installed.
    """
    if not (views and folders):
        raise InputError(f"{len(views)} samples and {len(folders)} methods: expected at least one of each")
    if not error_cap > 0:
        raise InputError(f"--error-cap is {error_cap}: expected more than 0")
    answers = {
        view.name: {
            label: compare_answer(read_metric_depth(folder, view.name), view) for label, folder in folders.items()
        }
        for view in views
    }
    aspect = max(view.truth_m.shape[0] / view.truth_m.shape[1] for view in views)
    columns = 1 + len(folders)
    figure = new_figure(_PANEL_IN * columns + 0.75, 2 * len(views) * (_PANEL_IN * aspect + 0.22) + 0.3)
    grid = figure.add_gridspec(2 * len(views), columns + 1, width_ratios=[1.0] * columns + [0.05])
    for row, view in enumerate(views):
        of_view = answers[view.name]
        limits_m = depth_limits_m(view.truth_m, view.scored_mask)
        small, truth, truth_mask = _small_truth(view)
        top = [figure.add_subplot(grid[2 * row, column]) for column in range(columns + 1)]
        below = [figure.add_subplot(grid[2 * row + 1, column]) for column in range(columns + 1)]
        draw_picture(
            top[0], cv2.resize(view.photo.rgb, small[::-1], interpolation=cv2.INTER_AREA), short_name(view.name)
        )
        draw_picture(below[0], colour_depth(truth, truth_mask, limits_m), "ground truth")
        for axes_error, axes_depth, (label, answer) in zip(top[1:], below[1:], of_view.items(), strict=False):
            error, error_mask = grown(answer.relative_error, np.isfinite(answer.relative_error), small)
            draw_picture(axes_error, colour_error(error, error_mask, error_cap), f"AbsRel {answer.abs_rel:.3f}")
            shown = _subsampled(answer.depth_m, small)
            draw_picture(axes_depth, colour_depth(shown, np.isfinite(shown), limits_m), label)
            if row == 0:
                axes_error.set_title(literal(label), fontsize=9)
        draw_depth_bar(below[-1], limits_m)
        shares = np.linspace(0, 1, 6)
        colors = colour_error(np.linspace(error_cap, 0, 200)[:, None], np.ones((200, 1), bool), error_cap)
        draw_bar(top[-1], colors, shares, [f"{'≥ ' if share == 1 else ''}{error_cap * share:.2g}" for share in shares])
    if title:
        figure.suptitle(literal(title), fontsize=8)
    drawn = save_figure(figure, out / name)
    caption = save_caption(out / f"{name}.md", _describe(name, title, answers, error_cap))
    rows = [(sample, label, one.abs_rel, one.delta1) for sample, by in answers.items() for label, one in by.items()]
    table = save_table(out / f"{name}.csv", ("name", "method", "abs_rel", "delta1"), rows)
    return ErrorFigure(answers, (*drawn, table, caption))


def _describe(name: str, title: str, answers: Mapping[str, Mapping[str, Answer]], error_cap: float) -> str:
    """Return what the figure shows."""
    labels = list(next(iter(answers.values())))
    lines = [
        f"# Figure {name.removeprefix('fig')}: error maps",
        "",
        f"{title}. " if title else "",
        "Two rows a sample: photo and relative errors, truth and predictions. All depths of a sample share one bar in "
        f"metres, set by its truth; all error maps share the other, to {error_cap:g}. Grey is not scored.",
        "",
        "| sample | " + " | ".join(f"AbsRel of {label}".replace("|", "\\|") for label in labels) + " |",
        "|" + " --- |" * (1 + len(labels)),
    ]
    lines[2:4] = [lines[2] + lines[3]]
    lines += [
        "| " + " | ".join([sample.replace("|", "\\|"), *(f"{one.abs_rel:.3f}" for one in by.values())]) + " |"
        for sample, by in answers.items()
    ]
    return "\n".join(lines) + "\n"


def colour_error(
    relative_error: Float[ndarray, "h w"], mask: Bool[ndarray, "h w"], cap: float
) -> UInt8[ndarray, "h w 3"]:
    """Colour errors from white (none) over orange to dark red (the cap and more); what is not scored is grey.

    Args:
        relative_error: (h, w) |z' - z| / z.
        mask: (h, w) where there is one.
        cap: where the colours end.
    """
    position = np.clip(np.where(mask, relative_error, 0) / cap, 0, 1)
    stops = np.linspace(0, 1, len(_ERROR_COLORS))
    mixed = np.stack([np.interp(position, stops, channel) for channel in np.array(_ERROR_COLORS, float).T], -1)
    return np.where(mask[..., None], np.rint(mixed), 205).astype(np.uint8)


_ERROR_COLORS = ((255, 255, 250), (254, 224, 160), (252, 141, 60), (215, 30, 30), (90, 0, 25))


def grown(
    values: Float[ndarray, "h w"], mask: Bool[ndarray, "h w"], size: tuple[int, int]
) -> tuple[Float[ndarray, "h2 w2"], Bool[ndarray, "h2 w2"]]:
    """Make a map smaller for print; where it is sparse, its points are first grown so that they can be seen.

    Args:
        values: (h, w) map.
        mask: (h, w) where it has values.
        size: (height, width) wanted.

    Returns:
        The map and its mask at that size; every value is one of the map's own.
    """
    if mask.any() and mask.mean() < _SPARSE:
        distance, label = cv2.distanceTransformWithLabels(
            (~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
        )
        label = np.asarray(label, np.int64)
        of_label = np.zeros(label.max() + 1, values.dtype)
        of_label[label[mask]] = values[mask]
        values, mask = of_label[label], distance <= max(1.5, values.shape[1] / size[1])
    return _subsampled(values, size), _subsampled(mask.astype(np.uint8), size).astype(bool)


def _small_truth(view: EvaluationView) -> tuple[tuple[int, int], Float[ndarray, "h w"], Bool[ndarray, "h w"]]:
    height, width = view.truth_m.shape
    scale = min(1.0, _PANEL_PX / width)
    size = max(1, round(height * scale)), max(1, round(width * scale))
    truth_m, mask = grown(view.truth_m, (view.truth_m > 0) & np.isfinite(view.truth_m), size)
    return size, truth_m, mask


def _subsampled(values: ndarray, size: tuple[int, int]) -> ndarray:
    """Pick values at the pixel nearest to each pixel of another size."""
    return cv2.resize(values, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
