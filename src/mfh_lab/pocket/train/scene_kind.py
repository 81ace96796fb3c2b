"""Fit the linear layer that tells what kind of picture a photo is (``models.scene_kind``): minutes, on one core.

``python -m mfh_lab.pocket.train.scene_kind --photos DIR --labels benchmarks/scene_labels.tsv --bank BANK --out
scene.npz``

A row of the labels is a file below DIR and its kind: ordinary, far or near. Rendered scenes, of seeds that networks are
trained on, are ordinary too. Ridge regression on indicators, every kind counting alike however many photos it has; no
random numbers. ``--check`` leaves a fifth of the sources out in turn.
"""

import argparse
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from mfh.errors import InputError
from mfh.io.atomic import atomic_path
from mfh.io.pictures import PHOTO_FORMATS, PHOTO_NAMES, open_picture
from mfh.io.reading import read_text
from mfh.models.scene_kind import KINDS, SceneEncoder
from mfh_lab.pocket.world.bodies import load_bank
from mfh_lab.pocket.world.scenes import draw_scene, render

_RIDGE = 1.0
"""Of the squared weights, over the number of features: between 0.3 and 3 nothing changes by much."""
_FIRST_SEED = 1_003_200
_RENDER_SIZE = (256, 192)
_FOLDS = 5
_LARGE_SOURCE = 60
"""Sources with more labelled photos are split over the folds: else one fold would have nearly all of a kind."""


@dataclass(frozen=True)
class Labelled:
    """Labelled photos as the encoder sees them.

    Attributes:
        features: (n, f).
        kind: (n,) index into KINDS.
        source: (n,) folder each photo comes from.
    """

    features: Float[ndarray, "n f"]
    kind: Int[ndarray, "n"]
    source: ndarray


def read_labels(path: Path) -> list[tuple[str, int]]:
    """Read the files and kinds of a table.

    Args:
        path: of lines "file<TAB>kind".

    Raises:
        InputError: for a line that is none, or another kind.
    """
    rows = []
    for number, line in enumerate(
        read_text(path, what="labels", expected="lines of a file and its kind").splitlines(), 1
    ):
        file, _, kind = line.partition("\t")
        if kind not in KINDS:
            raise InputError(
                f"{path}, line {number}: kind {kind!r}: expected a file, a tab and one of {', '.join(KINDS)}"
            )
        rows.append((file, KINDS.index(kind)))
    return rows


def look_at(photos: Path, rows: list[tuple[str, int]]) -> Labelled:
    """Run the encoder over labelled photos.

    Args:
        photos: folder the files are in.
        rows: files and kinds.
    """
    encoder = SceneEncoder()
    features = []
    for file, _ in rows:
        with open_picture(photos / file, formats=PHOTO_FORMATS, what="photo", expected=PHOTO_NAMES) as picture:
            features.append(encoder(np.asarray(picture.convert("RGB"), np.float32) / np.float32(255)))
    return Labelled(
        np.array(features), np.array([kind for _, kind in rows]), np.array([file.partition("/")[0] for file, _ in rows])
    )


def look_at_renders(bank: Path, count: int) -> Labelled:
    """Run the encoder over rendered scenes without people.

    Args:
        bank: bodies, which only draw the scenes.
        count: how many.
    """
    encoder, bodies = SceneEncoder(), load_bank(bank)
    features = []
    for seed in range(_FIRST_SEED, _FIRST_SEED + count):
        picture = render(draw_scene(seed, bodies, split="test", size=_RENDER_SIZE), bodies, samples=2)
        features.append(encoder(picture.rgb.astype(np.float32) / np.float32(255)))
    return Labelled(np.array(features), np.zeros(count, int), np.full(count, "renders"))


def together(one: Labelled, other: Labelled) -> Labelled:
    """Return both.

    Args:
        one: labelled photos.
        other: more of them.
    """
    return Labelled(*(np.concatenate([getattr(one, f.name), getattr(other, f.name)]) for f in fields(Labelled)))


