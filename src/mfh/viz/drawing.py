"""Small things every picture needs: inks, text, labels, resizing."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8
from numpy import ndarray
from PIL import Image, ImageDraw, ImageFont

from mfh.geometry.camera import view_of
from mfh.types import MetricDepth, Photo

PAPER = (250, 250, 248)
INK = (32, 33, 36)
REGION_INK = (255, 214, 10)
FAINT_INK = (110, 112, 116)


def small_photo(photo: Photo, size: tuple[int, int]) -> UInt8[ndarray, "h w 3"]:
    """Resize a photo to (width, height) pixels of 8 bits."""
    view = view_of(photo)
    pixels = view.pixels
    if pixels.dtype == np.uint8 and pixels.shape[2] == 3:
        # A quarter of the memory of floats.
        return cv2.resize(pixels, size, interpolation=_method(size, pixels))
    return shrink(view.rgb, size)


def shrink(rgb: Float[ndarray, "h w 3"], size: tuple[int, int]) -> UInt8[ndarray, "h2 w2 3"]:
    """Resize RGB in [0, 1] to (width, height) pixels of 8 bits."""
    resized = cv2.resize(rgb, size, interpolation=_method(size, rgb))
    return np.rint(np.clip(resized, 0, 1) * 255).astype(np.uint8)


def _method(size: tuple[int, int], pixels: ndarray) -> int:
    return cv2.INTER_AREA if size[0] < pixels.shape[1] else cv2.INTER_LINEAR


@dataclass(frozen=True)
class Label:
    """A text and the box it is written in: left, top, right, bottom."""

    text: str
    box: tuple[float, float, float, float]

    def overlaps(self, other: "Label") -> bool:
        """Return whether two labels cover a common place."""
        a, b = self.box, other.box
        return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def place_label(
    text: str, anchor: tuple[float, float], size: tuple[int, int], others: list[Label], *, font_px: int
) -> Label:
    """Place a label centred above a point, inside the picture, and below the labels that are there already."""
    width, height = font_of(font_px).getlength(text) + font_px * 0.8, font_px * 1.5
    left = min(max(anchor[0] - width / 2, 2.0), size[0] - width - 2)
    top = min(max(anchor[1] - height - 3, 2.0), size[1] - height - 2)
    label = Label(text, (left, top, left + width, top + height))
    # Bounded by the number of labels: each step goes below one of them for good.
    for _ in others:
        blocking = next((other for other in others if label.overlaps(other)), None)
        if blocking is None or blocking.box[3] + 2 + height > size[1]:
            break
        top = blocking.box[3] + 2
        label = Label(text, (left, top, left + width, top + height))
    return label


def draw_label(draw: ImageDraw.ImageDraw, label: Label, *, font_px: int) -> None:
    """Write a label white on a dark plate."""
    left, top, right, bottom = label.box
    draw.rounded_rectangle(label.box, radius=font_px * 0.35, fill=(20, 20, 24, 215))
    centre = ((left + right) / 2, (top + bottom) / 2)
    draw.text(centre, label.text, font=font_of(font_px), fill=(255, 255, 255), anchor="mm")


def fit(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width_px: int) -> str:
    """Shorten a text with an ellipsis until it fits."""
    if font.getlength(text) <= width_px:
        return text
    while text and font.getlength(text + "…") > width_px:
        text = text[:-1]
    return text + "…"


def font_of(size_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return Pillow's own font, so that no font file is needed."""
    return ImageFont.load_default(size=size_px)


_LOG_FROM_RATIO = 4.0
"""Farthest over nearest from which colours and ticks are spaced by ratio, so that near things keep their contrast."""


def depth_limits_m(depth_m: Float[ndarray, "h w"], valid_mask: Bool[ndarray, "h w"]) -> tuple[float, float]:
    """Return the depths at the two ends of the colour bar: the 1st and 99th percentile, never the same.

    Returns:
        Near and far end in metres; 1 and 10 where nothing is valid.
    """
    valid = depth_m[valid_mask]
    if valid.size == 0:
        return 1.0, 10.0
    near_m, far_m = np.percentile(valid, [1, 99]).tolist()
    return never_flat(near_m, far_m)


def result_limits_m(result: MetricDepth) -> tuple[float, float]:
    """Return the same of a result, whose percentiles its receipt needs too."""
    near_m, _, far_m = result.depth_range_m
    return (1.0, 10.0) if math.isnan(near_m) else never_flat(near_m, far_m)


