"""Exit codes, and errors as one line."""

from mfh.errors import NoLandmarkError

EXIT_DONE = 0
EXIT_FAULT = 1
EXIT_INPUT = 2
EXIT_NO_LANDMARK = 3
EXIT_INTERRUPTED = 130


def error_line(error: Exception) -> str:
    """Return an error's message in one line, with what was tried where it says so.

    Args:
        error: any error.
    """
    tried = f" (tried: {'; '.join(error.tried)})" if isinstance(error, NoLandmarkError) and error.tried else ""
    return " ".join(f"{error}{tried}".split()) or type(error).__name__
