"""Fit the linear layer of the scale prior (``models.scale_prior``) to photos without depth.

``python -m mfh_lab.pocket.train.scale_prior --photos DIR --labels views.jsonl --out scale_prior.npz``

The labels come first: every photo below DIR is measured by the people and the objects of known size in it (preset
pocket, nothing painted, no prior), and where they give a scale, the height of the view at the median depth is the
label, with the width of its interval. The size of things is the only teacher; no depth of a photo is read. The height
of the view does not depend on the focal length that was assumed. Half a second a photo; the file is added to, so a
stopped run resumes, and a second one only fits. Rendered scenes are added, of seeds that networks are trained on, whose
views are known. Then ridge regression on the encoder's features; no random numbers. ``--check`` leaves a fifth of the
photos' sources out in turn.
"""

import argparse
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh import MetricFromHuman, load_photo
from mfh.errors import InputError, NoLandmarkError
from mfh.geometry.camera import view_of
from mfh.io.atomic import atomic_path
from mfh.io.reading import read_text
from mfh.landmarks.objects import object_evidence
from mfh.models.scene_kind import SceneEncoder
from mfh.pipeline.solve import Solution, solve
from mfh.scale.head import log_depth_at
from mfh.scale.interval import LEVELS
from mfh.scale.known_sizes import KnownSizes
from mfh.types import Photo, any_used
from mfh_lab.pocket.train.scene_kind import source_folds, weighted_ridge
from mfh_lab.pocket.train.size_labels import OTHER_SIZES, PERSON, photo_files
from mfh_lab.pocket.world.bodies import load_bank, sample_bank_path
from mfh_lab.pocket.world.scenes import draw_scene, render

RIDGE = 1.0
"""Of the squared weights of standardised features, over their number."""
LABEL_SIGMA = 0.3
"""Added to the stated error of each label: what photos of one look differ by."""
FIRST_RENDER, HELD_OUT, RENDER_SIZE = 1_003_200, (5_000_000, 80), (256, 192)
_SKY_M, _LEAST_SEEN = 80.0, 0.06
_LEVEL_80 = 2 * LEVELS[0.8]
_OTHER_SIZES = {label: size for label, size in OTHER_SIZES.items() if label != PERSON}


@dataclass(frozen=True)
class ViewLabel:
    """What people and objects say of one photo.

    Attributes:
        file: below the folder of the photos.
        height_m: height of the view at the median depth.
        log_sigma: one-sigma of its log, from the 80 % interval; None where nothing gives a scale.
    """

    file: str
    height_m: float
    log_sigma: float | None


def label_photos(photos: Path, labels: Path) -> list[ViewLabel]:
    """Measure the photos that have no row yet, and return all rows.

    Args:
        photos: folder of photos, in folders.
        labels: file of the rows.
    """
    done = read_labels(labels) if labels.exists() else []
    known = {one.file for one in done}
    pipeline = label_pipeline()
    with labels.open("a", encoding="utf-8") as file:
        for path in photo_files(photos):
            name = path.relative_to(photos).as_posix()
            if name in known:
                continue
            done.append(_label(pipeline, path, name))
            file.write(json.dumps(asdict(done[-1])) + "\n")
            file.flush()
    return done


def label_pipeline() -> MetricFromHuman:
    """Return what measures the photos: people and objects, no painting, no prior.

    Raises:
        InputError: where there is no object detector.
    """
    pipeline = MetricFromHuman.from_preset("pocket", people="only", scale_prior=None)
    if pipeline.object_detector is None:
        raise InputError(pipeline.missing_objects)
    return pipeline


def _label(pipeline: MetricFromHuman, path: Path, name: str) -> ViewLabel:
    """Label one photo: by people and objects, or else by things whose sizes only the training uses."""
    photo = load_photo(str(path))
    try:
        result = pipeline(photo)
        interval, median_m = result.interval, result.depth_range_m[1]
    except NoLandmarkError:
        found = _by_other_things(pipeline, photo)
        if found is None:
            return ViewLabel(name, 0.0, None)
        interval, value = found.interval(), float(np.median(found.relative.valid_values))
        median_m = float(np.exp(log_depth_at(found.fit.head, np.array([value]))[0]))
    assert interval is not None
    low, high = interval.level_80
    return ViewLabel(name, median_m * photo.camera.height / photo.camera.fy, math.log(high / low) / _LEVEL_80)


def _by_other_things(pipeline: MetricFromHuman, photo: Photo) -> Solution | None:
    """Fit the scale to things of known size that are no landmarks of the product (fruit, pets); None without any."""
    view = view_of(photo)
    (relative,) = pipeline.relative_depth.predict([view.rgb])
    detector = pipeline.object_detector
    assert detector is not None
    things = [one for one in detector.detect(view.rgb) if one.label in _OTHER_SIZES]
    limit_m = pipeline.config.max_depth_m
    evidence = object_evidence(
        things, relative, view.camera, finder=detector.name, max_depth_m=limit_m, sizes=_OTHER_SIZES
    )
    if not any_used([evidence]):
        return None
    return solve(
        [evidence],
        relative,
        view,
        head=pipeline.config.head,
        known=KnownSizes(),
        shared_log_sigma=0.0,
        shape_log_sigma=pipeline.relative_depth.shape_log_sigma,
    )


