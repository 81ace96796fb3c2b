"""``mfh report``: the results of a photo that are already there, as one page."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mfh.cli.exits import EXIT_DONE
from mfh.cli.flags import PhotoOptions
from mfh.cli.groups import grouped
from mfh.config import HeadKind
from mfh.errors import InputError, shown

if TYPE_CHECKING:
    from mfh.io.added import Results
    from mfh.types import MetricDepth

_SAME = 1e-6
"""Relative difference of scale and shift up to which two answers are one."""


@grouped
def report(
    about: PhotoOptions,
    folder: Annotated[Path, typer.Argument(help="Results of mfh predict --save-evidence: OUT/<name>.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The file to write; report.html in the folder where not given."),
    ] = None,
    head: Annotated[
        HeadKind | None,
        typer.Option(help="The fit, where predict was given another than the preset's.", show_default=False),
    ] = None,
) -> int:
    """Make the report of results that are there: one HTML file in which they are seen, measured and refitted."""
    request = about.request()

    from mfh.io.added import add_files, read_results
    from mfh.io.contents import CLIP_FILE
    from mfh.io.evidence import EVIDENCE_FILE, load_evidence
    from mfh.pipeline.refit import refit
    from mfh.report.page import write_report
    from mfh.viz.save import REPORT_FILE

    if not folder.is_dir():
        what = f"{shown(folder)} is a file" if folder.exists() else f"no such folder: {shown(folder)}"
        raise InputError(f"{what}; expected the folder that mfh predict --save-evidence wrote to")
    if (folder / CLIP_FILE).is_file():
        raise InputError(f"{shown(folder)} holds a clip, whose report is written with it: mfh video CLIP --report")
    if not (folder / EVIDENCE_FILE).is_file():
        raise InputError(
            f"{folder} has no {EVIDENCE_FILE}, which a report is made from: run mfh predict again, with --report (or "
            "with --save-evidence, and then this)"
        )
    results = read_results(folder)
    result = refit(load_evidence(folder / EVIDENCE_FILE), request, head=head)
    _check_same(results, result)
    made = _commands(results)
    if out is None:
        path = folder / REPORT_FILE
        add_files(results, lambda stage: _named(write_report(stage / REPORT_FILE, result, commands=made)))
    else:
        path = write_report(out, result, commands=made)
    print(f"{shown(path)} ({path.stat().st_size / 1e6:.2f} MB)")
    return EXIT_DONE


def _named(page: Path) -> tuple[dict[str, str], tuple[str, ...]]:
    return {"report": page.name}, ()


def _commands(results: "Results") -> tuple[str, ...]:
    """Return the commands that made the results; none where Python did, or an earlier version."""
    about: Any = results.content.get("about")
    commands = about.get("commands") if isinstance(about, dict) else None
    return tuple(one for one in commands if isinstance(one, str)) if isinstance(commands, list) else ()


def _check_same(results: "Results", result: "MetricDepth") -> None:
    """Refuse to report another answer than the one in the folder.

    Raises:
        InputError: where the evidence, with these options, gives another scale and shift than the receipt has.
    """
    receipt: Any = results.content
    try:
        there = float(receipt["head"]["scale"]), float(receipt["head"]["shift"])
        given = [str(one["name"]) for one in receipt["known_sizes"]]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{results.folder} has no receipt of this program: run mfh predict again") from error
    here = float(result.head.scale), float(result.head.shift)
    size = max(abs(one) for one in there)
    if all(math.isclose(a, b, rel_tol=_SAME, abs_tol=_SAME * size) for a, b in zip(here, there, strict=True)):
        return
    what = f"what was given then ({'; '.join(given)})" if given else "what was given then, such as --person-height"
    raise InputError(
        f"the evidence in {results.folder} gives a scale of {here[0]:.4g}, and its receipt has {there[0]:.4g}: "
        f"evidence does not hold {what}: give it again, with the same options"
    )
