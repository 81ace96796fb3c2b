"""``mfh weights convert``: published checkpoints that are Python pickles, turned into safetensors once."""

from pathlib import Path
from typing import Annotated

import typer

from mfh.cli.exits import EXIT_DONE
from mfh.errors import BackendError, InputError, shown

MODELS = ("hmr2",)


def convert(
    model: Annotated[str, typer.Argument(help="Which model: hmr2.")],
    checkpoint: Annotated[Path, typer.Argument(help="The checkpoint as published.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="Where to write it; without it, where the model looks for it.")
    ] = None,
) -> int:
    """Convert a published checkpoint to safetensors; nothing in the checkpoint is run."""
    if model not in MODELS:
        raise InputError(f"nothing to convert for {model!r}: expected one of {', '.join(MODELS)}")
    from mfh.models.human_mesh.hmr2 import converted_path
    from mfh.models.human_mesh.hmr2_checkpoint import convert_hmr2_checkpoint

    try:
        written = convert_hmr2_checkpoint(checkpoint, out or converted_path())
    except ModuleNotFoundError as error:
        raise BackendError(
            f"converting {model} needs the package {error.name!r}: pip install 'metric-from-human[hub]'"
        ) from error
    print(f"{model}: in {shown(written)}")
    return EXIT_DONE
