"""``mfh predict``: photos in, metres out."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mfh.cli.exits import EXIT_DONE, failure_line
from mfh.cli.flags import (
    AsJson,
    Focal35mm,
    FocalPx,
    FovXDeg,
    IntrinsicsFile,
    KnownDistances,
    KnownLengths,
    PersonHeights,
    RelativeDepthFile,
    RelativeDepthSpace,
    WantedLengths,
    WantedRegion,
)
from mfh.cli.json_answer import note_photo, print_photos
from mfh.cli.known import known_sizes, parse_region, parse_segment
from mfh.cli.measure import Given, Measured, Meter
from mfh.cli.options import (
    PaintingLimits,
    check_one_photo,
    choose_models,
    configure,
    parse_megapixels,
    parse_seconds,
    request_focal,
    request_relative_depth,
)
from mfh.cli.progress import progress_line
from mfh.cli.receipt_table import describe_interval, describe_length, describe_region, receipt_rows
from mfh.config import PRESETS, Config, EvidenceMode, HeadKind, PeopleMode
from mfh.errors import InputError, MfhError, NoLandmarkError, printable, shown

if TYPE_CHECKING:
    from mfh.types import MetricDepth


def predict(
    photos: Annotated[list[Path] | None, typer.Argument(help="Picture files.", show_default=False)] = None,
    out: Annotated[Path, typer.Option(help="Folder for the results; each photo gets OUT/<name>/.")] = Path("out"),
    preset: Annotated[str, typer.Option(help=f"Which models: {', '.join(sorted(PRESETS))}.")] = "pocket",
    people: Annotated[
        PeopleMode | None,
        typer.Option(
            help="auto: people in the photo first, then paint; only: never paint; paint: only paint. Default: what the "
            "preset says.",
            show_default=False,
        ),
    ] = None,
    painter: Annotated[
        str | None, typer.Option(help="Who paints: a name, hf:org/name or a folder.", show_default=False)
    ] = None,
    relative_depth_model: Annotated[
        str | None,
        typer.Option(help="Which relative-depth model: a name, hf:org/name or a folder.", show_default=False),
    ] = None,
    person_segmenter: Annotated[str | None, typer.Option(help="Who finds people, by name.", show_default=False)] = None,
    human_mesh: Annotated[
        str | None,
        typer.Option(
            help="Who measures them, by name: blazepose, hmr2, multi-hmr2 or sam-3d-body.", show_default=False
        ),
    ] = None,
    commercial_ok: Annotated[
        bool,
        typer.Option("--commercial-ok", help="Only models that may be used commercially; says what takes whose place."),
    ] = False,
    prompt: Annotated[
        list[str] | None,
        typer.Option(help="What to paint, such as 'a man'; may be repeated, then drawn by lot.", show_default=False),
    ] = None,
    paintings: Annotated[int | None, typer.Option(help="Paintings with usable people to collect.")] = None,
    attempts: Annotated[int | None, typer.Option(help="Paintings to try at most.")] = None,
    budget: Annotated[str | None, typer.Option(help="Time for painting, such as 30s or 2m.")] = None,
    until_interval: Annotated[
        float | None,
        typer.Option(
            help="Paint until the 80 % interval of the metres, near, middle and far, is at most this wide to either "
            "side, as 0.1 for ±10 % (or cannot get narrower); 32 paintings at most unless --paintings says otherwise.",
            show_default=False,
        ),
    ] = None,
    evidence: Annotated[
        EvidenceMode | None,
        typer.Option(
            help="Where people's metres meet relative depth: on their bodies, where their feet touch the ground, or "
            "either; for people in the photo and painted ones. Default: what the preset says of each.",
            show_default=False,
        ),
    ] = None,
    head: Annotated[
        HeadKind | None,
        typer.Option(
            help="How scale and shift are fitted: what people agree on, or the paper's pooled SIlog. Default: what the "
            "preset says.",
            show_default=False,
        ),
    ] = None,
    save_paintings: Annotated[
        bool, typer.Option("--save-paintings", help="Also write paintings/NN.png, and strip.png made of them.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Seed of the paintings.")] = 0,
    save_evidence: Annotated[
        bool, typer.Option("--save-evidence", help="Also write evidence.npz, for mfh refit.")
    ] = False,
    focal_px: FocalPx = None,
    fov_x_deg: FovXDeg = None,
    focal_35mm: Focal35mm = None,
    intrinsics: IntrinsicsFile = None,
    person_height: PersonHeights = None,
    known_distance: KnownDistances = None,
    known_length: KnownLengths = None,
    region: WantedRegion = None,
    measure: WantedLengths = None,
    relative_depth: RelativeDepthFile = None,
    space: RelativeDepthSpace = None,
    fov_from: Annotated[
        str | None,
        typer.Option(
            help="Model that estimates the field of view where neither you nor EXIF says it: depth-pro, or moge.",
            show_default=False,
        ),
    ] = None,
    max_megapixels: Annotated[float, typer.Option(help="Refuse larger photos before decoding them.")] = 100.0,
    as_json: AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")] = False,
) -> int:
    """Measure photos in metres: depth.npz, depth.png, preview.png and receipt.json in OUT/<name>/."""
    if not photos:
        raise InputError("no photo given: expected at least one, as in mfh predict photo.jpg")
    limits = PaintingLimits(
        paintings=paintings,
        attempts=attempts,
        budget_s=None if budget is None else parse_seconds(budget),
        until_interval=until_interval,
        prompts=tuple(prompt or ()),
    )
    config = configure(
        preset,
        people=people,
        limits=limits,
        seed=seed,
        evidence=evidence,
        head=head,
        keep_paintings=save_paintings,
    )
    config = choose_models(
        config,
        {
            "painter": painter,
            "relative_depth": relative_depth_model,
            "person_segmenter": person_segmenter,
            "human_mesh": human_mesh,
            "field_of_view": fov_from,
        },
    )
    if commercial_ok:
        config = _permitted(config, quiet=quiet)
    max_pixels = parse_megapixels(max_megapixels)
    # A photo named twice is measured once.
    photos = list(dict.fromkeys(photos))
    check_one_photo(
        photos,
        heights=person_height,
        places=[*(known_distance or ()), *(known_length or ()), *([region] if region else ()), *(measure or ())],
    )
    given = Given(
        focal=request_focal(focal_px=focal_px, fov_x_deg=fov_x_deg, focal_35mm=focal_35mm, intrinsics=intrinsics),
        known=known_sizes(heights=person_height or (), distances=known_distance or (), lengths=known_length or ()),
        region=parse_region(region),
        lengths=tuple(parse_segment(word) for word in measure or ()),
        relative_depth=request_relative_depth(relative_depth, space, photos=photos, model=relative_depth_model),
    )
    from mfh.io.atomic import check_writable

    check_writable(out)
    meter = Meter(config, given=given, max_pixels=max_pixels, save_evidence=save_evidence)
    inputs = [path for path in (relative_depth, intrinsics) if path is not None]
    codes = measure_all(meter, photos, out, quiet=quiet or as_json, inputs=inputs)
    if as_json:
        print_photos()
    return exit_code(codes)


def measure_all(
    meter: Meter, photos: Sequence[Path], out: Path, *, quiet: bool, inputs: Sequence[Path] = ()
) -> list[int]:
    """Measure photos one after the other; what is wrong with one is said at once and does not cost the others.

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
                measured = meter.measure(Place(out, path, inputs=(*photos, *inputs)), progress)
            if not quiet:
                print(table(path, measured), flush=True)
            note_photo(as_tree(path, measured))
            codes.append(EXIT_DONE)
        except Exception as error:
            line, code = failure_line(error, about=str(path))
            print(f"mfh: {line}", file=sys.stderr)
            note_photo(as_tree(path, error))
            codes.append(code)
        # Before the next one is measured, not after.
        measured = None
    return codes


