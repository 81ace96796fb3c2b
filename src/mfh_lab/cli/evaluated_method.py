"""Which methods ``mfh evaluate`` measures, from arguments on the command line."""

import os
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mfh.cli.options import MethodOptions as MfhOptions
from mfh.cli.options import ModelOptions
from mfh.config import PRESETS, EvidenceMode, HeadKind, MaskShape, PeopleMode
from mfh.errors import InputError

if TYPE_CHECKING:
    from mfh.config import Config
    from mfh.types import Space
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
    mask_shape: Annotated[MaskShape | None, typer.Option(help="Of method mfh: where to paint.", show_default=False)] = (
        None
    )
    alpha: Annotated[
        float | None, typer.Option(help="Of method mfh: least width of a strip (App. B).", show_default=False)
    ] = None
    beta: Annotated[
        float | None, typer.Option(help="Of method mfh: largest width of a strip (App. B).", show_default=False)
    ] = None
    guidance_scale: Annotated[
        float | None, typer.Option(help="Of method mfh: of a painter by diffusion.", show_default=False)
    ] = None
    steps: Annotated[int | None, typer.Option(help="Of method mfh: of a painter by diffusion.", show_default=False)] = (
        None
    )
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

    def words(self) -> list[str]:
        """Return the options that were given, as words of a command line."""
        return [
            word
            for one in fields(self)
            if (value := getattr(self, one.name)) is not None
            for word in (f"--{one.name.replace('_', '-')}", str(value))
        ]

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
    """Depth maps of any other program, beside methods that run here or in place of them."""

    predictions: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]DIR",
            help="Answers of any other program: DIR/<photo>.npy, npz, png, tiff, pfm or exr; repeatable with a NAME.",
            show_default=False,
        ),
    ] = None
    unit: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]UNIT",
            help="Of the predictions: m, cm, mm, or metres per unit such as 1/256.",
            show_default=False,
        ),
    ] = None
    space: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]SPACE",
            help="Where the predictions are aligned in the relative setting: depth or disparity. Default: depth.",
            show_default=False,
        ),
    ] = None

    def given(self) -> list["Predictions"]:
        """Return the folders of predictions.

        Raises:
            InputError: for folders without names of their own, or a unit or space of none of them.
        """
        folders = [_split(text) for text in self.predictions or ()]
        names = [name for name, _ in folders]
        if len(folders) > 1 and (not all(names) or len({*names}) < len(names)):
            raise InputError(
                f"--predictions are {', '.join(self.predictions or ())}: expected NAME=DIR for each, with names of "
                "their own"
            )
        for flag, texts in (("--unit", self.unit), ("--space", self.space)):
            for text in texts or ():
                name = text.rpartition("=")[0]
                if not folders or name and name not in names:
                    which = f"none are called {name}" if folders else "none are given"
                    raise InputError(f"{flag} {text} is about --predictions, and {which}")
        return [
            Predictions(name, Path(folder), _of(name, self.unit, "--unit"), _space(_of(name, self.space, "--space")))
            for name, folder in folders
        ]


@dataclass(frozen=True)
class Predictions:
    """One folder of predictions.

    Attributes:
        name: that the user gave; empty without one.
        folder: where they are.
        unit: of their numbers; None where none is given.
        space: where they are aligned in the relative setting.
    """

    name: str
    folder: Path
    unit: str | None
    space: "Space"

    def contender(self, names: tuple[str, ...]) -> "Contender":
        """Return them as a method.

        Args:
            names: of the photos.

        Raises:
            InputError: for a folder or unit that cannot be used.
        """
        from mfh_lab.evaluation.methods.files import file_contender

        contender = file_contender(self.folder, self.unit, space=self.space, names=names)
        return replace(contender, title=self.name) if self.name else contender


Asked = str | Predictions
"""A method of --method, or predictions."""


