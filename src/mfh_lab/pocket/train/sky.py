"""Train the decoder that finds the sky (``models.sky``): minutes, on one core.

``python -m mfh_lab.pocket.train.sky --photos ../shared/data --labels benchmarks/sky_training.tsv --out sky.onnx``

A row of the labels is a file below the photos and where its sky is: "none", or a grid of cells, width x height, then
runs of them row by row: s sky, n not sky, ? not clear. The labels were proposed by colour and texture, later by earlier
decoders, and each was accepted by eye. Every photo counts as it is and in random variants: mirrored, cropped, toned,
and with another sky. The encoder is not trained.
"""

import argparse
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor, nn
from torch.nn import functional

from mfh.errors import InputError
from mfh.io.atomic import atomic_path
from mfh.io.pictures import PHOTO_FORMATS, PHOTO_NAMES, open_picture
from mfh.io.reading import read_text
from mfh.models.sessions import cpu_session, input_size, network_input
from mfh.models.sky import ENCODER, FEATURES, INPUT_PIXELS
from mfh_lab.pocket.train.export import export_onnx, rounded
from mfh_lab.pocket.train.network import SkyDecoder

UNKNOWN = -1.0
_VALUES = {"s": 1.0, "n": 0.0, "?": UNKNOWN}
_VARIANTS = 3
_SHORT_SIDE = 192
_RATE, _DECAY, _CLIP = 2e-3, 1e-2, 1.0
_TOGETHER = 4
_OTHER_SKY = 0.15
"""Share of the variants with another sky: white, grey, cream and orange ones are rare in the labelled photos."""


@dataclass(frozen=True)
class Example:
    """One view of a photo, as the decoder sees it.

    Attributes:
        maps: the encoder's features.
        sky: (h, w) share of sky in each cell of the finest features.
        known: (h, w) 1 where that is clear, else 0.
    """

    maps: list[Tensor]
    sky: Tensor
    known: Tensor


def read_labels(path: Path) -> list[tuple[str, Float[ndarray, "a b"] | None]]:
    """Read files and where their sky is: 1 sky, 0 not, UNKNOWN; None for no sky.

    Raises:
        InputError: for a line that is none.
    """
    rows = []
    text = read_text(path, what="labels", expected="lines of a file and its sky")
    for number, line in enumerate(text.splitlines(), 1):
        file, _, label = line.partition("\t")
        found = re.fullmatch(r"(\d+)x(\d+) ((?:[sn?]\d+)+)", label)
        if label == "none":
            rows.append((file, None))
            continue
        cells = _cells(found[3]) if found else np.zeros(0, np.float32)
        if found is None or len(cells) != int(found[1]) * int(found[2]):
            raise InputError(
                f"{path}, line {number}: expected a file, a tab, and none or WIDTHxHEIGHT and runs of s, n, ?"
            )
        rows.append((file, cells.reshape(int(found[2]), int(found[1]))))
    return rows


def _cells(runs: str) -> Float[ndarray, "n"]:
    parts = re.findall(r"([sn?])(\d+)", runs)
    return np.concatenate([np.full(int(count), _VALUES[value], np.float32) for value, count in parts])


def variants(
    rgb: Float[ndarray, "h w 3"], sky: Float[ndarray, "h w"], rng: np.random.Generator
) -> Iterator[tuple[Float[ndarray, "_ _ 3"], Float[ndarray, "_ _"]]]:
    """Yield a photo and its label as they are, then random variants of both."""
    yield rgb, sky
    for _ in range(_VARIANTS - 1):
        other = rgb
        if (sky == 1).any() and rng.random() < _OTHER_SKY:
            other = _with_other_sky(rgb, sky, rng)
        height, width = sky.shape
        share = rng.uniform(0.5, 1)
        tall, wide = int(height * share), int(width * share)
        top = int(rng.integers(0, height - tall + 1)) if rng.random() < 0.7 else 0
        left = int(rng.integers(0, width - wide + 1))
        at = np.s_[top : top + tall, left : left + wide]
        seen, label = other[at], sky[at]
        if rng.random() < 0.5:
            seen, label = seen[:, ::-1], label[:, ::-1]
        toned = seen ** rng.uniform(0.6, 1.6)
        grey = toned.mean(2, keepdims=True)
        toned = (grey + (toned - grey) * rng.uniform(0.2, 1.2)) * rng.uniform(0.85, 1.1, 3)
        toned += rng.normal(0, 0.01, toned.shape)
        yield np.clip(toned, 0, 1).astype(np.float32), np.ascontiguousarray(label)


