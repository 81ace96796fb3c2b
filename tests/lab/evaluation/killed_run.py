"""An evaluation as a process of its own, to be killed: python -m tests.lab.evaluation.killed_run OUT ASKED."""

import sys
from pathlib import Path

from mfh_lab.evaluation.methods.method import Contender
from mfh_lab.evaluation.protocols import PAPER
from mfh_lab.evaluation.report import write_report
from mfh_lab.evaluation.runner import Evaluation, evaluate
from tests.lab.evaluation.made_up import MadeUpDataset, MadeUpMethod

NAMES = [f"room/{number:02d}" for number in range(14)] + ["street/nobody", "yard/blank"]


def main(out: Path, asked: Path) -> None:
    """Evaluate the made-up method on the made-up dataset."""
    method = MadeUpMethod(asked, seconds=0.03)
    evaluation = Evaluation(MadeUpDataset(Path("made-up"), NAMES), PAPER, Contender.of(method))
    rows, ledger = evaluate(evaluation, out, progress=lambda what, fraction: None)
    write_report("made up", rows, ledger, evaluation.settings())


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
