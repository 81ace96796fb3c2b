"""EXR maps: written here, and decoded in a process of their own: this file run as a script.

The decoder is the Academy's (package OpenEXR, the exr extra). A library in C++ may end the process that runs it when a
file is damaged, and writes to its standard streams; here it can do neither to ours. The script is run by its path: a
path in, an npy or one line of refusal out. It imports nothing of this package, so the reader imports it where it is
called.
"""

import io
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

_TIMEOUT_S = 60.0
"""A hundred megapixels take a few seconds."""
_REFUSED = 3
"""Exit code with which the output is a reason in words."""
_LENGTH = 8
"""Bytes of a length in the output."""


def read_exr(path: Path, *, what: str, expected: str, names: Sequence[str]) -> np.ndarray:
    """Read one channel of an EXR file, scanlines or tiles, of any compression.

    Args:
        path: the file.
        what: the file is, for messages.
        expected: what it should be, for messages.
        names: of the channel, without its layer, in a file with several, in order of preference; Z (of depth), Y and V
            come after them, then red, green and blue that are all alike.

    Returns:
        (h, w) float16, float32 or uint32 of the display window; NaN where the file has no pixels.

    Raises:
        InputError: for a file that is not such a map, or where the exr extra is not installed.
    """
    from mfh.io.reading import read_array_bytes, reading

    usual = ("z", "y", "v") if any("depth" in name for name in names) else ("y", "v")
    wanted = dict.fromkeys([*(name.lower() for name in names), *usual])
    content = _decoded(path, what=what, expected=expected, arguments=[",".join(wanted)])
    with reading(path, what=what, expected=expected):
        return read_array_bytes(content)


def read_exr_parts(
    path: Path, *, what: str, expected: str, attribute: str, names: Sequence[str]
) -> tuple[str | None, dict[str, np.ndarray]]:
    """Read a text of the header, and the channels of exactly these names.

    Args:
        path: the file.
        what: the file is, for messages.
        expected: what it should be, for messages.
        attribute: name of the text.
        names: of the channels.

    Returns:
        The text, None where there is none, and then no channel is read; the channels that are there, by name.

    Raises:
        InputError: as :func:`read_exr`.
    """
    from mfh.io.reading import read_array_bytes, reading

    content = _decoded(path, what=what, expected=expected, arguments=[",".join(names), attribute])
    with reading(path, what=what, expected=expected):
        text, *arrays = [read_array_bytes(piece) for piece in _pieces(content)]
        found = {name: one for name, one in zip(names, arrays, strict=False) if one.size}
        return str(text) or None, found


def write_exr(path: Path, channels: Mapping[str, np.ndarray], *, attributes: Mapping[str, str]) -> None:
    """Write (h, w) float32 channels, losslessly packed, with texts in the header.

    Raises:
        InputError: where the exr extra is not installed, or the file cannot be written.
    """
    from mfh.errors import InputError, shown
    from mfh.io.atomic import atomic_path

    check_installed(f"{shown(path)} is EXR")
    import OpenEXR

    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage, **attributes}
    with atomic_path(path) as temporary:
        try:
            OpenEXR.File(header, dict(channels)).write(str(temporary))
        except RuntimeError as error:
            raise InputError(f"cannot write {shown(path)}: {error!s:.200}") from error


def check_installed(about: str) -> None:
    """Refuse where the exr extra is not installed.

    Args:
        about: what needs it, for the message.

    Raises:
        InputError: saying how to install it.
    """
    from mfh.errors import InputError

    if find_spec("OpenEXR") is None:
        raise InputError(f"{about}, which needs one more package: pip install 'metric-from-human[exr]'")


