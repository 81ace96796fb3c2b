"""Metric depth from one photo, with people as the scale.

>>> from mfh import MetricFromHuman
>>> result = MetricFromHuman.from_preset("pocket")("photo.jpg")
>>> result.depth_m  # (height, width), metres
"""

# Not from typing, whose import takes longer than everything else here.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from mfh.errors import MfhError, NoLandmarkError
    from mfh.io.evidence import load_evidence, save_evidence
    from mfh.io.focal import FocalRequest
    from mfh.io.photo import load_photo, photo_from_array
    from mfh.io.read_depth import read_depth
    from mfh.pipeline.own_depth import metric_from_relative_depth
    from mfh.pipeline.pipeline import MetricFromHuman
    from mfh.pipeline.refit import refit
    from mfh.pipeline.request import Request
    from mfh.scale.known_sizes import KnownDistance, KnownHeight, KnownLength, KnownObject, KnownSizes
    from mfh.types import MetricDepth, Region, Segment

__version__ = "0.1.0"

__all__ = [
    "FocalRequest",
    "KnownDistance",
    "KnownHeight",
    "KnownLength",
    "KnownObject",
    "KnownSizes",
    "MetricDepth",
    "MetricFromHuman",
    "MfhError",
    "NoLandmarkError",
    "Region",
    "Request",
    "Segment",
    "load_evidence",
    "load_photo",
    "metric_from_relative_depth",
    "photo_from_array",
    "read_depth",
    "refit",
    "save_evidence",
]

# Where each public name lives. They are imported on first use, so that `import mfh` costs next to nothing.
_HOME = {
    **dict.fromkeys(("MfhError", "NoLandmarkError"), "mfh.errors"),
    **dict.fromkeys(("load_evidence", "save_evidence"), "mfh.io.evidence"),
    "FocalRequest": "mfh.io.focal",
    **dict.fromkeys(("load_photo", "photo_from_array"), "mfh.io.photo"),
    "read_depth": "mfh.io.read_depth",
    "metric_from_relative_depth": "mfh.pipeline.own_depth",
    "MetricFromHuman": "mfh.pipeline.pipeline",
    "refit": "mfh.pipeline.refit",
    "Request": "mfh.pipeline.request",
    **dict.fromkeys(
        ("KnownDistance", "KnownHeight", "KnownLength", "KnownObject", "KnownSizes"), "mfh.scale.known_sizes"
    ),
    **dict.fromkeys(("MetricDepth", "Region", "Segment"), "mfh.types"),
}


def __getattr__(name: str) -> object:
    """Import a public name on its first use (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module 'mfh' has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, imported or not."""
    return sorted({*globals(), *__all__})
