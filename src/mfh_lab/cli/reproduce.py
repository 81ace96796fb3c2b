"""``mfh reproduce NAME``: the paper's tables and figures, each by one command, its own number beside the paper's.

Tables and Figure 5 share their options; each figure of predictions has its own.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from mfh.cli.flags import MOST_SCENES, MOST_SEEDS, MOST_WORKERS, NOISES, check_number
from mfh.cli.groups import grouped
from mfh.config import PRESETS
from mfh.errors import InputError, shown
from mfh_lab.cli import figures, reproduce_study
from mfh_lab.cli.reproduce_cases import reproduce_cases
from mfh_lab.cli.reproduce_request import DEFAULT_OUT, DEFAULT_SCENES, Request
from mfh_lab.cli.reproduced import reproduce_grid, reproduce_methods


@dataclass(frozen=True)
class Options:
    """What the tables and Figure 5 are measured on, and with."""

    dataset: Annotated[
        str | None,
        typer.Option(
            help="Default: the paper's. For tables of settings and fig5, pocket needs no files.", show_default=False
        ),
    ] = None
    root: Annotated[
        list[str] | None,
        typer.Option(help="Folder of the dataset, or NAME=DIR, once for each.", metavar="DIR", show_default=False),
    ] = None
    limit: Annotated[
        int | None, typer.Option(help=f"Only so many photos. Pocket world: {DEFAULT_SCENES}.", show_default=False)
    ] = None
    preset: Annotated[
        str | None,
        typer.Option(
            help=f"Of {', '.join(sorted(PRESETS))}. Default: paper; pocket world: pocket.", show_default=False
        ),
    ] = None
    painter: Annotated[str | None, typer.Option(help="Instead of the preset's.", show_default=False)] = None
    person_segmenter: Annotated[str | None, typer.Option(help="Instead of the preset's.", show_default=False)] = None
    protocol: Annotated[Literal["paper", "authors_code"], typer.Option(help="Input crop and scored pixels.")] = "paper"
    models: Annotated[
        Literal["trained", "oracle"],
        typer.Option(help="On the pocket world: the models in the package, or oracles with --noise."),
    ] = "trained"
    noise: Annotated[str, typer.Option(help=f"Of the oracles, one of {', '.join(NOISES)}.")] = "outliers10"
    bank: Annotated[
        Path | None, typer.Option(help="Bodies of the pocket world; default: in the package.", show_default=False)
    ] = None
    workers: Annotated[
        int | None,
        typer.Option(
            help="Processes, each with its models, that measure photos of a dataset (default: 1), or that render the "
            "pocket world (default: one a core).",
            show_default=False,
        ),
    ] = None
    seeds: Annotated[int | None, typer.Option(help="Painting seeds of fig5; default: 5.", show_default=False)] = None
    method: Annotated[
        list[str] | None,
        typer.Option(
            help="For tables of methods: LABEL=NAME of mfh evaluate methods, or LABEL=hf:org/name.",
            metavar="LABEL=METHOD",
            show_default=False,
        ),
    ] = None
    predictions: Annotated[
        list[str] | None,
        typer.Option(help="A method of a table, or a row of one: LABEL=DIR.", metavar="LABEL=DIR", show_default=False),
    ] = None
    unit: Annotated[
        str | None, typer.Option(help="Of the predictions: m, cm, mm or metres per unit.", show_default=False)
    ] = None
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the results; run again to resume.")] = DEFAULT_OUT


def reproduce(name: str, given: Options) -> int:
    """Measure a table or figure of the paper again: Markdown, CSV, PNG and PDF, the paper's numbers beside."""
    check_number("--limit", given.limit, 1, MOST_SCENES)
    check_number("--seeds", given.seeds, 1, MOST_SEEDS)
    check_number("--workers", given.workers, 1, MOST_WORKERS)
    request = Request(
        name=name,
        dataset=given.dataset,
        roots={label: Path(place) for label, place in _labelled(given.root or [], "--root", unlabelled=True).items()},
        limit=given.limit,
        preset=given.preset,
        painter=given.painter,
        person_segmenter=given.person_segmenter,
        protocol=given.protocol,
        out=given.out,
        pocket_models=given.models,
        noise=given.noise,
        bank=given.bank,
        workers=given.workers,
        seeds=given.seeds,
        methods=_labelled(given.method or [], "--method"),
        predictions={
            label: Path(place) for label, place in _labelled(given.predictions or [], "--predictions").items()
        },
        unit=given.unit,
    )
    from mfh.io.atomic import check_writable

    check_writable(given.out)
    return ENTRIES[name][0](request)


