"""Answers of any other program, read from files of numbers with a declared unit."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mfh.errors import InputError, shown
from mfh.io.maps import SUFFIXES, read_map
from mfh.io.units import UNITS, parse_unit
from mfh.pipeline.settings import folder_digest
from mfh.types import Photo, Space
from mfh_lab.evaluation.methods.method import Contender, Prediction
from mfh_lab.evaluation.methods.stored import is_stored, prediction_path, read_prediction

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
            "folder": shown(self.folder.absolute()),
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
        with np.errstate(over="ignore", invalid="ignore"):
            return Prediction((values * np.float32(self.metres_per_unit)).astype(np.float32), self.space)

    def _find(self, name: str) -> Path:
        found = _files(self.folder, name)
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
    if not os.path.isdir(folder):
        raise InputError(f"--predictions: no folder {folder}; expected one with a file a photo")
    if unit is None:
        raise InputError(f"--predictions needs --unit: one of {', '.join(UNITS)}, or metres per unit such as 1/256")
    method = FileMethod(folder, parse_unit(unit), space)
    if not any(_files(folder, name) for name in names):
        raise InputError(
            f"--predictions {folder} has no file for any of the {len(names)} photos: expected names such as "
            f"{names[0]}.npy (or {', '.join(SUFFIXES[1:])})"
        )
    return replace(Contender.of(method), reads=(folder,))


def _files(folder: Path, name: str) -> list[Path]:
    """Return the files of an answer, wherever a name can be one: as it is, or as mfh evaluate writes it."""
    usual = prediction_path(folder, name)
    stems = [str(usual).removesuffix(usual.suffix)]
    parts = name.split("/")
    if not {"", ".", ".."} & set(parts):
        stems.append(str(folder.joinpath(*parts)))
    found = (Path(stem + suffix) for suffix in SUFFIXES for stem in dict.fromkeys(stems))
    return [path for path in found if os.path.isfile(path)]
