"""Train the sprite painter's network on rendered shards.

``mfh pocket train painter --data DIR --start depth.safetensors --out painter.safetensors``
Its trunk starts from the depth network's where ``--start`` names one.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from mfh.errors import InputError
from mfh_lab.pocket.train.augment import Window, draw_window, photograph
from mfh_lab.pocket.train.depth import draw_size
from mfh_lab.pocket.train.network import PainterNetwork
from mfh_lab.pocket.train.training import Schedule, started
from mfh_lab.pocket.world.dataset import load_shard, shard_paths

CELL = 4
"""Pixels of the input per cell of the output, each way."""
# Ground where no person can stand is informative about the size of a metre there, but has less weight.
_OCCUPIED_WEIGHT = 0.2
_MIN_PX_PER_HEIGHT, _MAX_PX_PER_HEIGHT = 0.01, 1.5
_MASK_WIDTH = (0.2, 0.8)
# Free ground is a small part of most pictures.
_FREE_WEIGHT = 2.0
# Cameras below the eyes of a standing adult are rare, and a painter that does not notice them is far off there.
_LOW_CAMERA_M, _LOW_BOOST = 1.2, 2.0


@dataclass(frozen=True)
class Room:
    """Pictures of one shape: rgb (n, h, w, 3) uint8, free_mask (n, h, w), plane (n, 3)."""

    rgb: NDArray[np.uint8]
    free_mask: NDArray[np.bool_]
    plane: NDArray[np.float64]


def load_rooms(paths: list[Path]) -> dict[tuple[int, int], Room]:
    """Read shards, grouped by picture shape.

    Raises:
        InputError: without shards.
    """
    if not paths:
        raise InputError("no training shards: render them with 'python -m mfh_lab.pocket.world.dataset'")
    groups: dict[tuple[int, int], list[Room]] = {}
    for path in paths:
        shard = load_shard(path)
        known = np.isfinite(shard.plane).all(1)
        room = Room(shard.rgb[known], shard.free_mask[known], shard.plane[known])
        groups.setdefault(shard.depth_m.shape[1:], []).append(room)
    return {
        shape: Room(*(np.concatenate([getattr(r, name) for r in rooms]) for name in ("rgb", "free_mask", "plane")))
        for shape, rooms in groups.items()
    }


@dataclass(frozen=True)
class PainterTask:
    """Where people could stand, and how large, on all training shards of a folder."""

    rooms: dict[tuple[int, int], Room]

    def network(self, start: Path | None) -> PainterNetwork:
        """Return the network, its trunk from ImageNet or from the depth network in ``start``."""
        network = PainterNetwork()
        started(network, network.encoder, start)
        return network

    def batch(self, schedule: Schedule, step: int, rank: int) -> tuple[Tensor, ...]:
        """Return (rgb, blank, free, log_size): (b, 3, h, w), (b, 1, h, w) and two (b, h/4, w/4); NaN = no ground."""
        shape, size = draw_size({shape: len(room.rgb) for shape, room in self.rooms.items()}, schedule, step)
        room, rng = self.rooms[shape], np.random.default_rng((schedule.seed, step, rank + 1))
        drawn = rng.choice(len(room.rgb), schedule.batch, p=draw_odds(room.plane))
        samples = [draw_sample(room.rgb[k], room.free_mask[k], room.plane[k], size, rng) for k in drawn]
        rgb, blank, free, log_size = (torch.from_numpy(np.stack(part)) for part in zip(*samples, strict=True))
        return rgb.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last), blank[:, None], free, log_size

    def loss(self, network: PainterNetwork, batch: tuple[Tensor, ...]) -> Tensor:
        """Return :func:`painter_loss`."""
        network.encoder.freeze_statistics()
        rgb, blank, free, log_size = batch
        return painter_loss(network(rgb, blank), free, log_size)


def draw_odds(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how likely each picture is drawn: those of low cameras more often.

    Args:
        plane: (n, 3) pixels a metre covers at (u, v), linear: its slope is cos(pitch) over the camera's height.
    """
    height_m = 1 / np.maximum(np.hypot(plane[:, 0], plane[:, 1]), 1e-9)
    odds = np.where(height_m < _LOW_CAMERA_M, _LOW_BOOST, 1.0)
    return odds / odds.sum()


