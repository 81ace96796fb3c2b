"""How sharp relative depth is at edges, enlarged to the photo's size in several ways.

    mfh pocket render --count 40 --seed 400000 --width 640 --height 480 --out SCENES
    python benchmarks/study_edges.py --scenes SCENES [--photos ../shared/data/real_val/nyu --every 3] [--speed]

Every way gets the same map of the pocket network. It is aligned to the true depth by one scale and shift, least squares
in disparity; the measures are those of ``edge_measures.py``. Photos have sensor depth as ``mfh evaluate folder`` reads
it: its holes at edges are filled with the farther side, and AbsRel and δ1 are of what the sensor saw. Sensors do not
know where an edge is to a pixel: of photos there is no boundary F1.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import astuple, fields
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float
from numpy import ndarray

from edge_measures import EdgeScore, edge_score
from mfh.errors import InputError
from mfh.io.photo import load_photo
from mfh.io.reading import read_npz
from mfh.models.relative_depth.edges import enlarged_along_edges
from mfh.models.relative_depth.pocket import PocketRelativeDepth
from mfh_lab.evaluation.datasets.registry import open_dataset
from mfh_lab.evaluation.protocols import PAPER, view
from mfh_lab.pocket.metrics import fit_least_squares

Enlarge = Callable[[ndarray, ndarray], ndarray]
FARTHEST_M = 80.0
LEAST_SEEN = 0.4
"""Share of pixels with sensor depth, below which a photo has no measure but AbsRel."""
SPEEDS = ((480, 640), (1224, 1632), (3000, 4000))
FEWEST_EDGES = 20


def bilinear(values: Float[ndarray, "a b"], rgb: Float[ndarray, "h w 3"]) -> Float[ndarray, "h w"]:
    """Enlarge without the photo."""
    return cv2.resize(values, rgb.shape[1::-1], interpolation=cv2.INTER_LINEAR)


def guided_filter(values: Float[ndarray, "a b"], rgb: Float[ndarray, "h w 3"]) -> Float[ndarray, "h w"]:
    """Enlarge by a local linear map of brightness (He and Sun, "Fast Guided Filter", 2015)."""
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, values.shape[::-1], interpolation=cv2.INTER_AREA)

    def mean(one: ndarray) -> ndarray:
        return cv2.blur(one, (7, 7))

    slope = (mean(small * values) - mean(small) * mean(values)) / (mean(small * small) - mean(small) ** 2 + 1e-4)
    offset = mean(mean(values) - slope * mean(small))
    return bilinear(mean(slope), rgb) * grey + bilinear(offset, rgb)


def joint_bilateral(values: Float[ndarray, "a b"], rgb: Float[ndarray, "h w 3"]) -> Float[ndarray, "h w"]:
    """Enlarge by means of cells weighted by colour (Kopf et al., "Joint Bilateral Upsampling", 2007)."""
    small = cv2.resize(rgb, values.shape[::-1], interpolation=cv2.INTER_AREA)
    size, reach = rgb.shape[1::-1], 3
    padded = [cv2.copyMakeBorder(one, reach, reach, reach, reach, cv2.BORDER_REPLICATE) for one in (values, small)]
    total, weights = np.zeros(rgb.shape[:2], np.float32), np.full(rgb.shape[:2], 1e-8, np.float32)
    tall, wide = values.shape
    for down in range(2 * reach + 1):
        for right in range(2 * reach + 1):
            value, colour = (
                cv2.resize(one[down : down + tall, right : right + wide], size, interpolation=cv2.INTER_NEAREST)
                for one in padded
            )
            far = ((down - reach) ** 2 + (right - reach) ** 2) / (2 * 2.0**2)
            weight = np.exp(-((rgb - colour) ** 2).sum(2) / (2 * 0.04**2) - far)
            total += weight * value
            weights += weight
    return total / weights


WAYS: dict[str, Enlarge] = {
    "bilinear": bilinear,
    "guided filter": guided_filter,
    "joint bilateral": joint_bilateral,
    "along edges": enlarged_along_edges,
}


def aligned(disparity: Float[ndarray, "h w"], truth_m: Float[ndarray, "h w"]) -> Float[ndarray, "h w"]:
    """Return metres by the scale and shift that fit the true disparity best; half as far again as the truth at most."""
    known = np.isfinite(truth_m)
    truth = truth_m[known].astype(np.float64)
    scale, shift = fit_least_squares(disparity[known].astype(np.float64), 1 / truth, with_shift=True)
    return (1 / np.maximum(scale * disparity + shift, 1 / (1.5 * truth.max()))).astype(np.float32)


def scenes(folder: Path) -> Iterator[tuple[ndarray, ndarray]]:
    """Yield photo and depth of the scenes of ``mfh pocket render``; NaN in the sky and beyond 80 m."""
    for path in sorted(folder.glob("scene-*")):
        depth_m = read_npz(path / "depth.npz", what="", expected="of mfh pocket render", names=["depth_m"])["depth_m"]
        seen = (depth_m > 0) & (depth_m < FARTHEST_M)
        if seen.any():
            yield load_photo(path / "rgb.png").rgb, np.where(seen, depth_m, np.float32(np.nan))


def photos(root: Path, *, every: int) -> Iterator[tuple[ndarray, ndarray]]:
    """Yield photo and sensor depth, NaN where there is none."""
    dataset = open_dataset("folder", root)
    for name in sorted(dataset.names)[::every]:
        try:
            seen = view(dataset.load(name), PAPER.of("folder"))
        except InputError:
            continue
        if seen.scored_mask.any():
            truth = np.where(seen.scored_mask, seen.truth_m, np.nan).astype(np.float32)
            yield seen.photo.rgb, truth


def filled(depth_m: Float[ndarray, "h w"]) -> Float[ndarray, "h w"]:
    """Return depth whose holes have the farther of the next values to both sides in the row."""
    count = depth_m.shape[1]
    column = np.arange(count)
    known = np.isfinite(depth_m)
    before = np.maximum.accumulate(np.where(known, column, -1), axis=1)
    after = np.minimum.accumulate(np.where(known, column, count)[:, ::-1], axis=1)[:, ::-1]
    padded = np.pad(depth_m, ((0, 0), (1, 1)), constant_values=np.nan)
    return np.fmax(*(np.take_along_axis(padded, place + 1, axis=1) for place in (before, after)))


def compare(pictures: Iterator[tuple[ndarray, ndarray]], ways: dict[str, Enlarge], *, by_sensor: bool) -> None:
    """Print the mean measures of every way, and the median over the pictures of the roughness."""
    model = PocketRelativeDepth()
    rows: dict[str, list[list[float]]] = {name: [] for name in ways}
    for rgb, truth_m in pictures:
        disparity, _ = model.small_disparity_and_features(rgb)
        known = np.isfinite(truth_m)
        for name, way in ways.items():
            found_m = aligned(way(disparity, rgb), truth_m)
            ratio = found_m[known] / truth_m[known]
            abs_rel, delta1 = np.abs(ratio - 1).mean(), (np.maximum(ratio, 1 / ratio) < 1.25).mean()
            measures = [float("nan")] * len(fields(EdgeScore))
            if known.mean() > LEAST_SEEN:
                score = edge_score(found_m, filled(truth_m) if by_sensor else truth_m)
                measures = list(astuple(score)) if score.edges >= FEWEST_EDGES else measures
            rows[name].append([abs_rel, delta1, *measures])
    titles = ["AbsRel", "delta1", *(one.name for one in fields(EdgeScore))]
    shown = [k for k, title in enumerate(titles) if not (by_sensor and title in ("f1", "f1_near"))]
    count = max(map(len, rows.values()))
    print(" | ".join(["", f"{count} pictures", *(titles[k] for k in shown), "rough, median"]))
    for name, values in rows.items():
        table = np.array(values)
        mean = np.nanmean(table, axis=0)
        typical = np.nanmedian(table[:, titles.index("rough")])
        print(" | ".join(["", name, *(f"{mean[k]:.4f}" for k in shown), f"{typical:.4f}"]))


def time_them() -> None:
    """Print seconds of every way at three sizes of photo, the best of three."""
    rng = np.random.default_rng(0)
    values = cv2.blur((rng.random((240, 320)) > 0.5).astype(np.float32), (25, 25))
    for height, width in SPEEDS:
        rgb = rng.random((height, width, 3), np.float32)
        for name, way in WAYS.items():
            if name == "joint bilateral" and height > SPEEDS[0][0]:
                continue
            seconds = []
            for _ in range(3):
                begin = time.perf_counter()
                way(values, rgb)
                seconds.append(time.perf_counter() - begin)
            print(f"{width}x{height}, {name}: {min(seconds):.3f} s")


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=Path, action="append", default=[], help="folder of mfh pocket render")
    parser.add_argument("--photos", type=Path, action="append", default=[], help="folder of mfh evaluate folder")
    parser.add_argument("--every", type=int, default=1, help="only every K-th photo")
    parser.add_argument("--speed", action="store_true", help="seconds at 0.3, 2 and 12 megapixels")
    parser.add_argument("--way", action="append", choices=WAYS, help="only these; may be given again")
    args = parser.parse_args()
    ways = {name: WAYS[name] for name in args.way or WAYS}
    for folder in args.scenes:
        compare(scenes(folder), ways, by_sensor=False)
    for root in args.photos:
        compare(photos(root, every=args.every), ways, by_sensor=True)
    if args.speed:
        time_them()


if __name__ == "__main__":
    main()
