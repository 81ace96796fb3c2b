"""Train the pocket relative-depth network on rendered shards.

``python -m mfh.pocket.train_depth --data DIR --out depth.safetensors --steps 12000 --workers 2``
Workers are processes with one thread each; gradients are averaged, so W workers of batch B are one batch W·B.
"""

import argparse
import math
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.multiprocessing.spawn import spawn

from mfh.pocket.augment import Sample, augment
from mfh.pocket.dataset import load_shard, shard_paths
from mfh.pocket.network import PocketDepth

# Training size (width, height) for each rendered shape; equal areas.
TRAINING_SIZE = {(168, 224): (192, 144), (112, 336): (288, 96), (224, 168): (144, 192)}
_NEAR_M, _FAR_M = 0.1, 80.0
_PERSON_WEIGHT = 3.0
# Pictures with people in them are drawn more often by this factor.
_PEOPLE_BOOST = 1.8
_PEOPLE_SHARE = 0.02


@dataclass(frozen=True)
class Schedule:
    """Optimisation: steps, learning rates and how they end."""

    steps: int
    batch: int = 8
    encoder_rate: float = 3e-4
    decoder_rate: float = 1.5e-3
    cosine: bool = True
    seed: int = 0

    def factor(self, step: int) -> float:
        """Return the learning-rate factor at a step: short warm-up, then constant or cosine."""
        warm = min(1.0, (step + 1) / 100)
        return warm * (0.5 * (1 + math.cos(math.pi * step / self.steps)) + 0.005 if self.cosine else 1.0)


