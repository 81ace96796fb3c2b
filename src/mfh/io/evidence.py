"""Evidence on disk: all model outputs for one photo in one npz, from which the answer is computed without any model.

What decides the scale is kept exactly: the photo's relative depth, the pixels of people, and the rest as JSON. The
photo itself is a JPEG, for pictures only; paintings are not kept. Every field and array of a file is checked before
anything is computed from it, against limits far beyond what any photo has: accepted files never fail later.
"""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray
from PIL import Image

from mfh import __version__
from mfh.errors import InputError
from mfh.io.atomic import atomic_path
from mfh.io.evidence_fields import MAX_SIDE_PX, Description, PhotoDescription, check_arrays, check_description
from mfh.io.figures import FIGURE_KINDS, pack_figures, with_figures
from mfh.io.json_text import from_json, plain_values
from mfh.io.pictures import decode_rgb, open_picture
from mfh.io.reading import MAX_ARRAY_BYTES, MAX_TEXT_BYTES, array_names, open_zip, parse_json, read_member, reading
from mfh.types import (
    Camera,
    Evidence,
    Landmark,
    LogRange,
    Photo,
    RelativeDepth,
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
    about = asdict(description)
    for landmark in (one for image in about["landmarks"] for one in image):
        del landmark["figure"]
    arrays = {
        "relative": relative.values.astype(np.float32, copy=False),
        **({} if relative.valid_mask is None else {"valid_mask": relative.valid_mask}),
        "photo_jpeg": _to_jpeg(photo),
        "pixel_relative": np.concatenate([np.zeros(0), *(one.relative for one in evidence)]),
        "pixel_depth_m": np.concatenate([np.zeros(0), *(one.depth_m for one in evidence)]),
        "pixel_person": np.concatenate([np.zeros(0, int), *(one.person for one in evidence)]).astype(np.int32),
        "pixel_counts": np.array([len(one.relative) for one in evidence], np.int64),
        **pack_figures([one.landmarks for one in evidence]),
        "about": np.str_(json.dumps(plain_values(about), allow_nan=False)),
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
        figures = FIGURE_KINDS if any(name in there for name in FIGURE_KINDS) else ()
        missing = [name for name in ("about", *_ARRAYS, *figures) if name not in there]
        if missing:
            raise ValueError(f"it has no {', '.join(missing)}")
        description = _describe(path, str(read_member(archive, "about", max_bytes=MAX_TEXT_BYTES)))
        holes = ("valid_mask",) if _READ[description.version] else ()
        arrays = {name: read_member(archive, name) for name in (*_ARRAYS, *holes, *figures)}
    with reading(path, what="evidence", expected=_EXPECTED):
        check_arrays(arrays, description.camera, description.landmarks)
        rows = with_figures(description.landmarks, {name: arrays[name] for name in figures})
        description = replace(description, landmarks=rows)
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
    if max(height, width) > MAX_SIDE_PX:
        raise InputError(f"{photo.name} has {width}x{height} pixels: evidence keeps sides up to {MAX_SIDE_PX}")
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
