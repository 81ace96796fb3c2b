"""``mfh refit``: another scale from kept evidence, without any model."""

import time
from pathlib import Path
from typing import Annotated

import typer

from mfh.cli.command_line import commands_for
from mfh.cli.exits import EXIT_DONE, error_line
from mfh.cli.flags import AsJson, CameraOptions, FormatOptions, PhotoOptions
from mfh.cli.groups import grouped
from mfh.cli.json_answer import print_json
from mfh.cli.measure import measured, report_of
from mfh.cli.predict import as_document, table
from mfh.config import HeadKind
from mfh.errors import InputError, MfhError
from mfh.pipeline.words import is_number, shortened


@grouped
def refit(
    camera: CameraOptions,
    about: PhotoOptions,
    form: FormatOptions,
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
        list[str] | None,
        typer.Option(metavar="NUMBERS", help="People who must not count: numbers of the receipt, as 3,7; repeatable."),
    ] = None,
    report: Annotated[bool, typer.Option("--report", help="Also write report.html, as mfh predict --report.")] = False,
    as_json: AsJson = False,
) -> int:
    """Fit a photo's scale again: another focal length, head or known size, or without some of its people."""
    try:
        numbers = parse_numbers(",".join(exclude) if exclude else None)
        focal, request, formats = camera.request(), about.request(), form.chosen()

        from mfh.io.atomic import check_writable
        from mfh.io.evidence import load_evidence
        from mfh.io.results import Place, check_place
        from mfh.pipeline.refit import refit as fit_again
        from mfh.viz.save import save_result

        folder = evidence.parent / "refit" if out is None else out
        place = Place(folder, evidence, exact=True, inputs=() if camera.intrinsics is None else (camera.intrinsics,))
        check_writable(folder)
        check_place(place)

        begin = time.perf_counter()
        result = fit_again(load_evidence(evidence), request, focal=focal, head=head, exclude=numbers)
        commands = commands_for(evidence)
        page = report_of(result, commands) if report else None
        written = save_result(place, result, report=page, formats=formats, commands=commands)
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
        text: numbers of people, separated by commas; None for no person.

    Raises:
        InputError: for anything else.
    """
    if text is None:
        return ()
    words = [word.strip() for word in text.split(",")]
    if not all(is_number(word) for word in words):
        raise InputError(f"--exclude is {shortened(text)}: expected numbers on the receipt, such as 3,7")
    return tuple(dict.fromkeys(int(word) for word in words))
