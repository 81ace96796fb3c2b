"""Fetching the files of a hub repository that a model is loaded from: resumed, checked, installed atomically."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from mfh.errors import BackendError, MfhError, WeightsError, kind_and_message
from mfh.io.contents import file_sha256
from mfh.io.reading import reading
from mfh.weights.cache import free_bytes, inside, listed_name
from mfh.weights.download import download, is_web_address, same_origin
from mfh.weights.hub import Source, endpoint, offline_reason, pinned
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
from mfh.weights.model_folder import ModelFolder, check_replaceable, discard_partials, install_folder, partial_folder

_TEXT = (".json", ".txt", ".model")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_NO_NAME = re.compile(r"^[A-Za-z]:|[\x00-\x1f\x7f\ud800-\udfff]")
_MAX_FILES = 20_000
_SKIPPED_FOLDERS = ("safety_checker", "onnx", "coreml", "openvino")


@dataclass(frozen=True)
class RemoteFile:
    """One file of a repository; the hub has digests of large files only."""

    name: str
    size_bytes: int
    sha256: str | None


def choose_files(files: Sequence[RemoteFile], only: tuple[str, ...] = ()) -> list[RemoteFile]:
    """Return the files a model is loaded from: those of ``only``, else configuration, vocabulary and weights.

    Each folder has one set of weights: half precision is preferred to full, and safetensors to pickles (which are then
    read with ``weights_only``). In a pipeline's top folder only the configuration is chosen: weights there duplicate
    those of the folders.
    """
    if only:
        return [one for one in files if one.name in only]
    is_pipeline = any(one.name == "model_index.json" for one in files)
    by_folder: dict[str, list[RemoteFile]] = {}
    for one in files:
        path = PurePosixPath(one.name)
        folder = str(path.parent) if len(path.parts) > 1 else ""
        if len(path.parts) <= 2 and folder not in _SKIPPED_FOLDERS and not path.name.startswith("."):
            by_folder.setdefault(folder, []).append(one)
    chosen: list[RemoteFile] = []
    for folder, within in by_folder.items():
        chosen += [one for one in within if one.name.endswith(_TEXT) and ".index." not in one.name]
        if not (is_pipeline and folder == ""):
            chosen += _weights(within)
    return chosen


def check_reachable(name: str) -> None:
    """Check that the hub can be reached, before anything is written; ``name`` is for the message.

    Raises:
        WeightsError: where the hub is out of reach.
        BackendError: where the hub's library is not installed.
    """
    try:
        import huggingface_hub  # noqa: F401
    except ModuleNotFoundError as error:
        raise BackendError(
            f"fetching {name} needs the package {error.name!r}, which is not installed: "
            "pip install 'metric-from-human[hub]'"
        ) from error
    reason = offline_reason()
    if reason:
        raise WeightsError(
            f"{name} cannot be fetched ({reason}): check the network, use --preset pocket, or bring it with "
            "'mfh weights export' and 'mfh weights import FOLDER' from a machine that has it"
        )


def fetch_repo(
    source: Source,
    place: ModelFolder,
    *,
    name: str,
    only: tuple[str, ...] = (),
    replace: bool = False,
    report: Callable[[str, float], None],
) -> Path:
    """Fetch a repository into the weights cache unless the same commit is installed; return the folder.

    Args:
        source: the repository.
        place: its folder, locked by the caller.
        name: of the model, or the source's text.
        only: names of the files; empty for :func:`choose_files`' choice.
        replace: whether files of another origin may be moved aside.
        report: called with each step and the fraction done.

    Raises:
        WeightsError: where it cannot be fetched or differs from the hub's list, with the fix.
        OSError: where the folder cannot be written.
    """
    import huggingface_hub

    check_replaceable(place, replace=replace)
    source = pinned(source)
    report("listing", 0.0)
    with _hub_errors(source, name):
        commit, files = _list(huggingface_hub, source)
    chosen = _chosen(source, files, only)
    if _is_there(place, commit, {one.name for one in chosen}):
        discard_partials(place)
        report("done", 1.0)
        return place.folder
    # Per commit: files of another one are not mixed in.
    partial = partial_folder(place, commit)
    _check_space(partial, chosen, name)
    listed = [_fetch_file(huggingface_hub, source, commit, *one, partial, name, report) for one in _with_share(chosen)]
    write_manifest(partial, Manifest(name, commit, tuple(listed)))
    _check_alone(partial, listed)
    install_folder(partial, place)
    report("done", 1.0)
    return place.folder


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
    except errors.RepositoryNotFoundError as error:
        raise WeightsError(f"{source.text} is not on {endpoint()}: check the name") from error
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
    """Return the files to fetch, after checks of their names, sizes and digests."""
    chosen = choose_files(files, only)
    absent = set(only) - {one.name for one in chosen}
    if absent:
        raise WeightsError(f"{source.text} has no {', '.join(sorted(absent))}: expected {', '.join(only)}")
    if not only and not any(one.name.endswith((".safetensors", ".bin")) for one in chosen):
        raise WeightsError(f"{source.text} has no weights in safetensors or PyTorch's format")
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


def _weights(files: Sequence[RemoteFile]) -> list[RemoteFile]:
    """Return one set of weights of a folder, with all its shards."""
    for half in (True, False):
        for suffix in (".safetensors", ".bin"):
            found = [one for one in files if one.name.endswith(suffix) and (".fp16." in one.name) == half]
            found = [one for one in found if _standard(one.name)]
            if found:
                index = [one for one in files if one.name.endswith(f"{suffix}.index{'.fp16' if half else ''}.json")]
                return found + index
    return []


def _standard(name: str) -> bool:
    """Return whether from_pretrained reads this name; others may be e.g. EMA weights."""
    stem = PurePosixPath(name).name
    return stem.startswith(
        ("model.", "model-", "diffusion_pytorch_model.", "diffusion_pytorch_model-", "pytorch_model")
    )


def _check_space(folder: Path, files: Sequence[RemoteFile], name: str) -> None:
    """Check that the disk has room for a download."""
    there = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    needed = max(0, sum(one.size_bytes for one in files) - there)
    free = free_bytes(folder)
    if needed > free:
        raise WeightsError(
            f"{name} needs {needed / 1e9:.2f} GB and {folder.parent} has {free / 1e9:.2f} GB free: free some space, or "
            "set MFH_WEIGHTS to a folder on a larger disk"
        )
