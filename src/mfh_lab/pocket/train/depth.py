"""Train the pocket relative-depth network on rendered shards.

``mfh pocket train depth --data DIR --out depth.safetensors --steps 12000 --workers 2``
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mfh.errors import InputError
from mfh_lab.pocket.train.augment import TrainingSample, augment
from mfh_lab.pocket.train.network import PocketDepth
from mfh_lab.pocket.train.training import Schedule, started
from mfh_lab.pocket.world.dataset import load_shard, shard_paths

# Training sizes (width, height) for each rendered shape; the areas are those that the network sees photos at.
TRAINING_SIZES = {
    (168, 224): ((192, 144), (256, 192)),
    (112, 336): ((288, 96), (384, 128)),
    (224, 168): ((144, 192), (192, 256)),
}
_NEAR_M, _FAR_M = 0.1, 80.0
_PERSON_WEIGHT = 3.0
# True over predicted depth below which the relative error continues as a straight line, and the most it counts above 1.
_FARTHEST, _WORST = 0.25, 2.0
# Rounds of reweighting in the fit of the affine map, and the relative error below which a pixel weighs no more.
_REWEIGHTED, _FLOOR = 4, 0.05
# Pictures with people in them are drawn more often by this factor.
_PEOPLE_BOOST = 1.8
_PEOPLE_SHARE = 0.02


class TrainingPictures:
    """All training pictures, grouped by shape, in memory."""

    def __init__(self, paths: list[Path]) -> None:
        """Read the shards."""
        if not paths:
            raise InputError("no training shards: render them with 'python -m mfh_lab.pocket.world.dataset'")
        groups: dict[tuple[int, int], list[Path]] = {}
        shards = {path: load_shard(path) for path in paths}
        for path, shard in shards.items():
            groups.setdefault(shard.depth_m.shape[1:], []).append(path)
        self.rgb = {k: np.concatenate([shards[p].rgb for p in v]) for k, v in groups.items()}
        self.depth_m = {k: np.concatenate([shards[p].depth_m for p in v]) for k, v in groups.items()}
        self.person = {k: np.concatenate([shards[p].person for p in v]) for k, v in groups.items()}
        self.counts = {k: len(self.rgb[k]) for k in sorted(groups)}
        self.odds = {k: _draw_odds(self.person[k]) for k in self.counts}

    def batch(self, schedule: Schedule, step: int, rank: int) -> tuple[Tensor, ...]:
        """Return (rgb, depth_m, person) of one step of one worker: a function of seed, step and rank alone."""
        shape, size = draw_size(self.counts, schedule, step)
        rng = np.random.default_rng((schedule.seed, step, rank + 1))
        samples = []
        for index in rng.choice(len(self.rgb[shape]), schedule.batch, p=self.odds[shape]):
            raw = TrainingSample(
                self.rgb[shape][index].astype(np.float32) / np.float32(255),
                self.depth_m[shape][index].astype(np.float32),
                self.person[shape][index],
            )
            samples.append(augment(raw, size, rng))
        rgb = torch.from_numpy(np.stack([s.rgb for s in samples])).permute(0, 3, 1, 2)
        depth = torch.from_numpy(np.stack([s.depth_m for s in samples]))
        person = torch.from_numpy(np.stack([s.person for s in samples]))
        return rgb.contiguous(memory_format=torch.channels_last), depth, person


def draw_size(
    counts: Mapping[tuple[int, int], int], schedule: Schedule, step: int
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the rendered shape (height, width) and the (width, height) to train at: the same for all workers."""
    rng = np.random.default_rng((schedule.seed, step))
    shapes = sorted(counts)
    share = np.array([counts[shape] for shape in shapes])
    shape = shapes[int(rng.choice(len(shapes), p=share / share.sum()))]
    return shape, TRAINING_SIZES[shape][int(rng.integers(len(TRAINING_SIZES[shape])))]


