"""The packaged networks' runtime: it keeps nothing of the user and tells nobody."""

import os
import subprocess
import sys

import pytest

from mfh.models.sessions import cpu_session  # noqa: F401  what the process below imports is there

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
