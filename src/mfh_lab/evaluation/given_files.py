"""Photos and predictions that the user gives: picture files, and folders of depth in metres with one file a photo."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.errors import InputError, shown
from mfh.io.atomic import plain_name
from mfh.io.maps import read_map
from mfh.io.reading import reading
from mfh_lab.evaluation.methods.files import NAMES

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".heic", ".heif")
_SUFFIXES = (".npz", ".npy", ".exr")
_ASPECT_TOLERANCE = 0.02


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


def parse_predictions(options: Sequence[str]) -> dict[str, Path]:
    """Read ``label=DIR`` for several methods.

    Args:
        options: as typed.

    Returns:
        Label -> folder with its predictions: DIR, or DIR/predictions where DIR is the output of ``mfh evaluate``.

    Raises:
        InputError: for one without a label, a label given twice, or a folder that is not there.
    """
    folders: dict[str, Path] = {}
    for option in options:
        label, equals, text = option.partition("=")
        label = shown(label.strip())
        if not (label and equals and text):
            raise InputError(f"--predictions is {option!r}: expected LABEL=DIR")
        if label in folders:
            raise InputError(f"--predictions has {label!r} twice: give every method its own label")
        folder = Path(text)
        if not os.path.isdir(folder):
            raise InputError(f"--predictions {label}: no folder {folder}")
        folders[label] = folder / "predictions" if os.path.isdir(folder / "predictions") else folder
    return folders


def check_complete(names: Sequence[str], folders: Mapping[str, Path]) -> None:
    """Refuse before any work where a method has no prediction for a photo: side by side needs all of them.

    Args:
        names: of the photos.
        folders: label -> predictions.

    Raises:
        InputError: naming the first that is missing, and how many are.
    """
    for label, folder in folders.items():
        missing = [name for name in names if prediction_file(folder, name) is None]
        if missing:
            raise InputError(
                f"{label} has no prediction for {len(missing)} of {len(names)} photos, first {missing[0]!r}: expected "
                f"{missing[0]}{{{','.join(_SUFFIXES)}}} or {missing[0]}/depth.npz in {folder}"
            )


def prediction_file(folder: Path, name: str) -> Path | None:
    """Return the file of a prediction: NAME.npz, .npy or .exr, or NAME/depth.npz of ``mfh predict``; None for none.

    Args:
        folder: of one method.
        name: of the photo.
    """
    parts = name.split("/")
    # As mfh evaluate and mfh predict write it, and as any other program may.
    names = ["/".join(plain_name(part) for part in parts)]
    if not {"", ".", ".."} & set(parts):
        names.append(name)
    stems = [folder / one for one in dict.fromkeys(names)]
    places = [stem.with_name(f"{stem.name}{suffix}") for suffix in _SUFFIXES for stem in stems]
    places += [stem / "depth.npz" for stem in stems]
    return next((place for place in places if os.path.isfile(place)), None)


def read_metric_depth(folder: Path, name: str) -> Float[ndarray, "h w"]:
    """Read one method's metric depth of one photo.

    Args:
        folder: of one method.
        name: of the photo.

    Returns:
        (h, w) float32 z in metres; NaN where the method gives none.

    Raises:
        InputError: for a file that is missing, damaged, or holds no depth map.
    """
    path = prediction_file(folder, name)
    if path is None:
        raise InputError(
            f"no prediction for {name!r} in {folder}: expected {name}{{{','.join(_SUFFIXES)}}} or {name}/depth.npz"
        )
    depth_m = read_map(path, what="prediction", names=NAMES)
    if not depth_m.size:
        raise InputError(f"prediction {path} has shape {depth_m.shape}: expected a number a pixel")
    return np.where(np.isfinite(depth_m) & (depth_m > 0), depth_m, np.float32(np.nan))


def check_aspect(depth_m: Float[ndarray, "h w"], photo_size: tuple[int, int], what: str) -> None:
    """Refuse a prediction that was made for another crop of the photo.

    Args:
        depth_m: the prediction; any size of the photo's aspect.
        photo_size: (height, width) of the photo.
        what: for the message.

    Raises:
        InputError: where height over width differs by more than 2 %.
    """
    height, width = depth_m.shape
    ratio = (height / width) / (photo_size[0] / photo_size[1])
    if abs(ratio - 1) > _ASPECT_TOLERANCE:
        raise InputError(
            f"{what} is {width}x{height} and its photo {photo_size[1]}x{photo_size[0]}: expected the whole photo"
        )
