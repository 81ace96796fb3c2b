"""Locating hub models: a local folder, the weights cache, or the hub library's own cache; never a silent download.

Loading never uses the network. Where a model is missing, one connection of at most two seconds decides whether the
message names ``mfh weights fetch``, or the way for a machine without a network.
"""

import logging
import os
import re
import socket
import threading
import urllib.request
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from mfh.errors import InputError, WeightsError, shown
from mfh.io.reading import read_json as read_bounded_json
from mfh.io.reading import read_text, reading
from mfh.types import Space
from mfh.weights.cache import cache_folder, listed_name, named_place
from mfh.weights.catalog import CATALOG, HubRepo
from mfh.weights.manifest import MANIFEST, check_listed

logger = logging.getLogger("mfh")

PREFIX = "hf:"
REACH_TIMEOUT_S = 2.0

REDIRECTS: dict[str, tuple[str, str]] = {
    "stabilityai/stable-diffusion-2-inpainting": (
        "sd2-community/stable-diffusion-2-inpainting",
        "its owner deleted it in November 2025",
    ),
    "runwayml/stable-diffusion-inpainting": (
        "stable-diffusion-v1-5/stable-diffusion-inpainting",
        "its owner deleted it in 2024",
    ),
    "prs-eth/marigold-v1-0": ("prs-eth/marigold-depth-v1-0", "its owner renamed it"),
}
"""Deleted or renamed repository -> (its successor with the same files, why)."""

_REPO = re.compile(r"\w[\w.-]{0,95}/\w[\w.-]{0,95}", re.ASCII)
_REVISION = re.compile(r"\w[\w.+/-]{0,99}", re.ASCII)
_MAX_REFERENCE_BYTES = 1000
_TRUE = {"1", "ON", "YES", "TRUE"}


@dataclass(frozen=True)
class Source:
    """A model as the user named it.

    Attributes:
        repo: hub repository "org/name"; empty for a folder.
        folder: folder with the model's files; None for a repository.
        revision: branch, tag or commit; None for the one pinned in the catalog, else "main".
        space: of a relative-depth model's output, as stated by the user; None where not stated.
        note: why the repository differs from the requested one; empty where it does not.
    """

    repo: str = ""
    folder: Path | None = None
    revision: str | None = None
    space: Space | None = None
    note: str = ""

    @property
    def text(self) -> str:
        """The source in the form that :func:`parse_source` reads."""
        if self.folder is not None:
            return str(self.folder)
        return PREFIX + self.repo + (f"@{self.revision}" if self.revision else "")


def parse_source(text: str) -> Source:
    """Parse "hf:org/name", "hf:org/name@revision" or a folder, each with "?space=disparity" or "?space=depth" or none.

    A deleted repository is replaced by its successor, with a note.

    Raises:
        InputError: for any other text, or a missing folder.
    """
    place, _, query = text.partition("?")
    space: Space | None = None
    if query:
        if query not in ("space=disparity", "space=depth"):
            raise InputError(f"{text!r} ends in ?{query}: expected ?space=disparity or ?space=depth")
        space = "disparity" if query == "space=disparity" else "depth"
    if not place.startswith(PREFIX):
        folder = Path(os.path.expanduser(place))
        if not _is_folder(folder):
            hint = f" (a hub model is written hf:{place})" if _REPO.fullmatch(place) else ""
            raise InputError(f"no folder {place!r}: expected hf:org/name or a folder with a model{hint}")
        return Source(folder=folder, space=space)
    repo, _, revision = place.removeprefix(PREFIX).partition("@")
    odd = revision and (not _REVISION.fullmatch(revision) or ".." in revision)
    if not _REPO.fullmatch(repo) or odd:
        raise InputError(f"{text!r} is not a hub model: expected hf:org/name or hf:org/name@revision")
    return redirected(Source(repo=repo, revision=revision or None, space=space))


def redirected(source: Source) -> Source:
    """Return the repository, or its successor with a note where it was deleted."""
    if source.repo not in REDIRECTS:
        return source
    successor, why = REDIRECTS[source.repo]
    # Revisions are commits of the deleted repository.
    return replace(
        source, repo=successor, revision=None, note=f"hf:{source.repo} is gone ({why}): hf:{successor} is used"
    )


