"""One line on a terminal that says what is going on, once it has taken longer than a second."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Protocol, runtime_checkable

from mfh.errors import printable

_PATIENCE_S = 1.0
_REDRAW_S = 0.25
_BAR_LETTERS = 24


@runtime_checkable
class Terminal(Protocol):
    """As much of a text stream as a progress line needs."""

    def write(self, text: str, /) -> object:
        """Write a text."""
        ...

    def flush(self) -> None:
        """Show what was written."""
        ...

    def isatty(self) -> bool:
        """Return whether a terminal is attached."""
        ...


class ProgressLine:
    """Keeps one line of a terminal up to date; silent anywhere else, and in the first second.

    A thread redraws it, because the longest steps are single calls into a network that report nothing.
    """

    def __init__(self, *, prefix: str = "", stream: Terminal | None = None, patience_s: float = _PATIENCE_S) -> None:
        self._prefix = prefix
        # A process may have no such stream.
        self._stream: Terminal | None = stream if stream is not None else sys.stderr
        self._patience_s = patience_s
        self._started = time.monotonic()
        self._what = ""
        self._fraction: float | None = None
        self._shown = 0
        self._finished = threading.Event()
        self._thread = threading.Thread(target=self._redraw_until_finished, daemon=True)

    def start(self) -> None:
        """Begin to draw, if the stream is a terminal."""
        # A line that cannot be drawn is no reason to stop: no terminal, or no thread to be had.
        with suppress(OSError, ValueError, RuntimeError):
            if self._stream is not None and self._stream.isatty():
                self._thread.start()

    def update(self, what: str, fraction: float | None = None) -> None:
        """Say what is being done and how far it is.

        Args:
            what: a few words.
            fraction: 0 to 1, where it is known.
        """
        self._what, self._fraction = what, fraction

    def finish(self) -> None:
        """Stop drawing and wipe the line, so that what follows starts on a clean one."""
        self._finished.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._shown:
            self._draw(" " * self._shown + "\r")

    def text(self) -> str:
        """Return the line as it would be drawn now."""
        line = printable(f"{self._prefix}{self._what} {time.monotonic() - self._started:.0f} s")
        if self._fraction is None:
            return line
        filled = round(min(max(self._fraction, 0.0), 1.0) * _BAR_LETTERS)
        return f"[{'#' * filled}{'.' * (_BAR_LETTERS - filled)}] {line}"

    def _redraw_until_finished(self) -> None:
        self._finished.wait(self._patience_s)
        while not self._finished.is_set():
            line = self.text()
            if not self._draw(line.ljust(self._shown)):
                return
            self._shown = len(line)
            self._finished.wait(_REDRAW_S)

    def _draw(self, text: str) -> bool:
        """Write over the line, and say whether that was possible."""
        stream = self._stream
        if stream is None:
            return False
        encoding = getattr(stream, "encoding", None) or "utf-8"
        try:
            stream.write("\r" + text.encode(encoding, "replace").decode(encoding))
            stream.flush()
        except (OSError, ValueError):
            return False
        return True


@contextmanager
def progress_line(*, quiet: bool = False, prefix: str = "") -> Iterator[ProgressLine]:
    """Yield a progress line and wipe it at the end, whatever happens.

    Args:
        quiet: never draw it.
        prefix: what to put before every text.

    Yields:
        The line.
    """
    line = ProgressLine(prefix=prefix)
    if not quiet:
        line.start()
    try:
        yield line
    finally:
        line.finish()
