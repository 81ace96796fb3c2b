"""Time the rasterizer on 8 bodies of 27 thousand triangles at 480x640, and check it against a plain z-buffer loop.

Run: python benchmarks/bench_rasterize.py
"""

import math
import time
from collections.abc import Callable

import numpy as np

from mfh.geometry.camera import camera_from_focal_px
from mfh.geometry.rasterize import rasterize_depth
from mfh.types import Camera

CAMERA = camera_from_focal_px(600.0, width=640, height=480)
REPEATS = 15


def body(*, rings: int = 117, around: int = 118) -> tuple[np.ndarray, np.ndarray]:
    """Make a closed, body-like surface 1.76 m tall: a column with waist, head and feet, about 27 thousand triangles."""
    polar = np.linspace(0, np.pi, rings)[:, None]
    angle = np.linspace(0, 2 * np.pi, around, endpoint=False)[None, :]
    radius = (0.2 + 0.07 * np.sin(5 * polar) + 0.02 * np.sin(4 * angle)) * np.sin(polar) ** 0.5
    x, z = radius * np.cos(angle), 0.6 * radius * np.sin(angle)
    vertices = np.stack([x, np.broadcast_to(-0.88 * np.cos(polar), x.shape), z], -1).reshape(-1, 3)
    row, column = np.meshgrid(np.arange(rings - 1), np.arange(around), indexing="ij")
    a, b = row * around + column, row * around + (column + 1) % around
    faces = np.concatenate([np.stack([a, b, b + around], -1), np.stack([a, b + around, a + around], -1)])
    return vertices, faces.reshape(-1, 3)


def rasterize_by_loops(vertices: np.ndarray, faces: np.ndarray, camera: Camera) -> np.ndarray:
    """Twin: one triangle after the other, all pixels of its box at once; no clipping."""
    inverse_z = np.zeros((camera.height, camera.width))
    x = camera.fx * vertices[:, 0] / vertices[:, 2] + camera.cx
    y = camera.fy * vertices[:, 1] / vertices[:, 2] + camera.cy
    for corners in faces:
        (xa, xb, xc), (ya, yb, yc) = x[corners], y[corners]
        left, right = max(math.ceil(min(xa, xb, xc)), 0), min(math.floor(max(xa, xb, xc)), camera.width - 1)
        top, bottom = max(math.ceil(min(ya, yb, yc)), 0), min(math.floor(max(ya, yb, yc)), camera.height - 1)
        area = (xb - xa) * (yc - ya) - (yb - ya) * (xc - xa)
        if left > right or top > bottom or area == 0:
            continue
        px, py = np.meshgrid(np.arange(left, right + 1), np.arange(top, bottom + 1))
        wa = ((xb - px) * (yc - py) - (yb - py) * (xc - px)) / area
        wb = ((xc - px) * (ya - py) - (yc - py) * (xa - px)) / area
        wc = 1 - wa - wb
        value = wa / vertices[corners[0], 2] + wb / vertices[corners[1], 2] + wc / vertices[corners[2], 2]
        window = inverse_z[top : bottom + 1, left : right + 1]
        np.maximum(window, np.where((wa >= 0) & (wb >= 0) & (wc >= 0), value, 0), out=window)
    with np.errstate(divide="ignore"):
        return 1 / inverse_z


def timed(work: Callable[[], object]) -> str:
    """Return median and best wall milliseconds, and median milliseconds of this process alone."""
    wall, own = [], []
    for _ in range(REPEATS):
        begin = time.perf_counter(), time.process_time()
        work()
        wall.append(1e3 * (time.perf_counter() - begin[0]))
        own.append(1e3 * (time.process_time() - begin[1]))
    return f"{np.median(wall):9.1f} {min(wall):9.1f} {np.median(own):9.1f}"


def main() -> None:
    """Print the table."""
    vertices, faces = body()
    bodies = [vertices + [-1.5 + 0.42 * index, 0.2, 3 + 0.25 * (index % 3)] for index in range(8)]
    close = vertices + [0.0, 0.35, 0.95]
    print(f"rasterize, {CAMERA.height}x{CAMERA.width}, {len(faces)} triangles a body; milliseconds of {REPEATS} runs")
    print("                          median      best  CPU time")
    print("8 bodies, 3-3.5 m     ", timed(lambda: [rasterize_depth(one, faces, CAMERA) for one in bodies]))
    print("1 body, 3.2 m         ", timed(lambda: rasterize_depth(bodies[3], faces, CAMERA)))
    print("1 body, 1 m (cut off) ", timed(lambda: rasterize_depth(close, faces, CAMERA)))
    begin = time.perf_counter()
    twin = rasterize_by_loops(bodies[3], faces, CAMERA)
    seconds = time.perf_counter() - begin
    ours = rasterize_depth(bodies[3], faces, CAMERA)
    both = np.isfinite(ours) & np.isfinite(twin)
    print(
        f"twin, 1 body: {1e3 * seconds:.0f} ms; silhouettes differ in {(np.isfinite(ours) ^ np.isfinite(twin)).sum()}"
    )
    print(f"of {both.sum()} pixels, depths by at most {np.abs(ours[both] - twin[both]).max():.1e} m")


if __name__ == "__main__":
    main()
