"""What the page has to show while people are painted: each painting, and the interval as it narrows; no Gradio."""

import base64
import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from mfh.pipeline.request import PaintingSoFar
from mfh.pipeline.solve import DepthSoFar
from mfh.report.pictures import jpeg_of
from mfh.types import MeasuredPainting
from mfh.viz.drawing import bar_ticks_m, tick_label

THUMB_PX = 160
"""Longer side of a thumbnail, at most."""
_QUALITY = 80
_WIDTH, _HEIGHT = 360, 196
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 352, 10, 166
_MOST_LABELS = 9

STRIP = '<div class="mfh-strip">${value}</div>'
"""Around the paintings, which then only grow at their end."""
CSS = """
.mfh-live {
  --mfh-used: #1a7f37; --mfh-rejected: #6e7781; --mfh-quiet: #57606a; --mfh-band: rgb(26 127 55 / 0.15);
  --mfh-grid: rgb(128 128 128 / 0.3);
}
.dark .mfh-live {
  --mfh-used: #4ac26b; --mfh-rejected: #9aa4ad; --mfh-quiet: #b1bac4; --mfh-band: rgb(74 194 107 / 0.2);
  --mfh-grid: rgb(160 160 160 / 0.3);
}
.mfh-interval { flex: 0 1 440px; min-width: 0; }
.mfh-interval p { margin: 0 0 6px; font-size: 15px; }
.mfh-interval strong { font-size: 18px; font-variant-numeric: tabular-nums; white-space: nowrap; }
.mfh-live .mfh-note { margin: 4px 0; font-size: 13px; color: var(--mfh-quiet); }
.mfh-interval svg { display: block; width: 100%; max-width: 440px; height: auto; color: var(--body-text-color); }
.mfh-interval text { fill: currentColor; font-size: 12px; }
.mfh-interval .mfh-grid { stroke: var(--mfh-grid); }
.mfh-interval .mfh-band { fill: var(--mfh-band); }
.mfh-interval .mfh-line { fill: none; stroke: var(--mfh-used); stroke-width: 1.5; }
.mfh-interval .mfh-used { stroke: var(--mfh-used); fill: var(--mfh-used); stroke-width: 2; }
.mfh-interval .mfh-rejected { stroke: var(--mfh-rejected); fill: var(--body-background-fill); stroke-width: 1.5; }
.mfh-live summary { cursor: pointer; padding: 8px 0; font-size: 15px; }
.mfh-both { display: flex; flex-wrap: wrap; gap: 8px 24px; }
.mfh-both .mfh-strip { flex: 1 1 480px; min-width: 0; }
.mfh-strip { display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 14px 10px; }
.mfh-strip figure { margin: 0; min-width: 0; }
.mfh-strip .mfh-frame {
  position: relative; display: block; width: fit-content; line-height: 0; border: 3px solid var(--mfh-used);
  border-radius: 6px; overflow: hidden;
}
.mfh-strip .mfh-rejected .mfh-frame { border: 3px dashed var(--mfh-rejected); }
.mfh-strip img { margin: 0; max-width: 100%; height: auto; }
.mfh-strip .mfh-box { position: absolute; border: 2px solid #4ac26b; box-shadow: 0 0 0 1px rgb(0 0 0 / 0.6); }
.mfh-strip .mfh-rejected .mfh-box { border: 2px dashed #d0d7de; }
.mfh-strip figcaption { margin-top: 4px; font-size: 13px; line-height: 1.35; overflow-wrap: anywhere; }
.mfh-strip figcaption b { font-weight: 600; color: var(--mfh-used); }
.mfh-strip .mfh-rejected figcaption b { color: var(--mfh-rejected); }
.mfh-strip small {
  display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 4; overflow: hidden; font-size: 12px;
  color: var(--mfh-quiet);
}
@media (max-width: 500px) { .mfh-strip { grid-template-columns: repeat(3, 1fr); } }
"""


@dataclass(frozen=True)
class Picture:
    """One painting, small.

    Attributes:
        number: k of "painting k".
        jpeg: base64.
        size: width and height, pixels.
        used: whether any person in it gave evidence.
        reason: why, or why not.
        boxes: of its people: left, top, right and bottom as shares of width and height.
    """

    number: int
    jpeg: str
    size: tuple[int, int]
    used: bool
    reason: str
    boxes: tuple[tuple[float, float, float, float], ...]


