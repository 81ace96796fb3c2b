"""The benchmark on a few tiny scenes: prefixes, ways, statistics, resuming, and what the oracles must show."""

import csv
import json
import math
from dataclasses import replace

import numpy as np
import pytest

from mfh.config import preset
from mfh.errors import BackendError, InputError, NoLandmarkError
from mfh.types import Evidence, Landmark, RelativeDepth
from mfh_lab.paper import run as running
from mfh_lab.paper.measure import first_usable, fit_cell, head_of, measure_photo
from mfh_lab.paper.plot import write_benchmark_plot
from mfh_lab.paper.pocket import FIRST_SEED, OracleBench, PocketScenes, has_room
from mfh_lab.paper.pocket_benchmark import (
    Benchmark,
    BenchmarkRow,
    benchmark_row,
    run_benchmark,
    settings_of,
    summarise,
    table,
    write_results,
)
from mfh_lab.paper.tables import BOUND, WAYS, benchmark_grid
from mfh_lab.pocket.world.bodies import load_bank, sample_bank_path

_SEED = FIRST_SEED + 2
_PAPER = WAYS[0]


def _measure_scene(noise="clean") -> list[BenchmarkRow]:
    bench = OracleBench([_SEED], load_bank(sample_bank_path()), noise, size=(160, 120), as_published=False)
    cells = benchmark_grid((1, 4), 2).cells
    view = bench.view(bench.names[0])
    measured = [row for seed in (0, 1) for row in measure_photo(bench.subject(view), cells, bench.base, seed=seed)]
    return [benchmark_row(row, models="oracle", noise=noise) for row in measured]


@pytest.fixture(scope="module")
def rows() -> list[BenchmarkRow]:
    return _measure_scene() + _measure_scene("outliers20")


@pytest.mark.slow
def test_one_row_for_every_question(rows):
    asked = {(row.noise, row.way, row.seed, row.paintings) for row in rows}
    ways = {way.name for way in WAYS}
    expected = {(noise, way, seed, n) for noise in ("clean", "outliers20") for way in ways for seed in (0, 1)
                for n in (1, 4)}  # fmt: skip
    assert asked == expected | {(noise, BOUND, 0, 0) for noise in ("clean", "outliers20")}
    assert len(rows) == len(asked)
    assert all(row.seconds > 0 for row in rows)


@pytest.mark.slow
def test_clean_oracles_are_exact_in_the_papers_way(rows):
    clean = [row for row in rows if row.noise == "clean" and row.way in (_PAPER.name, BOUND)]
    assert len(clean) == 5
    for row in clean:
        assert row.abs_rel < 1e-4 and row.delta1 == 1.0 and row.scale_error < 1e-4


@pytest.mark.slow
def test_noise_costs_accuracy_and_nobody_beats_the_bound_by_much(rows):
    noisy = [row for row in rows if row.noise == "outliers20"]
    (bound,) = (row for row in noisy if row.way == BOUND)
    assert 0.001 < bound.abs_rel < 0.2
    assert all(row.abs_rel > 0.8 * bound.abs_rel for row in noisy)
    assert np.mean([row.abs_rel for row in noisy if row.way == _PAPER.name]) > 0.03


@pytest.mark.slow
def test_the_same_scene_gives_the_same_rows_and_seeds_differ(rows):
    def without_time(some):
        return [replace(row, seconds=0.0) for row in some]

    again = _measure_scene("outliers20")
    assert without_time(again) == without_time([row for row in rows if row.noise == "outliers20"])
    errors = {row.seed: row.abs_rel for row in again if row.way == _PAPER.name and row.paintings == 4}
    assert errors[0] != errors[1]


def _evidence(*usable: bool) -> list[Evidence]:
    def landmark(used):
        return Landmark(
            "painting", "oracle", (0.0, 0.0, 1.0, 1.0), 1.0, 2.0, 1.7, 30, "used" if used else "rejected", ""
        )

    x = np.linspace(0.3, 0.6, 30)
    none = np.zeros(0)
    return [
        Evidence(x, 1 / (2 * x + 0.1), np.zeros(30, int), (landmark(used),))
        if used
        else Evidence(none, none, np.zeros(0, int), (landmark(False),))
        for used in usable
    ]


