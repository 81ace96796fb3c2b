"""What answers are a function of: the configuration and its models, as plain JSON values that can be compared."""

import hashlib
import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path

from mfh import __version__
from mfh.config import Config
from mfh.io.reading import parse_json, reading
from mfh.models.registry import names_of
from mfh.weights import EMBEDDED

_ABSENT = "nothing"
_NETWORKS = (".onnx", ".npz")


def settings_of(config: Config) -> dict[str, object]:
    """Return what the answers of a configuration are a function of, in plain JSON values.

    Args:
        config: its pictures for the user do not count.
    """
    content = asdict(config)
    del content["keep_paintings"], content["painting"]["answer_interrupted"]
    if math.isinf(config.painting.budget_s):
        content["painting"]["budget_s"] = None
    folders = {role: folder_digest(Path(name)) for role, name in names_of(config).items() if Path(name).is_dir()}
    return parse_json(json.dumps({**content, "folders": folders}, allow_nan=False))


def version_of_models() -> dict[str, str]:
    """Return the version of the package, and a digest of the networks in it."""
    return {"mfh": __version__, "networks": embedded_digest()}


@cache
def embedded_digest() -> str:
    """Return a digest of the networks in the package."""
    digest = hashlib.sha256()
    for path in sorted(EMBEDDED.iterdir()):
        if path.suffix in _NETWORKS:
            digest.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def fingerprint(settings: Mapping[str, object]) -> str:
    """Return a short digest of settings, the same for the same values.

    Args:
        settings: plain JSON values.
    """
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


def folder_digest(folder: Path, suffixes: tuple[str, ...] = ()) -> str:
    """Return a digest of the names, sizes and times of a folder's files, without reading them.

    Args:
        folder: where they are, at any depth.
        suffixes: of the files that count; none for all.
    """
    digest = hashlib.sha256()
    with reading(folder, what="", expected="a folder of files that stay as they are"):
        for path in sorted(folder.rglob("*")):
            if os.path.isfile(path) and (not suffixes or path.suffix.lower() in suffixes):
                facts = path.stat()
                name = path.relative_to(folder).as_posix()
                digest.update(f"{name}\n{facts.st_size}\n{facts.st_mtime_ns}\n".encode(errors="surrogatepass"))
    return digest.hexdigest()[:16]


def differences(old: object, new: object, where: str = "") -> list[str]:
    """Return what differs between two JSON objects, one text each: "method.seed was 0, is 1".

    Args:
        old: what is there.
        new: what is asked for.
        where: path to both, with dots.
    """
    if isinstance(old, dict) and isinstance(new, dict):
        keys = [*old, *(key for key in new if key not in old)]
        prefix = f"{where}." if where else ""
        return [
            line
            for key in keys
            for line in differences(old.get(key, _ABSENT), new.get(key, _ABSENT), f"{prefix}{key}")
        ]  # fmt: skip
    return [] if old == new else [f"{where} was {_short(old)}, is {_short(new)}"]


def _short(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
