"""Errors a caller can catch, and rejections that are values.

Every message names what was found, what was expected and what to do, in one line.
"""

from dataclasses import dataclass


class MfhError(Exception):
    """Base of every error this package raises on purpose."""


class InputError(MfhError, ValueError):
    """The caller gave something that cannot be used (a file, a number, a name)."""


class WeightsError(MfhError, RuntimeError):
    """Model files are missing, incomplete or not the ones expected."""


class BackendError(MfhError, RuntimeError):
    """A model backend, or the package it needs, cannot be used here."""


class NoLandmarkError(MfhError, RuntimeError):
    """No person was found whose metres could be trusted: there is no metric scale.

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


def one_line(error: BaseException) -> str:
    """Return an error's message in one line; its kind where it has no message.

    Args:
        error: any error.
    """
    return " ".join(str(error).split()) or type(error).__name__


def kind_and_message(error: BaseException) -> str:
    """Return the kind and message of a library's error in one line of bounded length.

    Args:
        error: any error.
    """
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
