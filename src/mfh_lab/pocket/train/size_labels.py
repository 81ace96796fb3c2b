"""Labels for the painter from photos without depth: things of known size say how many pixels a metre has at them.

``python -m mfh_lab.pocket.train.size_labels --photos DIR --out labels.jsonl`` runs a detector of the COCO classes over
a folder; ``--detections FILE`` reads its boxes from a file. The size of things is the only teacher: no depth and no
focal length is read. Sizes and their errors are those of :mod:`mfh.landmarks.object_sizes`, and plain everyday sizes of
a few classes that it has not. Things whose length the picture cuts, that have an unlikely shape, or that are behind or
inside others are left out; what is hidden all the same makes a thing look small, and the label says how often
(``hidden``).
"""

import argparse
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, Protocol

import cv2
import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.errors import InputError
from mfh.io.atomic import atomic_path
from mfh.io.reading import check_file, reading
from mfh.landmarks.object_sizes import OBJECT_SIZES, ObjectSize

_EXPECTED = "lines of 'python -m mfh_lab.pocket.train.size_labels --photos DIR --out labels.jsonl'"
_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
_MIN_SCORE = 0.4
# A side must have this many pixels, and a box is this many off at each side.
_MIN_PX, _BOX_ERROR_PX = 12.0, 1.0
# A box nearer to the border than this part of the shorter side is cut by it.
_BORDER = 0.015
# The largest part of a box that another may cover.
_MAX_COVERED = 0.5
# Things stand on these, and are not hidden by them.
_SUPPORTS = frozenset({"dining table"})
PERSON = "person"


_EVERYDAY = "plain everyday size"

OTHER_SIZES: dict[str, ObjectSize] = {
    PERSON: ObjectSize("height", 1.69, 0.10, 0.03, (2.2, 4.5), "men and women upright, 1.75 and 1.63 m on average"),
    "toaster": ObjectSize("width", 0.29, 0.15, 0.10, (0.5, 1.0), _EVERYDAY),
    "bowl": ObjectSize("width", 0.16, 0.30, 0.12, (0.3, 0.9), _EVERYDAY),
    "apple": ObjectSize("width", 0.075, 0.12, 0.06, (0.75, 1.3), _EVERYDAY),
    "orange": ObjectSize("width", 0.075, 0.12, 0.06, (0.75, 1.3), _EVERYDAY),
    "donut": ObjectSize("width", 0.09, 0.20, 0.10, (0.4, 1.3), _EVERYDAY),
    "pizza": ObjectSize("width", 0.32, 0.20, 0.10, (0.25, 1.1), _EVERYDAY),
    "banana": ObjectSize("mean", 0.12, 0.20, 0.12, (0.3, 3.0), _EVERYDAY),
    "cell phone": ObjectSize("mean", 0.10, 0.20, 0.10, (0.3, 3.0), _EVERYDAY),
    "remote": ObjectSize("mean", 0.09, 0.25, 0.12, (0.2, 5.0), _EVERYDAY),
    "teddy bear": ObjectSize("mean", 0.30, 0.40, 0.20, (0.5, 2.0), _EVERYDAY),
    "handbag": ObjectSize("width", 0.32, 0.25, 0.15, (0.4, 1.8), _EVERYDAY),
    "cat": ObjectSize("mean", 0.35, 0.25, 0.12, (0.4, 2.5), _EVERYDAY, 0.3),
    "dog": ObjectSize("mean", 0.55, 0.35, 0.15, (0.4, 2.2), _EVERYDAY, 0.3),
}
"""Classes that :data:`mfh.landmarks.object_sizes.OBJECT_SIZES` has not, by COCO name: common knowledge, measured in no
photo and corrected by none."""

KNOWN_SIZES = {**OBJECT_SIZES, **OTHER_SIZES}
"""Every class whose size is known."""

Place = Literal["floor", "table", "other"]

