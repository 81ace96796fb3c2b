"""``mfh predict``: photos in, metric depth out."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mfh.cli.command_line import commands_for
from mfh.cli.exits import EXIT_DONE, failure_line
from mfh.cli.flags import AsJson, CameraOptions, FormatOptions, OwnDepthOptions, PhotoOptions
from mfh.cli.groups import grouped
from mfh.cli.json_answer import note_photo, print_photos
from mfh.cli.measure import Given, Measured, Meter
from mfh.cli.options import MethodOptions, ModelOptions, parse_megapixels
from mfh.cli.progress import progress_line
from mfh.cli.receipt_table import receipt_rows
from mfh.config import Config
from mfh.errors import InputError, MfhError, NoLandmarkError, printable, shown

if TYPE_CHECKING:
    from mfh.types import MetricDepth


_VIDEOS = (".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm")


@dataclass(frozen=True)
class OutputOptions:
    """Where results go, and what is written and printed."""

    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the results; each photo gets OUT/<name>/.")] = (
        Path("out")
    )
    save_paintings: Annotated[
        bool, typer.Option("--save-paintings", help="Also write paintings/NN.png, and strip.png made of them.")
    ] = False
    save_evidence: Annotated[bool, typer.Option("--save-evidence", help="Also write evidence.npz, for mfh refit.")] = (
        False
    )
    report: Annotated[
        bool,
        typer.Option(
            "--report", help="Also write report.html: one HTML file in which the result is seen, measured and refitted."
        ),
    ] = False
    max_megapixels: Annotated[float, typer.Option(help="Refuse larger photos before decoding them.")] = 100.0
    one_camera: Annotated[
        bool,
        typer.Option(
            "--one-camera", help="All photos are of one camera and zoom: those without a focal length have the others'."
        ),
    ] = False
    as_json: AsJson = False
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")] = False


@grouped
def predict(
    method: MethodOptions,
    models: ModelOptions,
    camera: CameraOptions,
    about: PhotoOptions,
    own_depth: OwnDepthOptions,
    form: FormatOptions,
    output: OutputOptions,
    photos: Annotated[list[Path] | None, typer.Argument(help="Picture files.", show_default=False)] = None,
) -> int:
    """Measure photos in metres: depth.npz, depth.png, preview.png and receipt.json in OUT/<name>/."""
    if not photos:
        raise InputError("no photo given: expected at least one, as in mfh predict photo.jpg")
    formats = form.chosen()
    config = models.apply(replace(method.config(), keep_paintings=output.save_paintings))
    if models.commercial_ok:
        config = _permitted(config, quiet=output.quiet)
    max_pixels = parse_megapixels(output.max_megapixels)
    # A photo named twice is measured once.
    photos = list(dict.fromkeys(photos))
    about.check_one_photo(photos)
    if output.one_camera:
        from mfh.io.one_camera import shared_focal

        # Two zooms are refused before any photo is measured.
        shared_focal(photos)
    given = Given(
        request=about.request(),
        focal=camera.request(),
        relative_depth=own_depth.read(photos, model=models.relative_depth_model),
        one_camera=tuple(photos) if output.one_camera else (),
    )
    from mfh.io.atomic import check_writable

    check_writable(output.out)
    meter = Meter(
        config,
        given=given,
        max_pixels=max_pixels,
        save_evidence=output.save_evidence,
        report=output.report,
        formats=formats,
    )
    inputs = [path for path in (own_depth.relative_depth, camera.intrinsics) if path is not None]
    codes = measure_all(meter, photos, output.out, quiet=output.quiet or output.as_json, inputs=inputs)
    if output.as_json:
        print_photos()
    return exit_code(codes)


def measure_all(
    meter: Meter, photos: Sequence[Path], out: Path, *, quiet: bool, inputs: Sequence[Path] = ()
) -> list[int]:
    """Measure photos one after the other; an error of one is printed at once and does not cost the others.

    Nothing of a photo stays in memory but its line of the final JSON, where that is wanted.

    Args:
        meter: measures one photo.
        photos: picture files, each once.
        out: folder of all results.
        quiet: print nothing but errors.
        inputs: files that are read besides: never replaced.

    Returns:
        Each photo's exit code.
    """
    from mfh.io.results import Place

    codes: list[int] = []
    for number, path in enumerate(photos, start=1):
        try:
            with progress_line(quiet=quiet, prefix=f"{printable(path.name)} ({number} of {len(photos)}): ") as progress:
                place = Place(out, path, inputs=(*photos, *inputs))
                measured = meter.measure(place, progress, commands=commands_for(path, photos))
            if not quiet:
                print(table(path, measured), flush=True)
            note_photo(as_document(path, measured))
            codes.append(EXIT_DONE)
        except Exception as error:
            line, code = failure_line(error, about=str(path))
            if path.is_dir():
                line = f"{line}; mfh batch {shown(path)} measures all photos in it"
            elif path.suffix.lower() in _VIDEOS:
                line = f"{line}; mfh video {shown(path)} measures a clip"
            print(f"mfh: {line}", file=sys.stderr)
            note_photo(as_document(path, error))
            codes.append(code)
        # Before the next one is measured, not after.
        measured = None
    return codes


def exit_code(codes: Sequence[int]) -> int:
    """Return 0 where every photo was measured; else 1 for a fault, 2 for unusable input, 3 where nothing gives a scale.

    Args:
        codes: one a photo.
    """
    return min((code for code in codes if code), default=EXIT_DONE)


def table(path: Path, measured: Measured) -> str:
    """Return the lines that are printed for one photo.

    Args:
        path: the picture file.
        measured: its result.
    """
    from mfh.types.summary import describe_interval, describe_length, describe_region

    result = measured.result
    nearest_m, median_m, farthest_m = result.depth_range_m
    head = result.head
    shift = f"shift {head.shift:.4g}" + ("" if head.shift_determined else ", regularized")
    models = ", ".join(f"{role.replace('_', ' ')} {name}" for role, name in result.models.items())
    rows = [
        ("landmarks", _landmarks(result)),
        ("scale", f"{head.scale:.4g} ({shift}; {head.space})"),
        ("depth", f"{nearest_m:.2f} m nearest, {median_m:.2f} m median, {farthest_m:.2f} m farthest"),
        ("focal length", result.photo.focal.detail),
        ("preset", f"{result.preset} ({models})" if models else result.preset),
        ("seconds", f"{measured.seconds:.1f}"),
        ("files", f"{measured.folder}/ ({', '.join(measured.files)})"),
    ]
    if result.interval is not None:
        rows.insert(3, ("interval", describe_interval(result.interval)))
    rows[3:3] = [("length", describe_length(one)) for one in result.lengths]
    if result.region is not None:
        rows.insert(3, ("region", describe_region(result.region)))
    if result.ended_by:
        rows.insert(1, ("painting", result.ended_by))
    rows += [("note", warning) for warning in measured.warnings]
    camera = result.photo.camera
    lines = [f"{path} ({camera.width}x{camera.height})", *(f"  {name:<13} {text}" for name, text in rows)]
    return "\n".join(shown(line) for line in [*lines, *(f"    {line}" for line in receipt_rows(result))])


def _permitted(config: Config, *, quiet: bool) -> Config:
    """Return the configuration with permitted models in place of the others, and say which those are."""
    from mfh.models.needs import permitted

    config, sentences = permitted(config)
    for sentence in () if quiet else sentences:
        print(f"mfh: {sentence}", file=sys.stderr)
    return config


def _landmarks(result: "MetricDepth") -> str:
    """Say how many landmarks of each kind were used, and by which kind of evidence."""
    from mfh.types import used_landmarks

    line = f"{used_landmarks(result.landmarks)} of {len(result.landmarks)} considered"
    by_contact = sum(one.verdict == "used" and one.evidence == "contact" for one in result.landmarks)
    if result.attempts:
        line += f", {result.paintings} of {result.attempts} paintings"
    return f"{line} ({by_contact} by ground contact)" if by_contact else line


def as_document(path: Path, outcome: Measured | Exception) -> dict[str, object]:
    """Return the JSON object of one photo: its receipt, or the error.

    Args:
        path: the picture file.
        outcome: its result, or what prevented it.
    """
    if isinstance(outcome, Measured):
        return {**outcome.receipt, "folder": str(outcome.folder)}
    tried = list(outcome.tried) if isinstance(outcome, NoLandmarkError) else []
    message = str(outcome) if isinstance(outcome, MfhError) else failure_line(outcome)[0]
    return {"photo": str(path), "error": message, "error_kind": type(outcome).__name__, "tried": tried}
