"""Where the checkpoint of HMR 2.0 is: itself, in a folder, in the archive of 4D-Humans, or in a repository of the hub.

Of an archive the checkpoint alone is unpacked, under a name of our own, and no more bytes than the archive announces.
"""

import os
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Any

from mfh.errors import BackendError, InputError, WeightsError, shown
from mfh.io.reading import check_file, reading
from mfh.models.human_mesh.hmr2 import FILE_NAME
from mfh.weights.cache import free_bytes
from mfh.weights.forms import RemoteFile
from mfh.weights.hub_download import Conversion

CHECKPOINT = "epoch=35-step=1000000.ckpt"
ARCHIVE = "hmr2_data.tar.gz"
_SUFFIX, _ARCHIVES = ".ckpt", (".tar.gz", ".tgz", ".tar")
_EXPECTED = f"the {ARCHIVE} of 4D-Humans, whole; download it again"
_MAX_MEMBERS = 10_000
_MAX_BYTES = 64 << 30
"""Most that an archive may hold; that of 4D-Humans holds 3 GB."""
_MAX_HEADER_BYTES = 1 << 20
_CHUNK = 1 << 20
_SHOWN = 8

Report = Callable[[str, float], None]


def pick_file(names: Sequence[str], where: str) -> str:
    """Return the file that holds the checkpoint: the checkpoint itself is preferred to an archive with it.

    Args:
        names: paths with forward slashes.
        where: what they are the files of, for the message.

    Raises:
        WeightsError: where none of them is one, or several may be.
    """
    for name, suffixes in ((CHECKPOINT, (_SUFFIX,)), (ARCHIVE, _ARCHIVES)):
        candidates = sorted(one for one in names if one.endswith(suffixes))
        published = [one for one in candidates if PurePosixPath(one).name == name]
        if published:
            return published[0]
        if len(candidates) == 1:
            return candidates[0]
        if candidates:
            raise WeightsError(
                f"{where} has {len(candidates)} files that may be the HMR 2.0 checkpoint ({_some(candidates)}): "
                f"expected one, or one of the name {name}"
            )
    raise WeightsError(
        f"{where} has no {CHECKPOINT} and no {ARCHIVE}, only {_some(sorted(names)) or 'nothing'}: expected what "
        "4D-Humans publishes of HMR 2.0; get one of them elsewhere and run 'mfh weights convert hmr2 FILE'"
    )


@contextmanager
def checkpoint_in(source: Path, scratch: Path, *, report: Report) -> Iterator[Path]:
    """Yield the checkpoint of a checkpoint, a folder or an archive.

    Args:
        source: one of them.
        scratch: folder for what is unpacked, which is removed afterwards; made where missing.
        report: called with the step and the fraction done.

    Raises:
        InputError: where there is nothing of that name.
        WeightsError: where it holds no checkpoint, or is damaged.
    """
    if source.is_dir():
        with reading(source, what="", expected="a folder with the HMR 2.0 checkpoint in it", error=WeightsError):
            names = [file.relative_to(source).as_posix() for file in source.rglob("*") if file.is_file()]
        source = source / pick_file(names, shown(source))
    if not source.exists():
        raise InputError(f"no file {shown(source)}: expected {CHECKPOINT}, {ARCHIVE}, or a folder with one of them")
    if not _is_archive(source):
        yield source
        return
    unpacked = scratch / f".unpacked.{os.getpid()}.tmp{_SUFFIX}"
    try:
        _unpack(source, unpacked, report)
        yield unpacked
    except WeightsError as error:
        # The user knows the archive.
        raise WeightsError(str(error).replace(shown(unpacked), f"the checkpoint in {shown(source)}")) from error
    finally:
        unpacked.unlink(missing_ok=True)


def convert_source(source: Path, destination: Path, *, report: Report = lambda step, fraction: None) -> Path:
    """Convert the checkpoint of a file or folder, as :func:`checkpoint_in` finds it; return the destination.

    Raises:
        InputError: for a missing source, or a destination that cannot be written or has other content.
        WeightsError: where it is no such checkpoint.
        BackendError: where torch is missing.
    """
    check_packages("hmr2")
    from mfh.models.human_mesh.hmr2_checkpoint import convert_hmr2_checkpoint

    with checkpoint_in(source, destination.parent, report=report) as checkpoint:
        report("convert", 0.9)
        return convert_hmr2_checkpoint(checkpoint, destination)