def _with_other_sky(
    rgb: Float[ndarray, "h w 3"], sky: Float[ndarray, "h w"], rng: np.random.Generator
) -> Float[ndarray, "h w 3"]:
    """Return the photo with the colours of its sky replaced by a gradient; some of its texture stays."""
    colours = np.array([[1, 1, 1], [0.8, 0.82, 0.84], [1, 0.93, 0.82], [0.95, 0.7, 0.5]])
    upper, lower = (colours[rng.integers(len(colours))] + rng.normal(0, 0.04, 3) for _ in range(2))
    down = np.linspace(0, 1, len(rgb))[:, None, None]
    mean = rgb[sky == 1].mean(0)
    made = (1 - down) * upper + down * lower + rng.uniform(0, 0.7) * (rgb - mean)
    weight = cv2.GaussianBlur((sky != 0).astype(np.float32), (0, 0), 1.0)[..., None]
    return np.clip(weight * made + (1 - weight) * rgb, 0, 1).astype(np.float32)


def look_at(photos: Path, labels: Path, rng: np.random.Generator) -> list[Example]:
    """Run the encoder over labelled photos and their variants."""
    encoder = cpu_session(ENCODER, "scene network")
    examples = []
    for file, label in read_labels(labels):
        with open_picture(photos / file, formats=PHOTO_FORMATS, what="photo", expected=PHOTO_NAMES) as picture:
            rgb = np.asarray(picture.convert("RGB"), np.float32) / np.float32(255)
        ratio = _SHORT_SIDE / min(rgb.shape[:2])
        rgb = cv2.resize(rgb, None, fx=ratio, fy=ratio, interpolation=cv2.INTER_AREA)
        size = (rgb.shape[1], rgb.shape[0])
        sky = np.zeros(rgb.shape[:2], np.float32) if label is None else _large(label, size)
        for seen, mask in variants(rgb, sky, rng):
            height, width = mask.shape
            inputs = network_input(seen, *input_size(height, width, INPUT_PIXELS))
            maps = [torch.from_numpy(np.asarray(one)).half() for one in encoder.run(list(FEATURES), {"rgb": inputs})]
            size = (maps[0].shape[3], maps[0].shape[2])
            share, known = (
                torch.from_numpy(cv2.resize(one.astype(np.float32), size, interpolation=cv2.INTER_AREA))
                for one in (mask == 1, mask != UNKNOWN)
            )
            examples.append(Example(maps, share, (known > 0.7).float()))
    return examples


def _large(label: Float[ndarray, "a b"], size: tuple[int, int]) -> Float[ndarray, "h w"]:
    return cv2.resize(label, size, interpolation=cv2.INTER_NEAREST)


def train(examples: list[Example], *, epochs: int, rng: np.random.Generator) -> SkyDecoder:
    """Fit the decoder by the cross entropy of every clear cell."""
    decoder = SkyDecoder()
    optimiser = torch.optim.AdamW(decoder.parameters(), lr=_RATE, weight_decay=_DECAY)
    steps = epochs * -(-len(examples) // _TOGETHER)
    rates = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, total_steps=steps)
    for epoch in range(epochs):
        losses = []
        order = rng.permutation(len(examples))
        for begin in range(0, len(order), _TOGETHER):
            some = [examples[k] for k in order[begin : begin + _TOGETHER]]
            # One by one: photos differ in shape.
            for one in some:
                loss = _loss(decoder, one) / len(some)
                loss.backward()
                losses.append(loss.item() * len(some))
            nn.utils.clip_grad_norm_(decoder.parameters(), _CLIP)
            optimiser.step()
            rates.step()
            optimiser.zero_grad()
        print(f"epoch {epoch}: {np.mean(losses):.4f}", flush=True)
    return decoder


def _loss(decoder: SkyDecoder, one: Example) -> Tensor:
    log_odds = decoder(*(features.float() for features in one.maps))[0]
    each = functional.binary_cross_entropy_with_logits(log_odds, one.sky, reduction="none")
    return (each * one.known).sum() / one.known.sum().clamp(min=1)


def main() -> None:
    """Parse the command line, train and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    examples = look_at(args.photos, args.labels, rng)
    decoder = train(examples, epochs=args.epochs, rng=rng)
    decoder.load_state_dict({name: rounded(value) for name, value in decoder.state_dict().items()})
    with atomic_path(args.out) as temporary:
        export_onnx("sky", decoder, temporary)
    print(f"{args.out}: {len(examples)} views, {args.out.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
