"""Meshes to z-depth maps: a float64 z-buffer in numpy.

Conventions: a pixel is its centre, at integer coordinates. A pixel whose centre lies exactly on an edge belongs to
both triangles of that edge, and the edge functions of two neighbours are exact negatives of each other, so closed
surfaces have no cracks. Both sides of a surface count; the nearest wins.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from mfh.errors import InputError
from mfh.types import Camera

CANDIDATES_AT_ONCE = 1 << 15
"""Candidate pixels handled together: few enough that their arrays stay in a core's cache."""


@dataclass(frozen=True)
class _Triangles:
    """Triangles in the image, each with the box of pixels it may cover.

    Indices only: a body's coordinates stay per vertex until a block is drawn. Fewer megabytes at once are not only less
    memory, they are less time: fresh pages cost more than the arithmetic done on them.

    Attributes:
        x: (v,) column of each vertex, pixels.
        y: (v,) row of each vertex, pixels.
        inverse_z: (v,) 1/z of each vertex, 1/m.
        corners: (3, f) vertex indices, counter-clockwise in (column, row).
        left: (f,) first column of the box.
        top: (f,) first row of the box.
        columns: (f,) columns of the box.
        rows: (f,) rows of the box.
    """

    x: Float[ndarray, "v"]
    y: Float[ndarray, "v"]
    inverse_z: Float[ndarray, "v"]
    corners: Int[ndarray, "3 f"]
    left: Int[ndarray, "f"]
    top: Int[ndarray, "f"]
    columns: Int[ndarray, "f"]
    rows: Int[ndarray, "f"]

    def take(self, chosen: Int[ndarray, "g"]) -> "_Triangles":
        """Return the chosen triangles."""
        return replace(
            self,
            corners=self.corners.take(chosen, 1),
            left=self.left.take(chosen),
            top=self.top.take(chosen),
            columns=self.columns.take(chosen),
            rows=self.rows.take(chosen),
        )


def rasterize_depth(
    vertices_m: Float[ndarray, "v 3"], faces: Int[ndarray, "f 3"], camera: Camera, *, near_m: float = 0.05
) -> Float[ndarray, "h w"]:
    """Return the z-depth of the nearest surface at every pixel centre.

    1/z is linear in the image, so it is what gets interpolated (perspective-correct). Triangles that cross the near
    plane are clipped at it; what is nearer or behind the camera is not drawn.

    Args:
        vertices_m: (v, 3) metres in the camera frame.
        faces: (f, 3) vertex indices, in either orientation.
        camera: intrinsics of the image to draw.
        near_m: nearest z that is drawn, metres.

    Returns:
        (h, w) float64 z in metres; +inf where there is no surface.

    Raises:
        InputError: for vertices that are not finite, faces that name no vertex, or a near plane not in front of the
            camera.
    """
    if not near_m > 0:
        raise InputError(f"near_m is {near_m}: expected a positive number of metres")
    if not np.isfinite(vertices_m).all():
        raise InputError("vertices_m has values that are not finite: expected metres")
    if faces.size and not 0 <= faces.min() <= faces.max() < len(vertices_m):
        raise InputError(
            f"faces name vertices {faces.min()}..{faces.max()}: expected indices within 0..{len(vertices_m) - 1}"
        )
    depth_m = np.full((camera.height, camera.width), np.inf)
    vertices, faces = _clip_at_near_plane(vertices_m.astype(np.float64, copy=False), faces, near_m)
    triangles = _triangles_in_image(vertices, faces, camera)
    if triangles.left.size == 0:
        return depth_m
    # The z-buffer covers only the part of the image the mesh can reach, and keeps 1/z: nearest is largest.
    left, top = int(triangles.left.min()), int(triangles.top.min())
    right, bottom = (triangles.left + triangles.columns).max(), (triangles.top + triangles.rows).max()
    inverse_z = np.zeros((bottom - top, right - left))
    _draw(_split_large(triangles), inverse_z, left=left, top=top)
    with np.errstate(divide="ignore"):
        depth_m[top:bottom, left:right] = 1 / inverse_z
    return depth_m


