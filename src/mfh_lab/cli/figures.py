"""Figures of the paper from predictions and scores on disk: commands for ``mfh reproduce``."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from mfh.cli.exits import EXIT_DONE
from mfh.cli.flags import LAST_SEED, check_number
from mfh.cli.progress import progress_line
from mfh.errors import InputError, shown

if TYPE_CHECKING:
    from mfh.types import HumanMesh, MetricDepth, Photo
    from mfh_lab.paper.figures.scene_dependency import TestSet
    from mfh_lab.paper.figures.similarity import FeatureCache

Root = Annotated[Path | None, typer.Option(help="Folder of the dataset.", show_default=False)]
Protocol = Annotated[Literal["paper", "authors_code"], typer.Option(help="What counts: see mfh evaluate.")]
Predictions = Annotated[
    list[str],
    typer.Option(
        metavar="LABEL=DIR",
        help="A method and the output folder of mfh evaluate, or a folder of its metric depth; repeatable.",
    ),
]
Scores = Annotated[
    list[str],
    typer.Option(metavar="LABEL=FILE", help="A method and its scores.csv, or the folder it is in; repeatable."),
]
Samples = Annotated[
    list[str] | None, typer.Option(help="Names of samples; repeatable; default: spread evenly.", show_default=False)
]
Count = Annotated[int, typer.Option(help="How many, where none is named.")]
ErrorCap = Annotated[float, typer.Option(help="AbsRel at which the error colours end.")]
DATASET_OF = {"fig12": "nyu", "fig13": "kitti", "fig14": "diode", "fig15": "ibims1", "fig16": "eth3d"}
"""Figures that are Fig. 7 on one dataset."""


def fig3(
    scores: Annotated[
        list[str],
        typer.Option(metavar="DATASET=FILE", help="Test dataset and the method's scores.csv on it; repeatable."),
    ],
    roots: Annotated[
        list[str], typer.Option("--root", metavar="DATASET=DIR", help="Folder of each test dataset; repeatable.")
    ],
    training: Annotated[list[Path], typer.Option(help="Training pictures: files or folders; repeatable.")],
    method: Annotated[str, typer.Option(help="What the method is called.")] = "the supervised model",
    features: Annotated[
        str, typer.Option(help="DINOv2: hf:facebook/dinov2-base or another size, or a folder.")
    ] = "hf:facebook/dinov2-base",
    seed: Annotated[int, typer.Option(help="Of the 100 points.")] = 0,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder; features are kept in OUT/features.")] = Path(
        "out/fig3"
    ),
) -> int:
    """Figure 3: δ1 of a supervised model against the similarity of test pictures to its training pictures."""
    from mfh_lab.evaluation.given_files import find_photos
    from mfh_lab.paper.figures.image_features import ImageFeatures, features_digest
    from mfh_lab.paper.figures.scene_dependency import make_fig3
    from mfh_lab.paper.figures.similarity import FeatureCache, picture_file

    tests, folders = labelled("--scores", scores), labelled("--root", roots)
    if set(tests) != set(folders):
        raise InputError(
            f"--scores name {', '.join(tests)} and --root {', '.join(folders)}: expected the same datasets"
        )
    check_number("--seed", seed, 0, LAST_SEED)
    prepare(out, ["fig3.png", "fig3.pdf", "fig3.csv", "fig3-samples.csv", "fig3.md"])
    cache = FeatureCache(
        out / "features", model=f"{features} {features_digest(features)}", load_model=lambda: ImageFeatures(features)
    )
    with progress_line() as progress:
        known = cache.all_of(
            [picture_file(path) for path in find_photos(training).values()], "training", progress=progress.update
        )
        sets = [_test_set(label, path, folders[label], cache, known, progress.update) for label, path in tests.items()]
    made = make_fig3(sets, out, method=method, seed=seed)
    print(f"{len(known)} training pictures; rank correlation of single samples {made.rank_correlation:.2f}")
    say(made.files)
    return EXIT_DONE


def fig6(
    photo: Annotated[Path, typer.Option(help="A picture file.")],
    preset: Annotated[str, typer.Option(help="Models and options: pocket, standard or paper.")] = "pocket",
    focal_px: Annotated[float | None, typer.Option(help="Focal length in pixels.", show_default=False)] = None,
    seed: Annotated[int, typer.Option(help="Of the paintings.")] = 0,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder.")] = Path("out/fig6"),
) -> int:
    """Figure 6: the photo as a metric point cloud with the measured bodies in it, and both as PLY."""
    from mfh.io.focal import FocalRequest
    from mfh.io.photo import load_photo

    prepare(out, ["fig6.png", "fig6.pdf", "fig6.md", "points.ply", "people.ply"])
    loaded = load_photo(photo, focal=FocalRequest(focal_px=focal_px) if focal_px is not None else None)
    from mfh.types import used_landmarks
    from mfh_lab.paper.figures.point_clouds import make_fig6

    with progress_line() as progress:
        result, meshes = measure_bodies(loaded, preset, seed=seed, progress=progress.update)
    made = make_fig6(result, meshes, out)
    print(f"{made.points} points, {made.bodies} bodies, {used_landmarks(result.landmarks)} gave the scale")
    say(made.files)
    return EXIT_DONE


def fig7(
    predictions: Predictions,
    dataset: Annotated[str, typer.Option(help="nyu, kitti, diode, ibims1, eth3d, pocket or folder.")],
    root: Annotated[Path, typer.Option(help="Folder of the dataset.")],
    protocol: Protocol = "paper",
    samples: Samples = None,
    count: Count = 4,
    error_cap: ErrorCap = 0.5,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder.")] = Path("out/fig7"),
) -> int:
    """Figure 7: photos, truth, predictions and error maps."""
    return _error_maps("fig7", predictions, dataset, root, protocol, samples or [], count, error_cap, out)


def fig9(
    scores: Scores,
    shots: Annotated[Path, typer.Option(help="CSV photo,angle,distance, as mfh annotate makes it.")],
    seed: Annotated[int, typer.Option(help="Of the bootstrap.")] = 0,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder.")] = Path("out/fig9"),
) -> int:
    """Figure 9: AbsRel by camera angle and distance of shot, with 95 % intervals."""
    from mfh_lab.evaluation.score_files import read_scores
    from mfh_lab.paper.annotate.shots import read_shots
    from mfh_lab.paper.figures.shot_types import make_fig9

    check_number("--seed", seed, 0, LAST_SEED)
    prepare(out, ["fig9.png", "fig9.pdf", "fig9.csv", "fig9.md"])
    read = {label: read_scores(Path(place)) for label, place in labelled("--scores", scores).items()}
    made = make_fig9(read, read_shots(shots), out, seed=seed)
    print(f"{made.photos} photos with a shot type and an answer of every method; {made.left_out} others are left out")
    say(made.files)
    return EXIT_DONE


def register(app: typer.Typer) -> None:
    """Add the figures to a command.

    Args:
        app: ``mfh reproduce``.
    """
    for command in (fig3, fig6, fig7, fig9):
        app.command(command.__name__)(command)
    for name, dataset in DATASET_OF.items():
        app.command(name, help=f"Figure {name[3:]}: as fig7, on {dataset}.")(_on_dataset(name, dataset))


def labelled(option: str, values: list[str]) -> dict[str, str]:
    """Read ``LABEL=VALUE`` options.

    Args:
        option: its name, for messages.
        values: as typed.

    Returns:
        Label -> value, in the order typed.

    Raises:
        InputError: for one without a label or a value, or a label that comes twice.
    """
    read: dict[str, str] = {}
    for value in values:
        match = re.fullmatch(r"\s*([^=]+?)\s*=(.+)", value, re.DOTALL)
        if match is None:
            raise InputError(f"{option} is {value!r}: expected LABEL=PATH")
        label = shown(match[1])
        if label in read:
            raise InputError(f"{option} has {label!r} twice: expected every label once")
        read[label] = match[2]
    return read


def measure_bodies(
    photo: "Photo", preset: str, *, seed: int, progress: Callable[[str, float], None], **overrides: Any
) -> "tuple[MetricDepth, list[HumanMesh]]":
    """Measure a photo, and return the bodies that gave its scale too: of people in it, and of painted ones.

    Args:
        photo: input of the pipeline.
        preset: models and options.
        seed: of the paintings.
        progress: called with what is being done and the fraction done.
        **overrides: other fields of the configuration.
    """
    import numpy as np

    from mfh.pipeline.pipeline import MetricFromHuman
    from mfh.pipeline.request import Request
    from mfh_lab.paper.figures.point_clouds import bodies_of

    # Figures of known size have no body: they are measured here, as the paper does.
    options = {"painted_people": "measured", "keep_paintings": True, "seed": seed, **overrides}
    pipeline = MetricFromHuman.from_preset(preset, **options)
    result = pipeline(photo, Request(progress=progress))
    in_photo = [landmark for landmark in result.landmarks if landmark.source == "photo"]
    meshes: list[HumanMesh] = []
    if any(landmark.verdict == "used" for landmark in in_photo):
        people = pipeline.person_segmenter.segment([photo.rgb])[0]
        measured = pipeline.human_mesh.measure(photo.rgb, people, photo.camera)
        meshes = [
            mesh
            for landmark, mesh in zip(in_photo, measured, strict=True)
            if mesh is not None and landmark.verdict == "used" and np.isfinite(mesh.vertices_m).all()
        ]
    return result, [*meshes, *bodies_of(result)]


def _on_dataset(name: str, dataset: str) -> Callable[..., int]:
    def figure(
        predictions: Predictions,
        root: Annotated[Path, typer.Option(help=f"Folder of {dataset}.")],
        protocol: Protocol = "paper",
        samples: Samples = None,
        count: Count = 4,
        error_cap: ErrorCap = 0.5,
        out: Annotated[Path, typer.Option("--out", "-o", help="Folder.")] = Path(f"out/{name}"),
    ) -> int:
        return _error_maps(name, predictions, dataset, root, protocol, samples or [], count, error_cap, out)

    return figure


def _error_maps(
    name: str,
    predictions: list[str],
    dataset: str,
    root: Path,
    protocol: str,
    samples: list[str],
    count: int,
    error_cap: float,
    out: Path,
) -> int:
    from mfh_lab.evaluation.datasets.registry import open_dataset
    from mfh_lab.evaluation.given_files import check_complete, parse_predictions
    from mfh_lab.evaluation.protocols import PROTOCOLS, view
    from mfh_lab.paper.figures.error_maps import make_error_maps, pick_samples

    check_number("--error-cap", error_cap, 1e-6, 1e6)
    folders = parse_predictions(predictions)
    opened = open_dataset(dataset, root)
    unknown = [one for one in samples if one not in opened.names]
    if unknown:
        raise InputError(f"--samples {unknown[0]!r} is not in {dataset}: expected names such as {opened.names[0]!r}")
    chosen = samples or pick_samples(opened.names, count)
    check_complete(chosen, folders)
    prepare(out, [f"{name}.png", f"{name}.pdf", f"{name}.csv", f"{name}.md"])
    rules = PROTOCOLS[protocol].of(dataset)
    picked = "named" if samples else "spread evenly over the dataset"
    title = f"{'SIMULATED: ' if dataset == 'pocket' else ''}{dataset}, protocol {protocol}; samples {picked}"
    with progress_line() as progress:
        progress.update("drawing", 0.0)
        views = [view(opened.load(one), rules) for one in chosen]
        made = make_error_maps(views, folders, out, name=name, title=title, error_cap=error_cap)
    for sample, answers in made.answers.items():
        print(f"{sample}: " + ", ".join(f"{label} AbsRel {one.abs_rel:.3f}" for label, one in answers.items()))
    say(made.files)
    return EXIT_DONE


def _test_set(
    dataset: str, scores: str, root: str, cache: "FeatureCache", known: Any, progress: Callable[[str, float], None]
) -> "TestSet":
    import numpy as np

    from mfh_lab.evaluation.datasets.registry import open_dataset
    from mfh_lab.evaluation.score_files import read_scores
    from mfh_lab.paper.figures.scene_dependency import TestSet
    from mfh_lab.paper.figures.similarity import largest_cosine, picture_array

    read = read_scores(Path(scores))
    opened = open_dataset(dataset, Path(root))
    names = [name for name in opened.names if name in read.scores]
    strange = [name for name in read.scores if name not in opened.names]
    if strange:
        raise InputError(f"{scores} scores {strange[0]!r}, which is not in {dataset} at {root}: expected its samples")
    rows = []
    for number, name in enumerate(names):
        progress(f"{dataset}: {name}", number / len(names))
        rows.append(cache.of(picture_array(name, opened.load(name).rgb)))
    if read.unanswered:
        print(f"{dataset}: {len(read.unanswered)} photos without an answer are left out")
    delta1 = np.array([read.scores[name].delta1 for name in names])
    return TestSet(dataset, tuple(names), largest_cosine(np.stack(rows), known), delta1)


def prepare(out: Path, names: Sequence[str]) -> None:
    """Refuse, before any work, files that cannot be written or are not this program's; make the folder.

    Args:
        out: the folder.
        names: of the files.
    """
    from mfh.io.atomic import check_writable, make_folder
    from mfh.io.written import check_own
    from mfh_lab.paper.figures.saving import new_figure

    new_figure(1.0, 1.0)
    check_writable(out)
    check_own(out, names)
    make_folder(out)


def say(files: tuple[Path, ...]) -> None:
    """Print where files are.

    Args:
        files: that were written.
    """
    print(f"files: {', '.join(map(shown, files))}")
