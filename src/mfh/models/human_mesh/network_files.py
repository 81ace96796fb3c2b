"""Networks converted from published checkpoints: safetensors with the network's sizes, written once and checked.

A checkpoint is converted with ``mfh weights convert``. An existing file is never replaced.
"""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mfh.errors import InputError, WeightsError, kind_and_message, shown
from mfh.io.atomic import atomic_path
from mfh.io.reading import check_file, parse_json, reading

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

_MAX_DEPTH, _MAX_WIDTH = 200, 1 << 16
"""Largest sizes accepted for a network; the deepest published one has 32 blocks, of width 1280."""


@dataclass(frozen=True)
class NetworkFile:
    """The form of one network's file.

    Attributes:
        model: registry name, as ``mfh weights convert`` takes it.
        title: of the network in messages.
        commands: that make the file, for messages.
        published: name of the published checkpoint.
        sizes_key: metadata of the file that has the sizes.
        sizes: the published network's sizes, a dataclass of whole numbers.
        build: from sizes to the network.
        fits: whether sizes go together.
    """

    model: str
    title: str
    commands: str
    published: str
    sizes_key: str
    sizes: Any
    build: "Callable[[Any], Module]"
    fits: Callable[[Any], bool] = lambda sizes: True

    @property
    def checkpoint(self) -> str:
        """The checkpoint, and what to do for another one."""
        return f"the {self.title} checkpoint ({self.published}), as published; download it again"

    @property
    def converted(self) -> str:
        """The converted file, and what to do for another one."""
        return f"a network that {self.commands} wrote; move it away and run that again"


def convert_network(
    form: NetworkFile,
    source: Path,
    destination: Path,
    *,
    read: "Callable[[Path], tuple[Mapping[str, Tensor], Any]]",
) -> Path:
    """Write the tensors that ``read`` takes from a published checkpoint, with its sizes, and return the destination.

    The destination's folder is created. An existing file is never replaced, and is an error unless it already has the
    same content.

    Raises:
        InputError: for a missing source, or a destination that cannot be written or has other content.
        WeightsError: where the tensors are not the network's.
    """
    if not source.is_file():
        raise InputError(f"no file {shown(source)}: expected the {form.title} checkpoint ({form.published})")
    if destination.exists() and destination.samefile(source):
        raise InputError(f"{shown(destination)} is the checkpoint itself: expected another file to write")
    if os.path.lexists(destination) and not destination.is_file():
        raise InputError(
            f"{shown(destination)} is no file: expected the name of one to write, as {form.model}.safetensors"
        )
    state, sizes = read(source)
    form = replace(form, sizes=sizes)
    check_names(form, state, label=str(source))
    if sum(tensor.numel() * tensor.element_size() for tensor in state.values()) > 2 * source.stat().st_size:
        raise WeightsError(f"{shown(source)} is far smaller than its tensors: expected {form.checkpoint}")
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make {shown(destination.parent)}: {error.strerror or error}") from error
    if destination.exists():
        if _is_network(form, destination, state):
            return destination
        raise InputError(
            f"{shown(destination)} is there already, and is another network or none: move it away, or name another "
            "file with --out"
        )
    with atomic_path(destination) as temporary:
        _write(form, state, temporary)
    return destination


def _is_network(form: NetworkFile, path: Path, state: "Mapping[str, Tensor]") -> bool:
    """Return whether a file has the content that would be written."""
    import torch
    from safetensors import safe_open

    try:
        with (
            reading(path, what="", expected=form.converted, error=WeightsError),
            safe_open(path, framework="pt") as file,
        ):
            written = (file.metadata() or {}).get(form.sizes_key)
            if written != json.dumps(asdict(form.sizes)) or set(file.keys()) != set(state):
                return False
            return all(torch.equal(file.get_tensor(name), tensor) for name, tensor in state.items())
    except WeightsError:
        return False