def _clip_at_near_plane(
    vertices_m: Float[ndarray, "v 3"], faces: Int[ndarray, "f 3"], near_m: float
) -> tuple[Float[ndarray, "u 3"], Int[ndarray, "g 3"]]:
    """Return vertices and faces of the part of the mesh with z >= near; what is behind is left out of the faces."""
    is_front = vertices_m[:, 2] >= near_m
    if is_front.all():
        return vertices_m, faces
    front_corners = is_front[faces]
    count = front_corners.sum(1)
    vertex_parts, face_parts = [vertices_m], [faces[count == 3]]
    for keep in (1, 2):
        chosen = count == keep
        # Turn each triangle so that its lone corner (the one in front, or the one behind) comes first.
        lone = np.argmax(front_corners[chosen] == (keep == 1), 1)
        a, b, c = np.take_along_axis(faces[chosen], (lone[:, None] + np.arange(3)) % 3, 1).T
        cut_ab = sum(map(len, vertex_parts)) + np.arange(len(a))
        cut_ac = cut_ab + len(a)
        if keep == 1:
            vertex_parts += [_cut(vertices_m[a], vertices_m[b], near_m), _cut(vertices_m[a], vertices_m[c], near_m)]
            face_parts.append(np.stack([a, cut_ab, cut_ac], 1))
        else:
            vertex_parts += [_cut(vertices_m[b], vertices_m[a], near_m), _cut(vertices_m[c], vertices_m[a], near_m)]
            face_parts += [np.stack([cut_ab, b, c], 1), np.stack([cut_ab, c, cut_ac], 1)]
    return np.concatenate(vertex_parts), np.concatenate(face_parts)


def _cut(front: Float[ndarray, "f 3"], behind: Float[ndarray, "f 3"], near_m: float) -> Float[ndarray, "f 3"]:
    """Return where the edge from ``front`` to ``behind`` meets the near plane.

    Always from front to behind, so that both triangles of an edge get the very same point.
    """
    fraction = (near_m - front[:, 2]) / (behind[:, 2] - front[:, 2])
    points = front + fraction[:, None] * (behind - front)
    points[:, 2] = near_m
    return points


def _triangles_in_image(vertices_m: Float[ndarray, "v 3"], faces: Int[ndarray, "f 3"], camera: Camera) -> _Triangles:
    """Project the mesh and keep the triangles whose pixel box holds at least one pixel centre."""
    z = vertices_m[:, 2]
    # Vertices behind the camera belong to no face any more: any finite value will do for them.
    inverse_z = 1 / np.where(z > 0, z, 1.0)
    x = camera.fx * vertices_m[:, 0] * inverse_z + camera.cx
    y = camera.fy * vertices_m[:, 1] * inverse_z + camera.cy
    corners = np.ascontiguousarray(faces.T, np.intp)
    left, columns = _pixel_span(x, corners, camera.width)
    top, rows = _pixel_span(y, corners, camera.height)
    kept = np.flatnonzero((columns > 0) & (rows > 0))
    a, b, c = corners.take(kept, 1)
    xc, yc = x.take(c), y.take(c)
    area = (x.take(a) - xc) * (y.take(b) - yc) - (y.take(a) - yc) * (x.take(b) - xc)
    # Counter-clockwise from here on; flat triangles cover nothing.
    corners = np.stack([a, np.where(area < 0, c, b), np.where(area < 0, b, c)])
    triangles = _Triangles(
        x, y, inverse_z, corners, left.take(kept), top.take(kept), columns.take(kept), rows.take(kept)
    )
    return triangles if area.all() else triangles.take(np.flatnonzero(area))


def _pixel_span(
    coordinate: Float[ndarray, "v"], corners: Int[ndarray, "3 f"], size: int
) -> tuple[Int[ndarray, "f"], Int[ndarray, "f"]]:
    """Return the first pixel within each triangle's extent along one axis, and how many there are (0 or less: none)."""
    within = np.clip(coordinate, -1, size)
    after, before = np.ceil(within).astype(np.int32), np.floor(within).astype(np.int32)
    a, b, c = corners
    first = np.minimum(np.minimum(after.take(a), after.take(b)), after.take(c))
    last = np.maximum(np.maximum(before.take(a), before.take(b)), before.take(c))
    first = np.maximum(first, 0)
    return first, np.minimum(last, size - 1) - first + 1


