"""Sizes of everyday objects by class: which dimension of the box, how large it is, how much it varies, and the source.

The typical sizes are those of standards where a standard exists, and of ordinary retail goods otherwise. Their errors
were chosen on real photos with sensor depth (``benchmarks/study_real.py``): the error of one object includes its pose,
the detector's box and what hides a part of it. No network is trained on those photos; the painter's labels of other
photos, without depth, take their sizes and errors from here.
"""

from dataclasses import dataclass
from typing import Literal

Dimension = Literal["height", "width", "mean"]
"""Of the box; "mean" is the geometric mean of height and width, for objects seen from any side."""


@dataclass(frozen=True)
class ObjectSize:
    """The size of one class of objects.

    Attributes:
        dimension: of the box it is the size of.
        metres: its typical value.
        log_sigma: one-sigma of its log, from object to object.
        common_log_sigma: one-sigma of the log of the typical value itself: shared by all objects of the class.
        aspect: least and largest height over width of the box of a whole object.
        source: where the value comes from.
        far_share: probability that a part of it is hidden, so that it is measured too far.
        far_log: mean log factor by which it then is.
    """

    dimension: Dimension
    metres: float
    log_sigma: float
    common_log_sigma: float
    aspect: tuple[float, float]
    source: str
    far_share: float = 0.1
    far_log: float = 0.4


_RETAIL = "ordinary retail sizes"

