"""The tables of benchmarks/study_real.py on made-up rows, and what it makes of a landmark."""

import importlib
import json
import math
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from benchmarks.real_tables import (
    PhotoFacts,
    RealRow,
    Receipt,
    Shape,
    add_row,
    constants,
    group_table,
    groups_of,
    kind_table,
    markdown,
    plain,
    read_rows,
    reasons,
)

from mfh.errors import InputError
from mfh.types import Landmark

PERSON = Receipt("person", False, True, 1.0, 0.1, 0.2, 0.1)
PAINTED = Receipt("painted person", True, True, 0.5, None, -0.4, 0.2)
REJECTED = replace(PAINTED, used=False, scale_error=None)


@pytest.fixture
def study(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[2] / "benchmarks"))
    return importlib.import_module("study_real")


def photo(name: str, *receipts: Receipt, true_m: float = 3.0, place: str = "indoor", **changes) -> RealRow:
    shape = Shape(0.2, 0.6)
    row = RealRow(PhotoFacts("set", name, place, true_m), 2.0, "", shape, shape, shape, 0.3, 4.0, True, True, 0.5)
    return replace(row, receipts=receipts, **changes)


def refused(name: str, **facts) -> RealRow:
    row = photo(name, **facts)
    return RealRow(row.facts, 1.0, refused=f"NoLandmarkError: {name}: no person gives a scale (1 found)")


def cells(table: list[list[str]], first: str) -> dict[str, str]:
    line = next(line for line in table if line[0] == first)
    return dict(zip(table[0], line, strict=True))


def test_groups_depend_on_the_truth_and_the_kinds_of_evidence_used():
    assert groups_of(photo("a", PERSON, true_m=1.7)) == (
        "all",
        "close-ups",
        "people",
        "object or person",
        "scale from person",
    )
    assert groups_of(photo("b", PAINTED, REJECTED, true_m=1.8)) == (
        "all",
        "rooms",
        "neither object nor person",
        "scale from painted person",
    )
    assert groups_of(photo("c", true_m=1.0, place="outdoor")) == (
        "all",
        "streets",
        "neither object nor person",
        "scale from nothing",
    )
    chair = replace(PERSON, kind="object: chair")
    assert groups_of(photo("d", chair, PAINTED))[2:] == ("object or person", "scale from object + painted person")
    assert groups_of(refused("e")) == ("all", "rooms")


def test_refused_photos_are_counted_and_are_no_misses():
    rows = [photo("a"), photo("b", holds_80=False, unaligned=Shape(0.4, 0.2)), refused("c")]
    rooms = cells(group_table(rows), "rooms")
    assert (rooms["photos"], rooms["answered"]) == ("3", "2")
    assert (rooms["80 % holds"], rooms["95 % holds"], rooms["half-width"]) == ("1/2", "2/2", "50%")
    assert (rooms["AbsRel"], rooms["δ1"]) == ("0.300", "0.400")
    assert reasons(rows) == ["refused, rooms: 1: NoLandmarkError: no person gives a scale"]


def test_the_constant_is_the_median_of_each_place_and_keeps_the_shape():
    rows = [photo("a", true_m=2.0), photo("b", true_m=4.0), refused("c", true_m=3.0)]
    rows.append(photo("d", true_m=20.0, place="outdoor"))
    assert constants(rows) == {"indoor": 3.0, "outdoor": 20.0}
    # The answer's median is 4 m and 0.3 too large in logs: at 3 m it is 0.3 + ln(3/4) = 0.012 off, and nearer.
    table = group_table(rows)
    rooms, streets = cells(table, "rooms"), cells(table, "streets")
    assert (rooms["nearer than constant"], rooms["constant, median"]) == ("0/2", "0.012")
    assert (streets["nearer than constant"], streets["constant, median"]) == ("1/1", f"{0.3 + math.log(5):.3f}")
    assert "indoor 3.00 m, outdoor 20.00 m" in table[0][0]


def test_tables_do_not_depend_on_the_order_of_the_rows():
    rows = [photo("a", PERSON), photo("b", PAINTED, log_scale=-0.7), photo("c", PAINTED, true_m=1.0), refused("d")]
    backwards = rows[::-1]
    assert group_table(rows, backwards) == group_table(backwards, rows)
    assert kind_table(rows) == kind_table(backwards)
    assert reasons(rows) == reasons(backwards)


def test_another_run_stands_below_with_paired_differences():
    rows = [photo("a", unaligned=Shape(0.1, 0.9)), photo("b", unaligned=Shape(0.4, 0.5)), photo("only here")]
    others = [photo("a"), photo("b"), photo("only there")]
    table = group_table(rows, others)
    place = [line[0] for line in table].index("rooms")
    ours, theirs, paired = (dict(zip(table[0][1:], line[1:], strict=True)) for line in table[place : place + 3])
    assert (ours["photos"], theirs["photos"], paired["photos"]) == ("3", "2", "2")
    assert theirs["AbsRel"] == "0.200"
    assert paired["AbsRel"] == "+0.050 ± 0.150"
    assert paired["δ1"] == "+0.100 ± 0.200"


