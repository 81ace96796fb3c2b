"""Evidence on disk: all model outputs for one photo in one npz, from which the answer is computed without any model.

What decides the scale is kept exactly: the photo's relative depth, the pixels of people, and the rest as JSON. The
photo itself is a JPEG, for pictures only; paintings are not kept. Every field and array of a file is checked before
anything is computed from it, against limits far beyond what any photo has: accepted files never fail later.
"""

import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray
from PIL import Image

from mfh import __version__
from mfh.errors import InputError
from mfh.geometry.camera import view_shape
from mfh.io.atomic import atomic_path
from mfh.io.json_text import from_json, plain_values
from mfh.io.pictures import decode_rgb, open_picture
from mfh.io.reading import MAX_ARRAY_BYTES, MAX_TEXT_BYTES, array_names, open_zip, parse_json, read_member, reading
from mfh.types import (
    Camera,
    Evidence,
    FocalProvenance,
    Landmark,
    LogRange,
    Photo,
    Region,
    RelativeDepth,
    Segment,
    Space,
)
from mfh.types.observations import Gathered
from mfh.types.rows import strips

EVIDENCE_FILE = "evidence.npz"
"""Its name beside the other results of a photo."""
FORMAT, VERSION, VERSION_WITH_HOLES = "mfh-evidence", 4, 5
"""Files whose relative depth has holes have a version of their own: the earliest programs cannot read holes."""
_READ = {2: False, 3: True, VERSION: False, VERSION_WITH_HOLES: True}
"""Version that can be read -> whether it has holes; 2 and 3 are from before there were objects and sky."""
_ARRAYS = ("relative", "photo_jpeg", "pixel_relative", "pixel_depth_m", "pixel_person", "pixel_counts")
_JPEG_QUALITY = 90
_PLAIN = (
    *("preset", "models", "seed", "attempts", "ended_by"),
    *("shared_log_sigma", "shape_log_sigma", "provenance", "max_depth_m"),
)
"""Fields of Gathered that are JSON as they are."""
_EXPECTED = "what mfh predict --save-evidence writes"
MAX_PEOPLE = 4_000
"""People considered in all images; memory and time of the fit grow with them."""
_MAX_FEW = 1_000
"""Of notes, lengths, models and stages."""
_MAX_SIGMA = 10.0
"""One-sigma of a logarithm: a factor of twenty thousand."""
_MIN_M, _MAX_M = 1e-3, 1e6
_MAX_SIDE_PX = 65_500
"""Of a JPEG."""
_MAX_VALUE = float(np.finfo(np.float32).max)
_FOCAL_OVER_SIDE = (1e-4, 1e6)
_SIDES_AWAY = 100
"""A principal point, or an edge of a box, lies at most this many sides of the photo outside of it."""
_KINDS = {
    "relative": (np.float32, 2),
    "valid_mask": (np.bool_, 2),
    "photo_jpeg": (np.uint8, 1),
    "pixel_relative": (np.float64, 1),
    "pixel_depth_m": (np.float64, 1),
    "pixel_person": (np.int32, 1),
    "pixel_counts": (np.int64, 1),
}


@dataclass(frozen=True)
class PhotoDescription:
    """A photo without its pixels, camera and focal length."""

    name: str
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Description:
    """The JSON part: fields of :class:`~mfh.types.observations.Gathered`, in the order of the file."""

    format: str
    version: int
    mfh: str
    photo: PhotoDescription
    camera: Camera
    focal: FocalProvenance
    space: Space
    log_range: tuple[tuple[float, float, float], ...] | None
    # Not in files from before there were regions and lengths.
    region: Region | None = None
    lengths: tuple[Segment, ...] = ()
    landmarks: tuple[tuple[Landmark, ...], ...]
    seconds: dict[str, float]
    preset: str
    models: dict[str, str]
    seed: int
    attempts: int
    ended_by: str
    shared_log_sigma: float
    shape_log_sigma: float
    provenance: str
    max_depth_m: float
    holes_are_sky: bool = False


