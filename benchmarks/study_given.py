"""How often intervals hold where sizes are given: made-up scenes, with people who may be off alike.

    python benchmarks/study_given.py [--scenes 150]

Scenes reach as rooms and streets do; given distances are off by 3 %, people by 10 % each and by the third number alike.
"""

import argparse

import numpy as np

from mfh.scale.consensus import fit_consensus
from mfh.scale.head import log_depth_at
from mfh.scale.interval import scale_interval
from mfh.scale.known_sizes import KNOWN_LOG_SIGMA
from mfh.scale.measurements import ScaleMeasurement
from mfh.types import CommonErrors, RelativeDepth

CASES = [(0, 1, 0.0), (0, 2, 0.0), (1, 1, 0.26), (5, 1, 0.1), (5, 1, 0.26), (16, 1, 0.26), (5, 2, 0.26), (16, 2, 0.1)]
PERSON_SIGMA = 0.1


def held(rng: np.random.Generator, people: int, given: int, alike: float) -> tuple[bool, bool, float]:
    """Return whether the 80 % and the 95 % interval of one scene hold, and the error of the log."""
    log_range = max(0.2, rng.normal(1.15, 0.5)) if rng.random() < 0.55 else max(0.3, rng.normal(3, 0.9))
    depth_m = 2 * np.exp(rng.uniform(0, 1.1 * log_range, 600))
    seen = RelativeDepth((3 / depth_m - 0.4).reshape(20, 30), "disparity")
    larger = float(np.exp(rng.normal(0, alike)))
    measurements = [
        ScaleMeasurement(float(z * larger * np.exp(rng.normal(0, PERSON_SIGMA))), np.array([3 / z - 0.4]))
        for z in rng.choice(depth_m, people)
    ] + [
        ScaleMeasurement(
            float(z * np.exp(rng.normal(0, KNOWN_LOG_SIGMA))), np.array([3 / z - 0.4]), KNOWN_LOG_SIGMA, given=True
        )
        for z in rng.choice(depth_m, given)
    ]
    fit = fit_consensus(measurements, seen, common_log_sigma=alike)
    interval = scale_interval(fit, fit.head, seen, CommonErrors())
    middle = float(np.median(seen.values))
    log_off = float(-np.log((middle + 0.4) / 3) - log_depth_at(fit.head, np.array([middle]))[0])
    factor = float(np.exp(log_off))
    near, far = (low <= factor <= high for low, high in (interval.level_80, interval.level_95))
    return near, far, abs(log_off)


def main() -> None:
    """Print one line for each number of people and of given sizes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=150)
    scenes = parser.parse_args().scenes
    for people, given, alike in CASES:
        found = np.array([held(np.random.default_rng(seed), people, given, alike) for seed in range(scenes)])
        near, far = found[:, :2].mean(0)
        print(
            f"{given} given, {people} people off alike by {alike:.0%}: 80 % holds {near:.0%}, 95 % {far:.0%}, "
            f"median error {np.median(found[:, 2]):.3f}"
        )


if __name__ == "__main__":
    main()
