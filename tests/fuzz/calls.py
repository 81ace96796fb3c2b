"""Readers that no cheap command reaches, called as the command would: python -m tests.fuzz.calls NAME PATH..."""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path


def smpl(path: str) -> None:
    """Read a body model."""
    from mfh.models.human_mesh.smpl import load_smpl

    load_smpl(path)


def hmr2_convert(path: str, out: str) -> None:
    """Convert a small checkpoint of HMR 2.0."""
    from mfh.models.human_mesh.hmr2_checkpoint import convert_hmr2_checkpoint
    from tests.models.human_mesh.hmr2_fixtures import TINY

    convert_hmr2_checkpoint(path, out, sizes=TINY)


def hmr2_network(path: str) -> None:
    """Read a converted network."""
    from mfh.models.human_mesh.hmr2_checkpoint import load_network

    load_network(Path(path))


def hmar_convert(path: str, out: str) -> None:
    """Convert a small checkpoint of HMAR."""
    from mfh.models.human_mesh.hmar_checkpoint import convert_hmar_checkpoint
    from tests.models.human_mesh.hmar_fixtures import SMALLEST

    convert_hmar_checkpoint(path, out, sizes=SMALLEST)


def annotate(photo: str, shots: str, body: str) -> None:
    """Open annotations over a CSV, and keep what a browser might send."""
    from mfh_lab.paper.annotate.server import Annotations

    annotations = Annotations({"photo": Path(photo).read_bytes}, Path(shots))
    annotations.page()
    for number in ("0", "1", "-1", "9" * 5000, "\N{SUPERSCRIPT TWO}", "x", ""):
        annotations.photo(number)
    # A browser sends bytes, and at most a few thousand of them are read.
    sent = b""
    if Path(body).is_file():
        with Path(body).open("rb") as stream:
            sent = stream.read(4096)
    reply = annotations.keep(sent)
    if reply.status not in (204, 400, 500):
        raise AssertionError(f"the reply to a body was {reply.status}")


def manifest(folder: str) -> None:
    """Read the list of files beside a model."""
    from mfh.weights.manifest import read_manifest

    read_manifest(Path(folder))


def bank(path: str) -> None:
    """Read a bank of bodies."""
    from mfh_lab.pocket.world.bodies import load_bank

    load_bank(Path(path))


CALLS: dict[str, Callable[..., None]] = {
    "smpl": smpl,
    "hmr2-convert": hmr2_convert,
    "hmr2-network": hmr2_network,
    "hmar-convert": hmar_convert,
    "annotate": annotate,
    "manifest": manifest,
    "bank": bank,
}
"""Name -> function of paths."""


def call(name: str, words: Sequence[str]) -> int:
    """Call a reader by its name, and make of its errors what the command makes of them.

    Args:
        name: of CALLS.
        words: its paths.

    Returns:
        0, or 2 for an error of this package; others pass.
    """
    from mfh.cli.exits import error_line
    from mfh.errors import MfhError

    try:
        CALLS[name](*words)
    except MfhError as error:
        print(f"mfh: {error_line(error)}", file=sys.stderr)
        return 2
    except Exception as error:
        if os.environ.get("MFH_TRACEBACK"):
            raise
        print(f"mfh: {type(error).__name__}: {error_line(error)}; this is a fault in mfh", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(call(sys.argv[1], sys.argv[2:]))
