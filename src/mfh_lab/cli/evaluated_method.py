"""Which method ``mfh evaluate`` measures, from arguments on the command line."""

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mfh.cli.options import MethodOptions as MfhOptions
from mfh.cli.options import ModelOptions
from mfh.config import PRESETS, EvidenceMode, HeadKind, PeopleMode
from mfh.errors import InputError

if TYPE_CHECKING:
    from mfh_lab.evaluation.methods.method import Contender

MFH = "mfh"


@dataclass(frozen=True)
class MethodOptions:
    """Options of method mfh; None keeps the preset's value. Names are those of the flags."""

    preset: Annotated[
        str | None,
        typer.Option(help=f"Of method mfh: {', '.join(sorted(PRESETS))}. Default: pocket.", show_default=False),
    ] = None
    people: Annotated[PeopleMode | None, typer.Option(help="Of method mfh: as in mfh predict.", show_default=False)] = (
        None
    )
    painter: Annotated[str | None, typer.Option(help="Of method mfh: the painter.", show_default=False)] = None
    relative_depth_model: Annotated[
        str | None, typer.Option(help="Of method mfh: the relative-depth model.", show_default=False)
    ] = None
    person_segmenter: Annotated[
        str | None, typer.Option(help="Of method mfh: the model that finds people.", show_default=False)
    ] = None
    human_mesh: Annotated[
        str | None, typer.Option(help="Of method mfh: the model that measures them.", show_default=False)
    ] = None
    paintings: Annotated[
        int | None, typer.Option(help="Of method mfh: paintings with usable people.", show_default=False)
    ] = None
    evidence: Annotated[
        EvidenceMode | None, typer.Option(help="Of method mfh: as in mfh predict.", show_default=False)
    ] = None
    head: Annotated[HeadKind | None, typer.Option(help="Of method mfh: as in mfh predict.", show_default=False)] = None
    seed: Annotated[
        int | None, typer.Option(help="Of method mfh: of the paintings. Default: 0.", show_default=False)
    ] = None

    def text(self) -> str:
        """Return the options that were given, for a title: "preset pocket, seed 1"."""
        given = {"preset": "pocket"} | {
            one.name: value for one in fields(self) if (value := getattr(self, one.name)) is not None
        }
        return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in given.items())

    def refuse(self, instead: str) -> None:
        """Refuse options of method mfh where another method is measured.

        Args:
            instead: how the other one was named.

        Raises:
            InputError: naming the first such flag.
        """
        for one in fields(self):
            if getattr(self, one.name) is not None:
                raise InputError(f"--{one.name.replace('_', '-')} is about --method mfh, and {instead} is measured")


@dataclass(frozen=True)
class PredictionOptions:
    """Depth maps of any other program, in place of a method that runs here."""

    predictions: Annotated[
        Path | None,
        typer.Option(
            help="Answers of any other program: DIR/<photo>.npy, npz, png, tiff, pfm or exr.", show_default=False
        ),
    ] = None
    unit: Annotated[
        str | None,
        typer.Option(help="Of the predictions: m, cm, mm, or metres per unit such as 1/256.", show_default=False),
    ] = None
    space: Annotated[
        Literal["depth", "disparity"],
        typer.Option(help="Where scale and shift of the predictions are aligned in the relative setting."),
    ] = "depth"

    def contender(self, options: MethodOptions, *, names: tuple[str, ...], method: str) -> "Contender | None":
        """Return the answers in a folder as a method; None where no folder is given.

        Args:
            options: of method mfh, which are refused beside a folder.
            names: of the photos.
            method: of --method.

        Raises:
            InputError: for a folder or unit that cannot be used, or a method besides.
        """
        if self.predictions is None:
            if self.unit is not None:
                raise InputError(f"--unit {self.unit} is about --predictions, and none are given")
            return None
        if method != MFH:
            raise InputError(f"--method {method} and --predictions are both given: drop one of them")
        options.refuse(f"--predictions {self.predictions}")
        from mfh_lab.evaluation.methods.files import file_contender

        return file_contender(self.predictions, self.unit, space=self.space, names=names)


def choose_method(method: str, options: MethodOptions, fixed_scale: float | None, *, protocol: str) -> "Contender":
    """Return the method that is measured, its models not loaded yet.

    Args:
        method: "mfh", "hf:org/name" or a folder.
        options: about method mfh.
        fixed_scale: of the protocol.
        protocol: its name, for messages.

    Raises:
        InputError: for a method that cannot be used.
        WeightsError: where a model is not on this machine.
    """
    if method != MFH:
        options.refuse(f"--method {method}")
        from mfh_lab.evaluation.methods.hub_metric import hub_contender

        return hub_contender(method)
    config = MfhOptions(
        preset=options.preset or "pocket",
        people=options.people,
        paintings=options.paintings,
        evidence=options.evidence,
        head=options.head,
        seed=options.seed or 0,
    ).config()
    config = ModelOptions(
        painter=options.painter,
        relative_depth_model=options.relative_depth_model,
        person_segmenter=options.person_segmenter,
        human_mesh=options.human_mesh,
    ).apply(config)
    from mfh_lab.evaluation.methods.mfh_method import mfh_contender, with_fixed_scale

    # No painting is kept for pictures, whatever the preset.
    config = replace(with_fixed_scale(config, fixed_scale, protocol=protocol), keep_paintings=False)
    return mfh_contender(config, title=f"{MFH} ({options.text()})")
