"""A clip from its frames to its files: watch, solve, write. What the networks have done is never done again."""

import itertools
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import cast

from jaxtyping import Float
from numpy import ndarray

from mfh.errors import InputError, NoLandmarkError
from mfh.io.atomic import make_folder, plain_name
from mfh.io.lock import folder_lock
from mfh.io.receipt import receipt
from mfh.io.results import Place, Written, write_results
from mfh.pipeline.inference import pooled_focal
from mfh.pipeline.pipeline import MetricFromHuman
from mfh.pipeline.request import Request
from mfh.pipeline.settings import fingerprint, settings_of, version_of_models
from mfh.report.clip_frames import ClipFrames, choose_frames
from mfh.report.clip_page import clip_html
from mfh.report.clip_payload import ReportedClip
from mfh.types import Photo
from mfh.video.chain import poses_of
from mfh.video.frames import Clip, Frame
from mfh.video.given import ClipDepth
from mfh.video.solving import Chain, SolvedClip, Watched, same_for_all, solve_clip
from mfh.video.static import choose_looks, look
from mfh.video.watching import KEY_EVERY_S, Watcher, watch_clip
from mfh.video.writing import Depths, write_clip
from mfh.viz.save import REPORT_FILE

WORK = ".mfh-video"
"""Folder, beside the results, in which frames leave their records until a clip is whole."""
_WHOLE = 0.95
"""Share of the frames that a file announces from which it is whole: some count them roughly."""
_ESTIMATES = 8
"""Frames, at most, from which the focal length is estimated."""
Progress = Callable[[str, float | None], None]


@dataclass(frozen=True)
class ClipRequest:
    """What is asked of a clip.

    Attributes:
        static_camera: the camera stands still: one depth for all frames.
        key_every_s: seconds between frames in which people and objects are looked for.
        given: relative depth that the user brings; None to ask the network.
        request: known heights of people.
        progress: called with what is being done, and the share of it that is done.
        report: whether report.html is made.
    """

    static_camera: bool = False
    key_every_s: float = KEY_EVERY_S
    given: ClipDepth | None = None
    request: Request = Request()
    progress: Progress = lambda what, share: None
    report: bool = False


@dataclass(frozen=True)
class MeasuredClip:
    """A clip measured and written.

    Attributes:
        solved: its scale and what that rests on.
        written: where its files are.
        frames: how many it has.
    """

    solved: SolvedClip
    written: Written
    frames: int


def measure_clip(
    pipeline: MetricFromHuman,
    clip: Clip,
    place: Place,
    asked: ClipRequest = ClipRequest(),
    *,
    commands: Sequence[str] = (),
) -> MeasuredClip:
    """Measure a clip and write its files.

    Args:
        pipeline: the models.
        clip: the clip.
        place: where the results go.
        asked: what is asked of it.
        commands: that measure it, for the receipt.

    Raises:
        NoLandmarkError: where neither a person nor an object in it gives a scale.
        InputError, BackendError: for a clip, a folder or a model that cannot be used.
    """
    clip = _with_focal(pipeline, clip)
    if asked.static_camera:
        return _measure_static(pipeline, clip, place, asked, commands)
    key_every = max(1, round(asked.key_every_s * clip.frames_a_second))
    mark = fingerprint(_settings(pipeline, clip, key_every, asked))
    folder = place.root / WORK / f"{plain_name(clip.name)}-{mark[:12]}"
    if asked.given is not None and not clip.is_video and clip.frames is not None:
        asked.given.check_count(clip.frames)
    make_folder(folder)
    with _gone_when_empty(folder.parent, place.root), folder_lock(folder, wait_s=0.0):
        watcher = Watcher(pipeline.observer, folder, mark, key_every, asked.given)
        of = "" if clip.frames is None else f" of {clip.frames}"
        count = watch_clip(
            watcher,
            clip,
            lambda done: asked.progress(f"frame {done}{of}", 0.8 * done / clip.frames if clip.frames else None),
        )
        records = (watcher.record(index, maps=False) for index in range(count))
        sightings = [one.sightings if one.is_key else None for one in records]
        watched = Watched(
            count=count,
            record=watcher.record,
            sightings=sightings,
            readings=lambda index: watcher.record(index, maps=False).grid,
            photo=lambda index: _photo(clip, index),
        )
        chain = None if asked.given is None else same_for_all(watched)
        asked.progress("scale", 0.8)
        try:
            if asked.given is not None:
                asked.given.check_count(count)
                asked.given.check_space(one for seen in sightings for one in seen or ())
            solved = _solve(pipeline, clip, watched, chain, asked.request)
        except (NoLandmarkError, InputError):
            # The same command would say the same: nothing to keep.
            shutil.rmtree(folder, ignore_errors=True)
            raise
        depths = Depths(
            lambda index: watcher.record(index).relative,
            solved.heads,
            solved.result.head.space,
            solved.result.max_depth_m,
            steady=asked.given is None,
        )
        written = write_solved(clip, place, solved, depths, asked, commands)
        shutil.rmtree(folder, ignore_errors=True)
    return MeasuredClip(solved, written, count)


