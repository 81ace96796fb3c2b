"""Score the shipped relative-depth network after affine alignment in disparity, and its prediction of depth ranges.

Two affine maps are tried: the reweighted one, and that of SIlog, which this method fits (see
mfh_lab.pocket.train.evaluate).

``python -m mfh_lab.pocket.train.score --renders DIR`` scores held-out renders (shards of mfh_lab.pocket.world.dataset);
``--photos DIR`` scores real photos laid out as DIR/<name>/{rgb.png, depth.npy} (metres, 0 = none).
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from mfh.errors import InputError
from mfh.io.photo import load_photo
from mfh.io.reading import read_npy
from mfh.models.protocols import RelativeDepthModel
from mfh.models.relative_depth.pocket import WEIGHTS, PocketRelativeDepth
from mfh_lab.pocket.train.evaluate import AlignedScore, aligned_score, best_log_range
from mfh_lab.pocket.world.dataset import load_shard, shard_paths

Pair = tuple[AlignedScore, AlignedScore]
"""Under the reweighted fit, and under SIlog's."""


def _both(disparity: np.ndarray, depth_m: np.ndarray) -> Pair:
    return aligned_score(disparity, depth_m), aligned_score(disparity, depth_m, fit="silog")


def score_renders(model: RelativeDepthModel, folder: Path, split: str) -> dict[str, list[Pair]]:
    """Score every picture of a split; scores are grouped by shard."""
    paths = shard_paths(folder, split)
    if not paths:
        raise InputError(f"no {split} shards in {folder}: render them with 'python -m mfh_lab.pocket.world.dataset'")
    scores = {}
    for path in paths:
        shard = load_shard(path)
        scores[path.stem] = [
            _both(model.predict([rgb.astype(np.float32) / 255])[0].values, depth.astype(np.float32))
            for rgb, depth in zip(shard.rgb, shard.depth_m, strict=True)
        ]
    return scores


def score_photos(model: RelativeDepthModel, folder: Path) -> dict[str, list[Pair]]:
    """Score photos with sensor depth, one each."""
    scores = {}
    for depth_path in sorted(folder.glob("*/depth.npy")):
        rgb = load_photo(depth_path.with_name("rgb.png")).rgb
        depth_m = read_npy(depth_path, what="", expected="an npy file of metres")
        scores[depth_path.parent.name] = [_both(model.predict([rgb])[0].values, depth_m)]
    if not scores:
        raise InputError(f"no */depth.npy in {folder}")
    return scores


_SKY_SHARE = 0.01
"""Renders with more sky than this are outdoors."""


def score_ranges(model: RelativeDepthModel, folder: Path, split: str) -> str:
    """Return the depth range of renders, and how well the model predicts it."""
    true, predicted, outdoors = [], [], []
    for path in shard_paths(folder, split):
        shard = load_shard(path)
        for rgb, depth in zip(shard.rgb, shard.depth_m, strict=True):
            depth_m = np.nan_to_num(depth.astype(np.float64), posinf=0.0)
            (relative,) = model.predict([rgb.astype(np.float32) / np.float32(255)])
            log_range = best_log_range(relative.values, depth_m)
            if log_range is not None and relative.log_range is not None:
                true.append(log_range)
                predicted.append(relative.log_range.moments())
                outdoors.append(bool(np.mean((depth_m <= 0) | (depth_m >= 80)) > _SKY_SHARE))
    reach, (mean, sigma), outside = np.array(true), np.array(predicted).T, np.array(outdoors)
    held = np.mean(np.abs(mean - reach) < 1.2816 * sigma)
    return (
        f"log depth range: indoors {reach[~outside].mean():.2f} ± {reach[~outside].std():.2f}, outdoors "
        f"{reach[outside].mean():.2f} ± {reach[outside].std():.2f}; predicted with rms error "
        f"{np.sqrt(np.mean((mean - reach) ** 2)):.2f} ({reach.std():.2f} for the mean of all), "
        f"80 % intervals hold {held:.0%}"
    )


def _row(name: str, scores: list[Pair], average: Callable[[Sequence[float]], float] = np.mean) -> str:
    reweighted, silog = zip(*scores, strict=True)
    wanted = [(reweighted, f) for f in ("abs_rel", "delta1", "positive", "constant_abs_rel")]
    wanted += [(silog, f) for f in ("abs_rel", "delta1")]
    mean = [average([getattr(one, f) for one in group]) for group, f in wanted]
    return (
        f"{name:<24} {len(scores):5d} {mean[0]:8.3f} {mean[1]:8.3f} {mean[2]:9.2f} {mean[3]:9.3f} "
        f"{mean[4]:13.3f} {mean[5]:8.3f}"
    )


def main() -> None:
    """Score and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="onnx file (default: the shipped one)")
    parser.add_argument("--renders", type=Path, help="folder of shards")
    parser.add_argument("--split", default="test")
    parser.add_argument("--photos", type=Path, help="folder of photos with depth")
    args = parser.parse_args()
    model = PocketRelativeDepth(args.weights)
    titles = f"{'':<24} {'n':>5} {'AbsRel':>8} {'delta1':>8} {'positive':>9} {'constant':>9}"
    print(f"{titles} {'SIlog: AbsRel':>13} {'delta1':>8}")
    for scores in ([score_renders(model, args.renders, args.split)] if args.renders else []) + (
        [score_photos(model, args.photos)] if args.photos else []
    ):
        for name, rows in scores.items():
            print(_row(name, rows))
        together = [s for rows in scores.values() for s in rows]
        print(_row("mean", together))
        print(_row("median", together, np.median))
    if args.renders:
        print(score_ranges(model, args.renders, args.split))


if __name__ == "__main__":
    main()
