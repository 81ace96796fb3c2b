"""``mfh video``: a clip in metres, with one camera and one scale."""

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mfh.cli.command_line import commands_for
from mfh.cli.exits import EXIT_DONE
from mfh.cli.flags import AsJson, CameraOptions, Space, check_number
from mfh.cli.groups import grouped
from mfh.cli.json_answer import print_json
from mfh.cli.options import MethodOptions, ModelOptions
from mfh.cli.progress import progress_line
from mfh.errors import InputError, shown
from mfh.pipeline.words import request_of

if TYPE_CHECKING:
    from mfh.video.frames import FrameRange
    from mfh.video.given import ClipDepth
    from mfh.video.run import MeasuredClip

_LEAST_SIDE_PX, _MOST_SIDE_PX = 64, 8192


@dataclass(frozen=True)
class ClipOptions:
    """Which frames are measured, and how."""

    start: Annotated[float, typer.Option("--from", help="Seconds from the beginning at which to begin.")] = 0.0
    end: Annotated[
        float | None, typer.Option("--to", help="Seconds from the beginning at which to end.", show_default=False)
    ] = None
    every: Annotated[int, typer.Option(help="Measure every N-th frame.")] = 1
    size: Annotated[int, typer.Option(help="Longest side of frames as they are measured and written, pixels.")] = 1280
    static_camera: Annotated[
        bool,
        typer.Option("--static-camera", help="The camera stands still: depth once, of the emptiest frame."),
    ] = False
    people_every: Annotated[
        float, typer.Option(help="Seconds between the frames in which people and objects are looked for.")
    ] = 0.5
    person_height: Annotated[
        str | None,
        typer.Option(metavar="HEIGHT", help="Height of all people in the clip, as 1.80.", show_default=False),
    ] = None
    relative_depth: Annotated[
        Path | None,
        typer.Option(
            help="Your own relative depth of the clip, of one scale: a folder with a map for each frame, or one npz or "
            "npy with all; needs --space.",
            show_default=False,
        ),
    ] = None
    space: Annotated[
        Space | None,
        typer.Option(help="What its values are: disparity (larger is nearer) or depth (larger is farther)."),
    ] = None

    def which(self) -> "FrameRange":
        """Return which frames are measured.

        Raises:
            InputError: for numbers that no clip can have.
        """
        from mfh.video.frames import FrameRange

        check_number("--from", self.start, 0, 1e6)
        check_number("--to", self.end, 0, 1e6)
        check_number("--every", self.every, 1, 1_000_000)
        check_number("--size", self.size, _LEAST_SIDE_PX, _MOST_SIDE_PX)
        check_number("--people-every", self.people_every, 0.01, 1e6)
        if self.end is not None and self.end <= self.start:
            raise InputError(f"--from {self.start:g} --to {self.end:g} is empty: expected an end after the beginning")
        return FrameRange(self.start, self.end, self.every, self.size)

    def given(self, model: str | None) -> "ClipDepth | None":
        """Return relative depth that the user brings, if there is any.

        Args:
            model: relative-depth model that was asked for.

        Raises:
            InputError: for one that cannot be used, or goes with nothing.
        """
        if self.relative_depth is None:
            if self.space is not None:
                raise InputError(f"--space {self.space} is about maps given with --relative-depth, and none are given")
            return None
        if self.space is None:
            raise InputError("--relative-depth needs --space disparity (larger is nearer) or --space depth")
        if model is not None:
            raise InputError(f"--relative-depth and --relative-depth-model {model} are both given: drop one of them")
        if self.static_camera:
            raise InputError("--relative-depth and --static-camera are both given: drop one of them")
        from mfh.video.given import read_clip_depth

        return read_clip_depth(self.relative_depth, space=self.space)


