"""Rectangles in a photo that enclose a person: the borders of screens, picture frames and posters.

Four straight edges are searched around a box, one on each side of it, that together make a quadrilateral: any four
lines do, so a rectangle seen aslant is found too. It need not be a border: windows and paving stones have straight
edges as well, and ``landmarks.in_picture`` decides.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

REACH = 4.0
"""How far around the middle of the box borders are searched, over the box's longer side."""
_SIZE_PX = 80.0
"""The longer side of the box where edges are searched: of a larger one the photo is averaged down."""
_LEAST_PX = 32.0
"""Smaller people have no rectangle: between their edges there are a few pixels."""
_SHORTEST = 0.2
"""Edges shorter than this, over the longer side of the box, are ignored."""
_LEAN = {False: np.tan(np.radians(32)), True: np.tan(np.radians(22))}
"""How far edges may lean: horizontal ones by perspective, upright ones (True) less."""
_OVERLAP = 0.12
"""How far a border may lie inside the box, over its longer side: masks are not exact."""
_CANDIDATES = 8
_SAME_PX = 2.0
_LEAST_SIDE = 0.45
"""Shortest side of a rectangle, over the longer side of the box."""
_LEAST_ALIKE = 0.6
"""Shorter over longer of two opposite sides."""
_SKEW = np.sin(np.radians(35))
_LEAST_COVERAGE = 0.3
_OUTSIDE = 0.08
"""Share of the mask that may lie outside: a person in a picture does not extend out of it."""
_WHOLE = 0.7
"""Share of the photo from which a rectangle is the photo's own border: a white edge, a cover."""
_FILLED = 0.75
"""Share of a rectangle from which a mask is the rectangle: the outline of a thing, and no border around it."""
_STEP = 0.02
"""Brightness a pixel (of 1) across an edge that counts as one."""
_ALONG = np.linspace(0.04, 0.96, 32)
_BESIDE_PX = np.array([3.0, 4.0, 5.0])
"""How far from a side the brightness beside it is read."""
_LARGER = 0.015
"""By how much of coverage a rectangle must be better than one of a third of its size."""


@dataclass(frozen=True)
class Rectangle:
    """Four straight edges around a person.

    Attributes:
        corners_px: (4, 2) top left, top right, bottom right, bottom left, pixels of the photo.
        coverage: (4,) shares of the top, right, bottom and left side along which brightness steps across it.
        overshoot: the same share beyond the corners: a border ends there, a line of paving continues.
        roughness: robust standard deviation of brightness along the outside of a side about a straight line, of the
            middle side: a wall or a bezel is even.
    """

    corners_px: Float[ndarray, "4 2"]
    coverage: Float[ndarray, "4"]
    overshoot: float
    roughness: float


@dataclass(frozen=True)
class _View:
    """The part of a photo around a box, in grey, at the size edges are searched.

    Attributes:
        grey: (h, w) brightness.
        slope: (2, h, w) its change a pixel, right and down.
        box: (4,) the box in it.
        seen: (n, 2) some pixels of the mask in it, x, y.
        pixels: of the mask in it.
        origin_px: (2,) its corner in the photo.
        ratio: (2,) its pixels per pixel of the photo.
    """

    grey: Float[ndarray, "h w"]
    slope: Float[ndarray, "2 h w"]
    box: Float[ndarray, "4"]
    seen: Float[ndarray, "n 2"]
    pixels: int
    origin_px: Float[ndarray, "2"]
    ratio: Float[ndarray, "2"]

    @property
    def size(self) -> float:
        """Longer side of the box."""
        return float(max(self.box[2] - self.box[0], self.box[3] - self.box[1]))


