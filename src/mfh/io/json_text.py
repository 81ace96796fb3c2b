"""Plain values as JSON text, and dataclasses from JSON, checked."""

import json
import math
import types
import unicodedata
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints


def json_text(value: object) -> str:
    """Return indented JSON; bytes of file names that were no UTF-8 become JSON's own escapes.

    Raises:
        ValueError: for a number that is not finite.
    """
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def plain_values(value: object) -> object:
    """Return a value as JSON can hold it: lists, Python's own numbers, and None for numbers that are not finite."""
    if isinstance(value, dict):
        return {key: plain_values(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_values(item) for item in value]
    # numpy's numbers have ``item``; importing numpy here would slow the start of every command.
    number = getattr(value, "item", lambda: value)()
    return None if isinstance(number, float) and not math.isfinite(number) else number


T = TypeVar("T")
MAX_LETTERS = 2_000
"""Of one text: a sentence, or a path."""
MAX_ITEMS = 20_000
"""Of one list or object."""
_UNPRINTABLE = ("Cc", "Cs")


def from_json(kind: type[T], value: object) -> T:
    """Return a dataclass from a parsed JSON value, checked down to the last field.

    Args:
        kind: a dataclass whose fields are dataclasses, bool, int, float, str, Literal, tuple, dict, or any of these or
            None.
        value: from a JSON parser.

    Returns:
        The dataclass: whole numbers become floats where those are expected, lists tuples, and characters that cannot be
        printed escapes.

    Raises:
        ValueError: for a value of another type, a number that is not finite, or a field that is missing or unknown.
    """
    return _dataclass(kind, value, "")


def _value(kind: Any, value: object, where: str) -> Any:
    """Return a value of any of these types."""
    origin, arguments = get_origin(kind), get_args(kind)
    if is_dataclass(kind):
        return _dataclass(kind, value, where)
    if origin in (Union, types.UnionType):
        if value is None and types.NoneType in arguments:
            return None
        (kind,) = (one for one in arguments if one is not types.NoneType)
        return _value(kind, value, where)
    if origin is Literal:
        if not (isinstance(value, str) and value in arguments):
            raise ValueError(f"{where} is {_shown(value)}: expected {' or '.join(map(repr, arguments))}")
        return value
    if isinstance(value, list | dict) and len(value) > MAX_ITEMS:
        raise ValueError(f"{where} has {len(value):,} items: expected {MAX_ITEMS:,} at most")
    if origin is tuple and isinstance(value, list):
        kinds = arguments[:1] * len(value) if arguments[-1] is Ellipsis else arguments
        if len(kinds) != len(value):
            raise ValueError(f"{where} has {len(value)} items: expected {len(kinds)}")
        return tuple(_value(one, item, f"{where}[{k}]") for k, (one, item) in enumerate(zip(kinds, value, strict=True)))
    if origin is dict and isinstance(value, dict):
        return {_printable(key): _value(arguments[1], item, f"{where}.{_name(key)}") for key, item in value.items()}
    if kind is str and isinstance(value, str):
        if len(value) > MAX_LETTERS:
            raise ValueError(f"{where} has {len(value):,} letters: expected {MAX_LETTERS:,} at most")
        return _printable(value)
    # To Python, true is a whole number.
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    if kind in (int, bool) and type(value) is kind:
        return value
    raise ValueError(f"{where} is {_shown(value)}: expected {getattr(origin or kind, '__name__', kind)}")


def _dataclass(kind: Any, value: object, where: str) -> Any:
    if not isinstance(value, dict):
        raise ValueError(f"{where or 'it'} is {_shown(value)}: expected an object")
    inside = f"{where}." if where else ""
    needed = {one.name: one.default is MISSING and one.default_factory is MISSING for one in fields(kind)}
    for name in value:
        if name not in needed:
            raise ValueError(f"there is a field {inside}{_name(name)}: expected {', '.join(needed)}")
    missing = [name for name, is_needed in needed.items() if is_needed and name not in value]
    if missing:
        raise ValueError(f"there is no field {inside}{missing[0]}")
    hints = get_type_hints(kind)
    return kind(**{name: _value(hints[name], item, f"{inside}{name}") for name, item in value.items()})


def _printable(text: str) -> str:
    """Return text that any terminal and file can take: no control characters, no halves of surrogate pairs."""
    if text.isprintable():
        return text
    return "".join(
        one.encode("unicode_escape").decode("ascii") if unicodedata.category(one) in _UNPRINTABLE else one
        for one in text
    )


def _name(name: str) -> str:
    return _printable(name)[:60]


def _shown(value: object) -> str:
    return repr(value)[:60]
