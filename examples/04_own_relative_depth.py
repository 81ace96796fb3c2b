"""Metric depth for the relative depth of any model: an array or a file, and what its values are.

The map of the packaged network stands in for yours here. Its scale and shift are changed, as every model has others:
the metric depth stays.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from mfh import MetricFromHuman, MfhError, load_photo, metric_from_relative_depth


def main(photo: Path, out: Path) -> None:
    """Write a relative-depth map, give it metric scale, and compare with the same map in other units."""
    out.mkdir(parents=True, exist_ok=True)
    picture = load_photo(photo)
    (relative,) = MetricFromHuman.from_preset("pocket").relative_depth.predict([picture.rgb])
    np.save(out / "mine.npy", relative.values)

    # "disparity": larger is nearer (Depth Anything, MiDaS). "depth": larger is farther (Marigold, MoGe).
    first = metric_from_relative_depth(picture, out / "mine.npy", space="disparity")
    other = metric_from_relative_depth(picture, 40 * relative.values - 7, space="disparity")
    difference = np.nanmedian(np.abs(np.log(other.depth_m / first.depth_m)))
    print(f"median depth {first.depth_range_m[1]:.2f} m, in other units {other.depth_range_m[1]:.2f} m")
    print(f"median difference {difference:.1e} of the distance")
    first.save(out / "result")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--out", type=Path, default=Path("out/example-04"))
    arguments = parser.parse_args()
    try:
        main(arguments.photo, arguments.out)
    except MfhError as error:
        sys.exit(str(error))