def find_rectangle(
    rgb: Float[ndarray, "h w 3"], box_xyxy: Float[ndarray, "4"], instance_mask: Bool[ndarray, "h w"]
) -> Rectangle | None:
    """Find the rectangle of straight edges that most likely is a border around a person.

    Returns:
        The one with the best coverage, the smaller of two alike; None where no four edges enclose the person, and for
        people too small.
    """
    if max(box_xyxy[2] - box_xyxy[0], box_xyxy[3] - box_xyxy[1]) < _LEAST_PX:
        return None
    view = _view(rgb, box_xyxy, instance_mask)
    sides = _side_lines(view)
    if sides is None or not len(view.seen):
        return None
    corners, coverage = _quadrilaterals(view, sides)
    if not len(corners):
        return None
    inside = _share_inside(corners, view.seen) >= 1 - _OUTSIDE
    edges = np.roll(corners, -1, 1) - corners
    area = np.hypot(edges[..., 0], edges[..., 1])[:, :2].prod(1)
    quality = (coverage.min(1) + coverage.mean(1)) / 2 - _LARGER * np.log(area / view.size**2)
    inside &= (area < _WHOLE * instance_mask.size * view.ratio.prod()) & (area > view.pixels / _FILLED)
    if not inside.any():
        return None
    best = int(np.argmax(np.where(inside, quality, -np.inf)))
    return _described(view, corners[best], coverage[best])


