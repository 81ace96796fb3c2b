"""The requirements of a preset: packages, downloads, disk, GPU memory and licences."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from importlib.util import find_spec

from mfh.config import Config
from mfh.errors import InputError
from mfh.models.registry import CONFIG_FIELDS, OPTIONAL_ROLES, Entry, Role, find_model, names_of
from mfh.weights import store as weights
from mfh.weights.catalog import catalog_model

PERMITTED: dict[Role, str] = {
    "relative_depth": "depth-anything-v2-small",
    "person_segmenter": "blazepose",
    "human_mesh": "blazepose",
}
"""Role -> the substitute for a model whose licence does not permit commercial use."""


@dataclass(frozen=True)
class Needs:
    """The requirements of the models of a preset.

    Attributes:
        models: model files, each once, by their names in ``mfh weights list``.
        missing: those that are not on this machine.
        optional: those without which the preset still runs, with less evidence.
        packages: distribution beside the core -> command that installs it.
        modules: import name of a package that is on no index -> command that installs it.
        gpu_gb: approximate GPU memory with all models loaded; 0 for presets that run on the CPU.
    """

    models: tuple[str, ...]
    missing: tuple[str, ...]
    packages: dict[str, str]
    modules: dict[str, str]
    gpu_gb: float
    optional: tuple[str, ...] = ()

    @property
    def disk_bytes(self) -> int:
        """Bytes of all model files that are not part of the package."""
        return _bytes(self.models)

    @property
    def download_bytes(self) -> int:
        """Bytes of the missing model files."""
        return sum(catalog_model(name).download_bytes or 0 for name in self.missing)

    @property
    def blocked(self) -> dict[str, str]:
        """Model that may not be used commercially -> the reason."""
        return weights.blocked_commercially(self.models)


def needs_of(config: Config) -> Needs:
    """Return the requirements of a configuration.

    Raises:
        InputError: for an unknown name.
    """
    entries: dict[str, Entry] = {}
    required: set[str] = set()
    for role, name in names_of(config).items():
        entry = find_model(role, name)
        entries.setdefault(entry.target, entry)
        if role not in OPTIONAL_ROLES:
            required.update(entry.weights)
    models = tuple(dict.fromkeys(name for entry in entries.values() for name in entry.weights))
    return Needs(
        models=models,
        missing=tuple(name for name in models if not weights.is_here(name)),
        packages={package: entry.install for entry in entries.values() for package in entry.packages},
        modules={entry.module: entry.install for entry in entries.values() if entry.module},
        gpu_gb=sum(entry.gpu_gb for entry in entries.values()),
        optional=tuple(name for name in models if name not in required),
    )


def split_installed(packages: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the distributions that are not installed, and those that are with their versions."""
    missing: list[str] = []
    versions: list[str] = []
    for package in packages:
        try:
            versions.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            missing.append(package)
    return missing, versions


def what_is_missing(config: Config) -> str:
    """Return what a preset cannot run without and is not here, with the commands that get it; "" for nothing.

    Nothing is loaded or fetched to find out, and no path is named.

    Args:
        config: of the preset.

    Raises:
        InputError: for an unknown name.
    """
    needs = needs_of(config)
    absent, _ = split_installed(tuple(needs.packages))
    absent += [module for module in needs.modules if find_spec(module) is None]
    files = [name for name in needs.missing if name not in needs.optional]
    parts = []
    if absent:
        installs = dict.fromkeys({**needs.packages, **needs.modules}[one] for one in absent)
        parts.append(f"no package {', '.join(absent)}: {'; '.join(installs)}")
    if files:
        size = f" ({needs.download_bytes / 1e9:.1f} GB)" if needs.download_bytes else ""
        parts.append(f"no model files of {', '.join(files)}: mfh weights fetch --preset {config.name}{size}")
    return "; ".join(parts)


def permitted(config: Config) -> tuple[Config, tuple[str, ...]]:
    """Return a configuration whose models may all be used commercially, and one sentence per replaced model.

    Raises:
        InputError: for a model whose licence is not known here, or that has no substitute in :data:`PERMITTED`.
    """
    changes: dict[str, str] = {}
    sentences = []
    for role, name in names_of(config).items():
        entry = find_model(role, name)
        what = role.replace("_", " ")
        if not entry.weights:
            raise InputError(
                f"the licence of the {what} {name} is not known here: read it, and leave out --commercial-ok"
            )
        blocked = weights.blocked_commercially(entry.weights)
        if not blocked:
            continue
        reasons = "; ".join(f"{one}: {reason}" for one, reason in blocked.items())
        if role not in PERMITTED:
            raise InputError(f"the {what} {name} may not be used commercially ({reasons}): leave it out")
        changes[CONFIG_FIELDS[role]] = PERMITTED[role]
        sentences.append(
            f"{PERMITTED[role]} takes the place of the {what} {name}, which may not be used commercially ({reasons})"
        )
    return replace(config, **changes), tuple(sentences)


def _bytes(names: tuple[str, ...]) -> int:
    return sum(catalog_model(name).size_bytes or 0 for name in names)
