"""Train the head that tells a photo's depth range from the depth network's features: minutes, on one core.

The label of a render is the range that the best affine head gives the network's own map of it, since that is what the
range is believed for. Features and labels are remembered beside the weights, so that training again takes seconds.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.io.atomic import atomic_path
from mfh.models.relative_depth.pocket import PocketRelativeDepth
from mfh.pocket.evaluate import best_log_range
from mfh.pocket.range_layers import fit_layers

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Seen:
    """What the network saw of renders.

    Attributes:
        pooled: (n, sizes, features) features.
        log_range: (n,) of the best affine head; only renders that have one.
    """

    pooled: Float[ndarray, "n sizes features"]
    log_range: Float[ndarray, "n"]


def look_at(shards: Sequence[Path], *, progress: Progress) -> Seen:
    """Run the depth network over renders and fit the best head to each.

    Args:
        shards: npz files of renders (``mfh.pocket.dataset``).
        progress: called with what is being done and the fraction done.
    """
    network = PocketRelativeDepth()
    pooled, labels = [], []
    for done, path in enumerate(shards):
        progress(f"looking at {path.name}", done / len(shards))
        with np.load(path) as shard:
            pictures, depths_m = shard["rgb"], shard["depth_m"]
        for rgb, depth_m in zip(pictures, depths_m, strict=True):
            disparity, features = network.look(rgb.astype(np.float32) / np.float32(255))
            label = best_log_range(disparity, depth_m.astype(np.float64))
            if label is not None:
                pooled.append(features)
                labels.append(label)
    return Seen(np.stack(pooled), np.array(labels, np.float32))


def train_range(data: Path, out: Path, *, seed: int, progress: Progress) -> None:
    """Train the range head on all train renders of a folder and write it.

    Args:
        data: folder of shards.
        out: .npz to write; features are kept in ``<out>.seen.npz``.
        seed: of the training.
        progress: called with what is being done and the fraction done.
    """
    remembered = out.with_name(out.stem + ".seen.npz")
    if remembered.exists():
        with np.load(remembered) as stored:
            seen = Seen(stored["pooled"], stored["log_range"])
    else:
        seen = look_at(sorted(data.glob("train_*.npz")), progress=progress)
        with atomic_path(remembered) as temporary:
            np.savez(temporary, pooled=seen.pooled, log_range=seen.log_range)
    progress("training", 0.95)
    with atomic_path(out) as temporary:
        # Every view of a picture is an example of its own.
        features = seen.pooled.reshape(-1, seen.pooled.shape[2])
        labels = np.repeat(seen.log_range, seen.pooled.shape[1])
        weights = fit_layers(features, labels, widths=(64,), epochs=40, dropout=0.2, seed=seed)
        np.savez_compressed(temporary, allow_pickle=False, **weights)
