"""The formats of results: one table of names, files and writers, for ``predict``, ``convert`` and ``save`` alike."""

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mfh.errors import InputError
from mfh.io.camera_file import write_camera
from mfh.io.cloud import MOST_POINTS, MOST_VERTICES, Cloud, cloud_of, mesh_of
from mfh.io.depth import (
    LAST_STEP,
    PNG_MAX_M,
    STEPS_256,
    write_depth_npy,
    write_depth_npz,
    write_depth_png,
)
from mfh.io.depth_rows import DepthRows
from mfh.io.exr import check_installed, write_exr
from mfh.io.glb import texture_of, write_glb_cloud, write_glb_mesh
from mfh.io.normals import write_normals_npy, write_normals_png
from mfh.io.ply import comments_of, write_mesh, write_point_cloud
from mfh.io.schema import KEY
from mfh.types.rows import strips

Write = Callable[[Path, DepthRows, int | None], str]
"""Writes a file, of so many points at most, and returns a sentence that the user should read, or none."""


@dataclass(frozen=True)
class Format:
    """One format.

    Attributes:
        file: its name in the folder of results.
        kind: what it is on the receipt.
        write: the writer.
        colours: whether it has the photo's colours in it.
        extra: of the package that it needs; empty for none.
    """

    file: str
    kind: str
    write: Write
    colours: bool = False
    extra: str = ""


@dataclass(frozen=True)
class Formats:
    """What is to be written.

    Attributes:
        names: of formats, each once.
        max_points: of clouds, and vertices of meshes; None for what keeps a GLB below 20 MB.
    """

    names: tuple[str, ...] = ("npz", "png")
    max_points: int | None = None

    @property
    def colours(self) -> bool:
        """Whether the photo is needed."""
        return any(FORMATS[name].colours for name in self.names)


def formats_named(names: Sequence[str], *, max_points: int | None = None) -> Formats:
    """Return what is to be written, checked before any work is done for it.

    Args:
        names: of formats, alone or several separated by commas; none for the usual ones.
        max_points: of clouds, and vertices of meshes.

    Raises:
        InputError: for an unknown name, a format whose package is not installed, or less than one point.
    """
    found = tuple(dict.fromkeys(one.strip() for text in names for one in text.split(","))) or Formats().names
    for name in found:
        if name not in FORMATS:
            raise InputError(f"format {name[:40]!r} is unknown: expected {', '.join(FORMATS)}")
        if FORMATS[name].extra == "exr":
            check_installed("format exr is OpenEXR")
    if max_points is not None and max_points < 1:
        raise InputError(f"--max-points is {max_points}: expected at least 1")
    return Formats(found, max_points)


def write_formats(
    folder: Path,
    rows: DepthRows,
    formats: Formats,
    *,
    written_to: Callable[[Path], AbstractContextManager[Path]] = nullcontext,
) -> tuple[dict[str, str], list[str]]:
    """Write depth in some formats into a folder.

    Args:
        folder: where.
        rows: the depth.
        formats: which.
        written_to: yields the path that is written in place of a file's own.

    Returns:
        Kind -> file name, for the receipt; sentences that the user should read.

    Raises:
        InputError: when a file cannot be written.
    """
    files, sentences = {}, []
    for name in formats.names:
        one = FORMATS[name]
        with written_to(folder / one.file) as path:
            sentence = one.write(path, rows, formats.max_points)
        files[one.kind] = one.file
        sentences += [f"{one.file} {sentence}"] if sentence else []
    return files, sentences


def _npz(path: Path, rows: DepthRows, _: int | None) -> str:
    write_depth_npz(path, rows)
    return ""


def _npy(path: Path, rows: DepthRows, _: int | None) -> str:
    write_depth_npy(path, rows)
    return ""


def _png(path: Path, rows: DepthRows, _: int | None) -> str:
    return _saturated(write_depth_png(path, rows), rows, PNG_MAX_M)


def _png256(path: Path, rows: DepthRows, _: int | None) -> str:
    return _saturated(write_depth_png(path, rows, steps_per_m=STEPS_256), rows, LAST_STEP / STEPS_256)


