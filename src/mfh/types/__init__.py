"""The values that travel between stages: frozen dataclasses with named shapes and units.

Conventions, held everywhere: images are (height, width); RGB is float32 in [0, 1]; depth is z in metres along the
optical axis; cameras are OpenCV's (x right, y down, z forward) and an integer pixel coordinate is a pixel *centre*.
"""

from mfh.types.answer import (
    KnownSize,
    LogSigmaCurve,
    MeasuredPainting,
    MetricDepth,
    MetricHead,
    Note,
)
from mfh.types.people import (
    SCALE_PRIOR,
    DetectedObject,
    Evidence,
    EvidenceKind,
    HumanMesh,
    Landmark,
    Person,
    PoseLandmarks,
    PseudoGroundTruth,
    Verdict,
    ViewSize,
    any_used,
    kinds_of_landmarks,
    used_landmarks,
)
from mfh.types.pictures import (
    Camera,
    FocalProvenance,
    FocalSource,
    LogRange,
    PaintedPhoto,
    PastedSprite,
    Photo,
    Proposal,
    Region,
    RelativeDepth,
    Segment,
    Space,
)
from mfh.types.uncertainty import CommonErrors, MeasuredLength, RegionDepth, ScaleInterval

__all__ = [
    "SCALE_PRIOR",
    "Camera",
    "CommonErrors",
    "DetectedObject",
    "Evidence",
    "EvidenceKind",
    "FocalProvenance",
    "FocalSource",
    "HumanMesh",
    "KnownSize",
    "Landmark",
    "LogRange",
    "LogSigmaCurve",
    "MeasuredLength",
    "MeasuredPainting",
    "MetricDepth",
    "MetricHead",
    "Note",
    "PastedSprite",
    "PaintedPhoto",
    "Person",
    "Photo",
    "PoseLandmarks",
    "Proposal",
    "PseudoGroundTruth",
    "Region",
    "RegionDepth",
    "RelativeDepth",
    "ScaleInterval",
    "Segment",
    "Space",
    "Verdict",
    "ViewSize",
    "any_used",
    "kinds_of_landmarks",
    "used_landmarks",
]
