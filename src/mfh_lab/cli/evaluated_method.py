"""Which method ``mfh evaluate`` measures, from arguments on the command line."""

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mfh.cli.options import MethodOptions as MfhOptions
from mfh.cli.options import ModelOptions
from mfh.config import EvidenceMode, HeadKind, PeopleMode
from mfh.errors import InputError

if TYPE_CHECKING:
    from mfh.types import Space
    from mfh_lab.evaluation.methods.method import Contender

MFH = "mfh"


@dataclass(frozen=True)
class MethodOptions:
    """Options of method mfh; None keeps the preset's value. Names are those of the flags."""

    preset: str | None = None
    people: PeopleMode | None = None
    painter: str | None = None
    relative_depth_model: str | None = None
    person_segmenter: str | None = None
    human_mesh: str | None = None
    paintings: int | None = None
    evidence: EvidenceMode | None = None
    head: HeadKind | None = None
    seed: int | None = None

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

    def files(
        self, folder: Path, unit: str | None, *, space: "Space", names: tuple[str, ...], method: str
    ) -> "Contender":
        """Return the answers in a folder as a method; options of another method are refused.

        Args:
            folder: of --predictions.
            unit: of --unit.
            space: of --space.
            names: of the photos.
            method: of --method.

        Raises:
            InputError: for a folder or unit that cannot be used, or a method besides.
        """
        if method != MFH:
            raise InputError(f"--method {method} and --predictions are both given: drop one of them")
        self.refuse(f"--predictions {folder}")
        from mfh_lab.evaluation.methods.files import file_contender

        return file_contender(folder, unit, space=space, names=names)


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
