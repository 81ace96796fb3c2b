"""Stand-ins for packages of metric depth: the same names, signatures, units and shapes, and a scene they know.

Each sees the scene of :mod:`tests.lab.evaluation.methods.stand_ins.scene` by its colours, and answers for the focal
length that reaches it: for its own estimate where none does, which is 1.25 times the true one. They check the layout,
order and range of the colours, and hold none of the packages' code.
"""

import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
PACKAGES = ("moge", "depth_pro", "unidepth", "unik3d", "depth_anything_3", "metric3d")
_MODULES = ("moge", "depth_pro", "unidepth", "unik3d", "depth_anything_3", "mono", "hubconf")


def install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make all of them importable until the test ends."""
    for package in PACKAGES:
        monkeypatch.syspath_prepend(str(FOLDER / package))
    forget(monkeypatch)


def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have them imported anew, and what the test imports forgotten when it ends."""
    for name in [*sys.modules]:
        if name.partition(".")[0] in _MODULES:
            monkeypatch.delitem(sys.modules, name)
