"""ETH3D's 454 high-resolution training photos of 13 scenes, as Marigold's list arranges them.

Photos: ``rgb/<scene>/images/dslr_images/X.JPG``, with COLMAP's cameras.txt and images.txt in
``rgb/<scene>/dslr_calibration_jpg``. Truth: ``depth/<scene>_dslr_depth/<scene>/ground_truth_depth/dslr_images/X.JPG``,
which is no JPEG but bare float32 metres, row by row, +inf where there is none.
"""

from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.errors import InputError
from mfh.geometry.camera import resize_camera
from mfh.io.reading import check_file, read_text, reading
from mfh.types import Camera
from mfh_lab.evaluation.datasets.frames import Frame, Index, first_file, first_folder, read_lines
from mfh_lab.evaluation.datasets.reading import as_truth, camera_of, make_sample, read_flags, read_rgb, size_of
from mfh_lab.evaluation.datasets.sample import DatasetSample

LIST = "eth3d_filename_list.txt"
CALIBRATION = "dslr_calibration_jpg"
SCENES = 13

NOT_EVALUATED = 2
"""Bit of an official mask that excludes a pixel from evaluation.

Bit 1 only keeps a pixel from aligning photo and scan; its truth stands, and ETH3D's own pipeline scores it.
"""

SAME_SHAPE = 0.005
"""A photo made smaller keeps its shape to this: rounding to whole pixels moves it less."""

_PHOTOS = "images/dslr_images"

_LENSES = {
    "SIMPLE_PINHOLE": (0, 0, 1, 2),
    "PINHOLE": (0, 1, 2, 3),
    "OPENCV": (0, 1, 2, 3),
    "THIN_PRISM_FISHEYE": (0, 1, 2, 3),
}
"""Which parameters of COLMAP's camera models are fx, fy, cx, cy.

The distortion that follows them is left out, as the authors' code leaves it out: of ETH3D's lens it is 1 % of the
distance to the centre at 1000 pixels, and 3-4 % near the edges of 6048x4032.
"""


def index(root: Path, split: Path | None) -> Index:
    """List the photos.

    Args:
        root: folder that holds rgb/ and depth/.
        split: list of ``photo truth`` a line; None for the one in the root, or for all photos of the scenes, which are
            exactly the split.

    Raises:
        InputError: where there are no photos, or a line is not such a line.
    """
    base = first_folder(root, ("eth3d", "."), holds=f"rgb/*/{_PHOTOS}")
    if base is None:
        raise InputError(f"{root} does not hold ETH3D: expected rgb/<scene>/{_PHOTOS}/*.JPG and depth/")
    listed = split or first_file(root, (LIST,)) or first_file(base, (LIST,))
    if listed is None:
        pairs = [_pair(base, path) for path in sorted(base.glob(f"rgb/*/{_PHOTOS}/*.JPG"))]
    else:
        pairs = [_listed(columns, listed) for columns in read_lines(listed)]
    frames = tuple(_frame(base, Path(rgb), Path(depth)) for rgb, depth in pairs)
    masks = sum("mask" in frame.files for frame in frames)
    note = (
        f"{masks} of {len(frames)} photos have an official mask (masks_for_images of <scene>_dslr_occlusion.7z): "
        "pixels with its bit 2 (not evaluated) do not count; without one, every finite truth counts"
    )
    scenes = len({frame.name.split("/")[0] for frame in frames})
    where = f"all photos in {base / 'rgb'}" if listed is None else str(listed)
    return Index(root, f"Marigold's arrangement in {base}, {scenes} of {SCENES} scenes", where, frames, (note,))


def load(frame: Frame) -> DatasetSample:
    """Read one photo; where its official mask has the bit 2, scanner and photo do not show the same."""
    rgb = read_rgb(frame.files["rgb"])
    height, width = rgb.shape[:2]
    path = frame.files["depth"]
    truth_m = _read_truth(path, width=width, height=height)
    lens = _lens(frame.files["cameras"], frame.files["images"], name=frame.files["rgb"].name)
    if abs(width * lens.height - height * lens.width) > SAME_SHAPE * width * lens.height:
        raise InputError(
            f"{frame.files['rgb']} is {size_of(rgb)}, its camera {lens.width}x{lens.height}: expected one shape"
        )
    camera = resize_camera(lens, width=width, height=height)
    if "mask" not in frame.files:
        return make_sample(frame.name, rgb, camera, (truth_m, path))
    mask = frame.files["mask"]
    evaluated = (read_flags(mask) & NOT_EVALUATED) == 0
    return make_sample(frame.name, rgb, camera, (truth_m, path), official_mask=(evaluated, mask))


