"""Metric depth from one photo, with people as the scale.

>>> from mfh import MetricFromHuman
>>> result = MetricFromHuman.from_preset("pocket")("photo.jpg")
>>> result.depth_m  # (height, width), metres
"""

# Not from typing, whose import takes longer than everything else here.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from mfh.config import Config, HeadConfig, PaintingConfig, preset
    from mfh.errors import BackendError, InputError, MfhError, NoLandmarkError, Rejected, WeightsError
    from mfh.io.photo import load_photo
    from mfh.pipeline.pipeline import MetricFromHuman
    from mfh.types import (
        Camera,
        HumanMesh,
        Landmark,
        MetricDepth,
        MetricHead,
        Person,
        Photo,
        Region,
        RelativeDepth,
        Segment,
    )

__version__ = "0.1.0"

__all__ = [
    "BackendError",
    "Camera",
    "Config",
    "HeadConfig",
    "HumanMesh",
    "InputError",
    "Landmark",
    "MetricDepth",
    "MetricFromHuman",
    "MetricHead",
    "MfhError",
    "NoLandmarkError",
    "PaintingConfig",
    "Person",
    "Photo",
    "Region",
    "Rejected",
    "RelativeDepth",
    "Segment",
    "WeightsError",
    "load_photo",
    "preset",
]

# Where each public name lives. They are imported on first use, so that `import mfh` costs next to nothing.
_HOME = {
    **dict.fromkeys(("Config", "HeadConfig", "PaintingConfig", "preset"), "mfh.config"),
    **dict.fromkeys(
        ("BackendError", "InputError", "MfhError", "NoLandmarkError", "Rejected", "WeightsError"), "mfh.errors"
    ),
    **dict.fromkeys(
        (
            *("Camera", "HumanMesh", "Landmark", "MetricDepth", "MetricHead"),
            *("Person", "Photo", "Region", "RelativeDepth", "Segment"),
        ),
        "mfh.types",
    ),
    "MetricFromHuman": "mfh.pipeline.pipeline",
    "load_photo": "mfh.io.photo",
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