def never_flat(near_m: float, far_m: float) -> tuple[float, float]:
    """Return the ends of a colour bar, farther apart where they are nearly the same.

    Args:
        near_m: the near end, metres.
        far_m: the far one.
    """
    if far_m < near_m * 1.02:
        # A flat wall: show it in the middle of a narrow range rather than blow its noise up to full contrast.
        middle_m = (near_m + far_m) / 2
        near_m, far_m = middle_m * 0.98, middle_m * 1.02
    return near_m, far_m


def colour_depth(
    depth_m: Float[ndarray, "h w"], valid_mask: Bool[ndarray, "h w"], limits_m: tuple[float, float]
) -> UInt8[ndarray, "h w 3"]:
    """Colour depth, near bright and far dark, on a perceptual scale; pixels without depth are hatched grey.

    Beyond the limits the colour stays.
    """
    coloured = bar_colours(position_on_bar(np.where(valid_mask, depth_m, limits_m[0]), limits_m))
    if not valid_mask.all():
        height, width = depth_m.shape
        stripe = max(2, min(height, width) // 60)
        rows, columns = np.nonzero(~valid_mask)
        coloured[rows, columns] = np.where((rows + columns) // stripe % 2, 205, 225)[:, None]
    return coloured


def bar_ticks_m(limits_m: tuple[float, float]) -> list[float]:
    """Return three to nine round depths to write beside the colour bar: by ratio over a wide range, else evenly."""
    near_m, far_m = limits_m
    if far_m / near_m >= _LOG_FROM_RATIO:
        decades = range(math.floor(math.log10(near_m)), math.ceil(math.log10(far_m)) + 1)
        for steps in ((1, 2, 5), (1, 1.5, 2, 3, 5, 7), (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8)):
            ticks = [step * 10.0**decade for decade in decades for step in steps]
            ticks = [tick for tick in ticks if near_m <= tick <= far_m]
            if len(ticks) >= 4:
                return ticks
        return ticks
    rough = (far_m - near_m) / 5
    magnitude = 10.0 ** math.floor(math.log10(rough))
    step = next(step * magnitude for step in (1, 2, 2.5, 5, 10) if step * magnitude >= rough)
    return [step * count for count in range(math.ceil(near_m / step), math.floor(far_m / step) + 1)]


def position_on_bar(depth_m: Float[ndarray, "*shape"], limits_m: tuple[float, float]) -> Float[ndarray, "*shape"]:
    """Return where depths are on the bar, 0 at the near end to 1 at the far end; by ratio over a wide range."""
    near_m, far_m = limits_m
    clipped = np.clip(depth_m, near_m, far_m)
    if far_m / near_m >= _LOG_FROM_RATIO:
        return np.log(clipped / near_m) / math.log(far_m / near_m)
    return (clipped - near_m) / (far_m - near_m)


def bar_colours(position: Float[ndarray, "h w"]) -> UInt8[ndarray, "h w 3"]:
    """Return the colours at places on the bar, 0 at the near end to 1 at the far end."""
    # The map's last few steps are black on black; the far end stops short of them.
    levels = np.rint((1 - 0.94 * position) * 255).astype(np.uint8)
    return cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)


def draw_bar(
    canvas: Image.Image, corner: tuple[int, int], size: tuple[int, int], limits_m: tuple[float, float], *, font_px: int
) -> None:
    """Draw the colour bar, near end at the bottom, with its ticks."""
    draw, font = ImageDraw.Draw(canvas), font_of(font_px)
    column = np.linspace(1, 0, size[1])[:, None]
    canvas.paste(Image.fromarray(np.repeat(bar_colours(column), size[0], axis=1)), corner)
    last_y = math.inf
    for tick_m in bar_ticks_m(limits_m):
        y = corner[1] + (1 - float(position_on_bar(np.array([tick_m]), limits_m)[0])) * (size[1] - 1)
        if last_y - y < font_px * 1.3:
            continue
        last_y = y
        right = corner[0] + size[0]
        draw.line((right, y, right + font_px * 0.4, y), fill=INK, width=2)
        # Text centred on a tick at the very end would leave the bar.
        text_y = min(max(y, corner[1] + font_px * 0.5), corner[1] + size[1] - font_px * 0.5)
        draw.text((right + font_px * 0.7, text_y), f"{tick_label(tick_m)} m", font=font, fill=INK, anchor="lm")


def tick_label(metres: float) -> str:
    """Return metres in the shortest form."""
    return f"{metres:.10g}" if metres >= 0.1 else f"{metres:.2g}"
