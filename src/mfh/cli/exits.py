"""Exit codes, and errors as one line."""

import os
from pathlib import Path

from mfh.cli.interruption import EXIT_INTERRUPTED as EXIT_INTERRUPTED
from mfh.errors import MfhError, NoLandmarkError, one_line, printable

EXIT_DONE = 0
EXIT_FAULT = 1
EXIT_INPUT = 2
EXIT_NO_LANDMARK = 3
_CV_NO_MEMORY = -4


def error_line(error: Exception) -> str:
    """Return an error's message in one line, with what was tried where the message does not say it already.

    Args:
        error: any error.
    """
    message = str(error)
    unsaid = [one for one in error.tried if one not in message] if isinstance(error, NoLandmarkError) else []
    tried = f" (tried: {'; '.join(unsaid)})" if unsaid else ""
    return printable(f"{message}{tried}") or type(error).__name__


def failure_line(error: Exception, *, about: str = "") -> tuple[str, int]:
    """Return the line and the exit code of whatever a command met.

    Args:
        error: any error: of this package, of the system, or an unexpected one.
        about: what it happened to, e.g. a photo; errors of this package name it themselves.

    Raises:
        Exception: the error itself, where it is unexpected and MFH_TRACEBACK is set.
    """
    prefix = f"{about}: " if about else ""
    if isinstance(error, MfhError):
        return error_line(error), EXIT_NO_LANDMARK if isinstance(error, NoLandmarkError) else EXIT_INPUT
    if isinstance(error, MemoryError) or _is_a_library_s_memory_error(error):
        return f"{prefix}this needs more memory than there is: expected a smaller photo, or more memory", EXIT_INPUT
    if isinstance(error, OSError):
        return prefix + _system_line(error), EXIT_INPUT
    if os.environ.get("MFH_TRACEBACK"):
        raise error
    fault = f"{prefix}{type(error).__name__}: {error_line(error)}"
    return f"{fault}; this is a fault in mfh, please report it (MFH_TRACEBACK=1 shows where)", EXIT_FAULT


def _system_line(error: OSError) -> str:
    """Say what the system refused."""
    if isinstance(error, FileNotFoundError) and not _has_working_folder():
        return "the folder this runs in no longer exists: expected to be started in one that does"
    named = f"{error.filename}: " if error.filename is not None else ""
    return f"the system refused: {named}{error.strerror or one_line(error)}"


def _has_working_folder() -> bool:
    try:
        Path.cwd()
    except OSError:
        return False
    return True


def _is_a_library_s_memory_error(error: Exception) -> bool:
    if isinstance(error, ImportError):
        # What the loader says of a shared library for which there is no room.
        return "failed to map segment" in str(error) or "cannot allocate memory" in str(error).lower()
    # By name: OpenCV is not imported for a message.
    return type(error).__module__ == "cv2" and getattr(error, "code", None) == _CV_NO_MEMORY
