"""Cells of the paper's ablations and of the pocket benchmark: what each changes, and what the paper measured there."""

from dataclasses import dataclass, field, replace
from typing import Literal

from mfh.config import Config, EvidenceMode, FreeParameters, HeadConfig, HeadKind, HeadLoss
from mfh.types import Space
from mfh_lab.paper.published import NOTHING, Published

Target = Literal["painted", "true", "bound"]

ATTEMPTS_PER_PAINTING = 4
"""Three of four paintings may show no person before fewer than N are usable."""


@dataclass(frozen=True)
class Cell:
    """One row of a table: one configuration, measured over all photos.

    Attributes:
        label: what the paper's columns say of it.
        published: the paper's numbers.
        paintings: N, paintings with usable people.
        target: what the head is fitted to: "painted" people, or the "true" depth of the photo's own pixels, an oracle;
            "bound" is the affine map of the relative depth with the least relative error.
        method: whose settings hold beside this cell's: the "paper"'s, or the "preset"'s own.
        evidence: where metric depth of painted people is paired with relative depth.
        space: in which the head reads the relative depth; None for the model's own. In the other one relative depth is
            negated: its scale can then be positive.
        head: what is fitted: "silog" is the paper's.
        loss: of the paper's head.
        free: what of the paper's head may move.
        align: whether paintings are aligned to the photo.
        mask_widths: smallest and largest strip, over the photo's shorter side.
        relative_depth: registry name; None for the preset's.
        painter: registry name; None for the preset's.
        person_segmenter: registry name; None for the preset's.
        human_mesh: registry name; None for the preset's.
        painted_people: "measured", or "known" by a painter that knows them; None for the preset's.
        absent: what there is not, for a cell that no installation can run; empty where one can.
    """

    label: tuple[str, ...]
    published: Published = NOTHING
    paintings: int = 4
    target: Target = "painted"
    method: Literal["paper", "preset"] = "paper"
    evidence: EvidenceMode = "body"
    space: Space | None = None
    head: HeadKind = "silog"
    loss: HeadLoss = "silog"
    free: FreeParameters = "scale-shift"
    align: bool = True
    mask_widths: tuple[float, float] = (0.2, 0.8)
    relative_depth: str | None = None
    painter: str | None = None
    person_segmenter: str | None = None
    human_mesh: str | None = None
    painted_people: Literal["measured", "known"] | None = None
    absent: str = ""

    @property
    def head_config(self) -> HeadConfig:
        """The fit."""
        return HeadConfig(self.head, loss=self.loss, free=self.free)

    def configured(self, base: Config, *, paintings: int | None = None) -> Config:
        """Return the configuration of this cell with a preset's models.

        People in the photo do not count. The paper's method has strips as masks and bodies as evidence, and
        cross-checks nothing, whatever the preset does.

        Args:
            base: the preset.
            paintings: paintings to make; None for the cell's own N.
        """
        paintings = self.paintings if paintings is None else paintings
        low, high = self.mask_widths
        named = {
            name: getattr(self, name) or getattr(base, name)
            for name in ("relative_depth", "painter", "person_segmenter", "human_mesh", "painted_people")
        }
        painting = replace(
            base.painting,
            max_paintings=paintings,
            max_attempts=ATTEMPTS_PER_PAINTING * paintings,
            answer_interrupted=False,
            budget_s=float("inf"),
            batch_size=1,
        )
        config = replace(
            base,
            **named,
            people="paint",
            painting_evidence=self.evidence,
            head=self.head_config,
            painting=painting,
            keep_paintings=False,
        )
        if self.method == "preset":
            return config
        strips = replace(painting, until_interval=None, mask_shape="strip", min_width=low, max_width=high)
        return replace(config, photo_evidence="body", gates=False, align=self.align, painting=strips)


@dataclass(frozen=True)
class Grid:
    """A table or figure of cells.

    Attributes:
        name: on the command line.
        title: what the paper calls it.
        dataset: the paper's.
        columns: headings of the parts of a label.
        cells: the rows.
        seeds: painting seeds 0 .. seeds - 1; tables have one.
        note: what a reader should know, in a sentence.
    """

    name: str
    title: str
    dataset: str
    columns: tuple[str, ...]
    cells: tuple[Cell, ...]
    seeds: int = 1
    note: str = field(default="")