class Pool:
    """All training pictures, grouped by shape, in memory."""

    def __init__(self, paths: list[Path]) -> None:
        """Read the shards."""
        if not paths:
            raise FileNotFoundError("no training shards: render them with 'python -m mfh.pocket.dataset'")
        groups: dict[tuple[int, int], list[Path]] = {}
        shards = {path: load_shard(path) for path in paths}
        for path, shard in shards.items():
            groups.setdefault(shard.depth_m.shape[1:], []).append(path)
        self.rgb = {k: np.concatenate([shards[p].rgb for p in v]) for k, v in groups.items()}
        self.depth_m = {k: np.concatenate([shards[p].depth_m for p in v]) for k, v in groups.items()}
        self.person = {k: np.concatenate([shards[p].person for p in v]) for k, v in groups.items()}
        self.shapes = sorted(groups)
        self.counts = np.array([len(self.rgb[k]) for k in self.shapes])
        self.odds = {k: _draw_odds(self.person[k]) for k in self.shapes}

    def batch(self, schedule: Schedule, step: int, rank: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return (rgb, depth_m, person) of one step of one worker: a function of seed, step and rank alone."""
        shape_rng = np.random.default_rng((schedule.seed, step))
        shape = self.shapes[int(shape_rng.choice(len(self.shapes), p=self.counts / self.counts.sum()))]
        rng = np.random.default_rng((schedule.seed, step, rank + 1))
        samples = []
        for index in rng.choice(len(self.rgb[shape]), schedule.batch, p=self.odds[shape]):
            raw = Sample(
                self.rgb[shape][index].astype(np.float32) / np.float32(255),
                self.depth_m[shape][index].astype(np.float32),
                self.person[shape][index],
            )
            samples.append(augment(raw, TRAINING_SIZE[shape], rng))
        rgb = torch.from_numpy(np.stack([s.rgb for s in samples])).permute(0, 3, 1, 2)
        depth = torch.from_numpy(np.stack([s.depth_m for s in samples]))
        person = torch.from_numpy(np.stack([s.person for s in samples]))
        return rgb.contiguous(memory_format=torch.channels_last), depth, person

    def batches(self, schedule: Schedule, first: int, rank: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Yield batches from step ``first`` on, made one ahead in a thread."""
        with ThreadPoolExecutor(1) as thread:
            ahead = thread.submit(self.batch, schedule, first, rank)
            for step in range(first + 1, schedule.steps + 1):
                ready, ahead = ahead.result(), thread.submit(self.batch, schedule, step, rank)
                yield ready


def _draw_odds(person: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return how likely each picture of (n, h, w) person masks is drawn."""
    odds = np.where(person.mean((1, 2)) > _PEOPLE_SHARE, _PEOPLE_BOOST, 1.0)
    return odds / odds.sum()


def depth_loss(predicted: Tensor, depth_m: Tensor, person: Tensor) -> Tensor:
    """Affine-invariant loss in disparity.

    Three parts: absolute error after median / mean-deviation normalisation of both maps (MiDaS, Ranftl et al. 2020,
    Eq. 5-6; sky counts as disparity 0), relative error of depth after the best affine map (what AbsRel measures, pixels
    within 80 m), and multi-scale gradient matching (Li and Snavely 2018). People's pixels weigh three times: they carry
    the metres.

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
    """Mean |y (s x + t) - 1| with the (s, t) that minimises its square; y is depth, x predicted disparity."""
    x, y, w = predicted.flatten(1), depth_m.flatten(1), weight.flatten(1)
    w = w / w.sum(1, keepdim=True).clamp(min=1e-6)
    mean = (w * x).sum(1, keepdim=True)
    spread = ((w * (x - mean) ** 2).sum(1, keepdim=True) + 1e-6).sqrt()
    x = (x - mean) / spread
    a11, a12, a22 = (w * y * y * x * x).sum(1), (w * y * y * x).sum(1), (w * y * y).sum(1)
    b1, b2 = (w * y * x).sum(1), (w * y).sum(1)
    # The ridge keeps a flat or empty picture (all sky, say) solvable: it then counts nothing.
    a11, a22 = a11 + 1e-3 * a22 + 1e-6, 1.001 * a22 + 1e-6
    det = a11 * a22 - a12 * a12
    s, t = (b1 * a22 - b2 * a12) / det, (a11 * b2 - a12 * b1) / det
    error = (y * (s[:, None] * x + t[:, None]) - 1).abs()
    return (w * error.clamp(max=2.0)).sum(1).mean()


def train(rank: int, workers: int, args: argparse.Namespace) -> None:
    """Run one worker; worker 0 logs and saves."""
    torch.set_num_threads(1)
    if workers > 1:
        dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{args.port}", rank=rank, world_size=workers)
    schedule = Schedule(args.steps, args.batch, args.encoder_rate, args.decoder_rate, not args.constant, args.seed)
    torch.manual_seed(args.seed)
    network = PocketDepth()
    if args.resume:
        network.load_state_dict(load_file(args.resume))
    else:
        network.load_imagenet()
    frozen = [network.encoder._conv_stem, network.encoder._bn0, *network.encoder._blocks[:3]]
    for module in frozen:
        module.requires_grad_(False)
    network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]  (missing from the stubs)
    encoder = [p for p in network.encoder.parameters() if p.requires_grad]
    decoder = [p for name, p in network.named_parameters() if not name.startswith("encoder")]
    groups = [{"params": encoder, "lr": schedule.encoder_rate}, {"params": decoder, "lr": schedule.decoder_rate}]
    optimizer = torch.optim.AdamW(groups, weight_decay=1e-3)
    rates = [schedule.encoder_rate, schedule.decoder_rate]
    average = {k: v.detach().clone() for k, v in network.state_dict().items()}
    pool = Pool(shard_paths(args.data, "train"))
    if rank == 0:
        print(f"{pool.counts.sum()} pictures, {workers} x {schedule.batch} a step", flush=True)
    began, smooth = time.time(), 0.0
    for step, (rgb, depth, person) in enumerate(pool.batches(schedule, 0, rank)):
        network.train()
        network.freeze_encoder_statistics()
        loss = depth_loss(network(rgb), depth, person)
        if not torch.isfinite(loss):
            raise FloatingPointError(f"the loss is {loss.item()} at step {step}: the last saved weights are {args.out}")
        optimizer.zero_grad(set_to_none=False)
        loss.backward()
        if workers > 1:
            _average_gradients(encoder + decoder, workers)
        torch.nn.utils.clip_grad_norm_(encoder + decoder, 1.0)
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * schedule.factor(step)
        optimizer.step()
        smooth = loss.item() if step == 0 else 0.98 * smooth + 0.02 * loss.item()
        if rank == 0:
            _update_average(average, network, min(0.998, (step + 1) / (step + 20)))
            if (step + 1) % 100 == 0 or step + 1 == schedule.steps:
                print(f"step {step + 1} loss {smooth:.4f} {time.time() - began:.0f} s", flush=True)
                _save(average, args.out)
    if workers > 1:
        dist.destroy_process_group()


def _average_gradients(parameters: list[torch.nn.Parameter], workers: int) -> None:
    flat = torch.cat([p.grad.flatten() for p in parameters if p.grad is not None])
    dist.all_reduce(flat)
    flat /= workers
    start = 0
    for p in parameters:
        if p.grad is not None:
            p.grad.copy_(flat[start : start + p.numel()].view_as(p.grad))
            start += p.numel()


def _update_average(average: dict[str, Tensor], network: PocketDepth, keep: float) -> None:
    """Exponential moving average of the weights: what is saved and used."""
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if value.dtype.is_floating_point:
                average[name].mul_(keep).add_(value, alpha=1 - keep)
            else:
                average[name].copy_(value)


def _save(state: dict[str, Tensor], path: Path) -> None:
    unfinished = path.with_suffix(".tmp")
    save_file({k: v.contiguous() for k, v in state.items()}, unfinished)
    os.replace(unfinished, path)


def main() -> None:
    """Parse the command line and start the workers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of shards, see mfh.pocket.dataset")
    parser.add_argument("--out", type=Path, required=True, help="safetensors file to write")
    parser.add_argument("--resume", type=Path, help="start from these weights instead of ImageNet's")
    parser.add_argument("--steps", type=int, default=12000)
    parser.add_argument("--batch", type=int, default=8, help="pictures a step and worker")
    parser.add_argument("--encoder-rate", type=float, default=3e-4)
    parser.add_argument("--decoder-rate", type=float, default=1.5e-3)
    parser.add_argument("--constant", action="store_true", help="constant learning rate instead of a cosine")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--port", type=int, default=29511)
    args = parser.parse_args()
    if args.workers == 1:
        train(0, 1, args)
    else:
        spawn(train, (args.workers, args), nprocs=args.workers)


if __name__ == "__main__":
    main()
