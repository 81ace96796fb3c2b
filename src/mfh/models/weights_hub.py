"""Fetching hub repositories: only the files a model is loaded from, resumed, checked, and moved into place whole."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from mfh.errors import BackendError, WeightsError, one_line
from mfh.models.hub import Source, artefact_of, cached_folder, endpoint, offline_reason, pinned
from mfh.models.weights_download import download
from mfh.models.weights_manifest import ListedFile, Manifest, write_manifest
from mfh.models.weights_place import file_sha256, free_bytes, replace_folder

_TEXT = (".json", ".txt", ".model")
_SKIPPED_FOLDERS = ("safety_checker", "onnx", "coreml", "openvino")


@dataclass(frozen=True)
class RemoteFile:
    """One file of a repository.

    Attributes:
        name: path inside it.
        size_bytes: its size.
        sha256: its digest, which the hub has of large files; None for small ones.
    """

    name: str
    size_bytes: int
    sha256: str | None


def choose_files(files: Sequence[RemoteFile], only: tuple[str, ...] = ()) -> list[RemoteFile]:
    """Return the files a model is loaded from: configuration, vocabulary, and one set of weights a folder.

    In each folder half precision comes before full and safetensors before pickles (which are then read with
    ``weights_only``). Files of a pipeline's top folder are configuration only: weights there repeat the folders'.

    Args:
        files: all files of the repository.
        only: names, where it is known which are needed.
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
    for folder, inside in by_folder.items():
        chosen += [one for one in inside if one.name.endswith(_TEXT) and ".index." not in one.name]
        if not (is_pipeline and folder == ""):
            chosen += _weights(inside)
    return chosen


def fetch_repo(
    source: Source,
    *,
    name: str,
    only: tuple[str, ...] = (),
    report: Callable[[str, float], None],
) -> Path:
    """Fetch a repository into the weights cache.

    Args:
        source: the repository.
        name: of the artefact, or the source's text.
        only: names of the files, where it is known which are needed.
        report: called with each step and the fraction done.

    Returns:
        The folder.

    Raises:
        WeightsError: where it cannot be fetched or is not what the hub says it is, with what to do.
        BackendError: where the hub's library is not installed.
        OSError: where the folder cannot be written.
    """
    try:
        import huggingface_hub
        from huggingface_hub import errors
        from huggingface_hub.errors import HTTPError  # pyright: ignore[reportPrivateImportUsage]
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
    source = pinned(source)
    place = cached_folder(source)
    report("listing", 0.0)
    try:
        commit, files = _list(huggingface_hub, source)
        # By commit: what an earlier try left of another one is not mixed in.
        partial = place.with_name(f".{place.name}.{commit[:12]}.partial")
        chosen = choose_files(files, only)
        absent = set(only) - {one.name for one in chosen}
        if absent:
            raise WeightsError(f"{source.text} has no {', '.join(sorted(absent))}: expected {', '.join(only)}")
        if not only and not any(one.name.endswith((".safetensors", ".bin")) for one in chosen):
            raise WeightsError(f"{source.text} has no weights in safetensors or PyTorch's format")
        _check_space(partial, chosen, name)
        partial.mkdir(parents=True, exist_ok=True)
        listed = _download(huggingface_hub, source, commit, chosen, partial, report)
    except errors.GatedRepoError as error:
        raise WeightsError(
            f"{source.text} is gated: accept its licence on {endpoint()}/{source.repo}, then run 'hf auth login'"
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise WeightsError(f"{source.text} is not on {endpoint()}: check the name") from error
    except (HTTPError, errors.LocalEntryNotFoundError, errors.FileMetadataError) as error:
        raise WeightsError(
            f"{source.text} broke off ({one_line(error)}): run 'mfh weights fetch {name}' again"
        ) from error
    write_manifest(partial, Manifest(name, commit, tuple(listed)))
    replace_folder(partial, place)
    report("done", 1.0)
    return place


def _list(library: Any, source: Source) -> tuple[str, list[RemoteFile]]:
    """Return the commit a revision means now and all files of it."""
    api = library.HfApi(endpoint=endpoint())
    info = api.model_info(source.repo, revision=source.revision, files_metadata=True, timeout=30)
    files = [RemoteFile(one.rfilename, one.size or 0, one.lfs.sha256 if one.lfs else None) for one in info.siblings]
    return info.sha, files


def _download(
    library: Any,
    source: Source,
    commit: str,
    files: Sequence[RemoteFile],
    folder: Path,
    report: Callable[[str, float], None],
) -> list[ListedFile]:
    """Download files, but for those that are whole from an earlier try, and check each.

    The hub's library names the address and the permission to read it; it starts every file anew, though, so the bytes
    are fetched here.
    """
    total = sum(one.size_bytes for one in files) or 1
    before = 0
    listed = []
    for one in files:
        file = folder / one.name
        file.parent.mkdir(parents=True, exist_ok=True)
        if not (file.is_file() and file.stat().st_size == one.size_bytes):
            url = library.hf_hub_url(source.repo, one.name, revision=commit, endpoint=endpoint())
            place = library.get_hf_file_metadata(url, timeout=30, endpoint=endpoint()).location
            # The permission is for the hub alone, not for the host it points to.
            same_host = urlsplit(place).netloc == urlsplit(url).netloc
            part = file.with_name(f"{file.name}.part")
            download(
                place,
                part,
                headers=library.utils.build_hf_headers() if same_host else {},
                again=f"run 'mfh weights fetch {artefact_of(source.repo) or source.text}' again",
                report=lambda done, before=before: report("download", min(1.0, (before + done) / total)),
            )
            part.replace(file)
        found = file_sha256(file)
        if one.sha256 not in (None, found) or file.stat().st_size != one.size_bytes:
            file.unlink()
            raise WeightsError(
                f"{source.repo}/{one.name} arrived damaged: run the fetch again, the other files are kept"
            )
        listed.append(ListedFile(one.name, one.size_bytes, found))
        before += one.size_bytes
        report("download", before / total)
    return listed


def _weights(files: Sequence[RemoteFile]) -> list[RemoteFile]:
    """Return one set of weights of a folder, in shards where it is in shards."""
    for half in (True, False):
        for suffix in (".safetensors", ".bin"):
            found = [one for one in files if one.name.endswith(suffix) and (".fp16." in one.name) == half]
            found = [one for one in found if _standard(one.name)]
            if found:
                index = [one for one in files if one.name.endswith(f"{suffix}.index{'.fp16' if half else ''}.json")]
                return found + index
    return []


def _standard(name: str) -> bool:
    """Say whether this is a name that from_pretrained reads, rather than e.g. weights of another branch of training."""
    stem = PurePosixPath(name).name
    return stem.startswith(
        ("model.", "model-", "diffusion_pytorch_model.", "diffusion_pytorch_model-", "pytorch_model")
    )


def _check_space(folder: Path, files: Sequence[RemoteFile], name: str) -> None:
    """Refuse a download the disk has no room for."""
    there = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    needed = max(0, sum(one.size_bytes for one in files) - there)
    free = free_bytes(folder)
    if needed > free:
        raise WeightsError(
            f"{name} needs {needed / 1e9:.2f} GB and {folder.parent} has {free / 1e9:.2f} GB free: free some space, or "
            "set MFH_WEIGHTS to a folder on a larger disk"
        )