@grouped
def video(
    options: ClipOptions,
    camera: CameraOptions,
    method: MethodOptions,
    models: ModelOptions,
    clip: Annotated[
        list[Path] | None,
        typer.Argument(help="A video, a folder of its frames, or its frames in order.", show_default=False),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the results; the clip gets OUT/<name>/.")] = Path(
        "out"
    ),
    report: Annotated[
        bool,
        typer.Option(
            "--report", help="Also write report.html: one HTML file with a slider through time, to see and to measure."
        ),
    ] = False,
    as_json: AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")] = False,
) -> int:
    """Measure a clip in metres: depth of every frame, cameras and side_by_side.mp4 in OUT/<name>/.

    After an interruption the same command continues.
    """
    if not clip:
        raise InputError("no clip given: expected a video or a folder of frames, as in mfh video walk.mp4")
    which, given = options.which(), options.given(models.relative_depth_model)
    request = request_of(
        heights=() if options.person_height is None else (options.person_height,),
        distances=(),
        lengths=(),
        objects=(),
        region=None,
        measure=(),
    )
    config = models.apply(method.config())
    if given is not None:
        # As of a photo: of a painting only the ground at the feet has such a depth.
        config = replace(config, painting_evidence="contact")
    from mfh.io.atomic import check_writable
    from mfh.io.exr import check_installed
    from mfh.io.results import Place
    from mfh.video.frames import open_clip

    check_installed("depth of a clip is EXR")
    check_writable(out)
    started = time.perf_counter()
    opened = open_clip(clip, focal=camera.request(), which=which)
    from mfh.pipeline.pipeline import MetricFromHuman
    from mfh.video.run import ClipRequest, measure_clip

    place = Place(out, clip[0], name=opened.name, inputs=tuple(clip))
    with progress_line(quiet=quiet or as_json, prefix=f"{opened.name}: ") as line:
        line.update("loading models")
        asked = ClipRequest(options.static_camera, options.people_every, given, request, line.update, report)
        pipeline = MetricFromHuman.from_config(config)
        measured = measure_clip(pipeline, opened, place, asked, commands=commands_for(clip[0]))
    if as_json:
        print_json({**measured.written.receipt, "folder": str(measured.written.folder)})
    elif not quiet:
        print(table(clip[0], measured, seconds=time.perf_counter() - started), flush=True)
    return EXIT_DONE


def table(path: Path, measured: "MeasuredClip", *, seconds: float) -> str:
    """Return the lines that are printed for a clip.

    Args:
        path: of the clip.
        measured: its result.
        seconds: it took.
    """
    from mfh.types import used_landmarks
    from mfh.types.summary import describe_interval

    result, tracks = measured.solved.result, measured.solved.tracks
    camera = result.photo.camera
    nearest_m, median_m, farthest_m = result.depth_range_m
    anchor = measured.solved.anchor
    where = "what stays" if anchor is None else f"frame {anchor}"
    warnings = measured.written.receipt["warnings"]
    rows = [
        ("tracks", f"{used_landmarks(one.landmark for one in tracks)} used of {len(tracks)} considered"),
        (
            "depth",
            f"{nearest_m:.2f} m nearest, {median_m:.2f} m median, {farthest_m:.2f} m farthest ({where})",
        ),
        ("focal length", result.photo.focal.detail),
        ("seconds", f"{seconds:.1f} ({seconds / measured.frames:.2f} a frame)"),
        ("files", f"{measured.written.folder}/"),
    ]
    if result.interval is not None:
        rows.insert(1, ("interval", describe_interval(result.interval)))
    rows += [("note", str(warning)) for warning in warnings] if isinstance(warnings, list) else []
    count = "1 frame" if measured.frames == 1 else f"{measured.frames} frames"
    lines = [f"{path} ({count}, {camera.width}x{camera.height})"]
    lines += [f"  {name:<13} {text}" for name, text in rows]
    for number, track in enumerate(tracks):
        one = track.landmark
        what = one.label or ("person" if one.stature_m is None else f"person {one.stature_m:.2f} m tall")
        lines.append(f"    {number}  {what:<20} {one.verdict:<9} {one.reason}")
    return "\n".join(shown(line) for line in lines)
