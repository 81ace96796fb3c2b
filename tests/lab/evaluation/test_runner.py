"""The runner: answers on disk, what is done twice, what is refused, and SIGKILL."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from mfh.errors import InputError, WeightsError
from mfh_lab.evaluation.methods.method import Contender, Prediction
from mfh_lab.evaluation.methods.stored import prediction_path, read_prediction
from mfh_lab.evaluation.protocols import AUTHORS_CODE, PAPER
from mfh_lab.evaluation.report import summarise, write_report
from mfh_lab.evaluation.runner import FAULT, NO_TRUTH, UNREADABLE, Evaluation, evaluate
from mfh_lab.evaluation.scoring import failure_errors, score
from tests.lab.evaluation.killed_run import NAMES
from tests.lab.evaluation.made_up import MadeUpDataset, MadeUpMethod

REPOSITORY = Path(__file__).resolve().parents[3]
TABLES = ("scores.csv", "failures.csv", "summary.json", "summary.md")


def silent(what, fraction):
    assert 0 <= fraction <= 1 and what


def evaluation_of(tmp_path, *, names=("a", "b/nobody", "c"), protocol=PAPER, method=None):
    method = method or MadeUpMethod(tmp_path / "asked")
    return Evaluation(MadeUpDataset(tmp_path, names), protocol, Contender.of(method))


def asked(tmp_path):
    return [line.split()[1] for line in (tmp_path / "asked").read_text().splitlines()]


def test_answers_are_kept_and_scored_as_they_are(tmp_path):
    evaluation = evaluation_of(tmp_path)
    rows, ledger = evaluate(evaluation, tmp_path / "out", progress=silent)
    assert [row.name for row in rows] == ["a", "b/nobody", "c"] and asked(tmp_path) == ["a", "b/nobody", "c"]
    kept = read_prediction(prediction_path(ledger.predictions, "a"))
    assert kept.space == "disparity" and kept.level_80 == (0.85, 1.05) and kept.depth_m.dtype == np.float32
    assert rows[0].scores == score(kept, evaluation.view("a"))
    # The answers are 10 % too far: the true factor is about 0.91, which one of the intervals has.
    assert rows[0].scores is not None and rows[0].scores.true_factor == pytest.approx(1 / 1.1, abs=0.03)
    assert (rows[0].covered_80, rows[0].covered_95) == (True, False)
    assert rows[0].half_width == pytest.approx(0.1)


def test_a_failure_is_a_row_with_its_reason_in_one_line_and_its_worst_case(tmp_path):
    evaluation = evaluation_of(tmp_path)
    rows, _ = evaluate(evaluation, tmp_path / "out", progress=silent)
    failed = rows[1]
    assert failed.scores is None and failed.kind == "NoLandmarkError"
    assert failed.failure == "nobody was found in b/nobody"
    seen = evaluation.view("b/nobody")
    assert failed.worst == (failure_errors(seen), failure_errors(seen, space="disparity"))


def test_a_photo_without_a_truth_is_listed_and_nobody_is_asked(tmp_path):
    rows, _ = evaluate(evaluation_of(tmp_path, names=("a", "blank")), tmp_path / "out", progress=silent)
    assert rows[1].kind == NO_TRUTH and "between 0.1 and 80 m" in rows[1].failure and rows[1].worst is None
    assert asked(tmp_path) == ["a"]


def test_photos_none_of_which_has_a_truth_are_an_error(tmp_path):
    with pytest.raises(
        InputError, match=r"blank: no pixel has a true depth .*, nor has any other photo: .* in metres\?"
    ):
        evaluate(evaluation_of(tmp_path, names=("blank",)), tmp_path / "out", progress=silent)


def test_an_answer_of_another_shape_is_a_failure(tmp_path):
    class Turned(MadeUpMethod):
        def predict(self, photo, *, name):
            answer = super().predict(photo, name=name)
            return Prediction(np.ascontiguousarray(answer.depth_m.T), "depth")

    rows, _ = evaluate(
        evaluation_of(tmp_path, names=("a",), method=Turned(tmp_path / "asked")), tmp_path / "out", progress=silent
    )
    assert rows[0].kind == "InputError" and "the answer has 12x16 values and the truth 16x12" in rows[0].failure


@pytest.mark.slow
def test_nothing_is_computed_or_loaded_twice_and_more_photos_may_be_added(tmp_path):
    out = tmp_path / "out"
    evaluate(evaluation_of(tmp_path, names=("a", "b/nobody")), out, progress=silent)
    rows, _ = evaluate(evaluation_of(tmp_path, names=("c", "a", "b/nobody")), out, progress=silent)
    assert [row.name for row in rows] == ["c", "a", "b/nobody"] and asked(tmp_path) == ["a", "b/nobody", "c"]

    def gone():
        raise WeightsError("the models are not here")

    method = MadeUpMethod(tmp_path / "asked")
    asleep = Contender(method.name, method.settings, gone)
    evaluation = Evaluation(MadeUpDataset(tmp_path, ("a",)), PAPER, asleep)
    assert evaluate(evaluation, out, progress=silent)[0][0].scores == rows[1].scores
    with pytest.raises(WeightsError):
        evaluate(Evaluation(MadeUpDataset(tmp_path, ("a", "d")), PAPER, asleep), out, progress=silent)
    # An answer that somebody deleted is computed again.
    prediction_path(out / "predictions", "a").unlink()
    evaluate(evaluation_of(tmp_path, names=("a",)), out, progress=silent)
    assert asked(tmp_path)[-1] == "a" and len(asked(tmp_path)) == 4


def test_order_does_not_matter(tmp_path):
    names = ["a", "b", "c", "d"]
    one, _ = evaluate(evaluation_of(tmp_path, names=names), tmp_path / "one", progress=silent)
    other, _ = evaluate(evaluation_of(tmp_path, names=names[::-1]), tmp_path / "other", progress=silent)
    assert one == other[::-1]
    paths = [prediction_path(tmp_path / out / "predictions", "c") for out in ("one", "other")]
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_other_configurations_are_refused_in_one_line_until_told_to_restart(tmp_path):
    out = tmp_path / "out"
    evaluate(evaluation_of(tmp_path, names=("a",)), out, progress=silent)
    other = evaluation_of(tmp_path, names=("a",), method=MadeUpMethod(tmp_path / "asked", factor=1.2))
    with pytest.raises(
        InputError, match=r"\(method\.factor was 1\.1, is 1\.2\): choose another folder with --out"
    ) as no:
        evaluate(other, out, progress=silent)
    assert "\n" not in str(no.value) and "--restart" in str(no.value)
    with pytest.raises(InputError, match="protocol.name was paper, is authors_code"):
        evaluate(evaluation_of(tmp_path, names=("a",), protocol=AUTHORS_CODE), out, progress=silent)
    assert len(asked(tmp_path)) == 1
    rows, _ = evaluate(other, out, progress=silent, restart=True)
    assert asked(tmp_path) == ["a", "a"] and rows[0].scores is not None
    assert rows[0].scores.true_factor == pytest.approx(1 / 1.2, abs=0.03)


def test_other_code_is_another_configuration(tmp_path, monkeypatch):
    import mfh_lab.evaluation.runner

    evaluate(evaluation_of(tmp_path, names=("a",)), tmp_path / "out", progress=silent)
    monkeypatch.setattr(mfh_lab.evaluation.runner, "package_digest", lambda: "other")
    with pytest.raises(InputError, match="code was [0-9a-f]{16}, is other"):
        evaluate(evaluation_of(tmp_path, names=("a",)), tmp_path / "out", progress=silent)


class Broken(MadeUpDataset):
    """Of which "b" cannot be read, in one way or another."""

    cause: Exception = InputError("b.png is damaged")

    def load(self, name):
        if name == "b":
            raise self.cause
        return super().load(name)


@pytest.mark.parametrize("cause", [InputError("b.png is damaged"), ZeroDivisionError("b.png is damaged")])
def test_a_photo_that_cannot_be_read_is_listed_and_the_rest_goes_on(tmp_path, cause):
    method, dataset = MadeUpMethod(tmp_path / "asked"), Broken(tmp_path, ("a", "b", "c"))
    dataset.cause = cause
    rows, ledger = evaluate(Evaluation(dataset, PAPER, Contender.of(method)), tmp_path / "out", progress=silent)
    assert asked(tmp_path) == ["a", "c"] and [row.kind for row in rows] == ["", UNREADABLE, ""]
    assert "b.png is damaged" in rows[1].failure and rows[1].worst is None
    summary = summarise(rows)
    assert (summary.answered, summary.failed, summary.unscorable) == (2, 0, 1)
    # Mended, it is read again.
    whole = Evaluation(MadeUpDataset(tmp_path, ("a", "b", "c")), PAPER, Contender.of(method))
    rows, _ = evaluate(whole, tmp_path / "out", progress=silent)
    assert all(row.scores for row in rows) and asked(tmp_path) == ["a", "c", "b"]


def test_photos_of_which_none_can_be_read_are_an_error(tmp_path):
    evaluation = Evaluation(Broken(tmp_path, ("b",)), PAPER, Contender.of(MadeUpMethod(tmp_path / "asked")))
    with pytest.raises(InputError, match="b.png is damaged"):
        evaluate(evaluation, tmp_path / "out", progress=silent)


class Faulty(MadeUpMethod):
    """Fails for "b" as no method should."""

    def predict(self, photo, *, name):
        if name == "b":
            raise MemoryError("12 GB\nare too much")
        return super().predict(photo, name=name)


@pytest.mark.slow
def test_a_fault_of_a_method_is_that_photos_and_is_tried_again(tmp_path):
    evaluation = evaluation_of(tmp_path, names=("a", "b", "c"), method=Faulty(tmp_path / "asked"))
    rows, ledger = evaluate(evaluation, tmp_path / "out", progress=silent)
    assert [row.kind for row in rows] == ["", FAULT, ""] and rows[1].worst is not None
    assert rows[1].failure == "MemoryError: 12 GB are too much"
    rows, _ = evaluate(evaluation_of(tmp_path, names=("a", "b", "c")), tmp_path / "out", progress=silent)
    assert all(row.scores for row in rows) and asked(tmp_path) == ["a", "c", "b"]
    with pytest.raises(InputError, match="b: MemoryError"):
        evaluate(evaluation_of(tmp_path, names=("b",), method=Faulty(tmp_path / "asked")), tmp_path / "new",
                 progress=silent)  # fmt: skip


def test_an_answer_damaged_since_is_that_photos_failure(tmp_path):
    evaluation = evaluation_of(tmp_path, names=("a", "c"))
    _, ledger = evaluate(evaluation, tmp_path / "out", progress=silent)
    prediction_path(ledger.predictions, "a").write_bytes(b"PK nothing")
    rows, _ = evaluate(evaluation, tmp_path / "out", progress=silent)
    assert rows[0].kind == "InputError" and "delete it and run again" in rows[0].failure and rows[1].scores


def test_progress_says_how_long_the_rest_may_take(tmp_path):
    said = []
    method = MadeUpMethod(tmp_path / "asked", seconds=0.01)
    evaluate(
        evaluation_of(tmp_path, names=("a", "b", "c"), method=method),
        tmp_path / "out",
        progress=lambda what, fraction: said.append((what, fraction)),
    )
    assert said[0] == ("loading the method,", 0.0)
    assert said[1] == ("a, 1 of 3,", 0.0)
    assert said[2][0].startswith("b, 2 of 3, about ") and said[2][0].endswith(" s left,")
    assert [fraction for _, fraction in said[1:4]] == pytest.approx([0, 1 / 3, 2 / 3])


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL on this system")
def test_killed_at_random_moments_it_ends_with_the_same_bytes_and_nothing_is_computed_twice(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "src")}

    def start(out):
        words = [
            sys.executable,
            "-m",
            "tests.lab.evaluation.killed_run",
            str(tmp_path / out),
            str(tmp_path / f"{out}.asked"),
        ]
        return subprocess.Popen(words, cwd=REPOSITORY, env=environment, stderr=subprocess.PIPE)

    whole = start("whole")
    assert whole.wait(120) == 0, whole.stderr.read().decode() if whole.stderr else ""
    moments, killed = random.Random(0), 0
    side = tmp_path / "killed.asked"
    for _ in range(5):
        process = start("killed")
        before = side.stat().st_size if side.exists() else 0
        while process.poll() is None and (side.stat().st_size if side.exists() else 0) == before:
            time.sleep(0.002)
        time.sleep(moments.uniform(0, 0.12))
        process.send_signal(signal.SIGKILL)
        killed += process.wait(60) == -signal.SIGKILL
    last = start("killed")
    assert last.wait(120) == 0, last.stderr.read().decode() if last.stderr else ""
    assert killed >= 3, "the test must kill it while it works"
    for table in TABLES:
        assert (tmp_path / "whole" / table).read_bytes() == (tmp_path / "killed" / table).read_bytes(), table
    for path in (tmp_path / "whole" / "predictions").rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (tmp_path / "killed" / path.relative_to(tmp_path / "whole")).read_bytes()
    assert not list((tmp_path / "killed").rglob("*.tmp*")), "what a killed run left behind is swept away"
    # Whatever is asked for twice was in flight when its process was killed: the last thing that process asked for.
    by_process: dict[str, list[str]] = {}
    for line in side.read_text().splitlines():
        process_id, name = line.split()
        by_process.setdefault(process_id, []).append(name)
    in_flight = Counter(names[-1] for names in by_process.values())
    times = Counter(name for names in by_process.values() for name in names)
    assert set(times) == set(NAMES) - {"yard/blank"}
    for name, count in times.items():
        assert count <= 1 + in_flight[name], f"{name} was computed {count} times"


def test_a_line_that_was_not_finished_is_cut_off_and_the_photo_done_again(tmp_path):
    out = tmp_path / "out"
    evaluate(evaluation_of(tmp_path, names=("a", "c")), out, progress=silent)
    done = out / "done.jsonl"
    done.write_bytes(done.read_bytes()[:-9])
    rows, _ = evaluate(evaluation_of(tmp_path, names=("a", "c")), out, progress=silent)
    assert asked(tmp_path) == ["a", "c", "c"] and all(row.scores for row in rows)
    assert len(done.read_text().splitlines()) == 2
    done.write_text("nonsense\n")
    with pytest.raises(InputError, match=r"line 1 of .*done\.jsonl is damaged"):
        evaluate(evaluation_of(tmp_path, names=("a", "c")), out, progress=silent)


@pytest.mark.slow
def test_a_report_repeats_byte_for_byte_though_seconds_differ(tmp_path):
    def report(out, seconds):
        method = MadeUpMethod(tmp_path / "asked", seconds=seconds)
        evaluation = evaluation_of(tmp_path, method=method)
        rows, ledger = evaluate(evaluation, tmp_path / out, progress=silent)
        write_report("made up", rows, ledger, evaluation.settings())
        return tmp_path / out

    one, other = report("one", 0.0), report("other", 0.02)
    for table in TABLES:
        assert (one / table).read_bytes() == (other / table).read_bytes()
    assert (one / "timings.csv").read_bytes() != (other / "timings.csv").read_bytes()
