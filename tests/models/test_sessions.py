"""The packaged networks' runtime: it keeps nothing of the user and tells nobody."""

import gc
import os
import shutil
import subprocess
import sys
import weakref

import pytest

from mfh.models.scene_kind import ENCODER
from mfh.models.sessions import cpu_session

pytestmark = pytest.mark.slow

_TRY = """
from pathlib import Path
from mfh.errors import WeightsError
from mfh.models.sessions import cpu_session
try:
    cpu_session(Path("nowhere.onnx"), "network")
except WeightsError as error:
    print(error)
"""


def test_nothing_is_written_into_the_users_folders(tmp_path):
    for name, cache in (("new", tmp_path / "cache"), ("a file", tmp_path / "file")):
        if name == "a file":
            cache.write_text("x")
        environment = {**os.environ, "XDG_CACHE_HOME": str(cache), "HOME": str(tmp_path / "home")}
        environment.pop("ORT_DISABLE_TELEMETRY", None)
        run = subprocess.run(
            [sys.executable, "-c", _TRY], env=environment, capture_output=True, text=True, check=False, timeout=120
        )
        assert run.stdout == "no network at nowhere.onnx: reinstall metric-from-human, the file is part of it\n"
        assert run.stderr == "", name
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]


def test_one_network_has_one_session_as_long_as_a_model_holds_it(tmp_path):
    copy = tmp_path / "scene.onnx"
    shutil.copy(ENCODER, copy)
    first = cpu_session(copy, "scene network")
    assert cpu_session(tmp_path / ".." / tmp_path.name / "scene.onnx", "scene network") is first
    assert cpu_session(ENCODER, "scene network") is not first
    gone = weakref.ref(first)
    os.utime(copy, (1, 1))
    assert cpu_session(copy, "scene network") is not first, "the file was written anew"
    del first
    gc.collect()
    assert gone() is None
