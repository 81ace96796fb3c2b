"""Reading pickles that others published without running anything in them.

A pickle names the classes it wants to make. Here only a given few exist, and every other name is refused, by that
name. Objects that are of no use (a training configuration, an array library's wrapper) become :class:`Inert`: they
keep what the pickle says of them and do nothing.
"""

import pickle
from collections import OrderedDict
from collections.abc import Callable, Mapping
from io import BufferedIOBase
from typing import IO, Any

import numpy as np

from mfh.errors import WeightsError

Allowed = Mapping[tuple[str, str], Any]
"""(module, name) as the pickle writes them -> what takes their place."""


class Inert:
    """Stands for an object whose class is not loaded; accepts whatever a pickle does to it and keeps its state.

    Attributes:
        class_name: "module.name" of the class it stands for.
        arguments: what the object was made with.
        state: what the pickle restored it to; None where it said nothing.
        items: what was put into it, where it was a mapping or a list.
    """

    class_name = ""
    arguments: tuple[Any, ...]
    state: Any
    items: list[Any]

    def __new__(cls, *arguments: Any) -> "Inert":
        """Keep the arguments."""
        made = super().__new__(cls)
        made.arguments, made.state, made.items = arguments, None, []
        return made

    def __init__(self, *arguments: Any) -> None:
        """Do nothing."""

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __setitem__(self, key: Any, value: Any) -> None:
        self.items.append((key, value))

    def append(self, value: Any) -> None:
        """Take an item of a list."""
        self.items.append(value)

    def extend(self, values: Any) -> None:
        """Take items of a list."""
        self.items.extend(values)


def inert_class(module: str, name: str) -> type[Inert]:
    """Make the stand-in for one class."""
    return type(name, (Inert,), {"class_name": f"{module}.{name}"})


def _reconstruct_object(cls: Any, base: Any, state: Any) -> Inert:
    """Make an object as Python 2's copy_reg does; only stand-ins are made that way."""
    if not (isinstance(cls, type) and issubclass(cls, Inert)):
        raise pickle.UnpicklingError(f"{cls!r} is not made by copy_reg")
    return cls()


def _encode_latin1(text: str, encoding: str) -> bytes:
    """Bytes as Python 3 writes them for protocol 2."""
    if encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"bytes encoded as {encoding!r}")
    return text.encode("latin1")


def _numpy_scalar(dtype: Any, content: bytes | str) -> Any:
    raw = content.encode("latin1") if isinstance(content, str) else content
    return np.frombuffer(raw, dtype)[0]


def _empty_array(subtype: Any, shape: Any, dtype: Any) -> np.ndarray:
    if subtype is not np.ndarray:
        raise pickle.UnpicklingError(f"an array of class {subtype!r}")
    return np.empty(0, np.int8)


def _array_from_buffer(content: Any, dtype: Any, shape: Any, order: Any) -> np.ndarray:
    return np.frombuffer(content, dtype).reshape(shape, order=order)


def _plain(names: Mapping[str, Any], modules: tuple[str, ...]) -> dict[tuple[str, str], Any]:
    return {(module, name): value for module in modules for name, value in names.items()}


PLAIN: Allowed = {
    **_plain({"set": set, "frozenset": frozenset, "object": object}, ("builtins", "__builtin__")),
    **_plain({"dict": dict, "list": list, "tuple": tuple, "int": int}, ("builtins", "__builtin__")),
    **_plain({"float": float, "bool": bool, "str": str, "complex": complex}, ("builtins", "__builtin__")),
    **_plain({"_reconstructor": _reconstruct_object}, ("copyreg", "copy_reg")),
    ("collections", "OrderedDict"): OrderedDict,
    ("_codecs", "encode"): _encode_latin1,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    **_plain({"_reconstruct": _empty_array}, ("numpy.core.multiarray", "numpy._core.multiarray")),
    **_plain({"scalar": _numpy_scalar}, ("numpy.core.multiarray", "numpy._core.multiarray")),
    **_plain({"_frombuffer": _array_from_buffer}, ("numpy.core.numeric", "numpy._core.numeric")),
}
"""Builtin values, ordered dictionaries and numpy arrays, as Python 2 and 3 write them."""


class _Unpickler(pickle.Unpickler):
    def __init__(
        self,
        stream: IO[bytes] | BufferedIOBase,
        allowed: Allowed,
        inert_packages: frozenset[str],
        source: str,
        persistent: Callable[[Any], Any] | None,
    ) -> None:
        # Python 2 wrote arrays as text: latin1 gives every byte back as it was.
        super().__init__(stream, encoding="latin1")
        self._allowed, self._inert_packages = allowed, inert_packages
        self._source, self._persistent = source, persistent

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in self._allowed:
            return self._allowed[module, name]
        if module.partition(".")[0] in self._inert_packages:
            return inert_class(module, name)
        raise WeightsError(
            f"{self._source} wants to load {module}.{name}, which is no part of a model: refused; "
            "get the file from its publisher"
        )

    def persistent_load(self, pid: Any) -> Any:
        if self._persistent is None:
            raise WeightsError(f"{self._source} refers to things outside itself: refused; expected a plain pickle")
        return self._persistent(pid)


def load_restricted(
    stream: IO[bytes] | BufferedIOBase,
    *,
    source: str,
    allowed: Allowed = PLAIN,
    inert_packages: frozenset[str] = frozenset(),
    persistent: Callable[[Any], Any] | None = None,
) -> Any:
    """Read a pickle that may make nothing but what is named here.

    Args:
        stream: the pickle.
        source: what to call it in messages.
        allowed: what may be made.
        inert_packages: top-level packages whose classes become :class:`Inert`.
        persistent: resolves references to things outside the pickle (tensor storages).

    Returns:
        What the pickle holds.

    Raises:
        WeightsError: for a class that is not allowed, by its name, and for what is no pickle.
    """
    try:
        return _Unpickler(stream, allowed, inert_packages, source, persistent).load()
    except WeightsError:
        raise
    except (pickle.UnpicklingError, EOFError, AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise WeightsError(
            f"{source} cannot be read ({error}): expected a whole model file; get it from its publisher again"
        ) from error
