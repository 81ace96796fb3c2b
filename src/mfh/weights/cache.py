"""The weights cache: its folder on this machine, and the file names allowed in it."""

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
    """Return the weights cache: $MFH_WEIGHTS, else a folder in the system's cache; it may not exist yet.

    Raises:
        WeightsError: where it is no folder, cannot be read, or has no place, with the fix.
    """
    chosen = os.environ.get(ENVIRONMENT)
    if chosen:
        return _checked(named_place(chosen, ENVIRONMENT), f"{ENVIRONMENT} is {shown(chosen)}, which")
    folder = system_cache() / "mfh" / "weights"
    return _checked(folder, f"the folder for model files, {shown(folder)},")


def system_cache() -> Path:
    """Return the system's cache folder; a relative $XDG_CACHE_HOME is ignored, as its specification requires.

    Raises:
        WeightsError: where the home folder is not known.
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
    """Return the file or folder named by an environment variable's value, which may begin with ``~``.

    Raises:
        WeightsError: where it begins with the home folder of an unknown user.
    """
    place = os.path.expanduser(text)
    if place.startswith("~"):
        raise WeightsError(f"{variable} is {shown(text)}, and there is no such home folder: give the whole path")
    return Path(place)


def listed_name(name: object) -> str:
    """Return a file name of an external list, where it is a plain relative path on every system.

    Raises:
        ValueError: where it is absolute, has "..", is hidden, or has characters or names that a system forbids.
    """
    parts = name.split("/") if isinstance(name, str) else []
    if not 0 < len(parts) <= _MAX_PARTS or any(plain_name(part) != part for part in parts):
        raise ValueError(f"it lists {str(name)[:100]!r}: expected plain names inside the folder")
    return str(name)


def inside(folder: Path, name: str) -> Path:
    """Return the path of a file (named as by :func:`listed_name`) in a folder.

    Raises:
        WeightsError: where a link leads out of the folder.
    """
    place = folder / name
    if not place.resolve().is_relative_to(folder.resolve()):
        raise WeightsError(f"{shown(place)} leads out of its folder, to {shown(place.resolve())}: refused")
    return place


def free_bytes(folder: Path) -> int:
    """Return the free bytes of the disk of a folder, which may not exist yet."""
    existing = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.is_dir())
    return shutil.disk_usage(existing).free


def _checked(folder: Path, named: str) -> Path:
    """Return a folder that can be read, or does not exist yet."""
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
