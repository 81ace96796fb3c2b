"""Loading with the hub's libraries: quietly, and with one line where the files are not what they should be."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mfh.errors import BackendError, MfhError, WeightsError, kind_and_message
from mfh.models.torch_files import check_torch_file


@contextmanager
def loading(folder: Path, what: str) -> Iterator[None]:
    """Silence the libraries' progress bars and turn what goes wrong while loading into one line.

    Args:
        folder: of the model.
        what: it should be, e.g. "inpainting model".

    Raises:
        WeightsError: where files are missing, cut short, or of another model.
        BackendError: where memory does not suffice.
    """
    import torch
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    for file in folder.rglob("*.bin"):
        # Beside safetensors it is not read.
        if not any(file.parent.glob("*.safetensors")):
            check_torch_file(file, expected=f"part of a {what}; fetch or copy it again")
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise BackendError(
            f"{folder} does not fit the GPU's memory: set MFH_DEVICE=cpu, or take a smaller model"
        ) from error
    except (MfhError, ImportError):
        # A package that is missing is the registry's to tell.
        raise
    except Exception as error:
        raise WeightsError(
            f"{folder} is no {what} that can be loaded ({kind_and_message(error)}): fetch or copy it again"
        ) from error


def hush_diffusers() -> None:
    """Silence diffusers, whose progress bars and advice would fill a terminal."""
    from diffusers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()
