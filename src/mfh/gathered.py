"""Everything the models said about one photo: it lies between them and the answer, and can be kept in a file."""

from dataclasses import dataclass, field

from mfh.types import Evidence, MeasuredPainting, Photo, Region, RelativeDepth, Segment


@dataclass(frozen=True)
class Gathered:
    """Everything the models said about one photo.

    Attributes:
        photo: the photo.
        relative: its relative depth.
        evidence: of the photo and of every painting, in order; relative depths aligned to the photo's.
        preset: name of the configuration that ran.
        models: role -> model name.
        seed: seed of the painting loop.
        attempts: painting attempts made.
        ended_by: why painting ended; empty where nobody was painted.
        shared_log_sigma: error of log metres that all people have alike.
        shape_log_sigma: error of the relative depth's shape.
        provenance: the painter's sentence about its sense of size; empty where nobody was painted.
        max_depth_m: farther answers are not valid.
        seconds: stage -> wall seconds.
        region: where metres are wanted most; None for the whole photo.
        lengths: what is to be measured in it.
        paintings: every painting made, in order, with the verdicts known so far; empty unless they are kept.
    """

    photo: Photo
    relative: RelativeDepth
    evidence: tuple[Evidence, ...]
    preset: str
    models: dict[str, str]
    seed: int
    attempts: int
    ended_by: str
    shared_log_sigma: float
    shape_log_sigma: float
    provenance: str
    max_depth_m: float
    seconds: dict[str, float] = field(default_factory=dict)
    region: Region | None = None
    lengths: tuple[Segment, ...] = ()
    paintings: tuple[MeasuredPainting, ...] = ()
