"""The preview: the photo with its people beside the depth in colour, with a bar in metres."""

import math

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray
from PIL import Image, ImageDraw

from mfh.types import Landmark, MeasuredLength, MetricDepth, RegionDepth, used_landmarks
from mfh.viz.drawing import (
    FAINT_INK,
    INK,
    PAPER,
    REGION_INK,
    Label,
    bar_ticks_m,
    colour_depth,
    draw_bar,
    draw_label,
    fit,
    font_of,
    place_label,
    result_limits_m,
    small_photo,
    tick_label,
)


def preview(result: MetricDepth, *, panel_px: int = 760) -> UInt8[ndarray, "h w 3"]:
    """Draw the photo with its people and their distances beside the depth in colour with a bar in metres.

    Each of the two panels is ``panel_px`` long.
    """
    height, width = result.shape
    scale = panel_px / max(height, width)
    panel = (max(1, round(width * scale)), max(1, round(height * scale)))
    limits_m = result_limits_m(result)
    font_px = max(15, panel_px // 42)
    gap = font_px
    bar_width = max(14, panel_px // 36)
    labels = [f"{tick_label(tick_m)} m" for tick_m in bar_ticks_m(limits_m)]
    label_width = math.ceil(max((font_of(font_px).getlength(label) for label in labels), default=0)) + gap

    header, footer = 2 * font_px, 2 * font_px
    canvas = Image.new(
        "RGB",
        (gap + panel[0] + gap + panel[0] + gap + bar_width + label_width + gap, header + panel[1] + footer),
        PAPER,
    )
    photo = Image.fromarray(small_photo(result.photo, panel))
    labels = _draw_people(photo, result.landmarks, scale=scale, font_px=font_px)
    if result.region is not None:
        _draw_region(photo, result.region, labels, scale=scale, font_px=font_px)
    for length in result.lengths:
        _draw_length(photo, length, labels, scale=scale, font_px=font_px)
    step = max(1, int(1 / (2 * panel_px / max(result.map_m.shape))))
    some_m = result.map_m[::step, ::step]
    coloured = colour_depth(some_m, ~np.isnan(some_m), limits_m)
    canvas.paste(photo, (gap, header))
    canvas.paste(Image.fromarray(coloured).resize(panel, Image.Resampling.BOX), (2 * gap + panel[0], header))
    draw_bar(canvas, (3 * gap + 2 * panel[0], header), (bar_width, panel[1]), limits_m, font_px=font_px)
    _draw_captions(canvas, result, (gap, 2 * gap + panel[0]), panel, font_px=font_px)
    return np.asarray(canvas)


def _draw_people(photo: Image.Image, landmarks: tuple[Landmark, ...], *, scale: float, font_px: int) -> list[Label]:
    """Outline the people of the photo: with their distance where it was used, thin and grey where it was not."""
    draw = ImageDraw.Draw(photo, "RGBA")
    people = [landmark for landmark in landmarks if landmark.source == "photo" and not landmark.is_prior]
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
    labels: list[Label] = []
    for person in people:
        if person.verdict == "used" and person.distance_m is not None:
            anchor = ((person.box_xyxy[0] + person.box_xyxy[2]) / 2 * scale, person.box_xyxy[1] * scale)
            text = f"{person.label} {person.distance_m:.2f} m".strip()
            labels.append(place_label(text, anchor, photo.size, labels, font_px=font_px))
    for label in labels:
        draw_label(draw, label, font_px=font_px)
    return labels


def _draw_region(photo: Image.Image, region: RegionDepth, labels: list[Label], *, scale: float, font_px: int) -> None:
    """Outline the region that was asked for, with its distance, beside the labels that are there."""
    draw = ImageDraw.Draw(photo, "RGBA")
    at = region.region
    left, top, right, bottom = (side * scale for side in (at.left, at.top, at.right, at.bottom))
    box = (left, top, max(right - 1, left), max(bottom - 1, top))
    draw.rectangle(box, outline=(0, 0, 0, 150), width=4)
    draw.rectangle(_inset(box, 1.0), outline=(*REGION_INK, 255), width=2)
    labels.append(
        place_label(f"{region.depth_m:.2f} m", ((left + right) / 2, top), photo.size, labels, font_px=font_px)
    )
    draw_label(draw, labels[-1], font_px=font_px)


def _draw_length(
    photo: Image.Image, length: MeasuredLength, labels: list[Label], *, scale: float, font_px: int
) -> None:
    """Draw a line from end to end, with its metres; a question mark where there are none."""
    draw = ImageDraw.Draw(photo, "RGBA")
    ends = [tuple((side + 0.5) * scale for side in xy) for xy in (length.segment.start_xy, length.segment.end_xy)]
    draw.line(ends, fill=(0, 0, 0, 150), width=4)
    draw.line(ends, fill=(*REGION_INK, 255), width=2)
    for x, y in ends:
        draw.ellipse((x - 3, y - 3, x + 3, y + 3), fill=(*REGION_INK, 255), outline=(0, 0, 0, 150))
    text = "?" if math.isnan(length.metres) else f"{length.metres:.2f} m"
    middle = (sum(x for x, _ in ends) / 2, sum(y for _, y in ends) / 2)
    labels.append(place_label(text, middle, photo.size, labels, font_px=font_px))
    draw_label(draw, labels[-1], font_px=font_px)


def _draw_captions(
    canvas: Image.Image, result: MetricDepth, lefts: tuple[int, int], panel: tuple[int, int], *, font_px: int
) -> None:
    """Name the panels above them, and the scale's origin below."""
    draw, font = ImageDraw.Draw(canvas), font_of(font_px)
    # The built-in font has no letters beyond Latin.
    name = result.photo.name if result.photo.name.isascii() else "photo"
    for left, title in zip(lefts, (name, f"depth: metres along the optical axis{_hatched(result)}"), strict=True):
        draw.text((left, font_px), fit(title, font, panel[0]), font=font, fill=INK, anchor="lm")
    measured = f"scale from {_sources(result)}"
    if result.interval is not None:
        low, high = result.interval.level_80
        measured += f" · {low - 1:+.0%} to {high - 1:+.0%} with 80 % probability"
    measured += f" · focal length {result.photo.focal.detail}"
    below = canvas.height - font_px
    room_px = canvas.width - 2 * lefts[0]
    draw.text((lefts[0], below), fit(measured, font, room_px), font=font, fill=FAINT_INK, anchor="lm")


def _hatched(result: MetricDepth) -> str:
    """Return what is hatched: the sky, and what lies beyond the reach of the evidence."""
    parts = ["the sky"] if result.relative.sky_fraction else []
    parts += [f"beyond {result.reach_m:.3g} m"] if result.reach_m <= result.max_depth_m else []
    return f" · hatched: {' and '.join(parts)}" if parts else ""


def _sources(result: MetricDepth) -> str:
    """Return where the scale comes from: who, and how many sizes that the user knew."""
    sizes = len(result.known_sizes)
    given = [f"{sizes} given size{'' if sizes == 1 else 's'}"] if sizes else []
    people = (
        [used_landmarks(result.landmarks)]
        if any(one.verdict == "used" for one in result.landmarks) or not sizes
        else []
    )
    return " and ".join([*given, *people])


def _inset(box: tuple[float, float, float, float], by: float) -> tuple[float, float, float, float]:
    left, top, right, bottom = box
    return (left + by, top + by, max(right - by, left + by), max(bottom - by, top + by))
