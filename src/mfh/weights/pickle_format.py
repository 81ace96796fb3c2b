"""Decoding of a pickle: its operations, and the constructors of the values that a model file may contain.

A damaged stream may announce a text of four gigabytes, or hold a number of a million digits: nothing is allocated that
the stream does not contain, and no array is larger than the bytes it is made from. The operations are executed by
:mod:`mfh.weights.pickles`.
"""

import codecs
import math
import re
import struct
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

MAX_OPERATIONS = 1_000_000
"""A checkpoint of 600 tensors has 30,000."""
_MAX_LINE_BYTES = 300
_MAX_INTEGER_BYTES = 128

_WITHOUT = frozenset(b"(.012NRbade}]losut)\x81\x85\x86\x87\x88\x89\x8f\x90\x91\x92\x93\x94Q")
_PACKED = {
    **dict.fromkeys(b"Khq\x80", struct.Struct("<B")),
    ord("M"): struct.Struct("<H"),
    ord("J"): struct.Struct("<i"),
    **dict.fromkeys(b"jr", struct.Struct("<I")),
    ord("G"): struct.Struct(">d"),
    ord("\x95"): struct.Struct("<Q"),
}
"""Operation -> how its one number is packed."""
_COUNTED = {
    **dict.fromkeys(b"UC\x8a\x8c", struct.Struct("<B")),
    **dict.fromkeys(b"TXB", struct.Struct("<I")),
    ord("\x8b"): struct.Struct("<I"),
    **dict.fromkeys(b"\x8d\x8e\x96", struct.Struct("<Q")),
}
"""Operation -> how the number of bytes that follow is packed."""
_LINES = {**dict.fromkeys(b"FILSVPgp", 1), **dict.fromkeys(b"ci", 2)}
"""Operation -> lines of text that follow."""


def operations(content: bytes, start: int = 0) -> Iterator[tuple[int, Any, int]]:
    """Yield the operations of a pickle of protocols 0 to 5, from ``start`` to its end.

    Yields:
        (operation, argument, end): the operation's byte; a number, text, bytes, (module, name), or None; the offset of
        the next operation. Text of Python 2 is decoded as latin1, which preserves every byte.

    Raises:
        ValueError: for an unknown operation, a truncated one, or too many.
    """
    stream = _Stream(content, start)
    for _ in range(MAX_OPERATIONS):
        operation = stream.take(1)[0]
        argument = _argument(operation, stream)
        yield operation, argument, stream.at
        if operation == ord("."):
            return
    raise ValueError(f"more than {MAX_OPERATIONS:,} operations")


class _Stream:
    """Sequential reader of bytes."""

    def __init__(self, content: bytes, start: int) -> None:
        self._content, self.at = content, start

    def take(self, count: int) -> bytes:
        if count > len(self._content) - self.at:
            raise ValueError(f"it ends where {count:,} bytes should follow")
        self.at += count
        return self._content[self.at - count : self.at]

    def number(self, packed: struct.Struct) -> Any:
        return packed.unpack(self.take(packed.size))[0]

    def line(self) -> bytes:
        end = self._content.find(b"\n", self.at)
        if end < 0:
            raise ValueError("it ends in the middle of a line")
        line = self._content[self.at : end]
        self.at = end + 1
        return line


def _argument(operation: int, stream: _Stream) -> Any:
    if operation in _WITHOUT:
        return None
    if operation in _PACKED:
        return stream.number(_PACKED[operation])
    if operation in _COUNTED:
        return _counted(operation, stream.take(stream.number(_COUNTED[operation])))
    if operation in _LINES:
        return _lines(operation, [stream.line() for _ in range(_LINES[operation])])
    raise ValueError(f"operation {bytes([operation])!r} is none that a model file has")


def _counted(operation: int, content: bytes) -> Any:
    match chr(operation):
        case "T" | "U":
            return content.decode("latin1")
        case "X" | "\x8c" | "\x8d":
            return content.decode("utf-8", "surrogatepass")
        case "\x8a" | "\x8b":
            if len(content) > _MAX_INTEGER_BYTES:
                raise ValueError(f"a number of {len(content):,} bytes")
            return int.from_bytes(content, "little", signed=True)
        case "\x96":
            return bytearray(content)
        case _:
            return content


def _lines(operation: int, lines: list[bytes]) -> Any:
    kind = chr(operation)
    if kind == "S":
        quoted = lines[0].strip()
        if len(quoted) < 2 or quoted[0] != quoted[-1] or quoted[:1] not in (b"'", b'"'):
            raise ValueError("a text without its quotation marks")
        return codecs.escape_decode(quoted[1:-1])[0].decode("latin1")
    if kind == "V":
        return lines[0].decode("raw_unicode_escape")
    longest = max(map(len, lines))
    if longest > _MAX_LINE_BYTES:
        raise ValueError(f"a line of {longest:,} bytes")
    texts = [line.decode("utf-8") for line in lines]
    match kind:
        case "F":
            return float(texts[0])
        case "I":
            # Booleans of protocols 0 and 1.
            return texts[0] == "01" if texts[0] in ("00", "01") else int(texts[0])
        case "L":
            return int(texts[0].removesuffix("L"))
        case "g" | "p":
            return int(texts[0])
        case "c" | "i":
            return texts[0], texts[1]
        case _:
            return texts[0]


Allowed = Mapping[tuple[str, str], Any]
"""(module, name) in the pickle -> its replacement: a function may be called, a class only referenced."""

