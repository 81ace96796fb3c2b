"""Seconds, bytes and memory of every format for a result of twelve megapixels: the packaged example, enlarged.

Run: python benchmarks/bench_formats.py. No model runs: the depth is the example's own. Each format has a process of its
own, so that memory is its own too.
"""

import multiprocessing
import resource
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

import mfh
from mfh.geometry.camera import camera_from_fov_x
from mfh.io.depth_rows import DepthRows
from mfh.io.formats import FORMATS
from mfh.io.photo import load_photo
from mfh.io.schema import SCHEMA, DepthAbout
from mfh.types import MetricHead

EXAMPLE = Path(mfh.__file__).parent / "examples" / "room"
SIZE = WIDTH, HEIGHT = 4000, 3000


def enlarged() -> DepthRows:
    """Return the example's photo and depth at twelve megapixels."""
    with np.load(EXAMPLE / "depth.npz", allow_pickle=False) as arrays:
        small_m = arrays["depth_m"].astype(np.float32)
    depth_m = cv2.resize(np.where(np.isfinite(small_m), small_m, 10.0), SIZE, interpolation=cv2.INTER_LINEAR)
    rgb = cv2.resize(load_photo(EXAMPLE / "rgb.png").pixels, SIZE, interpolation=cv2.INTER_CUBIC)
    sigma = np.full(depth_m.shape, 0.12, np.float16)
    about = DepthAbout(
        schema=SCHEMA,
        holds="depth",
        metric=True,
        depth="z",
        unit="m",
        metres_per_unit=1.0,
        no_depth="NaN",
        axes="x right, y down, z forward",
        pixel_centres="integer",
        camera=camera_from_fov_x(60.0, width=WIDTH, height=HEIGHT),
        level_80=(0.8, 1.3),
        level_95=(0.7, 1.5),
        log_sigma=True,
        reach_m=None,
        max_depth_m=200.0,
        sky_fraction=0.0,
        photo="rgb.png",
        mfh=mfh.__version__,
        preset="pocket",
        seed=0,
        commands=("mfh predict rgb.png",),
    )
    head = MetricHead(1.0, 0.0, "depth", 0.0)
    return DepthRows(about, (HEIGHT, WIDTH), depth_m.__getitem__, sigma.__getitem__, rgb.__getitem__, head)


def measure(name: str) -> tuple[float, int, float, str]:
    """Return seconds, bytes, gigabytes beyond the result itself, and what the format says of its size."""
    rows = enlarged()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / FORMATS[name].file
        begin = time.perf_counter()
        sentence = FORMATS[name].write(path, rows, None)
        seconds = time.perf_counter() - begin
        size = path.stat().st_size
    # Linux counts kilobytes, macOS bytes.
    more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / (1e9 if sys.platform == "darwin" else 1e6)
    return seconds, size, more, sentence.partition(":")[0]


def main() -> None:
    """Print one row a format."""
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        for name in FORMATS:
            seconds, size, more, sentence = pool.apply(measure, (name,))
            print(f"{name:<12} {seconds:6.2f} s {size / 1e6:8.2f} MB  +{more:4.2f} GB  {sentence}")


if __name__ == "__main__":
    main()