def locate(source: Source, *, marker: str | tuple[str, ...]) -> Path:
    """Return the folder a model is loaded from, which is identified by the marker file, or one of several.

    It is the user's folder, else that of the weights cache, else that of the hub library's cache.

    Raises:
        InputError: for a user's folder without the marker.
        WeightsError: where the model is not on this machine, or a file differs from the fetched one, with the fix.
    """
    if source.note:
        logger.warning(source.note)
    markers = (marker,) if isinstance(marker, str) else marker
    if source.folder is not None:
        if not _is_model(source.folder, markers):
            raise InputError(
                f"{source.folder} has no {' or '.join(markers)}: expected a folder that save_pretrained made"
            )
        return source.folder
    for place in (cached_folder(source), hub_cache_folder(source)):
        if place is not None and _is_model(place, markers):
            if (place / MANIFEST).is_file():
                fetch = f"run 'mfh weights fetch {model_of(source.repo) or source.text}'"
                with reading(place, what="", expected=f"a model; {fetch}", error=WeightsError):
                    check_listed(place, fix=fetch)
            return place
    raise WeightsError(_missing_message(source))


def locate_model(name: str) -> Path:
    """Return the folder of a hub model of the catalog.

    Raises:
        WeightsError: where it is not on this machine, with the fix.
    """
    repo = CATALOG[name].hub
    if repo is None:
        raise InputError(f"{name} does not come from a model hub")
    return locate(Source(repo=repo.repo, revision=repo.revision), marker=repo.marker)


def cached_folder(source: Source) -> Path:
    """Return the folder of a repository in the weights cache, whether it is fetched or not."""
    revision = source.revision or _pinned(source.repo) or "main"
    return cache_folder() / "hub" / f"{source.repo.replace('/', '--')}@{revision.replace('/', '--')}"


def hub_cache_folder(source: Source) -> Path | None:
    """Return a repository's snapshot in the hub library's cache, of the documented layout; None where there is none."""
    if os.environ.get("HF_HUB_CACHE"):
        hub = named_place(os.environ["HF_HUB_CACHE"], "HF_HUB_CACHE")
    elif os.environ.get("HF_HOME"):
        hub = named_place(os.environ["HF_HOME"], "HF_HOME") / "hub"
    else:
        shared = _shared_cache()
        if shared is None:
            return None
        hub = shared / "huggingface" / "hub"
    repo = hub / f"models--{source.repo.replace('/', '--')}"
    commit = source.revision or _pinned(source.repo) or "main"
    reference = repo / "refs" / commit
    if reference.is_file():
        expected = "the commit that a revision means"
        text = read_text(reference, what="", expected=expected, max_bytes=_MAX_REFERENCE_BYTES, error=WeightsError)
        with reading(reference, what="", expected=expected, error=WeightsError):
            commit = listed_name(text.strip())
    snapshot = repo / "snapshots" / commit
    return snapshot if snapshot.is_dir() else None