@contextmanager
def _gone_when_empty(*folders: Path) -> Iterator[None]:
    """Remove folders after a block unless there is anything in them: records of another clip, results."""
    try:
        yield
    finally:
        for folder in folders:
            with suppress(OSError):
                folder.rmdir()


def _with_focal(pipeline: MetricFromHuman, clip: Clip) -> Clip:
    """Return the clip with one focal length, where it does not say it and a model was named to estimate it."""
    model = pipeline.field_of_view
    if model is None or clip.focal.source != "default-fov":
        return clip
    step = max(1, (clip.frames or 1) // _ESTIMATES)
    frames = (frame for frame in clip.read() if frame.index % step == 0)
    photos = [clip.photo(frame) for frame in itertools.islice(frames, _ESTIMATES)]
    shared = pooled_focal(photos, model).given_to(photos[0])
    return replace(clip, camera=shared.camera, focal=shared.focal)


def _solve(
    pipeline: MetricFromHuman, clip: Clip, watched: Watched, chain: Chain | None, request: Request
) -> SolvedClip:
    """Find the scale of a clip; where nothing gives one, say what to do with a clip."""
    try:
        return solve_clip(pipeline, watched, chain=chain, request=request)
    except NoLandmarkError as error:
        tried = "; ".join(one.partition(" (")[0] for one in error.tried)
        raise NoLandmarkError(
            f"nothing in {clip.name} gives a metric scale ({tried}): expected people or objects of known size in some "
            "frames; try other seconds (--from, --to) or key frames (--people-every)",
            tried=error.tried,
        ) from error


def _measure_static(
    pipeline: MetricFromHuman, clip: Clip, place: Place, asked: ClipRequest, commands: Sequence[str]
) -> MeasuredClip:
    """Measure a clip whose camera stands still."""
    asked.progress("choosing frames", 0.0)
    looks = choose_looks(clip)
    asked.progress("key frames", 0.3)
    seen = look(pipeline.observer, clip, looks)
    solved = _solve(pipeline, clip, seen.watched, seen.chain(), asked.request)
    solved = replace(
        solved,
        anchor=None,
        heads=solved.heads[:1] * looks.count,
        tracks=tuple(one.at_frames(seen.indices) for one in solved.tracks),
    )
    result = solved.result
    depths = Depths(
        lambda index: result.relative, solved.heads, result.head.space, result.max_depth_m, same_m=result.depth_m
    )
    return MeasuredClip(solved, write_solved(clip, place, solved, depths, asked, commands), looks.count)


def write_solved(
    clip: Clip, place: Place, solved: SolvedClip, depths: Depths, asked: ClipRequest, commands: Sequence[str]
) -> Written:
    """Write the files of a clip, and put them in place at once.

    Args:
        clip: the clip.
        place: where the results go.
        solved: its scale and what that rests on.
        depths: of its frames.
        asked: what is asked of it.
        commands: that measure it.
    """
    count = len(solved.heads)

    def fill(folder: Path) -> dict[str, object]:
        frames = _frames_of_page(clip, solved, depths) if asked.report else None
        seconds: list[float] = []

        def keep(frame: Frame, depth_m: Float[ndarray, "h w"]) -> None:
            seconds.append(frame.seconds)
            if frames is not None:
                frames.add(frame.index, frame.seconds, frame.pixels, depth_m)

        limits_m = write_clip(
            folder,
            clip,
            depths,
            caption=_caption(clip, solved),
            report=lambda done: asked.progress("writing", 0.8 + 0.2 * done / count),
            also=keep,
        )
        notes, files = (
            (*clip.notes, *notes_of(clip, solved, seconds)),
            {} if frames is None else {"report": REPORT_FILE},
        )
        content = receipt(solved.result, photo=place.owner, files=files, notes=notes, commands=commands)
        about = _about(clip, solved, asked, limits_m)
        if frames is not None:
            reported = ReportedClip(
                clip.name,
                solved.result,
                about,
                frames,
                poses_of(solved.heads),
                followed=asked.given is None and not asked.static_camera,
                warnings=cast(list[str], content["warnings"]),
                commands=commands,
            )
            # Bytes: another line ending would be another script than the one the page admits.
            (folder / REPORT_FILE).write_bytes(clip_html(reported).encode())
        return {**content, "clip": about}

    return write_results(place, fill)


def _frames_of_page(clip: Clip, solved: SolvedClip, depths: Depths) -> ClipFrames:
    """Return what takes the frames that a report shows."""
    seen = {frame for track in solved.tracks for frame in track.frames}
    chosen = choose_frames(len(solved.heads), key_frames=seen)
    return ClipFrames(chosen, clip.camera.width, clip.camera.height, same_depth=depths.same_m is not None)


def _about(clip: Clip, solved: SolvedClip, asked: ClipRequest, limits_m: tuple[float, float]) -> dict[str, object]:
    """Return what the receipt says of the clip beside what it says of a photo."""
    misfits = sorted(one.misfit for one in solved.heads if one.still)
    return {
        "frames": len(solved.heads),
        "frames_a_second": clip.frames_a_second,
        "static_camera": asked.static_camera,
        "reference_frame": solved.anchor,
        "cuts": [index for index, one in enumerate(solved.heads) if one.still == 0],
        "median_misfit": misfits[len(misfits) // 2] if misfits else None,
        "colour_bar_m": list(limits_m),
        "heads": [[one.scale, one.shift] for one in (solved.heads[:1] if asked.static_camera else solved.heads)],
        "tracks": [
            {
                "number": number,
                "label": track.landmark.label or "person",
                "verdict": track.landmark.verdict,
                "reason": track.landmark.reason,
                "reference_frame": track.at,
                "frames": list(track.frames),
                "measured_frames": list(track.used_frames),
                "stature_m": track.landmark.stature_m,
                "spread": track.spread,
                "weight": track.landmark.weight,
                "sightings": [asdict(one) for one in track.sightings],
            }
            for number, track in enumerate(solved.tracks)
        ],
    }


def notes_of(clip: Clip, solved: SolvedClip, seconds: Sequence[float]) -> tuple[str, ...]:
    """Return sentences about a clip that the user should read.

    Args:
        clip: the clip.
        solved: its frames.
        seconds: the time of each frame.
    """
    notes = []
    if clip.is_video and clip.frames is not None and len(seconds) < _WHOLE * clip.frames - 1:
        notes.append(
            f"the file announces {clip.frames} frames and {len(seconds)} could be decoded: it is damaged or cut off"
        )
    cuts = [index for index, one in enumerate(solved.heads) if one.still == 0]
    if not cuts:
        return tuple(notes)
    times = ", ".join(f"{seconds[index]:.2f} s" for index in cuts[:5])
    more = f" and {len(cuts) - 5} more" if len(cuts) > 5 else ""
    return (
        *notes,
        f"the picture changes wholly at {times}{more}, and the scale is carried across by the mean and spread of the "
        "relative depth alone: if that is a cut, measure the shots one by one with --from and --to",
    )


def _caption(clip: Clip, solved: SolvedClip) -> str:
    interval = solved.result.interval
    if interval is None:
        return clip.name
    low, high = interval.level_80
    return f"{clip.name}: depth in metres, {low - 1:+.0%} to {high - 1:+.0%} with 80 % probability"


def _settings(pipeline: MetricFromHuman, clip: Clip, key_every: int, asked: ClipRequest) -> dict[str, object]:
    """Return all that decides the records of a clip's frames."""
    camera, which = clip.camera, clip.range
    return {
        **settings_of(pipeline.config),
        **version_of_models(),
        "files": [[str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns] for path in clip.paths],
        "camera": [camera.fx, camera.fy, camera.cx, camera.cy, camera.width, camera.height],
        "range": [which.start_s, which.end_s, which.every, which.long_side_px],
        "key_every": key_every,
        "given": None if asked.given is None else [asked.given.name, asked.given.space, asked.given.changed_ns],
    }


def _photo(clip: Clip, index: int) -> Photo:
    for frame in clip.read():
        if frame.index == index:
            return clip.photo(frame)
    raise AssertionError(f"frame {index} was there before")
