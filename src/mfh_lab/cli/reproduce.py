"""``mfh reproduce``: the paper's tables and figures, each by one command, its own number beside the paper's."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import typer

from mfh.cli.flags import MOST_SCENES, MOST_SEEDS, MOST_WORKERS, NOISES, check_number
from mfh.config import PRESETS
from mfh.errors import InputError, shown
from mfh_lab.cli.reproduced import DEFAULT_SCENES, Request, reproduce_grid, reproduce_methods


def reproduce(
    name: Annotated[
        str, typer.Argument(help="table1-table9, fig5, ...; a wrong name lists them all.", show_default=False)
    ],
    dataset: Annotated[
        str | None, typer.Option(help="Default: the paper's. pocket needs no files.", show_default=False)
    ] = None,
    root: Annotated[
        list[str] | None,
        typer.Option(help="Folder of the dataset, or NAME=DIR, once for each.", metavar="DIR", show_default=False),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(help=f"Only so many photos. Pocket world: {DEFAULT_SCENES}.", show_default=False)
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            help=f"Of {', '.join(sorted(PRESETS))}. Default: paper; pocket world: pocket.", show_default=False
        ),
    ] = None,
    painter: Annotated[str | None, typer.Option(help="Instead of the preset's.", show_default=False)] = None,
    protocol: Annotated[Literal["paper", "authors_code"], typer.Option(help="What is shown and scored.")] = "paper",
    models: Annotated[
        Literal["trained", "oracle"],
        typer.Option(help="On the pocket world: the models in the package, or oracles that err as told."),
    ] = "trained",
    noise: Annotated[str, typer.Option(help=f"Of the oracles, one of {', '.join(NOISES)}.")] = "outliers10",
    bank: Annotated[
        Path | None, typer.Option(help="Bodies of the pocket world; default: in the package.", show_default=False)
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(help="Processes that render the pocket world; default: one a core.", show_default=False),
    ] = None,
    seeds: Annotated[int | None, typer.Option(help="Painting seeds of fig5; default: 5.", show_default=False)] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(help="For tables of methods: LABEL=hf:org/name.", metavar="LABEL=MODEL", show_default=False),
    ] = None,
    predictions: Annotated[
        list[str] | None,
        typer.Option(help="For tables of methods: LABEL=DIR.", metavar="LABEL=DIR", show_default=False),
    ] = None,
    unit: Annotated[
        str | None, typer.Option(help="Of the predictions: m, cm, mm or metres per unit.", show_default=False)
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the results; run again to go on.")] = Path("out/reproduce"),
) -> int:
    """Measure a table or figure of the paper again: Markdown, CSV, PNG and PDF, the paper's numbers beside."""
    if name not in ENTRIES:
        raise InputError(f"{name!r} is no table or figure of the paper: expected one of {', '.join(ENTRIES)}")
    for flag, count, most in (
        ("--limit", limit, MOST_SCENES), ("--seeds", seeds, MOST_SEEDS), ("--workers", workers, MOST_WORKERS)
    ):  # fmt: skip
        check_number(flag, count, 1, most)
    request = Request(
        name=name,
        dataset=dataset,
        roots={label: Path(place) for label, place in _labelled(root or [], "--root", unlabelled=True).items()},
        limit=limit,
        preset=preset,
        painter=painter,
        protocol=protocol,
        out=out,
        models=models,
        noise=noise,
        bank=bank,
        workers=workers,
        seeds=seeds,
        methods=_labelled(method or [], "--method"),
        predictions={label: Path(place) for label, place in _labelled(predictions or [], "--predictions").items()},
        unit=unit,
    )
    from mfh.io.atomic import check_writable

    check_writable(out)
    return ENTRIES[name](request)


ENTRIES: dict[str, Callable[[Request], int]] = {
    **{name: reproduce_methods for name in ("table1", "table2")},
    **{name: reproduce_grid for name in ("table3", "table4", "table5")},
    "table6": reproduce_methods,
    **{name: reproduce_grid for name in ("table7", "table8", "table9", "fig5")},
}
"""Table or figure -> what makes it. To add one: a function of the request, and a line here."""


def _labelled(words: list[str], flag: str, *, unlabelled: bool = False) -> dict[str, str]:
    """Read words of the form LABEL=VALUE."""
    found: dict[str, str] = {}
    for word in words:
        label, equals, value = word.partition("=")
        if not equals and unlabelled:
            label, value = "", word
        elif not (label and value):
            raise InputError(f"{flag} is {word!r}: expected LABEL=VALUE")
        label = shown(label)
        if label in found:
            raise InputError(f"{flag} {label or word} is given twice")
        found[label] = value
    return found
