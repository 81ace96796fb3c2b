"""The operations of a pickle, one after another, as they stand in its bytes; none of them is carried out here.

A stream may say that a text of four gigabytes follows, or hold a number of a million digits. Nothing is taken from it
that is not there, and nothing that no model file has.
"""

import codecs
import struct
from collections.abc import Iterator
from typing import Any

MAX_OPERATIONS = 1_000_000
"""A checkpoint of 600 tensors has 30,000."""
_MAX_LINE_BYTES = 300
_MAX_INTEGER_BYTES = 128

_WITHOUT = frozenset(b"(.012NRbade}]losut)\x81\x85\x86\x87\x88\x89\x8f\x90\x91\x92\x93\x94Q")
_PACKED = {
    **dict.fromkeys(b"Khq\x80", struct.Struct("<B")),
    ord("M"): struct.Struct("<H"),
    ord("J"): struct.Struct("<i"),
    **dict.fromkeys(b"jr", struct.Struct("<I")),
    ord("G"): struct.Struct(">d"),
    ord("\x95"): struct.Struct("<Q"),
}
"""Operation -> how its one number is packed."""
_COUNTED = {
    **dict.fromkeys(b"UC\x8a\x8c", struct.Struct("<B")),
    **dict.fromkeys(b"TXB", struct.Struct("<I")),
    ord("\x8b"): struct.Struct("<I"),
    **dict.fromkeys(b"\x8d\x8e\x96", struct.Struct("<Q")),
}
"""Operation -> how the number of bytes that follow is packed."""
_LINES = {**dict.fromkeys(b"FILSVPgp", 1), **dict.fromkeys(b"ci", 2)}
"""Operation -> lines of text that follow."""


def operations(content: bytes, start: int = 0) -> Iterator[tuple[int, Any, int]]:
    """Yield the operations of a pickle up to its end, each with its argument.

    Args:
        content: of the pickle, of protocols 0 to 5; something else may follow.
        start: where it begins.

    Yields:
        (operation, argument, end): the operation's byte; a number, text, bytes, (module, name), or None; where what
        follows begins. What Python 2 wrote as text is read as latin1, which gives every byte back as it was.

    Raises:
        ValueError: for an operation that is not known, one that wants more bytes than there are, or too many of them.
    """
    stream = _Stream(content, start)
    for _ in range(MAX_OPERATIONS):
        operation = stream.take(1)[0]
        argument = _argument(operation, stream)
        yield operation, argument, stream.at
        if operation == ord("."):
            return
    raise ValueError(f"more than {MAX_OPERATIONS:,} operations")


class _Stream:
    """Bytes that are taken from the front, and never more than there are."""

    def __init__(self, content: bytes, start: int) -> None:
        self._content, self.at = content, start

    def take(self, count: int) -> bytes:
        if count > len(self._content) - self.at:
            raise ValueError(f"it ends where {count:,} bytes should follow")
        self.at += count
        return self._content[self.at - count : self.at]

    def number(self, packed: struct.Struct) -> Any:
        return packed.unpack(self.take(packed.size))[0]

    def line(self) -> bytes:
        end = self._content.find(b"\n", self.at)
        if end < 0:
            raise ValueError("it ends in the middle of a line")
        line = self._content[self.at : end]
        self.at = end + 1
        return line


def _argument(operation: int, stream: _Stream) -> Any:
    if operation in _WITHOUT:
        return None
    if operation in _PACKED:
        return stream.number(_PACKED[operation])
    if operation in _COUNTED:
        return _counted(operation, stream.take(stream.number(_COUNTED[operation])))
    if operation in _LINES:
        return _lines(operation, [stream.line() for _ in range(_LINES[operation])])
    raise ValueError(f"operation {bytes([operation])!r} is none that a model file has")


def _counted(operation: int, content: bytes) -> Any:
    match chr(operation):
        case "T" | "U":
            return content.decode("latin1")
        case "X" | "\x8c" | "\x8d":
            return content.decode("utf-8", "surrogatepass")
        case "\x8a" | "\x8b":
            if len(content) > _MAX_INTEGER_BYTES:
                raise ValueError(f"a number of {len(content):,} bytes")
            return int.from_bytes(content, "little", signed=True)
        case "\x96":
            return bytearray(content)
        case _:
            return content


def _lines(operation: int, lines: list[bytes]) -> Any:
    kind = chr(operation)
    if kind == "S":
        quoted = lines[0].strip()
        if len(quoted) < 2 or quoted[0] != quoted[-1] or quoted[:1] not in (b"'", b'"'):
            raise ValueError("a text without its quotation marks")
        return codecs.escape_decode(quoted[1:-1])[0].decode("latin1")
    if kind == "V":
        return lines[0].decode("raw_unicode_escape")
    longest = max(map(len, lines))
    if longest > _MAX_LINE_BYTES:
        raise ValueError(f"a line of {longest:,} bytes")
    texts = [line.decode("utf-8") for line in lines]
    match kind:
        case "F":
            return float(texts[0])
        case "I":
            # How protocols 0 and 1 write truth.
            return texts[0] == "01" if texts[0] in ("00", "01") else int(texts[0])
        case "L":
            return int(texts[0].removesuffix("L"))
        case "g" | "p":
            return int(texts[0])
        case "c" | "i":
            return texts[0], texts[1]
        case _:
            return texts[0]
