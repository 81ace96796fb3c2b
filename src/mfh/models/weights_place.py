"""Where model files are kept on this machine."""

import hashlib
import os
import shutil
import sys
from pathlib import Path

_CHUNK = 1 << 20


def cache_folder() -> Path:
    """Return the folder fetched models are kept in: $MFH_WEIGHTS, else the system's place for caches."""
    chosen = os.environ.get("MFH_WEIGHTS")
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "mfh" / "weights"


def file_sha256(file: Path) -> str:
    """Return the hexadecimal SHA-256 of a file.

    Args:
        file: what to read.
    """
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def free_bytes(folder: Path) -> int:
    """Return how much can still be written where a folder is, or would be made.

    Args:
        folder: it need not exist yet.
    """
    existing = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.is_dir())
    return shutil.disk_usage(existing).free


def replace_folder(new: Path, place: Path) -> None:
    """Move a finished folder into place; what was there before goes.

    Args:
        new: the finished folder, on the same file system.
        place: where it is wanted.
    """
    if place.exists():
        shutil.rmtree(place)
    place.parent.mkdir(parents=True, exist_ok=True)
    new.rename(place)
