"""Photos as files."""

import os
from collections.abc import Sequence
from pathlib import Path

from mfh.errors import InputError, shown
from mfh.io.reading import reading

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".heic", ".heif")


def find_photos(places: Sequence[Path]) -> dict[str, Path]:
    """Return photo files by name: the path below the folder given, without suffix, with slashes.

    Bytes of a path that are no text, and control characters, are written out in its name.

    Args:
        places: picture files, or folders that are searched with everything below them.

    Returns:
        Name -> file, in order of name.

    Raises:
        InputError: for a place that is not there or holds no picture, or two pictures of one name.
    """
    found: dict[str, Path] = {}
    for place in places:
        if os.path.isdir(place):
            with reading(place, what="folder", expected="a folder of picture files"):
                found_here = (path for path in place.rglob("*") if path.suffix.lower() in PHOTO_SUFFIXES)
                files = sorted(path for path in found_here if os.path.isfile(path))
            named = [(path.relative_to(place).with_suffix("").as_posix(), path) for path in files]
        elif os.path.isfile(place):
            named = [(place.stem, place)]
        else:
            raise InputError(f"no photo or folder {place}: expected picture files or a folder of them")
        if not named:
            raise InputError(f"{place} holds no picture: expected {', '.join(PHOTO_SUFFIXES[:4])} or the like")
        for raw, path in named:
            name = shown(raw)
            if name in found:
                raise InputError(f"{found[name]} and {path} are both photo {name!r}: rename one of them")
            found[name] = path
    return dict(sorted(found.items()))
