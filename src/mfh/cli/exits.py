"""Exit codes, and errors as one line."""

from mfh.errors import NoLandmarkError, printable

EXIT_DONE = 0
EXIT_FAULT = 1
EXIT_INPUT = 2
EXIT_NO_LANDMARK = 3
EXIT_INTERRUPTED = 130


def error_line(error: Exception) -> str:
    """Return an error's message in one line, with what was tried where the message does not say it already.

    Args:
        error: any error.
    """
    message = str(error)
    unsaid = [one for one in error.tried if one not in message] if isinstance(error, NoLandmarkError) else []
    tried = f" (tried: {'; '.join(unsaid)})" if unsaid else ""
    return printable(f"{message}{tried}") or type(error).__name__
