"""Damage to arrays and the archives they are in, with everything else right: headers, members, directories, shapes."""

import io
import json
import struct
import warnings
import zipfile
from random import Random

import numpy as np

from tests.fuzz.damage_trees import change_tree

_SHAPES = (
    "()",
    "(0,)",
    "(1,)",
    "(-1,)",
    "(-3, -4)",
    "(0, 0)",
    "(2**40,)",
    "(99999999999, 99999999999)",
    "(4611686018427387904, 4)",
    "(9223372036854775807,)",
    "(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1)",
    "'x'",
    "(1.5, 2)",
    "None",
    "(True, 3)",
)
_DTYPES = ("|O", "<f4", ">f8", "<f2", "<c16", "|b1", "<U5", "|S3", "<M8[s]", "|V8", "<i8", "<q99", "nonsense", "<f16")


def npy_bytes(array: np.ndarray, *, header: str = "") -> bytes:
    """Return an npy file, with a header of one's own where one is given."""
    if not header:
        stream = io.BytesIO()
        np.lib.format.write_array(stream, array, allow_pickle=True)
        return stream.getvalue()
    text = header.encode("latin1")
    text += b" " * (63 - (10 + len(text)) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + array.tobytes()


def npy(content: bytes, rng: Random) -> tuple[bytes, str]:
    """Change shape, type or values of an array."""
    try:
        array = np.load(io.BytesIO(content), allow_pickle=False)
    except Exception:
        return content[: len(content) // 2], "npy cut in half"
    which = rng.randrange(4)
    if which == 0:
        shape = rng.choice(_SHAPES)
        header = f"{{'descr': {array.dtype.str!r}, 'fortran_order': False, 'shape': {shape}, }}"
        return npy_bytes(array, header=header), f"npy shape {shape}"
    if which == 1:
        dtype = rng.choice(_DTYPES)
        order = rng.choice(("False", "True", "2", "[]"))
        header = f"{{'descr': {dtype!r}, 'fortran_order': {order}, 'shape': {array.shape}, }}"
        return npy_bytes(array, header=header), f"npy dtype {dtype}, fortran_order {order}"
    if which == 2:
        header = rng.choice(
            (
                "[" * 5000,
                "{'descr': '<f4'}",
                "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3,)}",
                "{'descr': [('a', '|O')] * 3, 'fortran_order': False, 'shape': (3,)}",
                "__import__('os').system('gs')",
                "9" * 6000,
                "{'descr': '<f4', 'fortran_order': False, 'shape': (" + "1," * 3000 + ")}",
            )
        )
        return npy_bytes(array, header=header), f"npy header {header[:30]}"
    changed, done = change_array(array, rng)
    return npy_bytes(changed), done


def change_array(array: np.ndarray, rng: Random) -> tuple[np.ndarray, str]:
    """Return an array of other values, shape or type, valid as a file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _changed(array, rng)


def _changed(array: np.ndarray, rng: Random) -> tuple[np.ndarray, str]:
    if array.dtype.kind not in "biuf" or array.ndim == 0:
        return np.array(rng.choice(("", "[]", "9" * 50, "\N{SNOWMAN}"))), "array replaced by a text"
    changed = array.copy()
    if array.size and rng.random() < 0.5:
        values = (np.nan, np.inf, -np.inf, 0, -1, 1e38, 1e300, 2**31, 255)
        value = rng.choice(values)
        some = rng.choice((slice(None), slice(0, 1), slice(None, None, 7)))
        if array.dtype.kind != "f" and not np.isfinite(value):
            changed = changed.astype(np.float64)
        if changed.dtype.kind in "iu":
            value = int(value) % (1 << 8 * changed.dtype.itemsize - 1)
        changed.reshape(-1)[some] = value
        return changed, f"values {some} = {value}"
    which = rng.randrange(7)
    if which == 0:
        return np.zeros((0, *array.shape[1:]), array.dtype), "no rows"
    if which == 1:
        return changed[..., None], "one more axis"
    if which == 2:
        return changed.reshape(-1), "flat"
    if which == 3:
        return changed[: max(1, len(changed) // 2)], "half of it"
    if which == 4:
        dtype = rng.choice((np.float64, np.float16, np.int64, np.uint8, np.complex128, bool, np.int32))
        return changed.astype(dtype), f"as {np.dtype(dtype).name}"
    if which == 5:
        return np.concatenate([changed, changed]), "twice"
    return changed.T.copy(), "transposed"


def archive(content: bytes, rng: Random) -> tuple[bytes, str]:
    """Change one member of a zip archive, which members there are, or what its directory says."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as opened:
            members = [(info, opened.read(info)) for info in opened.infolist()]
    except Exception:
        return content[: len(content) // 2], "zip cut in half"
    if not members:
        return content + b"x", "empty zip extended"
    which = rng.randrange(8)
    if which < 4:
        k = rng.randrange(len(members))
        info, member = members[k]
        changed, done = _member(info.filename, member, rng)
        members[k] = (info, changed)
        return zip_of([(info.filename, data) for info, data in members], rng), f"{info.filename}: {done}"
    names = [(info.filename, data) for info, data in members]
    if which == 4:
        k = rng.randrange(len(names))
        return zip_of([*names[:k], *names[k + 1 :]], rng), f"zip without {names[k][0]}"
    if which == 5:
        extra = rng.choice(
            (
                ("../../escaped.npy", names[0][1]),
                ("/escaped.npy", names[0][1]),
                (names[0][0], b""),
                ("bomb.npy", b"\0" * 50_000_000),
                ("x" * 60_000, b""),
                ("\x1b[31m.npy", b"x"),
            )
        )
        return zip_of([*names, extra], rng), f"zip with {extra[0][:20]!r} too"
    if which == 6:
        # Lengths in the central directory that lie.
        at = content.rfind(b"PK\x01\x02")
        place, form = rng.choice(((20, "I"), (24, "I"), (28, "H"), (30, "H"), (42, "I"), (10, "H"), (8, "H")))
        value = rng.choice((0, 1, 99, 2**16 - 1)) if form == "H" else rng.choice((0, 1, 2**31, 2**32 - 1))
        packed = struct.pack(f"<{form}", value)
        at += place
        return content[:at] + packed + content[at + len(packed) :], f"zip directory byte {place} = {value}"
    at = content.rfind(b"PK\x05\x06")
    place = rng.choice((8, 10, 12, 16, 20))
    value = rng.choice((0, 1, 65_535))
    at += place
    return content[:at] + struct.pack("<H", value) + content[at + 2 :], f"zip end byte {place} = {value}"


def zip_of(members: list[tuple[str, bytes]], rng: Random | None = None) -> bytes:
    """Return a zip archive, the same bytes at any time of day.

    Args:
        members: names and contents.
        rng: draws whether they are compressed; None for not.
    """
    stream = io.BytesIO()
    method = zipfile.ZIP_STORED if rng is None else rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    with warnings.catch_warnings(), zipfile.ZipFile(stream, "w") as written:
        # Two members of one name are wanted.
        warnings.simplefilter("ignore")
        for name, data in members:
            written.writestr(zipfile.ZipInfo(name), data, method)
    return stream.getvalue()


def _member(name: str, member: bytes, rng: Random) -> tuple[bytes, str]:
    from tests.fuzz.damage import damage

    if name.endswith(".npy"):
        try:
            array = np.load(io.BytesIO(member), allow_pickle=False)
        except Exception:
            return damage(member, rng)
        if array.dtype.kind == "U" and array.ndim == 0 and rng.random() < 0.9:
            text, done = change_tree(str(array), rng)
            return npy_bytes(np.array(text)), done
        if array.dtype == np.uint8 and array.ndim == 1 and rng.random() < 0.7:
            inner, done = damage(array.tobytes(), rng)
            return npy_bytes(np.frombuffer(inner, np.uint8)), done
        return npy(member, rng)
    return damage(member, rng)


def safetensors(content: bytes, rng: Random) -> tuple[bytes, str]:
    """Change the header of a safetensors file, its length right again."""
    try:
        (size,) = struct.unpack("<Q", content[:8])
        header = json.loads(content[8 : 8 + size])
    except Exception:
        return content[: len(content) // 2], "safetensors cut in half"
    rest = content[8 + size :]
    which = rng.randrange(5)
    if which == 0:
        lie = rng.choice((0, 1, size - 1, size + 1, 2**31, 2**63, 2**64 - 1))
        return struct.pack("<Q", lie) + content[8:], f"safetensors header of {lie} bytes"
    if which == 1:
        text, done = change_tree(json.dumps(header), rng)
    else:
        name = rng.choice(list(header))
        entry = header[name]
        if name == "__metadata__" or not isinstance(entry, dict):
            key = rng.choice(list(entry)) if isinstance(entry, dict) and entry else name
            value = rng.choice(("", "[]", "{", '{"backbone_depth": 999999999}', '{"x": 1}', "9" * 5000, "null"))
            header[name] = {**entry, key: value} if isinstance(entry, dict) else value
            done = f"{key} = {value[:30]}"
        elif which == 2:
            entry["shape"] = rng.choice(([], [0], [-1], [2**40, 2**40], [1.5], "x", [2**63], None))
            done = f"{name} has shape {entry['shape']}"
        elif which == 3:
            entry["data_offsets"] = rng.choice(([0, 0], [0, 2**62], [-4, 0], [8, 4], [], "x", [0, 4, 8]))
            done = f"{name} at {entry['data_offsets']}"
        else:
            entry["dtype"] = rng.choice(("F64", "F16", "BF16", "I64", "BOOL", "F8_E4M3", "X", 5, None))
            done = f"{name} of {entry['dtype']}"
        text = json.dumps(header)
    packed = text.encode("utf-8", "surrogatepass")
    return struct.pack("<Q", len(packed)) + packed + rest, f"safetensors: {done}"