def conversion(repo: str) -> Conversion:
    """Return how a repository's files become the network's file in the weights cache.

    Raises:
        BackendError: where torch is missing, before anything is downloaded.
    """
    check_packages("hmr2")

    def choose(files: Sequence[RemoteFile]) -> list[RemoteFile]:
        chosen = pick_file([one.name for one in files], repo)
        return [one for one in files if one.name == chosen]

    def convert(downloaded: Path, folder: Path, report: Report) -> None:
        convert_source(downloaded, folder / FILE_NAME, report=report)

    # The network, and in between what is unpacked of an archive.
    return Conversion(choose, convert, room=2.2)


def check_packages(model: str) -> None:
    """Check that a checkpoint can be converted.

    Raises:
        BackendError: where a package is missing.
    """
    for package in ("torch", "safetensors"):
        if find_spec(package) is None:
            raise BackendError(
                f"converting {model} needs the package {package!r}: pip install 'metric-from-human[hub]'"
            )


def _is_archive(source: Path) -> bool:
    check_file(source, what="", expected=f"{CHECKPOINT} or {ARCHIVE}", error=WeightsError)
    with reading(source, what="", expected=_EXPECTED, error=WeightsError), source.open("rb") as stream:
        head = stream.read(512)
    return head.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00")) or head[257:262] == b"ustar"


class _Member(tarfile.TarInfo):
    """A member whose long names and attributes are bounded: they are read into memory before their size is known."""

    def _proc_member(self, archive: tarfile.TarFile) -> Any:
        if not self.isfile() and self.size > _MAX_HEADER_BYTES:
            raise tarfile.ReadError(f"a header of {self.size:,} bytes")
        return getattr(super(), "_proc_member")(archive)  # noqa: B009


def _unpack(source: Path, target: Path, report: Report) -> None:
    """Unpack the one checkpoint of an archive."""
    names: list[str] = []
    unpacked, total = "", 0
    report("unpack", 0.0)
    with (
        reading(source, what="", expected=_EXPECTED, error=WeightsError),
        tarfile.open(source, "r|*", tarinfo=_Member) as archive,
    ):
        for member in archive:
            names.append(member.name)
            total += member.size
            if len(names) > _MAX_MEMBERS or total > _MAX_BYTES:
                raise ValueError(f"it has {len(names):,} members of {total:,} bytes")
            if not (member.isreg() and member.name.endswith(_SUFFIX)) or member.issparse():
                continue
            published = PurePosixPath(member.name).name == CHECKPOINT
            stream = archive.extractfile(member)
            if stream is not None and (published or not unpacked):
                _copy(stream, target, member.size, report)
                unpacked = member.name
            if published:
                return
    # Without the published name there must be one only.
    if not unpacked or pick_file([name for name in names if name.endswith(_SUFFIX)], shown(source)) != unpacked:
        raise WeightsError(
            f"{shown(source)} has no {CHECKPOINT}, only {_some(sorted(names)) or 'nothing'}: expected {_EXPECTED}"
        )


def _copy(stream: Any, target: Path, size: int, report: Report) -> None:
    """Write a member of an archive.

    Raises:
        InputError: where it cannot be written.
        ValueError: where the archive ends before it does.
    """
    done = 0
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        free = free_bytes(target.parent)
        # Unpacked, and then converted beside it.
        if 2 * size > free:
            raise InputError(
                f"unpacking and converting needs {2 * size / 1e9:.2f} GB and {shown(target.parent)} has "
                f"{free / 1e9:.2f} GB free: free some space, or set MFH_WEIGHTS to a folder on a larger disk"
            )
        writer = target.open("wb")
    except OSError as error:
        raise InputError(f"cannot write {shown(target)}: {error.strerror or error}") from error
    with writer:
        while chunk := stream.read(_CHUNK):
            done += len(chunk)
            report("unpack", 0.9 * done / max(size, 1))
            try:
                writer.write(chunk)
            except OSError as error:
                raise InputError(f"cannot write {shown(target)}: {error.strerror or error}; free some space") from error
    if done != size:
        raise ValueError(f"it ends after {done:,} of {size:,} bytes of its checkpoint")


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(shown(name)[:100] for name in names[:_SHOWN]) + more
