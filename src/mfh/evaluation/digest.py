"""What results are a function of, as short words: the package's code and weights, and models in folders."""

import hashlib
from pathlib import Path

import mfh

_CODE = (".py", ".onnx", ".safetensors", ".npz")


def package_digest() -> str:
    """Return a digest of the package's code and weights."""
    digest = hashlib.sha256()
    folder = Path(mfh.__file__).parent
    for path in sorted(folder.rglob("*")):
        if path.suffix in _CODE and "cli" not in path.relative_to(folder).parts:
            digest.update(path.relative_to(folder).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def folder_digest(folder: Path, suffixes: tuple[str, ...] = ()) -> str:
    """Return a digest of the names, sizes and times of a folder's files, without reading them.

    Args:
        folder: where they are, at any depth.
        suffixes: of the files that count; none for all.
    """
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and (not suffixes or path.suffix.lower() in suffixes):
            facts = path.stat()
            digest.update(f"{path.relative_to(folder).as_posix()}\n{facts.st_size}\n{facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]
