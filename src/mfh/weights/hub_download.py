"""Fetching the files of a hub repository that a model is loaded from: resumed, checked, installed atomically."""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import replace as changed
from pathlib import Path
from typing import Any

from mfh.errors import BackendError, MfhError, WeightsError, kind_and_message, shown
from mfh.io.contents import file_sha256
from mfh.io.reading import reading
from mfh.weights.cache import free_bytes, inside, listed_name
from mfh.weights.catalog import CATALOG
from mfh.weights.download import download, is_web_address, same_origin
from mfh.weights.forms import RemoteFile, choose_files
from mfh.weights.hub import PREFIX, Source, endpoint, hub_advice, hub_obstacle, pinned
from mfh.weights.manifest import (
    MANIFEST,
    ListedFile,
    Manifest,
    check_listed,
    checked_digest,
    checked_size,
    read_manifest,
    write_manifest,
)
from mfh.weights.model_folder import (
    ModelFolder,
    check_replaceable,
    discard_partials,
    install_folder,
    partial_folder,
    staging_folder,
)

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_NO_NAME = re.compile(r"^[A-Za-z]:|[\x00-\x1f\x7f\ud800-\udfff]")
_MAX_FILES = 20_000


Report = Callable[[str, float], None]
"""Called with the current step and the fraction done."""


@dataclass(frozen=True)
class Conversion:
    """How a repository's files become those of a model that has another form here.

    Attributes:
        choose: returns the files to download, of those listed; raises where there are none.
        convert: called with the folder of the downloaded files and the one to fill.
        room: of the bytes of the download, how many times as many the conversion needs beside it.
    """

    choose: Callable[[Sequence[RemoteFile]], list[RemoteFile]]
    convert: Callable[[Path, Path, Report], None]
    room: float


def check_reachable(name: str) -> None:
    """Check that the hub can be reached, before anything is written; ``name`` is for the message.

    Raises:
        WeightsError: where the hub is out of reach.
        BackendError: where the hub's library is not installed.
    """
    # The library would ask the hub for more than the files, and keep whatever another server answers there for a day.
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    try:
        import huggingface_hub  # noqa: F401
    except ModuleNotFoundError as error:
        raise BackendError(
            f"fetching {name} needs the package {error.name!r}, which is not installed: "
            "pip install 'metric-from-human[hub]'"
        ) from error
    reason = hub_obstacle()
    if reason:
        raise WeightsError(
            f"{name} cannot be fetched ({reason}): {hub_advice(reason)}use --preset pocket, or bring it with 'mfh "
            "weights export' and 'mfh weights import FOLDER' from a machine that has it"
        )


def fetch_repo(
    source: Source,
    place: ModelFolder,
    *,
    name: str,
    only: tuple[str, ...] = (),
    conversion: Conversion | None = None,
    replace: bool = False,
    report: Report,
) -> Path:
    """Fetch a repository into the weights cache unless the same commit is installed; return the folder.

    A model of the catalog that is pinned to no commit keeps to the one it was first fetched at.

    Args:
        source: the repository.
        place: its folder, locked by the caller.
        name: of the model, or the source's text.
        only: names of the files; empty for :func:`choose_files`' choice.
        conversion: where the model is made from the files, which are then not kept; None where it is the files.
        replace: whether files of another origin may be moved aside.
        report: called with each step and the fraction done.

    Raises:
        WeightsError: where it cannot be fetched or differs from the hub's list, with the fix.
        OSError: where the folder cannot be written.
    """
    import huggingface_hub

    check_replaceable(place, replace=replace)
    source = _at_first_commit(pinned(source), place, name)
    report("listing", 0.0)
    with _hub_errors(source, name):
        commit, files = _list(huggingface_hub, source)
    chosen = _checked(source, conversion.choose(files) if conversion else _chosen(source, files, only))
    if conversion is None and _is_there(place, commit, {one.name for one in chosen}):
        discard_partials(place)
        report("done", 1.0)
        return place.folder
    # Per commit: files of another one are not mixed in.
    partial = partial_folder(place, commit)
    there = sum(file.stat().st_size for file in partial.rglob("*") if file.is_file())
    total = sum(one.size_bytes for one in chosen)
    check_space(place.folder, max(0, total - there) + int(total * (conversion.room if conversion else 0)), name)
    listed = [_fetch_file(huggingface_hub, source, commit, *one, partial, name, report) for one in _with_share(chosen)]
    if conversion is None:
        write_manifest(partial, Manifest(name, commit, tuple(listed)))
        _check_alone(partial, listed)
        install_folder(partial, place)
    else:
        _check_alone(partial, listed)
        try:
            install_converted(partial, place, Manifest(name, commit, (), tuple(listed)), conversion, report)
        except WeightsError as error:
            # They are as the hub has them, and trying again would not make another model of them.
            discard_partials(place)
            raise WeightsError(str(error).replace(f"{shown(partial)}/", f"{source.repo}/")) from error
        discard_partials(place)
    report("done", 1.0)
    return place.folder


