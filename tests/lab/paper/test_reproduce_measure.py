"""Targets and spaces of one photo, and a dataset whose answers of models are shared by tables."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

import mfh_lab.paper.bench as benches
from mfh.config import preset
from mfh.errors import BackendError, InputError
from mfh.types import Camera, FocalProvenance, HumanMesh, MetricHead, PaintedPhoto, Person, Photo, RelativeDepth
from mfh_lab.evaluation.datasets.registry import open_dataset
from mfh_lab.evaluation.protocols import AUTHORS_CODE, PAPER, EvaluationView
from mfh_lab.evaluation.store import Store
from mfh_lab.paper.bench import DatasetBench
from mfh_lab.paper.grid import Cell, Grid
from mfh_lab.paper.measure import fit_cell, head_depth, head_of, in_space, true_evidence
from mfh_lab.paper.missing import Missing
from mfh_lab.paper.pocket import FromZero
from mfh_lab.paper.report import markdown, results, write_results
from mfh_lab.paper.run import run_grid
from mfh_lab.paper.tables import GRIDS

HEIGHT, WIDTH = 40, 60
CAMERA = Camera(50.0, 50.0, 29.5, 19.5, WIDTH, HEIGHT)


def quiet(what: str, fraction: float) -> None:
    """Show nothing."""


def truth(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.linspace(2, 6, HEIGHT)[::-1, None] + rng.uniform(0, 0.5, (HEIGHT, WIDTH))


def view_of(depth_m: np.ndarray) -> EvaluationView:
    photo = Photo(np.zeros((HEIGHT, WIDTH, 3), np.float32), CAMERA, FocalProvenance("explicit", "", 0.0))
    return EvaluationView("one", photo, depth_m, np.ones(depth_m.shape, bool), 0.1, 80.0)


@pytest.mark.parametrize("space", ["disparity", "depth"])
def test_in_the_other_space_nearer_and_farther_change_sides(space):
    """A network of disparity that is affine in negative depth is exact as a head of depth with a negative scale."""
    depth_m = truth()
    other = "depth" if space == "disparity" else "disparity"
    exact_in_other = depth_m if other == "depth" else 1 / depth_m
    relative = RelativeDepth(7 - 3 * exact_in_other, space)
    evidence = true_evidence(view_of(depth_m), relative)
    seen, own = in_space([evidence], relative, other)
    assert own.space == other
    head = head_of(fit_cell(Cell(("x",), target="true", space=other), seen, own))
    assert head.scale == pytest.approx(1 / 3, rel=1e-6), "of the negated map: of the network's own it is -1/3"
    np.testing.assert_allclose(head_depth(own, head), depth_m, rtol=1e-6)
    same, still = in_space([evidence], relative, space)
    assert still is relative and same[0] is evidence
    assert in_space([evidence], relative, None)[1] is relative


@pytest.mark.parametrize("space", ["disparity", "depth"])
def test_the_published_code_takes_the_reciprocal_in_the_other_space(space):
    """s / D + t where D > 0: a network of depth whose reciprocal is affine in disparity is exact, and so swapped."""
    depth_m = truth()
    other = "depth" if space == "disparity" else "disparity"
    exact_in_other = depth_m if other == "depth" else 1 / depth_m
    values = 1 / (2 + 3 * exact_in_other)
    values[0, :5] = [-1, 0, -0.0, 1e-13, -1e-20]
    evidence = true_evidence(view_of(depth_m), RelativeDepth(values, space))
    assert len(evidence.relative) == HEIGHT * WIDTH
    seen, own = in_space([evidence], RelativeDepth(values, space), other, how="reciprocal")
    assert own.space == other and len(seen[0].relative) == HEIGHT * WIDTH - 4
    assert (own.values[0, :5] == 1e12).all(), "smaller ones are read as 1e-12"
    one = seen[0]
    kept = one.relative < 1e12
    sound = replace(one, relative=one.relative[kept], depth_m=one.depth_m[kept], person=one.person[kept])
    head = head_of(fit_cell(Cell(("x",), target="true", space=other), [sound], own))
    assert head.scale == pytest.approx(1 / 3, rel=1e-6)
    np.testing.assert_allclose(head_depth(own, head)[1:], depth_m[1:], rtol=1e-6)


def test_only_the_published_code_s_protocol_takes_the_reciprocal():
    for protocol, how in ((PAPER, "negated"), (AUTHORS_CODE, "reciprocal")):
        assert {rules.other_space for rules in protocol.rules.values()} == {how}


def test_the_truth_is_taken_where_it_is_scored_and_at_its_own_size():
    depth_m = truth()
    seen = view_of(depth_m)
    seen.scored_mask[:10] = False
    coarse = RelativeDepth(np.repeat(np.linspace(0, 1, 5)[:, None], 7, 1), "depth")
    evidence = true_evidence(seen, coarse)
    assert len(evidence.relative) == 30 * WIDTH
    np.testing.assert_array_equal(evidence.depth_m, depth_m[10:].ravel())
    np.testing.assert_allclose(evidence.relative.reshape(30, WIDTH)[:, 3], np.linspace(0, 1, HEIGHT)[10:])


def test_beyond_the_horizon_is_infinite_and_behind_the_camera_is_nothing():
    values = RelativeDepth(np.array([[-1.0, 0.0, 1.0]]), "disparity")
    np.testing.assert_array_equal(head_depth(values, MetricHead(0.5, 0.0, "disparity", 0.0)), [[np.inf, np.inf, 2.0]])
    values = RelativeDepth(values.values, "depth")
    np.testing.assert_array_equal(head_depth(values, MetricHead(0.5, 0.0, "depth", 0.0)), [[np.nan, np.nan, 0.5]])


def test_relative_depth_from_zero_is_the_same_up_to_scale_and_shift():
    class Model:
        name, shape_log_sigma = "network", 0.1

        def predict(self, photos):
            return [RelativeDepth(np.array([[-2.0, 3.0]]), "disparity") for _ in photos]

    (found,) = FromZero(Model(), unit=10.0).predict([np.zeros((1, 2, 3), np.float32)])
    np.testing.assert_array_equal(found.values, [[0.0, 50.0]])
    assert found.space == "disparity" and FromZero(Model()).name == "network, from 0"


class World:
    """All models in one: the red of a photo is its disparity, painted people are squares of known depth."""

    name = provenance = "world"
    shape_log_sigma = shared_log_sigma = min_score = 0.0

    def __init__(self, calls: list[str]):
        self.calls = calls

    def predict(self, photos):
        self.calls += ["relative"] * len(photos)
        return [RelativeDepth(rgb[..., 0].astype(np.float64) * 3 + 1, "disparity") for rgb in photos]

    def paint(self, photo, paint_masks, prompts, seeds):
        self.calls += ["paint"] * len(seeds)
        return [self._paint(photo, *each) for each in zip(paint_masks, prompts, seeds, strict=True)]

    def _paint(self, photo, paint_mask, prompt, seed):
        rng = np.random.default_rng(seed)
        z = float(rng.uniform(1.5, 4))
        columns = np.flatnonzero(paint_mask.any(0))
        left = int(rng.integers(columns[0], max(columns[-1] - 11, columns[0] + 1)))
        square = np.zeros_like(paint_mask)
        square[8:36, left : left + 12] = True
        square &= paint_mask
        rgb = photo.copy()
        # The square leans, so that its relief determines the shift.
        lean = np.linspace(0, 0.3, HEIGHT)[:, None] * np.ones(WIDTH)
        rgb[square] = np.stack([1 / (z + lean), 0.9 + 0 * lean, np.full_like(lean, (z - 1) / 4)], -1)[square]
        return PaintedPhoto(rgb, paint_mask, prompt, seed)

    def segment(self, photos, regions=None):
        self.calls += ["people"] * len(photos)
        found = []
        for rgb in photos:
            at = rgb[..., 1] > 0.8
            rows, columns = np.nonzero(at)
            people = []
            if len(rows):
                box = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], float)
                people = [Person(box, at, 1.0)]
            found.append(people)
        return found

    def measure(self, photo, people, camera):
        self.calls.append("bodies")
        meshes = []
        for person in people:
            left, top, right, bottom = person.box_xyxy
            z = 1 + 4 * float(np.median(photo[..., 2][person.instance_mask]))
            corners = []
            for x, y in ((left - 1, top - 1), (right, top - 1), (left - 1, bottom), (right, bottom)):
                at = z + 0.3 * y / (HEIGHT - 1)
                corners.append([(x - CAMERA.cx) / CAMERA.fx * at, (y - CAMERA.cy) / CAMERA.fy * at, at])
            meshes.append(HumanMesh(np.array(corners), np.array([[0, 1, 3], [0, 3, 2]]), "world", 1.7))
        return meshes


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    """Two scenes as mfh pocket render writes them."""
    for number in range(2):
        folder = tmp_path / "scenes" / f"scene-{number}"
        folder.mkdir(parents=True)
        depth_m = truth(number).astype(np.float32)
        rgb = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        rgb[..., 0] = np.rint(255 / depth_m)
        cv2.imwrite(str(folder / "rgb.png"), rgb[..., ::-1])
        np.savez(folder / "depth.npz", depth_m=depth_m)
        camera = {"fx": 50.0, "fy": 50.0, "cx": 29.5, "cy": 19.5, "width": WIDTH, "height": HEIGHT}
        (folder / "scene.json").write_text(json.dumps({"camera": camera}))
    return tmp_path / "scenes"


def bench_of(scenes: Path, calls: list[str], monkeypatch: pytest.MonkeyPatch, *, protocol=PAPER) -> DatasetBench:
    def load(names):
        calls.append(f"load {len(names)}")
        if "sd2" in names.values():
            raise BackendError("the painter sd2 is not here")
        return {role: World(calls) for role in names}

    monkeypatch.setattr(benches, "load_models", load)
    dataset = open_dataset("pocket", scenes)
    return DatasetBench(dataset, protocol, preset("pocket"), Store(scenes.parent / "answers"), title="made up")


@pytest.mark.slow
def test_tables_share_paintings_and_a_second_run_shares_everything(scenes: Path, monkeypatch: pytest.MonkeyPatch):
    calls: list[str] = []
    out = scenes.parent / "out"
    four = run_grid(GRIDS["table4"], bench_of(scenes, calls, monkeypatch), out, progress=quiet)
    assert calls.count("paint") == calls.count("people") >= 8, "both halves of Table 4 see the same paintings"
    assert calls.count("relative") == calls.count("paint") + 2
    exact = [row for row in four.rows if row.label == ("s_n, t_n, s, t", "true disparity")]
    assert len(exact) == 2 and max(row.abs_rel for row in exact) < 0.01
    calls.clear()
    five = run_grid(GRIDS["table5"], bench_of(scenes, calls, monkeypatch), out, progress=quiet)
    assert calls == ["load 4"], "Table 5 differs only after painting"
    silog = [row.abs_rel for row in five.rows if row.label == ("SIlog",)]
    assert silog == [row.abs_rel for row in four.rows if row.label == ("s_n, t_n, s, t", "painted disparity")]
    calls.clear()
    again = run_grid(GRIDS["table5"], bench_of(scenes, calls, monkeypatch), out, progress=quiet)
    assert calls == [] and again.rows == five.rows
    run_grid(GRIDS["table7"], bench_of(scenes, calls, monkeypatch), out, progress=quiet)
    # A mask too narrow for a body leaves the photo as it is, in which people were searched for already.
    assert 0 < calls.count("people") <= calls.count("paint"), "Table 7 paints other masks"


@pytest.mark.slow
def test_cells_without_their_model_are_listed_and_the_others_run(scenes: Path, monkeypatch: pytest.MonkeyPatch):
    grid = Grid("t", "T", "pocket", ("painter",), (Cell(("here",)), Cell(("away",), painter="sd2")))
    measured = run_grid(grid, bench_of(scenes, [], monkeypatch), scenes.parent / "out", progress=quiet)
    assert measured.not_run == {("away",): (Missing("weights of sd2", "mfh weights fetch sd2"),)}
    text = markdown(measured, results(measured))
    assert (
        "| away | – | – | – | – | waits for 1 |" in text and "1. away: waits for weights of sd2: `mfh weights" in text
    )
    alone = Grid("t", "T", "pocket", ("painter",), (Cell(("away",), painter="sd2"),))
    with pytest.raises(BackendError, match="sd2 is not here"):
        run_grid(alone, bench_of(scenes, [], monkeypatch), scenes.parent / "other", progress=quiet)


@pytest.mark.slow
def test_failures_are_counted_listed_and_at_their_worst_in_a_second_mean(
    scenes: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    paint = World._paint

    def nobody_in_the_second(self, photo, paint_mask, prompt, seed):
        if abs(float(photo[0, 0, 0]) - np.rint(255 / truth(1)[0, 0].astype(np.float32)) / 255) < 1e-6:
            return PaintedPhoto(photo, paint_mask, prompt, seed)
        return paint(self, photo, paint_mask, prompt, seed)

    monkeypatch.setattr(World, "_paint", nobody_in_the_second)
    grid = Grid("t", "T", "nyu", ("loss",), (Cell(("SIlog",), GRIDS["table5"].cells[3].published),))
    measured = run_grid(grid, bench_of(scenes, [], monkeypatch), scenes.parent / "out", progress=quiet)
    (one,) = found = results(measured)
    assert (one.photos, one.answered) == (2, 1)
    assert one.failures == {"no pixel of any person has a depth: there is nothing to fit the metric scale to": 1}
    assert one.with_failures.abs_rel > one.mean.abs_rel + 100
    text = markdown(measured, found)
    assert "no answer for 1 of 2; with the worst" in text and "1x no pixel of any person" in text
    paths = write_results(tmp_path, measured, found)
    assert [path.name for path in paths] == ["t.md", "t.csv", "t-photos.csv", "t.json"]
    (flat,) = json.loads(paths[3].read_text())["cells"]
    assert flat["delta1_paper"] == 66.8
    assert flat["delta1_difference"] == pytest.approx(flat["delta1"] - 66.8, abs=1e-3)
    assert paths[2].read_text().count("\n") == 3


def test_a_protocol_that_fixes_the_scale_is_no_place_for_ablations(scenes: Path, monkeypatch: pytest.MonkeyPatch):
    kitti = AUTHORS_CODE.of("kitti")
    monkeypatch.setattr(type(AUTHORS_CODE), "of", lambda self, dataset: kitti)
    with pytest.raises(InputError, match="fixes the scale"):
        bench_of(scenes, [], monkeypatch, protocol=AUTHORS_CODE)
