"""Names of files and folders that are made from anything: always one plain name, on any system."""

import hashlib
import re
import unicodedata

MAX_BYTES = 120
"""Longest name in UTF-8: it leaves room for a suffix and a temporary's marks where 143 bytes or more are allowed."""
_MARK = "~"
_DIGITS = 12
_MARKED = re.compile(rf"{_MARK}[0-9a-f]{{{_DIGITS}}}\Z")
_RESERVED = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|clock\$|(?:com|lpt)[0-9¹²³])\s*(?:\.|\Z)", re.IGNORECASE)
"""What Windows takes for a device, whatever suffix follows."""
_SPECIAL = frozenset('/\\<>:"|?*')
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""They make a name read otherwise than it is spelt."""
_BAD_CATEGORIES = ("Cc", "Cs", "Zl", "Zp")
"""Control characters, bytes that were no UTF-8, and separators of lines and paragraphs."""


def plain_name(text: str) -> str:
    """Return a name for a file or folder that is valid, and inside its folder, on any system.

    A name that is plain already is returned as it is. Any other has what cannot stand in a name replaced by "_", and a
    mark with a digest of the whole text at its end, so that different texts keep different names (two that differ only
    in case stay so, and are one file where the file system says that they are).

    Args:
        text: anything, e.g. the stem of a file or the name of a sample; bytes that were no UTF-8 as surrogates.

    Returns:
        No separator, control character or character that a system forbids; no dot or space at either end; no device of
        Windows; at least one character and at most 120 bytes of UTF-8.
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