def install_converted(
    source: Path, place: ModelFolder, manifest: Manifest, conversion: Conversion, report: Report
) -> None:
    """Convert the files of a folder, and install the result in a locked folder, with its manifest.

    Raises:
        WeightsError: where they are not those of the model.
        OSError: where the folder cannot be written.
    """
    with staging_folder(place) as new:
        conversion.convert(source, new, report)
        files = [file for file in sorted(new.rglob("*")) if file.is_file()]
        listed = tuple(
            ListedFile(file.relative_to(new).as_posix(), file.stat().st_size, file_sha256(file)) for file in files
        )
        write_manifest(new, changed(manifest, files=listed))
        install_folder(new, place)


def _at_first_commit(source: Source, place: ModelFolder, name: str) -> Source:
    """Return a repository of the catalog that follows a branch at the commit of its first fetch, if any.

    A repository that the user names ("hf:org/name") follows what they name.
    """
    if source.revision is not None or name.startswith(PREFIX) or not (place.folder / MANIFEST).is_file():
        return source
    try:
        commit = read_manifest(place.folder).revision
    except WeightsError:
        return source
    return changed(source, revision=commit) if _COMMIT.fullmatch(commit) else source


@contextmanager
def _hub_errors(source: Source, name: str) -> Iterator[None]:
    """Turn any error of the hub's library into one line."""
    from huggingface_hub import errors

    try:
        yield
    except MfhError:
        raise
    except errors.GatedRepoError as error:
        raise WeightsError(
            f"{source.text} is gated: accept its licence on {endpoint()}/{source.repo}, then run 'hf auth login'"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise WeightsError(
            f"{source.text} is no longer on {endpoint()}: move its folder away to fetch what the repository has now"
        ) from error
    except errors.RepositoryNotFoundError as error:
        one = CATALOG.get(name)
        others = f", or {one.supplied.where}" if one is not None and one.supplied is not None else ""
        fix = "check the name" if one is None else f"try another hub with HF_ENDPOINT{others}"
        raise WeightsError(f"{source.text} is not on {endpoint()}: {fix}") from error
    except Exception as error:
        raise WeightsError(
            f"{source.text} broke off ({kind_and_message(error)}): run 'mfh weights fetch {name}' again"
        ) from error


def _list(library: Any, source: Source) -> tuple[str, list[RemoteFile]]:
    """Return the commit that a revision refers to, and its files, after checks of the list."""
    api = library.HfApi(endpoint=endpoint())
    info = api.model_info(source.repo, revision=source.revision, files_metadata=True, timeout=30)
    expected = "a commit, and plain names of files with their sizes and digests"
    with reading(source.text, what="the hub's list of", expected=expected, error=WeightsError):
        if not _COMMIT.fullmatch(str(info.sha)):
            raise ValueError(f"its commit is {str(info.sha)[:80]!r}")
        if len(info.siblings) > _MAX_FILES:
            raise ValueError(f"it lists {len(info.siblings):,} files")
        for one in info.siblings:
            _check_stays_inside(one.rfilename)
        return info.sha, [
            RemoteFile(one.rfilename, one.size, one.lfs.sha256 if one.lfs else None) for one in info.siblings
        ]


def _check_stays_inside(name: object) -> None:
    """Reject a whole list for one name that leads out of the folder, whether the file is fetched or not."""
    parts = re.split(r"[/\\]", name) if isinstance(name, str) else [".."]
    if ".." in parts or "" in parts or _NO_NAME.search(str(name)):
        raise ValueError(f"it lists {str(name)[:100]!r}, which is no name inside a folder")


def _chosen(source: Source, files: Sequence[RemoteFile], only: tuple[str, ...]) -> list[RemoteFile]:
    """Return the files a model is loaded from."""
    chosen = choose_files(files, only)
    absent = set(only) - {one.name for one in chosen}
    if absent:
        raise WeightsError(f"{source.text} has no {', '.join(sorted(absent))}: expected {', '.join(only)}")
    if not only and not any(one.name.endswith((".safetensors", ".bin")) for one in chosen):
        raise WeightsError(f"{source.text} has no weights in safetensors or PyTorch's format")
    return chosen


def _checked(source: Source, chosen: list[RemoteFile]) -> list[RemoteFile]:
    """Return the files to fetch, after checks of their names, sizes and digests."""
    expected = "plain names of files with their sizes and digests"
    with reading(source.text, what="the hub's list of", expected=expected, error=WeightsError):
        for one in chosen:
            listed_name(one.name)
            checked_size(one.size_bytes)
            if one.sha256 is not None:
                checked_digest(one.sha256)
        if len({one.name.casefold() for one in chosen}) < len(chosen) or any(one.name == MANIFEST for one in chosen):
            raise ValueError("it lists a name twice, or one that is this program's")
    return chosen


def _is_there(place: ModelFolder, commit: str, names: set[str]) -> bool:
    """Return whether these files of a commit are installed and unchanged."""
    if not (place.folder / MANIFEST).is_file():
        return False
    try:
        manifest = read_manifest(place.folder)
        if manifest.revision != commit or not names <= {one.name for one in manifest.files}:
            return False
        check_listed(place.folder, fix="")
    except WeightsError:
        return False
    return True


def _with_share(files: Sequence[RemoteFile]) -> Iterator[tuple[RemoteFile, tuple[float, float]]]:
    """Yield files with the fraction of all bytes before each, and its own."""
    total = sum(one.size_bytes for one in files) or 1
    before = 0
    for one in files:
        yield one, (before / total, one.size_bytes / total)
        before += one.size_bytes


def _fetch_file(
    library: Any,
    source: Source,
    commit: str,
    one: RemoteFile,
    share: tuple[float, float],
    folder: Path,
    name: str,
    report: Callable[[str, float], None],
) -> ListedFile:
    """Download a file that is not complete from an earlier try, and check it.

    The hub's library provides address and credentials. It cannot resume a file, so the download itself is done here.
    """
    file = inside(folder, one.name)
    part = inside(folder, f"{one.name}.part")
    file.parent.mkdir(parents=True, exist_ok=True)
    again = f"run 'mfh weights fetch {name}' again"
    begin, width = share
    if not (file.is_file() and file.stat().st_size == one.size_bytes):
        with _hub_errors(source, name):
            url = library.hf_hub_url(source.repo, one.name, revision=commit, endpoint=endpoint())
            where = library.get_hf_file_metadata(url, timeout=30, endpoint=endpoint()).location
            if not is_web_address(where, like=url):
                raise WeightsError(f"{url} leads to {str(where)[:200]!r}: refused, expected an address with https")
            # The credentials are for the hub alone, not for the host it redirects to.
            headers = library.utils.build_hf_headers() if same_origin(where, url) else {}
        download(
            where,
            part,
            headers=headers,
            again=again,
            report=lambda done: report("download", min(1.0, begin + width * done / max(one.size_bytes, 1))),
            max_bytes=one.size_bytes,
            size_bytes=one.size_bytes,
        )
        part.replace(file)
    found = file_sha256(file)
    if one.sha256 not in (None, found) or file.stat().st_size != one.size_bytes:
        file.unlink()
        raise WeightsError(f"{source.repo}/{one.name} arrived damaged: {again}, the other files are kept")
    report("download", begin + width)
    return ListedFile(one.name, one.size_bytes, found)


def _check_alone(folder: Path, listed: Sequence[ListedFile]) -> None:
    """Remove the files of an interrupted try that are not listed."""
    names = {MANIFEST, *(one.name for one in listed)}
    for path in folder.rglob("*"):
        if (path.is_symlink() or not path.is_dir()) and path.relative_to(folder).as_posix() not in names:
            path.unlink()


def check_space(folder: Path, needed: int, name: str) -> None:
    """Check that the disk of a folder has room for so many bytes.

    Raises:
        WeightsError: where it has not.
    """
    free = free_bytes(folder)
    if needed > free:
        raise WeightsError(
            f"{name} needs {needed / 1e9:.2f} GB and {folder.parent} has {free / 1e9:.2f} GB free: free some space, or "
            "set MFH_WEIGHTS to a folder on a larger disk"
        )
