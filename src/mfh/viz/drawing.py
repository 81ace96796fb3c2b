"""Small things every picture needs: inks, text, labels, resizing."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray
from PIL import ImageDraw, ImageFont

from mfh.geometry.view import view_of
from mfh.types import Photo

PAPER = (250, 250, 248)
INK = (32, 33, 36)
REGION_INK = (255, 214, 10)
FAINT_INK = (110, 112, 116)


def small_photo(photo: Photo, size: tuple[int, int]) -> UInt8[ndarray, "h w 3"]:
    """Resize a photo to (width, height) pixels of 8 bits."""
    return shrink(view_of(photo).rgb, size)


def shrink(rgb: Float[ndarray, "h w 3"], size: tuple[int, int]) -> UInt8[ndarray, "h2 w2 3"]:
    """Resize RGB in [0, 1] to (width, height) pixels of 8 bits."""
    shrinks = size[0] < rgb.shape[1]
    resized = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return np.rint(np.clip(resized, 0, 1) * 255).astype(np.uint8)


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
