"""Every number of the paper stands beside the row that measures it."""

import math
from dataclasses import astuple
from pathlib import Path

import pytest

from mfh.config import HeadConfig, preset
from mfh_lab.paper import published
from mfh_lab.paper.comparison import TABLES
from mfh_lab.paper.grid import Cell
from mfh_lab.paper.published import NOTHING, row
from mfh_lab.paper.tables import GRIDS, pocket_grid


def by_label(name: str) -> dict[tuple[str, ...], Cell]:
    cells = GRIDS[name].cells
    found = {cell.label: cell for cell in cells}
    assert len(found) == len(cells), "every row has a label of its own"
    assert all(len(label) == len(GRIDS[name].columns) for label in found)
    return found


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("table3", published.TABLE_3),
        ("table4", published.TABLE_4),
        ("table5", {(loss,): numbers for loss, numbers in published.TABLE_5.items()}),
        ("table7", {(f"{low:g}", f"{high:g}"): numbers for (low, high), numbers in published.TABLE_7.items()}),
        ("table8", {(painter,): numbers for painter, numbers in published.TABLE_8.items()}),
        ("table9", {(mesh,): numbers for mesh, numbers in published.TABLE_9.items()}),
    ],
)
def test_every_published_number_has_its_row(name: str, numbers):
    cells = by_label(name)
    assert set(cells) == set(numbers)
    for label, theirs in numbers.items():
        assert cells[label].published == theirs


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        (published.TABLE_1["MfH", "nyu"], "83.2 13.7 9.78 0.487"),
        (published.TABLE_1["MfH", "kitti"], "81.2 13.3 10.5 4.21"),
        (published.TABLE_2["MfH", "diode"], "42.2 34.5 13.2 1.363"),
        (published.TABLE_2["MfH", "ibims1"], "67.7 23.3 9.73 0.738"),
        (published.TABLE_2["MfH", "eth3d"], "47.1 24.0 8.16 1.366"),
        (published.TABLE_2["ZoeDepth-NK", "eth3d"], "33.5 47.3 14.0 2.094"),
        (published.TABLE_6_MRDE["UniDepth-C", "ibims1"], "97.6 4.68 7.24"),
        (published.TABLE_1["ZeroDepth", "nyu"], "90.1 10.0 - 0.380"),
        (published.TABLE_4["s_n, t_n, s, t", "painted disparity"], "66.8 21.9 15.2 0.792"),
        (published.TABLE_8["Stable Diffusion v2"], "83.2 13.7 9.78 0.487"),
    ],
)
def test_numbers_known_from_elsewhere(numbers, words):
    assert [word if word == "-" else float(word) for word in words.split()] == [
        "-" if math.isnan(value) else value for value in astuple(numbers)[: len(words.split())]
    ]


def test_a_row_that_tables_share_has_one_number():
    """Depth Anything with painted disparity, N = 4, is in Tables 3, 4, 5 and 7 and Fig. 5; N = 32 in 1, 8 and 9."""
    four = row("66.8 21.9 15.2 0.792")
    assert by_label("table3")["Depth Anything", "painted disparity"].published == four
    assert by_label("table4")["s_n, t_n, s, t", "painted disparity"].published == four
    assert by_label("table5")[("SIlog",)].published == four
    assert by_label("table7")["0.2", "0.8"].published == four
    assert by_label("fig5")["the paper's head", "4"].published == four
    many = published.TABLE_1["MfH", "nyu"]
    assert by_label("table8")[("Stable Diffusion v2",)].published == many
    assert by_label("table9")[("HMR 2.0",)].published == by_label("fig5")["the paper's head", "32"].published == many


def test_cells_say_what_they_change():
    base = preset("paper")
    four, five, seven = by_label("table4"), by_label("table5"), by_label("table7")
    assert not four["s, t", "painted disparity"].configured(base).align
    assert four["s_n, t_n, s", "painted disparity"].head_config == HeadConfig("silog", free="scale")
    assert four["s_n, t_n, t", "true disparity"].head_config == HeadConfig("silog", free="shift")
    assert four["s_n, t_n, t", "true disparity"].target == "true"
    assert five[("L1",)].configured(base).head.loss == "l1"
    painting = seven["0.4", "0.8"].configured(base).painting
    assert (painting.min_width, painting.max_width, painting.max_paintings) == (0.4, 0.8, 4)
    assert by_label("table8")[("Stable Diffusion XL",)].configured(base).painter == "sdxl"
    assert by_label("table8")[("Stable Diffusion XL",)].configured(base).painting.max_paintings == 32
    assert by_label("table3")["Marigold", "painted depth"].configured(base).relative_depth == "marigold"
    assert by_label("table3")["Marigold", "painted depth"].space == "depth"
    assert {cell.paintings for cell in GRIDS["fig5"].cells} == {4, 8, 16, 32} and GRIDS["fig5"].seeds == 5


@pytest.mark.parametrize("name", ["pocket", "paper", "standard"])
def test_the_method_is_the_papers_whatever_the_preset(name: str):
    config = by_label("table5")[("SIlog",)].configured(preset(name))
    assert (config.people, config.photo_evidence, config.painting_evidence) == ("paint", "body", "body")
    assert config.painting.mask_shape == "strip" and not config.gates and config.painting.until_interval is None


def test_the_pocket_world_keeps_every_row_and_runs_none_that_is_about_a_published_model():
    for name, grid in GRIDS.items():
        oracle = pocket_grid(grid, oracle=True)
        assert [cell.label for cell in oracle.cells][: len(grid.cells)] == [cell.label for cell in grid.cells]
        for cell in oracle.cells[: len(grid.cells)]:
            named = [cell.relative_depth, cell.painter, cell.human_mesh]
            assert bool(cell.absent) == (any(named) or name == "table9"), cell.label
        assert [cell.label for cell in pocket_grid(grid, oracle=False).cells][: len(grid.cells)] == [
            cell.label for cell in grid.cells
        ]


def test_tables_of_methods_have_every_row():
    for name, table in TABLES.items():
        for numbers in table.published.values():
            assert {dataset for _, dataset in numbers} == set(table.datasets), name
    assert len(TABLES["table1"].published["MMDE"]) == 16
    assert len(TABLES["table2"].published["MMDE"]) == 24
    assert NOTHING not in [TABLES["table2"].published["MMDE"][key] for key in TABLES["table2"].published["MMDE"]]


def test_docs_list_every_table():
    text = (Path(__file__).parents[3] / "docs" / "results" / "reproduce.md").read_text(encoding="utf-8")
    for name in (*GRIDS, *TABLES):
        assert f"`{name}`" in text


def test_docs_show_the_numbers_of_figure_5_with_their_command():
    """The oracle rows stand below the command that made them, every number of paintings with both heads."""
    text = (Path(__file__).parents[3] / "docs" / "results" / "reproduce.md").read_text(encoding="utf-8")
    command = "`mfh reproduce fig5 --dataset pocket --models oracle --limit 12`"
    section = text.partition(command)[2].partition("![Fig. 5 with oracles]")[0]
    rows = [[part.strip() for part in line.split("|")[1:-1]] for line in section.splitlines() if line.startswith("|")]
    assert [tuple(row[:2]) for row in rows[2:]] == [cell.label for cell in GRIDS["fig5"].cells]
    delta1 = {tuple(row[:2]): float(row[2].split()[0]) for row in rows[2:]}
    for number in ("4", "8", "16", "32"):
        assert delta1["consensus (ours)", number] > delta1["the paper's head", number]
