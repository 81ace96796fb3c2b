"""People on screens, posters and prints against real ones: how many of each the gate rejects, and what it rests on.

    python benchmarks/study_pictures.py --rooms ../shared/data/real_val/nyu --people ../shared/data/photos_real
        [--pasted 140] [--photos 200] [--fit]

Photos of people are pasted onto planes of the rooms (their sensor depth says where a plane is and how it leans), with a
bezel, a frame, a mat, a white edge or nothing around; real people are those of the photos themselves, and people in
openings: the same photos with a wall painted around the person, down to the floor ("door") or the waist ("window": no
picture tells it from a print). ``--fit`` fits the weights of ``mfh.landmarks.in_picture`` to pasted and real people.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import astuple, fields
from pathlib import Path

import cv2
import numpy as np
from numpy import ndarray

from mfh.geometry.rectangles import find_rectangle, holds
from mfh.io.photo import load_photo
from mfh.io.read_depth import read_depth
from mfh.landmarks.in_picture import PictureFeatures, in_picture, picture_features, small_depth
from mfh.models.human_mesh.blazepose import BlazePose
from mfh.models.relative_depth.pocket import PocketRelativeDepth
from mfh.types import Person

_BORDERS = ("bezel", "frame", "mat", "white edge", "nothing")
_LEAST_PERSON = 0.45
"""Height of the tallest person, over the photo's, of photos that are pasted."""
_TRIES = 60


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rooms", type=Path, required=True)
    parser.add_argument("--people", type=Path, required=True, help="photos with an index.jsonl that counts persons")
    parser.add_argument("--pasted", type=int, default=140)
    parser.add_argument("--photos", type=int, default=200)
    parser.add_argument("--fit", action="store_true")
    args = parser.parse_args()
    rng = np.random.default_rng(5)
    rows = [json.loads(line) for line in (args.people / "index.jsonl").read_text().splitlines()]
    rows = [rows[k] for k in rng.permutation(len(rows))]
    posed = [args.people / row["file"] for row in rows if row["det_person_h"] >= _LEAST_PERSON]
    crowd = [args.people / row["file"] for row in rows if row["det_persons"] > 0][: args.photos]
    looker = _Looker()
    signs_of: dict[str, list[list[PictureFeatures]]] = {}
    for kind, rgb, corners in _pasted(sorted(args.rooms.iterdir()), posed, args.pasted, rng):
        inside = [signs for person, signs in looker.people(rgb) if _is_inside(person, corners)]
        signs_of.setdefault(f"pasted, {kind}", []).extend(inside)
    for path in crowd:
        rgb = load_photo(path).rgb
        found = looker.people(rgb)
        signs_of.setdefault("real people", []).extend(signs for _, signs in found)
        for name, down_to in (("door", 1.0), ("window", 0.55)):
            for walled, person in _walled(rgb, [person for person, _ in found], down_to, rng):
                signs_of.setdefault(f"real people, {name}", []).append(looker.signs(walled, [person])[0])
    for name, people in signs_of.items():
        rejected = sum(any(in_picture(one) for one in signs) for signs in people)
        print(f"{name:<24} {rejected} of {len(people)} rejected")
    if args.fit:
        pictured = [
            signs[0] for name, people in signs_of.items() if name.startswith("pasted") for signs in people if signs
        ]
        _print_fit(pictured, [signs[0] for signs in signs_of["real people"] if signs])


class _Looker:
    """The models of the pocket preset, and what they see of people."""

    def __init__(self) -> None:
        self._blazepose, self._depth = BlazePose(), PocketRelativeDepth()

    def people(self, rgb: ndarray) -> list[tuple[Person, list[PictureFeatures]]]:
        """Return the sure people of a photo, with the signs of every border that holds them."""
        people = [one for one in self._blazepose.segment([rgb])[0] if one.score >= self._blazepose.min_score]
        return list(zip(people, self.signs(rgb, people), strict=True))

    def signs(self, rgb: ndarray, people: list[Person]) -> list[list[PictureFeatures]]:
        """Return the signs of every border that holds each of these people."""
        depth = small_depth(self._depth.predict([rgb])[0].values)
        found = [find_rectangle(rgb, one.box_xyxy, one.instance_mask) for one in people]
        borders = [one for one in found if one is not None]
        return [
            [picture_features(b, depth, one.instance_mask) for b in borders if holds(b, one.instance_mask)]
            for one in people
        ]


