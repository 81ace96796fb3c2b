"""Evidence on disk: everything the models said about one photo in one npz, to be concluded again without any model.

What decides the metres is kept exactly: the photo's relative depth, the pixels of people, and the rest as JSON. The
photo itself is a JPEG, for pictures only; paintings are not kept.
"""

import io
import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray
from PIL import Image

from mfh import __version__
from mfh.errors import InputError, one_line
from mfh.gathered import Gathered
from mfh.geometry.view import view_shape
from mfh.io.atomic import atomic_path
from mfh.io.pictures import open_picture
from mfh.io.pixels import decode_rgb
from mfh.types import Camera, Evidence, FocalProvenance, Landmark, LogRange, Photo, Region, RelativeDepth, Segment
from mfh.types.rows import strips

EVIDENCE_FILE = "evidence.npz"
"""What it is called beside the other results of a photo."""

FORMAT, VERSION = "mfh-evidence", 2
_ARRAYS = ("relative", "photo_jpeg", "pixel_relative", "pixel_depth_m", "pixel_person", "pixel_counts", "about")
_JPEG_QUALITY = 90
_JPEG_MAX_PX = 65_500
_PLAIN = (
    *("preset", "models", "seed", "attempts", "ended_by"),
    *("shared_log_sigma", "shape_log_sigma", "provenance", "max_depth_m"),
)
"""Fields of Gathered that are JSON as they are."""


def save_evidence(path: str | Path, gathered: Gathered) -> None:
    """Write what the models said about one photo.

    Args:
        path: file to write, ending in .npz.
        gathered: what the models said; its paintings are not kept.

    Raises:
        InputError: when the file cannot be written, or the photo has a side that JPEG cannot hold.
    """
    photo, relative, evidence = gathered.photo, gathered.relative, gathered.evidence
    about = {
        "format": FORMAT,
        "version": VERSION,
        "mfh": __version__,
        "photo": {"name": photo.name, "notes": photo.notes},
        "camera": asdict(photo.camera),
        "focal": asdict(photo.focal),
        "space": relative.space,
        "log_range": relative.log_range and relative.log_range.parts,
        "region": gathered.region and asdict(gathered.region),
        "lengths": [asdict(one) for one in gathered.lengths],
        "landmarks": [[asdict(landmark) for landmark in one.landmarks] for one in evidence],
        "seconds": gathered.seconds,
        **{name: getattr(gathered, name) for name in _PLAIN},
    }
    arrays = {
        "relative": relative.values.astype(np.float32, copy=False),
        "photo_jpeg": _to_jpeg(photo),
        "pixel_relative": np.concatenate([np.zeros(0), *(one.relative for one in evidence)]),
        "pixel_depth_m": np.concatenate([np.zeros(0), *(one.depth_m for one in evidence)]),
        "pixel_person": np.concatenate([np.zeros(0, int), *(one.person for one in evidence)]).astype(np.int32),
        "pixel_counts": np.array([len(one.relative) for one in evidence], np.int64),
        "about": np.str_(json.dumps(about, default=_plain_number)),
    }
    with atomic_path(path) as temporary:
        np.savez_compressed(temporary, **arrays)


def load_evidence(path: str | Path) -> Gathered:
    """Read what :func:`save_evidence` wrote.

    Args:
        path: the npz file.

    Returns:
        What the models said; the photo is as good as its JPEG, and there are no paintings.

    Raises:
        InputError: for a missing, damaged or foreign file, or one of another format version.
    """
    advice = "make it with mfh predict --save-evidence"
    arrays = _read_arrays(path, advice)
    try:
        about = json.loads(str(arrays["about"]))
        if not isinstance(about, dict) or about["format"] != FORMAT:
            raise ValueError("its description is another program's")
    except (ValueError, KeyError) as error:
        raise InputError(f"{path} is not evidence of this program ({error}): {advice}") from error
    if about.get("version") != VERSION:
        raise InputError(
            f"{path} has evidence of format version {about.get('version')!r} (mfh {about.get('mfh')}), and this is mfh "
            f"{__version__}, which reads version {VERSION}: {advice} again"
        )
    try:
        return _gathered(about, arrays)
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise InputError(f"{path} is damaged ({one_line(error)}): {advice} again") from error


def _read_arrays(path: str | Path, advice: str) -> dict[str, ndarray]:
    """Return the arrays of an evidence file, whatever they hold."""
    try:
        with open(path, "rb") as file:
            if not zipfile.is_zipfile(file):
                raise ValueError("it is no npz")
        stored = np.load(path, allow_pickle=False)
        if not isinstance(stored, np.lib.npyio.NpzFile):
            raise ValueError("it is no npz")
        with stored:
            missing = [name for name in _ARRAYS if name not in stored]
            if missing:
                raise ValueError(f"it has no {', '.join(missing)}")
            return {name: stored[name] for name in _ARRAYS}
    except FileNotFoundError as error:
        raise InputError(f"no such file: {path}; {advice}") from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}; {advice}") from error
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{path} is not evidence of this program, or damaged ({one_line(error)}): {advice}") from error


