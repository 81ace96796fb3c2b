"""``mfh annotate``: a person labels the shot type of each photo on a page."""

import io
import webbrowser
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mfh.cli.exits import EXIT_DONE
from mfh.errors import InputError, shown

if TYPE_CHECKING:
    from jaxtyping import Float
    from numpy import ndarray

    from mfh_lab.evaluation.datasets.frames import FrameDataset

_PICTURE_PX = 1600


app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def annotate(
    photos: Annotated[
        list[Path] | None, typer.Option(help="Picture files, or folders of them; repeatable.", show_default=False)
    ] = None,
    dataset: Annotated[
        str | None, typer.Option(help="A dataset of mfh evaluate instead; needs --root.", show_default=False)
    ] = None,
    root: Annotated[Path | None, typer.Option(help="Its folder.", show_default=False)] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="CSV to make or to resume: photo,angle,distance.")] = Path(
        "shots.csv"
    ),
    port: Annotated[int, typer.Option(help="Of this machine; 0 for any that is free.")] = 0,
    browser: Annotated[bool, typer.Option(help="Open the page.")] = True,
) -> int:
    """Label camera angle and distance of shot of each photo; every click is in the CSV at once."""
    if bool(photos) == bool(dataset):
        raise InputError("nothing to annotate, or two things: give either --photos or --dataset with --root")
    if dataset and root is None:
        raise InputError("--dataset needs --root: the folder it lies in")
    from mfh.io.atomic import check_writable, make_folder
    from mfh.io.lock import folder_lock
    from mfh_lab.evaluation.given_files import find_photos
    from mfh_lab.paper.annotate.server import Annotations, make_server

    check_writable(out.parent)
    found: dict[str, Callable[[], bytes]]
    if dataset and root:
        from mfh_lab.evaluation.datasets.registry import open_dataset

        opened = open_dataset(dataset, root)
        found = {name: partial(_jpeg_of_sample, opened, name) for name in opened.names}
    else:
        found = {name: partial(_jpeg_of_file, path) for name, path in find_photos(photos or []).items()}
    # Two pages that write one file would each lose what the other one wrote.
    with folder_lock(out, wait_s=0.0):
        annotations = Annotations(found, out)
        server, address = make_server(annotations, port=port)
        make_folder(out.parent)
        print(f"{len(found)} photos, {annotations.done} of them in {shown(out)} already", flush=True)
        print(f"page: {address} (on this machine only; Ctrl-C when done)", flush=True)
        if browser:
            webbrowser.open(address)
        with server:
            try:
                server.serve_forever()
            except KeyboardInterrupt:
                print()
        print(f"{annotations.done} of {len(found)} photos have a shot type in {shown(out)}")
    return EXIT_DONE


def _jpeg_of_file(path: Path) -> bytes:
    from mfh.io.photo import load_photo

    return encode(load_photo(path).rgb)


def _jpeg_of_sample(dataset: "FrameDataset", name: str) -> bytes:
    return encode(dataset.load(name).rgb)


def encode(rgb: "Float[ndarray, 'h w 3']") -> bytes:
    """Return a photo as JPEG, small enough for a screen.

    Args:
        rgb: (h, w, 3) in [0, 1].
    """
    from PIL import Image

    from mfh.viz.drawing import shrink

    height, width = rgb.shape[:2]
    scale = min(1.0, _PICTURE_PX / max(height, width))
    stream = io.BytesIO()
    Image.fromarray(shrink(rgb, (max(1, round(width * scale)), max(1, round(height * scale))))).save(
        stream, "JPEG", quality=88
    )
    return stream.getvalue()
