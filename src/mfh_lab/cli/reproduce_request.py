"""What was asked of ``mfh reproduce``: dataset, models, where results go, and the command that asks it again."""

import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from mfh.config import Config, preset
from mfh.errors import InputError

DEFAULT_SCENES = 16
DEFAULT_OUT = Path("out/reproduce")


@dataclass(frozen=True)
class Request:
    """What was asked for on the command line.

    Attributes:
        name: of the table or figure.
        dataset: None for the paper's.
        roots: dataset -> folder; the key "" is a folder given without a name.
        limit: only so many photos.
        preset: None for "paper", or "pocket" on the pocket world.
        painter: registry name instead of the preset's.
        person_segmenter: the same.
        protocol: name of the evaluation protocol.
        out: folder of the results.
        pocket_models: of the pocket world: "trained" or "oracle".
        noise: of the oracles.
        bank: bodies; None for those in the package.
        workers: processes that render the pocket world, or measure the photos of a dataset; None for one a core, and
            one.
        seeds: painting seeds of Fig. 5; None for the paper's five.
        methods: label -> metric model, for tables of methods.
        predictions: label -> folder.
        unit: of the predictions.
    """

    name: str
    dataset: str | None
    roots: dict[str, Path]
    limit: int | None
    preset: str | None
    painter: str | None
    person_segmenter: str | None
    protocol: str
    out: Path
    pocket_models: Literal["trained", "oracle"]
    noise: str
    bank: Path | None
    workers: int | None
    seeds: int | None
    methods: dict[str, str]
    predictions: dict[str, Path]
    unit: str | None

    def config(self) -> Config:
        """Return the preset with the painter that was asked for."""
        name = self.preset or ("pocket" if self.dataset == "pocket" else "paper")
        named = {"painter": self.painter, "person_segmenter": self.person_segmenter}
        return replace(preset(name), **{role: model for role, model in named.items() if model is not None})

    def measuring_workers(self, dataset: str) -> int:
        """Return in how many processes photos are measured: one, with its models, where none are asked for.

        Args:
            dataset: the paper's, where the request names none.
        """
        return 1 if self.renders(dataset) else self.workers or 1

    @property
    def place(self) -> Path:
        """Folder of the results."""
        if self.dataset != "pocket":
            return self.out / (self.dataset or "paper")
        return self.out / (f"pocket-{self.pocket_models}" + (f"-{self.noise}" if self.oracle else ""))

    def renders(self, dataset: str) -> bool:
        """Return whether scenes of the pocket world are made rather than read from a folder.

        Args:
            dataset: the paper's, where the request names none.
        """
        return (self.dataset or dataset) == "pocket" and not {"pocket", ""} & set(self.roots)

    @property
    def oracle(self) -> bool:
        """Whether models are oracles of the pocket world."""
        return self.pocket_models == "oracle"

    @property
    def models(self) -> str:
        """The preset, and what takes the place of its models."""
        named = {"painter": self.painter, "person segmenter": self.person_segmenter}
        changes = [f"{role} {model}" for role, model in named.items() if model is not None]
        return ", ".join([f"preset {self.config().name}", *changes])

    def command(self) -> str:
        """Return the command that makes this request again."""
        words: list[object] = ["mfh", "reproduce", self.name]
        options = {
            "dataset": self.dataset,
            "limit": self.limit,
            "preset": self.preset,
            "painter": self.painter,
            "person-segmenter": self.person_segmenter,
            "protocol": None if self.protocol == "paper" else self.protocol,
            "models": "oracle" if self.oracle else None,
            "noise": self.noise if self.oracle else None,
            "bank": self.bank,
            "seeds": self.seeds,
            "unit": self.unit,
            "out": None if self.out == DEFAULT_OUT else self.out,
        }
        for label, place in self.roots.items():
            words += ["--root", f"{label}={place}" if label else place]
        for flag, labelled in (("--method", self.methods), ("--predictions", self.predictions)):
            for label, value in labelled.items():
                words += [flag, f"{label}={value}"]
        for name, value in options.items():
            words += [f"--{name}", value] if value is not None else []
        return shlex.join(map(str, words))

    def root(self, dataset: str) -> Path:
        """Return the folder of a dataset.

        Args:
            dataset: its name.

        Raises:
            InputError: where none was given.
        """
        found = self.roots.get(dataset, self.roots.get(""))
        if found is None:
            root = f"--root {dataset}=DIR"
            raise InputError(
                f"{self.name} is measured on {dataset}: give its folder with {root} ({self._advice(dataset)}"
            )
        return found

    def _advice(self, dataset: str) -> str:
        """Return where the folder comes from, and what needs none."""
        if dataset == "pocket":
            return "mfh pocket render --out DIR makes one)"
        check = f"mfh evaluate {dataset} --check --root DIR lists what belongs there)"
        from mfh_lab.paper.tables import GRIDS

        return f"{check}, or --dataset pocket, which needs nothing" if self.name in GRIDS else check