def exit_code(codes: Sequence[int]) -> int:
    """Return 0 where every photo was measured; 1 for a fault, else 2 for something unusable, else 3 for nobody.

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
    from mfh.io.receipt import depth_range_m

    result = measured.result
    nearest_m, median_m, farthest_m = depth_range_m(result)
    head = result.head
    shift = f"shift {head.shift:.4g}" + ("" if head.shift_determined else ", held back")
    models = ", ".join(f"{role.replace('_', ' ')} {name}" for role, name in result.models.items())
    rows = [
        ("people", _people(result)),
        ("scale", f"{head.scale:.4g} ({shift}; {head.space})"),
        ("metres", f"{nearest_m:.2f} nearest, {median_m:.2f} median, {farthest_m:.2f} farthest"),
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


def _people(result: "MetricDepth") -> str:
    """Say how many people were used, and by which kind of evidence."""
    from mfh.types import used_people

    painted = any(one.painted and one.verdict == "used" for one in result.landmarks)
    used = used_people(result.landmarks) if painted else result.people_used
    line = f"{used} used of {len(result.landmarks)} considered"
    by_contact = sum(one.verdict == "used" and one.evidence == "contact" for one in result.landmarks)
    if result.attempts:
        line += f", {result.paintings} of {result.attempts} paintings"
    return f"{line} ({by_contact} by ground contact)" if by_contact else line


def as_tree(path: Path, outcome: Measured | Exception) -> dict[str, object]:
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