def asked_methods(methods: list[str], given: PredictionOptions, options: MethodOptions) -> list[Asked]:
    """Return the methods that are asked for, in the order of the options.

    Args:
        methods: of --method; none and no predictions is this project's own.
        given: predictions.
        options: of method mfh, which are refused where it is not among them.

    Raises:
        InputError: for methods of which two have one label, or predictions without a name beside others.
    """
    predictions = given.given()
    if methods and predictions and not all(one.name for one in predictions):
        raise InputError(
            f"--method {methods[0]} and --predictions {predictions[0].folder} are both given: drop one of them, or "
            "give the predictions a name to compare both, --predictions NAME=DIR"
        )
    asked: list[Asked] = [*(methods or ([] if predictions else [MFH])), *predictions]
    labels = [label_of(one) for one in asked]
    if len({*labels}) < len(labels):
        raise InputError(f"the methods are {', '.join(labels)}: expected each once, with a name of its own")
    if not any(isinstance(one, str) and is_own(one) for one in asked):
        first = asked[0]
        options.refuse(f"--method {first}" if isinstance(first, str) else f"--predictions {first.folder}")
    return asked


def label_of(asked: Asked) -> str:
    """Return what a method is called in a comparison."""
    return asked if isinstance(asked, str) else asked.name or str(asked.folder)


def is_own(method: str) -> bool:
    """Return whether a method is this project's: "mfh", or "mfh:PRESET"."""
    return method.partition(":")[0] == MFH


def choose_method(method: str, options: MethodOptions, fixed_scale: float | None, *, protocol: str) -> "Contender":
    """Return the method that is measured, its models not loaded yet.

    Args:
        method: "mfh", "mfh:PRESET", a name of ``mfh evaluate methods``, "hf:org/name" or a folder.
        options: about method mfh.
        fixed_scale: of the protocol.
        protocol: its name, for messages.

    Raises:
        InputError: for a method that cannot be used.
        WeightsError: where a model is not on this machine.
    """
    if not is_own(method):
        options.refuse(f"--method {method}")
        from mfh_lab.evaluation.methods.named import method_contender

        return method_contender(method)
    options = with_preset(method, options)
    config = own_config(options)
    from mfh_lab.evaluation.methods.mfh_method import mfh_contender, with_fixed_scale

    # No painting is kept for pictures, whatever the preset.
    config = replace(with_fixed_scale(config, fixed_scale, protocol=protocol), keep_paintings=False)
    return mfh_contender(config, title=f"{MFH} ({options.text()})")


def with_preset(method: str, options: MethodOptions) -> MethodOptions:
    """Return the options of "mfh" as they are, and of "mfh:PRESET" with that preset.

    Args:
        method: one of the two.
        options: about method mfh.

    Raises:
        InputError: for another preset in the options.
    """
    preset = method.partition(":")[2]
    if preset and options.preset not in (None, preset):
        raise InputError(f"--method {method} and --preset {options.preset} name two presets: drop one of them")
    return replace(options, preset=preset) if preset else options


def own_config(options: MethodOptions) -> "Config":
    """Return the configuration of method mfh.

    Args:
        options: about it.

    Raises:
        InputError: for an unknown name, or a number out of range.
    """
    config = MfhOptions(
        preset=options.preset or "pocket",
        people=options.people,
        paintings=options.paintings,
        mask_shape=options.mask_shape,
        alpha=options.alpha,
        beta=options.beta,
        guidance_scale=options.guidance_scale,
        steps=options.steps,
        evidence=options.evidence,
        head=options.head,
        seed=options.seed or 0,
    ).config()
    return ModelOptions(
        painter=options.painter,
        relative_depth_model=options.relative_depth_model,
        person_segmenter=options.person_segmenter,
        human_mesh=options.human_mesh,
    ).apply(config)


def _split(text: str) -> tuple[str, str]:
    """Return name and folder of NAME=DIR; no name for a folder that is called so."""
    name, equals, folder = text.partition("=")
    if not equals or os.path.isdir(text):
        return "", text
    if not (name and folder):
        raise InputError(f"--predictions is {text!r}: expected DIR, or NAME=DIR")
    return name, folder


def _of(name: str, texts: list[str] | None, flag: str) -> str | None:
    """Return the value of an option for one folder: its own, else the one of all."""
    found: dict[str, str] = {}
    for text in texts or ():
        whose, _, value = text.rpartition("=")
        if whose in found:
            raise InputError(f"{flag} {text} is given after {flag} {found[whose]}: expected one, or NAME=... for each")
        found[whose] = value
    return found.get(name, found.get(""))


def _space(text: str | None) -> "Space":
    if text not in (None, "depth", "disparity"):
        raise InputError(f"--space is {text!r}: expected depth or disparity")
    return "disparity" if text == "disparity" else "depth"
