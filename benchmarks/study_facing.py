"""How far away BlazePose places people seen from the front, the side and behind: the evidence for BACK_LOG_DEPTH.

Rendered people have a known distance: the sprites of the package, pasted into a plain picture. Real people in photos of
unknown focal length have none, but a known mean height: at the predicted distance their height in the picture is one in
metres, with shoes and hair, whatever the focal length. People count who stand or walk upright, wholly in the picture.
The numbers of docs/results/people.md come from here; needs the BlazePose files. The correction is left out.

    python benchmarks/study_facing.py photos/*.jpg
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from mfh.io.photo import load_photo
from mfh.models.human_mesh.blazepose import BlazePose
from mfh.models.human_mesh.body_translation import STATURE_M, facing, facing_factor, place_body
from mfh.models.painters.pasting import Sprite, load_sprites
from mfh.types import Camera, Person, PoseLandmarks

SURE = 0.6
ADULT_M = 1.5
MIN_HEIGHT_PX = 90
EDGE_PX = 4
LEAST_VISIBLE = 0.35
LEAST_KNEE_DEG = 150
MOST_LEAN = 0.25
CANVAS = (560, 480)
FIGURE_PX = 360
BINS = (-1.01, -0.6, -0.2, 0.2, 0.6, 1.01)


@dataclass(frozen=True)
class Case:
    """One person: cosine of the facing, and log of predicted distance over the true one up to a constant."""

    facing: float
    log_distance: float


def distance_m(pose: PoseLandmarks, camera: Camera) -> float | None:
    """Return the predicted distance, without the correction for the facing."""
    placement = place_body(pose, camera)
    return None if placement is None else float(placement.T_camera_body[2]) / facing_factor(pose.world_m)


def rendered(model: BlazePose, sprite: Sprite) -> Case | None:
    """Paste a sprite into a grey picture and measure it against its own size."""
    step = FIGURE_PX / sprite.rgba.shape[0]
    rgba = cv2.resize(sprite.rgba.astype(np.float32) / 255, None, fx=step, fy=step, interpolation=cv2.INTER_AREA)
    height, width = rgba.shape[:2]
    left, top = (CANVAS[1] - width) // 2, (CANVAS[0] - height) // 2
    if sprite.stature_m < ADULT_M or left < 0:
        return None
    rgb = np.full((*CANVAS, 3), 0.5, np.float32)
    view = rgb[top : top + height, left : left + width]
    view[:] = view * (1 - rgba[..., 3:]) + rgba[..., :3] * rgba[..., 3:]
    camera = Camera(700.0, 700.0, (CANVAS[1] - 1) / 2, (CANVAS[0] - 1) / 2, CANVAS[1], CANVAS[0])
    box = (float(left), float(top), float(left + width), float(top + height))
    people = model.segment([rgb], boxes=[[box]])[0]
    if not people or people[0].pose is None:
        return None
    predicted = distance_m(people[0].pose, camera)
    true = camera.fx / (sprite.px_per_m * step)
    if predicted is None:
        return None
    return Case(facing(people[0].pose.world_m), float(np.log(predicted / true * sprite.stature_m / STATURE_M)))


def upright(person: Person, shape: tuple[int, ...]) -> bool:
    """Return whether a person is wholly in a photo, stands or walks, and is seen from head to foot."""
    left, top, right, bottom = person.box_xyxy.tolist()
    pose = person.pose
    if pose is None or person.score < SURE or bottom - top < MIN_HEIGHT_PX:
        return False
    if top < EDGE_PX or bottom > shape[0] - EDGE_PX or left < 1 or right > shape[1] - 2:
        return False
    if pose.visibility[[11, 12, 23, 24, 25, 26, 27, 28]].min() < LEAST_VISIBLE:
        return False
    chain = np.diff([pose.image_px[[k, k + 1]].mean(0) for k in (11, 23, 25, 27)], axis=0)
    knees = [_angle_deg(pose.world_m[k], pose.world_m[k + 2], pose.world_m[k + 4]) for k in (23, 24)]
    return bool((abs(chain[:, 0]) < MOST_LEAN * abs(chain[:, 1])).all() and max(knees) > LEAST_KNEE_DEG)


def _angle_deg(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> float:
    cosine = (a - b) @ (c - b) / (np.linalg.norm(a - b) * np.linalg.norm(c - b))
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def real(model: BlazePose, photo: Path) -> Iterator[Case]:
    """Yield the upright people of a photo, with the height of their masks at the predicted distance."""
    rgb = load_photo(photo).pixels.astype(np.float32) / 255
    height, width = rgb.shape[:2]
    # A long lens: with another focal length all distances scale alike.
    f_px = 1.2 * max(height, width)
    camera = Camera(f_px, f_px, (width - 1) / 2, (height - 1) / 2, width, height)
    for person in model.segment([rgb], boxes=[[]])[0]:
        if person.pose is not None and upright(person, rgb.shape):
            predicted = distance_m(person.pose, camera)
            tall_px = float(person.box_xyxy[3] - person.box_xyxy[1])
            if predicted is not None:
                yield Case(facing(person.pose.world_m), float(np.log(tall_px / f_px * predicted)))


def report(title: str, cases: list[Case]) -> None:
    """Print medians by facing, and the slope: log of the distance from the front over that from behind."""
    towards = np.array([one.facing for one in cases])
    logs = np.array([one.log_distance for one in cases])
    print(f"{title}: {len(cases)} people")
    for low, high in zip(BINS[:-1], BINS[1:], strict=True):
        own = (towards >= low) & (towards < high)
        if own.any():
            print(f"  facing {low:+.1f} to {high:+.1f}: {own.sum():3d}, median {np.exp(np.median(logs[own])):.3f}")
    away = np.stack([(1 - towards) / 2, np.ones(len(cases))], 1)
    weights, residual, fit = np.ones(len(cases)), logs, np.zeros(2)
    for _ in range(20):
        root = np.sqrt(weights)
        fit = np.linalg.lstsq(away * root[:, None], logs * root, rcond=None)[0]
        residual = logs - away @ fit
        weights = 1 / (1 + np.square(residual / 0.06))
    variance = np.average(np.square(residual), weights=weights)
    error = np.sqrt(np.linalg.inv(away.T @ (away * weights[:, None]))[0, 0] * variance)
    print(f"  from the front {np.exp(fit[1]):.3f}; log from behind {fit[0]:+.3f}, standard error {error:.3f}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", nargs="*", type=Path)
    args = parser.parse_args()
    model = BlazePose()
    pasted = [rendered(model, sprite) for sprite in load_sprites()]
    report("rendered, over the true distance", [one for one in pasted if one is not None])
    people = [one for photo in args.photos for one in real(model, photo)]
    if people:
        report("real, height in metres", people)


if __name__ == "__main__":
    main()
