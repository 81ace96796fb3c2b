"""``mfh evaluate nyu|kitti|diode|ibims1|eth3d|folder|pocket-scenes``: any method on photos whose depth is known."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mfh.cli.exits import EXIT_DONE, EXIT_INPUT, error_line
from mfh.cli.flags import AsJson
from mfh.cli.groups import grouped
from mfh.cli.json_answer import print_json
from mfh.cli.progress import progress_line
from mfh.errors import MfhError, printable, shown
from mfh_lab.cli.evaluate_each import compare, slug
from mfh_lab.cli.evaluated_method import MethodOptions, PredictionOptions, asked_methods, choose_method

if TYPE_CHECKING:
    from mfh_lab.evaluation.datasets.frames import FrameDataset
    from mfh_lab.evaluation.datasets.registry import DatasetCheck
    from mfh_lab.evaluation.runner import Evaluation

COMMANDS = {
    "nyu": ("nyu", "NYUv2: 654 photos of rooms, with the Kinect's depth."),
    "kitti": ("kitti", "KITTI: 652 photos of streets (Eigen's split), with accumulated lidar depth."),
    "diode": ("diode", "DIODE indoor: 325 photos with a laser scanner's depth."),
    "ibims1": ("ibims1", "iBims-1: 100 photos of rooms with a laser scanner's depth."),
    "eth3d": ("eth3d", "ETH3D: 454 photos of 13 scenes with a laser scanner's depth."),
    "folder": ("folder", "Photos of your own: ROOT/<name>/{rgb.png, depth.npy, intrinsics.json}."),
    "pocket-scenes": ("pocket", "Rendered scenes, as mfh pocket render makes them."),
}
"""Command -> dataset, and what it is."""
ProtocolName = Literal["paper", "authors_code"]


@dataclass(frozen=True)
class PhotoOptions:
    """Which photos are measured, and by which rules."""

    check: Annotated[
        bool, typer.Option("--check", help="Only report what is there and what is missing; no model is loaded.")
    ] = False
    split: Annotated[
        Path | None, typer.Option(help="List of photos, one a line; default: the usual one.", show_default=False)
    ] = None
    protocol: Annotated[
        ProtocolName,
        typer.Option(help="paper: as the paper describes; authors_code: as its published code does."),
    ] = "paper"
    limit: Annotated[int | None, typer.Option(help="Only the first photos.", show_default=False)] = None

    def words(self) -> list[str]:
        """Return them as words of a command line."""
        split = [] if self.split is None else ["--split", str(self.split)]
        limit = [] if self.limit is None else ["--limit", str(self.limit)]
        return ["--protocol", self.protocol, *split, *limit]


@dataclass(frozen=True)
class RunOptions:
    """Where the answers go."""

    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="Results; run again to resume. Default: out/evaluate/<dataset>-<protocol>-<method>, or -compared.",
            show_default=False,
        ),
    ] = None
    restart: Annotated[
        bool, typer.Option("--restart", help="Throw away the answers in the folder, and begin anew.")
    ] = False

    def words(self) -> list[str]:
        """Return what is not the folder as words of a command line."""
        return ["--restart"] if self.restart else []


def register(app: typer.Typer) -> None:
    """Add a command for every dataset.

    Args:
        app: the commands of ``mfh evaluate``.
    """
    for name, (dataset, about) in COMMANDS.items():
        app.command(name, help=about)(command_for(name, dataset))


def command_for(name: str, dataset: str) -> Callable[..., int]:
    """Return the command that evaluates on a dataset.

    Args:
        name: of the command.
        dataset: its name in the registry.
    """

    @grouped
    def command(
        root: Annotated[Path, typer.Option(help="Folder of the dataset.", show_default=False)],
        photos: PhotoOptions,
        run: RunOptions,
        given: PredictionOptions,
        options: MethodOptions,
        method: Annotated[
            list[str] | None,
            typer.Option(
                help="mfh, a name of mfh evaluate methods, hf:org/name or a folder; repeatable. Default: mfh.",
                show_default=False,
            ),
        ] = None,
        as_json: AsJson = False,
    ) -> int:
        try:
            from mfh_lab.evaluation.datasets.registry import check_dataset, open_dataset

            if photos.check:
                return _say_check(check_dataset(dataset, root, photos.split), as_json=as_json)
            opened = open_dataset(dataset, root, split=photos.split, limit=photos.limit)
            asked = asked_methods(method or [], given, options)
            if len(asked) > 1:
                words = ["evaluate", name, "--root", str(root), *photos.words(), *run.words()]
                where = run.out or Path("out/evaluate") / f"{dataset}-{photos.protocol}-compared"
                return compare(asked, options, words, opened, photos.protocol, where, as_json=as_json)
            from mfh_lab.evaluation.protocols import PROTOCOLS
            from mfh_lab.evaluation.runner import Evaluation

            (one,) = asked
            rules = PROTOCOLS[photos.protocol]
            if isinstance(one, str):
                contender = choose_method(one, options, rules.of(dataset).fixed_scale, protocol=photos.protocol)
            else:
                contender = one.contender(tuple(opened.names))
            where = run.out or Path("out/evaluate") / slug(f"{dataset}-{photos.protocol}-{contender.title}")
            return _run(Evaluation(opened, rules, contender), opened, where, restart=run.restart, as_json=as_json)
        except MfhError as error:
            if as_json:
                print_json({"error": error_line(error)})
            raise

    command.__name__ = f"evaluate_{dataset}"
    command.__doc__ = f"Evaluate a method on {dataset}."
    return command


def _say_check(found: "DatasetCheck", *, as_json: bool) -> int:
    """Print what is there of a dataset; a code of 0 means that all of it is."""
    if as_json:
        content = {**asdict(found), "complete": found.complete}
        print_json({name: [shown(path) for path in value] if name == "missing" else _plain(value)
                    for name, value in content.items()})  # fmt: skip
    else:
        print("\n".join(map(shown, found.lines())))
    return EXIT_DONE if found.complete else EXIT_INPUT


def _run(evaluation: "Evaluation", dataset: "FrameDataset", out: Path, *, restart: bool, as_json: bool) -> int:
    from mfh.io.atomic import check_writable
    from mfh.io.lock import folder_lock
    from mfh.io.written import check_own
    from mfh_lab.evaluation.report import FILES, summary_object, text, write_report
    from mfh_lab.evaluation.runner import LOCK_WAIT_S, check_apart_from_inputs, evaluate

    check_writable(out)
    check_apart_from_inputs(out, dataset, evaluation.contender)
    with folder_lock(out, wait_s=LOCK_WAIT_S):
        check_own(out, FILES)
        with progress_line(quiet=as_json) as progress:
            progress.update("starting", 0.0)
            rows, ledger = evaluate(evaluation, out, progress=progress.update, restart=restart)
        what = f"protocol {evaluation.protocol.name}, {evaluation.contender.title}"
        title = printable(f"{dataset.name}: {len(rows)} photos, {what}")
        settings = evaluation.settings()
        summary = write_report(title, rows, ledger, settings)
    if as_json:
        print_json({**summary_object(rows, summary, settings), "folder": shown(out)})
        return EXIT_DONE
    print(text(title, rows, summary))
    print(f"scored       {evaluation.protocol.of(dataset.name).scored}")
    for note in dataset.notes:
        print(f"note         {shown(note)}")
    print(f"files        {shown(out)}/ (scores.csv, failures.csv, summary.json, summary.md, timings.csv, predictions/)")
    return EXIT_DONE


def _plain(value: object) -> object:
    return shown(value) if isinstance(value, Path | str) else value