def _draw_odds(person: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return how likely each picture of (n, h, w) person masks is drawn."""
    odds = np.where(person.mean((1, 2)) > _PEOPLE_SHARE, _PEOPLE_BOOST, 1.0)
    return odds / odds.sum()


def depth_loss(predicted: Tensor, depth_m: Tensor, person: Tensor) -> Tensor:
    """Affine-invariant loss in disparity.

    Three parts: absolute error after median / mean-deviation normalisation of both maps (MiDaS, Ranftl et al. 2020,
    Eq. 5-6; sky counts as disparity 0), relative error of depth after the best affine map (pixels within 80 m, too far
    as bad as too near), and multi-scale gradient matching (Li and Snavely 2018). People's pixels weigh three times:
    they carry the scale.

    Args:
        predicted: (b, h, w) disparity.
        depth_m: (b, h, w) metres, 0 for sky.
        person: (b, h, w) pixels of people.
    """
    seen = depth_m > 0
    true = torch.where(seen, 1 / depth_m.clamp(min=_NEAR_M), 0.0)
    weight = 1.0 + (_PERSON_WEIGHT - 1.0) * person.float()
    gap = _normalise(predicted) - _normalise(true)
    disparity_error = (weight * gap.abs()).mean() / weight.mean()
    gradient = predicted.new_zeros(())
    for k in (1, 2, 4, 8):
        g = gap[:, ::k, ::k]
        gradient = gradient + (g[:, 1:] - g[:, :-1]).abs().mean() + (g[:, :, 1:] - g[:, :, :-1]).abs().mean()
    return disparity_error + 0.25 * gradient + _relative_error(predicted, depth_m, weight * (seen & (depth_m < _FAR_M)))


def _normalise(disparity: Tensor) -> Tensor:
    flat = disparity.flatten(1)
    middle = flat.median(1, keepdim=True)[0]
    spread = (flat - middle).abs().mean(1, keepdim=True) + 1e-3
    return ((flat - middle) / spread).view_as(disparity)


def _relative_error(predicted: Tensor, depth_m: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean of :func:`relative_gap` under the affine map that scores are given by."""
    w = weight.flatten(1)
    w = w / w.sum(1, keepdim=True).clamp(min=1e-6)
    return (w * relative_gap(aligned_ratio(predicted, depth_m, weight).flatten(1))).sum(1).mean()


def aligned_ratio(predicted: Tensor, depth_m: Tensor, weight: Tensor) -> Tensor:
    """Return (b, h, w) true over predicted depth, y (s x + t), with y depth and x predicted disparity.

    Like :func:`mfh_lab.pocket.train.evaluate.aligned_score`, (s, t) come from reweighted least squares: a plain square
    would let the map follow the pixels it fits worst, and hide from the network what it is judged by.
    """
    x, y, w = predicted.flatten(1), depth_m.flatten(1), weight.flatten(1)
    w = w / w.sum(1, keepdim=True).clamp(min=1e-6)
    mean = (w * x).sum(1, keepdim=True)
    spread = ((w * (x - mean) ** 2).sum(1, keepdim=True) + 1e-6).sqrt()
    x = (x - mean) / spread
    with torch.no_grad():
        fitted = w
        for _ in range(_REWEIGHTED):
            fitted = w / (_fitted_ratio(x, y, fitted) - 1).abs().clamp(min=_FLOOR)
    return _fitted_ratio(x, y, fitted).view_as(depth_m)


def _fitted_ratio(x: Tensor, y: Tensor, w: Tensor) -> Tensor:
    """Return (b, n) y (s x + t) with the (s, t) that bring it nearest to 1 in weighted squares."""
    w = w / w.sum(1, keepdim=True).clamp(min=1e-6)
    a11, a12, a22 = (w * y * y * x * x).sum(1), (w * y * y * x).sum(1), (w * y * y).sum(1)
    b1, b2 = (w * y * x).sum(1), (w * y).sum(1)
    # The ridge keeps a flat or empty picture (all sky, say) solvable: it then counts nothing.
    a11, a22 = a11 + 1e-3 * a22 + 1e-6, 1.001 * a22 + 1e-6
    det = a11 * a22 - a12 * a12
    s, t = (b1 * a22 - b2 * a12) / det, (a11 * b2 - a12 * b1) / det
    return y * (s[:, None] * x + t[:, None])


def relative_gap(ratio: Tensor) -> Tensor:
    """Return |r - 1/r| / 2 of true over predicted depth: the mean of both relative errors, even in log r.

    Where a depth comes out more than four times too far, or behind infinity, the gap continues as a straight line: what
    AbsRel punishes most there, |r - 1| hardly notices.
    """
    near = ratio.clamp(min=_FARTHEST)
    gap = (near - 1 / near).abs().clamp(max=2 * _WORST) / 2
    return gap + (1 + 1 / _FARTHEST**2) / 2 * (_FARTHEST - ratio).clamp(min=0)


@dataclass(frozen=True)
class DepthTask:
    """Relative depth on all training shards of a folder."""

    pictures: TrainingPictures

    def network(self, start: Path | None) -> PocketDepth:
        """Return the network, from ImageNet or from ``start``."""
        network = PocketDepth()
        started(network, network.encoder, start)
        return network

    def batch(self, schedule: Schedule, step: int, rank: int) -> tuple[Tensor, ...]:
        """Return (rgb, depth_m, person)."""
        return self.pictures.batch(schedule, step, rank)

    def loss(self, network: PocketDepth, batch: tuple[Tensor, ...]) -> Tensor:
        """Return :func:`depth_loss`."""
        network.encoder.freeze_statistics()
        rgb, depth_m, person = batch
        return depth_loss(network(rgb), depth_m, person)


def make_task(data: Path) -> DepthTask:
    """Return the task on the training shards of a folder."""
    return DepthTask(TrainingPictures(shard_paths(data, "train")))
