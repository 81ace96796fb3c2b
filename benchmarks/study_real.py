"""Real photos with sensor depth: how far off the metric depth is, by group of photos and by kind of evidence.

    python benchmarks/study_real.py [--root ../shared/data/real_val]... [--every K] [--out out/real]
        [--compare OTHER] [--rows-only]

A root is a folder of photos as ``mfh evaluate folder`` reads them, ``<name>/{rgb.jpg, depth.png, intrinsics.json}``, or
a folder of such folders. Photos, scored pixels, metrics and intervals are those of ``mfh evaluate folder``; preset
``pocket``, seed 0, nothing aligned to the truth. Rows are kept in OUT/rows.jsonl: run again, it resumes. The tables are
of the photos asked for: on the terminal, and in OUT/tables.md. The numbers of docs/results/real.md come from here.
"""

import argparse
import json
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from mfh import MetricFromHuman
from mfh.config import PRESETS
from mfh.errors import InputError, MfhError, kind_and_message, one_line
from mfh.pipeline.settings import differences, settings_of
from mfh.types import Landmark, MetricDepth
from mfh_lab.evaluation.datasets.frames import FrameDataset
from mfh_lab.evaluation.datasets.registry import check_dataset, open_dataset
from mfh_lab.evaluation.digest import package_digest
from mfh_lab.evaluation.methods.mfh_method import prediction_of
from mfh_lab.evaluation.protocols import PAPER, EvaluationView, view
from mfh_lab.evaluation.scoring import covers, score
from mfh_lab.pocket.metrics import clamped, depth_errors
from real_tables import (
    PhotoFacts,
    RealRow,
    Receipt,
    Shape,
    add_row,
    group_table,
    kind_table,
    markdown,
    plain,
    read_rows,
    reasons,
)

ROOT = Path("../shared/data/real_val")
ROWS, SETTINGS, TABLES = "rows.jsonl", "settings.json", "tables.md"
RULES = PAPER.of("folder")
LEAST_PIXELS = 10
"""Pixels with a true depth in the middle of a box from which their median stands for the landmark."""


def open_sets(roots: list[Path], *, every: int) -> Iterator[tuple[str, FrameDataset, str]]:
    """Yield set, dataset and name of every K-th photo of each set, in order of set and name.

    Args:
        roots: folders of photos, or folders of such folders.
        every: K.
    """
    for root in roots:
        folders = (
            [root] if check_dataset("folder", root).listed else sorted(one for one in root.iterdir() if one.is_dir())
        )
        for folder in folders:
            dataset = open_dataset("folder", folder)
            for name in sorted(dataset.names)[::every]:
                yield folder.name, dataset, name


def facts_of(set_name: str, dataset: FrameDataset, name: str, seen: EvaluationView) -> PhotoFacts:
    """Return what is known of a photo without any answer; intrinsics.json may say ``"place": "outdoor"``."""
    path = dataset.frames[name].files["intrinsics"]
    place = json.loads(path.read_text(encoding="utf-8")).get("place", "indoor")
    return PhotoFacts(set_name, name, place, float(np.median(seen.truth_m[seen.scored_mask])))


def measure(pipeline: MetricFromHuman, facts: PhotoFacts, seen: EvaluationView) -> RealRow:
    """Measure one photo; a refusal is a row with its reason.

    Args:
        pipeline: with its models.
        facts: of the photo.
        seen: the photo, its truth and the pixels that count.
    """
    begin = time.perf_counter()
    try:
        result = pipeline(seen.photo)
    except MfhError as error:
        return RealRow(facts, time.perf_counter() - begin, refused=f"{type(error).__name__}: {one_line(error)}")
    seconds = time.perf_counter() - begin
    prediction = prediction_of(result)
    scores = score(prediction, seen)
    found = clamped(prediction.depth_m[seen.scored_mask], seen.min_m, seen.max_m, missing_m=seen.min_m)
    truth = seen.truth_m[seen.scored_mask].astype(np.float64)
    scaled = depth_errors(np.clip(found * scores.true_factor, seen.min_m, seen.max_m), truth)
    log_scale = -math.log(scores.true_factor)
    level = prediction.level_80
    return RealRow(
        facts,
        seconds,
        unaligned=Shape(scores.metric.abs_rel, scores.metric.delta1),
        one_factor=Shape(scaled.abs_rel, scaled.delta1),
        affine=Shape(scores.best_scale_shift.abs_rel, scores.best_scale_shift.delta1),
        log_scale=log_scale,
        found_m=float(np.median(found)),
        holds_80=covers(level, scores),
        holds_95=covers(prediction.level_95, scores),
        half_width=None if level is None else (level[1] - level[0]) / 2,
        receipts=receipts_of(result, seen, log_scale=log_scale),
    )


