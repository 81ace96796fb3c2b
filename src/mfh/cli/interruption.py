"""Ctrl-C at any moment: one line and code 130.

While the command works it is an exception, as ever, so that what is half written is swept and what is measured is
kept. Where an exception would be lost, or break what it meets, the process ends at once instead: while something is
being imported, in a callback whose errors are lost, a second time, and once the command is done.
"""

# The module behind signal, which would import a dozen others before the first signal could be met.
import _signal as signal
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import NoReturn

EXIT_INTERRUPTED = 130
LINE = "interrupted; files already written are whole"
_PATIENCE = 3
_IMPORTING = "<frozen importlib._bootstrap>"


class _State:
    """How far the process is."""

    expects_json = False
    raises = False
    interrupted = False
    finished: "int | None" = None
    held = False
    waiting = 0


class Undisturbed:
    """A block that Ctrl-C waits for: printing an object, which is whole or not there. The third time it does not."""

    def __enter__(self) -> None:
        """Begin to wait."""
        _State.held, _State.waiting = True, 0

    def __exit__(self, *_: object) -> None:
        """Do what Ctrl-C asked for meanwhile."""
        _State.held = False
        if _State.waiting:
            _State.interrupted = True
            raise KeyboardInterrupt


def look_after(*, expects_json: bool) -> None:
    """Take over Ctrl-C, unless it is ignored or another program's already.

    Args:
        expects_json: whether an object is to be printed whatever happens.
    """
    _State.expects_json = expects_json
    # A command in the background of a shell is started with the signal ignored, and it stays so.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _on_signal)
        sys.unraisablehook = _on_unraisable


def raise_it(whether: bool) -> None:
    """Say whether Ctrl-C is to be an exception from now on.

    Args:
        whether: there is something that catches it.
    """
    _State.raises = whether


def leave_with(code: int) -> None:
    """Say that all is done: Ctrl-C comes too late from now on.

    Args:
        code: the exit code.
    """
    _State.finished = code
    if signal.getsignal(signal.SIGINT) is _on_signal:
        # Python gives signals back to the system on its way out, which would end the process with another code.
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def leave() -> "NoReturn":
    """End the process with one line, without another step of what it was doing."""
    for descriptor, text in ((1, _object() if _State.expects_json else ""), (2, f"mfh: {LINE}\n")):
        try:
            os.write(descriptor, text.encode())
        except OSError:
            # No reader is left.
            pass
    os._exit(EXIT_INTERRUPTED)


def _on_signal(_number: int, frame: "FrameType | None") -> None:
    if _State.finished is not None:
        os._exit(_State.finished)
    if _State.held:
        _State.waiting += 1
        if _State.waiting < _PATIENCE:
            return
    if _State.interrupted or not _State.raises or _is_importing(frame):
        leave()
    _State.interrupted = True
    raise KeyboardInterrupt


def _on_unraisable(unraisable: "sys.UnraisableHookArgs") -> None:
    if issubclass(unraisable.exc_type, KeyboardInterrupt):
        leave()
    sys.__unraisablehook__(unraisable)


def _is_importing(frame: "FrameType | None") -> bool:
    while frame is not None:
        if frame.f_code.co_filename == _IMPORTING:
            return True
        frame = frame.f_back
    return False


def _object() -> str:
    """Return the object to print, with what was measured so far; nothing where one is printed already."""
    answer = sys.modules.get("mfh.cli.json_answer")
    # It may itself be what was being imported, or wait for the imports that come after it.
    if not getattr(answer, "is_begun", bool)():
        return f'{{"photos": [], "error": "{LINE}"}}\n'
    return sys.modules["mfh.cli.json_answer"].failure_text(LINE)
