"""Methods that run by the package they were published with: found, loaded without a network, and asked for depth."""

import importlib
import sys
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.errors import BackendError, InputError, WeightsError
from mfh.models.protocols import Rgb
from mfh.models.torch_loading import to_uint8
from mfh.pipeline.settings import folder_digest
from mfh.types import Camera
from mfh.weights.hub import Source, cached_folder, hub_cache_folder, locate, parse_source
from mfh_lab.evaluation.methods.known import HUB_PACKAGES, KnownMethod
from mfh_lab.evaluation.methods.method import Contender, NetworkMethod

if TYPE_CHECKING:
    import torch


def package_contender(known: KnownMethod, source: str = "", *, focal: str = "") -> Contender:
    """Return a method that runs by its own package, not loaded yet.

    Args:
        known: the method.
        source: of the weights instead of its own: "hf:org/name" or a folder.
        focal: "given" or "estimated" for a method that can do both; empty for its default, its own estimate.

    Raises:
        InputError: for a source that cannot be used, or a focal length that is no choice.
        WeightsError: where the weights are not on this machine, with the command that gets them.
    """
    if focal and known.camera != "optional":
        always = "always goes by the camera" if known.camera == "needed" else "takes no camera"
        raise InputError(f"--method {known.name}?focal={focal}: {known.name} {always}; leave out ?focal=")
    parsed = parse_source(source or known.weights)
    if parsed.folder is None and place_of(known, parsed) is None:
        raise WeightsError(f"{known.name} cannot run here: {'; '.join(missing(known, source))}")
    folder = locate(parsed, marker=known.markers)
    settings: dict[str, object] = {
        "model": parsed.text,
        "files": folder_digest(folder),
        "package": f"{known.module} {_version(known.module)}",
        **({"focal": focal or "estimated"} if known.camera == "optional" else {}),
    }

    def load() -> NetworkMethod:
        module, _, name = known.target.partition(":")
        try:
            model: Any = getattr(importlib.import_module(module), name)(
                folder, camera_given=known.camera == "needed" or focal == "given"
            )
        except ModuleNotFoundError as error:
            raise BackendError(
                f"{known.name} needs the package {error.name!r}, which is not installed: {known.install}"
            ) from error
        return NetworkMethod(known.name, settings, model, known.space)

    return Contender(known.name, settings, load)


def place_of(known: KnownMethod, source: Source) -> Path | None:
    """Return the folder of a method's weights in the weights cache or the hub's; None where they are in neither.

    Nothing is loaded, and no network is used.

    Args:
        known: the method.
        source: a repository.
    """
    for place in (cached_folder(source), hub_cache_folder(source)):
        if place is not None and any((place / marker).is_file() for marker in known.markers):
            return place
    return None


def missing(known: KnownMethod, source: str = "") -> list[str]:
    """Return what a method lacks on this machine, each with the command that gets it; nothing where it can run.

    Args:
        known: the method.
        source: of its weights, instead of its own.
    """
    lacks = []
    modules = HUB_PACKAGES if known.way == "hub" else (known.module,) if known.way == "package" else ()
    absent = [one for one in modules if not is_installed(one)]
    if absent:
        lacks.append(f"no package {', '.join(absent)}: {known.install}")
    if known.way in ("hub", "package"):
        parsed = parse_source(source or known.weights)
        if parsed.folder is None and place_of(known, parsed) is None:
            fetch = known.fetch if parsed.text == known.weights else f"hf download {parsed.repo}"
            lacks.append(f"no weights {parsed.text}: {fetch}")
    return lacks


def is_installed(module: str) -> bool:
    """Return whether a package can be imported, without importing it.

    Args:
        module: top-level import name.
    """
    if module in sys.modules:
        return sys.modules[module] is not None
    return find_spec(module) is not None


def photo_sized(values: "torch.Tensor | ndarray", rgb: Rgb) -> Float[ndarray, "h w"]:
    """Return a network's map as float32 at the photo's size; axes of length 1 are dropped.

    Args:
        values: (..., a, b) metric depth.
        rgb: the photo.

    Raises:
        BackendError: for anything that is no map.
    """
    tensor: Any = values
    array = np.asarray(values if isinstance(values, ndarray) else tensor.detach().float().cpu().numpy(), np.float32)
    small = array.reshape(array.shape[-2:]) if array.ndim >= 2 and array.size == np.prod(array.shape[-2:]) else array
    if small.ndim != 2 or not small.size:
        raise BackendError(f"the answer has the shape {array.shape}: expected one map of depth")
    height, width = rgb.shape[:2]
    if small.shape == (height, width):
        return np.ascontiguousarray(small)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)


def bytes_first(rgb: Rgb) -> "torch.Tensor":
    """Return a photo as (3, h, w) RGB bytes, which several packages take."""
    import torch

    return torch.from_numpy(np.ascontiguousarray(to_uint8(rgb).transpose(2, 0, 1)))


def edge_intrinsics(camera: Camera) -> Float[ndarray, "3 3"]:
    """Return intrinsics for packages that count from the edge of the first pixel: half a pixel more than the centre."""
    return np.array(
        [[camera.fx, 0, camera.cx + 0.5], [0, camera.fy, camera.cy + 0.5], [0, 0, 1]], np.float32
    )  # fmt: skip


def _version(module: str) -> str:
    names = metadata.packages_distributions().get(module, [])
    return ", ".join(metadata.version(name) for name in sorted(set(names))) or "of no version"
