"""What the server does with a photo, an earlier result, or two pixels: the steps of the pipeline, and the files."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from mfh.app.presets import Models
from mfh.app.schema import DepthOptions, MeasureRequest, RefitRequest
from mfh.app.store import Entry, Store, discard
from mfh.app.work import Check, Refusal
from mfh.errors import InputError, printable
from mfh.io.evidence import EVIDENCE_FILE, load_evidence
from mfh.io.focal import FocalRequest
from mfh.io.formats import Formats, formats_named
from mfh.io.json_text import plain_values
from mfh.io.photo import photo_from_bytes
from mfh.io.results import Place
from mfh.pipeline.conclude import conclude
from mfh.pipeline.refit import refit
from mfh.pipeline.request import OnPainting, Request
from mfh.pipeline.words import request_of
from mfh.report.page import report_html
from mfh.types import MetricDepth, Segment
from mfh.types.observations import Gathered
from mfh.types.summary import describe_length
from mfh.viz.save import save_result

_MOST_LETTERS = 80


@dataclass(frozen=True)
class Asked:
    """The options of a request, checked before a place in the queue is taken for it.

    Attributes:
        request: what is known of the photo, and asked of it.
        focal: focal length.
        formats: of the depth.
        report: whether the page is made.
        preset: whose models run; empty for another fit, which runs none.
    """

    request: Request
    focal: FocalRequest
    formats: Formats
    report: bool
    preset: str = ""


def asked(options: DepthOptions | RefitRequest, presets: Sequence[str] = ()) -> Asked:
    """Return the options of a request.

    Args:
        options: as they came.
        presets: names of those that are offered for a photo; the first counts where none is asked for.

    Raises:
        InputError: for a preset that is not offered, a word that is no size, region or length, a focal length no lens
            has, or an unknown format.
    """
    focal = FocalRequest(focal_px=options.focal_px, fov_x_deg=options.fov_x_deg, focal_35mm=options.focal_35mm)
    request = request_of(
        heights=options.person_height,
        distances=options.known_distance,
        lengths=options.known_length,
        objects=options.known_size,
        region=options.region,
        measure=options.measure,
    )
    name = ""
    if isinstance(options, DepthOptions):
        name = presets[0] if options.preset is None else options.preset
        if name not in presets:
            raise InputError(f"preset is {name!r}: expected one of {', '.join(presets)}")
    return Asked(request, focal, formats_named(options.formats), options.report, name)


def photo_name(name: str | None) -> str:
    """Return what a photo is called: the last part of a name from outside, in one line of bounded length.

    Args:
        name: with any path before it; None where none was given.
    """
    last = PurePosixPath(printable(name or "").replace("\\", "/")).name
    return last[-_MOST_LETTERS:] if last.strip(". ") else "photo"


@dataclass(frozen=True)
class Desk:
    """Does the work of requests, on the models' thread.

    Attributes:
        models: run on photos.
        store: where results are kept.
    """

    models: Models
    store: Store

    def depth(
        self,
        data: bytes,
        name: str,
        given: Asked,
        options: DepthOptions,
        check: Check,
        *,
        on_painting: OnPainting | None = None,
    ) -> tuple[Entry, dict[str, object]]:
        """Measure a photo, and keep its files.

        Args:
            data: of the picture file.
            name: what it is called.
            given: the options, checked.
            options: the same as they came.
            check: called between steps.
            on_painting: called after each painting.

        Returns:
            The result, and its receipt.

        Raises:
            Refusal: where the models of the preset are not here.
            MfhError: for a photo, a size or a length that cannot be used, or no scale in it.
        """
        photo = photo_from_bytes(data, name=name, focal=given.focal)
        request = replace(given.request, progress=check, on_painting=on_painting)
        gathered = self.models.gather(photo, request, preset=given.preset, people=options.people, seed=options.seed)
        check()
        result = conclude(gathered, head=self.models.configs[given.preset].head, known=request.known)
        check()
        return self._kept(result, given, lambda folder: self._write(folder, result, given, gathered, check))

    def refit(
        self, entry: Entry, given: Asked, exclude: Sequence[int], check: Check
    ) -> tuple[Entry, dict[str, object]]:
        """Fit a kept result again, without a model, and keep that beside it.

        Args:
            entry: the result.
            given: the options, checked.
            exclude: numbers of landmarks that do not count.
            check: called between steps.

        Returns:
            The new result, and its receipt.

        Raises:
            MfhError: for options that cannot be used with this photo.
        """
        gathered = _evidence(entry)
        result = refit(gathered, given.request, focal=given.focal, exclude=exclude)
        check()
        # The evidence as it was, so that the new result can be fitted again, and measured in, too.
        return self._kept(
            result, given, lambda folder: self._write(folder, result, given, gathered, check), exclude=tuple(exclude)
        )

    def measure(self, entry: Entry, asked_for: MeasureRequest, check: Check) -> dict[str, object]:
        """Return the length between two pixels of a kept result, as ``--measure`` does.

        Args:
            entry: the result.
            asked_for: the pixels.
            check: called between steps.

        Raises:
            InputError: for pixels outside the photo, or twice the same.
        """
        segment = Segment(asked_for.start_xy, asked_for.end_xy)
        gathered = _evidence(entry)
        check()
        request = Request(known=entry.known, lengths=(segment,))
        (length,) = refit(gathered, request, focal=entry.focal, exclude=entry.exclude).lengths
        document = {
            "start_xy": segment.start_xy,
            "end_xy": segment.end_xy,
            "metres": length.metres,
            "level_80_m": length.level_80,
            "level_95_m": length.level_95,
            "text": describe_length(length),
        }
        return {key: plain_values(value) for key, value in document.items()}

    def _kept(
        self,
        result: MetricDepth,
        given: Asked,
        write: Callable[[Path], dict[str, object]],
        *,
        exclude: tuple[int, ...] = (),
    ) -> tuple[Entry, dict[str, object]]:
        folder = self.store.new_folder()
        try:
            receipt = write(folder)
            entry = self.store.add(folder, receipt, known=given.request.known, focal=given.focal, exclude=exclude)
        except BaseException:
            discard(folder)
            raise
        return entry, receipt

    def _write(
        self, folder: Path, result: MetricDepth, given: Asked, gathered: Gathered, check: Check
    ) -> dict[str, object]:
        page = report_html(result) if given.report else None
        check()
        name = result.photo.name
        # Called by its name alone: receipts hold the path otherwise.
        place = Place(folder, Path(photo_name(name)), exact=True, called=name)
        try:
            return save_result(place, result, gathered=gathered, report=page, formats=given.formats).receipt
        except InputError as error:
            if isinstance(error.__cause__, OSError):
                raise Refusal(503, "the results cannot be written here: the server has no room") from error
            raise


def _evidence(entry: Entry) -> Gathered:
    """Return what models found in the photo of a result.

    Raises:
        Refusal: where the result is gone meanwhile.
    """
    try:
        return load_evidence(entry.folder / EVIDENCE_FILE)
    except InputError as error:
        raise Refusal(404, "no such result: it was removed, or its time is over") from error
