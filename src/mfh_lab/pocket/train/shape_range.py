"""Train the head that tells a photo's depth range from the shape of its relative depth: minutes, on one core.

Relative depth of other models errs in ways no render shows, so true disparity of the renders is cut out, bent and
warped at random. The label is the range that the best affine head then gives.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.io.written import own_path
from mfh.scale.range_prior import shape_features
from mfh.types import RelativeDepth
from mfh_lab.pocket.train.augment import draw_window
from mfh_lab.pocket.train.evaluate import aligned_log_range
from mfh_lab.pocket.train.range_layers import fit_layers
from mfh_lab.pocket.world.bodies import BodyBank, load_bank
from mfh_lab.pocket.world.dataset import FIRST_SEED, SHARD, SIZES, load_depths
from mfh_lab.pocket.world.oracles import unlit
from mfh_lab.pocket.world.scenes import draw_scene

_NEAR_M = 0.05
_MOST_SIGMA = 0.2
# Half of the maps are nearly true: oracles, and models that are very good.
_NEARLY_TRUE = 0.03
_CUTS = 4
_BACKDROPS = 0.3
"""Share of maps that end at a wall: an even far end alone must not pass for a sky."""
EMPTY_SIZES = tuple((width // 2, height // 2) for width, height in SIZES)
"""(width, height) of scenes without people: nothing but their depth is used."""

Progress = Callable[[str, float], None]


def warped(disparity: Float[ndarray, "h w"], log_sigma: float, rng: np.random.Generator) -> Float[ndarray, "h w"]:
    """Return disparity as a model that is wrong by so much might see it.

    Args:
        disparity: true disparity, 0 for sky.
        log_sigma: standard deviation of the log of a smooth factor over the picture, and of the log of a power that
            bends all of it.
        rng: of this map.
    """
    height, width = disparity.shape
    knots = rng.normal(0, log_sigma, (3, 3)).astype(np.float32)
    smooth = cv2.resize(knots, (width, height), interpolation=cv2.INTER_CUBIC)
    nearest = max(float(disparity.max()), 1e-6)
    return (disparity / nearest) ** np.exp(rng.normal(0, log_sigma)) * np.exp(smooth)


def before_a_wall(depth_m: Float[ndarray, "h w"], rng: np.random.Generator) -> Float[ndarray, "h w"]:
    """Return a scene that ends at a wall across the view, as photos do whose far end is no sky though it is as even.

    Args:
        depth_m: 0 or infinite for sky.
        rng: of this map.
    """
    seen = depth_m[(depth_m > 0) & np.isfinite(depth_m)]
    if len(seen) == 0:
        return depth_m
    wall_m = np.percentile(seen, rng.uniform(30, 100))
    return np.where(depth_m > 0, np.minimum(depth_m, wall_m), wall_m)


def shard_depths(shards: Sequence[Path]) -> Iterator[Float[ndarray, "h w"]]:
    """Yield the depth of renders with people in them, metres, 0 for sky.

    Args:
        shards: npz files (``mfh_lab.pocket.world.dataset``).
    """
    for path in shards:
        yield from load_depths(path).astype(np.float64)


def empty_depths(bank: BodyBank, count: int) -> Iterator[Float[ndarray, "h w"]]:
    """Yield the depth of scenes of the train split without their people, metres, 0 for sky.

    Args:
        bank: bodies; where people would stand is part of how a scene is drawn.
        count: how many.
    """
    for number in range(count):
        size = EMPTY_SIZES[number % len(EMPTY_SIZES)]
        yield unlit(draw_scene(FIRST_SEED["train"] + number, bank, split="train", size=size)).depth_m


def describe(
    depths_m: Iterable[Float[ndarray, "_ _"]], *, seed: int, cuts: int
) -> tuple[Float[ndarray, "n f"], Float[ndarray, "n"]]:
    """Cut maps out of depths, warp them and describe them.

    Args:
        depths_m: of pictures; 0 or infinite for sky.
        seed: of cuts and warps.
        cuts: maps of each picture.

    Returns:
        Features, and the log range of the best affine head.
    """
    features, labels = [], []
    for number, depth_m in enumerate(depths_m):
        rng = np.random.default_rng((seed, number))
        for _ in range(cuts):
            window = draw_window(depth_m.shape[0], depth_m.shape[1], rng)
            cut_m = window.slice(depth_m)[:, :: -1 if window.flipped else 1]
            if rng.random() < _BACKDROPS:
                cut_m = before_a_wall(cut_m, rng)
            log_sigma = float(rng.uniform(0, _NEARLY_TRUE if rng.random() < 0.5 else _MOST_SIGMA))
            seen = (cut_m > 0) & np.isfinite(cut_m)
            true = np.where(seen, 1 / np.where(seen, np.maximum(cut_m, _NEAR_M), 1.0), 0.0)
            disparity = warped(true, log_sigma, rng)
            shape = shape_features(RelativeDepth(disparity, "disparity"))
            if shape is None:
                continue
            label = aligned_log_range(disparity, cut_m)
            if label is not None:
                features.append(shape[0])
                labels.append(label)
    return np.stack(features), np.array(labels, np.float32)


def train_shape_range(data: Path, bank: Path, out: Path, *, seed: int, progress: Progress) -> None:
    """Train the head on all train renders of a folder, and on as many scenes without people, and write it.

    Args:
        data: folder of shards.
        bank: bodies (``mfh_lab.pocket.world.bodies``).
        out: .npz to write.
        seed: of cuts, warps and training.
        progress: called with what is being done and the fraction done.
    """
    shards = sorted(data.glob("train_*.npz"))
    count = SHARD * len(shards)

    def reporting(depths_m: Iterable[ndarray], what: str, first: float) -> Iterator[ndarray]:
        for number, depth_m in enumerate(depths_m):
            progress(what, first + 0.45 * number / count)
            yield depth_m

    peopled = describe(reporting(shard_depths(shards), "describing renders", 0.0), seed=seed, cuts=_CUTS)
    empty = describe(
        reporting(empty_depths(load_bank(bank), count), "describing empty scenes", 0.45), seed=seed + 1, cuts=_CUTS
    )
    progress("training", 0.9)
    features, labels = (np.concatenate(parts) for parts in zip(peopled, empty, strict=True))
    weights = fit_layers(features, labels, widths=(128, 64), epochs=60, dropout=0.1, seed=seed)
    with own_path(out) as temporary:
        np.savez_compressed(temporary, allow_pickle=False, **weights)
