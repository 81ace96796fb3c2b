"""What the published code fits on six made-up paintings, and the pixels it fits it to."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from mfh.landmarks.alignment import Alignment, align_paintings


def read_published_fit(
    shared_data: Path,
) -> tuple[Mapping[str, np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Return the published results, and relative depth, metres and image of all pixels with pseudo ground truth."""
    published = np.load(shared_data / "published_fit" / "fit.npz")
    alignments = align_paintings(published["relative_painted"], published["relative"], published["paint_mask"])
    relative, depth_m, image = [], [], []
    for n, alignment in enumerate(alignments):
        assert isinstance(alignment, Alignment)
        is_person = published["pseudo_mask"][n]
        relative.append(alignment.apply(published["relative_painted"][n][is_person]))
        depth_m.append(published["pseudo_depth"][n][is_person])
        image.append(np.full(is_person.sum(), n))
    pixels = np.concatenate(relative), np.concatenate(depth_m), np.concatenate(image)
    return published, pixels
