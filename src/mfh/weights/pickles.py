"""Restricted reading of published pickles: nothing in them is executed, and their size is bounded.

A pickle is a list of operations on a stack. They are executed here on values of a few kinds (:mod:`pickle_format`);
Python's own reader, which calls any function and allocates any size that the file names, is not used. A class that is
not allowed is refused by its name. Objects that are not needed (a training configuration, the wrapper of an array
library) become :class:`Inert` placeholders.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any

import numpy as np

from mfh.errors import WeightsError
from mfh.io.reading import reading
from mfh.weights.pickle_format import (
    CONFIGURATION,
    PLAIN,
    PLAIN_CONTAINERS,
    Allowed,
    Inert,
    checked_key,
    inert_class,
    operations,
    restore_array,
    restore_dtype,
)

__all__ = ["CONFIGURATION", "PLAIN", "Allowed", "Inert", "check_pickle", "load_restricted"]

_MAX_CLASSES = 1000
_MADE_FOR_EACH_BYTE = 16
_MADE_AT_LEAST = 1 << 20
_CONSTANTS = {"N": None, "\x88": True, "\x89": False}
_EMPTY: dict[str, Callable[[], Any]] = {")": tuple, "]": list, "}": dict, "\x8f": set}
_OF_MARK: dict[str, Callable[[list[Any]], Any]] = {
    "t": tuple,
    "l": list,
    "d": lambda items: _paired(items),
    "\x91": lambda items: frozenset(map(checked_key, items)),
}
_OF_TOP = {"\x85": 1, "\x86": 2, "\x87": 3}
"""Operation -> size of the tuple it makes of the topmost values."""


def load_restricted(
    content: bytes,
    *,
    source: str,
    allowed: Allowed = PLAIN,
    inert_packages: frozenset[str] = frozenset(),
    persistent: Callable[[Any], Any] | None = None,
) -> Any:
    """Read a pickle whose globals are limited to ``allowed``; classes of ``inert_packages`` become :class:`Inert`.

    ``source`` names the pickle in messages; ``persistent`` resolves references to outside objects (tensor storages).
    The result may be recursive, or share parts so often that a traversal takes exponential time.

    Raises:
        WeightsError: for a class that is not allowed, or content that is no pickle.
    """
    with reading(source, what="", expected="a whole model file; get it from its publisher again", error=WeightsError):
        return _carried_out(content, 0, _Machine(source, allowed, inert_packages, persistent, budget=len(content)))[0]


def check_pickle(content: bytes, *, start: int, persistent: Callable[[Any], Any]) -> int:
    """Check the form of a pickle by executing it with placeholders for all of its globals; return its end.

    ``persistent`` is called with each reference to an outside object, and may raise.

    Raises:
        ValueError: or any other error, for a malformed pickle; the caller makes it one line.
    """
    return _carried_out(content, start, _Machine("", PLAIN_CONTAINERS, None, persistent, budget=len(content)))[1]


def _carried_out(content: bytes, start: int, machine: "_Machine") -> tuple[Any, int]:
    """Return the object of a pickle, and the end of the pickle."""
    for operation, argument, end in operations(content, start):
        if operation == ord("."):
            return machine.pop(), end
        machine.carry_out(chr(operation), argument)
    raise ValueError("it does not end")


class _Machine:
    """The stack and the memo of a pickle; arguments as for :func:`load_restricted`.

    With ``inert_packages`` None every global that is not allowed becomes a placeholder. ``budget`` is the size of the
    pickle, which bounds the total size of the arguments of constructors.
    """

    def __init__(
        self,
        source: str,
        allowed: Allowed,
        inert_packages: frozenset[str] | None,
        persistent: Callable[[Any], Any] | None,
        *,
        budget: int,
    ) -> None:
        self._source, self._allowed, self._inert_packages = source, allowed, inert_packages
        self._persistent = persistent
        self._stack: list[Any] = []
        self._below: list[list[Any]] = []
        self._memo: dict[int, Any] = {}
        self._classes: dict[tuple[str, str], type[Inert]] = {}
        self._budget = budget * _MADE_FOR_EACH_BYTE + _MADE_AT_LEAST

    def pop(self) -> Any:
        if not self._stack:
            raise ValueError("an operation on nothing")
        return self._stack.pop()

    def carry_out(self, operation: str, argument: Any) -> None:
        """Execute one operation, given by its character, with its argument."""
        if operation in _HANDLERS:
            _HANDLERS[operation](self, argument)
        elif operation in _CONSTANTS:
            self._stack.append(_CONSTANTS[operation])
        elif operation in _EMPTY:
            self._stack.append(_EMPTY[operation]())
        elif operation in _OF_MARK:
            # Before the append: it replaces the stack.
            items = self._since_mark()
            self._stack.append(_OF_MARK[operation](items))
        elif operation in _OF_TOP:
            self._stack.append(tuple(reversed([self.pop() for _ in range(_OF_TOP[operation])])))
        elif operation not in "\x80\x95":
            # Protocol and frame are ignored; everything else is a value.
            self._stack.append(argument)

    def _top(self) -> Any:
        if not self._stack:
            raise ValueError("an operation on nothing")
        return self._stack[-1]

    def _mark(self, _: Any) -> None:
        self._below.append(self._stack)
        self._stack = []

    def _since_mark(self) -> list[Any]:
        if not self._below:
            raise ValueError("an end without its beginning")
        items, self._stack = self._stack, self._below.pop()
        return items

    def _drop(self, _: Any) -> None:
        if self._stack:
            self._stack.pop()
        else:
            self._since_mark()

    def _drop_since_mark(self, _: Any) -> None:
        self._since_mark()

    def _repeat(self, _: Any) -> None:
        self._stack.append(self._top())

    def _memorise(self, index: int | None) -> None:
        self._memo[len(self._memo) if index is None else index] = self._top()

    def _recall(self, index: int) -> None:
        self._stack.append(self._memo[index])

    def _append(self, _: Any) -> None:
        self._extend_with([self.pop()])

    def _extend(self, _: Any) -> None:
        self._extend_with(self._since_mark())

    def _extend_with(self, items: list[Any]) -> None:
        target = self._top()
        if isinstance(target, Inert):
            target.items.extend(items)
        elif isinstance(target, list):
            target.extend(items)
        else:
            raise ValueError(f"something is appended to a {type(target).__name__}")

    def _set_item(self, _: Any) -> None:
        value, key = self.pop(), self.pop()
        self._set_pairs([key, value])

    def _set_items(self, _: Any) -> None:
        self._set_pairs(self._since_mark())

    def _set_pairs(self, items: list[Any]) -> None:
        target = self._top()
        if isinstance(target, Inert):
            # The class it replaces would hash the keys.
            target.items.extend((checked_key(key), value) for key, value in _pairs(items))
        elif isinstance(target, dict):
            target.update(_paired(items))
        else:
            raise ValueError(f"something is put into a {type(target).__name__}")

    def _add_items(self, _: Any) -> None:
        items, target = self._since_mark(), self._top()
        if not isinstance(target, set):
            raise ValueError(f"something is added to a {type(target).__name__}")
        target.update(map(checked_key, items))

    def _name(self, argument: tuple[str, str]) -> None:
        self._stack.append(self._find(*argument))

    def _name_of_stack(self, _: Any) -> None:
        name, module = self.pop(), self.pop()
        if not (isinstance(module, str) and isinstance(name, str)):
            raise ValueError("a class whose name is no text")
        self._stack.append(self._find(module, name))

    def _find(self, module: str, name: str) -> Any:
        if (module, name) in self._allowed:
            return self._allowed[module, name]
        if self._inert_packages is not None and module.partition(".")[0] not in self._inert_packages:
            raise WeightsError(
                f"{self._source} wants to load {f'{module}.{name}'[:100]}, which is no part of a model: refused; "
                "get the file from its publisher"
            )
        if (module, name) not in self._classes:
            if len(self._classes) == _MAX_CLASSES:
                raise ValueError(f"more than {_MAX_CLASSES:,} classes")
            self._classes[module, name] = inert_class(module, name)
        return self._classes[module, name]

    def _call(self, _: Any) -> None:
        arguments, maker = self.pop(), self.pop()
        self._stack.append(self._made(maker, arguments))

    def _call_with_names(self, _: Any) -> None:
        named = self.pop()
        if named != {}:
            raise ValueError("an object made with named arguments")
        self._call(None)

    def _instance(self, argument: tuple[str, str]) -> None:
        """Make an object of an old-style class of Python 2."""
        arguments = tuple(self._since_mark())
        self._stack.append(self._made(self._find(*argument), arguments))

    def _object(self, _: Any) -> None:
        maker, *arguments = self._since_mark()
        self._stack.append(self._made(maker, tuple(arguments)))

    def _made(self, maker: Any, arguments: Any) -> Any:
        if not isinstance(arguments, tuple):
            raise ValueError("an object made from something else than arguments")
        self._spend(arguments)
        if self._inert_packages is None and isinstance(maker, Inert):
            # The result of a placeholder is a placeholder.
            return Inert(*arguments)
        stands_in = isinstance(maker, type) and issubclass(maker, Inert)
        if not (stands_in or isinstance(maker, FunctionType)):
            raise ValueError(f"a {getattr(maker, '__name__', type(maker).__name__)} is made that way by no model file")
        return maker(*arguments)

    def _build(self, _: Any) -> None:
        state, target = self.pop(), self._top()
        if isinstance(target, Inert):
            target.state = state
        elif isinstance(target, np.ndarray):
            self._spend(state)
            restore_array(target, state)
        elif isinstance(target, np.dtype):
            restore_dtype(target, state)
        elif not isinstance(target, OrderedDict):
            # Attributes of an ordered dictionary (torch's version metadata) are not needed.
            raise ValueError(f"a state is given to a {type(target).__name__}")

    def _spend(self, given: Any) -> None:
        """Count the arguments of a constructor: one text can be memorised and passed a million times."""
        parts = given if isinstance(given, tuple) else (given,)
        self._budget -= sum(len(part) for part in parts if isinstance(part, str | bytes | bytearray | list | tuple))
        if self._budget < 0:
            raise ValueError("it makes far more than it holds")

    def _outside(self, reference: Any) -> None:
        if self._persistent is None:
            raise WeightsError(f"{self._source} refers to things outside itself: refused; expected a plain pickle")
        self._stack.append(self._persistent(reference))

    def _outside_of_stack(self, _: Any) -> None:
        self._outside(self.pop())


def _paired(items: list[Any]) -> dict[Any, Any]:
    return {checked_key(key): value for key, value in _pairs(items)}


def _pairs(items: list[Any]) -> Iterator[tuple[Any, Any]]:
    return zip(items[::2], items[1::2], strict=True)


_HANDLERS: dict[str, Callable[[_Machine, Any], None]] = {
    "(": _Machine._mark,
    "0": _Machine._drop,
    "1": _Machine._drop_since_mark,
    "2": _Machine._repeat,
    **dict.fromkeys("pqr\x94", _Machine._memorise),
    **dict.fromkeys("ghj", _Machine._recall),
    "a": _Machine._append,
    "e": _Machine._extend,
    "s": _Machine._set_item,
    "u": _Machine._set_items,
    "\x90": _Machine._add_items,
    "c": _Machine._name,
    "\x93": _Machine._name_of_stack,
    **dict.fromkeys("R\x81", _Machine._call),
    "\x92": _Machine._call_with_names,
    "i": _Machine._instance,
    "o": _Machine._object,
    "b": _Machine._build,
    "P": _Machine._outside,
    "Q": _Machine._outside_of_stack,
}
