"""The one JSON object that a command prints with ``--json``, also where it fails.

A command notes each photo when it is done and prints its object at the end. Where it does not come to that, the object
has what was noted and the error.
"""

import json
import sys
from collections.abc import Sequence

from mfh.cli.interruption import Undisturbed
from mfh.io.json_text import json_text


class _Answer:
    """What the running command was asked for, and what it has printed."""

    begun = False
    expected = False
    printed = False
    photos: "list[dict[str, object]]" = []


def expect(words: Sequence[str]) -> None:
    """Begin a command.

    Args:
        words: its command line.
    """
    options = words[: words.index("--")] if "--" in words else words
    _Answer.begun = True
    _Answer.expected, _Answer.printed, _Answer.photos = "--json" in options, False, []


def is_begun() -> bool:
    """Return whether the command line of this process is known here."""
    return _Answer.begun


def note_photo(tree: dict[str, object]) -> None:
    """Keep the object of a photo until all are printed, where they are going to be.

    Args:
        tree: of plain values.
    """
    if _Answer.expected:
        _Answer.photos.append(tree)


def print_photos() -> None:
    """Print the object of all photos noted."""
    print_json({"photos": _Answer.photos})


def print_json(tree: dict[str, object]) -> None:
    """Print one JSON object.

    Args:
        tree: of plain values.
    """
    text = _text(tree)
    with Undisturbed():
        _Answer.printed = True
        print(text, flush=True)


def print_failure(line: str) -> None:
    """Print the object of a command that failed, where one is expected and none is printed yet.

    Args:
        line: the error.
    """
    text = failure_text(line)
    if text:
        with Undisturbed():
            _Answer.printed = True
            print(text, end="", flush=True)


def failure_text(line: str) -> str:
    """Return the line of JSON of a command that failed; empty where none is expected, or one is printed.

    Args:
        line: the error.
    """
    if _Answer.printed or not _Answer.expected:
        return ""
    return _text({"photos": _Answer.photos, "error": line}) + "\n"


def _text(tree: dict[str, object]) -> str:
    text = json_text(tree)
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        # A stream of few letters: escapes say the same.
        return json.dumps(tree, indent=2, allow_nan=False)
    return text