def _split_large(triangles: _Triangles) -> _Triangles:
    """Cut boxes of more than CANDIDATES_AT_ONCE pixels into bands of rows, so that memory stays small."""
    band_rows = np.minimum(np.maximum(CANDIDATES_AT_ONCE // triangles.columns, 1), triangles.rows)
    bands = -(-triangles.rows // band_rows)
    if (bands == 1).all():
        return triangles
    owner = np.repeat(np.arange(len(bands)), bands)
    skipped = (np.arange(len(owner)) - np.repeat(np.cumsum(bands) - bands, bands)) * band_rows[owner]
    split = triangles.take(owner)
    return replace(split, top=split.top + skipped, rows=np.minimum(split.rows - skipped, band_rows[owner]))


def _draw(triangles: _Triangles, inverse_z: Float[ndarray, "h w"], *, left: int, top: int) -> None:
    """Draw into a z-buffer of 1/z whose first pixel is (left, top) of the image; larger is nearer.

    Triangles with boxes of about the same shape are drawn together, as dense blocks of candidate pixels.
    """
    tall, wide = _rounded_up(triangles.rows), _rounded_up(triangles.columns)
    shape = tall * (int(wide.max()) + 1) + wide
    # Bodies have small triangles only: 16 bits then hold the shape, and numpy sorts those several times faster.
    shape = shape.astype(np.uint16) if shape.max() < 1 << 16 else shape
    by_shape = np.argsort(shape, kind="stable")
    shape = shape[by_shape]
    ends = np.append(np.flatnonzero(np.diff(shape)) + 1, len(shape))
    for begin, end in zip([0, *ends[:-1].tolist()], ends.tolist(), strict=True):
        one = by_shape[begin]
        box = int(tall[one]), int(wide[one])
        at_once = max(1, CANDIDATES_AT_ONCE // (box[0] * box[1]))
        for first in range(begin, end, at_once):
            block = triangles.take(by_shape[first : min(first + at_once, end)])
            _draw_block(block, box, inverse_z, left=left, top=top)


def _rounded_up(sizes: Int[ndarray, "f"]) -> Int[ndarray, "f"]:
    """Return sizes rounded up to two binary digits: a body then has dozens of different boxes, not hundreds.

    Each block of triangles takes about as long as a thousand candidate pixels.
    """
    step = 1 << np.maximum(np.frexp(sizes)[1].astype(np.int64) - 2, 0)
    return -(-sizes // step) * step


def _draw_block(
    block: _Triangles, box: tuple[int, int], inverse_z: Float[ndarray, "h w"], *, left: int, top: int
) -> None:
    """Draw triangles whose boxes all fit into one of so many rows and columns."""
    # Triangles come last: numpy's inner loop then runs over hundreds of them, not over two or three pixels of a row.
    x = block.left + np.arange(box[1])[:, None]
    y = block.top + np.arange(box[0])[:, None]
    e0, e1, e2 = _edge_functions(block, x, y)
    # Beyond its own box a triangle has no pixel, but rounding may say so.
    is_inside = np.minimum(np.minimum(e0, e1), e2) >= 0
    is_inside &= (x < block.left + block.columns) & (y < block.top + block.rows)[:, None]
    inside = np.flatnonzero(is_inside)
    e0, e1, e2 = e0.take(inside), e1.take(inside), e2.take(inside)
    z0, z1, z2 = block.inverse_z.take(block.corners).take(inside % len(block.left), 1)
    total = e0 + e1 + e2
    # All three are zero only in a triangle flattened to nothing by rounding: leave 0, which is no surface.
    values = np.divide(e0 * z0 + e1 * z1 + e2 * z2, total, out=np.zeros_like(total), where=total > 0)
    pixels = ((y - top) * inverse_z.shape[1])[:, None, :] + (x - left)[None, :, :]
    np.maximum.at(inverse_z.reshape(-1), pixels.take(inside), values)


def _edge_functions(block: _Triangles, x: Int[ndarray, "c f"], y: Int[ndarray, "r f"]) -> list[Float[ndarray, "r c f"]]:
    """Return, for the edge opposite to each corner, twice the signed area it spans with every pixel of the boxes.

    Swapping the ends of an edge negates every term exactly, so two neighbours agree about the edge they share.
    """
    corner_x, corner_y = block.x.take(block.corners), block.y.take(block.corners)
    functions = []
    for p, q in ((1, 2), (2, 0), (0, 1)):
        xp, yp, xq, yq = corner_x[p], corner_y[p], corner_x[q], corner_y[q]
        by_row = (xq - xp) * y + (xp * yq - yp * xq)
        functions.append(((yp - yq) * x)[None, :, :] + by_row[:, None, :])
    return functions
