"""Table 4 on drawn scenes with oracles: what the theory says must come out, and a stopped run must go on."""

from pathlib import Path

import pytest

from mfh_lab.paper.missing import filling_command
from mfh_lab.paper.pocket import FIRST_SEED, NoiseName, OracleBench
from mfh_lab.paper.report import markdown, results
from mfh_lab.paper.run import Measured, run_grid
from mfh_lab.paper.tables import GRIDS, pocket_grid
from mfh_lab.pocket.world.bodies import load_bank, sample_bank_path
from mfh_lab.pocket.world.oracle_painter import OraclePainter

pytestmark = pytest.mark.slow


def quiet(what: str, fraction: float) -> None:
    """Show nothing."""


# An indoor scene, and one under the open sky.
SEEDS = (FIRST_SEED + 2, FIRST_SEED + 3)


def measure(name: str, out: Path, *, noise: NoiseName = "clean", scenes: int = 2) -> Measured:
    bench = OracleBench(SEEDS[:scenes], load_bank(sample_bank_path()), noise, size=(192, 144))
    return run_grid(pocket_grid(GRIDS[name], oracle=True), bench, out, progress=quiet)


@pytest.fixture(scope="module")
def table_4(tmp_path_factory) -> Measured:
    return measure("table4", tmp_path_factory.mktemp("table4"))


def test_free_scale_and_shift_are_exact_and_nothing_less_is(table_4: Measured):
    worst = {
        label: max(row.abs_rel for row in table_4.rows if row.label == label)
        for label in (cell.label for cell in table_4.grid.cells)
    }
    best = {
        label: min(row.abs_rel for row in table_4.rows if row.label == label)
        for label in (cell.label for cell in table_4.grid.cells)
    }
    assert worst["s_n, t_n, s, t", "true disparity"] < 1e-6
    assert worst["s, t", "true disparity"] < 1e-6, "the truth of the photo needs no alignment of paintings"
    assert worst["s_n, t_n, s, t", "painted disparity"] < 1e-6, "exact people carry exact metres"
    assert best["s_n, t_n, t", "true disparity"] > 0.5, "relative depth has a unit of its own"
    assert best["s_n, t_n, t", "painted disparity"] > 0.5
    # Under the open sky its 0 is at infinity, and a scale alone is enough; in a room it is the far wall.
    assert worst["s_n, t_n, s", "true disparity"] > 0.005
    assert best["s, t", "painted disparity"] > 0.05, "each painting has an affine map of its own"
    assert all(not row.failure for row in table_4.rows)


def test_each_network_is_best_in_its_own_space(tmp_path: Path):
    found = {one.cell.label: one for one in results(measure("table3", tmp_path))}
    for name, own, other in (("oracle of disparity", "disparity", "depth"), ("oracle of depth", "depth", "disparity")):
        for target in ("true", "painted"):
            assert found[name, f"{target} {own}"].mean.abs_rel < 1e-3
            assert found[name, f"{target} {other}"].mean.abs_rel > 5
    (stands_for,) = found["Marigold", "true depth"].waits
    assert stands_for.waits_for == "an oracle stands for no published model, and this row is about marigold"
    assert filling_command((stands_for,), "mfh reproduce table3") == "", "no command fills it"


def test_the_table_shows_the_paper_beside_and_that_it_is_simulated(table_4: Measured):
    text = markdown(table_4, results(table_4))
    assert "SIMULATED: 2 scenes of the pocket world, oracle models, noise 'clean'" in text
    assert "compare the order" in text
    (line,) = [line for line in text.splitlines() if line.startswith("| s_n, t_n, s, t | painted")]
    assert line == (
        "| s_n, t_n, s, t | painted disparity | 100.0 [66.8] | 0.0 [21.9] | 0.00 [15.2] | 0.000 [0.792] | 2/2 |"
    )


def test_a_run_that_was_killed_goes_on_without_painting_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    painted: list[int] = []
    paint = OraclePainter.paint

    def counting(self, photo, paint_masks, prompts, seeds):
        if len(painted) == limit:
            raise KeyboardInterrupt
        painted.append(int(photo.sum()))
        return paint(self, photo, paint_masks, prompts, seeds)

    monkeypatch.setattr(OraclePainter, "paint", counting)
    limit = -1
    undisturbed = measure("table5", tmp_path / "a", noise="noisy")
    every = list(painted)
    first = every.count(every[0])
    assert 4 <= first < len(every)
    painted.clear()
    # In the second scene: nothing usable is there yet, so that the interrupt stops everything.
    limit = first
    with pytest.raises(KeyboardInterrupt):
        measure("table5", tmp_path / "b", noise="noisy")
    assert painted == every[:first]
    painted.clear()
    limit = -1
    resumed = measure("table5", tmp_path / "b", noise="noisy")
    assert painted == every[first:], "the first scene is not painted again"
    again = measure("table5", tmp_path / "b", noise="noisy")
    assert painted == every[first:]
    same = [
        [(row.photo, row.label, row.abs_rel, row.rmse) for row in one.rows] for one in (undisturbed, resumed, again)
    ]
    assert same[0] == same[1] == same[2]


def test_other_noise_is_never_mixed_in(tmp_path: Path):
    clean, noisy = (measure("table5", tmp_path, noise=noise, scenes=1) for noise in ("clean", "noisy"))
    assert max(row.abs_rel for row in clean.rows if row.label == ("SIlog",)) < 1e-3
    assert min(row.abs_rel for row in noisy.rows) > 0.01
