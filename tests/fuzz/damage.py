"""Damage to a file by what it is, told by its first bytes: generic, or with everything right but one thing."""

from collections.abc import Sequence
from pathlib import Path
from random import Random

from tests.fuzz import damage_arrays, damage_bytes, damage_pickles, damage_pictures, damage_trees
from tests.fuzz.damage_bytes import Damage
from tests.fuzz.foreign import FOREIGN, put_in_place

_SPECIFIC_SHARE, _FOREIGN_SHARE, _PLACE_SHARE, _SPLICE_SHARE = 0.6, 0.12, 0.05, 0.05


def damage(content: bytes, rng: Random) -> tuple[bytes, str]:
    """Return other content, and what was done in a few words.

    Args:
        content: of a file.
        rng: numbers to draw from.
    """
    done = []
    for _ in range(rng.choices((1, 2, 4), (80, 15, 5))[0]):
        if not content:
            content, what = b"\0", "one zero byte"
        else:
            specific = _specific(content)
            one = rng.choice(specific) if specific and rng.random() < _SPECIFIC_SHARE else rng.choice(damage_bytes.ANY)
            content, what = one(content, rng)
        done.append(what)
    return content, ", ".join(done)


def damage_file(path: Path, rng: Random, *, donors: Sequence[Path] = ()) -> str:
    """Damage a file where it lies: change it, or put something else there.

    Args:
        path: the file.
        rng: numbers to draw from.
        donors: other files, to splice with.

    Returns:
        What was done, in a few words.
    """
    which = rng.random()
    if which < _PLACE_SHARE:
        return put_in_place(path, rng)
    content = path.read_bytes()
    which -= _PLACE_SHARE
    if which < _FOREIGN_SHARE:
        name, make = rng.choice(FOREIGN)
        path.write_bytes(make(rng))
        return f"replaced by {name}"
    which -= _FOREIGN_SHARE
    if which < _SPLICE_SHARE and donors:
        donor = rng.choice(list(donors))
        other = donor.read_bytes()
        at, rest = rng.randrange(len(content) + 1), rng.randrange(len(other) + 1)
        path.write_bytes(content[:at] + other[rest:])
        return f"first {at} bytes, then {donor.name} from {rest}"
    changed, done = damage(content, rng)
    path.write_bytes(changed)
    return done


def _specific(content: bytes) -> tuple[Damage, ...]:
    """Return the kinds of damage that suit a file."""
    start = content[:8]
    if start == b"\x89PNG\r\n\x1a\n":
        return (damage_pictures.png,)
    if start[:2] == b"\xff\xd8":
        return (damage_pictures.jpeg,)
    if start[:4] in (b"II*\0", b"MM\0*"):
        return (damage_pictures.tiff,)
    if start[:6] == b"\x93NUMPY":
        return (damage_arrays.npy,)
    if start[:2] == b"PK":
        both = (damage_arrays.archive, damage_pickles.in_archive)
        return both if b"data.pkl" in content else (damage_arrays.archive,)
    if len(content) > 9 and content[8:9] == b"{" and not content[:1].isspace() and content[0:1] not in b"{[":
        return (damage_arrays.safetensors,)
    if start[:1] == b"\x80" or start[:2] in (b"(d", b"(l"):
        return (damage_pickles.pickled,)
    text = content[:4096]
    if text.lstrip()[:1] in (b"{", b"[") and b"}\n{" not in text:
        return (damage_trees.json_file,)
    if b"\0" not in text and text.isascii():
        return (damage_trees.lines_file,)
    return ()