_ON_FLOOR = frozenset(
    {PERSON, "car", "bus", "truck", "train", "motorcycle", "bicycle", "fire hydrant", "bench", "chair", "couch", "bed"}
    | {"dining table", "toilet", "refrigerator", "oven", "suitcase", "horse", "cow", "sheep", "zebra", "elephant"}
    | {"giraffe"}
)
_ON_TABLE = frozenset(
    {"laptop", "keyboard", "mouse", "book", "bottle", "wine glass", "cup", "vase", "toaster", "bowl", "apple", "orange"}
    | {"donut", "pizza", "banana", "cell phone", "remote", "teddy bear", "cat"}
)


def stands_on(label: str) -> Place:
    """Return what things of a class stand on: the floor, a table, or neither."""
    return "floor" if label in _ON_FLOOR else "table" if label in _ON_TABLE else "other"


class Detected(Protocol):
    """What a detector returns of a thing."""

    @property
    def label(self) -> str:
        """Return the COCO name."""
        ...

    @property
    def box_xyxy(self) -> Sequence[float]:
        """Return left, top, right and bottom, pixels."""
        ...

    @property
    def score(self) -> float:
        """Return the confidence."""
        ...


class Detector(Protocol):
    """A detector of the COCO classes."""

    def detect(self, photo: Float[ndarray, "h w 3"]) -> Sequence[Detected]:
        """Return the things in a photo, RGB in [0, 1]."""
        ...


@dataclass(frozen=True)
class KnownBox:
    """A detected thing read from a file."""

    label: str
    box_xyxy: tuple[float, float, float, float]
    score: float


@dataclass(frozen=True)
class SizeLabel:
    """How many pixels a metre has at a thing in a photo.

    Attributes:
        label: COCO name of the thing.
        box_xyxy: left, top, right and bottom, pixels.
        px_per_m: pixels per metre there; too small where part of the thing is hidden.
        log_sigma: standard deviation of the log of that where nothing is hidden.
        hidden: probability that something is.
        place: what the thing stands on.
    """

    label: str
    box_xyxy: tuple[float, float, float, float]
    px_per_m: float
    log_sigma: float
    hidden: float
    place: str


@dataclass(frozen=True)
class LabelledPhoto:
    """A photo, relative to its folder, and its labels."""

    file: str
    height: int
    width: int
    sizes: tuple[SizeLabel, ...]


def size_labels(things: Sequence[Detected], height: int, width: int) -> list[SizeLabel]:
    """Return the labels that the detected things of a photo of this size give."""
    kept = []
    for k, thing in enumerate(things):
        known = KNOWN_SIZES.get(thing.label)
        if known is None or thing.score < _MIN_SCORE or _is_cut(thing, height, width):
            continue
        left, top, right, bottom = thing.box_xyxy
        wide, tall = right - left, bottom - top
        px = {"height": tall, "width": wide, "mean": float(np.sqrt(wide * tall))}[known.dimension]
        others = (one.box_xyxy for j, one in enumerate(things) if j != k and one.label not in _SUPPORTS)
        if px < _MIN_PX or not known.aspect[0] <= tall / wide <= known.aspect[1]:
            continue
        if any(_hides(other, thing.box_xyxy) for other in others):
            continue
        sigma = math.hypot(known.log_sigma, known.common_log_sigma, math.sqrt(2) * _BOX_ERROR_PX / px)
        box = (float(left), float(top), float(right), float(bottom))
        scale = float(px / known.metres)
        kept.append(SizeLabel(thing.label, box, scale, sigma, known.far_share, stands_on(thing.label)))
    return kept


def _is_cut(thing: Detected, height: int, width: int) -> bool:
    """Return whether the picture's border cuts the side that is measured; people must be whole."""
    left, top, right, bottom = thing.box_xyxy
    margin = _BORDER * min(height, width)
    across, upright = left < margin or right > width - margin, top < margin or bottom > height - margin
    dimension = KNOWN_SIZES[thing.label].dimension
    if thing.label == PERSON or dimension == "mean":
        return across or upright
    return across if dimension == "width" else upright


