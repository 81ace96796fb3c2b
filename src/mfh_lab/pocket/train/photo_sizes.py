"""Train the sprite painter's network on rendered shards and on real photos whose things have known sizes.

``mfh pocket train painter --data DIR --photos DIR --labels labels.jsonl --start painter.onnx --out new.safetensors``

Half of each batch are renders, which teach where people could stand and how large a metre is. The other half are real
photos with labels of :mod:`mfh_lab.pocket.train.size_labels`, which teach the size alone: at the things, and weakly in
the rows in which they stand and in the rest of the picture. Where people could stand in them is what the painter
predicted before (without that, it stops to place people in real rooms).
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from mfh.models.painters.person_prior import PersonPrior
from mfh_lab.pocket.train.augment import Rng, Window, photograph
from mfh_lab.pocket.train.depth import draw_size
from mfh_lab.pocket.train.network import PainterNetwork
from mfh_lab.pocket.train.painter import CELL, PainterTask, draw_strip, painter_loss
from mfh_lab.pocket.train.painter import make_task as make_render_task
from mfh_lab.pocket.train.size_labels import LabelledPhoto, SizeLabel, read_labels, read_photo
from mfh_lab.pocket.train.training import Schedule

# Part of the close cuts, and the part of their height that a thing takes in one.
_CLOSE_CUTS, _CLOSE_PART = 0.3, (0.25, 0.75)
_SMALLEST_CUT_PX = 72
# How often the strip is put over a labelled thing, so that its surroundings must tell.
_COVERED = 0.4
# Weights of a thing's own cells, of the row where it stands, and of the lower half of the picture.
_OWN, _ROW, _WHOLE = 1.0, 0.4, 0.15
# How much the size differs there from the thing's, log: on a floor, a row is at one distance from a level camera.
_FLOOR_SIGMA, _TABLE_SIGMA, _WHOLE_SIGMA = 0.15, 0.35, 0.7
# A thing of which part is hidden looks smaller by about this much, log, and by as much more or less.
_HIDDEN_LOG, _HIDDEN_SIGMA = 0.4, 0.35
# A label is wrong altogether this often; then the size is anything within this range of the log.
_WRONG, _WRONG_RANGE = 0.04, 5.0
_STANDING = 0.3
FIXED_BLOCKS = 11
"""Blocks of the encoder that are fixed: all that are seen in strides up to 16."""
CHANNELS = 6
"""Of a map of labels: log size (NaN: none), its sigma, how often hidden, weight, whether only floor counts, and the
probability that a person could stand there according to the painter before."""
# Strips that are blanked in turn to ask it, as parts of the width.
_ASKED = ((0.05, 0.4), (0.6, 0.95))
_PLACE_WEIGHT = 2.0


def fine_schedule(schedule: Schedule) -> Schedule:
    """Return the schedule with rates for a network that was trained on renders, and a shorter average."""
    return replace(schedule, encoder_rate=1e-4, decoder_rate=6e-4, keep=0.99)


@dataclass(frozen=True)
class RealPhoto:
    """A photo, what is known of it, and what the earlier painter predicts.

    Attributes:
        rgb: (h, w, 3) uint8.
        sizes: labels.
        weights: of their classes.
        places: (a, b), the probability that a person could stand, on a grid over the photo.
    """

    rgb: NDArray[np.uint8]
    sizes: tuple[SizeLabel, ...]
    weights: tuple[float, ...]
    places: NDArray[np.float32]


def load_photos(root: Path, labelled: Sequence[LabelledPhoto], before: PersonPrior) -> list[RealPhoto]:
    """Read labelled photos; the more photos show things of a class, the less each of them weighs."""
    count = Counter(label for photo in labelled for label in {one.label for one in photo.sizes})
    photos = []
    for photo in labelled:
        rgb, weights = read_photo(root / photo.file), tuple(1 / math.sqrt(count[one.label]) for one in photo.sizes)
        photos.append(RealPhoto(rgb, photo.sizes, weights, places_before(rgb, before)))
    return photos


def places_before(rgb: NDArray[np.uint8], before: PersonPrior) -> NDArray[np.float32]:
    """Return the probability that a person could stand, the mean over two places of the strip."""
    picture = rgb.astype(np.float32) / np.float32(255)
    maps = []
    for left, right in _ASKED:
        blank = np.zeros(rgb.shape[:2], bool)
        blank[:, int(left * rgb.shape[1]) : int(right * rgb.shape[1])] = True
        maps.append(before.predict(picture, blank).probability)
    return np.mean(maps, axis=0).astype(np.float32)


@dataclass(frozen=True)
class PhotoSizeTask:
    """The painter's task on renders, and the size of a metre on real photos.

    Attributes:
        renders: the task on renders.
        photos: real ones.
        odds: how likely each is drawn.
        fixed_blocks: blocks of the encoder, from the first, that keep their weights.
    """

    renders: PainterTask
    photos: tuple[RealPhoto, ...]
    odds: NDArray[np.float64]
    fixed_blocks: int = FIXED_BLOCKS

    def network(self, start: Path | None) -> PainterNetwork:
        """Return the network of the task on renders; more of its encoder is fixed, which saves half of the time."""
        network = self.renders.network(start)
        network.encoder.freeze_early(self.fixed_blocks)
        return network

    def batch(self, schedule: Schedule, step: int, rank: int) -> tuple[Tensor, ...]:
        """Return (rgb, blank, free, log_size, labels): renders first, then photos; labels are (b/2, 6, h/4, w/4)."""
        half = replace(schedule, batch=max(1, schedule.batch // 2))
        rgb, blank, free, log_size = self.renders.batch(half, step, rank)
        _, size = draw_size({shape: len(room.rgb) for shape, room in self.renders.rooms.items()}, schedule, step)
        rng = np.random.default_rng((schedule.seed, step, rank + 1, 1))
        drawn = rng.choice(len(self.photos), half.batch, p=self.odds)
        samples = [draw_photo(self.photos[k], size, rng) for k in drawn]
        photo, photo_blank, labels = (torch.from_numpy(np.stack(part)) for part in zip(*samples, strict=True))
        rgb = torch.cat([rgb, photo.permute(0, 3, 1, 2)]).contiguous(memory_format=torch.channels_last)
        return rgb, torch.cat([blank, photo_blank[:, None]]), free, log_size, labels

    def loss(self, network: PainterNetwork, batch: tuple[Tensor, ...]) -> Tensor:
        """Return the loss on renders plus that of the sizes in photos."""
        network.encoder.freeze_statistics()
        rgb, blank, free, log_size, labels = batch
        with torch.autocast("cpu", torch.bfloat16):
            maps = network(rgb, blank)
        rendered, real = (tuple(one[part].float() for one in maps) for part in _halves(len(free)))
        places = functional.binary_cross_entropy_with_logits(real[0], labels[:, 5])
        return painter_loss(rendered, free, log_size) + size_loss(real, labels) + _PLACE_WEIGHT * places


def _halves(count: int) -> tuple[slice, slice]:
    return slice(None, count), slice(count, None)


def draw_photo(photo: RealPhoto, size: tuple[int, int], rng: Rng) -> tuple[NDArray[np.float32], ...]:
    """Cut, flip, photograph and blank one photo; its labels follow.

    Returns:
        rgb (h, w, 3); blank (h, w), 1 in the paint mask; labels (6, h/4, w/4), see ``CHANNELS``.
    """
    weights = np.array(photo.weights)
    aim = int(rng.choice(len(weights), p=weights / weights.sum()))
    window = draw_cut(photo.rgb.shape[:2], size, photo.sizes[aim].box_xyxy, rng)
    picture = photograph(window.cut(photo.rgb.astype(np.float32) / np.float32(255), size), rng)
    box = cut_box(photo.sizes[aim].box_xyxy, window, size)
    blank = draw_strip(size, rng)
    if rng.random() < _COVERED:
        wide = int(blank[0].sum())
        left = int(np.clip((box[0] + box[2] - wide) / 2, 0, size[0] - wide))
        blank[:] = 0
        blank[:, left : left + wide] = 1
    return picture, blank, draw_labels(photo, window, size)


def draw_cut(shape: tuple[int, int], size: tuple[int, int], box: Sequence[float], rng: Rng) -> Window:
    """Draw a window of the wanted aspect in which the foot of a box is; sometimes a close one."""
    height, width = shape
    aspect = size[0] / size[1] * math.exp(rng.normal(0, 0.06))
    most = min(height, width / aspect)
    if rng.random() < _CLOSE_CUTS:
        tall = (box[3] - box[1]) / rng.uniform(*_CLOSE_PART)
    else:
        tall = most * (1.0 if rng.random() < 0.3 else rng.uniform(0.55, 1.0))
    tall = float(np.clip(tall, min(most, _SMALLEST_CUT_PX), most))
    wide = tall * aspect
    # The middle of the box is inside, and so is its foot, where the picture allows it.
    x, y = (box[0] + box[2]) / 2, 0.25 * box[1] + 0.75 * box[3]
    left = rng.uniform(*np.clip([x - 0.95 * wide, x - 0.05 * wide], 0, max(0.0, width - wide)))
    top = rng.uniform(*np.clip([y - 0.95 * tall, y - 0.05 * tall], 0, max(0.0, height - tall)))
    return Window(int(left), int(top), max(1, int(wide)), max(1, int(tall)), bool(rng.random() < 0.5))


def cut_box(box: Sequence[float], window: Window, size: tuple[int, int]) -> tuple[float, float, float, float]:
    """Return a box in the pixels of a cut, resized and possibly mirrored picture."""
    across, down = size[0] / window.width, size[1] / window.height
    left, right = (box[0] - window.x) * across, (box[2] - window.x) * across
    if window.flipped:
        left, right = size[0] - right, size[0] - left
    return left, (box[1] - window.y) * down, right, (box[3] - window.y) * down


def draw_labels(photo: RealPhoto, window: Window, size: tuple[int, int]) -> NDArray[np.float32]:
    """Return a photo's labels on the cells of a cut, (6, h/4, w/4), see ``CHANNELS``; nearer things are in front.

    A thing's own cells are the lower half of its box and the row below. The weights of each kind sum to its own.
    """
    wide, tall = size[0] // CELL, size[1] // CELL
    maps = np.zeros((CHANNELS, tall, wide), np.float32)
    maps[0], maps[5] = np.nan, _cut_places(photo, window, (wide, tall))
    total = sum(photo.weights)
    heaviest = max(range(len(photo.sizes)), key=lambda k: (photo.weights[k], photo.sizes[k].box_xyxy[3]))
    ordered = sorted(range(len(photo.sizes)), key=lambda k: photo.sizes[k].box_xyxy[3])
    placed = [(k, *_cells(photo.sizes[k].box_xyxy, window, size)) for k in ordered]
    if photo.sizes[heaviest].place == "table":
        _write(maps, (slice(tall // 2, tall), slice(0, wide)), photo.sizes[heaviest], window, _WHOLE, _WHOLE_SIGMA)
    for k, rows, _ in placed:
        one, foot = photo.sizes[k], rows.stop - 1
        if one.place == "other" or not 0 <= foot < tall:
            continue
        near = slice(max(0, foot - 1), min(tall, foot + 2))
        sigma = _FLOOR_SIGMA if one.place == "floor" else _TABLE_SIGMA
        _write(maps, (near, slice(0, wide)), one, window, _ROW * photo.weights[k] / total, sigma)
    for k, rows, columns in placed:
        inside = slice(max(0, rows.start), min(tall, rows.stop)), slice(max(0, columns.start), min(wide, columns.stop))
        _write(maps, inside, photo.sizes[k], window, _OWN * photo.weights[k] / total, 0.0)
    return maps


def _cut_places(photo: RealPhoto, window: Window, cells: tuple[int, int]) -> NDArray[np.float32]:
    """Return the places of a photo on the cells of a cut."""
    whole = cv2.resize(photo.places, photo.rgb.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return window.cut(whole, cells)


def _cells(box: Sequence[float], window: Window, size: tuple[int, int]) -> tuple[slice, slice]:
    """Return the rows and columns of cells of the lower half of a box, and the row below; some may be outside."""
    left, top, right, bottom = (one / CELL for one in cut_box(box, window, size))
    first, last = math.floor((top + bottom) / 2), max(math.ceil(bottom), math.floor((top + bottom) / 2) + 1)
    start = round(left)
    return slice(first, last + 1), slice(start, max(round(right), start + 1))


def _write(
    maps: NDArray[np.float32],
    where: tuple[slice, slice],
    one: SizeLabel,
    window: Window,
    weight: float,
    more_sigma: float,
) -> None:
    count = maps[0][where].size
    if count == 0:
        return
    only_floor = one.place == "floor" and more_sigma > 0
    row = (
        math.log(one.px_per_m / window.height),
        math.hypot(one.log_sigma, more_sigma),
        one.hidden,
        weight / count,
        only_floor,
    )
    maps[(slice(None, 5), *where)] = np.array(row, np.float32)[:, None, None]


def size_loss(predicted: tuple[Tensor, ...], labels: Tensor) -> Tensor:
    """Negative log likelihood of labels under the predicted mixtures, each Gaussian wider by the label's own error.

    A label is of a thing that is whole; of one that is partly hidden, which looks smaller; or wrong.

    Args:
        predicted: maps of :class:`mfh_lab.pocket.train.network.PainterNetwork`.
        labels: (b, 6, h, w), see ``CHANNELS``. Cells of the last kind count where a person could stand.
    """
    stand, log_weight, mean, log_sigma = predicted
    value, sigma, hidden, weight, only_floor = labels[:, :5].unbind(1)
    known = torch.isfinite(value)
    value = torch.where(known, value, 0.0)[:, None]
    floor = torch.sigmoid(stand.detach()) > _STANDING
    weight = weight * known * torch.where(only_floor > 0, floor.float(), 1.0)
    variance = torch.exp(2 * log_sigma) + sigma.clamp(min=0.02)[:, None].square()
    whole = _log_normal(value - mean, variance)
    part = _log_normal(value - mean + _HIDDEN_LOG, variance + _HIDDEN_SIGMA**2)
    hidden = hidden.clamp(1e-3, 1 - 1e-3)[:, None]
    either = torch.logaddexp(torch.log1p(-hidden) + whole, torch.log(hidden) + part)
    right = torch.logsumexp(log_weight + either, 1) + math.log(1 - _WRONG)
    wrong = torch.full_like(right, math.log(_WRONG / _WRONG_RANGE))
    return -(weight * torch.logaddexp(right, wrong)).sum() / weight.sum().clamp(min=1.0)


def _log_normal(gap: Tensor, variance: Tensor) -> Tensor:
    return -0.5 * (gap.square() / variance + torch.log(2 * math.pi * variance))


def make_task(data: Path, photos: Path, labels: Path, *, fixed_blocks: int = FIXED_BLOCKS) -> PhotoSizeTask:
    """Return the task on the training shards of a folder and on labelled photos of another.

    Args:
        data: folder of shards.
        photos: folder of photos.
        labels: their labels.
        fixed_blocks: see :class:`PhotoSizeTask`.
    """
    loaded = load_photos(photos, read_labels(labels), PersonPrior())
    odds = np.array([max(photo.weights) for photo in loaded])
    return PhotoSizeTask(make_render_task(data), tuple(loaded), odds / odds.sum(), fixed_blocks)