def endpoint() -> str:
    """Return the hub's address: $HF_ENDPOINT, else the public one."""
    return (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")


def offline_reason(url: str = "", *, timeout_s: float = REACH_TIMEOUT_S) -> str:
    """Return why the hub, or another address, cannot be reached; empty where it can.

    One connection is tried, to the proxy where one is set; the time limit includes the name lookup.
    """
    for variable in () if url else ("MFH_OFFLINE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        if os.environ.get(variable, "").upper() in _TRUE:
            return f"{variable} is set"
    try:
        address = urlsplit(url or endpoint())
        proxies = urllib.request.getproxies()
        if address.scheme in proxies and not urllib.request.proxy_bypass(address.hostname or ""):
            address = urlsplit(proxies[address.scheme])
        host = address.hostname or ""
        port = address.port or (443 if address.scheme == "https" else 80)
    except ValueError as error:
        return f"{url or endpoint()}, or the proxy to it, is no address: {error}"
    if not host:
        return f"{url or endpoint()} is no address: expected https://"
    outcome: list[str] = []

    def connect() -> None:
        try:
            socket.create_connection((host, port), timeout=timeout_s).close()
        except OSError as error:
            outcome.append(f"{host} cannot be reached: {error.strerror or error}")
        except ValueError as error:
            outcome.append(f"{host} is no name of a host: {error}")
        else:
            outcome.append("")

    # In a thread, because a name lookup has no timeout.
    attempt = threading.Thread(target=connect, daemon=True)
    attempt.start()
    attempt.join(timeout_s)
    return outcome[0] if outcome else f"{host} does not answer"


def hub_obstacle() -> str:
    """Return why nothing can be fetched from the hub: its library is missing, or it is out of reach; empty for none."""
    if find_spec("huggingface_hub") is None:
        return "the package 'huggingface_hub' is not installed: pip install 'metric-from-human[hub]'"
    return offline_reason()


def hub_advice(obstacle: str) -> str:
    """Return what to do about an obstacle of :func:`hub_obstacle`; empty where it names the fix itself."""
    if obstacle.endswith(" is set"):
        return "unset it, or "
    return "" if obstacle.startswith("the package") else "check the network, the proxy and HF_ENDPOINT, or "


def read_json(file: Path) -> dict[str, object]:
    """Return the JSON object in a file of a model.

    Raises:
        WeightsError: where the file holds none.
    """
    expected = "a JSON object; fetch or copy the model again"
    # Python's libraries write numbers that are not finite.
    content = read_bounded_json(file, what="", expected=expected, finite=False, error=WeightsError)
    if not isinstance(content, dict):
        raise WeightsError(f"{shown(file)} holds no JSON object: fetch or copy the model again")
    return content


def half_variant(folder: Path, *, half: bool) -> str | None:
    """Return "fp16" where half-precision files are to be read: for half precision, or where there are no others."""
    formats: dict[Path, set[bool]] = {}
    for file in folder.rglob("*"):
        if file.suffix in (".safetensors", ".bin"):
            formats.setdefault(file.parent, set()).add(".fp16." in file.name)
    return "fp16" if any(True in kinds and (half or False not in kinds) for kinds in formats.values()) else None


def pinned(source: Source) -> Source:
    """Return the repository with its revision, else with the catalog's pinned one, if any."""
    return replace(source, revision=source.revision or _pinned(source.repo))


def model_of(repo: str) -> str | None:
    """Return the catalog's name of a repository, if any."""
    return next((name for name, one in CATALOG.items() if one.hub is not None and one.hub.repo == repo), None)


def _is_model(folder: Path, markers: tuple[str, ...]) -> bool:
    return any((folder / marker).is_file() for marker in markers)


def _is_folder(place: Path) -> bool:
    try:
        return place.is_dir()
    except (OSError, ValueError):
        # The name is too long, or a parent cannot be read.
        return False


def _shared_cache() -> Path | None:
    """Return the cache folder of the hub library, the same on every system; None without a home folder."""
    chosen, home = os.environ.get("XDG_CACHE_HOME"), os.path.expanduser("~")
    if chosen and os.path.isabs(chosen):
        return Path(chosen)
    return Path(home) / ".cache" if os.path.isabs(home) else None


def _pinned(repo: str) -> str | None:
    name = model_of(repo)
    entry: HubRepo | None = CATALOG[name].hub if name else None
    return entry.revision if entry else None


def _missing_message(source: Source) -> str:
    name = model_of(source.repo) if source.revision in (None, _pinned(source.repo)) else None
    fetch = f"mfh weights fetch {name or source.text}"
    reason = offline_reason()
    if reason:
        return (
            f"{name or source.text} is not on this machine and the hub is out of reach ({reason}): use --preset "
            f"pocket, or run '{fetch}' and 'mfh weights export FOLDER' where there is a network, and 'mfh weights "
            "import FOLDER' here"
        )
    size = CATALOG[name].size_bytes if name else None
    return f"{name or source.text} is not on this machine: run '{fetch}'{f' ({size / 1e9:.1f} GB)' if size else ''}"
