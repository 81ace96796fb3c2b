"""Several methods side by side: means over the right photos, cost without the first, and tables of any width."""

import json
import math

import numpy as np
import pytest

from mfh.errors import InputError
from mfh_lab.evaluation.ledger import Done, done_photos, open_ledger
from mfh_lab.evaluation.memory import peak_memory
from mfh_lab.evaluation.methods.method import Contender
from mfh_lab.evaluation.protocols import PAPER
from mfh_lab.evaluation.report import summarise as summary_of
from mfh_lab.evaluation.report import write_report
from mfh_lab.evaluation.runner import NOT_COUNTED, Evaluation, evaluate
from mfh_lab.evaluation.side_by_side import (
    Cost,
    Outcome,
    PhotoNumbers,
    common_photos,
    read_cost,
    read_failures,
    read_numbers,
    summarise,
)
from mfh_lab.evaluation.side_by_side_report import (
    NONE,
    Comparison,
    aligned,
    cells,
    comparison_object,
    markdown,
    notes,
    shared_cells,
    text,
    write_comparison,
)
from tests.lab.evaluation.made_up import MadeUpDataset, MadeUpMethod


def numbers(value, *, interval=True):
    extra = {"half_width": value / 2, "covered_80": value < 0.5, "covered_95": True} if interval else {}
    return PhotoNumbers(value, 1 - value, 100 * value, 3 * value, value, value / 4, value / 5, **extra)


FIRST = Outcome(
    "one (preset a)", "one", {"a": numbers(0.1), "b": numbers(0.3), "c": numbers(0.8)}, 0, 1,
    Cost(1.234, 2, True, 2_500_000_000, None), "", False, "MIT", "yes",
)  # fmt: skip
SECOND = Outcome(
    "two", "two", {"b": numbers(0.2, interval=False)}, 2, 1, Cost(12.6, 1, False, None, 900_000_000), "a: no\u2028wall",
    False, "CC-BY-NC-4.0", "no",
)  # fmt: skip
BROKEN = Outcome("three", reason="three cannot run here: no package three: pip install three")
PAPER_ROW = Outcome("four", reason="ROOMS: AbsRel 0.1, δ1 0.9 (its Table 2)", published=True)
COMPARISON = Comparison("folder", "paper", 4, (FIRST, SECOND, BROKEN, PAPER_ROW))


def test_means_are_over_the_photos_answered_and_over_those_of_all():
    summary = summarise([*(FIRST.numbers or {}).values()])
    assert summary.photos == summary.intervals == 3 and summary.means["abs_rel"] == pytest.approx(0.4)
    assert (summary.covered_80, summary.covered_95, summary.half_width) == (2, 3, pytest.approx(0.15))
    assert summarise([numbers(0.2, interval=False)]).half_width is None
    assert common_photos(COMPARISON.outcomes) == ("b",) and common_photos([BROKEN]) == ()
    lines = cells(COMPARISON, cost=True)
    assert lines[1][:3] == ["one (preset a)", "3/3", "0.400"] and lines[1][9:] == [
        "2/3", "3/3", "15%", "1.2", "2.5", NONE, "MIT", "yes",
    ]  # fmt: skip
    assert lines[2][1:3] == ["1/3", "0.200"] and lines[2][9:] == [
        NONE,
        NONE,
        NONE,
        "13*",
        NONE,
        "0.9",
        "CC-BY-NC-4.0",
        "no",
    ]
    assert lines[3][1:] == ["0/3", *[NONE] * 15] and lines[4][1:] == [NONE] * 16
    shared = shared_cells(COMPARISON)
    assert [line[:3] for line in shared[1:]] == [["one (preset a)", "1", "0.300"], ["two", "1", "0.200"]]
    assert shared_cells(Comparison("folder", "paper", 4, (FIRST, BROKEN))) == []


def test_what_the_table_does_not_say_stands_below_it():
    found = notes(COMPARISON)
    assert found[0].startswith("two: 2 photos without an answer; the first: a: no")
    assert found[1] == BROKEN.reason and found[2].startswith("four: published numbers, of other photos: ROOMS")
    assert found[3].startswith("1 photos cannot be scored")
    written = markdown(COMPARISON, cost=False)
    assert "| one (preset a) | 3/3 | 0.400 |" in written and "s/photo" not in written
    assert "s/photo" in markdown(COMPARISON, cost=True)


def test_a_table_wider_than_the_terminal_stands_in_blocks():
    lines = [["name", *[f"column{number}" for number in range(6)]], ["x", *"123456"]]
    wide = aligned(lines, width=200)
    assert len(wide) == 2
    narrow = aligned(lines, width=25)
    assert max(map(len, narrow)) <= 25 and len(narrow) == 8
    assert sum(line.startswith("name") for line in narrow) == 3 and " ".join(narrow).count("column") == 6
    # One column too wide for any block has one of its own.
    assert len(aligned([["n", "x" * 50, "y"], ["1", "2", "3"]], width=10)) == 5
    for width in (40, 80, 300):
        printed = text(COMPARISON, width=width).splitlines()
        table = printed[2 : printed.index("The same over the photos that every method answered:")]
        assert max(map(len, table)) <= max(width, 45)


