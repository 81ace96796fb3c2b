"""The forms in which a hub repository has a model's weights, and which of them is fetched."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

_TEXT = (".json", ".txt", ".model")
_PICKLED = (".bin", ".pt", ".pth", ".ckpt")
_STANDARD = re.compile(r"(?:model|diffusion_pytorch_model|pytorch_model)(?:\.fp16|-\d+-of-\d+)*\.(?:safetensors|bin)")
"""The names that from_pretrained reads; others may be e.g. weights before the moving average."""
_SKIPPED_FOLDERS = ("safety_checker", "onnx", "coreml", "openvino")


@dataclass(frozen=True)
class RemoteFile:
    """One file of a repository; the hub has digests of large files only."""

    name: str
    size_bytes: int
    sha256: str | None


def choose_files(files: Sequence[RemoteFile], only: tuple[str, ...] = ()) -> list[RemoteFile]:
    """Return the files a model is loaded from: those of ``only``, else configuration, vocabulary and weights.

    Each folder has one set of weights: safetensors are preferred to pickles (which are then read with
    ``weights_only``), and full precision to half. In a pipeline's top folder only the configuration is chosen: weights
    there duplicate those of the folders.
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


def form_of(names: Iterable[str]) -> str:
    """Return the form of a model's weights by the names of its files, as "safetensors, half precision"; "" for others.

    Precision is that of the name: half where the publisher marked the file as fp16.
    """
    names = [PurePosixPath(name).name for name in names]
    kinds = {"safetensors": ".safetensors", "pickles read as tensors only": _PICKLED, "ONNX": ".onnx"}
    found = [kind for kind, suffix in kinds.items() if any(name.endswith(suffix) for name in names)]
    stored = [name for name in names if name.endswith((".safetensors", *_PICKLED))]
    halves = {_is_half(name) for name in stored}
    precision = "half precision" if halves == {True} else "some in half precision" if True in halves else ""
    return ", ".join([*found, precision] if precision else found)


def _weights(files: Sequence[RemoteFile]) -> list[RemoteFile]:
    """Return one set of weights of a folder, with all its shards."""
    for suffix in (".safetensors", ".bin"):
        for half in (False, True):
            found = [one for one in files if one.name.endswith(suffix) and _is_half(one.name) == half]
            found = [one for one in found if _STANDARD.fullmatch(PurePosixPath(one.name).name)]
            if found:
                index = [one for one in files if one.name.endswith(f"{suffix}.index{'.fp16' if half else ''}.json")]
                return found + index
    return []


def _is_half(name: str) -> bool:
    return ".fp16" in PurePosixPath(name).name
