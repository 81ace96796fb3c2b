"""Models' answers on disk: a run that was stopped resumes, and every configuration that asks the same shares them.

An answer's file is named by a digest of everything it depends on: the pictures themselves, the question, the model's
name and settings, and the code and weights of the package's models. Other settings are another file.
"""

import hashlib
import math
import os
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy import ndarray

from mfh.io.atomic import atomic_path, make_folder
from mfh.io.reading import read_npz, reading

SECONDS = "seconds"
EXPECTED = "an answer that this program kept; delete it and run again"


@dataclass(frozen=True)
class Store:
    """A folder of answers.

    Attributes:
        root: made when the first answer is kept.
    """

    root: Path

    def load(self, kind: str, question: Hashable) -> tuple[dict[str, ndarray], float] | None:
        """Return an answer's arrays and the seconds it took, or None where it is not known.

        Args:
            kind: folder of the answer.
            question: everything the answer depends on; plain values and frozen dataclasses of them.

        Raises:
            InputError: for a damaged file, with what to do.
        """
        path = self.path(kind, question)
        if not os.path.lexists(path):
            return None
        arrays = read_npz(path, what="", expected=EXPECTED)
        with reading(path, what="", expected=EXPECTED):
            seconds = float(arrays.pop(SECONDS))
            if not 0 <= seconds < math.inf:
                raise ValueError(f"it took {seconds} s")
            return arrays, seconds

    def save(self, kind: str, question: Hashable, arrays: Mapping[str, ndarray], seconds: float) -> None:
        """Keep an answer; the file is whole or not there.

        Args:
            kind: folder of the answer.
            question: everything the answer depends on.
            arrays: the answer.
            seconds: it took the model.

        Raises:
            InputError: when the file cannot be written.
        """
        path = self.path(kind, question)
        make_folder(path.parent)
        with atomic_path(path) as temporary:
            np.savez_compressed(temporary, allow_pickle=False, **arrays, **{SECONDS: np.array(seconds)})

    def path(self, kind: str, question: Hashable) -> Path:
        """Return the file of an answer.

        Args:
            kind: folder of the answer.
            question: everything the answer depends on.
        """
        name = hashlib.sha256(repr(question).encode()).hexdigest()
        return self.root / kind / name[:2] / f"{name[2:]}.npz"
