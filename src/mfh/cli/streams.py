"""Standard streams that can be written to whatever they are: closed, full, a pipe without a reader, of few letters.

What cannot be printed is dropped and remembered, and the work goes on: its files are worth more than its table. Letters
that a stream does not have become question marks.
"""

import errno
import io
import os
import sys
import time
from typing import TextIO

_PATIENCE_S = 0.01


class _Lossy(io.RawIOBase):
    """A file descriptor that takes everything, and keeps the first error it met."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self.failure: OSError | None = None

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def write(self, data, /) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        while self.failure is None:
            try:
                return os.write(self._descriptor, data)
            except BlockingIOError:
                # It was made non-blocking, and it is full for now.
                time.sleep(_PATIENCE_S)
            except OSError as error:
                self.failure = error
        return len(data)


_printed: _Lossy | None = None


def look_after() -> None:
    """Replace the process's output streams by ones that never fail, and open those that are closed."""
    global _printed
    _open_closed_descriptors()
    if os.name != "posix":
        # A Windows console takes text, not bytes.
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="replace")
        return
    _printed = _Lossy(1)
    sys.stdout = _text(_printed, sys.stdout)
    sys.stderr = _text(_Lossy(2), sys.stderr)


def finish(code: int) -> int:
    """Write out what is left, and say where something could not be printed.

    Args:
        code: the exit code otherwise.

    Returns:
        The exit code. A reader that has gone away has what it wanted; anything else is worth a line and code 2.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    failure = None if _printed is None else _printed.failure
    if failure is None or failure.errno == errno.EPIPE:
        return code
    print(f"mfh: cannot print to standard output ({failure.strerror}): some of it is lost", file=sys.stderr, flush=True)
    return code or 2


def _open_closed_descriptors() -> None:
    """Open what stands for a closed standard stream: else the next file opened would be taken for it."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            # Not for writing, so that what is printed is known to be lost. The lowest free number is taken.
            os.open(os.devnull, os.O_RDONLY)


def _text(raw: _Lossy, old: TextIO | None) -> io.TextIOWrapper:
    encoding = getattr(old, "encoding", None) or "utf-8"
    return io.TextIOWrapper(
        io.BufferedWriter(raw), encoding=encoding, errors="replace", line_buffering=raw.isatty() or raw.fileno() == 2
    )