def save_evidence(path: str | Path, gathered: Gathered) -> None:
    """Write all model outputs for one photo, without its paintings.

    Raises:
        InputError: when the file cannot be written, or the photo has a side that JPEG cannot hold.
    """
    photo, relative, evidence = gathered.photo, gathered.relative, gathered.evidence
    description = Description(
        format=FORMAT,
        version=VERSION if relative.valid_mask is None else VERSION_WITH_HOLES,
        mfh=__version__,
        photo=PhotoDescription(photo.name, photo.notes),
        camera=photo.camera,
        focal=photo.focal,
        space=relative.space,
        log_range=relative.log_range and relative.log_range.parts,
        holes_are_sky=relative.holes_are_sky,
        region=gathered.region,
        lengths=gathered.lengths,
        landmarks=tuple(one.landmarks for one in evidence),
        seconds=gathered.seconds,
        **{name: getattr(gathered, name) for name in _PLAIN},
    )
    arrays = {
        "relative": relative.values.astype(np.float32, copy=False),
        **({} if relative.valid_mask is None else {"valid_mask": relative.valid_mask}),
        "photo_jpeg": _to_jpeg(photo),
        "pixel_relative": np.concatenate([np.zeros(0), *(one.relative for one in evidence)]),
        "pixel_depth_m": np.concatenate([np.zeros(0), *(one.depth_m for one in evidence)]),
        "pixel_person": np.concatenate([np.zeros(0, int), *(one.person for one in evidence)]).astype(np.int32),
        "pixel_counts": np.array([len(one.relative) for one in evidence], np.int64),
        "about": np.str_(json.dumps(plain_values(asdict(description)), allow_nan=False)),
    }
    # An open file: to a name without .npz numpy would add one.
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)


def load_evidence(path: str | Path) -> Gathered:
    """Read what :func:`save_evidence` wrote; the photo has the quality of its JPEG, and there are no paintings.

    Raises:
        InputError: for a missing, damaged or foreign file, or one of another format version.
    """
    with open_zip(path, what="evidence", expected=_EXPECTED, max_bytes=MAX_ARRAY_BYTES) as archive:
        there = array_names(archive)
        missing = [name for name in ("about", *_ARRAYS) if name not in there]
        if missing:
            raise ValueError(f"it has no {', '.join(missing)}")
        description = _describe(path, str(read_member(archive, "about", max_bytes=MAX_TEXT_BYTES)))
        wanted = (*_ARRAYS, "valid_mask") if _READ[description.version] else _ARRAYS
        arrays = {name: read_member(archive, name) for name in wanted}
    with reading(path, what="evidence", expected=_EXPECTED):
        check_arrays(arrays, description.camera, description.landmarks)
        return _gathered(description, arrays, path)


def _describe(path: str | Path, text: str) -> Description:
    """Return the description, with format, version and the range of every field checked."""
    content = parse_json(text)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError("its description is another program's")
    version = content.get("version")
    if not isinstance(version, int) or version not in _READ:
        raise InputError(
            f"{path} has evidence of format version {version!r:.40} (mfh {content.get('mfh')!r:.40}), and this is mfh "
            f"{__version__}, which reads {', '.join(map(str, _READ))}: make it again with mfh predict "
            "--save-evidence"
        )
    description = from_json(Description, content)
    check_description(description)
    return description


def _gathered(description: Description, arrays: Mapping[str, ndarray], path: str | Path) -> Gathered:
    """Put the parts together."""
    camera = description.camera
    shape = (camera.height, camera.width)
    return Gathered(
        photo=Photo(
            pixels=_from_jpeg(arrays["photo_jpeg"], camera, path),
            camera=camera,
            focal=description.focal,
            name=description.photo.name,
            notes=description.photo.notes,
        ),
        relative=RelativeDepth(
            arrays["relative"],
            description.space,
            read_log_range(description.log_range),
            arrays.get("valid_mask"),
            photo_shape=None if arrays["relative"].shape == shape else shape,
            holes_are_sky=description.holes_are_sky,
        ),
        evidence=_evidence(description.landmarks, arrays),
        seconds=description.seconds,
        region=description.region,
        lengths=description.lengths,
        **{name: getattr(description, name) for name in _PLAIN},
    )


def read_log_range(parts: Sequence[Sequence[float]] | None) -> LogRange | None:
    """Return a predicted log depth range from (weight, mean, standard deviation) of each Gaussian; None for none.

    Raises:
        ValueError, TypeError: for anything else.
    """
    if parts is None:
        return None
    return LogRange(tuple((float(weight), float(mean), float(sigma)) for weight, mean, sigma in parts))


def _evidence(rows: Sequence[tuple[Landmark, ...]], arrays: Mapping[str, ndarray]) -> tuple[Evidence, ...]:
    """Return the evidence of every image, cut out of the arrays that hold them one after the other."""
    cuts = np.cumsum(arrays["pixel_counts"])[:-1]
    columns = [np.split(arrays[name], cuts) for name in ("pixel_relative", "pixel_depth_m", "pixel_person")]
    return tuple(
        Evidence(relative, depth_m, person.astype(int), landmarks)
        for landmarks, relative, depth_m, person in zip(rows, *columns, strict=False)
    )


