"""``mfh pocket train``: the networks in the package, each by one command that can be stopped and run again."""

import os
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mfh.cli.exits import EXIT_DONE
from mfh.cli.flags import LAST_SEED, MOST_WORKERS, check_number
from mfh.cli.groups import grouped
from mfh.errors import InputError

if TYPE_CHECKING:
    from mfh_lab.pocket.train.training import Run

app = typer.Typer(help="Train the pocket networks on rendered shards.", rich_markup_mode=None)

Data = Annotated[Path, typer.Option(help="Folder of shards, made by python -m mfh_lab.pocket.world.dataset.")]
Out = Annotated[
    Path,
    typer.Option("--out", "-o", help="safetensors file to write; an unfinished run resumes from its .state file."),
]
Seed = Annotated[int, typer.Option(help="Of the order of pictures and their augmentation.")]
Steps = Annotated[int, typer.Option(help="Steps; the learning rate falls to zero over them.")]


@dataclass(frozen=True)
class RunOptions:
    """How a network is trained."""

    start: Annotated[
        Path | None,
        typer.Option(
            help="Weights to start from, .safetensors or .onnx; default: ImageNet's for the encoder.",
            show_default=False,
        ),
    ] = None
    batch: Annotated[int, typer.Option(help="Pictures a step and worker.")] = 8
    seed: Seed = 0
    workers: Annotated[int, typer.Option(help="Processes of one thread each; their gradients are averaged.")] = 1


@app.callback()
def train() -> None:
    """Train one network; run again to resume."""


@app.command()
@grouped
def depth(data: Data, out: Out, options: RunOptions, steps: Steps = 12000) -> int:
    """Relative depth: affine-invariant disparity from RGB."""
    run = _run(data, out, steps, options)
    from mfh_lab.pocket.train.depth import make_task
    from mfh_lab.pocket.train.training import run_training

    run_training(partial(make_task, data), run)
    return EXIT_DONE


@app.command()
@grouped
def painter(
    data: Data,
    out: Out,
    options: RunOptions,
    steps: Steps = 3000,
    photos: Annotated[
        Path | None,
        typer.Option(help="Folder of real photos, half of each batch; --start is then a painter.", show_default=False),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            help="Their labels, made by python -m mfh_lab.pocket.train.size_labels; with --photos.", show_default=False
        ),
    ] = None,
) -> int:
    """The sprite painter's prior: where people could stand and how large; --start takes the depth network's weights."""
    run = _run(data, out, steps, options)
    if (photos is None) != (labels is None):
        raise InputError("--photos and --labels go together: the photos, and what the things in them say of their size")
    from mfh_lab.pocket.train.training import run_training

    if photos is None or labels is None:
        from mfh_lab.pocket.train.painter import make_task

        run_training(partial(make_task, data), run)
        return EXIT_DONE
    from mfh.io.written import check_apart
    from mfh_lab.pocket.train.photo_sizes import fine_schedule
    from mfh_lab.pocket.train.photo_sizes import make_task as make_photo_task

    check_number("--batch", options.batch, 2, 65_536)
    check_apart([out, run.state_path], [labels])
    run_training(partial(make_photo_task, data, photos, labels), replace(run, schedule=fine_schedule(run.schedule)))
    return EXIT_DONE


@app.command("range")
def depth_range(data: Data, out: Out, seed: Seed = 0) -> int:
    """The depth range of a photo, from the features of the depth network in the package."""
    shards = _shards(data, out, seed)
    from mfh.cli.progress import progress_line
    from mfh_lab.pocket.train.range_head import seen_path, train_range

    _check_head(out, seen_path(out), shards)
    with progress_line(prefix="range: ") as progress:
        train_range(data, out, seed=seed, progress=progress.update)
    return EXIT_DONE


@app.command("shape-range")
def shape_range(
    data: Data,
    bank: Annotated[Path, typer.Option(help="bodies.npz, made by python -m mfh_lab.pocket.world.bodies.")],
    out: Out,
    seed: Seed = 0,
) -> int:
    """The same from the shape of true disparity alone: for relative depth of other models."""
    shards = _shards(data, out, seed)
    if not os.path.isfile(bank):
        raise InputError(
            f"--bank {bank} does not exist: make it with 'python -m mfh_lab.pocket.world.bodies --out {bank}'"
        )
    from mfh.cli.progress import progress_line
    from mfh_lab.pocket.train.shape_range import train_shape_range

    _check_head(out, out, [*shards, bank])
    with progress_line(prefix="shape range: ") as progress:
        train_shape_range(data, bank, out, seed=seed, progress=progress.update)
    return EXIT_DONE


def _run(data: Path, out: Path, steps: int, options: RunOptions) -> "Run":
    """Check what was given, and make the run of it: never over what is read, nor over a file that no run has begun."""
    start = options.start
    check_number("--steps", steps, 1, 100_000_000)
    check_number("--batch", options.batch, 1, 65_536)
    check_number("--workers", options.workers, 1, MOST_WORKERS)
    shards = _shards(data, out, options.seed)
    if start is not None and not os.path.isfile(start):
        raise InputError(f"--start {start} does not exist: expected a .safetensors or .onnx file of weights")
    from mfh.io.written import check_apart
    from mfh_lab.pocket.train.training import Run, Schedule

    run = Run(Schedule(steps, options.batch, seed=options.seed), out, start, options.workers)
    check_apart([out, run.state_path], [*shards, *([] if start is None else [start])])
    if out == run.state_path or os.path.isdir(out):
        raise InputError(f"--out is {out}: expected a file of weights such as depth.safetensors")
    if os.path.lexists(out) and not os.path.lexists(run.state_path):
        raise InputError(
            f"--out {out} is there already, and no {run.state_path.name} of a run beside it: choose another, or move "
            "it away"
        )
    return run


def _check_head(out: Path, more: Path, reads: list[Path]) -> None:
    """Refuse to write a head, or what is kept with it, over what is read or what this program did not write."""
    from mfh.io.written import check_apart, check_own

    check_apart([out, more], reads)
    check_own(out.parent, [out.name, more.name])


def _shards(data: Path, out: Path, seed: int) -> list[Path]:
    """Return the shards, after seeing that training can be done and its result written."""
    from mfh.io.atomic import check_writable
    from mfh.io.reading import reading
    from mfh_lab.pocket.world.workers import require_trainer

    check_number("--seed", seed, 0, LAST_SEED)
    with reading(data, what="--data", expected="a folder of shards"):
        shards = sorted(data.glob("train_*.npz"))
    if not shards:
        raise InputError(f"no train_*.npz in {data}: render them with 'python -m mfh_lab.pocket.world.dataset'")
    require_trainer()
    check_writable(out.parent)
    return shards
