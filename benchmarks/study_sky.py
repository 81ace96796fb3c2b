"""The sky of real photos: how much of it is found, and what else is taken for it.

    python benchmarks/study_sky.py ../shared/data/photos_real ../shared/data/real_val

A row of the labels is a file below the first folder, the kind of its sky, and how far it comes down at the middle of
eight columns of equal width, in percent of the height ("x" where that is not clear). Pixels within 5 % of the height of
that border are not counted. In the second folder, no pixel with sensor depth is sky.
"""

import argparse
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
from PIL import Image

from mfh.io.photo import load_photo
from mfh.models.sky import sky_mask
from mfh.types import RelativeDepth

_MARGIN = 0.05
_STREETS = ("cityscapes", "kitti", "waymo", "sustech", "opencalib")


def mask_of(path: Path) -> np.ndarray:
    """Return the sky of a photo."""
    rgb = load_photo(path).rgb
    return sky_mask(rgb, RelativeDepth(np.zeros(rgb.shape[:2], np.float32), "disparity"))


def against_labels(photos: Path, labels: Path) -> None:
    """Print the share of labelled sky that is found, and of the rest that is taken for sky, by kind."""
    counts = defaultdict(lambda: np.zeros(5, int))
    for line in labels.read_text(encoding="utf-8").splitlines():
        file, kind, borders = line.split("\t")
        mask = mask_of(photos / file)
        height, width = mask.shape
        rows = (np.arange(height) + 0.5) / height
        found = sky = taken = rest = 0
        for k, border in enumerate(borders.split()):
            if border == "x":
                continue
            column = mask[:, int((k + 0.5) / 8 * width)]
            above, below = rows < int(border) / 100 - _MARGIN, rows > int(border) / 100 + _MARGIN * (border != "0")
            found, sky = found + column[above].sum(), sky + above.sum()
            taken, rest = taken + column[below].sum(), rest + below.sum()
        counts[kind] += np.array([1, found, sky, taken, rest])
        if found < 0.8 * sky or taken > 0.02 * rest:
            print(f"  {file}: {found / max(sky, 1):.0%} of the sky, {taken / max(rest, 1):.1%} of the rest")
    for kind, (photos_of, found, sky, taken, rest) in sorted(counts.items()):
        share = f"{found / sky:.1%}" if sky else "-"
        print(f"{kind:<9} {photos_of} photos: {share} of the sky found, {taken / rest:.2%} of the rest taken for it")


def against_depth(folder: Path) -> None:
    """Print the share of pixels with sensor depth that are taken for sky, in streets and in rooms."""
    streets, rooms = {}, {}
    for path in sorted(folder.glob("*/*/depth.png")):
        mask = mask_of(path.with_name("rgb.jpg"))
        depth = np.asarray(Image.open(path).resize(mask.shape[::-1], Image.Resampling.NEAREST))
        name = path.parent.name
        if name.startswith(_STREETS):
            streets[name] = float(mask[depth > 0].mean())
        else:
            rooms[name] = float(mask.mean())
    for name, share in streets.items():
        print(f"  {name}: {share:.2%}")
    print(
        f"{len(streets)} streets: {np.mean(list(streets.values())):.2%} of the pixels with sensor depth taken for sky"
    )
    over = {name: f"{share:.1%}" for name, share in rooms.items() if share > 0.01}
    print(f"{len(rooms)} rooms and desks: more than 1 % taken for sky in {len(over)}: {over}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path)
    parser.add_argument("measured", type=Path)
    parser.add_argument("--labels", type=Path, default=Path(__file__).with_name("sky_labels.tsv"))
    args = parser.parse_args()
    against_labels(args.photos, args.labels)
    against_depth(args.measured)
    rgb = np.random.default_rng(0).random((480, 640, 3), np.float32)
    relative = RelativeDepth(rgb[..., 0], "disparity")
    took = []
    for _ in range(20):
        begin = time.perf_counter()
        sky_mask(rgb, relative)
        took.append(time.perf_counter() - begin)
    print(f"640x480: {1e3 * min(took):.0f} ms")


if __name__ == "__main__":
    main()
