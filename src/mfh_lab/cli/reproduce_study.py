"""``mfh reproduce fig2 | fig8 | fig11 | table10``: training pictures, photos without a truth, and the user study."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mfh.cli.exits import EXIT_DONE
from mfh.cli.flags import LAST_SEED, check_number
from mfh.errors import InputError, shown
from mfh_lab.cli.figures import labelled, prepare, say

if TYPE_CHECKING:
    from mfh_lab.paper.figures.in_the_wild import WildPhoto

_PHOTOS_HELP = "Picture files or folders of them, with a group before = where wanted (DSLR=DIR); repeatable."
Photos = Annotated[list[str] | None, typer.Option(help=_PHOTOS_HELP, metavar="[GROUP=]PLACE", show_default=False)]
DepthFolders = Annotated[
    list[str] | None,
    typer.Option(metavar="LABEL=DIR", help="A method and its folder of metric depth; repeatable.", show_default=False),
]


def fig2(
    scores: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LABEL=FILE", help="A method and the output folder of mfh evaluate; repeatable.", show_default=False
        ),
    ] = None,
    training: Annotated[
        list[str] | None,
        typer.Option(metavar="LABEL=N", help="Training pictures of a method; repeatable.", show_default=False),
    ] = None,
    relative: Annotated[
        list[str] | None,
        typer.Option(help="Labels whose AbsRel is after the best scale and shift; repeatable.", show_default=False),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder.")] = Path("out/fig2"),
) -> int:
    """Figure 2: AbsRel of relative and metric methods against their training pictures; the paper's numbers beside."""
    import numpy as np

    from mfh_lab.evaluation.score_files import read_scores
    from mfh_lab.paper.figures.training_data import TRAINING_PICTURES, TrainingPoint, make_fig2

    counts = {
        **TRAINING_PICTURES,
        **{label: _count(label, text) for label, text in labelled("--training", training or []).items()},
    }
    files, aligned = labelled("--scores", scores or []), set(relative or [])
    unknown = sorted(aligned - set(files))
    if unknown:
        raise InputError(f"--relative {unknown[0]}: expected the label of one of --scores")
    prepare(out, [f"fig2{ending}" for ending in (".png", ".pdf", ".csv", ".md")])
    points, photos = [], []
    for label, place in files.items():
        if label not in counts:
            raise InputError(f"--scores {label}: say how many pictures it was trained on with --training '{label}=N'")
        read = read_scores(Path(place), aligned=label in aligned)
        mean = 100 * float(np.mean([one.abs_rel for one in read.scores.values()]))
        points.append(TrainingPoint(label, "MRDE" if label in aligned else "MMDE", counts[label], mean, measured=True))
        photos.append(
            f"{label} {len(read.scores)} photos"
            + (f", {len(read.unanswered)} without an answer" if read.unanswered else "")
        )
    made = make_fig2(points, out, title="; ".join(photos))
    print(made.caption)
    say(made.files)
    return EXIT_DONE


def fig8(
    photos: Photos = None,
    predictions: DepthFolders = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder.")] = Path("out/fig8"),
) -> int:
    """Figure 8: photos in the wild and the depth of every method; a bar a photo that cuts no method off."""
    return _in_the_wild("fig8", photos or [], predictions or [], out, "all", None)


