"""Real photos with sensor depth: how far off the sizes are at which people would be painted, by group of photos.

    python benchmarks/study_real_sizes.py [--root ../shared/data/real_val]... [--every K] [--weights painter.onnx]

A photo is asked for sixteen places as the painting loop does, with its masks and seeds. At each, the predicted pixels
per metre is compared with f / z at the foot; the photo's error is the median of its log, and positive is too far: too
few pixels per metre. The numbers of docs/reference/pocket_painter_card.md come from here.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mfh.errors import InputError, one_line
from mfh.models.painters.person_prior import WEIGHTS, PersonPrior
from mfh.pipeline.planning import painting_seed, strip_paint_mask
from mfh_lab.evaluation.protocols import EvaluationView, view
from real_tables import NEAR_M
from study_real import ROOT, RULES, facts_of, open_sets

PLACES = 16
HOLDS_80 = 1.2816
AROUND = 4
"""Pixels around a foot whose median depth counts: lidar is sparse."""


@dataclass(frozen=True)
class PhotoSizes:
    """The sizes predicted in one photo.

    Attributes:
        group: "rooms", "close-ups" or "streets".
        places: at which a person could stand and there is a true depth.
        log_error: median over them, positive is too far; NaN without any.
        log_sigma: median that the prior states; NaN without any.
    """

    group: str
    places: int
    log_error: float
    log_sigma: float


def study_photo(seen: EvaluationView, group: str, prior: PersonPrior) -> PhotoSizes:
    """Return how far off the sizes in one photo are."""
    rgb, camera = seen.photo.rgb, seen.photo.camera
    errors, sigmas = [], []
    for number in range(PLACES):
        seed = painting_seed(0, number)
        mask = strip_paint_mask(seed, height=camera.height, width=camera.width, min_width=0.2, max_width=0.8)
        place = prior.predict(rgb, mask).sample(mask, np.random.default_rng(seed))
        if place is None:
            continue
        column, row = (round(side) for side in place.foot_xy_px)
        around = seen.truth_m[max(row - AROUND, 0) : row + AROUND + 1, max(column - AROUND, 0) : column + AROUND + 1]
        true_m = around[around > 0]
        if len(true_m):
            errors.append(np.log(camera.fy / float(np.median(true_m)) / place.px_per_m))
            sigmas.append(place.log_size_sigma)
    if not errors:
        return PhotoSizes(group, 0, float("nan"), float("nan"))
    return PhotoSizes(group, len(errors), float(np.median(errors)), float(np.median(sigmas)))


def line(name: str, photos: Sequence[PhotoSizes]) -> str:
    """Return one row of the Markdown table."""
    placed = [one for one in photos if one.places]
    if not placed:
        return f"| {name} | {len(photos)} | 0 | | | | | |"
    error, sigma = np.array([(one.log_error, one.log_sigma) for one in placed]).T
    holds = np.mean(np.abs(error) < HOLDS_80 * sigma)
    return (
        f"| {name} | {len(photos)} | {len(placed)} | {np.median(error):+.2f} | {np.median(np.abs(error)):.2f} | "
        f"{np.sqrt(np.mean(error**2)):.2f} | {np.median(sigma):.2f} | {holds:.0%} |"
    )


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, action="append", help=f"default: {ROOT}; may be given again")
    parser.add_argument("--every", type=int, default=1, help="only every K-th photo of each set")
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    args = parser.parse_args()
    prior, photos = PersonPrior(args.weights), []
    for set_name, dataset, name in open_sets(args.root or [ROOT], every=args.every):
        try:
            seen = view(dataset.load(name), RULES)
        except InputError as error:
            print(f"{set_name}/{name}: not measured: {one_line(error)}", flush=True)
            continue
        facts = facts_of(set_name, dataset, name, seen)
        near = "close-ups" if facts.true_m < NEAR_M else "rooms"
        photos.append(study_photo(seen, "streets" if facts.place == "outdoor" else near, prior))
    print("| photos | all | with a place | median log error | median magnitude | rms | stated sigma | 80 % holds |")
    print("|---|---|---|---|---|---|---|---|")
    for group in ("rooms", "close-ups", "streets"):
        print(line(group, [one for one in photos if one.group == group]))
    print(line("all", photos))


if __name__ == "__main__":
    main()