def _listed(columns: list[str], listed: Path) -> tuple[str, str]:
    """Return photo and truth of one line."""
    if len(columns) < 2 or len(Path(columns[0]).parts) < 4:
        raise InputError(
            f"{listed} has a line {' '.join(columns)!r}: expected rgb/<scene>/{_PHOTOS}/X.JPG depth/.../X.JPG"
        )
    return columns[0], columns[1]


def _pair(base: Path, rgb: Path) -> tuple[str, str]:
    """Return photo and truth, relative to the base, without a list."""
    scene = rgb.parents[2].name
    truth = f"depth/{scene}_dslr_depth/{scene}/ground_truth_depth/dslr_images/{rgb.name}"
    return rgb.relative_to(base).as_posix(), truth


def _frame(base: Path, rgb: Path, depth: Path) -> Frame:
    scene = (base / rgb).parents[2]
    calibration = scene / CALIBRATION
    files = {
        "rgb": base / rgb,
        "depth": base / depth,
        "cameras": calibration / "cameras.txt",
        "images": calibration / "images.txt",
    }
    mask = f"masks_for_images/dslr_images/{rgb.stem}.png"
    beside_truth = f"depth/{scene.name}_dslr_occlusion/{scene.name}/{mask}"
    # The archive has no mask for a photo with nothing to leave out.
    found = first_file(base, (f"rgb/{scene.name}/{mask}", beside_truth))
    if found is not None:
        files["mask"] = found
    return Frame(f"{scene.name}/{rgb.stem}", files)


def _read_truth(path: Path, *, width: int, height: int) -> Float[ndarray, "h w"]:
    """Read bare little-endian float32 rows of the photo's size."""
    expected = f"bare float32 depth of its photo, {width}x{height}"
    check_file(path, what="depth", expected=expected)
    with reading(path, what="depth", expected=expected):
        size = path.stat().st_size
        if size != 4 * width * height:
            raise InputError(
                f"{path} holds {size // 4} float32 numbers, but its photo is {width}x{height}: expected as many"
            )
        numbers = np.fromfile(path, dtype="<f4")
        return as_truth(numbers.reshape(height, width), path)


def _lens(cameras: Path, images: Path, *, name: str) -> Camera:
    """Return the camera of a photo, at the size the calibration is for."""
    number = _cameras_of_photos(images).get(name)
    if number is None:
        raise InputError(f"{images} has no photo {name}: expected COLMAP's images.txt of this scene")
    lens = _lenses(cameras).get(number)
    if lens is None:
        raise InputError(f"{cameras} has no camera {number}, which {images.name} names for {name}")
    return lens


@lru_cache(maxsize=32)
def _lenses(path: Path) -> dict[str, Camera]:
    """Return COLMAP's cameras by id: ``CAMERA_ID MODEL WIDTH HEIGHT PARAMS[]``.

    COLMAP's origin is the corner of the first pixel; ours is its centre.
    """
    found = {}
    for line in _lines(path):
        columns = line.split()
        try:
            model, width, height = columns[1], int(columns[2]), int(columns[3])
            numbers = [float(one) for one in columns[4:]]
            fx, fy, cx, cy = (numbers[at] for at in _LENSES[model])
        except (IndexError, ValueError, KeyError) as error:
            raise InputError(f"{path} has a line {line!r}: expected a camera of {', '.join(_LENSES)}") from error
        found[columns[0]] = camera_of(path, fx=fx, fy=fy, cx=cx - 0.5, cy=cy - 0.5, width=width, height=height)
    return found


@lru_cache(maxsize=32)
def _cameras_of_photos(path: Path) -> dict[str, str]:
    """Return the camera id of every photo: ``IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME``.

    Every second line lists points in threes, so that only lines of photos have ten columns.
    """
    columns = (line.split() for line in _lines(path))
    return {Path(line[9]).name: line[8] for line in columns if len(line) == 10}


def _lines(path: Path) -> list[str]:
    lines = read_text(path, what="", expected="COLMAP's text format").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]