def fig11(
    photos: Photos = None,
    predictions: DepthFolders = None,
    bars: Annotated[
        Path | None, typer.Option(help="CSV with columns photo,max_m[,min_m]; default: chosen.", show_default=False)
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder.")] = Path("out/fig11"),
) -> int:
    """Figure 11: photos in the wild as participants of the user study see them, with its meter bars."""
    return _in_the_wild("fig11", photos or [], predictions or [], out, "meter", bars)


def table10(
    answers: Annotated[
        list[Path] | None,
        typer.Option(help="A file that the study's page saved, or a folder of them; repeatable.", show_default=False),
    ] = None,
    key: Annotated[Path | None, typer.Option(help="The key that mfh study make wrote.", show_default=False)] = None,
    seed: Annotated[int, typer.Option(help="Of the bootstrap.")] = 0,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder.")] = Path("out/reproduce/study"),
) -> int:
    """Table 10: the user study's selection rates by range, the paper's beside."""
    import shlex

    from mfh.io.written import check_apart
    from mfh_lab.paper.study.answers import read_answers
    from mfh_lab.paper.study.plan import read_key
    from mfh_lab.paper.study.selection_table import write_selection_table
    from mfh_lab.paper.study.tally import tally

    check_number("--seed", seed, 0, LAST_SEED)
    names = [f"table10{ending}" for ending in (".md", ".csv", ".json", ".png", ".pdf")]
    again = "mfh reproduce table10"
    if not (answers and key):
        prepare(out, names)
        files, _ = write_selection_table(out, None, again=again)
        lacking = " and ".join(["--answers FILE"] * (not answers) + ["--key KEY"] * (key is None))
        raise InputError(
            f"table10 is counted from answers to a user study: give {lacking} (mfh study make makes the page that "
            f"people answer); the paper's rates, and what each row waits for, are in {shown(files[0])}"
        )
    given = [path for place in answers for path in (sorted(place.glob("*.json")) if place.is_dir() else [place])]
    given = [path for path in given if path.resolve() != key.resolve()]
    secret = read_key(key)
    result = tally(read_answers(given, secret), secret, seed=seed)
    check_apart([out / name for name in names], [*given, key])
    prepare(out, names)
    words = [again, *(f"--answers {shlex.quote(str(place))}" for place in answers), f"--key {shlex.quote(str(key))}"]
    files, text = write_selection_table(out, result, again=" ".join(words))
    print(text)
    say(tuple(files))
    return EXIT_DONE


def register(app: typer.Typer) -> None:
    """Add the commands.

    Args:
        app: ``mfh reproduce``.
    """
    for command in (fig2, fig8, fig11, table10):
        app.command(command.__name__)(command)


def _count(label: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise InputError(f"--training {label} is {text!r}: expected a number of pictures, as 3e6") from error


def _in_the_wild(
    name: str, photos: list[str], predictions: list[str], out: Path, bars: Literal["all", "meter"], given: Path | None
) -> int:
    if not (photos and predictions):
        raise InputError(
            f"{name} draws photos of your own, without a truth: give them with --photos, and the depth of each method "
            "with --predictions LABEL=DIR (mfh predict PHOTOS --out DIR makes this method's)"
        )
    from mfh_lab.evaluation.given_files import parse_predictions
    from mfh_lab.paper.figures.in_the_wild import make_in_the_wild
    from mfh_lab.paper.study.meter_bar import read_bars

    found = _grouped_photos(photos)
    folders = parse_predictions(predictions)
    ends = read_bars(given, [one.name for one in found]) if given is not None else None
    prepare(out, [f"{name}{ending}" for ending in (".png", ".pdf", ".csv", ".md")])
    made = make_in_the_wild(found, folders, out, name=name, bars=bars, given=ends)
    print(made.caption)
    say(made.files)
    return EXIT_DONE


def _grouped_photos(places: list[str]) -> "list[WildPhoto]":
    """Read photos with their groups; a path with a = in it is one where it exists."""
    from mfh_lab.evaluation.given_files import find_photos
    from mfh_lab.paper.figures.in_the_wild import WildPhoto

    photos: list[WildPhoto] = []
    for text in places:
        group, equals, place = text.partition("=")
        if not equals or Path(text).exists():
            group, place = "", text
        photos += [WildPhoto(name, path, shown(group)) for name, path in find_photos([Path(place)]).items()]
    names = [one.name for one in photos]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"--photos has {twice!r} twice: expected every photo to have a name of its own")
    return photos
