"""What a preset needs before it can run: packages, downloads, disk and GPU memory."""

from dataclasses import dataclass

from mfh.config import Config
from mfh.errors import WeightsError
from mfh.models.registry import Entry, Role, find_model
from mfh.models.weights import blocked_commercially, installed
from mfh.models.weights_table import artefact


@dataclass(frozen=True)
class Needs:
    """What the models of a preset need.

    Attributes:
        artefacts: their files, each once, as ``mfh weights list`` calls them.
        missing: the artefacts that are not on this machine.
        packages: distributions beside the core -> command that installs them.
        gpu_gb: GPU memory with all models loaded, roughly; 0 for presets that run on the CPU.
    """

    artefacts: tuple[str, ...]
    missing: tuple[str, ...]
    packages: dict[str, str]
    gpu_gb: float

    @property
    def disk_bytes(self) -> int:
        """Bytes of all files that are not part of the package."""
        return _bytes(self.artefacts)

    @property
    def download_bytes(self) -> int:
        """Bytes of the files that are missing."""
        return _bytes(self.missing)

    @property
    def blocked(self) -> dict[str, str]:
        """Artefacts that may not be used commercially, with the reason."""
        return blocked_commercially(self.artefacts)


def needs_of(config: Config) -> Needs:
    """Return what a configuration needs.

    Args:
        config: names of models.

    Raises:
        InputError: for a name nobody has.
    """
    roles: dict[Role, str | None] = {
        "relative_depth": config.relative_depth,
        "person_segmenter": config.people_finder,
        "human_mesh": config.human_mesh,
        "painter": config.painter,
    }
    entries: dict[str, Entry] = {}
    for role, name in roles.items():
        if name is not None:
            entry = find_model(role, name)
            entries.setdefault(entry.target, entry)
    artefacts = tuple(dict.fromkeys(name for entry in entries.values() for name in entry.weights))
    return Needs(
        artefacts=artefacts,
        missing=tuple(name for name in artefacts if not _is_here(name)),
        packages={package: entry.install for entry in entries.values() for package in entry.packages},
        gpu_gb=sum(entry.gpu_gb for entry in entries.values()),
    )


def _is_here(name: str) -> bool:
    try:
        return installed(name)
    except WeightsError:
        # A damaged manifest: what it lists cannot be counted on.
        return False


def _bytes(names: tuple[str, ...]) -> int:
    return sum(artefact(name).size_bytes or 0 for name in names)
