"""The strip: the photo, people painted into it, the bodies measured there, and the depth they lead to."""

import numpy as np
from jaxtyping import Bool, Float, UInt8
from numpy import ndarray
from PIL import Image, ImageDraw

from mfh.errors import InputError
from mfh.geometry.camera import resize_camera, unproject
from mfh.geometry.rasterize import rasterize_depth
from mfh.types import Camera, HumanMesh, Landmark, MeasuredPainting, MetricDepth
from mfh.viz.drawing import (
    INK,
    PAPER,
    colour_depth,
    draw_bar,
    draw_label,
    fit,
    font_of,
    place_label,
    result_limits_m,
    shrink,
    small_photo,
)

_USED_TINT = (70, 150, 255)
_REJECTED_TINT = (190, 190, 190)
_OPACITY = 0.85
_FLAT_OPACITY = 0.7


def painting_strip(result: MetricDepth, *, count: int = 4, height_px: int = 420) -> UInt8[ndarray, "h w 3"]:
    """Draw the photo, some paintings with their bodies beneath them, and the depth, side by side.

    Args:
        result: a result that kept its paintings.
        count: how many paintings; those that gave evidence come first.
        height_px: height of the photo and the depth.

    Returns:
        (h, w, 3) uint8 RGB, ready to be written.

    Raises:
        InputError: for a result without kept paintings.
    """
    if not result.kept_paintings:
        raise InputError("the result has no paintings to draw: expected one made with keep_paintings=True")
    chosen = sorted(result.kept_paintings, key=lambda painting: (not painting.used, painting.number))[:count]
    rows, columns = result.shape
    panel = (max(1, round(columns * height_px / rows)), height_px)
    gap = font_px = max(13, height_px // 26)
    cell_height = (height_px - gap) // 2
    cell = (max(1, round(columns * cell_height / rows)), cell_height)
    valid_mask = ~np.isnan(result.map_m)
    limits_m = result_limits_m(result)
    bar_px = (max(12, height_px // 26), height_px)
    depth_left = gap + panel[0] + gap + len(chosen) * (cell[0] + gap)
    canvas = Image.new(
        "RGB", (depth_left + panel[0] + gap + bar_px[0] + 5 * font_px, height_px + 2 * font_px + gap), PAPER
    )
    top = 2 * font_px
    canvas.paste(Image.fromarray(small_photo(result.photo, panel)), (gap, top))
    for number, painting in enumerate(chosen):
        left = gap + panel[0] + gap + number * (cell[0] + gap)
        canvas.paste(Image.fromarray(shrink(painting.rgb, cell)), (left, top))
        camera = resize_camera(result.photo.camera, width=cell[0], height=cell[1])
        bodies = draw_bodies(painting, camera, photo_height=rows)
        canvas.paste(bodies, (left, top + height_px - cell_height))
    depth = Image.fromarray(colour_depth(result.map_m, valid_mask, limits_m))
    canvas.paste(depth.resize(panel, Image.Resampling.BOX), (depth_left, top))
    draw_bar(canvas, (depth_left + panel[0] + gap, top), bar_px, limits_m, font_px=font_px)
    _draw_titles(canvas, [(gap, "photo"), (2 * gap + panel[0], "painted, and measured"), (depth_left, "metres")])
    return np.asarray(canvas)


def draw_bodies(painting: MeasuredPainting, camera: Camera, *, photo_height: int) -> Image.Image:
    """Draw the bodies of a painting over it, shaded, nearer ones in front; those not used in grey.

    A sprite of known size has no body: what was painted is tinted flat. The picture has the camera's size; people's
    boxes are in pixels of the photo, which has ``photo_height`` rows.
    """
    rgb = shrink(painting.rgb, (camera.width, camera.height))
    measured = [
        (landmark, mesh)
        for landmark, mesh in zip(painting.landmarks, painting.meshes, strict=True)
        if mesh is not None and np.isfinite(mesh.vertices_m).all()
    ]
    for landmark, mesh in sorted(measured, key=lambda each: -float(np.median(each[1].vertices_m[:, 2]))):
        rgb = _over(rgb, landmark, mesh, camera)
    if not any(mesh is not None for mesh in painting.meshes) and any(
        one.verdict == "used" for one in painting.landmarks
    ):
        rgb = _tint(rgb, painting.paint_mask)
    picture = Image.fromarray(rgb)
    font_px = max(10, camera.height // 14)
    labels = []
    for landmark in painting.landmarks:
        if landmark.verdict == "used" and landmark.distance_m is not None:
            left, top, right, _ = (side * camera.height / photo_height for side in landmark.box_xyxy)
            anchor = ((left + right) / 2, top)
            labels.append(place_label(f"{landmark.distance_m:.1f} m", anchor, picture.size, labels, font_px=font_px))
    draw = ImageDraw.Draw(picture, "RGBA")
    for label in labels:
        draw_label(draw, label, font_px=font_px)
    return picture


def _tint(rgb: UInt8[ndarray, "h w 3"], mask: Bool[ndarray, "a b"]) -> UInt8[ndarray, "h w 3"]:
    """Return the picture with a flat tint where the full-size mask is."""
    height, width = rgb.shape[:2]
    share = np.asarray(Image.fromarray(mask.astype(np.uint8) * 255).resize((width, height), Image.Resampling.BOX))
    weight = _FLAT_OPACITY * share[..., None] / 255
    return np.rint(weight * np.array(_USED_TINT, float) + (1 - weight) * rgb).astype(np.uint8)


def _over(rgb: UInt8[ndarray, "h w 3"], landmark: Landmark, mesh: HumanMesh, camera: Camera) -> UInt8[ndarray, "h w 3"]:
    """Return the picture with one shaded body over it."""
    depth_m = rasterize_depth(mesh.vertices_m, mesh.faces, camera)
    silhouette = np.isfinite(depth_m)
    if not silhouette.any():
        return rgb
    tint = np.array(_USED_TINT if landmark.verdict == "used" else _REJECTED_TINT, float)
    body = shade(depth_m, camera)[..., None] * tint
    mixed = np.where(silhouette[..., None], _OPACITY * body + (1 - _OPACITY) * rgb, rgb)
    return np.rint(np.clip(mixed, 0, 255)).astype(np.uint8)


def shade(depth_m: Float[ndarray, "h w"], camera: Camera) -> Float[ndarray, "h w"]:
    """Return 0.35 to 1: how much each pixel's surface faces a light beside the camera (Lambert); +inf is no surface."""
    height, width = depth_m.shape
    columns, rows = np.meshgrid(np.arange(width), np.arange(height))
    filled = np.where(np.isfinite(depth_m), depth_m, np.max(depth_m, where=np.isfinite(depth_m), initial=0.0))
    points = unproject(camera, np.stack([columns, rows], -1), filled)
    normal = np.cross(np.gradient(points, axis=0), np.gradient(points, axis=1))
    normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-12)
    light = np.array([-0.4, -0.5, -0.77])
    return 0.35 + 0.65 * np.clip(np.abs(normal @ light), 0, 1)


def _draw_titles(canvas: Image.Image, titles: list[tuple[int, str]]) -> None:
    font_px = max(13, canvas.height // 30)
    draw, font = ImageDraw.Draw(canvas), font_of(font_px)
    for left, title in titles:
        draw.text((left, font_px), fit(title, font, canvas.width - left), font=font, fill=INK, anchor="lm")
