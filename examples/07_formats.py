"""Files for other programs: a mesh for Blender, the camera for COLMAP, and depth read back by its own description."""

import argparse
import sys
from pathlib import Path

import numpy as np

from mfh import MetricFromHuman, MfhError, read_depth
from mfh.geometry.camera import unproject


def main(photo: Path, out: Path) -> None:
    """Write depth.npz, mesh.glb and camera.json, then measure in what was written, without the result."""
    result = MetricFromHuman.from_preset("pocket")(photo)
    result.save(out, formats=("npz", "mesh-glb", "camera"))

    stored = read_depth(out)
    assert stored.about is not None and stored.camera is not None
    height, width = stored.depth_m.shape
    print(f"{stored.about.photo}: {stored.kind} in {stored.about.unit}, {width}x{height}, {stored.about.schema}")
    if stored.about.level_80 is not None:
        low, high = stored.about.level_80
        print(f"the photo as a whole is {low:.2f} to {high:.2f} times as far, with 80 % probability")

    # From pixel to metres in the camera frame: x right, y down, z forward.
    corner = np.array([[0, height - 1]])
    (point_m,) = unproject(stored.camera, corner, stored.depth_m[corner[:, 1], corner[:, 0]])
    print(f"at the lower left: z {point_m[2]:.2f} m, along the line of sight {np.linalg.norm(point_m):.2f} m")

    # Another program's numbers say nothing about themselves: the caller does.
    np.save(out / "other.npy", np.rint(1000 * np.nan_to_num(stored.depth_m)).astype(np.uint16))
    other = read_depth(out / "other.npy", unit="mm", kind="z")
    difference_m = float(np.nanmax(np.abs(other.depth_m - stored.depth_m)))
    print(f"in whole millimetres: {1000 * difference_m:.1f} mm off at most")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--out", type=Path, default=Path("out/example-07"))
    arguments = parser.parse_args()
    try:
        main(arguments.photo, arguments.out)
    except MfhError as error:
        sys.exit(str(error))
