"""``mfh study``: people judge depth where no truth is known."""

from pathlib import Path
from typing import Annotated

import typer

from mfh.cli.exits import EXIT_DONE
from mfh.cli.flags import LAST_SEED, check_number
from mfh.cli.progress import progress_line
from mfh.errors import InputError, shown

TALLY_FILES = ("tally.csv", "tally.md")

app = typer.Typer(
    add_completion=False,
    help="Ask people which method's depth looks most reasonable, blindly, and count their answers.",
    rich_markup_mode=None,
)


@app.callback()
def study() -> None:
    """A page to hand out, and the tally of what comes back (docs/guide/study.md)."""


@app.command()
def make(
    photos: Annotated[list[Path], typer.Option(help="Picture files, or folders of them; repeatable.")],
    predictions: Annotated[
        list[str],
        typer.Option(
            metavar="LABEL=DIR",
            help="A method and its folder of depth: NAME.npz (depth_m), NAME.npy or NAME/depth.npz; repeatable.",
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="FILE.html that holds everything, or a folder to put on a web server.")
    ],
    key: Annotated[
        Path | None,
        typer.Option(help="Where the key goes; default: OUT's name with -key.json beside it.", show_default=False),
    ] = None,
    seed: Annotated[int, typer.Option(help="Draws the order of photos, and of methods in each photo.")] = 0,
    max_m: Annotated[
        float | None,
        typer.Option(
            help="Far end of all meter bars, metres; default: 10, 15, 20, 40 or 80 by the predictions.",
            show_default=False,
        ),
    ] = None,
    bars: Annotated[
        Path | None,
        typer.Option(help="CSV with columns photo,max_m[,min_m]: a meter bar for every photo.", show_default=False),
    ] = None,
    note: Annotated[str, typer.Option(help="Shown to participants, such as whom to send the answers to.")] = "",
) -> int:
    """Make a blind side-by-side page; the key of which method is which is a file of its own."""
    check_number("--seed", seed, 0, LAST_SEED)
    if max_m is not None and bars is not None:
        raise InputError("--max-m and --bars are both given: expected one of them")
    from mfh.io.atomic import check_writable, make_folder
    from mfh_lab.evaluation.given_files import find_photos, parse_predictions
    from mfh_lab.paper.study.meter_bar import bar_to, read_bars
    from mfh_lab.paper.study.page import check_new, make_study

    key = key or out.parent / f"{out.stem}-key.json"
    check_writable(out.parent)
    check_writable(key.parent)
    check_new(out, key)
    found = find_photos(photos)
    folders = parse_predictions(predictions)
    chosen = {name: bar_to(max_m) for name in found} if max_m is not None else None
    if bars is not None:
        chosen = read_bars(bars, found)
    for folder in {out.parent, key.parent}:
        make_folder(folder)
    # Bytes that are no text cannot be in a page.
    note = note.encode("utf-8", "backslashreplace").decode()
    with progress_line() as progress:
        made = make_study(found, folders, out=out, key=key, seed=seed, bars=chosen, note=note, progress=progress.update)
    counts = {name: sum(one.bar.range_name == name for one in made.questions) for name in ("short", "medium", "long")}
    ranges = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    print(f"study {made.id}: {len(found)} photos ({ranges} range), {len(folders)} methods")
    print(f"page: {shown(made.page)} ({_megabytes(made.page, out)})")
    print(f"key:  {shown(made.key)} (keep it: participants must not see it, and answers cannot be read without it)")
    return EXIT_DONE


@app.command()
def tally(
    answers: Annotated[list[Path], typer.Argument(help="Files that the page saved, one a participant.")],
    key: Annotated[Path, typer.Option(help="The key that mfh study make wrote.")],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="Folder for tally.csv and tally.md; default: the key's folder.", show_default=False
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the bootstrap.")] = 0,
) -> int:
    """Count the answers: selection rates by range with confidence intervals, as in the paper's Table 10."""
    check_number("--seed", seed, 0, LAST_SEED)
    from mfh.io.atomic import check_writable, make_folder
    from mfh.io.written import check_apart, check_own, own_path
    from mfh_lab.paper.study.answers import read_answers
    from mfh_lab.paper.study.plan import read_key
    from mfh_lab.paper.study.tally import footnote, markdown, table, write_csv
    from mfh_lab.paper.study.tally import tally as count

    folder = out or key.parent
    check_writable(folder)
    files = [folder / name for name in TALLY_FILES]
    check_apart(files, [*answers, key])
    check_own(folder, TALLY_FILES)
    secret = read_key(key)
    result = count(read_answers(answers, secret), secret, seed=seed)
    make_folder(folder)
    write_csv(files[0], result)
    with own_path(files[1]) as temporary:
        temporary.write_text(markdown(result), encoding="utf-8")
    print(table(result))
    print(f"\n{footnote(result)}")
    print(f"files: {', '.join(map(shown, files))}")
    return EXIT_DONE


def _megabytes(page: Path, out: Path) -> str:
    files = [page] if page == out else [path for path in out.rglob("*") if path.is_file()]
    return f"{sum(path.stat().st_size for path in files) / 1e6:.1f} MB"
