"""Output files: whole or not there, under names that are valid on any system.

A file is written to a temporary name in the same folder, then renamed.
"""

import hashlib
import os
import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mfh.errors import InputError

MAX_BYTES = 120
"""Longest name in UTF-8: leaves room for a suffix and a temporary's marks where 143 bytes or more are allowed."""
_MARK = "~"
_DIGITS = 12
_MARKED = re.compile(rf"{_MARK}[0-9a-f]{{{_DIGITS}}}\Z")
_RESERVED = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|clock\$|(?:com|lpt)[0-9¹²³])\s*(?:\.|\Z)", re.IGNORECASE)
"""What Windows takes for a device, whatever suffix follows."""
_SPECIAL = frozenset('/\\<>:"|?*')
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""They change the reading direction, so that a name reads otherwise than it is spelt."""
_BAD_CATEGORIES = ("Cc", "Cs", "Zl", "Zp")
"""Control characters, bytes that were no UTF-8, and separators of lines and paragraphs."""


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path to write to; it becomes ``path`` if the block succeeds and vanishes if it does not.

    It is in the same folder, so that the rename never crosses a file system, and keeps the suffix, because writers
    choose their format by it.

    Raises:
        InputError: when the folder is missing, not writable or full.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}; choose another output folder") from error
    finally:
        # Where the folder cannot be written, this is refused too, whether it is there or not.
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def make_folder(folder: str | Path) -> None:
    """Make a folder, and those it lies in, where they are not there yet.

    Raises:
        InputError: where it cannot be made.
    """
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make {folder}: {error.strerror or error}; choose another with --out") from error


def check_writable(folder: str | Path) -> None:
    """Prove that files can be written into a folder before any work is done; it and its parents need not exist yet.

    Raises:
        InputError: when it or a parent is a file, or the nearest folder that exists refuses a file.
    """
    folder = Path(folder).absolute()
    try:
        # A link that leads nowhere is there too: no folder can be made in its place.
        existing = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
        if not os.path.isdir(existing):
            raise InputError(
                f"output folder {folder}: {existing} is a file or leads nowhere; choose another with --out"
            )
        # Only an attempt is conclusive: permission bits do not count on read-only mounts, or for root. Where the system
        # can make a file without a name, a kill leaves nothing.
        import tempfile

        with tempfile.TemporaryFile(dir=existing):
            pass
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"output folder {folder} is not writable ({reason}): choose another with --out") from error


def plain_name(text: str) -> str:
    """Return a name for a file or folder that is valid, and inside its folder, on any system.

    A plain name is returned unchanged. In any other, what cannot stand in a name is replaced by "_", and a mark with a
    digest of the whole text is added, so that different texts keep different names. Two that differ only in case stay
    so, and are one file where the file system ignores case.

    Args:
        text: such as the stem of a file or the name of a sample; bytes that were no UTF-8 as surrogates.

    Returns:
        No separator, control character or forbidden character; no dot or space at either end; no device of Windows; 1
        to 120 bytes of UTF-8.
    """
    if _is_plain(text):
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
    kept = _trimmed("".join("_" if _is_bad(one) else one for one in text))
    if not kept or _RESERVED.match(kept):
        kept = f"_{kept}"
    kept = _trimmed(kept.encode()[: MAX_BYTES - _DIGITS - len(_MARK)].decode("utf-8", "ignore"))
    return f"{kept}{_MARK}{digest}"


def _is_plain(text: str) -> bool:
    # A name that ends like a changed one is changed too, or it could be taken for that one.
    return bool(text) and not (
        any(map(_is_bad, text))
        or text != _trimmed(text)
        or _RESERVED.match(text)
        or _MARKED.search(text)
        or len(text.encode()) > MAX_BYTES
    )


def _is_bad(character: str) -> bool:
    return character in _SPECIAL or character in _TURNING or unicodedata.category(character) in _BAD_CATEGORIES


def _trimmed(text: str) -> str:
    """Return a text without spaces, of any kind, and dots at its ends."""
    start, end = 0, len(text)
    while start < end and (text[start] == "." or text[start].isspace()):
        start += 1
    while end > start and (text[end - 1] == "." or text[end - 1].isspace()):
        end -= 1
    return text[start:end]
