"""One photo of many: read, measured, written, and its row; the same whatever engine calls it."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from mfh.batch.address import Address, is_address
from mfh.batch.columns import Item
from mfh.batch.ledger import PHOTOS
from mfh.batch.rows import Row, values_of
from mfh.config import Config
from mfh.errors import BackendError, InputError, MfhError, NoLandmarkError, kind_and_message, printable
from mfh.io.atomic import plain_name
from mfh.io.focal import FocalRequest
from mfh.io.formats import Formats
from mfh.io.photo import photo_from_bytes
from mfh.io.results import Place
from mfh.pipeline.conclude import conclude
from mfh.pipeline.request import Request
from mfh.pipeline.words import request_of
from mfh.types import MetricDepth, Photo
from mfh.types.observations import Gathered
from mfh.viz.save import save_result

Gather = Callable[[Photo, Request], Gathered]
_MOST_BYTES = 1 << 30


@dataclass(frozen=True)
class Job:
    """What is done with every photo of a run.

    Attributes:
        config: everything that decides the answer.
        out: folder of the run, or of its copy where results go to an address.
        fingerprint: of its settings.
        formats: of the depth.
        evidence: whether it is kept.
        preview: whether preview.png is written.
        max_pixels: larger photos are refused.
        address: where results go; None where they stay in the folder.
    """

    config: Config
    out: Path
    fingerprint: str
    formats: Formats
    evidence: bool
    preview: bool
    max_pixels: int
    address: Address | None = None

    def models(self) -> Gather:
        """Load the models.

        Raises:
            MfhError: where a package or file is missing.
        """
        from mfh.pipeline.pipeline import MetricFromHuman

        return MetricFromHuman.from_config(self.config).gather


@dataclass(frozen=True)
class Opened:
    """A photo that was read, or why it could not be.

    Attributes:
        item: the photo.
        begun: when, by the monotonic clock.
        photo: decoded; None where that failed.
        request: what is known of it.
        sha256: of its file.
        bytes_in: of the same; None where it could not be read.
        error: what failed.
    """

    item: Item
    begun: float
    photo: Photo | None = None
    request: Request = Request()
    sha256: str = ""
    bytes_in: int | None = None
    error: Exception | None = None


@dataclass(frozen=True)
class Answered:
    """A photo that was measured, or why it could not be."""

    opened: Opened
    result: MetricDepth | None = None
    gathered: Gathered | None = None
    error: Exception | None = None


class Worker:
    """Measures photos; its three steps may run in three threads, each for another photo.

    Args:
        job: what is done with each.
        gather: the models; None to load those of the configuration with the first photo.
    """

    def __init__(self, job: Job, gather: Gather | None = None) -> None:
        self.job = job
        self._gather = gather

    def prepare(self) -> None:
        """Load the models.

        Raises:
            MfhError: where a package or file is missing.
        """
        if self._gather is None:
            self._gather = self.job.models()

    def __call__(self, item: Item) -> Row:
        """Measure one photo, and return its row; whatever fails is in it."""
        return self.write(self.measure(self.open(item)))

    def open(self, item: Item) -> Opened:
        """Read a photo."""
        begun = time.monotonic()
        sha256, size = "", None
        try:
            data = read_bytes(item.path)
            sha256, size = hashlib.sha256(data).hexdigest(), len(data)
            focal = FocalRequest(focal_px=item.focal_px, fov_x_deg=item.fov_x_deg, focal_35mm=item.focal_35mm)
            request = request_of(
                heights=item.person_height.split(),
                distances=item.known_distance.split(),
                lengths=item.known_length.split(),
                objects=item.known_size.split(),
            )
            photo = photo_from_bytes(data, name=item.id, focal=focal, max_pixels=self.job.max_pixels)
        except Exception as error:
            return Opened(item, begun, sha256=sha256, bytes_in=size, error=error)
        return Opened(item, begun, photo, request, sha256, size)

    def measure(self, opened: Opened) -> Answered:
        """Run the models on a photo, and conclude."""
        if opened.photo is None:
            return Answered(opened, error=opened.error)
        try:
            self.prepare()
            assert self._gather is not None
            gathered = self._gather(opened.photo, opened.request)
            result = conclude(gathered, head=self.job.config.head, known=opened.request.known)
        except Exception as error:
            return Answered(opened, error=error)
        # Seconds are on the row: files are the same in every run.
        gathered = replace(gathered, seconds={}) if self.job.evidence else None
        return Answered(opened, replace(result, seconds={}), gathered)

    def write(self, answered: Answered) -> Row:
        """Write the files of a photo, and return its row."""
        job, opened = self.job, answered.opened
        item, folder, result = opened.item, folder_of(opened.item.id), answered.result
        values: dict[str, Any] = {}
        error = answered.error
        if result is not None:
            try:
                place = Place(job.out / folder, Path(item.path), exact=True, called=item.id)
                written = save_result(
                    place, result, gathered=answered.gathered, formats=job.formats, with_preview=job.preview
                )
                size = sum(path.stat().st_size for path in written.folder.rglob("*") if path.is_file())
                if job.address is not None:
                    job.address.put_photo(job.out, folder.as_posix())
                values = {**values_of(result), "folder": folder.as_posix(), "bytes_out": size}
            except Exception as failure:
                error = failure
        status = "ok" if error is None else "no scale" if isinstance(error, NoLandmarkError) else "failed"
        return Row(
            id=item.id,
            path=item.path,
            camera=item.camera,
            status=status,
            fingerprint=job.fingerprint,
            error="" if error is None else line_of(error),
            error_kind="" if error is None else type(error).__name__,
            seconds=round(time.monotonic() - opened.begun, 3),
            sha256=opened.sha256,
            bytes_in=opened.bytes_in,
            **values,
        )


def lost(item: Item, job: Job, reason: str) -> Row:
    """Return the row of a photo on which a process ended.

    Args:
        item: the photo.
        job: of the run.
        reason: why, as far as it is known.
    """
    return Row(
        id=item.id,
        path=item.path,
        camera=item.camera,
        status="failed",
        fingerprint=job.fingerprint,
        error=reason,
        error_kind="ProcessLost",
    )


def folder_of(name: str) -> Path:
    """Return the folder of a photo's files, in that of the run.

    Args:
        name: id of the photo.
    """
    parts = [one for one in PurePosixPath(name).parts if one not in ("/", ".", "..")]
    return Path(PHOTOS, *[plain_name(one) for one in parts])


def line_of(error: Exception) -> str:
    """Return an error in one line."""
    if isinstance(error, MfhError):
        return printable(str(error))
    if isinstance(error, MemoryError):
        return "it needs more memory than there is: make it smaller"
    return printable(f"{kind_and_message(error)}; a fault in mfh, please report it")


def read_bytes(path: str) -> bytes:
    """Return a picture file.

    Args:
        path: of the file, or an address that fsspec reads.

    Raises:
        InputError: where it cannot be read, or is too large.
        BackendError: for an address, where fsspec or what it needs for this kind is not installed.
    """
    if not is_address(path):
        try:
            with open(path, "rb") as file:
                data = file.read(_MOST_BYTES + 1)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise InputError(f"{path}: {reason}; expected a picture file") from error
    else:
        data = _fetched(path)
    if len(data) > _MOST_BYTES:
        raise InputError(f"{path} has more than {_MOST_BYTES >> 30} GB: expected a photo")
    return data


def _fetched(address: str) -> bytes:
    try:
        import fsspec
    except ImportError as error:
        raise BackendError(f"{address} is read by fsspec: pip install 'metric-from-human[batch]'") from error
    try:
        with fsspec.open(address, "rb") as file:
            return file.read(_MOST_BYTES + 1)  # pyright: ignore[reportAttributeAccessIssue]
    except ImportError as error:
        raise BackendError(f"{address} needs another package: {error}") from error
    except Exception as error:
        raise InputError(f"{address} cannot be read ({kind_and_message(error)}): expected a picture file") from error