def _saturated(count: int, rows: DepthRows, most_m: float) -> str:
    if not count:
        return ""
    share = count / math.prod(rows.shape)
    return f"ends at {most_m:.6g} m: {share:.1%} of the pixels are farther; format npz has all"


def _exr(path: Path, rows: DepthRows, _: int | None) -> str:
    parts = list(strips(rows.shape))
    channels = {"Z": np.concatenate([rows.depth_rows(part) for part in parts])}
    if rows.log_sigma_rows is not None:
        channels["log_sigma"] = np.concatenate([rows.log_sigma_rows(part).astype(np.float32) for part in parts])
    about = rows.about.stored(log_sigma=True)
    note = "Z: metres along the optical axis (not the ray), NaN for none; log_sigma: standard deviation of log Z"
    write_exr(path, channels, attributes={KEY: about.text(), "comments": note})
    return ""


def _ply(path: Path, rows: DepthRows, max_points: int | None) -> str:
    cloud = cloud_of(rows, most=max_points or MOST_POINTS)
    write_point_cloud(path, cloud.points_m, cloud.colors, comments=_comments(rows, cloud))
    return _thinned(cloud)


def _mesh_ply(path: Path, rows: DepthRows, max_points: int | None) -> str:
    mesh = mesh_of(rows, most=max_points or MOST_VERTICES)
    faces = np.empty((0, 3), np.int32) if mesh.faces is None else mesh.faces
    write_mesh(path, mesh.points_m, faces, mesh.colors, comments=_comments(rows, mesh))
    return _thinned(mesh)


def _comments(rows: DepthRows, cloud: Cloud) -> list[str]:
    about = rows.about.stored(holds="points" if cloud.faces is None else "mesh", no_depth="left out")
    return comments_of({**about.document(), **cloud.facts}, key=KEY)


def _glb(path: Path, rows: DepthRows, max_points: int | None) -> str:
    cloud = cloud_of(rows, most=max_points or MOST_POINTS)
    write_glb_cloud(path, cloud, rows.about)
    return _thinned(cloud)


def _mesh_glb(path: Path, rows: DepthRows, max_points: int | None) -> str:
    mesh = mesh_of(rows, most=max_points or MOST_VERTICES)
    assert rows.rgb_rows is not None
    texture = texture_of(np.concatenate([rows.rgb_rows(part) for part in strips(rows.shape)]))
    write_glb_mesh(path, mesh, rows.about, texture)
    return _thinned(mesh)


def _thinned(cloud: Cloud) -> str:
    return f"has {cloud.share}" if cloud.share else ""


def _normals(path: Path, rows: DepthRows, _: int | None) -> str:
    write_normals_png(path, rows)
    return ""


def _normals_npy(path: Path, rows: DepthRows, _: int | None) -> str:
    write_normals_npy(path, rows)
    return ""


def _camera(path: Path, rows: DepthRows, _: int | None) -> str:
    write_camera(path, rows.about)
    return ""


FORMATS: dict[str, Format] = {
    "npz": Format("depth.npz", "depth", _npz),
    "npy": Format("depth.npy", "depth_npy", _npy),
    "png": Format("depth.png", "depth_millimetres", _png),
    "png256": Format("depth-256.png", "depth_256", _png256),
    "exr": Format("depth.exr", "depth_exr", _exr, extra="exr"),
    "ply": Format("cloud.ply", "cloud_ply", _ply, colours=True),
    "glb": Format("cloud.glb", "cloud_glb", _glb, colours=True),
    "mesh-ply": Format("mesh.ply", "mesh_ply", _mesh_ply, colours=True),
    "mesh-glb": Format("mesh.glb", "mesh_glb", _mesh_glb, colours=True),
    "normals": Format("normals.png", "normals", _normals),
    "normals-npy": Format("normals.npy", "normals_npy", _normals_npy),
    "camera": Format("camera.json", "camera", _camera),
}
"""Name on the command line -> format."""
