"""Bounding-volume hierarchy over triangles and ray traversal, compiled by numba.

Reference: binned surface-area heuristic, Wald 2007; Möller-Trumbore triangle intersection, 1997.
"""

from typing import NamedTuple

import numba as nb
import numpy as np
from numpy.typing import NDArray

_BINS = 12
_LEAF = 4
NO_HIT = 1e30


class Triangles(NamedTuple):
    """A triangle soup with its hierarchy, packed so that a ray touches few cache lines.

    Triangles are stored in leaf order: ``order`` is the index of each among the caller's triangles.

    Attributes:
        bounds: (nodes, 6) lower and upper box corners.
        child: (nodes,) first child (its sibling follows), or -1 - first triangle for a leaf.
        leaf_size: (nodes,) triangles of a leaf.
        shape: (n, 9) first corner, second minus first, third minus first.
        order: (n,) index of each stored triangle in the caller's array.
        stack: (64,) scratch of the traversal: nodes to visit. One ray at a time uses it.
        entry: (64,) scratch: where the ray enters them.
    """

    bounds: NDArray[np.float32]
    child: NDArray[np.int32]
    leaf_size: NDArray[np.int32]
    shape: NDArray[np.float32]
    order: NDArray[np.int32]
    stack: NDArray[np.int32]
    entry: NDArray[np.float64]


def build_triangles(corners: NDArray[np.float32]) -> Triangles:
    """Build the hierarchy over (n, 3, 3) triangle corners."""
    order = np.arange(len(corners), dtype=np.int32)
    lower, upper, child, first, count = _build(corners.mean(1), corners.min(1), corners.max(1), order)
    packed = corners[order]
    shape = np.concatenate([packed[:, 0], packed[:, 1] - packed[:, 0], packed[:, 2] - packed[:, 0]], 1)
    link = np.where(child < 0, -1 - first, child).astype(np.int32)
    bounds = np.ascontiguousarray(np.concatenate([lower, upper], 1))
    return Triangles(bounds, link, count, np.ascontiguousarray(shape), order, np.empty(64, np.int32), np.empty(64))


@nb.njit(cache=True, fastmath=True)
def _half_area(low, high):
    d0, d1, d2 = high[0] - low[0], high[1] - low[1], high[2] - low[2]
    return d0 * d1 + d1 * d2 + d0 * d2


@nb.njit(cache=True, fastmath=True)
def _best_split(box_low, box_high, bin_of, order, start, stop):
    """Return the bin boundary of least surface-area cost, or -1."""
    counts = np.zeros(_BINS, np.int32)
    low = np.full((_BINS, 3), 1e30, np.float32)
    high = np.full((_BINS, 3), -1e30, np.float32)
    for i in range(start, stop):
        t = order[i]
        b = bin_of[i - start]
        counts[b] += 1
        for k in range(3):
            low[b, k] = min(low[b, k], box_low[t, k])
            high[b, k] = max(high[b, k], box_high[t, k])
    best, best_split = 1e30, -1
    for split in range(1, _BINS):
        cost = 0.0
        for side in range(2):
            begin, end = (0, split) if side == 0 else (split, _BINS)
            l3 = np.full(3, 1e30, np.float32)
            h3 = np.full(3, -1e30, np.float32)
            c = 0
            for b in range(begin, end):
                if counts[b] > 0:
                    c += counts[b]
                    for k in range(3):
                        l3[k] = min(l3[k], low[b, k])
                        h3[k] = max(h3[k], high[b, k])
            cost += c * _half_area(l3, h3) if c > 0 else 1e30
        if cost < best:
            best, best_split = cost, split
    return best_split


