"""Metric depth of one photo: its range, its 80 % interval, the people it rests on, and the files of ``mfh predict``."""

import argparse
import sys
from pathlib import Path

from mfh import MetricFromHuman, MfhError


def main(photo: Path, out: Path) -> None:
    """Measure a photo, print what the answer rests on, and write the results to a folder."""
    result = MetricFromHuman.from_preset("pocket")(photo)

    nearest, median, farthest = result.depth_range_m
    print(f"depth     {nearest:.2f} m nearest, {median:.2f} m median, {farthest:.2f} m farthest")
    if result.interval is not None:
        low, high = result.interval.level_80
        print(f"interval  {low:.2f} to {high:.2f} times that, with 80 % probability")
        print(f"limited   by {result.interval.limited_by}")
    for number, person in enumerate(result.landmarks):
        distance = "not measured" if person.distance_m is None else f"{person.distance_m:.2f} m"
        print(f"person {number}  {distance}, {person.verdict}: {person.reason}")

    # depth.npz, depth.png, preview.png and receipt.json; result.depth_m is the same map in memory.
    print(result.save(out))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--out", type=Path, default=Path("out/example-01"))
    arguments = parser.parse_args()
    try:
        main(arguments.photo, arguments.out)
    except MfhError as error:
        sys.exit(str(error))