_DTYPE = re.compile(r"[<>|=]?(?:[biufcO?]\d{0,2}|[SU]\d{1,4})")
_SCALARS = (str, bytes, int, float, complex, bool, type(None), type, np.generic)
_MAX_KEY_PARTS = 16
_MAX_DIMENSIONS = 8


class Inert:
    """Placeholder of an object whose class is not loaded; stores what the pickle does to it.

    Attributes:
        class_name: "module.name" of the class.
        arguments: of the constructor.
        state: restored by the pickle; None where there is none.
        items: of a mapping or a list.
    """

    class_name = ""

    def __init__(self, *arguments: Any) -> None:
        """Keep the arguments."""
        self.arguments, self.state = arguments, None
        self.items: list[Any] = []


def inert_class(module: str, name: str) -> type[Inert]:
    """Return the placeholder class of one class."""
    return type(name, (Inert,), {"class_name": f"{module}.{name}"})


def checked_key(key: Any) -> Any:
    """Return a key of a mapping, or a member of a set, whose hash takes bounded time.

    Nested tuples that share their parts are small in a pickle, and take exponential time to hash.

    Raises:
        ValueError: for anything but one value, or a tuple of a few.
    """
    values = key if isinstance(key, tuple) and len(key) <= _MAX_KEY_PARTS else (key,)
    if not all(isinstance(value, (*_SCALARS, Inert)) for value in values):
        raise ValueError(f"a {type(key).__name__} as a key")
    return key


def restore_array(array: np.ndarray, state: Any) -> None:
    """Restore an array in place from numpy's (version, shape, dtype, is Fortran order, bytes or list of objects).

    Raises:
        ValueError: where the content does not have the size of the shape.
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
    """Restore the byte order of a dtype in place.

    Raises:
        ValueError: for a state with fields, subarrays or sizes.
    """
    version, order, *parts, size, alignment, flags = state[:8]
    own = size in (-1, dtype.itemsize) and alignment in (-1, dtype.alignment)
    if version not in (3, 4) or order not in ("<", ">", "|", "=") or parts != [None] * 3 or not own:
        raise ValueError("a type of numbers with parts of its own")
    restorable: Any = dtype
    restorable.__setstate__((3, order, None, None, None, size, alignment, int(flags)))


def _reconstruct_object(cls: Any, base: Any, state: Any) -> Inert:
    """Return an object as Python 2's copy_reg does; placeholders only."""
    if not (isinstance(cls, type) and issubclass(cls, Inert)):
        raise ValueError("something else than a stand-in is made by copy_reg")
    return cls()


def _encode_latin1(text: Any, encoding: Any = "latin1") -> bytes:
    """Return bytes as Python 3 writes them for protocol 2."""
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


def _ordered_default(factory: Any = None, items: Any = ()) -> OrderedDict:
    """Return a mapping in place of a defaultdict, whose factory is not called."""
    return _ordered(items)


def _type_of(value: Any) -> type:
    """Return the type of None, which has no name; asking for any other type is refused."""
    if value is not None:
        raise ValueError(f"the type of a {type(value).__name__}")
    return type(None)


def _complex(real: Any, imaginary: Any) -> complex:
    return complex(float(real), float(imaginary))


def _listed(items: Any) -> list[Any] | tuple[Any, ...]:
    if not isinstance(items, list | tuple):
        raise ValueError(f"a collection made from a {type(items).__name__}")
    return items


def _dtype(name: Any, align: Any = False, copy: Any = True) -> np.dtype:
    if not isinstance(name, str) or not _DTYPE.fullmatch(name):
        raise ValueError("an array of something else than numbers and text")
    # A copy: restoring its state must not change numpy's own.
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
"""Containers, whose members are hashed."""
PLAIN: Allowed = {
    **PLAIN_CONTAINERS,
    **_plain({"complex": _complex, "bytes": _empty_bytes}, _BUILTINS),
    **_plain({one.__name__: one for one in (object, dict, list, tuple, int, float, bool, str)}, _BUILTINS),
    # Protocols 0 to 2 name Python 3's int and str as Python 2 did.
    **_plain({"long": int, "unicode": str}, ("__builtin__",)),
    **_plain({"_reconstructor": _reconstruct_object}, ("copyreg", "copy_reg")),
    ("_codecs", "encode"): _encode_latin1,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): _dtype,
    **_plain({"_reconstruct": _empty_array}, ("numpy.core.multiarray", "numpy._core.multiarray")),
    **_plain({"scalar": _scalar}, ("numpy.core.multiarray", "numpy._core.multiarray")),
    **_plain({"_frombuffer": _array_from_buffer}, ("numpy.core.numeric", "numpy._core.numeric")),
}
"""Builtin values, ordered dictionaries and numpy arrays, as written by Python 2 and 3."""

CONFIGURATION: Allowed = {
    **PLAIN,
    ("collections", "defaultdict"): _ordered_default,
    **_plain({"type": _type_of}, _BUILTINS),
    **{
        (module, name): inert_class(module, name)
        for module, names in (
            ("collections", ("Counter", "deque")),
            ("builtins", ("range",)),
            ("__builtin__", ("xrange", "reduce")),
            ("functools", ("reduce",)),
            ("_operator", ("getitem", "or_")),
            ("operator", ("getitem", "or_")),
            ("types", ("GenericAlias",)),
        )
        for name in names
    },
}
"""What a training configuration holds beside plain values, as Python 2 and 3 name it.

Types that it states (``Optional[int]`` is pickled as a call of ``operator.getitem``) become placeholders: nothing is
called.
"""
