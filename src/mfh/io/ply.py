"""Point clouds and meshes as binary PLY files: metres in the camera frame, x right, y down, z forward."""

from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, UInt8
from numpy import ndarray

from mfh.errors import InputError
from mfh.io.atomic import atomic_path


def write_point_cloud(path: str | Path, points_m: Float[ndarray, "n 3"], colors: UInt8[ndarray, "n 3"]) -> None:
    """Write points with their colours.

    Raises:
        InputError: for points that are not finite, or when the file cannot be written.
    """
    _write(path, points_m, colors, None)


def write_mesh(
    path: str | Path,
    vertices_m: Float[ndarray, "v 3"],
    faces: Int[ndarray, "f 3"],
    colors: UInt8[ndarray, "v 3"],
) -> None:
    """Write triangles with a colour at every vertex.

    Raises:
        InputError: for vertices that are not finite, faces that name no vertex, or when the file cannot be written.
    """
    if faces.size and not (0 <= faces.min() and faces.max() < len(vertices_m)):
        raise InputError(
            f"{path}: faces name vertices {faces.min()} to {faces.max()}: expected 0 to {len(vertices_m) - 1}"
        )
    _write(path, vertices_m, colors, faces)


def _write(
    path: str | Path,
    vertices_m: Float[ndarray, "v 3"],
    colors: UInt8[ndarray, "v 3"],
    faces: Int[ndarray, "f 3"] | None,
) -> None:
    if not np.isfinite(vertices_m).all():
        raise InputError(f"{path}: {int((~np.isfinite(vertices_m)).any(axis=1).sum())} points are not finite")
    header = ["ply", "format binary_little_endian 1.0", "comment metres; camera frame: x right, y down, z forward"]
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