def test_the_files_repeat_and_seconds_are_in_none_of_them(tmp_path):
    write_comparison(COMPARISON, tmp_path)
    before = {name: (tmp_path / name).read_bytes() for name in ("comparison.md", "comparison.csv", "comparison.json")}
    slower = Outcome(**{**FIRST.__dict__, "cost": Cost(9.9, 3, True, 7, None)})
    write_comparison(Comparison("folder", "paper", 4, (slower, SECOND, BROKEN, PAPER_ROW)), tmp_path)
    assert all((tmp_path / name).read_bytes() == content for name, content in before.items())
    assert "one (preset a),9.9,3,1,7,\n" in (tmp_path / "cost.csv").read_text()
    tree = json.loads(before["comparison.json"])
    assert tree["photos_of_all"] == 1 and tree["methods"][1]["errors_on_photos_of_all"]["abs_rel"] == 0.2
    assert "cost" not in tree["methods"][0]
    assert comparison_object(COMPARISON, cost=True)["methods"][0]["cost"]["seconds"] == 1.234  # pyright: ignore
    (tmp_path / "comparison.md").write_text("mine")
    with pytest.raises(InputError, match="comparison.md is there already"):
        write_comparison(COMPARISON, tmp_path)


def test_results_on_disk_are_read_as_they_were_summarised(tmp_path):
    names = ("a", "b/nobody", "c", "blank")
    method = MadeUpMethod(tmp_path / "asked", seconds=0.01)
    evaluation = Evaluation(MadeUpDataset(tmp_path, names), PAPER, Contender.of(method))
    rows, ledger = evaluate(evaluation, tmp_path / "out", progress=lambda what, fraction: None)
    write_report("made up", rows, ledger, evaluation.settings())
    found, expected = read_numbers(tmp_path / "out"), summary_of(rows)
    mean = summarise([*found.values()])
    assert [*found] == ["a", "c"] and mean.means["abs_rel"] == pytest.approx(expected.successes["metric"]["abs_rel"])
    assert mean.means["shape_scale_shift"] == pytest.approx(expected.successes["best_scale_shift"]["abs_rel"])
    assert mean.means["scale_error"] == pytest.approx(expected.scale_error_mean)
    assert (mean.covered_80, mean.covered_95, mean.half_width) == (
        expected.covered_80, expected.covered_95, pytest.approx(expected.half_width),
    )  # fmt: skip
    failed, unscorable, reason = read_failures(tmp_path / "out", NOT_COUNTED)
    assert (failed, unscorable) == (1, 1) and reason == "b/nobody: nobody was found in b/nobody"
    done = done_photos(tmp_path / "out")
    assert [done[name].first for name in names] == [True, False, False, False]
    assert done["a"].ram_bytes == ledger.done["a"].ram_bytes and done["blank"].ram_bytes is None
    cost = read_cost(tmp_path / "out", [*found])
    assert cost is not None and cost.photos == 1 and cost.warm_up and cost.seconds == done["c"].seconds
    (tmp_path / "out" / "scores.csv").write_text("name,answered\na,1\n")
    with pytest.raises(InputError, match="line 2: .*expected a table of mfh evaluate"):
        read_numbers(tmp_path / "out")


def test_seconds_leave_out_the_first_of_every_process_where_there_are_others(tmp_path):
    settings = {"method": {}, "dataset": {}, "protocol": {}, "code": "x"}
    ledger = open_ledger(tmp_path / "out", settings)
    seconds = {"a": (9.0, True), "b": (1.0, False), "c": (7.0, True), "d": (3.0, False)}
    for number, (name, (taken, first)) in enumerate(seconds.items()):
        ledger.add(Done(name, taken, first=first, ram_bytes=100 * (4 - number), gpu_bytes=5 if name == "d" else None))
    cost = read_cost(tmp_path / "out", [*seconds])
    assert cost == Cost(2.0, 2, True, 400, 5)
    assert read_cost(tmp_path / "out", ["a", "c"]) == Cost(8.0, 2, False, 400, None)
    assert read_cost(tmp_path / "out", []) is None


def test_a_ledger_without_memory_is_read_and_one_of_other_kinds_refused(tmp_path):
    settings = {"method": {}, "dataset": {}, "protocol": {}, "code": "x"}
    open_ledger(tmp_path / "out", settings)
    done = tmp_path / "out" / "done.jsonl"
    done.write_text('{"name": "a", "seconds": 1.5, "failure": "", "kind": ""}\n')
    assert done_photos(tmp_path / "out")["a"] == Done("a", 1.5)
    for wrong in ('"ram_bytes": "much"', '"first": 1', '"gpu_bytes": 1.5'):
        done.write_text(f'{{"name": "a", "seconds": 1.5, {wrong}}}\n')
        with pytest.raises(InputError, match="line 1 of .*is damaged"):
            done_photos(tmp_path / "out")


def test_peak_memory_counts_what_was_held_and_a_gpu_where_torch_uses_one(monkeypatch):
    held = np.ones(8_000_000)
    memory = peak_memory()
    assert memory.ram_bytes is None or held.nbytes < memory.ram_bytes < 1e12

    class Cuda:
        used = False

        def is_available(self):
            return True

        def is_initialized(self):
            return self.used

        def device_count(self):
            return 2

        def max_memory_allocated(self, number):
            return (30, 70)[number]

    torch = type("torch", (), {"cuda": Cuda()})
    monkeypatch.setitem(__import__("sys").modules, "torch", torch)
    assert peak_memory().gpu_bytes is None
    torch.cuda.used = True
    assert peak_memory().gpu_bytes == 70
    assert not math.isnan(held.sum())
