"""How far is that, and how long: metres of regions and lengths against the truth, and whether their intervals hold it.

    python benchmarks/study_places.py FOLDER [--count 60]

FOLDER has one folder a scene: of ``mfh pocket render`` (rgb.png, depth.npz, scene.json), or of photos with sensor depth
(rgb.png, depth.npy, intrinsics.json). Each is measured once with preset pocket; then random rectangles of a fifth of
the photo's sides and random pairs of pixels, from near to far apart, are asked for.
"""

import argparse
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mfh import MetricFromHuman
from mfh.errors import NoLandmarkError
from mfh.geometry.camera import unproject
from mfh.io.focal import FocalRequest
from mfh.io.intrinsics import Intrinsics, read_intrinsics
from mfh.io.photo import load_photo
from mfh.pipeline.conclude import conclude
from mfh.pipeline.request import Request
from mfh.types import Photo, Region, Segment

REGION_SHARE = 0.2
REGIONS = 10
MARGIN_PX = 3
SHORTEST_PX = 8
FARTHEST_M = 50.0
BANDS = (0.0, 0.05, 0.1, 0.2, 0.4, 2.0)


@dataclass(frozen=True)
class Asked:
    """One region or length.

    Attributes:
        apart: distance of a length's ends over the longer side of the photo; NaN for a region.
        log_error: of the answer.
        held_80: whether the 80 % interval holds the truth.
        held_95: the same of 95 %.
    """

    apart: float
    log_error: float
    held_80: bool
    held_95: bool


def read(folder: Path) -> tuple[Photo, np.ndarray]:
    """Return a photo with its true camera, and its depth in metres, 0 where there is none."""
    if (folder / "scene.json").is_file():
        camera = json.loads((folder / "scene.json").read_text(encoding="utf-8"))["camera"]
        intrinsics = Intrinsics(**{name: camera[name] for name in ("fx", "fy", "cx", "cy")})
        with np.load(folder / "depth.npz") as arrays:
            depth_m = arrays["depth_m"]
    else:
        intrinsics, depth_m = read_intrinsics(folder / "intrinsics.json"), np.load(folder / "depth.npy")
    return load_photo(folder / "rgb.png", focal=FocalRequest(intrinsics=intrinsics)), depth_m


def draw_segments(depth_m: np.ndarray, count: int, rng: np.random.Generator) -> list[Segment]:
    """Draw pairs of pixels with a depth, their distance uniform in the log."""
    height, width = depth_m.shape
    drawn: list[Segment] = []
    for _ in range(50 * count):
        apart, turn = math.exp(rng.uniform(math.log(SHORTEST_PX), math.log(max(width, height)))), rng.uniform(0, 7)
        start = np.array([rng.uniform(0, width), rng.uniform(0, height)])
        ends = np.rint([start, start + apart * np.array([math.cos(turn), math.sin(turn)])])
        inside = (ends >= MARGIN_PX) & (ends <= np.array([width, height]) - 1 - MARGIN_PX)
        if inside.all() and all(0 < depth_m[int(y), int(x)] < FARTHEST_M for x, y in ends):
            drawn.append(Segment((float(ends[0, 0]), float(ends[0, 1])), (float(ends[1, 0]), float(ends[1, 1]))))
        if len(drawn) == count:
            break
    return drawn


def study(pipeline: MetricFromHuman, folder: Path, count: int) -> list[Asked]:
    """Measure one scene; nothing where no person has a scale."""
    photo, depth_m = read(folder)
    rng = np.random.default_rng(0)
    segments = draw_segments(depth_m, count, rng)
    try:
        gathered = pipeline.gather(photo, Request(lengths=segments))
    except NoLandmarkError:
        return []
    asked = []
    for length in conclude(gathered, head=pipeline.config.head).lengths:
        ends = [length.segment.start_xy, length.segment.end_xy]
        z_m = np.array([depth_m[int(y), int(x)] for x, y in ends], float)
        truth_m = float(np.linalg.norm(np.diff(unproject(photo.camera, np.array(ends), z_m), axis=0)))
        if math.isfinite(length.metres):
            apart = math.dist(*ends) / max(depth_m.shape)
            asked.append(judged(apart, length.metres, truth_m, length.level_80, length.level_95))
    height, width = depth_m.shape
    wide, tall = round(REGION_SHARE * width), round(REGION_SHARE * height)
    for _ in range(REGIONS):
        left, top = int(rng.integers(0, width - wide)), int(rng.integers(0, height - tall))
        region = Region(left, top, left + wide, top + tall)
        seen_m = depth_m[region.pixels]
        found = conclude(replace(gathered, region=region), head=pipeline.config.head).region
        if found is not None and (seen_m > 0).mean() > 0.9:
            levels = [
                (low * found.depth_m, high * found.depth_m)
                for low, high in (found.interval.level_80, found.interval.level_95)
            ]
            asked.append(judged(math.nan, found.depth_m, float(np.median(seen_m[seen_m > 0])), *levels))
    return asked


def judged(
    apart: float, metres: float, truth_m: float, level_80: tuple[float, float], level_95: tuple[float, float]
) -> Asked:
    """Compare an answer with the truth."""
    held = [low <= truth_m <= high for low, high in (level_80, level_95)]
    return Asked(apart, math.log(metres / truth_m), *held)


def report(name: str, asked: Sequence[Asked]) -> None:
    """Print one line."""
    if not asked:
        return
    errors = np.abs([one.log_error for one in asked])
    print(
        f"{name:<38} {len(asked):5d}  error median {np.median(errors):.3f} (log)"
        f"  80 % holds {np.mean([one.held_80 for one in asked]):.0%}"
        f"  95 % holds {np.mean([one.held_95 for one in asked]):.0%}"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=60, help="lengths a scene")
    args = parser.parse_args()
    pipeline = MetricFromHuman.from_preset("pocket")
    folders = sorted(path.parent for path in args.folder.glob("*/rgb.png"))
    per_scene = [study(pipeline, folder, args.count) for folder in folders]
    print(f"{len(folders)} scenes, {sum(not asked for asked in per_scene)} without an answer")
    asked = [one for scene in per_scene for one in scene]
    report("regions", [one for one in asked if math.isnan(one.apart)])
    report("lengths", [one for one in asked if not math.isnan(one.apart)])
    for low, high in zip(BANDS, BANDS[1:], strict=False):
        report(f"  ends {low:.2f} to {high:.2f} sides apart", [one for one in asked if low <= one.apart < high])


if __name__ == "__main__":
    main()
