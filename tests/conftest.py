"""Set up before any test imports the package: one thread, shape checks on, hypothesis without a clock."""

import atexit
import builtins
import os
import shutil
import tempfile
import threading
from pathlib import Path

# Two threads are erratic on small machines, and the libraries read this when they are first imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("MFH_OFFLINE", "1")
# What the hub's library keeps of the user's is not the tests': they make their own.
os.environ["HF_HOME"] = tempfile.mkdtemp(prefix="mfh-tests-hub-")

import pytest
from hypothesis import HealthCheck, settings
from jaxtyping import install_import_hook

atexit.register(shutil.rmtree, os.environ["HF_HOME"], ignore_errors=True)

# Every jaxtyping annotation is checked at run time under pytest, and costs nothing in use. The pocket world is left
# out: numba compiles its kernels and cannot see through the checks.
install_import_hook(["mfh", "mfh_lab.evaluation", "mfh_lab.paper", "mfh_lab.cli"], "beartype.beartype")

# The hook compiles syntax trees, and Python 3.11 counts their depth for all threads together: models that are loaded at
# the same time, each importing its module, then fail by chance.
_compile, _one_at_a_time = builtins.compile, threading.RLock()


def _compile_alone(*args, **options):
    with _one_at_a_time:
        return _compile(*args, **options)


builtins.compile = _compile_alone

settings.register_profile("mfh", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("mfh")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of photos and reference numbers that is not part of the project; skips where it is absent."""
    from tests.photos import SHARED

    if not SHARED.is_dir():
        pytest.skip("../shared/data is absent: it holds photos and reference numbers that are not in the repository")
    return SHARED


@pytest.fixture
def metric_depth():
    """A small made-up result: one person used, one rejected, a quarter of the pixels without depth."""
    from tests.made_up import made_up_result

    return made_up_result()


@pytest.fixture
def gathered(metric_depth):
    """What models may have said about the made-up photo: one person in it of two measured, and three painted ones."""
    from tests.made_up import made_up_gathered

    return made_up_gathered(metric_depth)


@pytest.fixture
def painting(metric_depth):
    """A made-up painting in which nobody was found."""
    from tests.made_up import made_up_painting

    return made_up_painting(metric_depth)


@pytest.fixture
def floor_world():
    """Make a room with flat people at some distances."""
    from tests.flat_world import FloorWorld

    return FloorWorld


@pytest.fixture(scope="session")
def browser():
    """One browser for all tests (Playwright runs once in a process); they skip where the machine has none."""
    playwright = pytest.importorskip("playwright.sync_api")
    from tests.browser import ARGUMENTS, chromium_path

    path = chromium_path()
    if path is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium, or name one in CHROMIUM")
    with playwright.sync_playwright() as running:
        launched = running.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield launched
        launched.close()
