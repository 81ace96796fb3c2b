"""``mfh evaluate nyu|kitti|diode|ibims1|eth3d|folder|pocket-scenes``: any method on photos whose depth is known."""

import re
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mfh.cli.exits import EXIT_DONE, EXIT_INPUT, error_line
from mfh.cli.flags import AsJson
from mfh.cli.json_answer import print_json
from mfh.cli.progress import progress_line
from mfh.config import PRESETS, EvidenceMode, HeadKind, PeopleMode
from mfh.errors import InputError, MfhError, printable, shown
from mfh_lab.cli.evaluated_method import MethodOptions, choose_method

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


def register(app: typer.Typer) -> None:
    """Add a command for every dataset.

    Args:
        app: the commands of ``mfh evaluate``.
    """
    for name, (dataset, about) in COMMANDS.items():
        app.command(name, help=about)(command_for(dataset))


def command_for(dataset: str) -> Callable[..., int]:
    """Return the command that evaluates on a dataset.

    Args:
        dataset: its name in the registry.
    """

    def command(
        root: Annotated[Path, typer.Option(help="Folder of the dataset.", show_default=False)],
        check: Annotated[
            bool, typer.Option("--check", help="Only say what is there and what is missing; nothing is loaded.")
        ] = False,
        split: Annotated[
            Path | None, typer.Option(help="List of photos, one a line; default: the usual one.", show_default=False)
        ] = None,
        protocol: Annotated[
            ProtocolName,
            typer.Option(help="paper: as the paper describes; authors_code: as its published code does."),
        ] = "paper",
        method: Annotated[
            str,
            typer.Option(help="mfh, or a metric model of transformers: hf:org/name or a folder."),
        ] = "mfh",
        predictions: Annotated[
            Path | None,
            typer.Option(
                help="Answers of any other program: DIR/<photo>.npy, npz, png, tiff, pfm or exr.", show_default=False
            ),
        ] = None,
        unit: Annotated[
            str | None,
            typer.Option(help="Of the predictions: m, cm, mm, or metres per unit such as 1/256.", show_default=False),
        ] = None,
        space: Annotated[
            Literal["depth", "disparity"],
            typer.Option(help="Where scale and shift of the predictions are aligned in the relative setting."),
        ] = "depth",
        limit: Annotated[int | None, typer.Option(help="Only the first photos.", show_default=False)] = None,
        out: Annotated[
            Path | None,
            typer.Option(
                help="Results; run again to resume. Default: out/evaluate/<dataset>-<protocol>-<method>.",
                show_default=False,
            ),
        ] = None,
        restart: Annotated[
            bool, typer.Option("--restart", help="Throw away the answers in the folder, and begin anew.")
        ] = False,
        preset: Annotated[
            str | None,
            typer.Option(help=f"Of method mfh: {', '.join(sorted(PRESETS))}. Default: pocket.", show_default=False),
        ] = None,
        people: Annotated[
            PeopleMode | None, typer.Option(help="Of method mfh: as in mfh predict.", show_default=False)
        ] = None,
        painter: Annotated[str | None, typer.Option(help="Of method mfh: who paints.", show_default=False)] = None,
        relative_depth_model: Annotated[
            str | None, typer.Option(help="Of method mfh: which relative-depth model.", show_default=False)
        ] = None,
        person_segmenter: Annotated[
            str | None, typer.Option(help="Of method mfh: who finds people.", show_default=False)
        ] = None,
        human_mesh: Annotated[
            str | None, typer.Option(help="Of method mfh: who measures them.", show_default=False)
        ] = None,
        paintings: Annotated[
            int | None, typer.Option(help="Of method mfh: paintings with usable people.", show_default=False)
        ] = None,
        evidence: Annotated[
            EvidenceMode | None, typer.Option(help="Of method mfh: as in mfh predict.", show_default=False)
        ] = None,
        head: Annotated[
            HeadKind | None, typer.Option(help="Of method mfh: as in mfh predict.", show_default=False)
        ] = None,
        seed: Annotated[
            int | None, typer.Option(help="Of method mfh: of the paintings. Default: 0.", show_default=False)
        ] = None,
        as_json: AsJson = False,
    ) -> int:
        options = MethodOptions(
            preset=preset,
            people=people,
            painter=painter,
            relative_depth_model=relative_depth_model,
            person_segmenter=person_segmenter,
            human_mesh=human_mesh,
            paintings=paintings,
            evidence=evidence,
            head=head,
            seed=seed,
        )
        try:
            from mfh_lab.evaluation.datasets.registry import check_dataset, open_dataset

            if check:
                return _say_check(check_dataset(dataset, root, split), as_json=as_json)
            opened = open_dataset(dataset, root, split=split, limit=limit)
            from mfh_lab.evaluation.protocols import PROTOCOLS
            from mfh_lab.evaluation.runner import Evaluation

            rules = PROTOCOLS[protocol]
            if predictions is None and unit is not None:
                raise InputError(f"--unit {unit} is about --predictions, and none are given")
            contender = (
                choose_method(method, options, rules.of(dataset).fixed_scale, protocol=protocol)
                if predictions is None
                else options.files(predictions, unit, space=space, names=tuple(opened.names), method=method)
            )
            where = out or Path("out/evaluate") / _slug(f"{dataset}-{protocol}-{contender.title}")
            return _run(Evaluation(opened, rules, contender), opened, where, restart=restart, as_json=as_json)
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
    for note in dataset.notes:
        print(f"note         {shown(note)}")
    print(f"files        {shown(out)}/ (scores.csv, failures.csv, summary.json, summary.md, timings.csv, predictions/)")
    return EXIT_DONE


def _plain(value: object) -> object:
    return shown(value) if isinstance(value, Path | str) else value


def _slug(text: str) -> str:
    return re.sub(r"[^\w.-]+", "-", text).strip("-")
