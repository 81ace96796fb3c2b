"""Units of depth in files of other programs."""

import re
from fractions import Fraction

from mfh.errors import InputError

UNITS = {"m": 1.0, "dm": 0.1, "cm": 0.01, "mm": 0.001, "km": 1000.0, "ft": 0.3048}
_NUMBER = re.compile(r"\d{1,12}(?:\.\d{0,12})?|\.\d{1,12}", re.ASCII)
_PER_UNIT = re.compile(rf"({_NUMBER.pattern})(?:e([+-]?\d{{1,2}})|/({_NUMBER.pattern}))?", re.IGNORECASE | re.ASCII)
"""A number as 0.001 or 1e-3, or a fraction of two: what is longer is no unit, and would take for ever to compute."""
_LEAST_M, _MOST_M = 1e-9, 1e9


def parse_unit(text: str, *, name: str = "--unit") -> float:
    """Return metres per unit of "m", "mm", "0.001" or "1/256".

    Args:
        text: a unit or a number.
        name: of the argument, for messages.

    Raises:
        InputError: for anything else.
    """
    if text in UNITS:
        return UNITS[text]
    expected = f"expected {', '.join(UNITS)}, or metres per unit such as 0.001 or 1/256"
    match = _PER_UNIT.fullmatch(text.strip())
    if match is None:
        raise InputError(f"{name} is {text!r}: {expected}")
    over = Fraction(match[3] or 1)
    if over == 0:
        raise InputError(f"{name} is {text!r}, which divides by 0: {expected}")
    metres = float(Fraction(match[1]) * Fraction(10) ** int(match[2] or 0) / over)
    if not _LEAST_M <= metres <= _MOST_M:
        raise InputError(f"{name} is {text!r}: expected {_LEAST_M:g} to {_MOST_M:g} metres per unit")
    return metres
