"""Results whose depth is whatever a test wants: relative depth that is metric already, under a head that leaves it."""

from dataclasses import replace

import numpy as np
from numpy import ndarray

from mfh.types import MetricDepth, RelativeDepth


def with_depth(result: MetricDepth, depth_m: ndarray, **changes) -> MetricDepth:
    """The result with this depth, of the photo's size or smaller; NaN where there is none."""
    head = replace(result.head, scale=1.0, shift=0.0, space="depth")
    photo = changes.get("photo", result.photo)
    relative = RelativeDepth(depth_m.astype(np.float32), "depth", photo_shape=photo.pixels.shape[:2])
    return replace(result, relative=relative, head=head, max_depth_m=np.inf, **changes)