def receipts_of(result: MetricDepth, seen: EvaluationView, *, log_scale: float) -> tuple[Receipt, ...]:
    """Return what each landmark and each known size states, against the truth.

    Args:
        result: of the photo.
        seen: its truth.
        log_scale: log of the answer over the truth, median.
    """
    head, interval = result.head, result.interval
    sign = -1.0 if head.space == "disparity" else 1.0
    rows = []
    for one in result.landmarks:
        shared = one.shared_log_sigma
        if shared is None and interval is not None:
            shared = interval.common.shared
        by_scale = None
        if one.implied_scale:
            # Depth is proportional to 1/s in disparity space and to s in depth space, once t/s is fixed.
            by_scale = log_scale + sign * math.log(one.implied_scale / head.scale)
        rows.append(
            Receipt(
                kind_of(one),
                one.painted,
                one.verdict == "used",
                one.weight,
                None if one.painted else distance_error(one, seen),
                by_scale,
                None if one.log_distance_sigma is None else math.hypot(one.log_distance_sigma, shared or 0.0),
            )
        )
    for size in result.known_sizes:
        error = log_scale - math.log(size.by_answer) if size.by_answer else None
        rows.append(Receipt("known size", False, True, size.weight, None, error, None))
    return tuple(rows)


def kind_of(landmark: Landmark) -> str:
    """Return what a landmark is: an object with its class, the prior, or a person; by contact, if not by its body."""
    if landmark.is_prior:
        return landmark.label
    if landmark.is_object:
        return f"object: {landmark.label}"
    kind = "person"
    painted = "painted " if landmark.painted else ""
    return f"{painted}{kind}" + ("" if landmark.evidence == "body" else f", {landmark.evidence}")


def distance_error(landmark: Landmark, seen: EvaluationView) -> float | None:
    """Return log(stated distance / true depth) of a landmark in the photo.

    The true depth is the median over the middle half of its box, in both directions: nearly all of it is the landmark.

    Args:
        landmark: of the photo itself.
        seen: the truth, at the size of the photo.
    """
    if landmark.distance_m is None:
        return None
    left, top, right, bottom = landmark.box_xyxy
    rows = slice(max(round((3 * top + bottom) / 4), 0), max(round((top + 3 * bottom) / 4), 0))
    columns = slice(max(round((3 * left + right) / 4), 0), max(round((left + 3 * right) / 4), 0))
    truth = seen.truth_m[rows, columns][seen.scored_mask[rows, columns]]
    return float(np.log(landmark.distance_m / np.median(truth))) if truth.size >= LEAST_PIXELS else None


def check_settings(out: Path, settings: Mapping[str, object]) -> None:
    """Refuse a folder whose rows another configuration made; note the configuration in a new one.

    Args:
        out: folder of the rows.
        settings: plain JSON values that decide every row.

    Raises:
        InputError: naming what differs.
    """
    path = out / SETTINGS
    if path.is_file():
        different = differences(json.loads(path.read_text(encoding="utf-8")), json.loads(json.dumps(settings)))
        if different:
            raise InputError(
                f"{out} has rows of another configuration ({'; '.join(different[:3])}): choose another --out"
            )
        return
    out.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(settings, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def run(wanted: list[tuple[str, FrameDataset, str]], out: Path) -> None:
    """Measure the photos that have no row yet, and add their rows.

    Args:
        wanted: set, dataset and name of the photos.
        out: folder of the rows.
    """
    painting = replace(PRESETS["pocket"].painting, answer_interrupted=False)
    config = replace(PRESETS["pocket"], painting=painting, keep_paintings=False)
    check_settings(out, {"method": settings_of(config), "protocol": asdict(RULES), "code": package_digest()})
    done = {row.key for row in read_rows(out / ROWS)}
    pipeline = None
    for number, (set_name, dataset, name) in enumerate(wanted, start=1):
        if (set_name, name) in done:
            continue
        pipeline = pipeline or MetricFromHuman.from_config(config)
        try:
            seen = view(dataset.load(name), RULES)
        except InputError as error:
            print(f"{set_name}/{name}: not measured: {one_line(error)}", flush=True)
            continue
        if not seen.scored_mask.any():
            print(f"{set_name}/{name}: no pixel has a true depth that counts", flush=True)
            continue
        try:
            row = measure(pipeline, facts_of(set_name, dataset, name, seen), seen)
        except Exception as error:  # A fault of the program: no row, so that the next run tries again.
            print(f"{set_name}/{name}: fault: {kind_and_message(error)}", flush=True)
            continue
        add_row(out / ROWS, row)
        found = row.refused or f"log scale {row.log_scale:+.2f}"
        print(f"{number} of {len(wanted)}: {set_name}/{name}: {found}, {row.seconds:.1f} s", flush=True)


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, action="append", help=f"default: {ROOT}; may be given again")
    parser.add_argument("--every", type=int, default=1, help="only every K-th photo of each set")
    parser.add_argument("--out", type=Path, default=Path("out/real"))
    parser.add_argument("--compare", type=Path, help="the --out of another run, to print beside this one")
    parser.add_argument("--rows-only", action="store_true", help="measure nothing: tables of the rows that are there")
    args = parser.parse_args()
    wanted = list(open_sets(args.root or [ROOT], every=args.every))
    if not args.rows_only:
        run(wanted, args.out)
    asked = {(set_name, name) for set_name, _, name in wanted}
    rows = [row for row in read_rows(args.out / ROWS) if row.key in asked]
    others = read_rows(args.compare / ROWS) if args.compare else None
    tables = [group_table(rows, others), kind_table(rows, others)]
    content = "\n\n".join([*map(markdown, tables), "\n".join(reasons(rows))])
    (args.out / TABLES).write_text(content + "\n", encoding="utf-8")
    print("\n\n".join([*map(plain, tables), "\n".join(reasons(rows))]))


if __name__ == "__main__":
    main()
