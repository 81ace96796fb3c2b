"""Plain values as JSON text that any UTF-8 stream or file takes."""

import json
import math
import types
import unicodedata
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints


def json_text(value: object) -> str:
    """Return indented JSON; bytes of file names that were no UTF-8 become JSON's own escapes.

    Args:
        value: of dicts, lists, text and finite numbers.

    Raises:
        ValueError: for a number that is not finite.
    """
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


T = TypeVar("T")
MAX_LETTERS = 2_000
"""Of one text: a sentence, or a path."""
MAX_ITEMS = 20_000
"""Of one list or object."""
_UNPRINTABLE = ("Cc", "Cs")


def from_json(kind: type[T], tree: object) -> T:
    """Return a dataclass from what JSON makes of it, checked down to the last field.

    Args:
        kind: a dataclass whose fields are dataclasses, bool, int, float, str, Literal, tuple, dict, or any of these or
            None.
        tree: from a JSON parser.

    Returns:
        The dataclass: with floats where whole numbers stood for them, tuples for lists, and escapes for characters of
        text that cannot be printed.

    Raises:
        ValueError: for a value of another type, a number that is not finite, or a field that is missing or unknown.
    """
    return _dataclass(kind, tree, "")


def _value(kind: Any, tree: object, where: str) -> Any:
    """Return a value of any of these types."""
    origin, arguments = get_origin(kind), get_args(kind)
    if is_dataclass(kind):
        return _dataclass(kind, tree, where)
    if origin in (Union, types.UnionType):
        if tree is None and types.NoneType in arguments:
            return None
        (kind,) = (one for one in arguments if one is not types.NoneType)
        return _value(kind, tree, where)
    if origin is Literal:
        if not (isinstance(tree, str) and tree in arguments):
            raise ValueError(f"{where} is {_shown(tree)}: expected {' or '.join(map(repr, arguments))}")
        return tree
    if isinstance(tree, list | dict) and len(tree) > MAX_ITEMS:
        raise ValueError(f"{where} has {len(tree):,} items: expected {MAX_ITEMS:,} at most")
    if origin is tuple and isinstance(tree, list):
        kinds = arguments[:1] * len(tree) if arguments[-1] is Ellipsis else arguments
        if len(kinds) != len(tree):
            raise ValueError(f"{where} has {len(tree)} items: expected {len(kinds)}")
        return tuple(_value(one, item, f"{where}[{k}]") for k, (one, item) in enumerate(zip(kinds, tree, strict=True)))
    if origin is dict and isinstance(tree, dict):
        return {_printable(key): _value(arguments[1], item, f"{where}.{_name(key)}") for key, item in tree.items()}
    if kind is str and isinstance(tree, str):
        if len(tree) > MAX_LETTERS:
            raise ValueError(f"{where} has {len(tree):,} letters: expected {MAX_LETTERS:,} at most")
        return _printable(tree)
    # To Python, true is a whole number.
    if kind is float and isinstance(tree, int | float) and not isinstance(tree, bool) and math.isfinite(tree):
        return float(tree)
    if kind in (int, bool) and type(tree) is kind:
        return tree
    raise ValueError(f"{where} is {_shown(tree)}: expected {getattr(origin or kind, '__name__', kind)}")


def _dataclass(kind: Any, tree: object, where: str) -> Any:
    if not isinstance(tree, dict):
        raise ValueError(f"{where or 'it'} is {_shown(tree)}: expected an object")
    inside = f"{where}." if where else ""
    needed = {one.name: one.default is MISSING and one.default_factory is MISSING for one in fields(kind)}
    for name in tree:
        if name not in needed:
            raise ValueError(f"there is a field {inside}{_name(name)}: expected {', '.join(needed)}")
    missing = [name for name, is_needed in needed.items() if is_needed and name not in tree]
    if missing:
        raise ValueError(f"there is no field {inside}{missing[0]}")
    hints = get_type_hints(kind)
    return kind(**{name: _value(hints[name], item, f"{inside}{name}") for name, item in tree.items()})


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


def _shown(tree: object) -> str:
    return repr(tree)[:60]
