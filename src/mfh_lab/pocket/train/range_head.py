"""Train the head that predicts a photo's depth range from the depth network's features: minutes, on one core.

The label of a render is the range of the network's own map of it under the best affine head, since that map is what the
range is a prior for. Features and labels are kept beside the weights, so that training again takes seconds.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.io.reading import read_npz, reading
from mfh.io.written import own_path
from mfh.models.relative_depth.pocket import PocketRelativeDepth
from mfh_lab.pocket.train.evaluate import best_log_range
from mfh_lab.pocket.train.range_layers import fit_layers
from mfh_lab.pocket.world.dataset import load_shard

Progress = Callable[[str, float], None]
_SEEN = "features that 'mfh pocket train range' kept; move them away to look again"


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
        shards: npz files of renders (``mfh_lab.pocket.world.dataset``).
        progress: called with what is being done and the fraction done.
    """
    network = PocketRelativeDepth()
    pooled, labels = [], []
    for done, path in enumerate(shards):
        progress(f"features of {path.name}", done / len(shards))
        shard = load_shard(path)
        for rgb, depth_m in zip(shard.rgb, shard.depth_m, strict=True):
            disparity, features = network.disparity_and_features(rgb.astype(np.float32) / np.float32(255))
            label = best_log_range(disparity, depth_m.astype(np.float64))
            if label is not None:
                pooled.append(features)
                labels.append(label)
    return Seen(np.stack(pooled), np.array(labels, np.float32))


def seen_path(out: Path) -> Path:
    """Return the file that keeps features for the next training.

    Args:
        out: of the head.
    """
    return out.with_name(out.stem + ".seen.npz")


def _read_seen(path: Path) -> Seen:
    stored = read_npz(path, what="", expected=_SEEN, names=("pooled", "log_range"))
    with reading(path, what="", expected=_SEEN):
        pooled, log_range = stored["pooled"], stored["log_range"]
        if (
            pooled.ndim != 3
            or log_range.shape != pooled.shape[:1]
            or {pooled.dtype.kind, log_range.dtype.kind} != {"f"}
        ):
            raise ValueError(f"it holds {pooled.dtype} of shape {pooled.shape} for {log_range.shape}")
        return Seen(pooled, log_range)


def train_range(data: Path, out: Path, *, seed: int, progress: Progress) -> None:
    """Train the range head on all train renders of a folder and write it.

    Args:
        data: folder of shards.
        out: .npz to write; features are kept in ``<out>.seen.npz``.
        seed: of the training.
        progress: called with what is being done and the fraction done.
    """
    remembered = seen_path(out)
    if os.path.lexists(remembered):
        seen = _read_seen(remembered)
    else:
        seen = look_at(sorted(data.glob("train_*.npz")), progress=progress)
        with own_path(remembered) as temporary:
            np.savez(temporary, pooled=seen.pooled, log_range=seen.log_range)
    progress("training", 0.95)
    with own_path(out) as temporary:
        # Every view of a picture is an example of its own.
        features = seen.pooled.reshape(-1, seen.pooled.shape[2])
        labels = np.repeat(seen.log_range, seen.pooled.shape[1])
        weights = fit_layers(features, labels, widths=(64,), epochs=40, dropout=0.2, seed=seed)
        np.savez_compressed(temporary, allow_pickle=False, **weights)
