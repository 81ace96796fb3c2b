"""Digests of what results are a function of: the packages' code and weights, and models in folders."""

import hashlib
from functools import cache
from pathlib import Path

import mfh
import mfh_lab

_MODEL_CODE = ("models", "geometry", "weights/data", "types")
_MODEL_SUFFIXES = (".py", ".onnx", ".npz")
_CODE = (".py", ".onnx", ".safetensors", ".npz")


def package_digest() -> str:
    """Return a digest of the code of both packages, and of the networks in them."""
    digest = hashlib.sha256()
    for package in (mfh, mfh_lab):
        folder = Path(str(package.__file__)).parent
        for path in sorted(folder.rglob("*")):
            if path.suffix in _CODE and "cli" not in path.relative_to(folder).parts:
                digest.update(path.relative_to(folder.parent).as_posix().encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


@cache
def model_code_digest() -> str:
    """Return a digest of the package's models: their code, what it rests on, and the weights in the package."""
    digest = hashlib.sha256()
    folder = Path(mfh.__file__).parent
    for part in _MODEL_CODE:
        for path in sorted((folder / part).rglob("*")):
            if path.suffix in _MODEL_SUFFIXES:
                digest.update(path.relative_to(folder).as_posix().encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