def fit_head(features: Float[ndarray, "n f"], kind: Int[ndarray, "n"]) -> tuple[Float[ndarray, "f k"], ndarray]:
    """Fit weights and biases by weighted ridge regression on standardised features.

    Args:
        features: (n, f).
        kind: (n,) index into KINDS, every kind at least once.

    Returns:
        (f, k) weights and (k,) biases; the standardisation is in them.
    """
    mean, std = features.mean(0), features.std(0) + 1e-3
    counts = np.bincount(kind, minlength=len(KINDS))
    weight, bias = weighted_ridge((features - mean) / std, np.eye(len(KINDS))[kind], 1 / counts[kind], ridge=_RIDGE)
    return weight / std[:, None], bias - (mean / std) @ weight


def weighted_ridge(
    x: Float[ndarray, "n f"], y: Float[ndarray, "n k"], weight: Float[ndarray, "n"], *, ridge: float
) -> tuple[Float[ndarray, "f k"], Float[ndarray, "k"]]:
    """Return slopes and intercepts of the weighted ridge regression of y on x.

    Args:
        x: standardised features.
        y: targets.
        weight: of each row, up to a factor.
        ridge: of the squared slopes, over the number of features.
    """
    share = (weight / weight.sum())[:, None]
    root = np.sqrt(share * len(x))
    x_mean, y_mean = (share * x).sum(0), (share * y).sum(0)
    x, y = (x - x_mean) * root, (y - y_mean) * root
    # Fewer photos than features: solved among the photos.
    dual = np.linalg.solve(x @ x.T + ridge * x.shape[1] * np.eye(len(x)), y)
    slope = x.T @ dual
    return slope, y_mean - x_mean @ slope


def source_folds(source: ndarray) -> Int[ndarray, "n"]:
    """Return the fold of each photo: one for all photos of a source, unless there are very many of it.

    Args:
        source: (n,) folder each photo comes from.
    """
    rng = np.random.default_rng(0)
    names, counts = np.unique(source, return_counts=True)
    small = {
        name: int(rng.integers(_FOLDS)) for name, count in zip(names, counts, strict=True) if count <= _LARGE_SOURCE
    }
    return np.array([small.get(name, int(rng.integers(_FOLDS))) for name in source])


def cross_validated(seen: Labelled) -> Float[ndarray, "n k"]:
    """Return the score of each kind for each photo, by a layer that was not trained on its fold.

    Args:
        seen: labelled photos.
    """
    fold = source_folds(seen.source)
    scores = np.zeros((len(fold), len(KINDS)))
    for k in range(_FOLDS):
        weight, bias = fit_head(seen.features[fold != k], seen.kind[fold != k])
        scores[fold == k] = seen.features[fold == k] @ weight + bias
    return scores


def main() -> None:
    """Parse the command line, fit and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument(
        "--bank", type=Path, required=True, help="bodies.npz, made by python -m mfh_lab.pocket.world.bodies"
    )
    parser.add_argument("--renders", type=int, default=100)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--check", action="store_true", help="print the accuracy on photos that were left out")
    args = parser.parse_args()
    seen = together(look_at(args.photos, read_labels(args.labels)), look_at_renders(args.bank, args.renders))
    if args.check:
        scores = cross_validated(seen)
        for threshold in (0.6, 0.65, 0.7, 0.75):
            for k in (1, 2):
                share = [float((scores[seen.kind == kind][:, k] >= threshold).mean()) for kind in range(len(KINDS))]
                print(
                    f"{KINDS[k]} >= {threshold}:", ", ".join(f"{n} {s:.3f}" for n, s in zip(KINDS, share, strict=True))
                )
    weight, bias = fit_head(seen.features, seen.kind)
    with atomic_path(args.out) as temporary:
        np.savez_compressed(
            temporary, allow_pickle=False, weight=weight.astype(np.float16), bias=bias.astype(np.float32)
        )
    print(f"{args.out}: {len(seen.kind)} photos, {args.out.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
