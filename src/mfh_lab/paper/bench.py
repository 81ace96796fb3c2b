"""What a grid is measured on: photos with their truth, and models by the names that a configuration gives."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from mfh.config import Config
from mfh.errors import InputError, shown
from mfh.models.protocols import Painter, RelativeDepthModel
from mfh.models.registry import Role, load_models, names_of
from mfh.pipeline.inference import Models
from mfh.pipeline.settings import folder_digest
from mfh_lab.evaluation.datasets.frames import FrameDataset
from mfh_lab.evaluation.datasets.sample import Dataset
from mfh_lab.evaluation.digest import model_code_digest
from mfh_lab.evaluation.protocols import EvaluationView, view
from mfh_lab.evaluation.protocols import Protocol as Rulebook
from mfh_lab.evaluation.remember import Memory, RememberingPainter, RememberingPeople, RememberingRelativeDepth
from mfh_lab.evaluation.store import Store

ROLES: tuple[Role, ...] = ("relative_depth", "person_segmenter", "human_mesh", "painter")


@dataclass(frozen=True)
class BenchSubject:
    """One photo with the models that run on it.

    Attributes:
        view: the photo and its truth.
        models: each runs once on each input.
        painter: makes each painting once.
        memory: of models and painter.
    """

    view: EvaluationView
    models: Models
    painter: Painter
    memory: Memory


@runtime_checkable
class Bench(Protocol):
    """Photos and models.

    ``dataset`` is the protocol's key; ``title`` names what was measured on, and what of it is simulated;
    ``settings`` are plain values that decide every number beside the cells.
    """

    title: str
    dataset: str
    base: Config
    names: Sequence[str]
    settings: Mapping[str, object]

    def load(self, config: Config) -> None:
        """Make the models a configuration names.

        Raises:
            MfhError: where one is not there, with what to do.
        """
        ...

    def view(self, name: str) -> EvaluationView:
        """Return one photo and its truth."""
        ...

    def subject(self, seen: EvaluationView) -> BenchSubject:
        """Return a photo with the models that were loaded last."""
        ...


class DatasetBench:
    """A dataset under a protocol, with models of the registry whose answers are kept on disk.

    Args:
        dataset: photos with a truth.
        protocol: which part of a photo is the input, and which pixels are scored.
        base: preset that the cells change.
        store: answers of the models; None to keep them for one photo alone.
        title: of tables.
        adapt: put around every relative-depth model; None for nothing.
    """

    def __init__(
        self,
        dataset: Dataset | FrameDataset,
        protocol: Rulebook,
        base: Config,
        store: Store | None,
        *,
        title: str,
        adapt: Callable[[RelativeDepthModel], RelativeDepthModel] | None = None,
    ) -> None:
        self.title = title
        self.dataset = dataset.name
        self.base = base
        self.names = dataset.names
        self._rules = protocol.of(dataset.name)
        self.settings: Mapping[str, object] = {
            "dataset": dataset.name,
            "root": shown(dataset.root.absolute()),
            "protocol": {"name": protocol.name, **asdict(self._rules)},
            "preset": base.name,
            "adapted": adapt is not None,
        }
        if self._rules.fixed_scale is not None:
            raise InputError(
                f"protocol {protocol.name} fixes the scale on {dataset.name}, and the cells of an ablation set what is "
                "free themselves: use --protocol paper"
            )
        self._opened = dataset
        self._store = store
        self._adapt = adapt
        self._models: dict[tuple[Role, str], Any] = {}
        self._names: dict[Role, str] = {}

    def load(self, config: Config) -> None:
        """Make the models that are not there yet, and let go of those that are not named any more."""
        named = names_of(config)
        names: dict[Role, str] = {role: named[role] for role in ROLES if role in named}
        if "painter" not in names:
            raise InputError(f"preset {config.name} has no painter: name one with --painter")
        kept = {key: model for key, model in self._models.items() if names.get(key[0]) == key[1]}
        # Before others are made: two painters may not fit into one GPU.
        self._models = kept
        missing: dict[Role, str] = {role: name for role, name in names.items() if (role, name) not in kept}
        made = load_models(missing) if missing else {}
        self._models = {**kept, **{(role, names[role]): model for role, model in made.items()}}
        self._names = names

    def view(self, name: str) -> EvaluationView:
        """Return one photo and its truth."""
        return view(self._opened.load(name), self._rules)

    def subject(self, seen: EvaluationView) -> BenchSubject:
        """Return a photo with the models that were loaded last."""
        memory = Memory(self._store)
        model = {role: self._models[role, name] for role, name in self._names.items()}
        identity = {role: _identity(role, name, model[role]) for role, name in self._names.items()}
        depth: RelativeDepthModel = RememberingRelativeDepth(
            model["relative_depth"], memory, identity=identity["relative_depth"]
        )
        people = RememberingPeople(
            model["person_segmenter"],
            model["human_mesh"],
            memory,
            segmenter_identity=identity["person_segmenter"],
            mesh_identity=identity["human_mesh"],
        )
        painter = RememberingPainter(model["painter"], memory, identity=identity["painter"])
        models = Models(self._adapt(depth) if self._adapt is not None else depth, people, people)
        return BenchSubject(seen, models, painter, memory)


def _identity(role: Role, name: str, model: Any) -> str:
    """Return everything about a model that decides its answers."""
    files = folder_digest(Path(name)) if Path(name).is_dir() else ""
    return f"{role} {name} {model.name} {files} {model_code_digest()}"
