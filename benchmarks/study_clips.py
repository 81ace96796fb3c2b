"""Clips of the pocket world: each frame fitted alone, against one scale for the clip.

    python benchmarks/study_clips.py [--moving 1-6] [--static 1-4] [--frames 60] [--out build/study_clips]
        [--clips build/clips] [--alone-only]

Clips are those of ``mfh pocket clip`` with these seeds; they are rendered where they are not there yet. Each is
measured (a) frame by frame with preset ``pocket``, seed 0, and (b) by ``mfh video FRAMES --out DIR [--static-camera]``;
both are given the focal length. Rows and depth are kept in OUT: run again, it resumes. Measures are those of
``mfh_lab.pocket.clip_measures``. Nothing is aligned to the truth.
"""

import argparse
import json
import os
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from mfh import FocalRequest, MetricDepth, MetricFromHuman, load_photo
from mfh.errors import InputError, MfhError, one_line
from mfh.io.exr import read_exr
from mfh.io.results import Place
from mfh.video.frames import open_clip
from mfh.video.run import ClipRequest, measure_clip
from mfh_lab.pocket.clip_measures import ClipScores, FrameTruth, interval_holds, score_clip
from mfh_lab.pocket.world.bodies import sample_bank_path
from mfh_lab.pocket.world.clips import ClipOptions
from mfh_lab.pocket.world.export_clips import ClipFolder, export_clip, read_clip
from mfh_lab.pocket.world.workers import usable_cores

Level = tuple[float, float]
_ROUNDING = 1e-9
"""Flicker below this is of the last digit."""


@dataclass(frozen=True)
class ClipAnswer:
    """What one way of measuring a clip says.

    Attributes:
        depth_m: of each frame, metres; NaN where there is none.
        levels: the 80 % interval of each frame's scale, or one of the clip; factors on the answer.
        seconds: of the processor, a frame.
    """

    depth_m: list[np.ndarray]
    levels: list[Level]
    seconds: float


@dataclass(frozen=True)
class Row:
    """One clip measured one way."""

    name: str
    way: str
    scores: ClipScores
    levels: list[Level]
    seconds: float

    @property
    def coverage(self) -> float:
        """Share of the intervals that hold the true factor: each frame's own, or the clip's."""
        errors = self.scores.log_scale_frames if len(self.levels) > 1 else [self.scores.log_scale]
        return float(np.mean([interval_holds(level, off) for level, off in zip(self.levels, errors, strict=True)]))

    @property
    def half_width(self) -> float:
        """Of the 80 % interval, mean."""
        return float(np.mean([(high - low) / 2 for low, high in self.levels]))


def truths_of(clip: ClipFolder) -> list[FrameTruth]:
    """Return the truth of every frame."""
    found = (clip.truth(number) for number in range(len(clip.pictures())))
    return [FrameTruth(one.depth_m, one.person_ids, one.T_world_camera, clip.camera) for one in found]


def measure_alone(clip: ClipFolder, kept: Path, truths: Sequence[FrameTruth]) -> ClipAnswer:
    """Measure each frame as a photo of its own; frames that were measured before are read."""
    kept.mkdir(parents=True, exist_ok=True)
    pipeline = None
    for number, picture in enumerate(clip.pictures()):
        path = kept / f"{number:05d}.npz"
        if path.exists():
            continue
        if pipeline is None:
            pipeline = MetricFromHuman.from_preset("pocket")
            # The first photo of a process pays for loading.
            pipeline(load_photo(picture, focal=FocalRequest(focal_px=clip.camera.fx)))
        photo = load_photo(picture, focal=FocalRequest(focal_px=clip.camera.fx))
        begin = time.process_time()
        try:
            result = pipeline(photo)
        except MfhError as error:
            raise SystemExit(f"{picture}: {one_line(error)}") from error
        row = describe(result, truths[number]) | {"seconds": time.process_time() - begin}
        temporary = path.with_suffix(".tmp.npz")
        np.savez_compressed(temporary, depth_m=result.depth_m.astype(np.float16), row=json.dumps(row))
        os.replace(temporary, path)
    depth, rows = [], rows_alone(kept)
    for path in sorted(kept.glob("?????.npz")):
        with np.load(path) as stored:
            depth.append(stored["depth_m"].astype(np.float32))
    return ClipAnswer(depth, [tuple(row["level_80"]) for row in rows], float(np.mean([row["seconds"] for row in rows])))