def test_a_photo_that_one_run_refuses_is_not_paired():
    table = group_table([photo("a"), refused("b")], [refused("a"), photo("b")])
    assert [line[1:3] for line in table if line[0] == "  difference, paired"][0] == ["0", ""]


def test_kinds_of_evidence_show_up_by_themselves():
    chair = replace(PERSON, kind="chair", distance_error=-0.3, log_sigma=0.1)
    rows = [photo("a", PERSON, PAINTED, REJECTED), photo("b", chair, replace(chair, distance_error=0.1))]
    table = kind_table(rows)
    assert [line[:5] for line in table[1:]] == [
        ["chair", "distance", "1", "2", "0"],
        ["chair", "scale", "1", "2", "0"],
        ["painted person", "scale", "1", "1", "1"],
        ["person", "distance", "1", "1", "0"],
        ["person", "scale", "1", "1", "0"],
    ]
    chairs = cells(table, "chair")
    assert chairs["log error, median"] == "-0.100"
    assert (chairs["rms over sigma"], chairs["within 1.28 sigma"]) == (f"{math.sqrt(5):.2f}", "1/2")


def test_what_states_no_sigma_has_no_error_over_it():
    table = kind_table([photo("a", Receipt("known size", False, True, 1.0, None, 0.1, None))])
    assert table[1][-3:] == ["-", "-", "-"]


def test_rows_are_read_back_sorted_without_an_unfinished_line(tmp_path):
    rows = [refused("b"), photo("a", PERSON, PAINTED)]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(asdict(row)) + "\n" for row in rows) + '{"facts": {"se')
    assert read_rows(path) == rows[::-1]
    add_row(path, photo("c"))
    assert read_rows(path) == [*rows[::-1], photo("c")]
    assert read_rows(tmp_path / "nothing.jsonl") == []


def test_both_texts_hold_every_cell():
    table = group_table([photo("a", PERSON)], [photo("a", PERSON)])
    assert len(markdown(table).splitlines()) == len(table) + 1
    assert markdown(table).splitlines()[0].count(" | ") == len(table[0]) - 1
    for line, text in zip(table, plain(table).splitlines(), strict=True):
        assert all(cell.strip() in text for cell in line)


def test_a_landmark_is_compared_with_the_truth_in_the_middle_of_its_box(study):
    truth_m = np.full((40, 40), 9.0, np.float32)
    truth_m[10:30, 10:30] = 2.0
    seen = SimpleNamespace(truth_m=truth_m, scored_mask=truth_m > 0)
    one = Landmark("photo", "m", (0.0, 0.0, 40.0, 40.0), 0.9, 3.0, 1.7, 99, "used", "", log_distance_sigma=0.3)
    assert study.distance_error(one, seen) == pytest.approx(math.log(1.5))
    assert study.distance_error(replace(one, box_xyxy=(0.0, 0.0, 2.0, 2.0)), seen) is None
    assert study.distance_error(replace(one, distance_m=None), seen) is None


@pytest.mark.parametrize(("space", "sign"), [("disparity", -1), ("depth", 1)])
def test_the_scale_a_landmark_implies_is_compared_with_the_true_one(study, space, sign):
    truth_m = np.full((40, 40), 2.0, np.float32)
    seen = SimpleNamespace(truth_m=truth_m, scored_mask=truth_m > 0)
    one = Landmark(
        "painting 1", "m", (0.0, 0.0, 40.0, 40.0), 0.9, 3.0, 1.7, 99, "used", "",
        log_distance_sigma=0.3, shared_log_sigma=0.4, implied_scale=2.0,
    )  # fmt: skip
    result = SimpleNamespace(
        head=SimpleNamespace(scale=1.0, space=space), interval=None, landmarks=(one,), known_sizes=()
    )
    (receipt,) = study.receipts_of(result, seen, log_scale=0.1)
    assert receipt.scale_error == pytest.approx(0.1 + sign * math.log(2))
    assert (receipt.kind, receipt.distance_error, receipt.log_sigma) == ("painted person", None, pytest.approx(0.5))


def test_rows_of_another_configuration_are_refused(study, tmp_path):
    study.check_settings(tmp_path / "out", {"code": "a"})
    study.check_settings(tmp_path / "out", {"code": "a"})
    with pytest.raises(InputError, match="code was a, is b"):
        study.check_settings(tmp_path / "out", {"code": "b"})


def test_sets_are_folders_of_photos_and_every_kth_is_by_name(study, tmp_path):
    for name in ("one/c", "one/a", "one/b", "two/x"):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        for file in ("rgb.png", "depth.npy", "intrinsics.json"):
            (folder / file).touch()
    assert [(one, name) for one, _, name in study.open_sets([tmp_path], every=2)] == [
        ("one", "a"), ("one", "c"), ("two", "x"),
    ]  # fmt: skip
    assert [one for one, _, _ in study.open_sets([tmp_path / "two"], every=1)] == ["two"]
