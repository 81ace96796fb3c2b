"""Figure 5 from made-up rows: spread over seeds, curves, seconds, and the paper's numbers beside."""

import csv
import math
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from mfh_lab.paper.measure import ResultRow
from mfh_lab.paper.missing import Missing
from mfh_lab.paper.plot import write_plots
from mfh_lab.paper.report import markdown, results, write_results
from mfh_lab.paper.run import Measured
from mfh_lab.paper.tables import GRIDS


def figure_5(*, comparable: bool = True) -> Measured:
    """Three photos, five seeds; one more painting is a little better, one photo never answers with four."""
    rows = []
    for cell in GRIDS["fig5"].cells:
        for seed in range(5):
            for photo in range(3):
                error = 0.8 / cell.paintings + 0.01 * seed + 0.001 * photo
                failure = "nobody" if cell.paintings == 4 and photo == 2 else ""
                rows.append(
                    ResultRow(
                        photo=f"photo {photo}",
                        label=cell.label,
                        seed=seed,
                        delta1=1 - error,
                        abs_rel=9.0 if failure else error,
                        silog=10 * error,
                        rmse=error,
                        scale_error=None if failure else error,
                        shape_abs_rel=None if failure else 0.05,
                        usable=cell.paintings,
                        seconds=0.5 * cell.paintings,
                        failure=failure,
                    )
                )
    return Measured(GRIDS["fig5"], "made up", 3, tuple(rows), {}, ("dark",), {}, comparable)


def test_means_are_over_photos_first_and_then_over_seeds():
    one = results(figure_5())[0]
    each = [100 * np.mean([0.2 + 0.01 * seed + 0.001 * photo for photo in range(2)]) for seed in range(5)]
    assert one.mean.abs_rel == pytest.approx(np.mean(each))
    assert one.sd.abs_rel == pytest.approx(np.std(each, ddof=1))
    assert (one.photos, one.answered) == (15, 10) and one.failures == {"nobody": 5}
    assert one.with_failures.abs_rel == pytest.approx((2 * one.mean.abs_rel + 900) / 3)
    assert one.seconds == 2.0 and one.shape_abs_rel == pytest.approx(5.0)


def test_the_table_says_what_a_mean_does_not():
    measured = figure_5()
    text = markdown(measured, results(measured))
    (line,) = [line for line in text.splitlines() if line.startswith("| the paper's head | 32 |")]
    # δ1 is 95.4 %: 100 - 2.5 - 2 - 0.1; its seeds are a point apart.
    assert "| 95.4 ± 1.6 (83.2; +12.2) |" in line and line.endswith("| 15/15 |")
    assert "no pixel to score, in no mean: dark" in text
    assert "- the paper's head / 4: no answer for 5 of 15" in text and "    - 5x nobody" in text
    other = figure_5(comparable=False)
    assert "95.4 ± 1.6 [83.2]" in markdown(other, results(other))


@pytest.mark.slow
def test_curves_and_bars_are_drawn(tmp_path: Path):
    measured = figure_5()
    paths = write_plots(tmp_path, measured, results(measured))
    assert [path.name for path in paths] == ["fig5.png", "fig5.pdf", "fig5-seconds.png", "fig5-seconds.pdf"]
    first = [path.read_bytes() for path in paths]
    assert first[1].startswith(b"%PDF")
    slower = replace(measured, rows=tuple(replace(row, seconds=2 * row.seconds) for row in measured.rows))
    again = [path.read_bytes() for path in write_plots(tmp_path, slower, results(slower))]
    assert again[:2] == first[:2] and again[2] != first[2], "time is in files of its own"
    names = ("fig5.md", "fig5.csv", "fig5-photos.csv", "fig5.json")
    write_results(tmp_path, measured, results(measured))
    contents = [(tmp_path / name).read_bytes() for name in names]
    write_results(tmp_path, slower, results(slower))
    assert [(tmp_path / name).read_bytes() for name in names] == contents
    assert (tmp_path / "fig5-seconds.csv").read_text().splitlines()[4] == "the paper's head,32,32.0"
    picture = cv2.imread(str(paths[0]))
    colors = {tuple(int(value) for value in color) for color in picture.reshape(-1, 3)}
    assert {(0x2B, 0x39, 0xC0), (0xB9, 0x80, 0x29)} <= colors, "both heads are there"
    assert len(colors) > 20


def test_rows_that_wait_have_the_papers_numbers_and_a_command(tmp_path: Path):
    grid = GRIDS["table8"]
    waits = {cell.label: (Missing("a disk"), Missing("weights", "fetch it", "--more")) for cell in grid.cells}
    measured = Measured(grid, "made up", 0, (), waits, (), {}, again="mfh reproduce table8")
    found = results(measured)
    assert all(math.isnan(one.mean.delta1) for one in found)
    text = markdown(measured, found)
    assert "| Stable Diffusion XL | – (78.5) | – (15.9) | – (11.3) | – (0.533) | waits for 1, 2 |" in text
    assert (
        "2. 3 rows, the first Stable Diffusion v1.5: waits for weights: `fetch it && mfh reproduce table8 --more`"
        in text
    )
    write_results(tmp_path, measured, found)
    with (tmp_path / "table8.csv").open(encoding="utf-8") as file:
        (first, *_) = csv.DictReader(file)
    assert first["waits_for"] == "a disk; weights"
    assert first["command"] == "fetch it && mfh reproduce table8 --more"
    paths = write_plots(tmp_path, measured, found)
    assert [path.name for path in paths] == ["table8.png", "table8.pdf"], "the paper's bars alone"
