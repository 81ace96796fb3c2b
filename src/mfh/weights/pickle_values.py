"""What a pickle of a model may make: plain values, arrays of numbers, and stand-ins that do nothing.

Each maker takes what the pickle hands over, which can be anything, and makes no more than that: no array is larger
than the bytes it is made from.
"""

import math
import re
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import numpy as np

Allowed = Mapping[tuple[str, str], Any]
"""(module, name) as the pickle writes them -> what takes their place: a function is called, a class only named."""

_DTYPE = re.compile(r"[<>|=]?(?:[biufcO?]\d{0,2}|[SU]\d{1,4})")
_SCALARS = (str, bytes, int, float, complex, bool, type(None), type, np.generic)
_MAX_KEY_PARTS = 16
_MAX_DIMENSIONS = 8


class Inert:
    """Stands for an object whose class is not loaded; accepts whatever a pickle does to it and keeps its state.

    Attributes:
        class_name: "module.name" of the class it stands for.
        arguments: what the object was made with.
        state: what the pickle restored it to; None where it said nothing.
        items: what was put into it, where it was a mapping or a list.
    """

    class_name = ""

    def __init__(self, *arguments: Any) -> None:
        """Keep the arguments."""
        self.arguments, self.state = arguments, None
        self.items: list[Any] = []


def inert_class(module: str, name: str) -> type[Inert]:
    """Make the stand-in for one class."""
    return type(name, (Inert,), {"class_name": f"{module}.{name}"})


def checked_key(key: Any) -> Any:
    """Return a key of a mapping, or a member of a set, whose hash is a matter of its own size.

    Tuples of tuples that share their parts are small in a pickle, and hashing them takes for ever.

    Raises:
        ValueError: for anything but one value, or a tuple of a few.
    """
    values = key if isinstance(key, tuple) and len(key) <= _MAX_KEY_PARTS else (key,)
    if not all(isinstance(value, (*_SCALARS, Inert)) for value in values):
        raise ValueError(f"a {type(key).__name__} as a key")
    return key


def restore_array(array: np.ndarray, state: Any) -> None:
    """Give an array its shape and numbers, as numpy's own way to restore it does.

    Args:
        array: from :data:`PLAIN`'s makers; changed in place.
        state: (version, shape, dtype, whether columns come first, bytes, or a list of objects).

    Raises:
        ValueError: where the bytes are not those of the shape.
    """
    _, shape, dtype, fortran, content = state
    shape, dtype = _checked_shape(shape), _checked_dtype(dtype)
    content = content.encode("latin1") if isinstance(content, str) else content
    count = math.prod(shape)
    if dtype.hasobject:
        fits = isinstance(content, list) and len(content) == count
    else:
        fits = isinstance(content, bytes) and len(content) == count * dtype.itemsize
    if not fits:
        raise ValueError(f"an array of shape {shape} whose content is of another size")
    restorable: Any = array
    restorable.__setstate__((1, shape, dtype, bool(fortran), content))


def restore_dtype(dtype: np.dtype, state: Any) -> None:
    """Give a type of numbers its byte order, which is all that its state says beside its name.

    Raises:
        ValueError: for fields, shapes or sizes of its own.
    """
    version, order, *parts, size, alignment, flags = state[:8]
    own = size in (-1, dtype.itemsize) and alignment in (-1, dtype.alignment)
    if version not in (3, 4) or order not in ("<", ">", "|", "=") or parts != [None] * 3 or not own:
        raise ValueError("a type of numbers with parts of its own")
    restorable: Any = dtype
    restorable.__setstate__((3, order, None, None, None, size, alignment, int(flags)))


def _reconstruct_object(cls: Any, base: Any, state: Any) -> Inert:
    """Make an object as Python 2's copy_reg does; only stand-ins are made that way."""
    if not (isinstance(cls, type) and issubclass(cls, Inert)):
        raise ValueError("something else than a stand-in is made by copy_reg")
    return cls()