@dataclass(frozen=True)
class Step:
    """The answer after one painting.

    Attributes:
        attempts: paintings so far.
        usable: those with usable people.
        used: whether this one is.
        depth: of the photo; None where there is no scale yet.
    """

    attempts: int
    usable: int
    used: bool
    depth: DepthSoFar | None


class Paintings:
    """The paintings of one photo: added on the models' thread, and read by the page meanwhile.

    No more thumbnails are kept than paintings are wanted: beyond that, rejected ones go first.
    """

    def __init__(self) -> None:
        # Tuples, replaced whole: the other thread reads the old one or the new one.
        self.pictures: tuple[Picture, ...] = ()
        self.steps: tuple[Step, ...] = ()
        self._before: DepthSoFar | None = None
        self._wanted = 0

    def add(self, one: PaintingSoFar) -> None:
        """Keep what there is to show of a painting that was just judged."""
        pictures = [*self.pictures, _picture(one.painting)]
        if len(pictures) > one.max_paintings:
            # At most max_paintings are used, so that one of more was rejected.
            pictures.remove(next((old for old in pictures if not old.used), pictures[0]))
        self._before, self._wanted = one.before, one.max_paintings
        self.pictures = tuple(pictures)
        self.steps = (*self.steps, Step(one.attempts, one.usable, one.painting.used, one.depth))

    def strip(self) -> str:
        """Return the paintings as HTML, which only grows at its end until thumbnails go."""
        return "".join(map(_figure, self.pictures))

    def panel(self, *, live: bool = True) -> str:
        """Return the interval after each painting, in words and as a picture, as HTML; "" before the first.

        Args:
            live: whether it is read aloud when it changes.
        """
        if not self.steps:
            return ""
        head, _, number = html.escape(self.words()).partition(": ")
        return (
            f'<div class="mfh-interval"><p{" role=status" if live else ""}>{head}: <strong>{number}</strong></p>'
            f"{self._picture_of_interval()}"
            '<p class="mfh-note">Median depth of the photo with its 80 % interval, by the photo alone and after each '
            "painting. Green: a person in it was used.</p></div>"
        )

    def words(self) -> str:
        """Return the answer after the last painting, in a line."""
        last = self.steps[-1]
        return f"After {_counted(last)}: {_in_words(last.depth)}"

    def closed(self) -> str:
        """Return all of it below one line that opens it, as HTML; "" where nothing was painted."""
        if not self.steps:
            return ""
        last = self.steps[-1]
        gone = last.attempts - len(self.pictures)
        missing = f'<p class="mfh-note">{gone} older ones, rejected, are not shown.</p>' if gone else ""
        return (
            f'<details><summary>{_counted(last)}</summary><div class="mfh-both">{self.panel(live=False)}'
            f'<div class="mfh-strip">{self.strip()}</div></div>{missing}</details>'
        )

    def _picture_of_interval(self) -> str:
        """Return the interval after each painting as SVG: paintings to the right, metres upwards by ratio."""
        steps = [Step(0, 0, False, self._before), *self.steps]
        shown = [(one, one.depth) for one in steps if one.depth is not None and _finite(one.depth)]
        last_slot = max(self._wanted, steps[-1].attempts)
        ends = [end for _, depth in shown for end in depth.level_80_m] or [1.0, 10.0]
        low_m, high_m = min(ends) / 1.08, max(ends) * 1.08

        def across(attempts: int) -> float:
            return _LEFT + 14 + (_RIGHT - _LEFT - 22) * attempts / last_slot

        def up(metres: float) -> float:
            return _BOTTOM - (_BOTTOM - _TOP) * math.log(metres / low_m) / math.log(high_m / low_m)

        parts = []
        for tick_m in bar_ticks_m((low_m, high_m)):
            y = up(tick_m)
            parts.append(f'<path class="mfh-grid" d="M{_LEFT} {y:.1f}H{_RIGHT}"/>')
            parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{tick_label(tick_m)} m</text>')
        every = math.ceil(last_slot / _MOST_LABELS)
        for slot in range(0, last_slot + 1, every):
            # As they are numbered on the receipt and under the thumbnails.
            label = slot - 1 if slot else "photo"
            parts.append(f'<text x="{across(slot):.1f}" y="{_BOTTOM + 18}" text-anchor="middle">{label}</text>')
        if shown:
            above = [f"{across(one.attempts):.1f} {up(depth.level_80_m[1]):.1f}" for one, depth in shown]
            below = [f"{across(one.attempts):.1f} {up(depth.level_80_m[0]):.1f}" for one, depth in reversed(shown)]
            middle = [f"{across(one.attempts):.1f} {up(depth.median_m):.1f}" for one, depth in shown]
            parts.append(f'<path class="mfh-band" d="M{"L".join([*above, *below])}Z"/>')
            parts.append(f'<path class="mfh-line" d="M{"L".join(middle)}"/>')
        for one, depth in shown:
            kind, x = "used" if one.used else "rejected", across(one.attempts)
            if one.used:
                low, high = map(up, depth.level_80_m)
                parts.append(f'<path class="mfh-used" d="M{x:.1f} {low:.1f}V{high:.1f}"/>')
            parts.append(f'<circle class="mfh-{kind}" cx="{x:.1f}" cy="{up(depth.median_m):.1f}" r="3.5"/>')
        about = html.escape(f"The photo alone: {_in_words(self._before)}. {self.words()}.")
        box = f"0 0 {_WIDTH} {_HEIGHT}"
        return f'<svg viewBox="{box}" role="img" aria-label="{about}">{"".join(parts)}</svg>'


