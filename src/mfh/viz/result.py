"""Pictures of a result: the photo with its people beside the depth in colour, with a bar in metres."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8
from numpy import ndarray
from PIL import Image, ImageDraw, ImageFont

from mfh.types import Landmark, MetricDepth

_LOG_FROM_RATIO = 4.0
"""Farthest over nearest from which colours and ticks are spaced by ratio, so that near things keep their contrast."""

_PAPER = (250, 250, 248)
_INK = (32, 33, 36)
_FAINT_INK = (110, 112, 116)


def depth_limits_m(depth_m: Float[ndarray, "h w"], valid_mask: Bool[ndarray, "h w"]) -> tuple[float, float]:
    """Return the metres at the two ends of the colour bar: the 1st and 99th percentile, never the same.

    Args:
        depth_m: (h, w) z in metres.
        valid_mask: (h, w) where there is a depth.

    Returns:
        Near and far end in metres; 1 and 10 where nothing is valid.
    """
    valid = depth_m[valid_mask]
    if valid.size == 0:
        return 1.0, 10.0
    near_m, far_m = (float(value) for value in np.percentile(valid, [1, 99]))
    if far_m < near_m * 1.02:
        # A flat wall: show it in the middle of a narrow range rather than blow its noise up to full contrast.
        middle_m = (near_m + far_m) / 2
        near_m, far_m = middle_m * 0.98, middle_m * 1.02
    return near_m, far_m


def colour_depth(
    depth_m: Float[ndarray, "h w"], valid_mask: Bool[ndarray, "h w"], limits_m: tuple[float, float]
) -> UInt8[ndarray, "h w 3"]:
    """Colour depth, near bright and far dark, on a perceptual scale; pixels without depth are hatched grey.

    Args:
        depth_m: (h, w) z in metres.
        valid_mask: (h, w) where there is a depth.
        limits_m: metres at the near and the far end; beyond them the colour stays.

    Returns:
        (h, w, 3) uint8 RGB.
    """
    position = _position_on_bar(np.where(valid_mask, depth_m, limits_m[0]), limits_m)
    coloured = _colours(position)
    height, width = depth_m.shape
    stripe = max(2, min(height, width) // 60)
    rows, columns = np.ogrid[:height, :width]
    hatch = np.where((rows + columns) // stripe % 2, 205, 225).astype(np.uint8)
    return np.where(valid_mask[..., None], coloured, hatch[..., None])


def preview(result: MetricDepth, *, panel_px: int = 760) -> UInt8[ndarray, "h w 3"]:
    """Draw the photo with its people and their distances beside the depth in colour with a bar in metres.

    Args:
        result: the depth of one photo.
        panel_px: longest side of each of the two panels.

    Returns:
        (h, w, 3) uint8 RGB, ready to be written.
    """
    height, width = result.depth_m.shape
    scale = panel_px / max(height, width)
    panel = (max(1, round(width * scale)), max(1, round(height * scale)))
    limits_m = depth_limits_m(result.depth_m, result.valid_mask)
    font_px = max(15, panel_px // 42)
    gap = font_px
    bar_width = max(14, panel_px // 36)
    labels = [f"{_tick_label(tick_m)} m" for tick_m in bar_ticks_m(limits_m)]
    label_width = math.ceil(max((_font(font_px).getlength(label) for label in labels), default=0)) + gap

    header, footer = 2 * font_px, 2 * font_px
    canvas = Image.new(
        "RGB",
        (gap + panel[0] + gap + panel[0] + gap + bar_width + label_width + gap, header + panel[1] + footer),
        _PAPER,
    )
    photo = Image.fromarray(_shrink(result.photo.rgb, panel))
    _draw_people(photo, result.landmarks, scale=scale, font_px=font_px)
    step = max(1, int(1 / (2 * scale)))
    coloured = colour_depth(result.depth_m[::step, ::step], result.valid_mask[::step, ::step], limits_m)
    canvas.paste(photo, (gap, header))
    canvas.paste(Image.fromarray(coloured).resize(panel, Image.Resampling.BOX), (2 * gap + panel[0], header))
    _draw_bar(canvas, (3 * gap + 2 * panel[0], header), (bar_width, panel[1]), limits_m, font_px=font_px)
    _draw_captions(canvas, result, (gap, 2 * gap + panel[0]), panel, font_px=font_px)
    return np.asarray(canvas)


def bar_ticks_m(limits_m: tuple[float, float]) -> list[float]:
    """Return round metres to write beside the colour bar: by ratio over a wide range, evenly over a narrow one.

    Args:
        limits_m: metres at the near and the far end.

    Returns:
        Three to nine values between the ends, rising.
    """
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


def _position_on_bar(depth_m: Float[ndarray, "*shape"], limits_m: tuple[float, float]) -> Float[ndarray, "*shape"]:
    """Return 0 at the near end of the bar and 1 at the far end."""
    near_m, far_m = limits_m
    clipped = np.clip(depth_m, near_m, far_m)
    if far_m / near_m >= _LOG_FROM_RATIO:
        return np.log(clipped / near_m) / math.log(far_m / near_m)
    return (clipped - near_m) / (far_m - near_m)


def _colours(position: Float[ndarray, "h w"]) -> UInt8[ndarray, "h w 3"]:
    # The map's last few steps are black on black; the far end stops short of them.
    levels = np.rint((1 - 0.94 * position) * 255).astype(np.uint8)
    return cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)


def _shrink(rgb: Float[ndarray, "h w 3"], size: tuple[int, int]) -> UInt8[ndarray, "h2 w2 3"]:
    shrinks = size[0] < rgb.shape[1]
    resized = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return np.rint(np.clip(resized, 0, 1) * 255).astype(np.uint8)


def _draw_people(photo: Image.Image, landmarks: tuple[Landmark, ...], *, scale: float, font_px: int) -> None:
    """Outline the people of the photo: with their distance where it was used, thin and grey where it was not."""
    draw = ImageDraw.Draw(photo, "RGBA")
    people = [landmark for landmark in landmarks if landmark.source == "photo"]
    for person in sorted(people, key=lambda person: person.verdict == "used"):
        left, top, right, bottom = (side * scale for side in person.box_xyxy)
        box = (
            max(left, 1.0),
            max(top, 1.0),
            min(max(right, left + 4), photo.width - 2.0),
            min(max(bottom, top + 4), photo.height - 2.0),
        )
        if box[2] <= box[0] or box[3] <= box[1]:
            continue
        if person.verdict != "used":
            draw.rectangle(box, outline=(200, 200, 200, 150), width=1)
            continue
        draw.rectangle(box, outline=(0, 0, 0, 150), width=4)
        draw.rectangle(_inset(box, 1.0), outline=(255, 255, 255, 255), width=2)
    labels: list[_Label] = []
    for person in people:
        if person.verdict == "used" and person.distance_m is not None:
            anchor = ((person.box_xyxy[0] + person.box_xyxy[2]) / 2 * scale, person.box_xyxy[1] * scale)
            labels.append(_place_label(f"{person.distance_m:.2f} m", anchor, photo.size, labels, font_px=font_px))
    for label in labels:
        left, top, right, bottom = label.box
        draw.rounded_rectangle(label.box, radius=font_px * 0.35, fill=(20, 20, 24, 215))
        centre = ((left + right) / 2, (top + bottom) / 2)
        draw.text(centre, label.text, font=_font(font_px), fill=(255, 255, 255), anchor="mm")


@dataclass(frozen=True)
class _Label:
    """A text and the box it is written in: left, top, right, bottom."""

    text: str
    box: tuple[float, float, float, float]

    def overlaps(self, other: "_Label") -> bool:
        a, b = self.box, other.box
        return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _place_label(
    text: str, anchor: tuple[float, float], size: tuple[int, int], others: list[_Label], *, font_px: int
) -> _Label:
    """Place a label centred above a point, inside the picture, and below the labels that are there already."""
    width, height = _font(font_px).getlength(text) + font_px * 0.8, font_px * 1.5
    left = min(max(anchor[0] - width / 2, 2.0), size[0] - width - 2)
    top = min(max(anchor[1] - height - 3, 2.0), size[1] - height - 2)
    label = _Label(text, (left, top, left + width, top + height))
    # Bounded by the number of labels: each step goes below one of them for good.
    for _ in others:
        blocking = next((other for other in others if label.overlaps(other)), None)
        if blocking is None or blocking.box[3] + 2 + height > size[1]:
            break
        top = blocking.box[3] + 2
        label = _Label(text, (left, top, left + width, top + height))
    return label


def _draw_bar(
    canvas: Image.Image, corner: tuple[int, int], size: tuple[int, int], limits_m: tuple[float, float], *, font_px: int
) -> None:
    """Draw the colour bar, near end at the bottom, with its ticks."""
    draw, font = ImageDraw.Draw(canvas), _font(font_px)
    column = np.linspace(1, 0, size[1])[:, None]
    canvas.paste(Image.fromarray(np.repeat(_colours(column), size[0], axis=1)), corner)
    last_y = math.inf
    for tick_m in bar_ticks_m(limits_m):
        y = corner[1] + (1 - float(_position_on_bar(np.array([tick_m]), limits_m)[0])) * (size[1] - 1)
        if last_y - y < font_px * 1.3:
            continue
        last_y = y
        right = corner[0] + size[0]
        draw.line((right, y, right + font_px * 0.4, y), fill=_INK, width=2)
        # Text centred on a tick at the very end would leave the bar.
        text_y = min(max(y, corner[1] + font_px * 0.5), corner[1] + size[1] - font_px * 0.5)
        draw.text((right + font_px * 0.7, text_y), f"{_tick_label(tick_m)} m", font=font, fill=_INK, anchor="lm")


def _draw_captions(
    canvas: Image.Image, result: MetricDepth, lefts: tuple[int, int], panel: tuple[int, int], *, font_px: int
) -> None:
    """Name the panels above them, and the scale's origin below."""
    draw, font = ImageDraw.Draw(canvas), _font(font_px)
    people = result.people_used
    # The built-in font has no letters beyond Latin.
    name = result.photo.name if result.photo.name.isascii() else "photo"
    for left, title in zip(lefts, (name, "depth: metres along the optical axis"), strict=True):
        draw.text((left, font_px), _fit(title, font, panel[0]), font=font, fill=_INK, anchor="lm")
    measured = f"scale from {people} {'person' if people == 1 else 'people'} · focal length {result.photo.focal.detail}"
    below = canvas.height - font_px
    room_px = canvas.width - 2 * lefts[0]
    draw.text((lefts[0], below), _fit(measured, font, room_px), font=font, fill=_FAINT_INK, anchor="lm")


def _fit(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width_px: int) -> str:
    """Shorten a text with an ellipsis until it fits."""
    if font.getlength(text) <= width_px:
        return text
    while text and font.getlength(text + "…") > width_px:
        text = text[:-1]
    return text + "…"


def _inset(box: tuple[float, float, float, float], by: float) -> tuple[float, float, float, float]:
    left, top, right, bottom = box
    return (left + by, top + by, max(right - by, left + by), max(bottom - by, top + by))


def _tick_label(metres: float) -> str:
    return f"{metres:.10g}" if metres >= 0.1 else f"{metres:.2g}"


def _font(size_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return Pillow's own font, so that no font file is needed."""
    return ImageFont.load_default(size=size_px)
