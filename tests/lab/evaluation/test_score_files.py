"""Per-photo scores: what the evaluation writes is what figures read."""

import pytest

from mfh.errors import InputError
from mfh_lab.evaluation.score_files import PhotoScore, read_scores


def test_answers_and_failures_are_told_apart(tmp_path):
    (tmp_path / "scores.csv").write_text("name,answered,delta1,abs_rel\na/b,1,0.9,0.1\nc,0,,\nd,1,1,0\n")
    for place in (tmp_path, tmp_path / "scores.csv"):
        read = read_scores(place)
        assert read.scores == {"a/b": PhotoScore(0.1, 0.9), "d": PhotoScore(0.0, 1.0)} and read.unanswered == ("c",)


def test_what_the_evaluation_writes_is_read(tmp_path, run_evaluation):
    rows = run_evaluation(tmp_path / "out")
    read = read_scores(tmp_path / "out")
    assert {name: one.abs_rel for name, one in read.scores.items()} == pytest.approx(
        {row.name: row.scores.metric.abs_rel for row in rows if row.scores}
    )
    assert read.unanswered == tuple(row.name for row in rows if row.scores is None) != ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,delta1\na,1\n", "no column 'answered'"),
        ("name,answered,delta1,abs_rel\na,0,,\n", "no photo with an answer"),
        ("name,answered,delta1,abs_rel\na,1,x,0.1\n", "line 2: could not convert"),
        ("name,answered,delta1,abs_rel\na,1,0.1,nan\n", "line 2: AbsRel nan"),
        ("name,answered,delta1\na,1,0.1\n", "line 2: 'abs_rel'"),
        ("name,answered,delta1,abs_rel\na,1,0.1,1\na,0,,\n", "line 3: photo 'a' a second time"),
    ],
)
def test_other_files_are_one_line(tmp_path, text, message):
    (tmp_path / "scores.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        read_scores(tmp_path)


@pytest.fixture
def run_evaluation():
    """Evaluate answers, one of which is missing, with the real runner."""
    import numpy as np

    from mfh_lab.evaluation.datasets.registry import open_dataset
    from mfh_lab.evaluation.methods.files import file_contender
    from mfh_lab.evaluation.protocols import PROTOCOLS
    from mfh_lab.evaluation.report import write_report
    from mfh_lab.evaluation.runner import Evaluation, evaluate
    from tests.lab.paper.figures.conftest import write_folder_dataset

    def run(out):
        root, answers = out.parent / "data", out.parent / "answers"
        answers.mkdir()
        truths = write_folder_dataset(root, ["one", "two", "three"])
        for name in ("one", "three"):
            np.save(answers / f"{name}.npy", truths[name] * 1.1)
        dataset = open_dataset("folder", root)
        contender = file_contender(answers, "m", space="depth", names=tuple(dataset.names))
        evaluation = Evaluation(dataset, PROTOCOLS["paper"], contender)
        rows, ledger = evaluate(evaluation, out, progress=lambda what, share: None)
        write_report("test", rows, ledger, evaluation.settings())
        return rows

    return run
