"""Pickles with code planted in them, and pickles whose objects are not what they say."""

import io
import pickle
import pickletools
import zipfile
from random import Random

from tests.fuzz.damage_arrays import zip_of


class _Plant:
    """Unpickles as a call of anything."""

    def __init__(self, function: object, *arguments: object) -> None:
        self._made = (function, arguments)

    def __reduce__(self):
        return self._made


def planted(rng: Random) -> bytes:
    """Return a pickle that leaves a mark where it is let."""
    import os
    import subprocess

    line = ': > "$FUZZ_MARK"'
    plants = (
        _Plant(os.system, line),
        _Plant(subprocess.call, ["sh", "-c", line]),
        _Plant(eval, "__import__('os').system(': > \"$FUZZ_MARK\"')"),
        _Plant(exec, "import os; open(os.environ['FUZZ_MARK'], 'w')"),
    )
    whole = rng.choice(
        (lambda plant: plant, lambda plant: {"state_dict": plant}, lambda plant: {"v_template": [plant]})
    )
    return pickle.dumps(whole(rng.choice(plants)), protocol=rng.choice((0, 1, 2, 4, 5)))


def pickled(content: bytes, rng: Random) -> tuple[bytes, str]:
    """Change one opcode's argument, put another object in the place of the first, or plant code."""
    which = rng.random()
    if which < 0.3:
        return planted(rng), "planted code"
    if which < 0.4:
        return content[:2] + planted(rng)[2:-1] + content[2:], "planted code in front"
    if which < 0.55:
        other = rng.choice(({}, [], None, 5, {"state_dict": {}}, {"state_dict": [1]}, {"v_template": "x"}, b"x" * 1000))
        return pickle.dumps(other, protocol=rng.choice((0, 2, 4))), f"pickle of {str(other)[:30]}"
    try:
        places = [(code.name, position) for code, _, position in pickletools.genops(content) if position]
    except Exception:
        return content[: len(content) // 2], "pickle cut in half"
    name, position = rng.choice(places)
    if which < 0.75:
        return content[:position] + bytes([rng.randrange(256)]) + content[position + 1 :], f"opcode {name} changed"
    if which < 0.9:
        size = rng.choice((1, 2, 4, 8))
        value = rng.choice((0, 2**31 - 1, 2**32 - 1, 2**63)) % (1 << 8 * size)
        at = position + 1
        return content[:at] + value.to_bytes(size, "little") + content[at + size :], f"argument of {name} = {value}"
    return content[:position] + b"." + content[position:], f"ends before {name}"


def in_archive(content: bytes, rng: Random) -> tuple[bytes, str]:
    """Change the pickle inside a torch checkpoint."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as opened:
            members = {name: opened.read(name) for name in opened.namelist()}
    except Exception:
        return content[: len(content) // 2], "checkpoint cut in half"
    name = next((name for name in members if name.endswith("data.pkl")), None)
    if name is None:
        return content[:-1], "checkpoint without a pickle cut"
    members[name], done = pickled(members[name], rng)
    return zip_of(list(members.items())), f"{name}: {done}"