def _counted(last: Step) -> str:
    return f"{last.attempts} painting{'' if last.attempts == 1 else 's'} ({last.usable} used)"


def _in_words(depth: DepthSoFar | None) -> str:
    if depth is None:
        return "no scale yet"
    low, high = depth.level_80_m
    between = f"{low:.2f}-{high:.2f}" if math.isfinite(high) else f"{low:.2f} or more"
    return f"{depth.median_m:.2f} m ({between})"


def _finite(depth: DepthSoFar) -> bool:
    return all(math.isfinite(one) and one > 0 for one in (depth.median_m, *depth.level_80_m))


def _picture(painting: MeasuredPainting) -> Picture:
    """Return a painting small enough to be sent, with the boxes of its people."""
    tall, wide = painting.rgb.shape[:2]
    scale = min(1.0, THUMB_PX / max(tall, wide))
    size = (max(1, round(wide * scale)), max(1, round(tall * scale)))
    small = cv2.resize(painting.rgb, size, interpolation=cv2.INTER_AREA)
    jpeg = jpeg_of(np.rint(np.clip(small, 0, 1) * 255).astype(np.uint8), _QUALITY)
    boxes = tuple(_shares(one.box_xyxy, wide, tall) for one in painting.landmarks)
    return Picture(painting.number, base64.b64encode(jpeg).decode(), size, painting.used, painting.reason, boxes)


def _shares(box: Sequence[float], wide: int, tall: int) -> tuple[float, float, float, float]:
    # A pixel reaches half to either side of its coordinate.
    left, top, right, bottom = (
        min(max((one + 0.5) / side, 0.0), 1.0) for one, side in zip(box, (wide, tall, wide, tall), strict=True)
    )
    return left, top, right, bottom


def _figure(one: Picture) -> str:
    kind = "used" if one.used else "rejected"
    about = html.escape(f"painting {one.number}, {kind}: {one.reason}")
    boxes = "".join(
        f'<span class="mfh-box" style="left:{left:.1%};top:{top:.1%};width:{right - left:.1%};'
        f'height:{bottom - top:.1%}"></span>'
        for left, top, right, bottom in one.boxes
    )
    width, height = one.size
    reason = "" if one.used else f"<small>{html.escape(one.reason)}</small>"
    return (
        f'<figure class="mfh-{kind}" title="{about}"><span class="mfh-frame">'
        f'<img src="data:image/jpeg;base64,{one.jpeg}" alt="{about}" width="{width}" height="{height}"/>{boxes}</span>'
        f"<figcaption>painted {one.number}: <b>{kind}</b>{reason}</figcaption></figure>"
    )
