"""EXR maps, decoded in a process of their own.

The decoder is the Academy's (package OpenEXR, the exr extra). A library in C++ may end the process that runs it when a
file is damaged, and writes to its standard streams; here it can do neither to ours.
"""

import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from jaxtyping import Shaped
from numpy import ndarray

from mfh.errors import InputError
from mfh.io import exr_decoder
from mfh.io.pictures import MAX_PIXELS
from mfh.io.reading import MAX_ARRAY_BYTES, check_file, read_array_bytes, reading

_TIMEOUT_S = 60.0
"""A hundred megapixels take a few seconds."""


def read_exr(path: Path, *, what: str, expected: str, names: Sequence[str]) -> Shaped[ndarray, "..."]:
    """Read one channel of an EXR file, scanlines or tiles, of any compression.

    Args:
        path: the file.
        what: it is to the user.
        expected: what it should be.
        names: of the channel, without its layer, in a file with several, in order of preference; Z (of depth), Y and V
            come after them, then red, green and blue that are all alike.

    Returns:
        (h, w) float16, float32 or uint32 of the display window; NaN where the file has no pixels.

    Raises:
        InputError: for a file that is not such a map, or where the exr extra is not installed.
    """
    check_file(path, what=what, expected=expected)
    if find_spec("OpenEXR") is None:
        raise InputError(f"{what} {path} is EXR, which needs one more package: pip install 'metric-from-human[exr]'")
    usual = ("z", "y", "v") if any("depth" in name for name in names) else ("y", "v")
    wanted = ",".join(dict.fromkeys([*(name.lower() for name in names), *usual]))
    # -P: nothing is imported from the current folder.
    command = [sys.executable, "-P", exr_decoder.__file__, str(path), wanted, str(MAX_PIXELS), str(MAX_ARRAY_BYTES)]
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
            refused = done.returncode == exr_decoder.REFUSED
            reason = done.stdout.decode("utf-8", "replace") if refused else f"its decoder ended with {done.returncode}"
            raise InputError(f"{what} {path} cannot be read ({reason}): expected {expected}")
        return read_array_bytes(done.stdout)
