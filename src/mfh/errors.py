"""Errors a caller can catch, and rejections that are values.

Every message names what was found, what was expected and what to do, in one line.
"""

import re
from dataclasses import dataclass

_BREAKS = re.compile(r"\s*[\t-\r\x1c-\x1f\x85\u2028\u2029]\s*")
"""White space that is no plain space, with what surrounds it."""
_UNSHOWN = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What a terminal obeys, what turns the direction of a line, and bytes that were no UTF-8."""
_LONGEST = 2000


class MfhError(Exception):
    """Base of every error this package raises on purpose; as text always one line that a terminal shows as it is."""

    def __str__(self) -> str:
        """Return the message as :func:`printable` writes it: names of files can hold anything."""
        return printable(super().__str__())


class InputError(MfhError, ValueError):
    """The caller gave something that cannot be used (a file, a number, a name)."""


class WeightsError(MfhError, RuntimeError):
    """Model files are missing, incomplete or not the ones expected."""


class BackendError(MfhError, RuntimeError):
    """A model backend, or the package it needs, cannot be used here."""


class NoLandmarkError(MfhError, RuntimeError):
    """No person was found who is usable as scale evidence: there is no metric scale.

    Attributes:
        tried: one line per thing that was tried, in order.
    """

    def __init__(self, message: str, *, tried: tuple[str, ...] = ()) -> None:
        """Keep the message and what was tried."""
        super().__init__(message)
        self.tried = tried


@dataclass(frozen=True)
class Rejected:
    """An expected failure as a value: why a person, a painting or a fit was not used."""

    reason: str


def printable(text: str) -> str:
    r"""Return text as one line of bounded length that can be shown anywhere.

    Line breaks become spaces; control characters and bytes that were no UTF-8 are written out, as "\x1b".

    Args:
        text: anything.
    """
    line = _UNSHOWN.sub(_written_out, _BREAKS.sub(" ", text)).strip()
    # Cut in the middle: the file is named at the beginning, and what was expected at the end.
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 500]} … {line[-490:]}"


def shown(path: object) -> str:
    """Return a path, or another name from outside, so that a message shows it exactly.

    Args:
        path: turned into text; its line breaks are written out too.
    """
    return _UNSHOWN.sub(_written_out, re.sub("[\u2028\u2029]", _written_out, str(path)))


def one_line(error: BaseException) -> str:
    """Return an error's message in one line; its kind where it has no message.

    Args:
        error: any error.
    """
    return printable(str(error)) or type(error).__name__


def kind_and_message(error: BaseException) -> str:
    """Return the kind and message of a library's error in one line of bounded length.

    Args:
        error: any error.
    """
    return printable(f"{type(error).__name__}: {error}")[:300]


def _written_out(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xDC80 <= code <= 0xDCFF:
        # How Python keeps a byte of a file's name that is no UTF-8.
        code -= 0xDC00
    return {10: r"\n", 13: r"\r", 9: r"\t"}.get(code, f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")
