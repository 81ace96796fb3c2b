"""``mfh pocket``: the rendered world with exact metric depth."""

import time
from pathlib import Path
from typing import Annotated, Literal

import typer

from mfh.cli.exits import EXIT_DONE
from mfh.cli.flags import LAST_SEED, MOST_SCENES, check_number
from mfh.cli.progress import progress_line
from mfh.errors import shown
from mfh_lab.cli.pocket_train import app as train_app

app = typer.Typer(add_completion=False, help="The pocket world: scenes with exact metric depth.", rich_markup_mode=None)
app.add_typer(train_app, name="train")


@app.callback()
def pocket() -> None:
    """Scenes with exact metric depth, made from seeds."""


@app.command()
def render(
    count: Annotated[int, typer.Option(help="How many scenes: those of SEED, SEED + 1, ...")] = 10,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder; each scene gets OUT/scene-<seed>/.")] = Path(
        "out/scenes"
    ),
    seed: Annotated[int, typer.Option(help="Seed of the first scene.")] = 0,
    split: Annotated[str, typer.Option(help="Whose bodies: train, validation or test.")] = "test",
    width: Annotated[int, typer.Option(help="Pixels.")] = 384,
    height: Annotated[int, typer.Option(help="Pixels.")] = 288,
    people: Annotated[
        Literal["own", "none"], typer.Option(help="own: the scene's people; none: the empty scene.")
    ] = "own",
    samples: Annotated[int, typer.Option(help="Light paths per pixel; more are cleaner and slower.")] = 4,
    bank: Annotated[
        Path | None, typer.Option(help="Bodies; default: the ten test bodies in the package.", show_default=False)
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Processes; default: one a core.", show_default=False)] = None,
) -> int:
    """Render scenes: rgb.png, depth.npz, ids.png and scene.json in OUT/scene-<seed>/; run again to resume."""
    check_number("--count", count, 1, MOST_SCENES)
    check_number("--seed", seed, 0, LAST_SEED - count)
    from mfh.io.atomic import check_writable
    from mfh_lab.pocket.world.workers import require_renderer

    require_renderer()
    check_writable(out)
    from mfh_lab.pocket.world.bodies import sample_bank_path
    from mfh_lab.pocket.world.export_scenes import SceneOptions, export_scenes
    from mfh_lab.pocket.world.workers import usable_cores

    options = SceneOptions(split, width, height, people, samples)
    started = time.perf_counter()
    with progress_line(prefix="") as progress:
        progress.update("starting", 0.0)
        rendered = export_scenes(
            range(seed, seed + count),
            out,
            bank or sample_bank_path(),
            options=options,
            workers=workers if workers is not None else usable_cores(),
            progress=progress.update,
        )
    there = f", {count - rendered} were there" if rendered < count else ""
    bodies = "the package's ten test bodies" if bank is None else shown(bank)
    seconds = time.perf_counter() - started
    print(f"{rendered} scenes rendered into {shown(out)}/{there}; people from {bodies}; {seconds:.1f} s")
    return EXIT_DONE


@app.command()
def clip(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of this clip alone.")] = Path("out/clip"),
    seed: Annotated[int, typer.Option(help="The clip is a function of it and of the options.")] = 0,
    frames: Annotated[int, typer.Option(help="How many.")] = 60,
    camera: Annotated[
        Literal["moving", "static"], typer.Option(help="moving: held in the hands, a step or two; static: on a tripod.")
    ] = "moving",
    fps: Annotated[int, typer.Option(help="Frames a second.")] = 15,
    split: Annotated[str, typer.Option(help="Whose bodies: train, validation or test.")] = "test",
    width: Annotated[int, typer.Option(help="Pixels.")] = 640,
    height: Annotated[int, typer.Option(help="Pixels.")] = 480,
    samples: Annotated[int, typer.Option(help="Light paths per pixel; more are cleaner and slower.")] = 2,
    bank: Annotated[
        Path | None, typer.Option(help="Bodies; default: the ten test bodies in the package.", show_default=False)
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Processes; default: one a core.", show_default=False)] = None,
) -> int:
    """Render a clip in which people walk: clip.mp4, frames, and the truth of each; run again to resume."""
    check_number("--seed", seed, 0, LAST_SEED)
    from mfh.io.atomic import check_writable
    from mfh_lab.pocket.world.workers import require_film, require_renderer

    require_renderer()
    require_film()
    check_writable(out)
    from mfh_lab.pocket.world.bodies import sample_bank_path
    from mfh_lab.pocket.world.clips import ClipOptions
    from mfh_lab.pocket.world.export_clips import export_clip
    from mfh_lab.pocket.world.workers import usable_cores

    started = time.perf_counter()
    with progress_line(prefix="") as progress:
        progress.update("starting", 0.0)
        rendered = export_clip(
            seed,
            out,
            bank or sample_bank_path(),
            options=ClipOptions(frames, camera == "moving", width, height, fps, split, samples),
            workers=workers if workers is not None else usable_cores(),
            progress=progress.update,
        )
    there = f", {frames - rendered} were there" if rendered < frames else ""
    print(f"{rendered} frames rendered into {shown(out)}/{there}; {time.perf_counter() - started:.1f} s")
    return EXIT_DONE
