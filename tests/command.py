"""The command line with a stand-in for the models: what it prints and writes does not depend on the networks."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mfh.config import Config
from mfh.errors import NoLandmarkError
from tests.made_up import with_depth


@dataclass(frozen=True)
class Run:
    """What one command did."""

    code: int
    out: str
    err: str

    @property
    def error_line(self) -> str:
        lines = self.err.splitlines()
        assert len(lines) == 1, f"expected one line on stderr, got {self.err!r}"
        assert lines[0].startswith("mfh: ")
        return lines[0]


@pytest.fixture
def run_mfh(capfd) -> Callable[..., Run]:
    """Run the command line in this process."""
    from mfh.cli.main import main

    def run(*words: object) -> Run:
        capfd.readouterr()
        code = main([str(word) for word in words])
        captured = capfd.readouterr()
        return Run(code=code, out=captured.out, err=captured.err)

    return run


@pytest.fixture
def fake_pipeline(monkeypatch, metric_depth, gathered) -> list[Config]:
    """Replace the models: every photo has somebody in it, unless its name says "nobody"; returns what was asked for."""
    import mfh.pipeline.pipeline

    asked: list[Config] = []

    class FakePipeline:
        @classmethod
        def from_config(cls, config: Config, **_models):
            asked.append(config)
            return cls()

        def __call__(self, photo, _request):
            if "nobody" in photo.name:
                raise NoLandmarkError("nobody was found: give --people paint", tried=("people in the photo: 0 found",))
            height, width = photo.pixels.shape[:2]
            depth_m = np.linspace(1, 9, height * width, dtype=np.float32).reshape(height, width)
            return with_depth(metric_depth, depth_m, photo=photo)

        def gather(self, photo, _request):
            return replace(gathered, photo=photo)

    monkeypatch.setattr(mfh.pipeline.pipeline, "MetricFromHuman", FakePipeline)
    return asked


@pytest.fixture
def photo_path(tmp_path) -> Path:
    """A small picture file."""
    path = tmp_path / "photo.jpg"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)).save(path)
    return path


@pytest.fixture
def evidence_path(tmp_path, gathered) -> Path:
    """What models said about a photo, in a file."""
    from mfh.io.evidence import save_evidence

    path = tmp_path / "photo" / "evidence.npz"
    path.parent.mkdir()
    save_evidence(path, gathered)
    return path
