"""Fig. 6: the photo as a metric point cloud, and in it the bodies that its scale comes from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mfh.errors import InputError
from mfh.geometry.camera import subsample_camera
from mfh.io.ply import write_mesh, write_point_cloud
from mfh.io.written import own_path
from mfh.types import HumanMesh, MetricDepth, used_landmarks
from mfh_lab.paper.figures.point_view import Body, Cloud, cloud_of, cropped, draw, orbit, untorn
from mfh_lab.paper.figures.saving import new_figure, save_caption, save_figure

_COLORS = ((70, 150, 255), (255, 140, 60), (90, 200, 120), (200, 110, 230), (240, 200, 60), (60, 200, 210))
_POINTS_ACROSS = 700
_SIZE = (1100, 900)
_PANEL_IN = 3.6
_OVER_HEADS_M = 0.15


@dataclass(frozen=True)
class Figure6:
    """What was drawn.

    Attributes:
        points: in the cloud.
        bodies: bodies in it.
        files: png, pdf, points.ply, md, people.ply.
    """

    points: int
    bodies: int
    files: tuple[Path, ...]


def bodies_of(result: MetricDepth) -> list[HumanMesh]:
    """Return the bodies that were used and kept with their paintings.

    Args:
        result: made with keep_paintings=True; figures of known size have no body.
    """
    return [
        mesh
        for painting in result.kept_paintings
        for landmark, mesh in zip(painting.landmarks, painting.meshes, strict=True)
        if mesh is not None and landmark.verdict == "used" and np.isfinite(mesh.vertices_m).all()
    ]


def make_fig6(result: MetricDepth, meshes: Sequence[HumanMesh], out: Path) -> Figure6:
    """Draw the cloud from the side and from above, with the bodies in it, and write both as PLY.

    The cloud is what the photo's metric depth makes of it; the bodies stand where they were measured, by their own
    metres. Where the method is right, they touch.

    Args:
        result: the depth of one photo.
        meshes: bodies in the photo's camera frame; may be none.
        out: folder for fig6.png, fig6.pdf, points.ply and, where there are bodies, people.ply.

    Returns:
        What was drawn.

    Raises:
        InputError: for a depth without a valid pixel, or a file that cannot be written.
        BackendError: where matplotlib is not installed.
    """
    if not result.valid_mask.any():
        raise InputError(f"{result.photo.name} has no pixel with a depth: there is no cloud to draw")
    rgb, depth_m, camera = result.photo.rgb, result.depth_m, result.photo.camera
    step = max(1, -(-depth_m.shape[1] // _POINTS_ACROSS))
    small = subsample_camera(camera, step=step)
    rgb, depth_m, valid = rgb[::step, ::step], depth_m[::step, ::step], result.valid_mask[::step, ::step]
    smooth = untorn(depth_m, valid)
    shown = cloud_of(rgb, depth_m, small, mask=_not_too_far(depth_m, smooth if smooth.any() else valid))
    bodies = [Body(mesh, _COLORS[number % len(_COLORS)]) for number, mesh in enumerate(meshes)]

    pictures = _pictures(shown, bodies, result)
    widths = [picture.shape[1] / picture.shape[0] for _, picture in pictures]
    figure = new_figure(_PANEL_IN * sum(widths) + 0.3, _PANEL_IN + 0.3)
    panels = figure.subplots(1, 3, squeeze=False, width_ratios=widths)[0]
    for axes, (title, picture) in zip(panels, pictures, strict=True):
        axes.imshow(picture)
        axes.set_title(title, fontsize=9)
        axes.set_axis_off()
    drawn = save_figure(figure, out / "fig6")
    cloud = cloud_of(result.photo.rgb, result.depth_m, camera, mask=result.valid_mask)
    with own_path(out / "points.ply") as temporary:
        write_point_cloud(temporary, cloud.points_m, cloud.colors)
    files = [*drawn, out / "points.ply", save_caption(out / "fig6.md", _describe(result, len(bodies)))]
    if bodies:
        files.append(_write_people(bodies, out / "people.ply"))
    return Figure6(len(cloud.points_m), len(bodies), tuple(files))


def _describe(result: MetricDepth, bodies: int) -> str:
    """Return what the figure shows."""
    near, middle, far = result.depth_range_m
    return (
        "# Figure 6: metric point cloud and bodies\n\n"
        f"{result.photo.name}: the photo, its pixels as a point cloud from the side, and from above. The cloud is the "
        f"metric depth ({near:.3g}, {middle:.3g} and {far:.3g} m: 1st percentile, median, 99th); the {bodies} bodies "
        f"stand where they were measured, by their own size. Scale from {used_landmarks(result.landmarks)}.\n"
        + "".join(f"- {note}\n" for note in result.warnings)
    )


def _pictures(cloud: Cloud, bodies: Sequence[Body], result: MetricDepth) -> list[tuple[str, np.ndarray]]:
    people = f"{len(bodies)} {'body' if len(bodies) == 1 else 'bodies'}"
    side = cropped(draw(cloud, bodies, orbit(cloud, yaw_deg=28.0, pitch_deg=22.0, size=_SIZE)))
    low = _below_heads(cloud, bodies)
    above = cropped(draw(low, bodies, orbit(low, yaw_deg=0.0, pitch_deg=70.0, size=_SIZE)))
    photo = np.rint(np.clip(result.photo.rgb, 0, 1) * 255).astype(np.uint8)
    return [
        ("photo", photo),
        (f"metric point cloud with {people}", side),
        ("from above" + (", without what is over heads" if bodies else ""), above),
    ]


def _below_heads(cloud: Cloud, bodies: Sequence[Body]) -> Cloud:
    """Leave out what is higher than all heads: a ceiling would hide the room."""
    if not bodies:
        return cloud
    highest = min(float(body.mesh.vertices_m[:, 1].min()) for body in bodies) - _OVER_HEADS_M
    low = cloud.points_m[:, 1] > highest
    return Cloud(cloud.points_m[low], cloud.colors[low], cloud.footprint_m[low]) if low.any() else cloud


def _not_too_far(depth_m: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Leave out the sky and the like, which would make everything else a dot: far beyond most of the picture."""
    return mask & (depth_m <= 4 * np.median(depth_m[mask]))


def _write_people(bodies: Sequence[Body], path: Path) -> Path:
    first = np.cumsum([0, *(len(body.mesh.vertices_m) for body in bodies)])
    vertices = np.concatenate([body.mesh.vertices_m for body in bodies])
    faces = np.concatenate([body.mesh.faces + start for body, start in zip(bodies, first, strict=False)])
    colors = np.concatenate(
        [np.tile(np.array(body.color, np.uint8), (len(body.mesh.vertices_m), 1)) for body in bodies]
    )
    with own_path(path) as temporary:
        write_mesh(temporary, vertices, faces, colors)
    return path
