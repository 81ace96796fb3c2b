"""Point clouds and meshes as binary PLY files: metres in the camera frame, x right, y down, z forward."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, UInt8
from numpy import ndarray

from mfh.errors import InputError
from mfh.io.atomic import atomic_path

_COMMENT = 200
"""Letters of one comment: readers have buffers of 256 bytes and more."""


def comments_of(facts: Mapping[str, object], *, key: str) -> list[str]:
    """Return a JSON object as comments, "key name: value" each; what is long goes on in further ones of the name.

    Args:
        facts: JSON values by name.
        key: first word of each.
    """
    lines = []
    for name, value in facts.items():
        text = json.dumps(value, allow_nan=False)
        pieces = [text[start : start + _COMMENT] for start in range(0, len(text), _COMMENT)]
        lines += [f"{key} {name}: {piece}" for piece in pieces]
    return lines


def write_point_cloud(
    path: str | Path,
    points_m: Float[ndarray, "n 3"],
    colors: UInt8[ndarray, "n 3"],
    *,
    comments: Sequence[str] = (),
) -> None:
    """Write points with their colours, and comments of one line each.

    Raises:
        InputError: for points that are not finite, or when the file cannot be written.
    """
    _write(path, points_m, colors, None, comments)


def write_mesh(
    path: str | Path,
    vertices_m: Float[ndarray, "v 3"],
    faces: Int[ndarray, "f 3"],
    colors: UInt8[ndarray, "v 3"],
    *,
    comments: Sequence[str] = (),
) -> None:
    """Write triangles with a colour at every vertex, and comments of one line each.

    Raises:
        InputError: for vertices that are not finite, faces that name no vertex, or when the file cannot be written.
    """
    if faces.size and not (0 <= faces.min() and faces.max() < len(vertices_m)):
        raise InputError(
            f"{path}: faces name vertices {faces.min()} to {faces.max()}: expected 0 to {len(vertices_m) - 1}"
        )
    _write(path, vertices_m, colors, faces, comments)


def _write(
    path: str | Path,
    vertices_m: Float[ndarray, "v 3"],
    colors: UInt8[ndarray, "v 3"],
    faces: Int[ndarray, "f 3"] | None,
    comments: Sequence[str],
) -> None:
    if not np.isfinite(vertices_m).all():
        raise InputError(f"{path}: {int((~np.isfinite(vertices_m)).any(axis=1).sum())} points are not finite")
    header = ["ply", "format binary_little_endian 1.0", "comment metres; camera frame: x right, y down, z forward"]
    header += [f"comment {line}" for line in comments]
    header += [f"element vertex {len(vertices_m)}"]
    header += [f"property float {axis}" for axis in "xyz"]
    header += [f"property uchar {color}" for color in ("red", "green", "blue")]
    if faces is not None:
        header += [f"element face {len(faces)}", "property list uchar int vertex_indices"]
    vertices = np.empty(len(vertices_m), np.dtype([("xyz", "<f4", 3), ("rgb", "u1", 3)]))
    vertices["xyz"], vertices["rgb"] = vertices_m, colors
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        file.write(("\n".join([*header, "end_header"]) + "\n").encode("ascii"))
        file.write(vertices.tobytes())
        if faces is not None:
            triangles = np.empty(len(faces), np.dtype([("count", "u1"), ("corners", "<i4", 3)]))
            triangles["count"], triangles["corners"] = 3, faces
            file.write(triangles.tobytes())
