"""Damage to any file: bits, cuts, blocks, and numbers set to their extremes."""

from collections.abc import Callable
from random import Random

Damage = Callable[[bytes, Random], tuple[bytes, str]]
"""Content and numbers to draw from -> other content, and what was done in a few words."""
EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63 - 1, 2**64 - 1)


def flip_bits(content: bytes, rng: Random) -> tuple[bytes, str]:
    """Flip a few bits; the first kilobyte, where headers are, is as likely as all the rest."""
    changed = bytearray(content)
    places = [_place(content, rng) for _ in range(rng.choice((1, 1, 2, 8, 64)))]
    for place in places:
        changed[place] ^= 1 << rng.randrange(8)
    return bytes(changed), f"bits flipped at {places[:3]}"


def set_bytes(content: bytes, rng: Random) -> tuple[bytes, str]:
    """Set a number of 1, 2, 4 or 8 bytes to an extreme."""
    size = rng.choice((1, 2, 4, 8))
    value = rng.choice(EXTREMES) % (1 << 8 * size)
    order = rng.choice(("little", "big"))
    place = _place(content, rng)
    changed = bytearray(content)
    changed[place : place + size] = value.to_bytes(size, order)
    return bytes(changed), f"{size} bytes at {place} = {value} ({order})"


def cut(content: bytes, rng: Random) -> tuple[bytes, str]:
    """Keep the beginning alone."""
    end = rng.choice((_place(content, rng), rng.randrange(len(content)), len(content) - 1, 1, 8))
    return content[:end], f"cut after {end}"


def cut_start(content: bytes, rng: Random) -> tuple[bytes, str]:
    """Lose the beginning."""
    start = rng.choice((1, 4, rng.randrange(len(content))))
    return content[start:], f"first {start} bytes lost"


def extend(content: bytes, rng: Random) -> tuple[bytes, str]:
    """Put something behind the end."""
    more = rng.choice((b"\0", b"\n", b"}", rng.randbytes(300), content, b"\0" * 70_000))
    return content + more, f"{len(more)} bytes behind the end"


def zero_block(content: bytes, rng: Random) -> tuple[bytes, str]:
    """Lose a block to zeros, as a disk does."""
    start, size = _place(content, rng), rng.choice((16, 512, 4096))
    return content[:start] + b"\0" * len(content[start : start + size]) + content[start + size :], f"zeros at {start}"


def repeat_block(content: bytes, rng: Random) -> tuple[bytes, str]:
    """Have a block twice."""
    start, size = _place(content, rng), rng.choice((1, 16, 512, 4096))
    block = content[start : start + size]
    return content[: start + size] + block + content[start + size :], f"{len(block)} bytes twice at {start}"


def drop_block(content: bytes, rng: Random) -> tuple[bytes, str]:
    """Lose a block."""
    start, size = _place(content, rng), rng.choice((1, 4, 64, 1024))
    return content[:start] + content[start + size :], f"{size} bytes dropped at {start}"


def noise(content: bytes, rng: Random) -> tuple[bytes, str]:
    """Overwrite a block with noise."""
    start, size = _place(content, rng), rng.choice((4, 64, 1024))
    return content[:start] + rng.randbytes(size) + content[start + size :], f"{size} bytes of noise at {start}"


def as_text(content: bytes, rng: Random) -> tuple[bytes, str]:
    """Carry it as text: line ends changed, as some mail programs do."""
    return content.replace(b"\n", b"\r\n"), "line ends changed"


def _place(content: bytes, rng: Random) -> int:
    return rng.randrange(min(len(content), 1024) if rng.random() < 0.5 else len(content))


ANY: tuple[Damage, ...] = (
    flip_bits,
    flip_bits,
    set_bytes,
    set_bytes,
    cut,
    cut,
    cut_start,
    extend,
    zero_block,
    repeat_block,
    drop_block,
    noise,
    as_text,
)
"""Kinds of damage to any file that is not empty."""