def _write(form: NetworkFile, state: "Mapping[str, Tensor]", path: Path) -> None:
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    whole = {name: tensor.contiguous() for name, tensor in state.items()}
    try:
        save_file(whole, path, metadata={form.sizes_key: json.dumps(asdict(form.sizes))})
    except SafetensorError as error:
        raise InputError(f"cannot write {shown(path.parent)} ({kind_and_message(error)}): free some space") from error


def check_names(form: NetworkFile, state: "Mapping[str, Tensor]", *, label: str) -> None:
    """Compare names and shapes of tensors with the network's.

    Raises:
        WeightsError: for the first tensor that is missing, unknown or of the wrong shape.
    """
    _check_shapes(form, form.sizes, {name: tuple(tensor.shape) for name, tensor in state.items()}, label=label)


def _check_shapes(form: NetworkFile, sizes: Any, shapes: Mapping[str, tuple[int, ...]], *, label: str) -> None:
    expected = network_shapes(form, sizes)
    fix = f"get the published {form.title} checkpoint again and run {form.commands}"
    for name, shape in expected.items():
        if name not in shapes:
            raise WeightsError(f"{label} has no {name}: expected {shape}; {fix}")
        if shapes[name] != shape:
            raise WeightsError(f"{name} in {label} is {shapes[name]}, expected {shape}; {fix}")
    unknown = [name for name in shapes if name not in expected]
    if unknown:
        raise WeightsError(f"{label} has {unknown[0][:100]}, which {form.title} does not; {fix}")


def network_shapes(form: NetworkFile, sizes: Any) -> dict[str, tuple[int, ...]]:
    """Return the names and shapes of a network's tensors, without allocating them."""
    import torch

    with torch.device("meta"):
        return {name: tuple(tensor.shape) for name, tensor in form.build(sizes).state_dict().items()}


def load_network(form: NetworkFile, path: Path) -> "Module":
    """Load a network that :func:`convert_network` wrote, on the CPU.

    Raises:
        WeightsError: where the file is of another kind, or its tensors are not the network's.
    """
    import torch
    from safetensors import safe_open

    check_file(path, what="", expected=form.converted, error=WeightsError)
    with reading(path, what="", expected=form.converted, error=WeightsError):
        with safe_open(path, framework="pt") as file:
            written = (file.metadata() or {}).get(form.sizes_key)
            names = list(file.keys())
            sizes = stated_sizes(form, written, tensors=len(names))
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in names}
            _check_shapes(form, sizes, shapes, label=str(path))
            state = {name: file.get_tensor(name).float() for name in names}
        with torch.device("meta"):
            network = form.build(sizes)
        # Assigned rather than copied, which would double the memory.
        network.load_state_dict(state, assign=True)
    return network.eval().requires_grad_(False)


def sizes_of(form: NetworkFile, path: Path) -> Any:
    """Return the sizes of the network in a file that :func:`convert_network` wrote.

    Raises:
        WeightsError: where the file is of another kind.
    """
    from safetensors import safe_open

    with reading(path, what="", expected=form.converted, error=WeightsError), safe_open(path, framework="pt") as file:
        return stated_sizes(form, (file.metadata() or {}).get(form.sizes_key), tensors=len(file.keys()))


def stated_sizes(form: NetworkFile, written: str | None, *, tensors: int) -> Any:
    """Return the sizes that a file of so many tensors states; None for the published ones.

    Raises:
        ValueError: where they are not those of a network.
    """
    if written is None:
        return form.sizes
    values = parse_json(written[: 1 << 16])
    if not isinstance(values, dict) or set(values) != {one.name for one in fields(form.sizes)}:
        raise ValueError(f"its {form.sizes_key} are not those of a network")
    for name, value in values.items():
        most = min(tensors, _MAX_DEPTH) if name.endswith("_depth") else _MAX_WIDTH
        if type(value) is not int or not 1 <= value <= most:
            raise ValueError(f"its {form.sizes_key} say {name} {str(value)[:40]}, of {most:,} at most")
    sizes = type(form.sizes)(**values)
    if not form.fits(sizes):
        raise ValueError(f"its {form.sizes_key} do not go together")
    return sizes