def holds(rectangle: Rectangle, instance_mask: Bool[ndarray, "h w"]) -> bool:
    """Return whether a person's pixels are inside a rectangle, up to the errors of masks."""
    rows, columns = np.nonzero(instance_mask)
    every = max(1, len(rows) // 500)
    points = np.stack([columns[::every], rows[::every]], 1).astype(np.float64)
    return len(points) > 0 and float(_share_inside(rectangle.corners_px[None], points)[0]) >= 1 - _OUTSIDE


def _view(rgb: Float[ndarray, "h w 3"], box_xyxy: Float[ndarray, "4"], instance_mask: Bool[ndarray, "h w"]) -> _View:
    height, width = instance_mask.shape
    box = np.asarray(box_xyxy, np.float64).reshape(2, 2)
    size, middle = max(float(np.ptp(box, 0).max()), 8.0), box.mean(0)
    left, top = np.clip(middle - REACH * size, 0, None).astype(int)
    right, bottom = np.minimum(middle + REACH * size, [width, height]).astype(int)
    part = np.s_[top:bottom, left:right]
    grey = cv2.cvtColor(rgb[part].astype(np.float32, copy=False), cv2.COLOR_RGB2GRAY)
    ratio = min(1.0, _SIZE_PX / size)
    shape = (max(8, round(grey.shape[1] * ratio)), max(8, round(grey.shape[0] * ratio)))
    exact = np.array([shape[0] / grey.shape[1], shape[1] / grey.shape[0]])
    if ratio < 1:
        whole, grey = grey, cv2.resize(grey, shape, interpolation=cv2.INTER_AREA)
        # In its memory: most of a large photo, and fresh memory costs more than arithmetic.
        np.copyto(whole, instance_mask[part])
        mask = cv2.resize(whole, shape, interpolation=cv2.INTER_AREA)
    else:
        mask = instance_mask[part].astype(np.float32)
    smooth = cv2.GaussianBlur(grey, (0, 0), 0.7)
    slope = np.stack([cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=3), cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=3)]) / 8
    rows, columns = np.nonzero(mask > 0.5)
    every = max(1, len(rows) // 200)
    seen = np.stack([columns[::every], rows[::every]], 1).astype(np.float64)
    origin = np.array([left, top], np.float64)
    return _View(grey, slope, ((box - origin) * exact).ravel(), seen, len(rows), origin, exact)


def _side_lines(view: _View) -> tuple[ndarray, ndarray, ndarray, ndarray] | None:
    """Return the segments (n, 4) that may be the top, right, bottom and left side; None where one has none."""
    found = cv2.createLineSegmentDetector(cv2.LSD_REFINE_STD).detect((np.clip(view.grey, 0, 1) * 255).astype(np.uint8))
    if found[0] is None:
        return None
    segments = found[0].reshape(-1, 4).astype(np.float64)
    along = segments[:, 2:] - segments[:, :2]
    long = np.hypot(*along.T) >= _SHORTEST * view.size
    level = segments[long & (np.abs(along[:, 1]) < _LEAN[False] * np.abs(along[:, 0]))]
    upright = segments[long & (np.abs(along[:, 0]) < _LEAN[True] * np.abs(along[:, 1]))]
    left, top, right, bottom = view.box
    row, column = _at(level, (left + right) / 2, 0), _at(upright, (top + bottom) / 2, 1)
    sides = (
        _likeliest(view, level, top - row),
        _likeliest(view, upright, column - right),
        _likeliest(view, level, row - bottom),
        _likeliest(view, upright, left - column),
    )
    return sides if all(len(side) for side in sides) else None


def _at(segments: Float[ndarray, "n 4"], place: float, axis: int) -> Float[ndarray, "n"]:
    """Return where the lines of segments are, across an axis, at one place along it."""
    start, end = segments[:, :2], segments[:, 2:]
    part = (place - start[:, axis]) / (end[:, axis] - start[:, axis])
    return start[:, 1 - axis] + part * (end[:, 1 - axis] - start[:, 1 - axis])


def _likeliest(view: _View, segments: Float[ndarray, "n 4"], gap: Float[ndarray, "n"]) -> Float[ndarray, "k 4"]:
    """Return the segments of one side that are long for how far they are from the box; one of those on one line."""
    near = gap >= -_OVERLAP * view.size
    segments, gap = segments[near], np.maximum(gap[near], 0)
    length = np.hypot(*(segments[:, 2:] - segments[:, :2]).T)
    kept: list[ndarray] = []
    for k in np.argsort(-length / (view.size + gap), kind="stable"):
        ends = segments[k].reshape(2, 2)
        for other in kept:
            dx, dy = other[2:] - other[:2]
            if np.abs((ends - other[:2]) @ np.array([-dy, dx])).max() < _SAME_PX * np.hypot(dx, dy):
                break
        else:
            kept.append(segments[k])
        if len(kept) == _CANDIDATES:
            break
    return np.array(kept).reshape(-1, 4)


def _quadrilaterals(
    view: _View, sides: tuple[ndarray, ndarray, ndarray, ndarray]
) -> tuple[Float[ndarray, "q 4 2"], Float[ndarray, "q 4"]]:
    """Return the corners of every four lines that make a rectangle seen from somewhere, and how well sides are seen."""
    top, right, bottom, left = (_homogeneous(side) for side in sides)
    top_left, top_right = _meet(top[:, None], left[None]), _meet(top[:, None], right[None])
    low_left, low_right = _meet(bottom[:, None], left[None]), _meet(bottom[:, None], right[None])
    # A side's coverage depends on three of the four lines.
    of_top = _coverage(view, top_left[:, None, :], top_right[:, :, None])  # t, r, l
    of_bottom = _coverage(view, low_left[:, None, :], low_right[:, :, None])  # b, r, l
    of_right = _coverage(view, top_right[:, None], low_right[None])  # t, b, r
    of_left = _coverage(view, top_left[:, None], low_left[None])  # t, b, l
    t, r, b, lft = (each.ravel() for each in np.indices([len(side) for side in sides]))
    corners = np.stack([top_left[t, lft], top_right[t, r], low_right[b, r], low_left[b, lft]], 1)
    coverage = np.stack([of_top[t, r, lft], of_right[t, b, r], of_bottom[b, r, lft], of_left[t, b, lft]], 1)
    height, width = view.grey.shape
    within = np.isfinite(corners).all((1, 2)) & (corners >= -3).all((1, 2))
    within &= (corners <= [width + 2, height + 2]).all((1, 2)) & (coverage.min(1) > _LEAST_COVERAGE)
    corners, coverage = corners[within], coverage[within]
    edges = np.roll(corners, -1, 1) - corners
    following, length = np.roll(edges, -1, 1), np.hypot(edges[..., 0], edges[..., 1])
    both = np.maximum(length * np.roll(length, -1, 1), 1e-9)
    turn = edges[..., 0] * following[..., 1] - edges[..., 1] * following[..., 0]
    shape = (length >= _LEAST_SIDE * view.size).all(1) & (turn > 0).all(1)
    shape &= (np.abs((edges * following).sum(-1)) < _SKEW * both).all(1)
    opposite = np.maximum(np.stack([length[:, :2], length[:, 2:]]), 1e-9)
    shape &= (opposite.min(0) >= _LEAST_ALIKE * opposite.max(0)).all(1)
    return corners[shape], coverage[shape]


def _homogeneous(segments: Float[ndarray, "n 4"]) -> Float[ndarray, "n 3"]:
    ends = np.concatenate([segments.reshape(-1, 2, 2), np.ones((len(segments), 2, 1))], 2)
    return np.cross(ends[:, 0], ends[:, 1])


def _meet(lines: Float[ndarray, "... 3"], others: Float[ndarray, "... 3"]) -> Float[ndarray, "... 2"]:
    points = np.cross(lines, others)
    with np.errstate(divide="ignore", invalid="ignore"):
        return points[..., :2] / points[..., 2:]


def _coverage(view: _View, starts: Float[ndarray, "... 2"], ends: Float[ndarray, "... 2"]) -> Float[ndarray, "..."]:
    """Return the share of the ways from starts to ends along which brightness steps across them."""
    starts, ends = np.broadcast_arrays(starts, ends)
    start, end = (np.nan_to_num(np.clip(each.reshape(-1, 2), -1e4, 1e4)) for each in (starts, ends))
    way = end - start
    across = np.stack([-way[:, 1], way[:, 0]], 1) / np.maximum(np.hypot(*way.T), 1e-9)[:, None]
    places = start[:, None] + _ALONG[None, :, None] * way[:, None]
    seen = np.zeros(places.shape[:2], bool)
    height, width = view.grey.shape
    for offset in (-2, -1, 0, 1, 2):
        at = np.rint(places + offset * across[:, None]).astype(int)
        columns, rows = np.clip(at[..., 0], 0, width - 1), np.clip(at[..., 1], 0, height - 1)
        right, down = view.slope[0][rows, columns], view.slope[1][rows, columns]
        step = np.abs(right * across[:, 0, None] + down * across[:, 1, None])
        seen |= (step > _STEP) & (step > 0.85 * np.hypot(right, down))
    return seen.mean(1).reshape(starts.shape[:-1])


def _share_inside(corners: Float[ndarray, "q 4 2"], points: Float[ndarray, "n 2"]) -> Float[ndarray, "q"]:
    edges = np.roll(corners, -1, 1) - corners
    inward = np.stack([-edges[..., 1], edges[..., 0]], -1) / np.maximum(np.hypot(*edges.T).T, 1e-9)[..., None]
    inside = np.ones((len(corners), len(points)), bool)
    for k in range(4):
        inside &= ((points[None] - corners[:, k, None]) @ inward[:, k, :, None])[..., 0] > -1.5
    return inside.mean(1)


def _described(view: _View, corners: Float[ndarray, "4 2"], coverage: Float[ndarray, "4"]) -> Rectangle:
    edges = np.roll(corners, -1, 0) - corners
    length = np.hypot(*edges.T)[:, None]
    beyond = edges / length * np.maximum(0.2 * length, 6.0)
    outward = np.stack([edges[:, 1], -edges[:, 0]], 1) / length
    height, width = view.grey.shape
    overshoots, roughness = [], []
    for k in range(4):
        for start, way in ((corners[k], -beyond[k]), (corners[k] + edges[k], beyond[k])):
            end = start + way
            if (end >= 0).all() and (end <= [width - 1, height - 1]).all():
                overshoots.append(float(_coverage(view, (start + 0.15 * way)[None], end[None])[0]))
        side = corners[k] + np.linspace(0.08, 0.92, 24)[:, None] * edges[k]
        beside = _strip(view, side, outward[k])
        if np.isfinite(beside).sum() >= 8:
            roughness.append(_roughness(beside))
    return Rectangle(
        corners / view.ratio + view.origin_px,
        coverage,
        float(np.mean(overshoots)) if overshoots else 0.3,
        float(np.median(roughness)) if roughness else 0.1,
    )


def _strip(view: _View, side: Float[ndarray, "n 2"], away: Float[ndarray, "2"]) -> Float[ndarray, "n"]:
    """Return mean brightness beside each place of a side; NaN outside the photo."""
    height, width = view.grey.shape
    at = np.rint(side[:, None] + _BESIDE_PX[None, :, None] * away).astype(int)
    within = ((at >= 0) & (at < [width, height])).all((1, 2))
    columns, rows = np.clip(at[..., 0], 0, width - 1), np.clip(at[..., 1], 0, height - 1)
    return np.where(within, view.grey[rows, columns].mean(1), np.nan)


def _roughness(strip: Float[ndarray, "n"]) -> float:
    """Return the robust standard deviation of brightness about a straight line."""
    place = np.linspace(-1, 1, len(strip))
    seen = np.isfinite(strip)
    basis = np.stack([place[seen], np.ones(seen.sum())], 1)
    off = strip[seen] - basis @ np.linalg.lstsq(basis, strip[seen], rcond=None)[0]
    return 1.48 * float(np.median(np.abs(off)))