def rows_alone(kept: Path) -> list[dict]:
    """Return what was noted of each frame that was measured alone."""
    rows = []
    for path in sorted(kept.glob("?????.npz")):
        with np.load(path) as stored:
            rows.append(json.loads(str(stored["row"])))
    return rows


def describe(result: MetricDepth, truth: FrameTruth) -> dict:
    """Return the scale of a frame and what each of its people says, against the truth."""
    people = []
    for one in result.landmarks:
        if not one.is_person or one.painted:
            continue
        left, top, right, bottom = (max(round(edge), 0) for edge in one.box_xyxy)
        ids = truth.person_ids[top:bottom, left:right]
        numbers, counts = np.unique(ids[ids > 0], return_counts=True)
        number = int(numbers[counts.argmax()]) if len(numbers) else 0
        seen = truth.depth_m[truth.person_ids == number]
        people.append(
            {
                "person": number,
                "verdict": one.verdict,
                "reason": one.reason,
                "log_distance": float(np.log(one.distance_m / np.median(seen))) if number and one.distance_m else None,
                "stature_m": one.stature_m,
                "implied_scale": one.implied_scale,
                "log_sigma": one.log_distance_sigma,
                "weight": one.weight,
            }
        )
    visible, sizes = np.unique(truth.person_ids, return_counts=True)
    interval = result.interval
    return {
        "scale": result.head.scale,
        "shift": result.head.shift,
        "level_80": interval.level_80 if interval else None,
        "people": people,
        "visible": {int(n): int(size) for n, size in zip(visible, sizes, strict=True) if n},
        "objects": sum(one.is_object and one.verdict == "used" for one in result.landmarks),
        "painted": sum(one.painted and one.verdict == "used" for one in result.landmarks),
    }


def measure_video(clip: ClipFolder, out: Path, *, static: bool) -> ClipAnswer:
    """Measure a clip as ``mfh video`` does, where it was not measured before; loading does not count, as alone."""
    seconds_path = out / "seconds.json"
    if not seconds_path.exists():
        pipeline = MetricFromHuman.from_preset("pocket")
        focal = FocalRequest(focal_px=clip.camera.fx)
        pipeline(load_photo(clip.pictures()[0], focal=focal))
        begin = time.process_time()
        opened = open_clip([clip.folder / "frames"], focal=focal)
        measure_clip(pipeline, opened, Place(out, clip.folder / "frames"), ClipRequest(static_camera=static))
        seconds_path.write_text(json.dumps(time.process_time() - begin))
    frames = len(clip.pictures())
    return read_video(out / "frames", frames=frames, seconds=json.loads(seconds_path.read_text()) / frames)


def read_video(out: Path, *, frames: int, seconds: float) -> ClipAnswer:
    """Read what ``mfh video`` wrote: ViPE's layout, and the clip's receipt.

    Args:
        out: folder of the clip, with ``depth/<name>.zip`` and ``receipt.json``.
        frames: how many there must be.
        seconds: a frame, as measured.

    Raises:
        InputError: where the folder is not whole.
    """
    archives = sorted((out / "depth").glob("*.zip"))
    if len(archives) != 1:
        raise InputError(f"{out}/depth holds {len(archives)} zip files: expected one")
    depth = []
    with zipfile.ZipFile(archives[0]) as archive, TemporaryDirectory() as folder:
        names = sorted(archive.namelist())
        if len(names) != frames:
            raise InputError(f"{archives[0]} holds {len(names)} frames: expected {frames}")
        for name in names:
            path = Path(folder) / "frame.exr"
            path.write_bytes(archive.read(name))
            found = read_exr(path, what="depth", expected="a frame of mfh video", names=("Z",)).astype(np.float32)
            depth.append(np.where(np.isfinite(found) & (found > 0), found, np.nan))
    receipt = json.loads((out / "receipt.json").read_text(encoding="utf-8"))
    low, high = receipt["interval"]["level_80"]
    return ClipAnswer(depth, [(low, high)], seconds)