def test_prefixes_end_with_the_last_painting_that_was_needed():
    evidence = _evidence(False, True, True, False, True)
    assert [first_usable(evidence, n) for n in (1, 2, 3, 4)] == [(2, 1), (3, 2), (5, 3), (5, 3)]
    assert first_usable(_evidence(False, False), 1) == (2, 0)


@pytest.mark.parametrize("cell", benchmark_grid((3,), 1).cells[1:], ids=lambda cell: cell.label[0])
def test_every_way_finds_the_head_and_reports_when_there_is_none(cell):
    relative = RelativeDepth(np.linspace(0.1, 1, 1200).reshape(30, 40), "disparity")
    assert cell.head_config.free == preset("pocket").head.free and cell.head_config.loss == preset("pocket").head.loss
    head = head_of(fit_cell(cell, _evidence(False, True, True, True), relative))
    assert head.scale == pytest.approx(2, rel=1e-3) and head.shift == pytest.approx(0.1, rel=1e-2)
    with pytest.raises(NoLandmarkError):
        fit_cell(cell, _evidence(False), relative)


@pytest.mark.slow
def test_a_scene_without_an_answer_is_a_line_without_numbers():
    bench = OracleBench([_SEED], load_bank(sample_bank_path()), "clean", size=(160, 120), as_published=False)
    view = bench.view(bench.names[0])
    cells = benchmark_grid((2,), 1).cells
    for seed, count in ((0, 5), (1, 4)):
        lines = [
            benchmark_row(row, models="oracle", noise="clean")
            for row in running.failed_rows(view, cells, seed, "no model")
        ]
        assert len(lines) == count, "the bound does not depend on the seed"
        assert all(math.isnan(line.abs_rel) and math.isnan(line.delta1) for line in lines)
        assert all(math.isnan(line.scale_error) and math.isnan(line.covered_80) for line in lines)
        assert {line.scene for line in lines} == {_SEED} and all(line.kind for line in lines)


def _row(**changes) -> BenchmarkRow:
    row = BenchmarkRow(1, "office", "oracle", "clean", "paper", 0, 4, 4, 0.1, 0.9, 0.05, 2.0, True)
    return replace(row, **changes)


def test_statistics_are_over_scenes_then_over_seeds():
    rows = [
        _row(scene=1, seed=0, abs_rel=0.1),
        _row(scene=2, seed=0, abs_rel=0.2),
        _row(scene=3, seed=0, abs_rel=0.9, kind="street"),
        _row(scene=1, seed=1, abs_rel=0.3),
        _row(scene=2, seed=1, abs_rel=0.4),
        _row(scene=3, seed=1, abs_rel=math.nan, kind="street"),
    ]
    everywhere, indoors, outdoors = summarise(rows)
    assert (everywhere.where, indoors.where, outdoors.where) == ("all", "indoors", "outdoors")
    assert everywhere.scenes == 3 and everywhere.unanswered == pytest.approx(1 / 6)
    assert everywhere.abs_rel_median.mean == pytest.approx((0.2 + 0.35) / 2)
    assert everywhere.abs_rel_median.sd == pytest.approx(0.15 / math.sqrt(2))
    assert everywhere.abs_rel_mean.mean == pytest.approx((0.4 + 0.35) / 2)
    assert outdoors.unanswered == 0.5 and math.isnan(outdoors.abs_rel_mean.sd)
    assert indoors.abs_rel_mean.mean == pytest.approx(0.25)


def test_the_table_names_oracles_and_what_was_not_answered():
    text = table(summarise([_row(), _row(way=BOUND, paintings=0), _row(scene=2, abs_rel=math.nan)]))
    assert "oracle (clean)" in text and "50%" in text and "best affine fit to the truth" in text


def test_results_are_written_without_nan(tmp_path):
    rows = [_row(), _row(seed=1, abs_rel=math.nan)]
    write_results(tmp_path, rows, summarise(rows), {"scenes": 1})
    tree = json.loads((tmp_path / "summary.json").read_text())
    assert tree["settings"] == {"scenes": 1} and tree["summary"][0]["abs_rel_mean"] == 0.1
    with (tmp_path / "rows.csv").open() as file:
        read = list(csv.DictReader(file))
    assert [line["abs_rel"] for line in read] == ["0.1", ""]
    assert len((tmp_path / "summary.csv").read_text().splitlines()) == 3


