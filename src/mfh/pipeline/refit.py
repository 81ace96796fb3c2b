"""Another answer from kept evidence, without any model: another focal length, head or known size, or fewer people."""

from collections.abc import Sequence
from dataclasses import replace

from mfh.config import PRESETS, HeadConfig, HeadKind
from mfh.errors import InputError
from mfh.io.exif import ExifFacts
from mfh.io.focal import FocalRequest, choose_camera
from mfh.pipeline.conclude import conclude, with_camera
from mfh.pipeline.request import Request, check_is_request
from mfh.types import MetricDepth
from mfh.types.observations import Gathered


def refit(
    gathered: Gathered,
    request: Request = Request(),
    *,
    focal: FocalRequest | None = None,
    head: HeadKind | None = None,
    exclude: Sequence[int] = (),
) -> MetricDepth:
    """Fit the scale of a photo again.

    Args:
        gathered: from :func:`mfh.load_evidence` or :meth:`mfh.MetricFromHuman.gather`.
        request: known sizes, a region, lengths to measure; a region and lengths asked for before stay where none is.
        focal: another focal length; None keeps the photo's.
        head: another fit; None keeps that of the preset that ran.
        exclude: people who must not count, by their number on the receipt.

    Returns:
        Metric depth, as the models would have given it with these settings: exact for people of known size, and for
        measured bodies up to the perspective of the body itself.

    Raises:
        NoLandmarkError: where no person and no known size is left.
        InputError: for a focal length, known size, region, length or number that cannot be used.
    """
    check_is_request(request)
    if not isinstance(gathered, Gathered):
        raise InputError(f"the evidence is a {type(gathered).__name__}: expected load_evidence('evidence.npz')")
    if focal is not None and focal != FocalRequest():
        old = gathered.photo.camera
        gathered = with_camera(gathered, *choose_camera(focal, ExifFacts(), width=old.width, height=old.height))
    gathered = replace(
        gathered,
        region=request.region or gathered.region,
        lengths=tuple(request.lengths) or gathered.lengths,
    )
    usual = PRESETS[gathered.preset].head if gathered.preset in PRESETS else HeadConfig()
    chosen = usual if head is None else replace(usual, kind=head)
    return conclude(gathered, head=chosen, known=request.known, exclude=exclude)