def _encode_latin1(text: Any, encoding: Any = "latin1") -> bytes:
    """Bytes as Python 3 writes them for protocol 2."""
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise ValueError("bytes in another encoding than latin1")
    return text.encode("latin1")


def _empty_bytes() -> bytes:
    return b""


def _set(items: Any = ()) -> set:
    return {checked_key(item) for item in _listed(items)}


def _frozenset(items: Any = ()) -> frozenset:
    return frozenset(_set(items))


def _ordered(items: Any = ()) -> OrderedDict:
    return OrderedDict((checked_key(key), value) for key, value in _listed(items))


def _complex(real: Any, imaginary: Any) -> complex:
    return complex(float(real), float(imaginary))


def _listed(items: Any) -> list[Any] | tuple[Any, ...]:
    if not isinstance(items, list | tuple):
        raise ValueError(f"a collection made from a {type(items).__name__}")
    return items


def _dtype(name: Any, align: Any = False, copy: Any = True) -> np.dtype:
    if not isinstance(name, str) or not _DTYPE.fullmatch(name):
        raise ValueError("an array of something else than numbers and text")
    # A copy of its own: what the pickle restores it to must not change numpy's.
    return np.dtype(name, align=False, copy=True)


def _scalar(dtype: Any, content: Any = b"") -> Any:
    dtype = _checked_dtype(dtype)
    raw = content.encode("latin1") if isinstance(content, str) else content
    if dtype.hasobject or not isinstance(raw, bytes) or len(raw) != dtype.itemsize:
        raise ValueError("a number whose bytes are of another size")
    return np.frombuffer(raw, dtype)[0]


def _empty_array(subtype: Any, shape: Any, dtype: Any) -> np.ndarray:
    if subtype is not np.ndarray:
        raise ValueError("an array of a class of its own")
    return np.empty(0, np.int8)


def _array_from_buffer(content: Any, dtype: Any, shape: Any, order: Any = "C") -> np.ndarray:
    shape, dtype = _checked_shape(shape), _checked_dtype(dtype)
    if not isinstance(content, bytes | bytearray) or len(content) != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"an array of shape {shape} whose content is of another size")
    return np.frombuffer(content, dtype).reshape(shape, order="F" if order == "F" else "C")


def _checked_dtype(dtype: Any) -> np.dtype:
    if not isinstance(dtype, np.dtype):
        raise ValueError("an array without a type of numbers")
    return dtype


def _checked_shape(shape: Any) -> tuple[int, ...]:
    sides = tuple(shape) if isinstance(shape, tuple | list) else (shape,)
    if len(sides) > _MAX_DIMENSIONS or not all(type(side) is int and 0 <= side < 2**31 for side in sides):
        raise ValueError("an array whose shape is none")
    return sides


def _plain(names: Mapping[str, Any], modules: tuple[str, ...]) -> dict[tuple[str, str], Any]:
    return {(module, name): value for module in modules for name, value in names.items()}


_BUILTINS = ("builtins", "__builtin__")

PLAIN_CONTAINERS: Allowed = {
    **_plain({"set": _set, "frozenset": _frozenset}, _BUILTINS),
    ("collections", "OrderedDict"): _ordered,
}
"""What holds other values, and hashes them."""
PLAIN: Allowed = {
    **PLAIN_CONTAINERS,
    **_plain({"complex": _complex, "bytes": _empty_bytes}, _BUILTINS),
    **_plain({one.__name__: one for one in (object, dict, list, tuple, int, float, bool, str)}, _BUILTINS),
    **_plain({"_reconstructor": _reconstruct_object}, ("copyreg", "copy_reg")),
    ("_codecs", "encode"): _encode_latin1,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): _dtype,
    **_plain({"_reconstruct": _empty_array}, ("numpy.core.multiarray", "numpy._core.multiarray")),
    **_plain({"scalar": _scalar}, ("numpy.core.multiarray", "numpy._core.multiarray")),
    **_plain({"_frombuffer": _array_from_buffer}, ("numpy.core.numeric", "numpy._core.numeric")),
}
"""Builtin values, ordered dictionaries and numpy arrays, as Python 2 and 3 write them."""