def _pasted(
    rooms: list[Path], photos: list[Path], count: int, rng: np.random.Generator
) -> Iterator[tuple[str, ndarray, ndarray]]:
    """Yield the kind of border, the room with a picture in it, and the picture's corners."""
    made = 0
    for k in range(5 * count):
        if made == count:
            return
        room, photo = rooms[int(rng.integers(len(rooms)))], load_photo(photos[k % len(photos)]).rgb
        if rng.random() < 0.5:
            photo = photo[: int(len(photo) * rng.uniform(0.5, 0.75))]
        kind = str(rng.choice(_BORDERS, p=[0.35, 0.25, 0.15, 0.15, 0.1]))
        picture = _bordered(photo, kind, rng)
        rgb = load_photo(room / "rgb.jpg").rgb
        corners = _plane(room, picture.shape[1] / len(picture), (110, 150, 200, 260)[k % 4], rng)
        if corners is not None:
            made += 1
            yield kind, _composite(rgb, picture, corners, lit=kind == "bezel", rng=rng), corners


def _bordered(photo: ndarray, kind: str, rng: np.random.Generator) -> ndarray:
    side = min(photo.shape[:2])

    def border(picture: ndarray, width: float, colour: object) -> ndarray:
        px = max(3, round(side * width))
        value = np.broadcast_to(np.asarray(colour, float), 3).tolist()
        return cv2.copyMakeBorder(picture, px, px, px, px, cv2.BORDER_CONSTANT, value=value).astype(np.float32)

    woods = ((0.35, 0.22, 0.12), (0.05, 0.05, 0.05), (0.9, 0.9, 0.88), (0.6, 0.5, 0.25))
    wood = woods[int(rng.integers(4))]
    if kind == "bezel":
        return border(np.clip(photo * rng.uniform(1, 1.25), 0, 1), rng.uniform(0.015, 0.04), rng.uniform(0.01, 0.12))
    if kind == "frame":
        return border(photo, rng.uniform(0.03, 0.08), wood)
    if kind == "mat":
        return border(border(photo, rng.uniform(0.06, 0.15), 0.93), rng.uniform(0.03, 0.08), wood)
    return border(photo, rng.uniform(0.02, 0.06), 0.93) if kind == "white edge" else photo


