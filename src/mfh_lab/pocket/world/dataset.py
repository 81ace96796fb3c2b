"""Training, validation and test renders of the pocket world, in shards.

``python -m mfh_lab.pocket.world.dataset --bank bodies.npz --split train --count 4000 --out DIR`` renders what is
missing: it can be stopped and started again, and any number of workers writes the same bytes.
"""

import argparse
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mfh.io.reading import read_npz, reading
from mfh_lab.pocket.world.bodies import SPLITS, BodyBank, load_bank
from mfh_lab.pocket.world.people import FIRST_PERSON_ID
from mfh_lab.pocket.world.scenes import draw_scene, render
from mfh_lab.pocket.world.standing import standing_room

SHARD = 40
# (width, height) by shard number: all sizes have the same number of pixels, so a batch costs the same.
SIZES = ((224, 168),) * 6 + ((336, 112),) * 2 + ((168, 224),) * 2
FIRST_SEED = {"train": 1_000_000, "validation": 2_000_000, "test": 3_000_000}
_EXPECTED = "renders of 'python -m mfh_lab.pocket.world.dataset'"
_SAMPLES = {"train": 2, "validation": 4, "test": 6}


@dataclass(frozen=True)
class Shard:
    """Pictures of one size.

    Attributes:
        rgb: (n, h, w, 3) uint8.
        depth_m: (n, h, w) float16 metres, 0 for sky.
        person: (n, h, w) bool, pixels of people.
        f_px: (n,) focal lengths.
        plane: (n, 3) pixels a metre covers at foot pixel (u, v), see mfh_lab.pocket.world.standing.
        free_mask: (n, h, w) bool, where a person's feet could be.
    """

    rgb: NDArray[np.uint8]
    depth_m: NDArray[np.float16]
    person: NDArray[np.bool_]
    f_px: NDArray[np.float32]
    plane: NDArray[np.float64]
    free_mask: NDArray[np.bool_]


def load_shard(path: Path) -> Shard:
    """Read one shard.

    Raises:
        InputError: for a file of something else.
    """
    arrays = read_npz(path, what="shard", expected=_EXPECTED, names=[one.name for one in fields(Shard)])
    with reading(path, what="shard", expected=_EXPECTED):
        shard = Shard(**arrays)
        count, height, width = shard.depth_m.shape
        kinds = {
            "rgb": ("u", (count, height, width, 3)),
            "depth_m": ("f", (count, height, width)),
            "person": ("b", (count, height, width)),
            "f_px": ("f", (count,)),
            "plane": ("f", (count, 3)),
            "free_mask": ("b", (count, height, width)),
        }
        for name, (kind, shape) in kinds.items():
            array = arrays[name]
            if array.dtype.kind != kind or array.shape != shape:
                raise ValueError(f"{name} is {array.dtype} of shape {array.shape}")
        if count == 0 or (width, height) not in SIZES:
            raise ValueError(f"it has {count} pictures of {width}x{height}")
        return shard


def load_depths(path: Path) -> NDArray[np.float16]:
    """Read the depth of one shard alone: (n, h, w) metres, 0 for sky.

    Raises:
        InputError: for a file of something else.
    """
    depth_m = read_npz(path, what="shard", expected=_EXPECTED, names=["depth_m"])["depth_m"]
    with reading(path, what="shard", expected=_EXPECTED):
        if depth_m.ndim != 3 or depth_m.dtype.kind != "f":
            raise ValueError(f"depth_m is {depth_m.dtype} of shape {depth_m.shape}")
        return depth_m


def shard_paths(folder: Path, split: str) -> list[Path]:
    """Return the finished shards of a split, in order."""
    return sorted(folder.glob(f"{split}_*.npz"))


def render_shard(number: int, bank: BodyBank, *, split: str) -> Shard:
    """Render shard ``number`` of a split."""
    size = SIZES[number % len(SIZES)]
    first = FIRST_SEED[split] + number * SHARD
    scenes = [draw_scene(first + k, bank, split=split, size=size) for k in range(SHARD)]
    renders = [render(scene, bank, people=scene.people, samples=_SAMPLES[split]) for scene in scenes]
    room = [standing_room(scene, picture.depth_m) for scene, picture in zip(scenes, renders, strict=True)]
    return Shard(
        np.stack([r.rgb for r in renders]),
        np.stack([r.depth_m for r in renders]).astype(np.float16),
        np.stack([r.ids >= FIRST_PERSON_ID for r in renders]),
        np.array([r.f_px for r in renders], np.float32),
        np.stack([one.plane for one in room]),
        np.stack([one.free_mask for one in room]),
    )


def _write(job: tuple[int, Path, str, Path]) -> Path:
    number, bank_path, split, folder = job
    path = folder / f"{split}_{number:05d}.npz"
    shard = render_shard(number, load_bank(bank_path), split=split)
    unfinished = path.with_suffix(".tmp.npz")
    np.savez(unfinished, **{one.name: getattr(shard, one.name) for one in fields(Shard)})
    os.replace(unfinished, path)
    return path


def main() -> None:
    """Render the shards that are missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bank", type=Path, required=True, help="bodies.npz, see mfh_lab.pocket.world.bodies")
    parser.add_argument("--split", choices=SPLITS, default="train")
    parser.add_argument("--count", type=int, default=4000, help="pictures, rounded up to whole shards")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    args = parser.parse_args()
    load_bank(args.bank)
    args.out.mkdir(parents=True, exist_ok=True)
    missing = [k for k in range(-(-args.count // SHARD)) if not (args.out / f"{args.split}_{k:05d}.npz").exists()]
    with ProcessPoolExecutor(args.workers) as pool:
        jobs = [(k, args.bank, args.split, args.out) for k in missing]
        for done, path in enumerate(pool.map(_write, jobs), 1):
            print(f"{done}/{len(missing)} {path.name}", flush=True)


if __name__ == "__main__":
    main()