def _to_jpeg(photo: Photo) -> UInt8[ndarray, "bytes"]:
    height, width = photo.pixels.shape[:2]
    if max(height, width) > _MAX_SIDE_PX:
        raise InputError(f"{photo.name} has {width}x{height} pixels: evidence keeps sides up to {_MAX_SIDE_PX}")
    pixels = photo.pixels
    if pixels.dtype != np.uint8 or pixels.shape[2] != 3:
        pixels = np.empty((height, width, 3), np.uint8)
        for rows in strips((height, width)):
            pixels[rows] = np.rint(np.clip(photo.rgb_of(rows), 0, 1) * 255)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=_JPEG_QUALITY)
    return np.frombuffer(stream.getbuffer(), np.uint8)


def _from_jpeg(jpeg: UInt8[ndarray, "bytes"], camera: Camera, path: str | Path) -> UInt8[ndarray, "h w 3"]:
    """Decode the photo, if it has the size of its camera."""
    with open_picture(
        jpeg.tobytes(),
        formats=["JPEG"],
        what=f"the photo in {path}",
        expected=f"a JPEG, in {_EXPECTED}",
        max_pixels=camera.width * camera.height,
    ) as image:
        if image.size != (camera.width, camera.height):
            raise InputError(
                f"evidence {path} is damaged (its photo is {image.width}x{image.height}, its camera "
                f"{camera.width}x{camera.height}): expected {_EXPECTED}"
            )
        return decode_rgb(image)


def check_description(one: Description) -> None:
    """Refuse a description with a number out of range; its types are already checked.

    Raises:
        ValueError: for a number out of range.
    """
    camera, region, landmarks = one.camera, one.region, one.landmarks
    _check_camera(camera)
    _check("focal.relative_sigma", one.focal.relative_sigma, 0, _MAX_SIGMA)
    _check("shared_log_sigma", one.shared_log_sigma, 0, _MAX_SIGMA)
    _check("shape_log_sigma", one.shape_log_sigma, 0, _MAX_SIGMA)
    _check("max_depth_m", one.max_depth_m, _MIN_M, _MAX_M)
    _check("seed", one.seed, 0, math.inf)
    _check("attempts", one.attempts, 0, len(landmarks))
    if one.log_range is not None:
        _check_log_range(one.log_range)
    if region is not None and not (
        0 <= region.left < region.right <= camera.width and 0 <= region.top < region.bottom <= camera.height
    ):
        raise ValueError(f"region {region.left},{region.top} to {region.right},{region.bottom} is none of the photo")
    for x, y in [end for length in one.lengths for end in (length.start_xy, length.end_xy)]:
        if not (0 <= x <= camera.width - 1 and 0 <= y <= camera.height - 1):
            raise ValueError(f"a length ends at {x:g},{y:g}, outside the photo")
    lists = {"notes": one.photo.notes, "lengths": one.lengths, "seconds": one.seconds, "models": one.models}
    for name, several in lists.items():
        _check(f"the number of {name}", len(several), 0, _MAX_FEW)
    _check("the number of people", sum(len(image) for image in landmarks), 0, MAX_PEOPLE)
    far_px = _SIDES_AWAY * max(camera.width, camera.height)
    for landmark in (person for image in landmarks for person in image):
        _check_landmark(landmark, far_px)


def check_arrays(arrays: Mapping[str, ndarray], camera: Camera, landmarks: Sequence[Sequence[Landmark]]) -> None:
    """Refuse arrays of a wrong type, shape or range, or that do not belong together.

    Raises:
        ValueError: for such arrays.
    """
    for name, array in arrays.items():
        kind, axes = _KINDS[name]
        if array.dtype != kind or array.ndim != axes:
            raise ValueError(f"{name} is {array.dtype} {array.shape}: expected {np.dtype(kind)} of {axes} axes")
    # Of a large photo, the map has the size of the models' input.
    sizes = ((camera.height, camera.width), view_shape(camera.height, camera.width))
    for name in ("relative", "valid_mask"):
        if name in arrays and arrays[name].shape not in sizes:
            rows, columns = arrays[name].shape
            raise ValueError(f"{name} is {columns}x{rows}, its camera {camera.width}x{camera.height}")
    if "valid_mask" in arrays and arrays["valid_mask"].shape != arrays["relative"].shape:
        raise ValueError("valid_mask has another size than the relative depth")
    for name in ("relative", "pixel_relative", "pixel_depth_m"):
        if not np.isfinite(arrays[name]).all():
            raise ValueError(f"{name} has values that are not finite")
    if "valid_mask" in arrays and not arrays["valid_mask"].any():
        raise ValueError("its relative depth is valid nowhere")
    pixels = len(arrays["pixel_relative"])
    if pixels and np.abs(arrays["pixel_relative"]).max() > _MAX_VALUE:
        raise ValueError("pixel_relative has values that are out of range")
    if pixels and not _MIN_M <= arrays["pixel_depth_m"].min() <= arrays["pixel_depth_m"].max() <= _MAX_M:
        raise ValueError(f"pixel_depth_m is not between {_MIN_M:g} and {_MAX_M:g} m")
    _check_people(arrays, pixels, landmarks)