def _plane(room: Path, aspect: float, height_px: float, rng: np.random.Generator) -> ndarray | None:
    """Return corners of an upright rectangle on a plane of a room, as its camera sees it."""
    depth_m = np.nan_to_num(read_depth(room / "depth.png", unit="mm", kind="z").depth_m.astype(np.float64))
    k = json.loads((room / "intrinsics.json").read_text())
    height, width = depth_m.shape
    rows, columns = np.mgrid[:height, :width]
    points = np.stack([(columns - k["cx"]) / k["fx"] * depth_m, (rows - k["cy"]) / k["fy"] * depth_m, depth_m], -1)
    for _ in range(_TRIES):
        wide, tall = int(rng.integers(60, 160)), int(rng.integers(60, 160))
        left, top = int(rng.integers(10, width - wide - 10)), int(rng.integers(10, int(0.75 * height) - tall // 2))
        patch = points[top : top + tall : 4, left : left + wide : 4].reshape(-1, 3)
        patch = patch[patch[:, 2] > 0.3]
        if len(patch) < 100:
            continue
        middle = patch.mean(0)
        normal = np.linalg.svd(patch - middle, full_matrices=False)[2][2]
        normal *= -np.sign(normal[2])
        if np.percentile(np.abs((patch - middle) @ normal), 95) > 0.012 * middle[2] or -normal[2] < 0.35:
            continue
        up = np.array([0, -1.0, 0]) + normal[1] * normal
        right = np.cross(up, normal)
        right *= np.sign(right[0])
        half = height_px * middle[2] / k["fy"] / 2
        signs = ((-1, 1), (1, 1), (1, -1), (-1, -1))
        corners_m = np.array([middle + half * (a * aspect * right + b * up) / np.linalg.norm(up) for a, b in signs])
        corners = corners_m[:, :2] / corners_m[:, 2:] * [k["fx"], k["fy"]] + [k["cx"], k["cy"]]
        if (corners < 8).any() or (corners > [width - 8, height - 8]).any():
            continue
        region = np.zeros((height, width), np.uint8)
        cv2.fillConvexPoly(region, corners.astype(np.int32), 1)
        covered = points[(region > 0) & (depth_m > 0.3)]
        if len(covered) and np.percentile(np.abs((covered - middle) @ normal), 90) < 0.05 * middle[2]:
            return corners
    return None


def _composite(rgb: ndarray, picture: ndarray, corners: ndarray, *, lit: bool, rng: np.random.Generator) -> ndarray:
    """Paste a picture, at three times the size and averaged; prints are as bright as the wall, screens are not."""
    height, width = rgb.shape[:2]
    tall, wide = picture.shape[:2]
    to_photo = cv2.getPerspectiveTransform(
        np.array([[0, 0], [wide, 0], [wide, tall], [0, tall]], np.float32), (3 * (corners + 0.5)).astype(np.float32)
    )
    shrink = 3 * float(np.linalg.norm(corners[3] - corners[0])) / tall
    picture = cv2.GaussianBlur(picture, (0, 0), 0.3 / shrink) if shrink < 1 else picture
    size = (3 * width, 3 * height)
    both = cv2.warpPerspective(picture, to_photo, size), cv2.warpPerspective(np.ones_like(picture), to_photo, size)
    colour, alpha = (cv2.resize(each, (width, height), interpolation=cv2.INTER_AREA) for each in both)
    light = 1.0 if lit else float(np.clip(0.35 + rgb[alpha[..., 0] > 0.5].mean(), 0.4, 1.1))
    mixed = rgb * (1 - alpha) + np.minimum(colour * light, 1)
    return np.clip(mixed + rng.normal(0, 0.008, mixed.shape), 0, 1).astype(np.float32)


def _walled(
    rgb: ndarray, people: list[Person], down_to: float, rng: np.random.Generator
) -> Iterator[tuple[ndarray, Person]]:
    """Yield the photo with a wall around a person who stands in full view: left, right, above, and below the waist."""
    height, width = rgb.shape[:2]
    for person in people:
        left, top, right, bottom = person.box_xyxy
        tall, wide = bottom - top, right - left
        whole = person.pose is not None and person.pose.visibility[[27, 28]].min() > 0.5
        if not whole or not 0.3 < tall / height < 0.85 or left < 0.1 * width or right > 0.9 * width:
            continue
        opening = np.zeros((height, width), bool)
        sides = (max(4, int(left - rng.uniform(0.15, 0.6) * wide)), int(right + rng.uniform(0.15, 0.6) * wide))
        begin, end = max(4, int(top - rng.uniform(0.05, 0.2) * tall)), int(top + down_to * (1.03 * tall))
        opening[begin:end, sides[0] : sides[1]] = True
        px = max(2, round(0.03 * tall))
        grown = cv2.dilate(opening.astype(np.uint8), np.ones((2 * px + 1, 2 * px + 1))) > 0
        if down_to >= 1:
            opening[end:], grown[end:] = True, False
        shade = np.linspace(1.03, 0.95, width)[None, :, None] * rng.uniform(0.45, 0.9)
        frame = (0.95, 0.2, 0.1)[int(rng.integers(3))]
        walled = np.where(opening[..., None], rgb, np.where(grown[..., None], frame, shade))
        mask = person.instance_mask & opening
        rows, columns = np.nonzero(mask)
        if len(rows) > 60:
            box = np.array([columns.min(), rows.min(), columns.max(), rows.max()], float)
            noisy = np.clip(walled + rng.normal(0, 0.006, walled.shape), 0, 1).astype(np.float32)
            yield noisy, Person(box, mask, person.score, person.pose)
        return


def _is_inside(person: Person, corners: ndarray) -> bool:
    middle = (person.box_xyxy[:2] + person.box_xyxy[2:]) / 2
    return cv2.pointPolygonTest(corners.astype(np.float32), middle.tolist(), False) > 0


def _print_fit(pictured: list[PictureFeatures], real: list[PictureFeatures], ridge: float = 0.02) -> None:
    """Fit a logistic sum by Newton's method, on standardised signs."""
    x = np.array([astuple(one) for one in (*pictured, *real)])
    y = np.repeat([1.0, 0.0], [len(pictured), len(real)])
    mean, std = x.mean(0), x.std(0)
    design = np.c_[(x - mean) / std, np.ones(len(x))]
    damping = ridge * np.diag([*[1.0] * x.shape[1], 1e-6])
    weight = np.zeros(design.shape[1])
    for _ in range(60):
        odds = 1 / (1 + np.exp(-design @ weight))
        hessian = (design * (odds * (1 - odds))[:, None]).T @ design / len(y) + damping
        weight -= np.linalg.solve(hessian, design.T @ (odds - y) / len(y) + damping @ weight)
    own = weight[:-1] / std
    print(", ".join(f"{one.name} {value:.1f}" for one, value in zip(fields(PictureFeatures), own, strict=True)))
    print(f"bias {weight[-1] - own @ mean:.1f}, {len(pictured)} pasted and {len(real)} real people inside borders")


if __name__ == "__main__":
    main()