@pytest.mark.slow
def test_the_plot_is_drawn_or_says_what_it_needs(tmp_path, monkeypatch):
    summaries = summarise([_row(paintings=n, seed=s) for n in (1, 2, 4) for s in (0, 1)])
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    with pytest.raises(BackendError, match=r"metric-from-human\[plot\]"):
        write_benchmark_plot(tmp_path / "plot.png", summaries)
    monkeypatch.undo()
    pytest.importorskip("matplotlib")
    write_benchmark_plot(tmp_path / "plot.png", summaries, title="test")
    from PIL import Image

    with Image.open(tmp_path / "plot.png") as picture:
        assert picture.width > 600 and len(np.unique(np.asarray(picture.convert("L")))) > 10


def _scenes(tmp_path, **changes) -> PocketScenes:
    return replace(PocketScenes(2, sample_bank_path(), tmp_path), **changes)


def _benchmark(tmp_path, **changes) -> Benchmark:
    return replace(Benchmark(_scenes(tmp_path), (1, 2), 1, ("clean",)), **changes)


@pytest.mark.slow
def test_scenes_are_the_first_with_room(tmp_path):
    chosen = _scenes(tmp_path).seeds(lambda *_: None)
    rooms = [has_room((FIRST_SEED + k, sample_bank_path())) for k in range(3)]
    assert chosen == [seed for seed, room in rooms if room][:2]
    assert _scenes(tmp_path, first_seed=chosen[1]).seeds(lambda *_: None)[0] == chosen[1]
    assert _scenes(tmp_path, count=1).seeds(lambda *_: None) == chosen[:1]


@pytest.mark.slow
def test_a_stopped_run_resumes_and_other_code_starts_over(tmp_path, monkeypatch):
    measured = []

    def fake(subject, cells, base, *, seed):
        measured.append(int(subject.view.name.removeprefix("scene-")))
        if len(measured) == 2:
            raise KeyboardInterrupt
        return running.failed_rows(subject.view, cells, seed, "no model")

    monkeypatch.setattr(running, "measure_photo", fake)
    monkeypatch.setattr(PocketScenes, "seeds", lambda *_: [7, 8, 9])
    benchmark = _benchmark(tmp_path, scenes=_scenes(tmp_path, count=3))
    with pytest.raises(KeyboardInterrupt):
        run_benchmark(benchmark, ["oracle"], progress=lambda *_: None)
    assert measured == [7, 8]
    rows = run_benchmark(benchmark, ["oracle"], progress=lambda *_: None)
    assert measured == [7, 8, 8, 9] and [row.scene for row in rows if row.way == BOUND] == [7, 8, 9]
    assert [(row.scene, row.way, row.paintings) for row in rows[:4]] == [
        (7, BOUND, 0), (7, "paper", 1), (7, "paper", 2), (7, "ours, body", 1)
    ]  # fmt: skip
    monkeypatch.setattr(running, "package_digest", lambda: "other code")
    run_benchmark(benchmark, ["oracle"], progress=lambda *_: None)
    assert measured == [7, 8, 8, 9, 7, 8, 9]


@pytest.mark.slow
def test_any_number_of_processes_gives_the_same_rows(tmp_path):
    def rows(workers):
        scenes = _scenes(tmp_path / str(workers), workers=workers)
        found = run_benchmark(_benchmark(tmp_path, scenes=scenes, paintings=(1,)), ["oracle"], progress=lambda *_: None)
        return [repr(replace(row, seconds=0.0)) for row in found]

    assert rows(1) == rows(2)


def test_settings_are_plain_and_name_the_code(tmp_path):
    settings = json.loads(json.dumps(settings_of(_benchmark(tmp_path), ["oracle"]), allow_nan=False))
    assert len(settings["code"]) == 16 and settings["noises"] == ["clean"]
    assert [way["name"] for way in settings["ways"]] == [way.name for way in WAYS]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seeds": 0}, "--seeds is 0"),
        ({"paintings": (0, 1)}, "at least 1"),
        ({"paintings": ()}, "at least 1"),
        ({"paintings": (4, 2)}, "ascending"),
    ],
)
def test_numbers_that_cannot_work_are_refused(tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        _benchmark(tmp_path, **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"count": 0}, "--scenes is 0"),
        ({"workers": 0}, "--workers is 0"),
        ({"first_seed": -1}, "--first-seed is -1"),
    ],
)
def test_scenes_that_cannot_be_are_refused(tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        _scenes(tmp_path, **changes)
