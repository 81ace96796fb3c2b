"""Declared grids: the paper's ablations and Figure 5, what the pocket world adds to them, and its own benchmark."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mfh.config import Config, EvidenceMode, FreeParameters, HeadLoss
from mfh.types import Space
from mfh_lab.paper import published
from mfh_lab.paper.grid import Cell, Grid, Target
from mfh_lab.paper.published import NOTHING

ORACLE = "oracle"
ORACLE_DEPTH = "oracle-depth"
"""Names that stand for an oracle of disparity, as of Depth Anything, and of depth, as of Marigold."""

SETTINGS: dict[str, tuple[Target, Space]] = {
    "true depth": ("true", "depth"),
    "true disparity": ("true", "disparity"),
    "painted depth": ("painted", "depth"),
    "painted disparity": ("painted", "disparity"),
}
"""Targets of Tables 3 and 4: what the head is fitted to, and in which space."""

_ORACLE = "true depth and disparity are the ground truth itself: an oracle, not a method"


def target_cells(name: str, relative_depth: str | None) -> tuple[Cell, ...]:
    """Return Table 3's four rows of one relative-depth model.

    Args:
        name: in the paper's column.
        relative_depth: registry name; None for the preset's.
    """
    return tuple(
        Cell(
            (name, setting),
            published.TABLE_3.get((name, setting), NOTHING),
            target=target,
            space=space,
            relative_depth=relative_depth,
        )
        for setting, (target, space) in SETTINGS.items()
    )


def _table_4() -> tuple[Cell, ...]:
    rows: tuple[tuple[str, bool, FreeParameters], ...] = (
        ("s, t", False, "scale-shift"),
        ("s_n, t_n, s", True, "scale"),
        ("s_n, t_n, t", True, "shift"),
        ("s_n, t_n, s, t", True, "scale-shift"),
    )
    return tuple(
        Cell(
            (name, setting),
            published.TABLE_4[name, setting],
            target=SETTINGS[setting][0],
            space="disparity",
            align=align,
            free=free,
        )
        for name, align, free in rows
        for setting in ("true disparity", "painted disparity")
    )


_LOSSES: dict[str, HeadLoss] = {"L1": "l1", "L2": "l2", "MSE-log": "mse-log", "SIlog": "silog"}
FIGURE_5_PAINTINGS = (4, 8, 16, 32)
FIGURE_5_HEADS = ("the paper's head", "consensus (ours)")


def _figure_5() -> tuple[Cell, ...]:
    theirs, ours = FIGURE_5_HEADS
    return (
        *(Cell((theirs, str(n)), published.FIGURE_5.get(n, NOTHING), paintings=n) for n in FIGURE_5_PAINTINGS),
        *(Cell((ours, str(n)), paintings=n, head="consensus") for n in FIGURE_5_PAINTINGS),
    )


GRIDS: dict[str, Grid] = {
    grid.name: grid
    for grid in (
        Grid(
            "table3",
            "Table 3: relative-depth models and optimization targets",
            "nyu",
            ("relative depth", "target"),
            (
                *target_cells("ZoeDepth", "zoedepth"),
                *target_cells("Marigold", "marigold"),
                *target_cells("Depth Anything", "depth-anything-v1-large"),
            ),
            note=_ORACLE,
        ),
        Grid(
            "table4",
            "Table 4: which parameters are free",
            "nyu",
            ("free", "target"),
            _table_4(),
            note=f"without s_n, t_n paintings are not aligned; without s it is 1; without t it is 0; {_ORACLE}",
        ),
        Grid(
            "table5",
            "Table 5: losses",
            "nyu",
            ("loss",),
            tuple(Cell((name,), published.TABLE_5[name], loss=loss) for name, loss in _LOSSES.items()),
            note="every loss is taken to its exact minimum; MSE-log and SIlog then have one and the same, which the "
            "paper's optimizer did not reach in both",
        ),
        Grid(
            "table7",
            "Table 7: widths of the paint mask",
            "nyu",
            ("least", "most"),
            tuple(
                Cell((f"{low:g}", f"{high:g}"), numbers, mask_widths=(low, high))
                for (low, high), numbers in published.TABLE_7.items()
            ),
        ),
        Grid(
            "table8",
            "Table 8: painters",
            "nyu",
            ("painter",),
            tuple(
                Cell((name,), published.TABLE_8[name], paintings=32, painter=painter)
                for name, painter in (
                    ("Stable Diffusion v1.5", "sd15"),
                    ("Stable Diffusion XL", "sdxl"),
                    ("Stable Diffusion v2", "sd2"),
                )
            ),
        ),
        Grid(
            "table9",
            "Table 9: mesh models",
            "nyu",
            ("mesh model",),
            (
                Cell(("HMAR",), published.TABLE_9["HMAR"], paintings=32, human_mesh="hmar"),
                Cell(("TokenHMR",), published.TABLE_9["TokenHMR"], paintings=32, human_mesh="token-hmr"),
                Cell(("HMR 2.0",), published.TABLE_9["HMR 2.0"], paintings=32, human_mesh="hmr2"),
            ),
        ),
        Grid(
            "fig5",
            "Figure 5: number of paintings",
            "nyu",
            ("head", "N"),
            _figure_5(),
            seeds=5,
            note="both heads see identical paintings; fewer paintings are the first of the more",
        ),
    )
}


def pocket_grid(grid: Grid, *, oracle: bool) -> Grid:
    """Return a grid with what the pocket world adds to it; oracles stand for no published model.

    Args:
        grid: the paper's.
        oracle: for oracle models; else for those in the package.
    """
    cells = tuple(_without_published(cell) for cell in grid.cells) if oracle else grid.cells
    return replace(grid, cells=(*cells, *_ADDED.get((grid.name, oracle), ())))


def with_preset(grid: Grid, base: Config) -> Grid:
    """Return a grid with a row for each model of a preset that no row names.

    Args:
        grid: the paper's.
        base: the preset.
    """
    added: tuple[Cell, ...] = ()
    if grid.name == "table3" and base.relative_depth not in {cell.relative_depth for cell in grid.cells}:
        added = target_cells(_NAMES.get(base.relative_depth, base.relative_depth), base.relative_depth)
    if grid.name == "table8" and base.painter and base.painter not in {cell.painter for cell in grid.cells}:
        added = (Cell((_NAMES.get(base.painter, base.painter),), paintings=32, painter=base.painter),)
    if grid.name == "table9" and base.human_mesh not in {cell.human_mesh for cell in grid.cells}:
        added = (Cell((base.human_mesh,), paintings=32),)
        if base.name == "pocket":
            # BlazePose searches every painting in tiles: four suffice to see it.
            known, measured = _ADDED["table9", False]
            added = (known, replace(measured, label=("BlazePose, N = 4",), paintings=4))
    notes = [one for one in (grid.note, _SPRITES if base.painter == "sprite" else "") if one]
    return replace(grid, cells=(*grid.cells, *added), note="; ".join(notes))


_SPRITES = (
    "painted people are rendered figures (SIMULATED), placed by a painter that learned sizes in a rendered world and "
    "from things of known size in photos"
)
_NAMES = {"pocket": "pocket network", "sprite": "sprite painter"}
"""Models of the package -> what tables call them."""


def _without_published(cell: Cell) -> Cell:
    named = next((name for name in (cell.relative_depth, cell.painter, cell.human_mesh) if name is not None), None)
    if cell.absent or named is None:
        return cell
    return replace(cell, absent=f"an oracle stands for no published model, and this row is about {named}")


_ADDED: dict[tuple[str, bool], tuple[Cell, ...]] = {
    ("table3", True): (
        *target_cells("oracle of disparity", ORACLE),
        *target_cells("oracle of depth", ORACLE_DEPTH),
    ),
    ("table3", False): target_cells("pocket network", "pocket"),
    ("table8", True): (Cell(("oracle painter",), paintings=32),),
    ("table8", False): (Cell(("sprite painter",), paintings=32, painter="sprite"),),
    ("table9", True): (Cell(("oracle bodies",), paintings=32),),
    ("table9", False): (
        Cell(("size known to the sprite painter",), paintings=32, painted_people="known"),
        Cell(("BlazePose",), paintings=32, human_mesh="blazepose", painted_people="measured"),
    ),
}
"""(grid, oracle) -> rows that only the pocket world has."""


@dataclass(frozen=True)
class Way:
    """A way from scale evidence to scale and shift, in the pocket benchmark.

    Attributes:
        name: in tables.
        evidence: where metric depth of painted people is paired with relative depth.
        plain: the paper's pooled SIlog over all pixels; else the pipeline's fit.
    """

    name: str
    evidence: EvidenceMode
    plain: bool = False


WAYS = (
    Way("paper", "body", plain=True),
    Way("ours, body", "body"),
    Way("ours, contact", "contact"),
    Way("ours, either", "either"),
)
BOUND = "bound"


def benchmark_grid(paintings: Sequence[int], seeds: int) -> Grid:
    """Return the grid of the pocket benchmark: every way with every number of paintings, and the bound.

    Args:
        paintings: usable paintings, ascending.
        seeds: painting seeds.
    """
    bound = Cell((BOUND, "0"), paintings=1, target="bound", method="preset")
    ways = tuple(
        Cell(
            (way.name, str(number)),
            paintings=number,
            method="preset",
            evidence=way.evidence,
            head="silog" if way.plain else "consensus",
        )
        for way in WAYS
        for number in paintings
    )
    return Grid("pocket", "pocket benchmark", "pocket", ("way", "N"), (bound, *ways), seeds=seeds)
