"""``camera.json``: the intrinsics of a photo in the forms of OpenCV, COLMAP and nerfstudio.

The first counts from the centre of the first pixel, as everything here; the others from its corner.
"""

from pathlib import Path

from mfh.geometry.camera import camera_matrix
from mfh.io.atomic import atomic_path
from mfh.io.intrinsics import CORNER_ORIGIN_PX
from mfh.io.json_text import json_text
from mfh.io.schema import KEY, DepthAbout


def camera_document(about: DepthAbout) -> dict[str, object]:
    """Return the camera in all forms as a JSON object; ``mfh predict --intrinsics`` reads it.

    Args:
        about: what depth says about itself, with its camera.
    """
    camera = about.camera
    corner = {"cx": camera.cx + CORNER_ORIGIN_PX, "cy": camera.cy + CORNER_ORIGIN_PX}
    numbers = (camera.fx, camera.fy, corner["cx"], corner["cy"])
    line = f"1 PINHOLE {camera.width} {camera.height} {' '.join(map(repr, numbers))}"
    return {
        "width": camera.width,
        "height": camera.height,
        "fx": camera.fx,
        "fy": camera.fy,
        "cx": camera.cx,
        "cy": camera.cy,
        "K": camera_matrix(camera).tolist(),
        "pixel_centres": about.pixel_centres,
        "axes": about.axes,
        "colmap": {"model": "PINHOLE", "params": list(numbers), "cameras_txt": line},
        "nerfstudio": {
            "camera_model": "PINHOLE",
            "fl_x": camera.fx,
            "fl_y": camera.fy,
            **corner,
            "w": camera.width,
            "h": camera.height,
        },
        KEY: about.stored(holds="camera").document(),
    }


def write_camera(path: str | Path, about: DepthAbout) -> None:
    """Write the camera in all forms.

    Raises:
        InputError: when the file cannot be written.
    """
    with atomic_path(path) as temporary:
        temporary.write_text(json_text(camera_document(about)) + "\n", encoding="utf-8")
