"""People painted into a photo of twelve megapixels: on a canvas of the size of the models' input, and at its own size.

Run: python benchmarks/bench_canvas.py. The photo is the packaged example, enlarged. Each way has a process of its own,
so that memory is its own too; the ratio of both says what the canvas saves, and the metres what it costs.
"""

import multiprocessing
import resource
import sys
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

import mfh
from mfh import MetricFromHuman
from mfh.geometry.camera import resize_camera
from mfh.io.focal import FocalRequest
from mfh.io.intrinsics import read_intrinsics
from mfh.io.photo import load_photo
from mfh.types import Photo

EXAMPLE = Path(mfh.__file__).parent / "examples" / "room"
WIDTH, HEIGHT = 4000, 3000


def large_photo() -> Photo:
    """Return the packaged example at twelve megapixels."""
    focal = FocalRequest(intrinsics=read_intrinsics(EXAMPLE / "camera.json"))
    photo = load_photo(next(EXAMPLE.glob("rgb.*")), focal=focal)
    rgb = cv2.resize(photo.rgb, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)
    return replace(photo, pixels=rgb, camera=resize_camera(photo.camera, width=WIDTH, height=HEIGHT))


def measure(max_pixels: int | None) -> tuple[float, float, float, int]:
    """Return seconds, peak gigabytes, median metres and paintings used; None paints at the preset's size."""
    pipeline = MetricFromHuman.from_preset("pocket", people="paint")
    if max_pixels is not None:
        pipeline.config = replace(pipeline.config, painting=replace(pipeline.config.painting, max_pixels=max_pixels))
    photo = large_photo()
    begin = time.perf_counter()
    result = pipeline(photo)
    seconds = time.perf_counter() - begin
    # Linux counts kilobytes, macOS bytes.
    peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e9 if sys.platform == "darwin" else 1e6)
    return seconds, peak_gb, float(np.nanmedian(result.depth_m)), result.paintings


def main() -> None:
    """Measure both ways and print them side by side."""
    context = multiprocessing.get_context("spawn")
    rows = []
    for name, max_pixels in (("canvas", None), ("own size", WIDTH * HEIGHT)):
        with context.Pool(1) as pool:
            rows.append(pool.apply(measure, (max_pixels,)))
        seconds, peak_gb, median_m, paintings = rows[-1]
        print(
            f"{name:<9} {seconds:6.1f} s, {peak_gb:.2f} GB, {paintings} paintings, median {median_m:.2f} m", flush=True
        )
    (ours_s, ours_gb, ours_m, _), (own_s, own_gb, own_m, _) = rows
    print(
        f"{WIDTH}x{HEIGHT}: {own_s / ours_s:.1f} times as fast with {own_gb / ours_gb:.1f} times less memory,", end=" "
    )
    print(f"metres {ours_m / own_m - 1:+.1%}")


if __name__ == "__main__":
    main()