def _decoded(path: Path, *, what: str, expected: str, arguments: Sequence[str]) -> bytes:
    """Return what the script writes for a file."""
    from mfh.errors import InputError
    from mfh.io.pictures import MAX_PIXELS
    from mfh.io.reading import MAX_ARRAY_BYTES, check_file, reading

    check_file(path, what=what, expected=expected)
    check_installed(f"{what} {path} is EXR")
    # -P: nothing is imported from the current folder.
    command = [sys.executable, "-P", __file__, str(path), str(MAX_PIXELS), str(MAX_ARRAY_BYTES), *arguments]
    with reading(path, what=what, expected=expected):
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise ValueError(f"decoding it took more than {_TIMEOUT_S:g} s") from error
        if done.returncode != 0:
            refused = done.returncode == _REFUSED
            reason = done.stdout.decode("utf-8", "replace") if refused else f"its decoder ended with {done.returncode}"
            raise InputError(f"{what} {path} cannot be read ({reason}): expected {expected}")
    return done.stdout


def _pieces(content: bytes) -> Iterator[bytes]:
    """Yield what :func:`main` put one after the other."""
    start = 0
    while start < len(content):
        size = int.from_bytes(content[start : start + _LENGTH], "little")
        yield content[start + _LENGTH : start + _LENGTH + size]
        start += _LENGTH + size


def main() -> int:
    """Decode the file the arguments name and write the channel they want to the standard output.

    With the name of an attribute, write that and all channels, each after its length.
    """
    path, max_pixels, max_bytes, wanted, *attribute = sys.argv[1:]
    limits = {"max_pixels": int(max_pixels), "max_bytes": int(max_bytes)}
    # The library writes remarks to both standard streams.
    with os.fdopen(os.dup(1), "wb") as output:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        try:
            if attribute:
                for values in decode_parts(path, attribute[0], wanted.split(","), **limits):
                    content = _npy(values)
                    output.write(len(content).to_bytes(_LENGTH, "little"))
                    output.write(content)
            else:
                output.write(_npy(decode(path, wanted.split(","), **limits)))
        except Exception as error:
            output.write(" ".join(f"{error or type(error).__name__}".split())[:300].encode("utf-8", "replace"))
            return _REFUSED
    return 0


def decode(path: str, wanted: Sequence[str], *, max_pixels: int, max_bytes: int) -> np.ndarray:
    """Return one channel of an EXR file, placed in its display window.

    Args:
        path: the file.
        wanted: names of channels without their layer, lower case, in order of preference.
        max_pixels: of one channel, of the display window, and of a tile.
        max_bytes: of all channels together.

    Returns:
        (h, w) float16, float32 or uint32.

    Raises:
        ValueError, RuntimeError: for a file that cannot be read, has no such channel, or exceeds a limit, before
        decoding.
    """
    import OpenEXR

    with OpenEXR.File(path, separate_channels=True, header_only=True) as file:
        # Closing the file empties them.
        headers = [dict(file.header(part)) for part in range(len(file.parts))]
    _check_sizes(headers, max_pixels, max_bytes)
    whole = [(part, one.name) for part, header in enumerate(headers) for one in header["channels"] if _is_whole(one)]
    chosen = choose_channel(whole, wanted)
    with OpenEXR.File(path, separate_channels=True) as file:
        pixels = [np.asarray(file.channels(part)[name].pixels) for part, name in chosen]
    if not all(np.array_equal(one, pixels[0], equal_nan=one.dtype.kind == "f") for one in pixels):
        raise ValueError(f"its channels {_listed(chosen)} differ: expected one channel, or three that are alike")
    return _in_display_window(pixels[0], headers[chosen[0][0]])


def decode_parts(
    path: str, attribute: str, names: Sequence[str], *, max_pixels: int, max_bytes: int
) -> list[np.ndarray]:
    """Return a text of the first part's header, and the channels of these names; empty arrays for what is not there.

    Args:
        path: the file.
        attribute: name of the text.
        names: of the channels.
        max_pixels: as of :func:`decode`.
        max_bytes: as of :func:`decode`.

    Returns:
        A () text, and one array a channel.

    Raises:
        ValueError, RuntimeError: as :func:`decode`.
    """
    import OpenEXR

    with OpenEXR.File(path, separate_channels=True, header_only=True) as file:
        header = dict(file.header(0))
    _check_sizes([header], max_pixels, max_bytes)
    text = header.get(attribute)
    if not isinstance(text, str):
        return [np.array("")]
    found = [np.array(text)]
    with OpenEXR.File(path, separate_channels=True) as file:
        channels = file.channels(0)
        for name in names:
            one = _in_display_window(np.asarray(channels[name].pixels), header) if name in channels else np.empty(0)
            found.append(one)
    return found


