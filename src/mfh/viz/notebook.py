"""A result in a notebook: a figure to go on with, and the HTML that a cell shows."""

import base64
import html
import io
from typing import TYPE_CHECKING

from PIL import Image

from mfh.errors import BackendError
from mfh.types import MetricDepth
from mfh.viz.drawing import bar_ticks_m, result_limits_m, small_photo, tick_label
from mfh.viz.result import preview

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LONGEST_PX = 1024


def depth_figure(result: MetricDepth) -> "Figure":
    """Return a figure of the photo beside its depth, with a logarithmic bar in metres.

    Raises:
        BackendError: where matplotlib is not installed.
    """
    try:
        from matplotlib.colors import LogNorm
        from matplotlib.figure import Figure
    except ImportError as error:
        raise BackendError(
            "plot() needs the package 'matplotlib', which is not installed: pip install 'metric-from-human[plot]'"
        ) from error

    height, width = result.map_m.shape
    step = -(-max(height, width) // _LONGEST_PX)
    low_m, high_m = result_limits_m(result)
    figure = Figure(figsize=(11, 0.4 + 4.8 * height / width), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.imshow(small_photo(result.photo, (max(1, width // step), max(1, height // step))))
    shown = right.imshow(result.map_m[::step, ::step], cmap="turbo_r", norm=LogNorm(low_m, high_m))
    bar = figure.colorbar(shown, ax=right, label="depth [m]")
    ticks_m = bar_ticks_m((low_m, high_m))
    bar.set_ticks(ticks_m, labels=[tick_label(one) for one in ticks_m], minor=False)
    bar.minorticks_off()
    interval = result.interval
    title = "" if interval is None else f"{interval.level_80[0] - 1:+.0%} to {interval.level_80[1] - 1:+.0%} (80 %)"
    for axes, name in ((left, result.photo.name), (right, title)):
        axes.set_title(name, fontsize=10)
        axes.axis("off")
    return figure


def result_html(result: MetricDepth) -> str:
    """Return the preview and the summary as one HTML element that needs no other file."""
    buffer = io.BytesIO()
    Image.fromarray(preview(result, panel_px=480)).save(buffer, "JPEG", quality=88)
    data = base64.b64encode(buffer.getvalue()).decode()
    text = html.escape(str(result))
    return (
        f'<div><img alt="{html.escape(result.photo.name)}: photo and depth in metres" style="max-width:100%" '
        f'src="data:image/jpeg;base64,{data}"><pre style="white-space:pre-wrap">{text}</pre></div>'
    )
