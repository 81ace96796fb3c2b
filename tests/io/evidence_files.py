"""Evidence on disk, to be changed by tests."""

import json

import numpy as np
import pytest

from mfh.io.evidence import save_evidence


@pytest.fixture
def stored(tmp_path, gathered):
    path = tmp_path / "evidence.npz"
    save_evidence(path, gathered)
    return path


def rewritten(path, **changes):
    """Write the file anew with some arrays changed, or dropped where None."""
    with np.load(path) as arrays:
        kept = {name: arrays[name] for name in arrays.files}
    kept |= changes
    np.savez_compressed(path, **{name: value for name, value in kept.items() if value is not None})


def redescribed(path, **changes):
    with np.load(path) as arrays:
        about = json.loads(str(arrays["about"]))
    rewritten(path, about=np.str_(json.dumps({**about, **changes})))
