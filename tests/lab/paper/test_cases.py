"""Success and failure of pseudo ground truth: the limits, the choice, and oracles that fail in a known way."""

from pathlib import Path

import numpy as np
import pytest

from mfh.types import Camera, HumanMesh, MeasuredPainting
from mfh_lab.paper.cases import Case, Cases, Kind, _touching, choose, find_cases, judge
from mfh_lab.paper.figures.success_failure import make_fig10
from mfh_lab.paper.pocket import OracleBench
from mfh_lab.pocket.world.bodies import load_bank, sample_bank_path


def case(photo: str, kind: Kind, number: int = 0) -> Case:
    rgb = np.full((24, 32, 3), 0.5, np.float32)
    mask = np.zeros((24, 32), bool)
    mask[4:20, 8:16] = True
    depth_m = np.where(mask, 3.0 + np.arange(32) / 100, np.inf)
    painting = MeasuredPainting(number, rgb, mask, (), ())
    camera = Camera(32.0, 32.0, 15.5, 11.5, 32, 24)
    return Case(photo, number, kind, 0.8, 1.1, 0.0, rgb, camera, painting, depth_m)


@pytest.mark.parametrize(
    ("overlap", "factor", "touching", "kind"),
    [
        (0.8, 1.0, 0.0, "success"),
        (0.8, 1.25, 0.0, "success"),
        (0.8, 0.79, 0.0, "in between"),
        (0.8, 1.6, 0.0, "out of proportion"),
        (0.8, 0.6, 0.0, "out of proportion"),
        (0.4, 1.0, 0.0, "not a human"),
        (0.4, 9.0, 0.5, "not a human"),
        (0.8, 1.0, 0.1, "bodies penetrate"),
        (0.8, float("nan"), 0.0, "in between"),
    ],
)
def test_kinds_are_told_apart_by_numbers(overlap, factor, touching, kind):
    assert judge(overlap, factor, touching) == kind


def test_bodies_that_share_a_place_penetrate_and_neighbours_do_not():
    rng = np.random.default_rng(0)
    vertices = rng.uniform(-0.2, 0.2, (400, 3)) + (0.0, 0.0, 4.0)

    def body(x: float) -> HumanMesh:
        return HumanMesh(vertices + (x, 0.0, 0.0), np.array([[0, 1, 2]]), "made up")

    assert _touching([body(0.0)]) == 0.0
    assert _touching([body(0.0), body(0.05)]) > 0.1
    assert _touching([body(0.0), body(1.0)]) == 0.0


def test_the_first_of_each_kind_is_shown_and_successes_are_of_several_photos():
    cases = [
        case("a", "success"), case("a", "success", 1), case("b", "out of proportion"), case("b", "in between", 1),
        case("b", "success", 2), case("c", "out of proportion"), case("c", "success", 1), case("d", "success"),
    ]  # fmt: skip
    shown = [(one.photo, one.number, one.kind) for one in choose(cases, each=3)]
    assert shown == [("b", 0, "out of proportion"), ("a", 0, "success"), ("b", 2, "success"), ("c", 1, "success")]
    assert [one.number for one in choose([case("a", "success", k) for k in (0, 1, 2)], each=2)] == [0, 1]


@pytest.mark.slow
def test_the_figure_says_what_does_not_occur(tmp_path: Path):
    cases = Cases((case("a", "success"), case("b", "out of proportion")), 2, {"c": "no truth"})
    made = make_fig10(cases, tmp_path, title="SIMULATED: made up")
    assert sorted(path.name for path in made.files) == ["fig10.csv", "fig10.md", "fig10.pdf", "fig10.png"]
    text = (tmp_path / "fig10.md").read_text()
    assert "| bodies penetrate | failure 3: over 2% of a body within 3 cm of another's | 0 | none occurs |" in text
    assert "No row is drawn for: not a human, bodies penetrate." in text and "- c: left out, no truth" in text
    assert "2 more paintings give no pseudo ground truth" in text and "SIMULATED" in text
    before = [path.read_bytes() for path in made.files]
    again = make_fig10(cases, tmp_path, title="SIMULATED: made up")
    assert [path.read_bytes() for path in again.files] == before


@pytest.mark.slow
def test_oracles_without_noise_succeed_and_outliers_are_found():
    pytest.importorskip("numba")

    def kinds(noise):
        bench = OracleBench([5_000_000, 5_000_003], load_bank(sample_bank_path()), noise)
        cases = find_cases(bench, paintings=4, seed=0, progress=lambda what, done: None)
        assert not cases.faults
        return cases

    clean = kinds("clean")
    assert clean.count("success") == len(clean.found) >= 4
    wrong = kinds("outliers20")
    assert wrong.count("success") < len(wrong.found)
    assert any(one.kind in ("out of proportion", "not a human") for one in wrong.found)