def _gathered(about: Mapping[str, Any], arrays: Mapping[str, ndarray]) -> Gathered:
    """Put the parts together, checking that they belong together.

    Raises:
        KeyError, TypeError, ValueError, OSError: where they do not.
    """
    camera = Camera(**about["camera"])
    relative = arrays["relative"]
    # Of a photo too large to be looked at whole, the map has the size that models look at.
    shape, seen = (camera.height, camera.width), view_shape(camera.height, camera.width)
    if relative.dtype != np.float32 or relative.shape not in (shape, seen):
        raise ValueError(
            f"relative depth is {relative.dtype} {relative.shape}, its camera {camera.width}x{camera.height}"
        )
    if not np.isfinite(relative).all():
        raise ValueError("relative depth has values that are not finite")
    if about["space"] not in ("disparity", "depth"):
        raise ValueError(f"the space is {about['space']!r}")
    pixels = _from_jpeg(arrays["photo_jpeg"])
    if pixels.shape[:2] != shape:
        raise ValueError(f"its photo is {pixels.shape[1]}x{pixels.shape[0]}, its camera {camera.width}x{camera.height}")
    return Gathered(
        photo=Photo(
            pixels=pixels,
            camera=camera,
            focal=FocalProvenance(**about["focal"]),
            name=about["photo"]["name"],
            notes=tuple(about["photo"]["notes"]),
        ),
        relative=RelativeDepth(
            relative,
            about["space"],
            read_log_range(about["log_range"]),
            photo_shape=None if relative.shape == shape else shape,
        ),
        evidence=_evidence(about["landmarks"], arrays),
        seconds=about["seconds"],
        # Not in files from before there were regions and lengths.
        region=None if about.get("region") is None else Region(**about["region"]),
        lengths=tuple(_segment(**one) for one in about.get("lengths", ())),
        **{name: about[name] for name in _PLAIN},
    )


def _segment(start_xy: Sequence[float], end_xy: Sequence[float]) -> Segment:
    """Return a segment from the lists JSON makes of its ends."""
    (x1, y1), (x2, y2) = start_xy, end_xy
    return Segment((float(x1), float(y1)), (float(x2), float(y2)))


def read_log_range(parts: Sequence[Sequence[float]] | None) -> LogRange | None:
    """Return what is believed of a photo's depth range, from the lists JSON makes of it.

    Args:
        parts: (weight, mean, deviation) of each part; None where nothing is believed.

    Raises:
        ValueError, TypeError: for anything else.
    """
    if parts is None:
        return None
    return LogRange(tuple((float(weight), float(mean), float(sigma)) for weight, mean, sigma in parts))


def _evidence(rows: Sequence[Sequence[Mapping[str, Any]]], arrays: Mapping[str, ndarray]) -> tuple[Evidence, ...]:
    """Return the evidence of every image, cut out of the arrays that hold them one after the other."""
    columns = [arrays[name] for name in ("pixel_relative", "pixel_depth_m", "pixel_person")]
    counts = arrays["pixel_counts"]
    if len(counts) != len(rows) or any(len(column) != counts.sum() for column in columns):
        raise ValueError(f"{len(rows)} images, pixels for {len(counts)} of them")
    starts = np.concatenate([[0], np.cumsum(counts)])
    evidence = []
    for image, landmarks in enumerate(rows):
        relative, depth_m, person = (column[starts[image] : starts[image + 1]] for column in columns)
        if len(person) and not 0 <= person.min() <= person.max() < len(landmarks):
            raise ValueError("pixels of a person who is not in the list")
        people = tuple(Landmark(**{**one, "box_xyxy": tuple(one["box_xyxy"])}) for one in landmarks)
        evidence.append(Evidence(relative.astype(np.float64), depth_m.astype(np.float64), person.astype(int), people))
    return tuple(evidence)


def _to_jpeg(photo: Photo) -> UInt8[ndarray, "bytes"]:
    height, width = photo.pixels.shape[:2]
    if max(height, width) > _JPEG_MAX_PX:
        raise InputError(f"{photo.name} has {width}x{height} pixels: evidence keeps sides up to {_JPEG_MAX_PX}")
    pixels = photo.pixels
    if pixels.dtype != np.uint8 or pixels.shape[2] != 3:
        pixels = np.empty((height, width, 3), np.uint8)
        for rows in strips((height, width)):
            pixels[rows] = np.rint(np.clip(photo.rgb_of(rows), 0, 1) * 255)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=_JPEG_QUALITY)
    return np.frombuffer(stream.getbuffer(), np.uint8)


def _from_jpeg(jpeg: UInt8[ndarray, "bytes"]) -> UInt8[ndarray, "h w 3"]:
    expected = "the photo as a JPEG"
    with open_picture(jpeg.tobytes(), formats=("JPEG",), what="evidence", expected=expected) as image:
        return decode_rgb(image)


def _plain_number(value: object) -> object:
    """Return a numpy number as Python's; JSON has no other strangers here."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} cannot be kept as JSON")
