"""The BlazePose GHUM landmark network: from a rotated crop to landmarks in pixels and metres, presence and a mask.

Reference: Grishchenko et al., BlazePose GHUM Holistic, arXiv:2206.11678; the MediaPipe pose landmark graph.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float
from numpy import ndarray

INPUT_PX = 256
LANDMARKS = 33
# The network adds six auxiliary points; the first two are the mid-hip and a point on the circle around the body.
_OUTPUT_POINTS = 39
_CENTRE, _CIRCLE = 33, 34
# Ratio of the crop's side to the diameter of the circle around the body (the reference graph's value).
_MARGIN = 1.25
_HEATMAP_WINDOW = 7
_HEATMAP_MIN = 0.5
OUTSIDE = -20.0
"""Log-odds of pixels outside a crop."""

RunLandmarks = Callable[
    [Float[ndarray, "1 256 256 3"]],
    tuple[Float[ndarray, "195"], float, Float[ndarray, "256 256"], Float[ndarray, "64 64 39"], Float[ndarray, "117"]],
]


@dataclass(frozen=True)
class Roi:
    """A rotated square of the photo in which one person is upright.

    Attributes:
        centre_px: (2,) x, y.
        size_px: side length.
        turn: radians; the crop's down direction is the photo's down direction turned clockwise by this.
    """

    centre_px: Float[ndarray, "2"]
    size_px: float
    turn: float

    def photo_from_crop(self) -> Float[ndarray, "2 3"]:
        """Return the affine map from crop pixels to photo pixels (pixel centres are integers in both)."""
        step = self.size_px / INPUT_PX
        c, s = np.cos(self.turn), np.sin(self.turn)
        linear = step * np.array([[c, -s], [s, c]])
        middle = (INPUT_PX - 1) / 2
        return np.concatenate([linear, (self.centre_px - linear @ [middle, middle])[:, None]], 1)


@dataclass(frozen=True)
class PoseReading:
    """The landmark network's output for one crop.

    Attributes:
        roi: the crop.
        presence: probability that the crop holds a person.
        image_px: (33, 2) photo pixels.
        world_m: (33, 3) metres, hip-centred, x right, y down, z forward.
        visibility: (33,) probability that the landmark is inside the crop and not hidden.
        next_roi: the crop for the next run, centred on the person found.
        mask_logit: (256, 256) log-odds that a crop pixel belongs to the person.
    """

    roi: Roi
    presence: float
    image_px: Float[ndarray, "33 2"]
    world_m: Float[ndarray, "33 3"]
    visibility: Float[ndarray, "33"]
    next_roi: Roi
    mask_logit: Float[ndarray, "256 256"]


def roi_around(centre_px: Float[ndarray, "2"], circle_px: Float[ndarray, "2"]) -> Roi:
    """Return the crop for a body with its mid-hip at one point and the top of its circle at another."""
    dx, dy = (circle_px - centre_px).tolist()
    # A circle point straight above the hips (dy < 0) is an upright person and no rotation.
    return Roi(np.asarray(centre_px, float), 2 * _MARGIN * float(np.hypot(dx, dy)), float(np.arctan2(dx, -dy)))


def crop_tensor(rgb: Float[ndarray, "h w 3"], roi: Roi) -> Float[ndarray, "1 256 256 3"]:
    """Return the rotated crop as the network's input: RGB in [0, 1], the photo's edge pixels repeated outside."""
    photo_from_crop = roi.photo_from_crop()
    step = roi.size_px / INPUT_PX
    if step > 2:
        # Bilinear sampling would skip pixels: the photo is averaged to the crop's resolution first.
        height, width = rgb.shape[:2]
        size = (max(1, round(width * 1.5 / step)), max(1, round(height * 1.5 / step)))
        ratio = np.array([size[0] / width, size[1] / height])
        rgb = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
        photo_from_crop = photo_from_crop * ratio[:, None]
        photo_from_crop[:, 2] += 0.5 * ratio - 0.5
    crop = cv2.warpAffine(
        rgb,
        photo_from_crop,
        (INPUT_PX, INPUT_PX),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return crop[None].astype(np.float32)


def _sigmoid(x: ndarray) -> ndarray:
    return 1 / (1 + np.exp(-np.clip(x.astype(np.float64), -100, 100)))


def refine_with_heatmap(points: Float[ndarray, "n 2"], heatmap: Float[ndarray, "a b n"]) -> Float[ndarray, "n 2"]:
    """Move each point (crop pixels) to the local centre of mass of its heatmap (logits), where that is confident."""
    rows, columns = heatmap.shape[:2]
    cell = np.array([INPUT_PX / columns, INPUT_PX / rows])
    half = _HEATMAP_WINDOW // 2
    refined = points.copy()
    for k, (x, y) in enumerate(points / cell):
        column, row = int(x), int(y)
        if not (0 <= column < columns and 0 <= row < rows):
            continue
        top, left = max(0, row - half), max(0, column - half)
        window = _sigmoid(heatmap[top : row + half + 1, left : column + half + 1, k])
        if window.max() < _HEATMAP_MIN:
            continue
        i, j = np.indices(window.shape)
        centre = np.array([(j + left) * window, (i + top) * window]).sum((1, 2)) / window.sum()
        refined[k] = centre * cell
    return refined


def read_pose(rgb: Float[ndarray, "h w 3"], roi: Roi, run: RunLandmarks) -> PoseReading:
    """Run the landmark network on one crop, and return its output in photo pixels and metres."""
    raw_points, presence, mask_logit, heatmap, raw_world = run(crop_tensor(rgb, roi))
    rows = raw_points.reshape(_OUTPUT_POINTS, 5).astype(np.float64)
    in_crop = refine_with_heatmap(rows[:, :2], heatmap)
    photo_from_crop = roi.photo_from_crop()
    in_photo = in_crop @ photo_from_crop[:, :2].T + photo_from_crop[:, 2]
    # World landmarks are in the crop's axes: they are rotated back about the optical axis.
    world = raw_world.reshape(_OUTPUT_POINTS, 3)[:LANDMARKS].astype(np.float64)
    world[:, :2] = world[:, :2] @ (photo_from_crop[:, :2].T / (roi.size_px / INPUT_PX))
    visibility = _sigmoid(rows[:LANDMARKS, 3]) * _sigmoid(rows[:LANDMARKS, 4])
    return PoseReading(
        roi=roi,
        presence=float(presence),
        image_px=in_photo[:LANDMARKS],
        world_m=world,
        visibility=visibility,
        next_roi=roi_around(in_photo[_CENTRE], in_photo[_CIRCLE]),
        mask_logit=mask_logit.astype(np.float32),
    )


def roi_box(roi: Roi, shape: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return the box of a crop in a (height, width) photo: left, top, right, bottom, ends excluded."""
    corners = np.array([[-1, -1], [INPUT_PX, -1], [-1, INPUT_PX], [INPUT_PX, INPUT_PX]], float)
    photo_from_crop = roi.photo_from_crop()
    inside = corners @ photo_from_crop[:, :2].T + photo_from_crop[:, 2]
    low = np.floor(inside.min(0)).astype(int)
    high = np.ceil(inside.max(0)).astype(int) + 1
    left, right = np.clip([low[0], high[0]], 0, shape[1])
    top, bottom = np.clip([low[1], high[1]], 0, shape[0])
    return int(left), int(top), int(right), int(bottom)


def spread_over_photo(
    in_crop: Float[ndarray, "256 256"], roi: Roi, box: tuple[int, int, int, int]
) -> Float[ndarray, "h w"]:
    """Resample a crop's map of log-odds to the photo pixels of a box; :data:`OUTSIDE` outside the crop."""
    left, top, right, bottom = box
    box_from_crop = roi.photo_from_crop()
    box_from_crop[:, 2] -= [left, top]
    return cv2.warpAffine(
        in_crop,
        box_from_crop,
        (right - left, bottom - top),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=OUTSIDE,
    )
