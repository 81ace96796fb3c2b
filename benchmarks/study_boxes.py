"""People searched around the boxes of an object detector, against overlapping crops: who is found, and how fast.

    python benchmarks/study_boxes.py PHOTOS [--every K]

PHOTOS is a folder of pictures, searched through. For each person box of the detector that is upright, whole and surer
than ``SURE``, the table says whether a person of a score that counts was found there by either search; the last lines
count the people used that have no box, and give the processor seconds of either search by the number of people used.
The numbers of docs/results/people.md come from here.
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mfh.geometry.camera import view_of
from mfh.geometry.masks import box_iou
from mfh.io.photo import load_photo
from mfh.landmarks.detector_check import agreement, person_boxes
from mfh.models.human_mesh.blazepose import BlazePose
from mfh.models.objects.nanodet import NanoDetObjects
from mfh.types import DetectedObject, Person

SURE, UPRIGHT, SAME = 0.45, 1.8, 0.3
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
HEIGHTS_PX = (40, 60, 100, 160, 300, 10_000)
WAYS = ("overlapping crops", "boxes")


@dataclass
class Found:
    """What both searches found, over all photos.

    Attributes:
        boxes: by height class, the number of boxes.
        in_boxes: by height class and way, those with a person of a score that counts.
        unseen: by way, people of such a score that the detector does not see.
        seconds: by number of people used with boxes, processor seconds of either way.
    """

    boxes: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    in_boxes: dict[tuple[int, str], int] = field(default_factory=lambda: defaultdict(int))
    unseen: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    seconds: dict[int, list[tuple[float, ...]]] = field(default_factory=lambda: defaultdict(list))


def study_photo(path: Path, model: BlazePose, detector: NanoDetObjects, found: Found) -> None:
    """Search one photo both ways, and add what is found."""
    rgb = view_of(load_photo(str(path))).rgb
    objects = detector.detect(rgb)
    used: dict[str, list[Person]] = {}
    seconds = []
    for way, boxes in ((WAYS[0], None), (WAYS[1], [person_boxes(objects)])):
        begin = time.process_time()
        (people,) = model.segment([rgb], boxes=boxes)
        seconds.append(time.process_time() - begin)
        used[way] = [one for one in people if one.score >= model.min_score]
        found.unseen[way] += sum(score == 0 for score in agreement(used[way], objects))
    found.seconds[len(used[WAYS[1]])].append(tuple(seconds))
    for box in upright_boxes(objects, rgb.shape[:2]):
        height = next(k for k, limit in enumerate(HEIGHTS_PX) if box[3] - box[1] < limit)
        found.boxes[height] += 1
        for way, people in used.items():
            found.in_boxes[height, way] += any(box_iou(box, one.box_xyxy[None])[0] >= SAME for one in people)


def upright_boxes(objects: Sequence[DetectedObject], shape: tuple[int, ...]) -> list[np.ndarray]:
    """Return the boxes of persons who stand, wholly in the picture."""
    boxes = [np.array(one.box_xyxy) for one in objects if one.label == "person" and one.score >= SURE]
    inside = [box for box in boxes if box[:2].min() > 2 and box[2] < shape[1] - 3 and box[3] < shape[0] - 3]
    return [box for box in inside if box[3] - box[1] >= max(HEIGHTS_PX[0], UPRIGHT * (box[2] - box[0]))]


def print_tables(found: Found, photos: int) -> None:
    """Print both tables in Markdown."""
    print(
        f"{photos} photos\n\n| height of the box, px | boxes | used: {WAYS[0]} | used: {WAYS[1]} |\n|---|---|---|---|"
    )
    for height in sorted(found.boxes):
        name = f"{HEIGHTS_PX[height - 1]}-{HEIGHTS_PX[height]}".replace("300-10000", "above 300")
        counts = " | ".join(str(found.in_boxes[height, way]) for way in WAYS)
        print(f"| {name} | {found.boxes[height]} | {counts} |")
    print(f"\npeople used whom the detector does not see: {', '.join(f'{way} {found.unseen[way]}' for way in WAYS)}\n")
    print(f"| people used | photos | seconds, median: {WAYS[0]} | {WAYS[1]} |\n|---|---|---|---|")
    for people, seconds in sorted(found.seconds.items()):
        crops, boxes = np.median(np.array(seconds), axis=0)
        print(f"| {people} | {len(seconds)} | {crops:.2f} | {boxes:.2f} |")


def main() -> None:
    """Search, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--every", type=int, default=1, help="only every K-th photo, by name")
    args = parser.parse_args()
    paths = sorted(path for path in args.photos.rglob("*") if path.suffix.lower() in SUFFIXES)[:: args.every]
    model, detector, found = BlazePose(), NanoDetObjects(), Found()
    for path in paths:
        study_photo(path, model, detector, found)
    print_tables(found, len(paths))


if __name__ == "__main__":
    main()
