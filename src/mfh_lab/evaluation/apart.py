"""Results of an evaluation lie apart from what it reads."""

from pathlib import Path

from mfh.errors import InputError, shown
from mfh.io.written import is_inside, is_same
from mfh_lab.evaluation.datasets.frames import FrameDataset
from mfh_lab.evaluation.ledger import PREDICTIONS
from mfh_lab.evaluation.methods.contender import Contender


def check_apart_from_inputs(out: Path, dataset: FrameDataset, contender: Contender) -> None:
    """Refuse a folder for results that is a folder of what is read.

    Args:
        out: for the results; need not exist.
        dataset: the photos.
        contender: the method.

    Raises:
        InputError: where results would lie among the dataset's files, or among the answers that a method reads.
    """
    answers = out / PREDICTIONS
    for folder in contender.reads:
        if is_inside(out, folder) or is_inside(folder, answers):
            raise InputError(
                f"--predictions {shown(folder)} are answers to read, and results would be written to {shown(answers)}: "
                "choose another folder with --out"
            )
    for folder in dict.fromkeys([dataset.root, *(path.parent for path in dataset.paths())]):
        if is_same(out, folder) or is_same(answers, folder):
            raise InputError(
                f"--out {shown(out)} would put results among the dataset's own files in {shown(folder)}: choose another"
            )