OBJECT_SIZES: dict[str, ObjectSize] = {
    "car": ObjectSize("height", 1.5, 0.13, 0.06, (0.25, 1.3), "passenger cars, 1.40 to 1.65 m high"),
    "bus": ObjectSize("height", 3.1, 0.15, 0.12, (0.25, 1.8), "single-deck buses, 2.9 to 3.2 m high; two decks 4.3"),
    "truck": ObjectSize("height", 2.9, 0.28, 0.15, (0.3, 1.8), "vans 2.0 m to lorries 4.0 m high (EU limit 4.0)"),
    "train": ObjectSize("height", 3.9, 0.20, 0.10, (0.1, 1.6), "standard-gauge vehicles, 3.7 to 4.3 m over the rail"),
    "motorcycle": ObjectSize("height", 1.12, 0.15, 0.08, (0.4, 2.2), _RETAIL),
    "bicycle": ObjectSize("height", 1.05, 0.15, 0.08, (0.45, 2.4), "adult bicycles, handlebar at 1.0 to 1.1 m"),
    "traffic light": ObjectSize("height", 0.9, 0.35, 0.30, (1.3, 4.5), "three lenses of 0.2 or 0.3 m (ITE, EN 12368)"),
    "fire hydrant": ObjectSize("height", 0.72, 0.15, 0.08, (1.0, 3.0), "pillar hydrants, 0.6 to 0.8 m"),
    "stop sign": ObjectSize("height", 0.76, 0.12, 0.08, (0.7, 1.5), "MUTCD R1-1: 30 inches on conventional roads"),
    "bench": ObjectSize("height", 0.85, 0.22, 0.12, (0.15, 1.6), "seat at 0.45 m, back to 0.8 to 0.9 m", 0.25, 0.4),
    "chair": ObjectSize("mean", 0.79, 0.28, 0.12, (0.7, 2.6), "seat at 0.45 m, back to 0.8 to 1.1 m", 0.28, 0.6),
    "couch": ObjectSize("height", 0.85, 0.20, 0.12, (0.2, 1.2), _RETAIL, 0.2, 0.4),
    "bed": ObjectSize("mean", 1.07, 0.26, 0.15, (0.2, 1.4), "mattresses 0.9 to 1.8 m wide, top at 0.5 m", 0.2, 0.4),
    "dining table": ObjectSize(
        "mean", 1.02, 0.26, 0.15, (0.2, 1.3), "tops at 0.72 to 0.76 m (EN 527, EN 15185)", 0.25, 0.4
    ),
    "toilet": ObjectSize("mean", 0.60, 0.20, 0.10, (0.7, 2.6), "seat at 0.40 m (EN 33), cistern to 0.8 m", 0.2, 0.4),
    "sink": ObjectSize("width", 0.47, 0.20, 0.12, (0.12, 1.0), "basins 0.40 to 0.60 m wide (EN 31)", 0.2, 0.6),
    "refrigerator": ObjectSize(
        "mean", 1.12, 0.24, 0.12, (1.0, 3.5), "0.60 to 0.90 m wide, 1.4 to 2.0 m high", 0.2, 0.4
    ),
    "oven": ObjectSize(
        "mean", 0.75, 0.28, 0.18, (0.5, 1.8), "EN 1116: 0.60 m modules; ranges 0.76 by 0.91 m", 0.2, 0.4
    ),
    "microwave": ObjectSize("mean", 0.43, 0.24, 0.12, (0.35, 1.1), "about 0.28 by 0.50 m", 0.15, 0.4),
    "suitcase": ObjectSize("height", 0.65, 0.25, 0.12, (0.5, 2.6), "cabin cases 0.55 m, large ones 0.75 m"),
    "backpack": ObjectSize("height", 0.48, 0.25, 0.12, (0.7, 2.4), _RETAIL, 0.2, 0.4),
    "potted plant": ObjectSize("mean", 0.45, 0.38, 0.18, (0.5, 3.0), _RETAIL),
    "vase": ObjectSize("mean", 0.20, 0.35, 0.18, (0.7, 4.0), _RETAIL),
    "clock": ObjectSize("mean", 0.29, 0.33, 0.18, (0.75, 1.4), "wall clocks, 0.25 to 0.35 m"),
    "laptop": ObjectSize(
        "width", 0.34, 0.20, 0.10, (0.4, 1.2), "13 to 16 inch screens, 0.30 to 0.36 m wide", 0.15, 0.4
    ),
    "keyboard": ObjectSize(
        "width", 0.44, 0.16, 0.08, (0.15, 0.7), "full-size keyboards 0.43 to 0.46 m wide", 0.15, 0.4
    ),
    "mouse": ObjectSize("mean", 0.085, 0.20, 0.10, (0.4, 2.2), "0.06 by 0.11 m"),
    "book": ObjectSize("mean", 0.20, 0.28, 0.15, (0.2, 6.0), "A5 to A4 (ISO 216), thickness 0.03 m seen from the back"),
    "bottle": ObjectSize("mean", 0.135, 0.27, 0.15, (1.4, 5.0), "0.5 l 0.22 by 0.065 m, 0.75 l wine 0.30 by 0.075 m"),
    "wine glass": ObjectSize("height", 0.20, 0.18, 0.10, (1.2, 3.6), "0.17 to 0.23 m"),
    "cup": ObjectSize("mean", 0.100, 0.16, 0.08, (0.7, 1.9), "mugs 0.095 m high, 0.08 m wide, 0.12 m with the handle"),
    "horse": ObjectSize("height", 1.75, 0.18, 0.08, (0.5, 2.4), "withers at 1.5 to 1.7 m, head above"),
    "cow": ObjectSize("height", 1.45, 0.18, 0.08, (0.4, 1.8), "withers at 1.35 to 1.5 m"),
    "sheep": ObjectSize("height", 0.80, 0.20, 0.10, (0.5, 1.8), "withers at 0.65 to 0.8 m, head above"),
    "zebra": ObjectSize("height", 1.50, 0.18, 0.08, (0.5, 2.2), "withers at 1.3 m, head above"),
    "elephant": ObjectSize("height", 2.80, 0.25, 0.10, (0.5, 1.6), "adults, 2.3 to 3.3 m at the shoulder"),
    "giraffe": ObjectSize("height", 4.50, 0.20, 0.08, (1.0, 4.0), "adults, 4.0 to 5.5 m"),
}
"""Class of the COCO list -> its size. Classes of too many sizes (tv, boat, bird, ball) are none."""

SCREENS_AND_PICTURES = ("tv", "laptop", "cell phone", "book")
"""What is inside the box of one of these is a picture on it, and its size there is uninformative."""
