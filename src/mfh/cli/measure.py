"""Measure one photo and write its files: what ``mfh predict`` and ``mfh demo`` share."""

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mfh.cli.progress import ProgressLine
from mfh.config import Config
from mfh.errors import InputError

MOST_ESTIMATES = 8
"""Photos of one camera, at most, in which a model estimates the focal length."""

if TYPE_CHECKING:
    from mfh.io.focal import FocalRequest
    from mfh.io.formats import Formats
    from mfh.io.one_camera import SharedFocal
    from mfh.io.relative import RelativeDepthMap
    from mfh.io.results import Place, Written
    from mfh.pipeline.pipeline import MetricFromHuman
    from mfh.pipeline.request import Request
    from mfh.types import MetricDepth, Photo
    from mfh.types.observations import Gathered


@dataclass(frozen=True)
class Given:
    """What the user gave beside the photo.

    Attributes:
        request: known sizes, a region, lengths to measure; None for nothing.
        focal: focal length; None to use EXIF or a default.
        relative_depth: a map to use instead of a model's.
        one_camera: all photos, where they are of one camera and zoom; those that do not say their focal length have
            that of the others, or one estimate of all; empty where each is by itself.
    """

    request: "Request | None" = None
    focal: "FocalRequest | None" = None
    relative_depth: "RelativeDepthMap | None" = None
    one_camera: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Measured:
    """One photo measured and written.

    Attributes:
        result: the depth.
        receipt: what receipt.json holds.
        folder: where the files are.
        seconds: from opening the file to the last file written.
        passed_over: why they are not in the first folder of their name, where that is odd; else empty.
    """

    result: "MetricDepth"
    receipt: dict[str, object]
    folder: Path
    seconds: float
    passed_over: str = ""

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences the user should read."""
        warnings = self.receipt["warnings"]
        sentences = tuple(str(warning) for warning in warnings) if isinstance(warnings, list) else ()
        if self.passed_over:
            sentences = (*sentences, f"the results went to {self.folder}, since {self.passed_over}")
        return sentences

    @property
    def files(self) -> tuple[str, ...]:
        """Names of what lies in the folder, the paintings as one."""
        contents = self.receipt["contents"]
        names = list(contents) if isinstance(contents, dict) else []
        paintings = sum(name.startswith("paintings/") for name in names)
        shown = {f"paintings/ ({paintings})" if name.startswith("paintings/") else name for name in names}
        return (*sorted(shown), "receipt.json")


def measured(result: "MetricDepth", written: "Written", *, seconds: float) -> Measured:
    """Return one photo measured and written.

    Args:
        result: the depth.
        written: where it is.
        seconds: it took.
    """
    return Measured(result, written.receipt, written.folder, seconds, passed_over=written.passed_over)


def report_of(result: "MetricDepth", commands: Sequence[str]) -> str:
    """Return the report of a result, to be written beside it, with the commands that made it."""
    from mfh.report.page import report_html

    return report_html(result, commands=commands)


class Meter:
    """Measures photos with one configuration; the models are loaded when the first readable photo needs them."""

    def __init__(
        self,
        config: Config,
        *,
        given: Given | None = None,
        max_pixels: int | None = None,
        save_evidence: bool = False,
        report: bool = False,
        formats: "Formats | None" = None,
    ) -> None:
        self.config = config
        self._given = given or Given()
        self._max_pixels = max_pixels
        self._save_evidence = save_evidence
        self._report = report
        self._formats = formats
        self._pipeline: MetricFromHuman | None = None
        self._shared_focal: SharedFocal | None = None

    def measure(self, place: "Place", progress: ProgressLine, *, commands: Sequence[str] = ()) -> Measured:
        """Measure one photo and write its depth, preview.png and receipt.json.

        Args:
            place: the picture file, and where the results go.
            progress: line that shows what is being done.
            commands: that measure this photo, for the files.

        Returns:
            The result and where it is.

        Raises:
            MfhError: when the photo, a model or the folder cannot be used, or no person in it gives a scale.
        """
        from mfh.io.photo import MAX_PIXELS, load_photo
        from mfh.viz.save import save_result

        started = time.perf_counter()
        progress.update("reading")
        limit = self._max_pixels if self._max_pixels is not None else MAX_PIXELS
        try:
            photo = load_photo(place.source, focal=self._given.focal, max_pixels=limit)
            photo = self._of_one_camera(photo)
            result, gathered = self._conclude(photo, progress)
            progress.update("writing")
            page = report_of(result, commands) if self._report else None
            written = save_result(
                place, result, gathered=gathered, report=page, formats=self._formats, commands=commands
            )
        except MemoryError as error:
            raise InputError(f"{place.source} needs more memory than there is: make it smaller") from error
        return measured(result, written, seconds=time.perf_counter() - started)

    def _conclude(self, photo: "Photo", progress: ProgressLine) -> "tuple[MetricDepth, Gathered | None]":
        """Return the result, and what it rests on where that is to be kept."""
        from mfh.pipeline.conclude import conclude
        from mfh.pipeline.request import Request

        given = self._given
        request = replace(given.request or Request(), progress=progress.update)
        if given.relative_depth is not None:
            from mfh.pipeline.own_depth import gather_with_relative_depth

            gathered = gather_with_relative_depth(photo, given.relative_depth, config=self.config, request=request)
        elif self._save_evidence:
            gathered = self._model().gather(photo, request)
        else:
            return self._model()(photo, request), None
        result = conclude(gathered, head=self.config.head, known=request.known)
        return result, gathered if self._save_evidence else None

    def _of_one_camera(self, photo: "Photo") -> "Photo":
        """Return the photo with the focal length of its camera, where it does not say its own."""
        paths = self._given.one_camera
        if not paths or photo.focal.source != "default-fov":
            return photo
        if self._shared_focal is None:
            from mfh.io.one_camera import shared_focal

            self._shared_focal = shared_focal(paths) or self._pooled_estimate(paths)
        return photo if self._shared_focal is None else self._shared_focal.given_to(photo)

    def _pooled_estimate(self, paths: Sequence[Path]) -> "SharedFocal | None":
        """Return one estimate for photos of one camera; None without a model that estimates focal lengths."""
        if self.config.field_of_view is None or (model := self._model().field_of_view) is None:
            return None
        from mfh.io.photo import load_photo
        from mfh.pipeline.inference import pooled_focal

        def readable() -> "Iterator[Photo]":
            for path in paths[:: -(-len(paths) // MOST_ESTIMATES)]:
                # One that cannot be read is reported when it is its turn.
                with suppress(InputError):
                    yield load_photo(path)

        return pooled_focal(readable(), model)

    def _model(self) -> "MetricFromHuman":
        if self._pipeline is None:
            from mfh.pipeline.pipeline import MetricFromHuman

            self._pipeline = MetricFromHuman.from_config(self.config)
        return self._pipeline