def read_labels(path: Path) -> list[ViewLabel]:
    """Read rows that :func:`label_photos` wrote.

    Raises:
        InputError: for a line that is none.
    """
    rows = []
    for number, line in enumerate(read_text(path, what="labels", expected="lines of JSON").splitlines(), 1):
        try:
            rows.append(ViewLabel(**json.loads(line)))
        except (ValueError, TypeError) as error:
            raise InputError(f"{path}, line {number}: expected a row of file, height_m and log_sigma") from error
    return rows


def fit_head(
    features: Float[ndarray, "n f"], log_height: Float[ndarray, "n"], log_sigma: Float[ndarray, "n"]
) -> tuple[Float[ndarray, "f"], float]:
    """Fit weights and bias by weighted ridge regression on standardised features.

    Args:
        features: (n, f).
        log_height: (n,) labels.
        log_sigma: (n,) their stated errors.

    Returns:
        (f,) weights and the bias; the standardisation is in them.
    """
    weight = 1 / (log_sigma**2 + LABEL_SIGMA**2)
    mean, std = features.mean(0), features.std(0)
    std = std + 1e-3 * std.max()
    std[std == 0] = 1
    slope, bias = weighted_ridge((features - mean) / std, log_height[:, None], weight, ridge=RIDGE)
    return slope[:, 0] / std, float(bias[0] - (mean / std) @ slope[:, 0])


def look_at(photos: Path, files: Sequence[str]) -> Float[ndarray, "n f"]:
    """Return the encoder's features of photos by rows, as the product sees them."""
    encoder = SceneEncoder()
    return np.array([encoder.with_rows(view_of(load_photo(str(photos / file))).rgb)[1] for file in files])


def look_at_renders(count: int, *, first_seed: int = FIRST_RENDER) -> tuple[Float[ndarray, "n f"], Float[ndarray, "n"]]:
    """Return the features of rendered scenes, and the logs of the heights of their views."""
    encoder, bodies = SceneEncoder(), load_bank(sample_bank_path())
    features, log_height = [], []
    for seed in range(first_seed, first_seed + count):
        picture = render(draw_scene(seed, bodies, split="test", size=RENDER_SIZE), bodies, samples=2)
        depth_m = picture.depth_m[(picture.depth_m > 0) & (picture.depth_m < _SKY_M)]
        if depth_m.size < _LEAST_SEEN * picture.depth_m.size:
            continue
        features.append(encoder.with_rows(picture.rgb.astype(np.float32) / np.float32(255))[1])
        log_height.append(math.log(np.median(depth_m) * RENDER_SIZE[1] / picture.f_px))
    return np.array(features), np.array(log_height)


def main() -> None:
    """Parse the command line, label, fit and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--renders", type=int, default=300)
    parser.add_argument("--no-labelling", action="store_true", help="fit to the labels that are there")
    parser.add_argument(
        "--check", action="store_true", help="print the errors on photos that were left out and on renders"
    )
    args = parser.parse_args()
    labelled = read_labels(args.labels) if args.no_labelling else label_photos(args.photos, args.labels)
    rows = [one for one in labelled if one.log_sigma is not None]
    if not rows:
        raise SystemExit(f"{args.photos}: in none of the photos do people or objects give a scale")
    features = look_at(args.photos, [one.file for one in rows])
    log_height = np.log([one.height_m for one in rows])
    log_sigma = np.array([one.log_sigma for one in rows], float)
    if args.check:
        fold = source_folds(np.array([one.file.partition("/")[0] for one in rows]))
        error = np.zeros(len(rows))
        for k in np.unique(fold):
            weight, bias = fit_head(features[fold != k], log_height[fold != k], log_sigma[fold != k])
            error[fold == k] = features[fold == k] @ weight + bias - log_height[fold == k]
        print(f"log height, photos left out: off by {np.sqrt(np.mean(error**2)):.3f} (rms), {log_height.std():.3f} by")
        print("the mean of all")
    rendered, rendered_height = look_at_renders(args.renders)
    if len(rendered):
        features = np.concatenate([features, rendered])
        log_height = np.concatenate([log_height, rendered_height])
        log_sigma = np.concatenate([log_sigma, np.full(len(rendered), LABEL_SIGMA)])
    weight, bias = fit_head(features, log_height, log_sigma)
    if args.check:
        seen, true_height = look_at_renders(HELD_OUT[1], first_seed=HELD_OUT[0])
        error = seen @ weight + bias - true_height
        print(f"log height, {len(seen)} renders that no fit has seen: off by {np.sqrt(np.mean(error**2)):.3f} (rms)")
    with atomic_path(args.out) as temporary:
        np.savez_compressed(temporary, allow_pickle=False, weight=weight.astype(np.float32), bias=np.float32(bias))
    print(f"{args.out}: {len(rows)} photos and {len(rendered)} renders, {args.out.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
