"""Set up before any test imports the package: one thread, shape checks on, hypothesis without a clock."""

import os
from pathlib import Path

# Two threads are erratic on small machines, and the libraries read this when they are first imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import pytest
from hypothesis import HealthCheck, settings
from jaxtyping import install_import_hook

# Every jaxtyping annotation of the package is checked at run time under pytest, and costs nothing in use.
install_import_hook("mfh", "beartype.beartype")

settings.register_profile("mfh", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("mfh")

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of photos and reference numbers that is not part of the project; skips where it is absent."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("../shared/data is absent: it holds photos and reference numbers that are not in the repository")
    return folder
