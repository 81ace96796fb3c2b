"""``mfh refit``: other metres from what the models said before, without any model."""

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mfh.cli.exits import EXIT_DONE, error_line
from mfh.cli.flags import AsJson, CameraOptions, PhotoOptions
from mfh.cli.groups import grouped
from mfh.cli.json_answer import print_json
from mfh.cli.known import is_number, shortened
from mfh.cli.measure import measured, write_result
from mfh.cli.predict import as_document, table
from mfh.config import PRESETS, HeadConfig, HeadKind
from mfh.errors import InputError, MfhError

if TYPE_CHECKING:
    from mfh.io.focal import FocalRequest
    from mfh.types.observations import Gathered


@grouped
def refit(
    camera: CameraOptions,
    about: PhotoOptions,
    evidence: Annotated[Path, typer.Argument(help="What mfh predict --save-evidence wrote.", show_default=False)],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder for the results; refit/ beside the evidence where not given."),
    ] = None,
    head: Annotated[
        HeadKind | None,
        typer.Option(
            help="consensus: a robust consensus over people; silog: the paper's fit. Default: the preset's.",
            show_default=False,
        ),
    ] = None,
    exclude: Annotated[
        str | None,
        typer.Option(metavar="NUMBERS", help="People who must not count, by number on the receipt, as 3,7."),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Fit a photo's scale again: another focal length, head or known size, or without some of its people."""
    try:
        numbers = parse_numbers(exclude)
        focal, request = camera.request(), about.request()

        from mfh.io.atomic import check_writable
        from mfh.io.evidence import load_evidence
        from mfh.io.results import Place, check_place
        from mfh.pipeline.conclude import conclude

        folder = evidence.parent / "refit" if out is None else out
        place = Place(folder, evidence, exact=True, inputs=() if camera.intrinsics is None else (camera.intrinsics,))
        check_writable(folder)
        check_place(place)

        begin = time.perf_counter()
        gathered = see_through(load_evidence(evidence), focal)
        gathered = replace(gathered, region=request.region or gathered.region)
        gathered = replace(gathered, lengths=tuple(request.lengths) or gathered.lengths)
        result = conclude(gathered, head=choose_head(gathered.preset, head), known=request.known, exclude=numbers)
        written = write_result(place, result)
    except MfhError as error:
        if as_json:
            print_json({"photos": [], "error": error_line(error)})
        raise
    solved = measured(result, written, seconds=time.perf_counter() - begin)
    if as_json:
        print_json({"photos": [as_document(evidence, solved)]})
    else:
        print(table(evidence, solved))
    return EXIT_DONE


def parse_numbers(text: str | None) -> tuple[int, ...]:
    """Return the numbers of "3,7".

    Args:
        text: numbers of people, separated by commas; None for nobody.

    Raises:
        InputError: for anything else.
    """
    if text is None:
        return ()
    words = [word.strip() for word in text.split(",")]
    if not all(is_number(word) for word in words):
        raise InputError(f"--exclude is {shortened(text)}: expected numbers of people on the receipt, such as 3,7")
    return tuple(dict.fromkeys(int(word) for word in words))


def choose_head(preset: str, kind: HeadKind | None) -> HeadConfig:
    """Return the head asked for, or the one of the preset that ran.

    Args:
        preset: name of the configuration that ran; where it is no preset of ours, its head is the default one.
        kind: which head is asked for; None for the same.
    """
    usual = PRESETS[preset].head if preset in PRESETS else HeadConfig()
    return usual if kind is None else replace(usual, kind=kind)


def see_through(gathered: "Gathered", focal: "FocalRequest") -> "Gathered":
    """Return what would have been gathered with the focal length asked for, if any.

    Args:
        gathered: what the models said.
        focal: a focal length, or none.
    """
    from mfh.io.exif import ExifFacts
    from mfh.io.focal import FocalRequest, choose_camera
    from mfh.pipeline.conclude import with_camera

    if focal == FocalRequest():
        return gathered
    old = gathered.photo.camera
    camera, provenance = choose_camera(focal, ExifFacts(), width=old.width, height=old.height)
    return with_camera(gathered, camera, provenance)
