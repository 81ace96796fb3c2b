"""How much a picture looks like any training picture: features kept on disk, and the largest cosine among them."""

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from mfh.errors import InputError
from mfh.io.atomic import atomic_path, make_folder
from mfh.io.reading import check_file, read_npy, reading

Featurize = Callable[[Float[ndarray, "_ _ 3"]], Float[ndarray, "c"]]
Progress = Callable[[str, float], None]

_ROWS_AT_ONCE = 4096
_PICTURE = "a picture file"
_FEATURES = "features of a picture that this program kept; delete it"


@dataclass(frozen=True)
class PictureSource:
    """A picture that is read only if its features are not known yet.

    Attributes:
        name: for messages.
        fingerprint: changes with its content.
        load: returns (h, w, 3) in [0, 1].
    """

    name: str
    fingerprint: str
    load: Callable[[], Float[ndarray, "_ _ 3"]]


def picture_file(path: Path) -> PictureSource:
    """Return a picture file; it is the same picture as long as its bytes are.

    Args:
        path: the file.

    Raises:
        InputError: where it cannot be read.
    """
    check_file(path, what="picture", expected=_PICTURE)
    with reading(path, what="picture", expected=_PICTURE), path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()

    def load() -> Float[ndarray, "_ _ 3"]:
        from mfh.io.photo import load_photo

        return load_photo(path).rgb

    return PictureSource(str(path), digest, load)


def picture_array(name: str, rgb: Float[ndarray, "_ _ 3"]) -> PictureSource:
    """Return a picture in memory.

    Args:
        name: for messages.
        rgb: (h, w, 3) in [0, 1].
    """
    content = hashlib.sha256(f"{rgb.dtype} {rgb.shape} ".encode() + np.ascontiguousarray(rgb).tobytes())
    return PictureSource(name, content.hexdigest(), lambda: rgb)


class FeatureCache:
    """Features by picture, one small file each, so that a run that was stopped resumes.

    Args:
        folder: of the files; made.
        model: whatever decides the features besides the picture, as text.
        load_model: called once, and only where some features are not known yet.
    """

    def __init__(self, folder: Path, *, model: str, load_model: Callable[[], Featurize]) -> None:
        self._folder = folder / hashlib.sha256(model.encode()).hexdigest()[:16]
        self._load_model = load_model
        self._featurize: Featurize | None = None
        self.computed = 0

    def of(self, picture: PictureSource) -> Float[ndarray, "c"]:
        """Return a picture's features, of length 1.

        Raises:
            InputError: for a damaged file, or one that cannot be written.
            WeightsError: where the model is needed and not on this machine.
        """
        path = self._folder / picture.fingerprint[:2] / f"{picture.fingerprint}.npy"
        if os.path.lexists(path):
            return _read_features(path)
        if self._featurize is None:
            self._featurize = self._load_model()
        features = self._featurize(picture.load())
        make_folder(path.parent)
        with atomic_path(path) as temporary:
            np.save(temporary, features)
        self.computed += 1
        return features

    def all_of(self, pictures: Sequence[PictureSource], what: str, *, progress: Progress) -> Float[ndarray, "n c"]:
        """Return the features of several pictures.

        Args:
            pictures: at least one.
            what: they are, for the progress.
            progress: called with the picture's name and the fraction done.

        Raises:
            InputError: for no picture.
        """
        if not pictures:
            raise InputError(f"no {what} picture: expected at least one")
        rows = []
        for number, picture in enumerate(pictures):
            progress(f"{what}: {picture.name}", number / len(pictures))
            rows.append(self.of(picture))
        if len({row.shape for row in rows}) > 1:
            raise InputError(f"features of {what} pictures differ in length: delete {self._folder}")
        return np.stack(rows)


def _read_features(path: Path) -> Float[ndarray, "c"]:
    features = read_npy(path, what="", expected=_FEATURES)
    with reading(path, what="", expected=_FEATURES):
        if features.ndim != 1 or features.dtype.kind != "f" or not np.isfinite(features).all() or not features.any():
            raise ValueError(f"it holds {features.dtype} of shape {features.shape}")
        return features


def largest_cosine(tests: Float[ndarray, "n c"], training: Float[ndarray, "m d"]) -> Float[ndarray, "n"]:
    """Return for each test picture its cosine with the training picture most like it.

    Args:
        tests: (n, c) features; any length.
        training: (m, d) features of the same model, d = c; any length.

    Returns:
        (n,) in [-1, 1].

    Raises:
        InputError: where the features are of different models.
    """
    if tests.shape[1] != training.shape[1]:
        raise InputError(f"features of {tests.shape[1]} and {training.shape[1]} numbers: expected one model's")
    unit = tests / np.linalg.norm(tests, axis=1, keepdims=True)
    best = np.full(len(tests), -np.inf)
    for start in range(0, len(training), _ROWS_AT_ONCE):
        block = training[start : start + _ROWS_AT_ONCE]
        cosine = unit @ (block / np.linalg.norm(block, axis=1, keepdims=True)).T
        best = np.maximum(best, cosine.max(axis=1))
    return np.clip(best, -1.0, 1.0)
