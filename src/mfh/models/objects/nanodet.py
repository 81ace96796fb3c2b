"""NanoDet-g under onnxruntime: everyday objects of COCO's 80 classes as boxes; offline, on any CPU."""

import threading
from typing import TYPE_CHECKING

import cv2
import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from mfh.models.protocols import RgbOfAnySize
from mfh.models.sessions import cpu_session
from mfh.types import DetectedObject
from mfh.weights import store as weights

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

SIDE_PX = 416
"""Side of the network's input; photos are stretched to it, whatever their aspect."""
STRIDES = (8, 16, 32)
"""Pixels of the input per cell of each output map."""
BINS = 11
"""The distance from a cell's centre to each side of a box is a distribution over 0, 1, ..., 10 strides."""
MAX_OVERLAP = 0.5
"""Largest intersection over union of two boxes of one class."""
BGR_MEAN = (103.53, 116.28, 123.675)
BGR_STD = (57.375, 57.12, 58.395)

COCO_CLASSES = (
    *("person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light"),
    *("fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow"),
    *("elephant", "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee"),
    *("skis", "snowboard", "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard"),
    *("tennis racket", "bottle", "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple"),
    *("sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch"),
    *("potted plant", "bed", "dining table", "toilet", "tv", "laptop", "mouse", "remote", "keyboard", "cell phone"),
    *("microwave", "oven", "toaster", "sink", "refrigerator", "book", "clock", "vase", "scissors", "teddy bear"),
    *("hair drier", "toothbrush"),
)
"""Names of the 80 classes, in the order of the network's scores."""


class NanoDetObjects:
    """Object detector; results depend on the photo alone. The network is opened on first use."""

    name = "nanodet"
    min_score = 0.25

    def __init__(self) -> None:
        """Find and check the model file.

        Raises:
            WeightsError: where it is not on this machine and cannot be fetched, with the fix.
        """
        self._file = weights.require("nanodet") / "nanodet.onnx"
        self._session: InferenceSession | None = None
        self._opening = threading.Lock()

    def detect(self, photo: RgbOfAnySize) -> list[DetectedObject]:
        """Return the objects of a photo that score at least ``min_score``, most confident first.

        Args:
            photo: (h, w, 3) RGB in [0, 1].
        """
        with self._opening:
            if self._session is None:
                self._session = cpu_session(self._file, "object detector")
        session = self._session
        maps = [np.asarray(one)[0] for one in session.run(None, {session.get_inputs()[0].name: network_input(photo)})]
        scores, distances = np.concatenate(maps[:3]), np.concatenate(maps[3:])
        best = scores.max(1)
        cells = np.flatnonzero(best >= self.min_score)
        height, width = photo.shape[:2]
        boxes = in_photo(decoded_boxes(distances[cells], cells), height, width)
        labels, best = scores[cells].argmax(1), best[cells]
        return [
            DetectedObject(COCO_CLASSES[labels[k]], _four(boxes[k]), float(best[k]))
            for k in without_overlaps(boxes, best, labels)
            if (boxes[k, 2:] > boxes[k, :2]).all()
        ]


def network_input(photo: RgbOfAnySize) -> Float[ndarray, "1 3 416 416"]:
    """Return the network's input: the photo stretched to a square, BGR, normalized, channels first."""
    small = cv2.resize(np.ascontiguousarray(photo, np.float32), (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    normalized = (small[..., ::-1] * 255 - np.array(BGR_MEAN, np.float32)) / np.array(BGR_STD, np.float32)
    return np.ascontiguousarray(normalized.transpose(2, 0, 1)[None], np.float32)


def decoded_boxes(distances: Float[ndarray, "n 44"], cells: Int[ndarray, "n"]) -> Float[ndarray, "n 4"]:
    """Return boxes (left, top, right, bottom) in the network's input, whose top left corner is (0, 0).

    Args:
        distances: logits of the distances from the centre of the cell to left, top, right and bottom.
        cells: index of each cell among all of the three maps, row by row.
    """
    strides = np.concatenate([np.full((SIDE_PX // stride) ** 2, stride) for stride in STRIDES])
    centres = np.concatenate([_centres(stride) for stride in STRIDES])
    logits = distances.reshape(-1, 4, BINS).astype(np.float64)
    weight = np.exp(logits - logits.max(-1, keepdims=True))
    mean = (weight * np.arange(BINS)).sum(-1) / weight.sum(-1)
    reach = mean * strides[cells, None]
    return np.concatenate([centres[cells] - reach[:, :2], centres[cells] + reach[:, 2:]], 1)


def in_photo(boxes: Float[ndarray, "n 4"], height: int, width: int) -> Float[ndarray, "n 4"]:
    """Return boxes of the network's input as boxes of the photo, cut at its borders.

    The input's corner (0, 0) is the corner of the first pixel, (-0.5, -0.5) in the photo.
    """
    size = np.array([width, height, width, height], np.float64)
    return np.clip(boxes * size / SIDE_PX, 0.0, size) - 0.5


def without_overlaps(boxes: Float[ndarray, "n 4"], scores: Float[ndarray, "n"], labels: Int[ndarray, "n"]) -> list[int]:
    """Return the indices of boxes to keep, most confident first.

    A box is left out where a kept one of the same class covers it with more than :data:`MAX_OVERLAP`.
    """
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    left = np.argsort(-scores, kind="stable")
    kept = []
    while len(left):
        first, left = left[0], left[1:]
        kept.append(int(first))
        sides = np.minimum(boxes[left, 2:], boxes[first, 2:]) - np.maximum(boxes[left, :2], boxes[first, :2])
        shared = np.clip(sides, 0.0, None).prod(1)
        covered = shared > MAX_OVERLAP * (area[left] + area[first] - shared)
        left = left[~(covered & (labels[left] == labels[first]))]
    return kept


def _centres(stride: int) -> Float[ndarray, "n 2"]:
    """Return the centres (x, y) of a map's cells, row by row."""
    y, x = np.divmod(np.arange((SIDE_PX // stride) ** 2), SIDE_PX // stride)
    return (np.stack([x, y], 1) + 0.5) * stride


def _four(box: Float[ndarray, "4"]) -> tuple[float, float, float, float]:
    left, top, right, bottom = box.tolist()
    return left, top, right, bottom
