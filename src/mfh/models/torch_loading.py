"""Device, precision, free memory and error handling of networks that run under torch."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

from mfh.errors import BackendError, InputError, MfhError, WeightsError, kind_and_message
from mfh.weights.torch_files import check_torch_folder

if TYPE_CHECKING:
    import torch

Precision = Literal["auto", "float32", "float16", "bfloat16"]


def pick_device() -> str:
    """Return $MFH_DEVICE, else "cuda" where available, else "mps", else "cpu".

    Raises:
        InputError: where MFH_DEVICE names a device that is not available.
    """
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    chosen = os.environ.get("MFH_DEVICE")
    if chosen:
        if not there.get(chosen.partition(":")[0], False):
            known = ", ".join(name for name, available in there.items() if available)
            raise InputError(f"MFH_DEVICE is {chosen!r}, which is not here: expected one of {known}")
        return chosen
    return next(name for name, available in there.items() if available)


def pick_dtype(precision: Precision, device: str) -> "torch.dtype":
    """Return the dtype to run in: "auto" is float16 on CUDA and float32 elsewhere."""
    import torch

    if precision == "auto":
        return torch.float16 if device.startswith("cuda") else torch.float32
    return {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}[precision]


def free_memory(device: str) -> int | None:
    """Return the free bytes of a CUDA device; None for other devices."""
    import torch

    if not device.startswith("cuda"):
        return None
    return int(torch.cuda.mem_get_info(torch.device(device))[0])


def empty_cache(device: str) -> None:
    """Release the memory that torch caches on a CUDA device, after it ran out."""
    import torch

    if device.startswith("cuda"):
        torch.cuda.empty_cache()


def describe_gpu() -> str:
    """Return the name and free memory of the GPU; empty without a GPU or without torch."""
    try:
        import torch
    except ModuleNotFoundError:
        return ""
    if not torch.cuda.is_available():
        return ""
    free, total = torch.cuda.mem_get_info()
    return f"{torch.cuda.get_device_name()}, {free / 1e9:.0f} of {total / 1e9:.0f} GB free"


def to_uint8(rgb: Float[ndarray, "h w c"]) -> UInt8[ndarray, "h w c"]:
    """Return RGB in [0, 1] as bytes, the input of published image processors."""
    return np.rint(np.clip(rgb, 0, 1) * 255).astype(np.uint8)


@contextmanager
def loading(folder: Path, what: str) -> Iterator[None]:
    """Silence the libraries' progress bars, and turn any error while a folder is loaded into one line.

    ``what`` names the expected model, as in "inpainting model".

    Raises:
        WeightsError: where files are missing, truncated, or of another model.
        BackendError: where memory does not suffice.
    """
    import torch
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    check_torch_folder(folder, expected=f"part of a {what}; fetch or copy it again")
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise BackendError(
            f"{folder} does not fit the GPU's memory: set MFH_DEVICE=cpu, or take a smaller model"
        ) from error
    except (MfhError, ImportError):
        # The registry reports missing packages.
        raise
    except Exception as error:
        raise WeightsError(
            f"{folder} is no {what} that can be loaded ({kind_and_message(error)}): fetch or copy it again"
        ) from error


def hush_diffusers() -> None:
    """Silence the progress bars and advice of diffusers."""
    from diffusers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()
