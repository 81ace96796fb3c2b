"""Answers of any other program, read from files of numbers with a declared unit."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from mfh.errors import InputError
from mfh.evaluation.digest import folder_digest
from mfh.evaluation.methods.contender import Contender
from mfh.evaluation.methods.method import Prediction
from mfh.evaluation.methods.stored import is_stored, prediction_path, read_prediction
from mfh.io.maps import SUFFIXES, read_map
from mfh.types import Photo, Space

UNITS = {"m": 1.0, "dm": 0.1, "cm": 0.01, "mm": 0.001, "km": 1000.0, "ft": 0.3048}
NAMES = ("depth_m", "depth", "pred", "prediction")
"""Arrays that are looked for in an npz with several."""


@dataclass(frozen=True)
class FileMethod:
    """Answers that lie in a folder: ``FOLDER/<sample>.npy``, or another ending of :data:`mfh.io.maps.SUFFIXES`.

    Attributes:
        folder: where they are.
        metres_per_unit: what their numbers are multiplied by.
        space: of the method that made them.
        name: what to call it.
    """

    folder: Path
    metres_per_unit: float
    space: Space = "depth"
    name: str = "files"

    @property
    def settings(self) -> dict[str, object]:
        """Where the files are, as they are now, and what their numbers mean."""
        return {
            "folder": str(self.folder.absolute()),
            "files": folder_digest(self.folder, SUFFIXES),
            "metres_per_unit": self.metres_per_unit,
            "space": self.space,
        }

    def predict(self, photo: Photo, *, name: str) -> Prediction:
        """Read the answer for one photo; 0 in a file of whole numbers is no answer.

        Args:
            photo: its size is compared.
            name: of the sample.

        Raises:
            InputError: for no file, several, or one that is no map.
        """
        path = self._find(name)
        if path.suffix.lower() == ".npz" and is_stored(path):
            if self.metres_per_unit != 1:
                raise InputError(f"{path} is in metres, as mfh evaluate wrote it: expected --unit m")
            return read_prediction(path)
        values = read_map(path, what="prediction", names=NAMES, zero_is_none=True)
        return Prediction((values * np.float32(self.metres_per_unit)).astype(np.float32), self.space)

    def _find(self, name: str) -> Path:
        usual = prediction_path(self.folder, name)
        stem = str(usual)[: -len(usual.suffix)]
        found = [path for suffix in SUFFIXES if (path := Path(stem + suffix)).is_file()]
        if len(found) != 1:
            listed = " and ".join(path.name for path in found) if found else "no file"
            raise InputError(f"{listed} for {name} in {self.folder}: expected one of {name}{{{','.join(SUFFIXES)}}}")
        return found[0]


def file_contender(folder: Path, unit: str | None, *, space: Space, names: tuple[str, ...]) -> Contender:
    """Return the answers in a folder as a method.

    Args:
        folder: where they are.
        unit: as :func:`parse_unit` reads it; None refuses.
        space: of the method that made them.
        names: samples that are going to be asked for.

    Raises:
        InputError: for a folder that is not there, has an answer for none of the samples, or no unit.
    """
    if not folder.is_dir():
        raise InputError(f"--predictions: no folder {folder}; expected one with a file a photo")
    if unit is None:
        raise InputError(f"--predictions needs --unit: one of {', '.join(UNITS)}, or metres per unit such as 1/256")
    method = FileMethod(folder, parse_unit(unit), space)
    if not any(_has(folder, name) for name in names):
        raise InputError(
            f"--predictions {folder} has no file for any of the {len(names)} photos: expected names such as "
            f"{names[0]}.npy (or {', '.join(SUFFIXES[1:])})"
        )
    return Contender.of(method)


def parse_unit(text: str) -> float:
    """Return metres per unit of "m", "mm", "0.001" or "1/256".

    Args:
        text: a unit or a number.

    Raises:
        InputError: for anything else.
    """
    if text in UNITS:
        return UNITS[text]
    try:
        metres = float(Fraction(text))
    except (ValueError, ZeroDivisionError) as error:
        raise InputError(
            f"--unit is {text!r}: expected {', '.join(UNITS)}, or metres per unit such as 1/256"
        ) from error
    if metres <= 0:
        raise InputError(f"--unit is {text!r}: expected a positive number of metres")
    return metres


def _has(folder: Path, name: str) -> bool:
    usual = str(prediction_path(folder, name))
    return any(Path(usual.removesuffix(".npz") + suffix).is_file() for suffix in SUFFIXES)