_COLUMNS: dict[str, tuple[Callable[[Row], float], str]] = {
    "flicker": (lambda row: row.scores.flicker, ".4f"),
    "scale jitter": (lambda row: row.scores.jitter, ".4f"),
    "AbsRel": (lambda row: row.scores.abs_rel, ".3f"),
    "without people": (lambda row: row.scores.abs_rel_static, ".3f"),
    "scale error": (lambda row: row.scores.log_scale, "+.3f"),
    "80 % holds": (lambda row: row.coverage, ".0%"),
    "half-width": (lambda row: row.half_width, ".0%"),
    "answered": (lambda row: row.scores.answered, ".0%"),
    "s/frame": (lambda row: row.seconds, ".2f"),
}


def table(rows: Sequence[Row]) -> str:
    """Return the table of the clips; below it medians by way and camera, the scale error's of its magnitude."""
    lines = [["clip", "way", *_COLUMNS], ["---"] * (2 + len(_COLUMNS))]
    for row in rows:
        lines.append([row.name, row.way, *(format(value(row), shape) for value, shape in _COLUMNS.values())])
    for way in dict.fromkeys(row.way for row in rows):
        for camera in dict.fromkeys(row.name.split("-")[0] for row in rows):
            mine = [row for row in rows if row.way == way and row.name.startswith(camera)]
            cells = [format(_middle(name, value, mine), shape) for name, (value, shape) in _COLUMNS.items() if mine]
            lines += [[f"median of {len(mine)} {camera}", way, *cells]] if mine else []
    return "\n".join(["| " + " | ".join(line) + " |" for line in lines] + _ratios(rows))


def _middle(name: str, value: Callable[[Row], float], rows: Sequence[Row]) -> float:
    """Return the median over clips; of coverage the mean, of errors with a sign their magnitude."""
    values = [abs(value(row)) if name == "scale error" else value(row) for row in rows]
    return float(np.mean(values) if name == "80 % holds" else np.median(values))


def _ratios(rows: Sequence[Row]) -> list[str]:
    """Return lines that compare the two ways clip by clip."""
    by_name: dict[str, dict[str, Row]] = {}
    for row in rows:
        by_name.setdefault(row.name, {})[row.way] = row
    lines = []
    for name, ways in by_name.items():
        if len(ways) == 2:
            alone, clip = ways["alone"], ways["clip"]
            flicker = clip.scores.flicker
            less = f"flicker {alone.scores.flicker / flicker:.1f} x lower" if flicker > _ROUNDING else "no flicker"
            lines.append(
                f"{name}: {less}, AbsRel {clip.scores.abs_rel - alone.scores.abs_rel:+.3f}, "
                f"{alone.seconds / clip.seconds:.1f} x faster"
            )
    return ["", *lines] if lines else []


def _seeds(text: str) -> list[int]:
    seeds: list[int] = []
    for part in text.split(",") if text else []:
        first, _, last = part.partition("-")
        seeds += range(int(first), int(last or first) + 1)
    return seeds


def main() -> None:
    """Render, measure both ways and print the table."""
    parser = argparse.ArgumentParser(description="Each frame fitted alone, against one scale for the clip.")
    parser.add_argument("--moving", type=_seeds, default=_seeds("1-6"), help="seeds, as 1-3,5; empty for none")
    parser.add_argument("--static", type=_seeds, default=_seeds("1-4"))
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--clips", type=Path, default=Path("build/clips"))
    parser.add_argument("--out", type=Path, default=Path("build/study_clips"))
    parser.add_argument("--alone-only", action="store_true", help="leave out mfh video")
    args = parser.parse_args()
    rows: list[Row] = []
    for camera, seeds in (("moving", args.moving), ("static", args.static)):
        for seed in seeds:
            name = f"{camera}-{seed}"
            options = ClipOptions(frames=args.frames, moving=camera == "moving")
            export_clip(seed, args.clips / name, sample_bank_path(), options=options, workers=usable_cores())
            clip = read_clip(args.clips / name)
            truths = truths_of(clip)
            answers = {"alone": measure_alone(clip, args.out / name / "alone", truths)}
            if not args.alone_only:
                answers["clip"] = measure_video(clip, args.out / name / "video", static=camera == "static")
            for way, answer in answers.items():
                row = Row(name, way, score_clip(answer.depth_m, truths), answer.levels, answer.seconds)
                rows.append(row)
                print(f"{name} {way}: flicker {row.scores.flicker:.4f} AbsRel {row.scores.abs_rel:.3f}", flush=True)
    print("\n" + table(rows))


if __name__ == "__main__":
    main()