def draw_sample(
    rgb: NDArray[np.uint8],
    free_mask: NDArray[np.bool_],
    plane: NDArray[np.float64],
    size: tuple[int, int],
    rng: np.random.Generator,
) -> tuple[NDArray[np.float32], ...]:
    """Cut, flip, photograph and blank one picture; its truth follows.

    Returns:
        rgb (h, w, 3); blank (h, w), 1 in the paint mask; free (h/4, w/4), the share of each cell where a person could
        stand; log_size (h/4, w/4), log(px_per_m / image height), NaN where there is no ground.
    """
    height, width = free_mask.shape
    window = draw_window(height, width, rng)
    picture = photograph(window.cut(rgb.astype(np.float32) / np.float32(255), size), rng)
    cells = (size[0] // CELL, size[1] // CELL)
    free = cv2.resize(window.slice(free_mask).astype(np.float32), cells, interpolation=cv2.INTER_AREA)
    free = free[:, ::-1] if window.flipped else free
    log_size = window_log_size(plane, window, cells, size)
    return picture, draw_strip(size, rng), np.ascontiguousarray(free, np.float32), log_size


def draw_strip(size: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw a paint mask (h, w) for a picture of (width, height): 1 in a strip of full height."""
    blank = np.zeros((size[1], size[0]), np.float32)
    strip = int(rng.uniform(*_MASK_WIDTH) * min(size))
    left = int(rng.integers(0, size[0] - strip + 1))
    blank[:, left : left + strip] = 1
    return blank


def window_log_size(
    plane: NDArray[np.float64], window: Window, cells: tuple[int, int], size: tuple[int, int]
) -> NDArray[np.float32]:
    """Return log(px_per_m / height) at the middle of each cell of a cut and resized picture, NaN without ground."""
    wide, tall = cells
    u = (np.arange(wide) + 0.5) / wide * window.width - 0.5
    v = (np.arange(tall) + 0.5) / tall * window.height - 0.5
    if window.flipped:
        u = u[::-1]
    px_per_m = plane[0] * (window.x + u) + plane[1] * (window.y + v)[:, None] + plane[2]
    # Pixels of the picture, upright: heights are resized by the vertical factor, and so is the image height.
    part = px_per_m / window.height
    with np.errstate(invalid="ignore", divide="ignore"):
        usable = (part > _MIN_PX_PER_HEIGHT) & (part < _MAX_PX_PER_HEIGHT)
        return np.where(usable, np.log(part), np.nan).astype(np.float32)


def painter_loss(predicted: tuple[Tensor, ...], free: Tensor, log_size: Tensor) -> Tensor:
    """Negative log likelihood of where people could stand (Bernoulli) and how large a metre is there (mixture).

    Args:
        predicted: maps of :class:`mfh_lab.pocket.train.network.PainterNetwork`.
        free: (b, h, w) share of the cell where a person could stand.
        log_size: (b, h, w) log(px_per_m / image height), NaN where there is no ground.
    """
    stand, log_weight, mean, log_sigma = predicted
    weight = 1 + (_FREE_WEIGHT - 1) * free
    standing = (weight * functional.binary_cross_entropy_with_logits(stand, free, reduction="none")).mean()
    ground = torch.isfinite(log_size)
    nll = mixture_nll(torch.where(ground, log_size, 0.0), log_weight, mean, log_sigma)
    share = ground * (_OCCUPIED_WEIGHT + (1 - _OCCUPIED_WEIGHT) * (free > 0))
    return 4 * standing + (share * nll).sum() / share.sum().clamp(min=1.0)


def mixture_nll(value: Tensor, log_weight: Tensor, mean: Tensor, log_sigma: Tensor) -> Tensor:
    """Return -log p of (b, h, w) values under mixtures of (b, K, h, w) Gaussians."""
    z = (value[:, None] - mean) * torch.exp(-log_sigma)
    return -torch.logsumexp(log_weight - 0.5 * z * z - log_sigma - 0.5 * math.log(2 * math.pi), 1)


def make_task(data: Path) -> PainterTask:
    """Return the task on the training shards of a folder."""
    return PainterTask(load_rooms(shard_paths(data, "train")))