def _hides(other: Sequence[float], box: Sequence[float]) -> bool:
    """Return whether most of a box is inside another one, which is larger or reaches lower: nearer."""
    wide = min(other[2], box[2]) - max(other[0], box[0])
    tall = min(other[3], box[3]) - max(other[1], box[1])
    area = (box[2] - box[0]) * (box[3] - box[1])
    larger = (other[2] - other[0]) * (other[3] - other[1]) > area
    return wide > 0 and tall > 0 and wide * tall > _MAX_COVERED * area and (larger or other[3] > box[3])


def label_photos(root: Path, detector: Detector, files: Iterable[str]) -> Iterator[LabelledPhoto]:
    """Yield the labels of photos of a folder; those without any are left out."""
    for file in files:
        photo = read_photo(root / file).astype(np.float32) / np.float32(255)
        height, width = photo.shape[:2]
        sizes = size_labels(detector.detect(photo), height, width)
        if sizes:
            yield LabelledPhoto(file, height, width, tuple(sizes))


def label_detections(path: Path) -> Iterator[LabelledPhoto]:
    """Yield the labels of detections in a file.

    Each line is an object with ``file``, ``h``, ``w`` and ``objects``, each of which has ``label``, ``box_xyxy`` and
    ``score``.
    """
    for row in _rows(path):
        things = [KnownBox(one["label"], tuple(one["box_xyxy"]), one["score"]) for one in row["objects"]]
        sizes = size_labels(things, row["h"], row["w"])
        if sizes:
            yield LabelledPhoto(row["file"], row["h"], row["w"], tuple(sizes))


def photo_files(root: Path) -> list[Path]:
    """Return the photos below a folder, in order."""
    return sorted(path for path in root.rglob("*") if path.suffix.lower() in _SUFFIXES)


def read_photo(path: Path) -> ndarray:
    """Return a photo, (h, w, 3) uint8 RGB.

    Raises:
        InputError: for a file that is no photo.
    """
    photo = cv2.imread(str(path))
    if photo is None:
        raise InputError(f"{path} is not a photo: expected a file of {', '.join(_SUFFIXES)}")
    return np.ascontiguousarray(photo[..., ::-1])


def write_labels(path: Path, photos: Iterable[LabelledPhoto]) -> int:
    """Write labels, a photo a line; returns how many photos."""
    count = 0
    with atomic_path(path) as temporary, temporary.open("w") as lines:
        for photo in photos:
            lines.write(json.dumps(asdict(photo)) + "\n")
            count += 1
    return count


def read_labels(path: Path) -> list[LabelledPhoto]:
    """Read what :func:`write_labels` wrote.

    Raises:
        InputError: for a file of something else.
    """
    photos = []
    for row in _rows(path):
        with reading(path, what="labels", expected=_EXPECTED):
            sizes = [SizeLabel(**{**one, "box_xyxy": tuple(one["box_xyxy"])}) for one in row["sizes"]]
            photos.append(LabelledPhoto(row["file"], row["height"], row["width"], tuple(sizes)))
    if not photos:
        raise InputError(f"{path} has no labels: expected {_EXPECTED}")
    return photos


def _rows(path: Path) -> list[dict]:
    check_file(path, what="labels", expected=_EXPECTED)
    with reading(path, what="labels", expected=_EXPECTED):
        return [json.loads(line) for line in path.read_text().splitlines()]


def _package_detector() -> Detector:
    from importlib import import_module

    return import_module("mfh.models.objects.nanodet").NanoDetObjects()


def main() -> None:
    """Label the photos of a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--photos", type=Path, help="folder of photos to run the detector over")
    source.add_argument("--detections", type=Path, help="its boxes from a file, a photo a line")
    parser.add_argument("--out", type=Path, required=True, help="labels, a photo a line")
    args = parser.parse_args()
    if args.detections is not None:
        photos = label_detections(args.detections)
    else:
        found = photo_files(args.photos)
        photos = label_photos(args.photos, _package_detector(), [str(path.relative_to(args.photos)) for path in found])
    print(f"{args.out}: {write_labels(args.out, photos)} photos with labels")


if __name__ == "__main__":
    main()