def _check_people(arrays: Mapping[str, ndarray], pixels: int, landmarks: Sequence[Sequence[Landmark]]) -> None:
    """Refuse pixels that are not those of the people used."""
    counts, person = arrays["pixel_counts"], arrays["pixel_person"]
    lengths = {len(arrays[name]) for name in ("pixel_relative", "pixel_depth_m", "pixel_person")}
    # No sum of numbers that are each at most the whole can overflow.
    if len(lengths) != 1 or (counts < 0).any() or (counts > pixels).any() or counts.sum() != pixels:
        raise ValueError(f"its columns of pixels have {sorted(lengths)} rows, and {counts[:9].tolist()} are counted")
    if len(counts) != len(landmarks):
        raise ValueError(f"{len(landmarks)} images, pixels for {len(counts)} of them")
    for number, (image, own) in enumerate(zip(landmarks, np.split(person, np.cumsum(counts)[:-1]), strict=False)):
        if len(own) and not 0 <= own.min() <= own.max() < len(image):
            raise ValueError(f"image {number} has pixels of a person who is not in the list")
        seen = np.bincount(own, minlength=len(image)) > 0
        used = np.array([one.verdict == "used" for one in image], bool)
        if (seen != used).any():
            raise ValueError(f"image {number} has pixels of people who are not used, or none of some who are")


def _check_camera(camera: Camera) -> None:
    for name in ("width", "height"):
        _check(f"camera.{name}", getattr(camera, name), 1, _MAX_SIDE_PX)
    side = max(camera.width, camera.height)
    for name in ("fx", "fy"):
        _check(f"camera.{name}", getattr(camera, name) / side, *_FOCAL_OVER_SIDE, of="its longer side")
    for name in ("cx", "cy"):
        _check(f"camera.{name}", getattr(camera, name) / side, -_SIDES_AWAY, _SIDES_AWAY, of="its longer side")


def _check_log_range(parts: Sequence[tuple[float, float, float]]) -> None:
    if not (1 <= len(parts) <= 1000 and math.isclose(sum(weight for weight, _, _ in parts), 1, abs_tol=1e-6)):
        raise ValueError(f"the weights of the {len(parts)} parts of log_range do not sum to 1")
    for weight, mean, sigma in parts:
        _check("a weight of log_range", weight, 0, 1 + 1e-6)
        _check("a mean of log_range", mean, -_MAX_SIGMA, _MAX_SIGMA)
        _check("a standard deviation of log_range", sigma, 1e-6, _MAX_SIGMA)


def _check_landmark(landmark: Landmark, far_px: int) -> None:
    left, top, right, bottom = landmark.box_xyxy
    if not (-far_px <= left <= right <= far_px and -far_px <= top <= bottom <= far_px):
        raise ValueError(f"a person's box is {left:g},{top:g} to {right:g},{bottom:g}")
    used = landmark.verdict == "used"
    if not used and landmark.verdict != "rejected":
        raise ValueError(f"a person's verdict is {landmark.verdict!r:.40}: expected 'used' or 'rejected'")
    least_m = _MIN_M if used else -_MAX_M
    for name, least, most in (
        ("score", -_MAX_SIGMA, _MAX_SIGMA),
        ("distance_m", least_m, _MAX_M),
        ("origin_m", least_m, _MAX_M),
        *((name, _MIN_M, _MAX_M) for name in ("stature_m", "size_m")),
        ("pixels", 0, math.inf),
        *((name, 0, _MAX_SIGMA) for name in ("log_distance_sigma", "shared_log_sigma", "far_log")),
        *((name, 0, 1 + 1e-6) for name in ("weight", "far_share")),
        *((name, 0, _MAX_VALUE) for name in ("reprojection_px", "implied_scale", "relative_sigma")),
    ):
        value = getattr(landmark, name)
        if value is not None:
            _check(f"a person's {name}", value, least, most)


def _check(name: str, value: int | float, least: int | float, most: int | float, *, of: str = "") -> None:
    if not least <= value <= most:
        over = f" of {of}" if of else ""
        raise ValueError(f"{name} is {value:g}{over}: expected {least:g} to {most:g}")
