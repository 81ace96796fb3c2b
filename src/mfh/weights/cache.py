"""Where model files are kept on this machine, and what names they may have there."""

import os
import shutil
import stat
import sys
from pathlib import Path

from mfh.errors import WeightsError, shown
from mfh.io.atomic import plain_name

ENVIRONMENT = "MFH_WEIGHTS"
_MAX_PARTS = 8
_CHOOSE = f"set {ENVIRONMENT} to a folder that can be read and written"


def cache_folder() -> Path:
    """Return the folder fetched models are kept in: $MFH_WEIGHTS, else the system's place for caches.

    It need not be there yet.

    Raises:
        WeightsError: where it is no folder, cannot be read, or there is no place for it, with what to do.
    """
    chosen = os.environ.get(ENVIRONMENT)
    if chosen:
        return _checked(named_place(chosen, ENVIRONMENT), f"{ENVIRONMENT} is {shown(chosen)}, which")
    folder = system_cache() / "mfh" / "weights"
    return _checked(folder, f"the folder for model files, {shown(folder)},")


def system_cache() -> Path:
    """Return the system's place for caches; a relative $XDG_CACHE_HOME is ignored, as its specification wants it.

    Raises:
        WeightsError: where nothing says where the user's files are.
    """
    if sys.platform == "win32":
        chosen, own = os.environ.get("LOCALAPPDATA"), ("AppData", "Local")
    elif sys.platform == "darwin":
        chosen, own = None, ("Library", "Caches")
    else:
        chosen, own = os.environ.get("XDG_CACHE_HOME"), (".cache",)
    if chosen and Path(chosen).is_absolute():
        return Path(chosen)
    home = os.path.expanduser("~")
    if not os.path.isabs(home):
        raise WeightsError(f"there is no home folder to keep model files in (HOME is not set): {_CHOOSE}")
    return Path(home, *own)


def named_place(text: str, variable: str) -> Path:
    """Return the file or folder that a variable of the environment names; it may begin with ``~``.

    Raises:
        WeightsError: where it begins with the home folder of nobody.
    """
    place = os.path.expanduser(text)
    if place.startswith("~"):
        raise WeightsError(f"{variable} is {shown(text)}, and nobody here has that home folder: give the whole path")
    return Path(place)


def listed_name(name: object) -> str:
    """Return the name of a file in somebody else's list, where it is a plain path inside the folder on any system.

    Raises:
        ValueError: for anything else: absolute, with "..", hidden, with characters or names that a system forbids.
    """
    parts = name.split("/") if isinstance(name, str) else []
    if not 0 < len(parts) <= _MAX_PARTS or any(plain_name(part) != part for part in parts):
        raise ValueError(f"it lists {str(name)[:100]!r}: expected plain names inside the folder")
    return str(name)


def inside(folder: Path, name: str) -> Path:
    """Return a file's place in a folder, whatever links there are in it.

    Raises:
        WeightsError: where a link leads out of the folder.
    """
    place = folder / name
    if not place.resolve().is_relative_to(folder.resolve()):
        raise WeightsError(f"{shown(place)} leads out of its folder, to {shown(place.resolve())}: refused")
    return place


def free_bytes(folder: Path) -> int:
    """Return how much can still be written where a folder is, or would be made."""
    existing = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.is_dir())
    return shutil.disk_usage(existing).free


def _checked(folder: Path, named: str) -> Path:
    """Return a folder that can be read, or is not there yet."""
    try:
        mode = folder.stat().st_mode
    except FileNotFoundError as error:
        for place in (folder, *folder.parents):
            if place.is_symlink():
                behind = "" if place == folder else f"behind {shown(place)}, "
                raise WeightsError(
                    f"{named} is {behind}a link to {shown(os.readlink(place))}, which is not there: {_CHOOSE}"
                ) from error
            if place.exists():
                break
        return folder
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise WeightsError(f"{named} cannot be used ({reason}): {_CHOOSE}") from error
    if not stat.S_ISDIR(mode):
        raise WeightsError(f"{named} is a file: {_CHOOSE}")
    if not os.access(folder, os.R_OK | os.X_OK):
        raise WeightsError(f"{named} cannot be read (Permission denied): {_CHOOSE}")
    return folder
