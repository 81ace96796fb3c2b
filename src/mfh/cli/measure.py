"""Measure one photo and write its files: what ``mfh predict``, ``mfh demo`` and ``mfh refit`` share."""

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mfh.cli.progress import ProgressLine
from mfh.config import Config, changes
from mfh.errors import InputError

if TYPE_CHECKING:
    from mfh.gathered import Gathered
    from mfh.io.focal import FocalRequest
    from mfh.io.relative import RelativeDepthMap
    from mfh.numerics.known_sizes import KnownSizes
    from mfh.pipeline import MetricFromHuman
    from mfh.types import MetricDepth, Photo, Region, Segment


@dataclass(frozen=True)
class Given:
    """What the user knows about a photo beyond its pixels.

    Attributes:
        focal: focal length; None to use EXIF or a default.
        known: sizes of people and things.
        relative_depth: a map to use instead of a model's.
        region: where in it metres are wanted most.
        lengths: what is to be measured in it.
    """

    focal: "FocalRequest | None" = None
    known: "KnownSizes | None" = None
    relative_depth: "RelativeDepthMap | None" = None
    region: "Region | None" = None
    lengths: "tuple[Segment, ...]" = ()


@dataclass(frozen=True)
class Measured:
    """One photo measured and written.

    Attributes:
        result: the depth.
        receipt: what receipt.json holds.
        folder: where the files are.
        seconds: from opening the file to the last file written.
    """

    result: "MetricDepth"
    receipt: dict[str, object]
    folder: Path
    seconds: float

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences the user should read."""
        warnings = self.receipt["warnings"]
        return tuple(str(warning) for warning in warnings) if isinstance(warnings, list) else ()

    @property
    def has_evidence(self) -> bool:
        """Whether evidence.npz was written too."""
        files = self.receipt["files"]
        return isinstance(files, dict) and "evidence" in files


class Meter:
    """Measures photos with one configuration; the models are loaded when the first readable photo needs them."""

    def __init__(
        self, config: Config, *, given: Given | None = None, max_pixels: int | None = None, save_evidence: bool = False
    ) -> None:
        self.config = config
        self._given = given or Given()
        self._max_pixels = max_pixels
        self._save_evidence = save_evidence
        self._pipeline: MetricFromHuman | None = None

    def measure(self, photo_path: Path, folder: Path, progress: ProgressLine) -> Measured:
        """Measure one photo and write depth.npz, depth.png, preview.png and receipt.json.

        Args:
            photo_path: picture file.
            folder: where the files go; made if needed.
            progress: line to say on what is being done.

        Returns:
            The result and where it is.

        Raises:
            MfhError: when the photo, a model or the folder cannot be used, or nobody in it gives a scale.
        """
        from mfh.io.photo import MAX_PIXELS, load_photo

        started = time.perf_counter()
        progress.update("reading")
        limit = self._max_pixels if self._max_pixels is not None else MAX_PIXELS
        try:
            photo = load_photo(photo_path, focal=self._given.focal, max_pixels=limit)
            result, gathered = self._conclude(photo, progress)
            progress.update("writing")
            receipt = write_result(folder, result, photo_path=photo_path, gathered=gathered)
        except MemoryError as error:
            raise InputError(f"{photo_path} needs more memory than there is: make it smaller") from error
        return Measured(result=result, receipt=receipt, folder=folder, seconds=time.perf_counter() - started)

    def _conclude(self, photo: "Photo", progress: ProgressLine) -> "tuple[MetricDepth, Gathered | None]":
        """Return the result, and what it rests on where that is to be kept."""
        given, say = self._given, progress.update
        known, region, lengths = given.known, given.region, given.lengths
        if given.relative_depth is None and not self._save_evidence:
            return self._model()(photo, known=known, region=region, lengths=lengths, progress=say), None
        from mfh.conclusion import conclude

        if given.relative_depth is None:
            gathered = self._model().gather(photo, known=known, region=region, lengths=lengths, progress=say)
        else:
            from mfh.adapters import gather_with_relative_depth

            gathered = gather_with_relative_depth(
                photo,
                given.relative_depth,
                config=self.config,
                known=known,
                region=region,
                lengths=lengths,
                progress=say,
            )
        result = conclude(gathered, head=self.config.head, known=known)
        return result, gathered if self._save_evidence else None

    def _model(self) -> "MetricFromHuman":
        if self._pipeline is None:
            from mfh.pipeline import MetricFromHuman

            self._pipeline = MetricFromHuman.from_preset(self.config.name, **changes(self.config))
        return self._pipeline


def write_result(
    folder: Path, result: "MetricDepth", *, photo_path: Path, gathered: "Gathered | None" = None
) -> dict[str, object]:
    """Write the four files of one result, its paintings with their strip where it kept them, and its evidence.

    Args:
        folder: where they go; made if needed.
        result: the depth of one photo.
        photo_path: the file it was made from.
        gathered: evidence to keep; None for none.

    Returns:
        What receipt.json holds.

    Raises:
        InputError: when a file cannot be written.
    """
    from PIL import Image

    from mfh.io.atomic import atomic_path
    from mfh.io.depth import PNG_MAX_M, write_depth_npz, write_depth_png
    from mfh.io.receipt import receipt, write_receipt
    from mfh.viz import preview

    _make_folder(folder)
    files = {"depth": "depth.npz", "depth_millimetres": "depth.png", "preview": "preview.png"}
    write_depth_npz(folder / files["depth"], result)
    saturated = write_depth_png(folder / files["depth_millimetres"], result)
    with atomic_path(folder / files["preview"]) as temporary:
        Image.fromarray(preview(result)).save(temporary)
    files |= _write_paintings(folder, result)
    files |= _write_evidence(folder, gathered)
    notes = ()
    if saturated:
        share = saturated / math.prod(result.shape)
        notes = (f"depth.png ends at {PNG_MAX_M} m: {share:.1%} of the pixels are farther; depth.npz has them all",)
    tree = receipt(result, photo_path=photo_path, files=files, notes=notes)
    # Last, so that a folder with a receipt is a whole one.
    write_receipt(folder / "receipt.json", tree)
    return tree


def _write_paintings(folder: Path, result: "MetricDepth") -> dict[str, str]:
    """Write the paintings a result kept, and the strip made of them; those of an earlier run go."""
    import numpy as np
    from PIL import Image

    from mfh.io.atomic import atomic_path
    from mfh.io.receipt import painting_name
    from mfh.viz import painting_strip

    strip, paintings = folder / "strip.png", folder / "paintings"
    for earlier in [strip, *paintings.glob("[0-9][0-9]*.png")]:
        earlier.unlink(missing_ok=True)
    if not result.kept_paintings:
        return {}
    _make_folder(paintings)
    for painting in result.kept_paintings:
        with atomic_path(folder / painting_name(painting)) as temporary:
            Image.fromarray(np.rint(np.clip(painting.rgb, 0, 1) * 255).astype(np.uint8)).save(temporary)
    with atomic_path(strip) as temporary:
        Image.fromarray(painting_strip(result)).save(temporary)
    return {"paintings": paintings.name, "strip": strip.name}


def _write_evidence(folder: Path, gathered: "Gathered | None") -> dict[str, str]:
    """Write evidence where it is to be kept; that of an earlier run goes."""
    from mfh.io.evidence import EVIDENCE_FILE, save_evidence

    if gathered is None:
        (folder / EVIDENCE_FILE).unlink(missing_ok=True)
        return {}
    save_evidence(folder / EVIDENCE_FILE, gathered)
    return {"evidence": EVIDENCE_FILE}


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make {folder}: {error.strerror or error}; choose another with --out") from error
