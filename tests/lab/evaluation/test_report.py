"""Tables of rows whose means can be worked out by hand."""

import csv
import io
import json
import math
from dataclasses import replace

import numpy as np
import pytest

from mfh_lab.evaluation.ledger import Done, Ledger
from mfh_lab.evaluation.report import HEADINGS, markdown, summarise, table, text, write_report
from mfh_lab.evaluation.runner import NO_TRUTH, PhotoRow
from mfh_lab.evaluation.scoring import failure_errors
from mfh_lab.pocket.metrics import METRICS, depth_errors
from tests.lab.evaluation.made_up import compare, view_of

TRUTH = np.array([[2.0, 4.0]])
VIEW = view_of(TRUTH)
GOOD = PhotoRow("a", compare(1.1 * TRUTH, VIEW, space="depth"), 0.3, True, True)
POOR = PhotoRow("b", compare(np.array([[3.0, np.inf]]), VIEW, space="depth"), 0.1, False, True)
FAILED = PhotoRow(
    "c", failure="nobody was found", kind="NoLandmarkError",
    worst=(failure_errors(VIEW), failure_errors(VIEW, space="depth")),
)  # fmt: skip
BLANK = PhotoRow("d", failure="no pixel", kind=NO_TRUTH)
ROWS = [GOOD, POOR, FAILED, BLANK]


def test_every_photo_counts_the_same_and_failures_count_as_the_worst():
    summary = summarise(ROWS)
    assert (summary.photos, summary.answered, summary.failed, summary.unscorable) == (4, 2, 1, 1)
    assert summary.coverage == pytest.approx(2 / 3)
    poor = (0.5 + 1.5) / 2
    assert summary.successes["metric"]["abs_rel"] == pytest.approx((0.1 + poor) / 2)
    assert summary.with_failures["metric"]["abs_rel"] == pytest.approx((0.1 + poor + (4 + 1.5) / 2) / 3)
    # Aligned, a failure is the mean of the truth everywhere: 3 m.
    expected = (0 + POOR.scores.best_scale.abs_rel + (0.5 + 0.25) / 2) / 3
    assert summary.with_failures["best_scale"]["abs_rel"] == pytest.approx(expected, abs=1e-9)
    assert summary.scale_error_mean == pytest.approx((math.log(1.1) + math.log((1.5 + 2.5) / 2)) / 2)
    assert (summary.covered_80, summary.covered_95, summary.intervals) == (1, 2, 2)
    assert summary.half_width == pytest.approx(0.2)
    assert (summary.pixels, summary.nan_pixels, summary.inf_pixels) == (4, 0, 1)


def test_the_table_is_aligned_and_names_everything():
    shown = text("title", ROWS, summarise(ROWS))
    lines = shown.splitlines()
    assert lines[0] == "title"
    block = lines[2:9]
    assert len({len(line) for line in block}) == 1, "right-aligned numbers end in one column"
    assert block[0].split() == ["photos", *HEADINGS.values()]
    assert [line.split("  ")[0] for line in block[1::2]] == [
        "metric, nothing aligned", "best scale (depth)", "best scale and shift (depth)",
    ]  # fmt: skip
    assert all("with failures as worst case" in line for line in block[2::2])
    assert "answers      2 of 3 photos (67%)" in lines
    assert "failures     2" in lines and "  c: NoLandmarkError: nobody was found" in lines
    assert any("hold the true scale in 1 of 2; 95 %: in 2 of 2" in line for line in lines)
    assert any("25 % infinite" in line for line in lines)


def test_without_failures_the_worst_case_has_no_lines():
    assert [line[0] for line in table(summarise([GOOD]))][1:] == [
        "metric, nothing aligned", "best scale (depth)", "best scale and shift (depth)",
    ]  # fmt: skip
    assert "failures     none" in text("title", [GOOD], summarise([GOOD]))


def test_with_nothing_but_failures_there_is_still_a_table():
    summary = summarise([FAILED])
    shown = text("title", [FAILED], summary)
    assert "answers      0 of 1 photos (0%)" in shown and " -" in shown
    assert summary.with_failures["metric"]["abs_rel"] == FAILED.worst[0].abs_rel
    assert text("title", [BLANK], summarise([BLANK])).count("\n") > 4


def test_only_the_first_failures_are_printed():
    many = [replace(FAILED, name=f"c{number}") for number in range(9)]
    shown = text("title", many, summarise(many))
    assert "c4: " in shown and "c5: " not in shown and "and 4 more, in failures.csv" in shown


def test_markdown_has_one_column_count():
    lines = [line for line in markdown("title", ROWS, summarise(ROWS)).splitlines() if line.startswith("|")]
    assert len(lines) == 8 and {line.count("|") for line in lines} == {len(METRICS) + 3}


def test_files_hold_every_photo_and_plain_json(tmp_path):
    done = {row.name: Done(row.name, 1.5, row.failure, row.kind) for row in ROWS}
    write_report("title", ROWS, Ledger(tmp_path, done), {"method": {"name": "x"}})
    with (tmp_path / "scores.csv").open() as file:
        scores = list(csv.DictReader(file))
    assert [(one["name"], one["answered"]) for one in scores] == [("a", "1"), ("b", "1"), ("c", "0"), ("d", "0")]
    assert float(scores[0]["abs_rel"]) == pytest.approx(0.1) and scores[2]["abs_rel"] == ""
    assert float(scores[1]["best_scale_shift_silog"]) == pytest.approx(POOR.scores.best_scale_shift.silog, abs=1e-6)
    assert (scores[1]["covered_80"], scores[1]["covered_95"], scores[1]["inf_pixels"]) == ("0", "1", "1")
    with (tmp_path / "failures.csv").open() as file:
        failures = list(csv.DictReader(file))
    assert [one["name"] for one in failures] == ["c", "d"]
    assert float(failures[0]["worst_abs_rel"]) == pytest.approx(2.75) and failures[1]["worst_abs_rel"] == ""
    tree = json.loads((tmp_path / "summary.json").read_text())
    assert tree["coverage"] == pytest.approx(2 / 3, abs=1e-6) and tree["settings"] == {"method": {"name": "x"}}
    assert tree["successes"]["metric"]["rmse"] == pytest.approx(
        np.mean([one.scores.metric.rmse for one in (GOOD, POOR)])
    )
    assert tree["failures"][0] == {"name": "c", "kind": "NoLandmarkError", "reason": "nobody was found"}
    timings = list(csv.reader(io.StringIO((tmp_path / "timings.csv").read_text())))
    assert timings == [["name", "seconds"], *([name, "1.500"] for name in "abcd")]


def test_rows_of_the_table_come_from_the_metrics():
    line = table(summarise([GOOD]))[1]
    errors = depth_errors((1.1 * TRUTH).ravel(), TRUTH.ravel())
    assert line[2:] == [
        f"{getattr(errors, name):.2f}" if name == "silog" else f"{getattr(errors, name):.3f}" for name in HEADINGS
    ]