ENTRIES: dict[str, tuple[Callable[[Request], int], str]] = {
    "table1": (reproduce_methods, "This method and others on NYUv2 and KITTI."),
    "table2": (reproduce_methods, "This method and others on DIODE (indoor), iBims-1 and ETH3D."),
    "table3": (reproduce_grid, "Relative-depth models and optimization targets."),
    "table4": (reproduce_grid, "Which parameters are free."),
    "table5": (reproduce_grid, "Losses."),
    "table6": (reproduce_methods, "Metric models, nothing aligned and after the best scale and shift."),
    "table7": (reproduce_grid, "Widths of the paint mask."),
    "table8": (reproduce_grid, "Painters."),
    "table9": (reproduce_grid, "Mesh models."),
    "fig5": (reproduce_grid, "Number of paintings, for the paper's head and this project's."),
    "fig10": (reproduce_cases, "Success and failure cases of pseudo ground truth, counted over all paintings."),
}
"""Table or figure -> what makes it, and its line in the help. To add one: a function of the request and a line here."""


def _labelled(options: list[str], flag: str, *, unlabelled: bool = False) -> dict[str, str]:
    """Read options of the form LABEL=VALUE."""
    found: dict[str, str] = {}
    for option in options:
        label, equals, value = option.partition("=")
        if not equals and unlabelled:
            label, value = "", option
        elif not (label and value):
            raise InputError(f"{flag} is {option!r}: expected LABEL=VALUE")
        label = shown(label)
        if label in found:
            raise InputError(f"{flag} {label or option} is given twice")
        found[label] = value
    return found


class _EntryGroup(TyperGroup):
    """A group of commands that also takes options before the name of a table; tables first, each by its number."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names in the paper's order."""
        return sorted(self.commands, key=lambda name: (not name.startswith("table"), int(re.sub(r"\D", "", name))))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the name of a table first."""
        return super().parse_args(ctx, routed(args, self.list_commands(ctx)))


def routed(arguments: Sequence[str], commands: Sequence[str]) -> list[str]:
    """Return the arguments with the name of a table first.

    Args:
        arguments: after ``mfh reproduce``.
        commands: names that can be typed.

    Raises:
        InputError: for a name that is neither a table nor a figure.
    """
    if not arguments or arguments[0] in commands:
        return list(arguments)
    if not arguments[0].startswith("-"):
        raise InputError(f"{arguments[0]!r} is no table or figure of the paper: expected one of {', '.join(commands)}")
    # The value of an option may be called like a table.
    free = [k for k in range(len(arguments)) if k == 0 or "=" in arguments[k - 1] or arguments[k - 1][:1] != "-"]
    place = next((k for k in free if arguments[k] in commands), None)
    if place is not None:
        return [arguments[place], *arguments[:place], *arguments[place + 1 :]]
    if {"-h", "--help"} & set(arguments):
        return ["--help"]
    raise InputError(f"no table or figure is named: expected one of {', '.join(commands)} first")


def _entry(name: str) -> Callable[..., int]:
    """Return :func:`reproduce` for one table as a command of its options."""

    @grouped
    def entry(given: Options) -> int:
        return reproduce(name, given)

    return entry


app = typer.Typer(
    add_completion=False,
    cls=_EntryGroup,
    help="Measure a table or figure of the paper again.",
    rich_markup_mode=None,
)
for _name, (_, _line) in ENTRIES.items():
    _beside = "" if _name == "fig10" else ", the paper's numbers beside"
    app.command(_name, help=f"{_line} Markdown, CSV, PNG and PDF{_beside}.", short_help=_line)(_entry(_name))
figures.register(app)
reproduce_study.register(app)


@app.callback()
def names() -> None:
    """Tables and figures."""
