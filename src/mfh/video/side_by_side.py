"""A clip beside its depth, in the colours of one bar that stays."""

import math

import cv2
import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray
from PIL import Image, ImageDraw

from mfh.video.layout import even
from mfh.viz.drawing import (
    FAINT_INK,
    INK,
    PAPER,
    bar_ticks_m,
    colour_depth,
    draw_bar,
    fit,
    font_of,
    tick_label,
)

PANEL_PX = 640
"""Long side of either picture."""


class SideBySide:
    """Draws frames beside their depth.

    Args:
        width: of the clip's frames.
        height: the same.
        limits_m: near and far end of the bar.
        caption: one line below.
    """

    def __init__(self, width: int, height: int, limits_m: tuple[float, float], caption: str) -> None:
        scale = min(1.0, PANEL_PX / max(width, height))
        self._panel = (even(width * scale), even(height * scale))
        self._limits_m = limits_m
        font_px = max(13, max(self._panel) // 42)
        gap, bar_width = font_px, max(14, max(self._panel) // 36)
        labels = [font_of(font_px).getlength(f"{tick_label(tick_m)} m") for tick_m in bar_ticks_m(limits_m)]
        wide = 4 * gap + 2 * self._panel[0] + bar_width + math.ceil(max(labels, default=0)) + 2 * gap
        self.size = (even(wide), even(self._panel[1] + 4 * font_px))
        canvas = Image.new("RGB", self.size, PAPER)
        top = font_px
        self._corners = ((gap, top), (2 * gap + self._panel[0], top))
        draw_bar(canvas, (3 * gap + 2 * self._panel[0], top), (bar_width, self._panel[1]), limits_m, font_px=font_px)
        draw, font = ImageDraw.Draw(canvas), font_of(font_px)
        self._time_at, self._font = (self.size[0] - gap, top + self._panel[1] + font_px * 1.5), font
        text = fit(caption, font, self.size[0] - 8 * font_px)
        draw.text((gap, self._time_at[1]), text, font=font, fill=INK, anchor="lm")
        self._canvas = canvas
        self._shown_m: Float[ndarray, "h w"] | None = None

    def draw(
        self, pixels: UInt8[ndarray, "h w 3"], depth_m: Float[ndarray, "h w"], seconds: float
    ) -> UInt8[ndarray, "a b 3"]:
        """Return a frame beside its depth.

        Args:
            pixels: of the frame.
            depth_m: its depth; NaN where there is none.
            seconds: its time in the clip.
        """
        small = cv2.resize(pixels, self._panel, interpolation=cv2.INTER_AREA)
        if depth_m is not self._shown_m:
            # Nearest, so that no colour stands for a depth between two things.
            small_m = cv2.resize(depth_m, self._panel, interpolation=cv2.INTER_NEAREST)
            coloured = colour_depth(small_m, ~np.isnan(small_m), self._limits_m)
            self._canvas.paste(Image.fromarray(coloured), self._corners[1])
            self._shown_m = depth_m
        canvas = self._canvas.copy()
        canvas.paste(Image.fromarray(np.asarray(small)), self._corners[0])
        ImageDraw.Draw(canvas).text(self._time_at, f"{seconds:.2f} s", font=self._font, fill=FAINT_INK, anchor="rm")
        return np.asarray(canvas)
