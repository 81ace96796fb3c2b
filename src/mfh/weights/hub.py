"""Where hub models come from: a local folder, the weights cache, the hub library's own cache; never a silent download.

A model is loaded from a folder on this machine or not at all, so that loading cannot wait for a network. Where there
is none, one check that takes two seconds at most says whether ``mfh weights fetch`` can get it.
"""

import logging
import os
import re
import socket
import threading
import urllib.request
from dataclasses import dataclass, replace
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
"""Vanished or renamed repository -> (where the same files are now, why)."""

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
        revision: branch, tag or commit; None for the one pinned in the table, else "main".
        space: what the user said a relative-depth model predicts; None where they did not.
        note: why the repository is not the one that was asked for; empty where it is.
    """

    repo: str = ""
    folder: Path | None = None
    revision: str | None = None
    space: Space | None = None
    note: str = ""

    @property
    def text(self) -> str:
        """The source as it can be typed again."""
        if self.folder is not None:
            return str(self.folder)
        return PREFIX + self.repo + (f"@{self.revision}" if self.revision else "")


def parse_source(text: str) -> Source:
    """Read "hf:org/name", "hf:org/name@revision" or a folder.

    Each may end in "?space=disparity" or "?space=depth".

    Returns:
        The source; a vanished repository is replaced by its successor, with a note.

    Raises:
        InputError: for anything else, or a folder that is not there.
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
    """Return the source itself, or its successor with a note where the repository has vanished."""
    if source.repo not in REDIRECTS:
        return source
    successor, why = REDIRECTS[source.repo]
    # Revisions name commits of the repository that is gone.
    return replace(
        source, repo=successor, revision=None, note=f"hf:{source.repo} is gone ({why}): hf:{successor} is used"
    )


def locate(source: Source, *, marker: str | tuple[str, ...]) -> Path:
    """Return the folder a model is loaded from.

    Args:
        source: the model.
        marker: file every such model has, e.g. "config.json", or files of which it has one; where it is missing, the
            folder is not the model.

    Returns:
        The user's folder, else the weights cache's, else that of the hub library's cache.

    Raises:
        InputError: for a user's folder without the marker.
        WeightsError: where the model is not on this machine, or a file of it is not the one that was fetched, with what
            to do about it.
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


def locate_model(name: str, *, marker: str) -> Path:
    """Return the folder of a model of the table that comes from the hub.

    Raises:
        WeightsError: where it is not on this machine, with what to do about it.
    """
    repo = CATALOG[name].hub
    if repo is None:
        raise InputError(f"{name} does not come from a model hub")
    return locate(Source(repo=repo.repo, revision=repo.revision), marker=marker)


def cached_folder(source: Source) -> Path:
    """Return the folder of the weights cache a repository's files are in, or would be in once fetched."""
    revision = source.revision or _pinned(source.repo) or "main"
    return cache_folder() / "hub" / f"{source.repo.replace('/', '--')}@{revision.replace('/', '--')}"


def hub_cache_folder(source: Source) -> Path | None:
    """Return the snapshot in the hub library's own cache, read as its documentation lays it out; None where none is."""
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
    """Say why the hub, or another address, cannot be reached, or nothing where it can.

    One connection is tried, to the proxy where one is set; looking up the name counts towards the time.
    """
    for variable in () if url else ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
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

    # In a thread, because looking up a name has no timeout of its own.
    attempt = threading.Thread(target=connect, daemon=True)
    attempt.start()
    attempt.join(timeout_s)
    return outcome[0] if outcome else f"{host} does not answer"


def read_json(file: Path) -> dict[str, object]:
    """Return the object in a JSON file of a model.

    Raises:
        WeightsError: where it is not one.
    """
    expected = "a JSON object; fetch or copy the model again"
    # Python's libraries write numbers that are not finite.
    tree = read_bounded_json(file, what="", expected=expected, finite=False, error=WeightsError)
    if not isinstance(tree, dict):
        raise WeightsError(f"{shown(file)} holds no JSON object: fetch or copy the model again")
    return tree


def half_variant(folder: Path, *, half: bool) -> str | None:
    """Return "fp16" where the files in half precision are the ones to read, else None."""
    formats: dict[Path, set[bool]] = {}
    for file in folder.rglob("*"):
        if file.suffix in (".safetensors", ".bin"):
            formats.setdefault(file.parent, set()).add(".fp16." in file.name)
    return "fp16" if any(True in kinds and (half or False not in kinds) for kinds in formats.values()) else None


def pinned(source: Source) -> Source:
    """Return the repository at the commit the table pins it to, where it names no revision and the table does."""
    return replace(source, revision=source.revision or _pinned(source.repo))


def model_of(repo: str) -> str | None:
    """Return the name the table has for a repository, if any."""
    return next((name for name, one in CATALOG.items() if one.hub is not None and one.hub.repo == repo), None)


def _is_model(folder: Path, markers: tuple[str, ...]) -> bool:
    return any((folder / marker).is_file() for marker in markers)


def _is_folder(place: Path) -> bool:
    try:
        return place.is_dir()
    except (OSError, ValueError):
        # Too long for a name, or behind a folder that cannot be read.
        return False


def _shared_cache() -> Path | None:
    """Return the place for caches as the hub library understands it, the same on every system; None without a home."""
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
