"""How well BlazePose finds and measures rendered people of known stature, distance and outline.

Needs the ``train`` extra (the path tracer) and the BlazePose files. Ten bodies ship with the package; a bank made by
``python -m mfh_lab.pocket.world.bodies`` has hundreds. The numbers of docs/results/people.md come from here.

    python benchmarks/study_people.py --count 60 --bank bodies.npz --split test
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mfh.geometry.camera import camera_from_focal_px
from mfh.geometry.masks import erode_3x3
from mfh.geometry.rasterize import rasterize_depth
from mfh.models.human_mesh.blazepose import BlazePose
from mfh.models.human_mesh.body_translation import STATURE_M
from mfh_lab.pocket.world.bodies import BodyBank, load_bank, sample_bank_path
from mfh_lab.pocket.world.scenes import draw_scene, render

WIDTH, HEIGHT = 640, 480
MIN_PIXELS = 250
"""People who show fewer pixels are not counted as missed."""
SURE = 0.6
"""Score from which a person is used."""
CHILD_M = 1.5
"""Shorter people are counted apart: the landmark network takes them for adults."""


@dataclass(frozen=True)
class Case:
    """One rendered person: how high they are in the picture, and what was measured where they were found."""

    height_px: float
    stature_m: float
    score: float
    mask_iou: float = 0.0
    body_iou: float = float("nan")
    log_depth: float = float("nan")
    log_depth_sigma: float = float("nan")


def study_scene(seed: int, bank: BodyBank, model: BlazePose, *, split: str) -> tuple[list[Case], list[float]]:
    """Render one scene and measure its people; returns them and the scores of people who are not there."""
    scene = draw_scene(seed, bank, split=split, size=(WIDTH, HEIGHT))
    picture = render(scene, bank, people=scene.people, samples=6)
    camera = camera_from_focal_px(picture.f_px, width=WIDTH, height=HEIGHT)
    rgb = picture.rgb.astype(np.float32) / 255
    found = model.segment([rgb])[0]
    bodies = model.measure(rgb, found, camera)
    cases, matched = [], set()
    for truth in picture.people:
        seen = picture.ids == truth.person_id
        if seen.sum() < MIN_PIXELS:
            continue
        rows = np.flatnonzero(seen.any(1))
        overlaps = [float((p.instance_mask & seen).sum() / (p.instance_mask | seen).sum()) for p in found]
        best = int(np.argmax(overlaps)) if overlaps else -1
        if best < 0 or overlaps[best] < 0.5:
            cases.append(Case(float(np.ptp(rows)), truth.stature_m, 0.0))
            continue
        matched.add(best)
        person, body = found[best], bodies[best]
        if body is None:
            cases.append(Case(float(np.ptp(rows)), truth.stature_m, person.score, overlaps[best]))
            continue
        depth_m = rasterize_depth(body.vertices_m, body.faces, camera)
        silhouette = np.isfinite(depth_m)
        both = erode_3x3(silhouette & person.instance_mask) & seen
        cases.append(
            Case(
                float(np.ptp(rows)),
                truth.stature_m,
                person.score,
                overlaps[best],
                float((silhouette & person.instance_mask).sum() / (silhouette | person.instance_mask).sum()),
                float(np.log(np.mean(depth_m[both] / picture.depth_m[both]))) if both.sum() >= 20 else float("nan"),
                body.log_depth_sigma or float("nan"),
            )
        )
    return cases, [person.score for k, person in enumerate(found) if k not in matched]


def _spread(values: np.ndarray) -> str:
    values = values[np.isfinite(values)]
    if not len(values):
        return "no person"
    middle = np.median(values)
    robust = 1.4826 * np.median(np.abs(values - middle))
    return (
        f"median {middle:+.3f}, robust sd {robust:.3f}, sd {values.std():.3f}, |median| {np.median(np.abs(values)):.3f}"
    )


def main() -> None:
    """Render, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bank", type=Path, default=sample_bank_path())
    parser.add_argument("--split", default="test")
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    bank, model = load_bank(args.bank), BlazePose()
    cases: list[Case] = []
    unmatched: list[float] = []
    for seed in range(args.seed, args.seed + args.count):
        more, strangers = study_scene(seed, bank, model, split=args.split)
        cases += more
        unmatched += strangers
    for low, high in ((0, 80), (80, 160), (160, 1000)):
        those = [one for one in cases if low <= one.height_px < high]
        print(f"{low:4d}-{high} px tall: found {sum(one.score > 0 for one in those)} of {len(those)}")
    found = [one for one in cases if one.score > 0]
    print(
        f"scored {SURE} or more: {sum(one.score >= SURE for one in found)} people, "
        f"{sum(score >= SURE for score in unmatched)} not"
    )
    print(f"mask IoU {np.median([one.mask_iou for one in found]):.3f}", end=", ")
    print(f"body IoU with the mask {np.nanmedian([one.body_iou for one in found]):.3f}")
    adults = [one for one in found if one.stature_m > CHILD_M]
    log_depth = np.array([one.log_depth for one in adults])
    stature = np.log([one.stature_m / STATURE_M for one in adults])
    sigma = np.array([one.log_depth_sigma for one in adults])
    print(f"log depth error of {len(adults)} adults: {_spread(log_depth)}")
    print(f"  once stature is known: {_spread(log_depth + stature)}")
    print(f"  over its error bar: {_spread(log_depth / sigma)}")
    print(f"  children: {_spread(np.array([one.log_depth for one in found if one.stature_m <= CHILD_M]))}")


if __name__ == "__main__":
    main()