@nb.njit(cache=True, fastmath=True)
def _build(centre, box_low, box_high, order):
    n = len(order)
    lower = np.empty((2 * n, 3), np.float32)
    upper = np.empty((2 * n, 3), np.float32)
    child = np.full(2 * n, -1, np.int32)
    first = np.zeros(2 * n, np.int32)
    count = np.zeros(2 * n, np.int32)
    stack = np.empty((128, 3), np.int32)
    stack[0, 0], stack[0, 1], stack[0, 2] = 0, 0, n
    depth, used = 1, 1
    while depth > 0:
        depth -= 1
        node, start, stop = stack[depth, 0], stack[depth, 1], stack[depth, 2]
        c_low = np.full(3, 1e30, np.float32)
        c_high = np.full(3, -1e30, np.float32)
        for k in range(3):
            lower[node, k] = 1e30
            upper[node, k] = -1e30
        for i in range(start, stop):
            t = order[i]
            for k in range(3):
                lower[node, k] = min(lower[node, k], box_low[t, k])
                upper[node, k] = max(upper[node, k], box_high[t, k])
                c_low[k] = min(c_low[k], centre[t, k])
                c_high[k] = max(c_high[k], centre[t, k])
        if stop - start <= _LEAF:
            first[node], count[node] = start, stop - start
            continue
        axis = 0
        for k in range(1, 3):
            if c_high[k] - c_low[k] > c_high[axis] - c_low[axis]:
                axis = k
        extent = c_high[axis] - c_low[axis]
        middle = -1
        if extent > 1e-9:
            bin_of = np.empty(stop - start, np.int32)
            for i in range(start, stop):
                bin_of[i - start] = min(_BINS - 1, int((centre[order[i], axis] - c_low[axis]) / extent * _BINS))
            split = _best_split(box_low, box_high, bin_of, order, start, stop)
            if split > 0:
                i, j = start, stop - 1
                while i <= j:
                    if bin_of[i - start] < split:
                        i += 1
                    else:
                        order[i], order[j] = order[j], order[i]
                        bin_of[i - start], bin_of[j - start] = bin_of[j - start], bin_of[i - start]
                        j -= 1
                middle = i
        if middle <= start or middle >= stop:
            middle = (start + stop) // 2
        child[node] = used
        stack[depth, 0], stack[depth, 1], stack[depth, 2] = used, start, middle
        stack[depth + 1, 0], stack[depth + 1, 1], stack[depth + 1, 2] = used + 1, middle, stop
        depth += 2
        used += 2
    return lower[:used], upper[:used], child[:used], first[:used], count[:used]


@nb.njit(inline="always", fastmath=True)
def _enter_box(box, ox, oy, oz, ix, iy, iz, limit):
    """Return the distance at which a ray enters a box, or ``NO_HIT``."""
    a, b = (box[0] - ox) * ix, (box[3] - ox) * ix
    near, far = min(a, b), max(a, b)
    a, b = (box[1] - oy) * iy, (box[4] - oy) * iy
    near, far = max(near, min(a, b)), min(far, max(a, b))
    a, b = (box[2] - oz) * iz, (box[5] - oz) * iz
    near, far = max(near, min(a, b)), min(far, max(a, b))
    return near if (far >= max(near, 0.0) and near < limit) else NO_HIT


@nb.njit(inline="always", fastmath=True)
def _hit_triangle(shape, ox, oy, oz, dx, dy, dz):
    """Return the distance along the ray to a triangle, or ``NO_HIT``."""
    e1x, e1y, e1z, e2x, e2y, e2z = shape[3], shape[4], shape[5], shape[6], shape[7], shape[8]
    px, py, pz = dy * e2z - dz * e2y, dz * e2x - dx * e2z, dx * e2y - dy * e2x
    det = e1x * px + e1y * py + e1z * pz
    if abs(det) < 1e-12:
        return NO_HIT
    inv = 1.0 / det
    sx, sy, sz = ox - shape[0], oy - shape[1], oz - shape[2]
    u = (sx * px + sy * py + sz * pz) * inv
    if u < 0 or u > 1:
        return NO_HIT
    qx, qy, qz = sy * e1z - sz * e1y, sz * e1x - sx * e1z, sx * e1y - sy * e1x
    v = (dx * qx + dy * qy + dz * qz) * inv
    if v < 0 or u + v > 1:
        return NO_HIT
    return (e2x * qx + e2y * qy + e2z * qz) * inv


@nb.njit(fastmath=True, cache=True)
def trace(tri, ox, oy, oz, dx, dy, dz, limit, any_hit):
    """Return (distance, triangle) of the first hit along a unit ray before ``limit``; triangle is -1 for none."""
    ix = 1.0 / (dx if abs(dx) > 1e-9 else 1e-9)
    iy = 1.0 / (dy if abs(dy) > 1e-9 else 1e-9)
    iz = 1.0 / (dz if abs(dz) > 1e-9 else 1e-9)
    stack, entry, bounds, child, shape = tri.stack, tri.entry, tri.bounds, tri.child, tri.shape
    stack[0], entry[0] = 0, -1.0
    depth, best, hit = 1, limit, -1
    while depth > 0:
        depth -= 1
        if entry[depth] >= best:
            continue
        link = child[stack[depth]]
        if link < 0:
            first = -1 - link
            for t in range(first, first + tri.leaf_size[stack[depth]]):
                distance = _hit_triangle(shape[t], ox, oy, oz, dx, dy, dz)
                if 1e-4 < distance < best:
                    best, hit = distance, t
                    if any_hit:
                        return best, hit
        else:
            a = _enter_box(bounds[link], ox, oy, oz, ix, iy, iz, best)
            b = _enter_box(bounds[link + 1], ox, oy, oz, ix, iy, iz, best)
            near, far, second = (link, link + 1, b) if a < b else (link + 1, link, a)
            if second < NO_HIT:
                stack[depth], entry[depth] = far, second
                depth += 1
            if min(a, b) < NO_HIT:
                stack[depth], entry[depth] = near, min(a, b)
                depth += 1
    return best, hit