def choose_channel(channels: Sequence[tuple[int, str]], wanted: Sequence[str]) -> list[tuple[int, str]]:
    """Return the channel that holds the map (the only one, or one of the wanted names), or red, green and blue.

    Channels are part and name; wanted names are without their layer, lower case, in order of preference.

    Raises:
        ValueError: where there is no such channel, or several.
    """
    if len(channels) == 1:
        return list(channels)
    bare = [name.rpartition(".")[2].lower() for _, name in channels]
    for name in wanted:
        found = [channel for channel, one in zip(channels, bare, strict=True) if one == name]
        if len(found) == 1:
            return found
        if found:
            raise ValueError(f"it has several channels named {name} ({_listed(found)}): expected one")
    if sorted(bare) in (["b", "g", "r"], ["a", "b", "g", "r"]):
        return [channel for channel, one in zip(channels, bare, strict=True) if one != "a"]
    raise ValueError(f"it has the channels {_listed(channels)}: expected one, or one named {', '.join(wanted)}")


def _check_sizes(headers: Sequence[dict[str, Any]], max_pixels: int, max_bytes: int) -> None:
    """Refuse what would not fit before anything is decoded."""
    total = 0
    for header in headers:
        for window in ("dataWindow", "displayWindow"):
            columns, rows = _size(header[window])
            if not (columns > 0 and rows > 0 and columns * rows <= max_pixels):
                raise ValueError(f"it has {columns}x{rows} pixels: expected 1 to {max_pixels:,}")
        tiles = header.get("tiles")
        if tiles is not None and tiles.xSize * tiles.ySize > max_pixels:
            raise ValueError(f"its tiles have {tiles.xSize}x{tiles.ySize} pixels: expected at most {max_pixels:,}")
        columns, rows = _size(header["dataWindow"])
        total += columns * rows * 4 * len(header["channels"])
    if total > max_bytes:
        raise ValueError(
            f"its channels have up to {total:,} bytes, {max_bytes:,} at most are read: keep the depth alone"
        )


def _npy(values: np.ndarray) -> memoryview:
    content = io.BytesIO()
    np.save(content, values)
    return content.getbuffer()


def _is_whole(channel: Any) -> bool:
    return channel.xSampling == 1 and channel.ySampling == 1


def _size(window: tuple[np.ndarray, np.ndarray]) -> tuple[int, int]:
    (left, top), (right, bottom) = (corner.tolist() for corner in window)
    return right - left + 1, bottom - top + 1


def _in_display_window(pixels: np.ndarray, header: dict[str, Any]) -> np.ndarray:
    """Return what is seen: a data window may be smaller, or reach beyond it."""
    (left, top), _ = (corner.tolist() for corner in header["dataWindow"])
    (shown_left, shown_top), _ = (corner.tolist() for corner in header["displayWindow"])
    columns, rows = _size(header["dataWindow"])
    if pixels.dtype.kind not in "fu" or pixels.shape != (rows, columns):
        raise ValueError(f"its channel holds {pixels.dtype} {pixels.shape}: expected one number a pixel")
    width, height = _size(header["displayWindow"])
    x, y = left - shown_left, top - shown_top
    if (x, y, columns, rows) == (0, 0, width, height):
        return pixels
    shown = np.full((height, width), np.nan, np.float32)
    inside = slice(max(y, 0), max(min(y + rows, height), 0)), slice(max(x, 0), max(min(x + columns, width), 0))
    shown[inside] = pixels[
        slice(inside[0].start - y, inside[0].stop - y), slice(inside[1].start - x, inside[1].stop - x)
    ]
    return shown


def _listed(channels: Sequence[tuple[int, str]]) -> str:
    return ", ".join(name for _, name in channels[:20])


if __name__ == "__main__":
    sys.exit(main())
