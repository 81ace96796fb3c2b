"""Labels for the painter from photos without depth: things of known size say how many pixels a metre has at them.

``python -m mfh_lab.pocket.train.size_labels --photos DIR --out labels.jsonl`` runs a detector of the COCO classes over
a folder; ``--detections FILE`` reads its boxes from a file. The size of things is the only teacher: no depth and no
focal length is read. Things whose length the picture cuts, that have an unlikely shape, or that are behind or inside
others are left out; what is hidden all the same makes a thing look small, and the label says how often (``hidden``).
"""

import argparse
import json
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


@dataclass(frozen=True)
class KnownSize:
    """What is known about the things of a class.

    Attributes:
        side: of the box that is as long as the thing; of animals, and of things that lie in any direction, the longer.
        size_m: how long it is.
        log_sigma: standard deviation of its log among things of the class.
        aspect: smallest and largest height over width of a box that shows a whole one.
        place: what it stands on: the floor, a table, or neither.
        hidden: how often part of it is hidden all the same.
    """

    side: Literal["width", "height", "longer"]
    size_m: float
    log_sigma: float
    aspect: tuple[float, float]
    place: Literal["floor", "table", "other"]
    hidden: float = 0.15


SIZES: dict[str, KnownSize] = {
    PERSON: KnownSize("height", 1.69, 0.10, (2.2, 4.5), "floor", 0.1),
    "car": KnownSize("height", 1.50, 0.10, (0.3, 1.1), "floor"),
    "truck": KnownSize("height", 2.60, 0.30, (0.35, 1.6), "floor"),
    "bus": KnownSize("height", 2.70, 0.15, (0.25, 1.4), "floor"),
    "motorcycle": KnownSize("height", 1.15, 0.12, (0.45, 2.0), "floor"),
    "bicycle": KnownSize("height", 1.05, 0.12, (0.45, 2.2), "floor"),
    "chair": KnownSize("height", 0.80, 0.25, (0.8, 2.6), "floor", 0.35),
    "couch": KnownSize("height", 0.88, 0.17, (0.3, 1.0), "floor"),
    "bench": KnownSize("height", 0.85, 0.20, (0.25, 1.2), "floor"),
    "toilet": KnownSize("height", 0.68, 0.12, (0.8, 2.2), "floor"),
    "refrigerator": KnownSize("height", 1.55, 0.20, (1.3, 3.2), "floor"),
    "bed": KnownSize("width", 1.70, 0.35, (0.25, 0.8), "floor", 0.3),
    "suitcase": KnownSize("height", 0.65, 0.25, (0.8, 2.0), "floor"),
    "fire hydrant": KnownSize("height", 0.75, 0.15, (1.2, 2.6), "floor"),
    "oven": KnownSize("height", 0.80, 0.25, (0.8, 1.6), "floor", 0.3),
    "microwave": KnownSize("width", 0.50, 0.12, (0.4, 0.9), "other"),
    "sink": KnownSize("width", 0.55, 0.20, (0.15, 0.9), "other"),
    "stop sign": KnownSize("height", 0.75, 0.15, (0.8, 1.3), "other"),
    "laptop": KnownSize("width", 0.36, 0.15, (0.45, 1.1), "table"),
    "keyboard": KnownSize("width", 0.44, 0.12, (0.12, 0.6), "table"),
    "mouse": KnownSize("width", 0.09, 0.25, (0.5, 1.6), "table"),
    "cup": KnownSize("height", 0.11, 0.15, (0.8, 1.8), "table"),
    "wine glass": KnownSize("height", 0.20, 0.15, (1.7, 4.0), "table"),
    "bottle": KnownSize("height", 0.245, 0.25, (2.0, 5.0), "table"),
    "book": KnownSize("height", 0.22, 0.25, (1.0, 2.0), "table", 0.3),
    "bowl": KnownSize("width", 0.16, 0.30, (0.3, 0.9), "table"),
    "toaster": KnownSize("width", 0.29, 0.15, (0.5, 1.0), "table"),
    "apple": KnownSize("width", 0.075, 0.12, (0.75, 1.3), "table"),
    "orange": KnownSize("width", 0.075, 0.12, (0.75, 1.3), "table"),
    "donut": KnownSize("width", 0.09, 0.20, (0.4, 1.3), "table"),
    "pizza": KnownSize("width", 0.32, 0.20, (0.25, 1.1), "table"),
    "banana": KnownSize("longer", 0.18, 0.15, (0.3, 3.0), "table"),
    "cell phone": KnownSize("longer", 0.14, 0.15, (0.3, 3.0), "table"),
    "remote": KnownSize("longer", 0.17, 0.15, (0.2, 5.0), "table"),
    "vase": KnownSize("height", 0.25, 0.40, (1.0, 4.0), "table"),
    "teddy bear": KnownSize("longer", 0.35, 0.40, (0.5, 2.0), "table"),
    "clock": KnownSize("longer", 0.30, 0.40, (0.7, 1.5), "other"),
    "handbag": KnownSize("width", 0.32, 0.25, (0.4, 1.8), "other"),
    "cat": KnownSize("longer", 0.45, 0.22, (0.4, 2.5), "table", 0.3),
    "dog": KnownSize("longer", 0.70, 0.35, (0.4, 2.2), "other", 0.3),
    "sheep": KnownSize("longer", 1.10, 0.20, (0.5, 1.4), "floor", 0.3),
    "cow": KnownSize("longer", 2.00, 0.20, (0.4, 1.3), "floor", 0.4),
    "horse": KnownSize("longer", 2.00, 0.18, (0.5, 1.5), "floor", 0.4),
}
"""By COCO name; of chairs, beds, refrigerators, toilets, sinks and cups, what their boxes show of them on average."""


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
        known = SIZES.get(thing.label)
        if known is None or thing.score < _MIN_SCORE or _is_cut(thing, height, width):
            continue
        left, top, right, bottom = thing.box_xyxy
        wide, tall = right - left, bottom - top
        px = {"height": tall, "width": wide, "longer": max(tall, wide)}[known.side]
        others = (one.box_xyxy for j, one in enumerate(things) if j != k and one.label not in _SUPPORTS)
        if px < _MIN_PX or not known.aspect[0] <= tall / wide <= known.aspect[1]:
            continue
        if any(_hides(other, thing.box_xyxy) for other in others):
            continue
        sigma = float(np.hypot(known.log_sigma, np.sqrt(2) * _BOX_ERROR_PX / px))
        box = (float(left), float(top), float(right), float(bottom))
        kept.append(SizeLabel(thing.label, box, float(px / known.size_m), sigma, known.hidden, known.place))
    return kept


def _is_cut(thing: Detected, height: int, width: int) -> bool:
    """Return whether the picture's border cuts the side that is measured; people and animals must be whole."""
    left, top, right, bottom = thing.box_xyxy
    margin = _BORDER * min(height, width)
    across, upright = left < margin or right > width - margin, top < margin or bottom > height - margin
    known = SIZES[thing.label]
    if thing.label == PERSON or known.side == "longer":
        return across or upright
    return across if known.side == "width" else upright


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
        found = sorted(path for path in args.photos.rglob("*") if path.suffix.lower() in _SUFFIXES)
        photos = label_photos(args.photos, _package_detector(), [str(path.relative_to(args.photos)) for path in found])
    print(f"{args.out}: {write_labels(args.out, photos)} photos with labels")


if __name__ == "__main__":
    main()
