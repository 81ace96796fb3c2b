"""Real photos with sensor depth, nothing aligned: how wrong the metres are, and whether the interval says so.

    python benchmarks/study_photos.py ../shared/data/rgbd [--people auto|paint] [--painted-people known|measured]
        [--seeds 5]

A folder has one folder a photo: rgb.png, depth.npy (metres, 0 where there is none) and intrinsics.json.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from mfh import MetricFromHuman
from mfh.io.focal import FocalRequest
from mfh.io.intrinsics import read_intrinsics
from mfh.io.photo import load_photo


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--people", choices=("auto", "paint"), default="auto")
    parser.add_argument("--painted-people", choices=("known", "measured"), default="known")
    parser.add_argument("--seeds", type=int, default=5)
    args = parser.parse_args()
    pipeline = MetricFromHuman.from_preset("pocket", people=args.people, painted_people=args.painted_people)
    base = pipeline.config
    by_seed: dict[int, list[float]] = {}
    for folder in sorted(path.parent for path in args.folder.glob("*/depth.npy")):
        focal = FocalRequest(intrinsics=read_intrinsics(folder / "intrinsics.json"))
        photo = load_photo(folder / "rgb.png", focal=focal)
        truth_m = np.load(folder / "depth.npy")
        errors, held = [], 0
        for seed in range(args.seeds):
            pipeline.config = replace(base, seed=seed)
            result = pipeline(photo)
            seen = (truth_m > 0) & result.valid_mask
            ratio = result.depth_m[seen] / truth_m[seen]
            errors.append(float(np.abs(ratio - 1).mean()))
            assert result.interval is not None, "every answer has an interval"
            low, high = result.interval.level_80
            held += low <= 1 / np.median(ratio) <= high
            if result.attempts:
                by_seed.setdefault(seed, []).append(errors[-1])
            elif seed == 0:
                # Without a painted person there is nothing random.
                break
        each = " ".join(f"{error:.3f}" for error in errors)
        print(f"{folder.name:<20} AbsRel {np.mean(errors):.3f} ({each}), 80 % interval held {held} of {len(errors)}")
    medians = [float(np.median(errors)) for errors in by_seed.values()]
    if medians:
        print("median over the painted photos, by seed:", " ".join(f"{median:.3f}" for median in medians))


if __name__ == "__main__":
    main()
