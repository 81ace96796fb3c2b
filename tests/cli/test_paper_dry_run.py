"""Preset ``paper`` from an empty machine to depth, as real commands: fetch, doctor, predict, against a hub of our own.

The hub serves tiny networks with random weights under the published names (tests/weights/paper_world.py); the body
model is put where the user would put it; torchvision has a stand-in (tests/weights/paper_command.py).
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("diffusers", reason="the hub's libraries are not installed: pip install -e '.[hub]'")

from tests.weights import paper_world  # noqa: E402
from tests.weights.fake_hub import COMMIT, PROXIES, FakeHub, serving  # noqa: E402

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[2]
FETCHED = ("depth-anything-v1-large", "mask_rcnn", "hmr2", "sd2")


class Machine:
    """A machine with a weights cache of its own, where commands are run as a user runs them."""

    def __init__(self, folder: Path, address: str, detector: bytes) -> None:
        self.folder, self.cache = folder, folder / "weights"
        site = folder / "site" / "torchvision-0.28.0.dist-info"
        site.mkdir(parents=True)
        (site / "METADATA").write_text("Metadata-Version: 2.1\nName: torchvision\nVersion: 0.28.0\n")
        hidden = {*PROXIES, "HF_HUB_OFFLINE", "MFH_OFFLINE", "TRANSFORMERS_OFFLINE", "MFH_SMPL", "MFH_HMR2"}
        self._environment = {name: value for name, value in os.environ.items() if name not in hidden} | {
            "PYTHONPATH": os.pathsep.join(map(str, (REPOSITORY / "src", REPOSITORY, site.parent))),
            "HF_ENDPOINT": address,
            "HF_HOME": str(folder / "huggingface"),
            "HF_HUB_DISABLE_XET": "1",
            "MASK_RCNN_SHA256": hashlib.sha256(detector).hexdigest(),
            "MASK_RCNN_URL": f"{address}/mask_rcnn.pth",
            "MFH_WEIGHTS": str(self.cache),
            "MFH_DEVICE": "cpu",
            # What preset pocket would fetch is not here either, and nothing beyond this machine is asked for.
            "PIP_NO_INDEX": "1",
        }

    def run(self, *words: object, **variables: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "tests.weights.paper_command", *map(str, words)]
        environment = self._environment | variables
        return subprocess.run(
            command, capture_output=True, text=True, cwd=self.folder, env=environment, check=False, timeout=600
        )


def paper_lines(doctor: str) -> list[str]:
    """Return what doctor says of preset paper."""
    lines = doctor.splitlines()
    begin = next(k for k, line in enumerate(lines) if line.startswith("  paper "))
    end = next(k for k in range(begin + 1, len(lines)) if not lines[k].startswith("   "))
    return [line.strip() for line in lines[begin:end]]


def test_from_an_empty_machine_to_depth_with_the_papers_preset(tmp_path):
    class Hub(FakeHub):
        asked: list[tuple[str, str, str]] = []

    detector = paper_world.detector_weights()
    Hub.repos = paper_world.repositories(tmp_path / "published")
    Hub.plain = {"/mask_rcnn.pth": detector}
    with serving(Hub) as address:
        machine = Machine(tmp_path, address, detector)

        doctor = machine.run("doctor")
        (by_user,) = [line for line in paper_lines(doctor.stdout) if line.startswith("only you can get ")]
        assert by_user.startswith("only you can get smpl: register at ") and "SMPL_NEUTRAL.pkl" in by_user
        assert str(machine.cache / "smpl") in by_user
        assert any(
            line.startswith(f"files missing: {', '.join(FETCHED)} (9.39 GB): mfh weights fetch --preset paper")
            for line in paper_lines(doctor.stdout)
        )
        assert not any("torchvision" in line for line in paper_lines(doctor.stdout))

        offline = machine.run("weights", "fetch", "--preset", "paper", HF_HUB_OFFLINE="1")
        assert offline.returncode == 2
        said, blocked, summary = offline.stderr.splitlines()
        assert said == f"mfh: {by_user}", "fetch says what doctor says"
        assert blocked.startswith("mfh: depth-anything-v1-large, hmr2, sd2 cannot be fetched (HF_HUB_OFFLINE is set):")
        assert "still needs smpl, depth-anything-v1-large, hmr2, sd2" in summary
        assert offline.stdout.splitlines()[-1] == f"mask_rcnn: in {machine.cache / 'mask_rcnn'}"

        fetched = machine.run("weights", "fetch", "--preset", "paper")
        assert fetched.returncode == 2 and "Traceback" not in fetched.stderr
        assert fetched.stderr.splitlines()[0] == f"mfh: {by_user}"
        assert "still needs smpl (see above): 'mfh doctor' says" in fetched.stderr.splitlines()[-1]
        assert "hmr2 is not the published network: its checkpoint states sizes of its own" in fetched.stderr
        rows = dict(line.split(": ", 1) for line in fetched.stdout.splitlines()[1:])
        assert tuple(rows) == FETCHED
        assert rows["sd2"].endswith("(safetensors)") and rows["depth-anything-v1-large"].endswith("(safetensors)")
        assert "(safetensors; converted from hmr2_data.tar.gz, sha256 " in rows["hmr2"]
        assert not list(machine.cache.rglob("*.bin")) and not list(machine.cache.rglob("*.fp16.*"))
        assert sorted(file.name for file in (machine.cache / "hmr2").iterdir()) == [
            "hmr2.safetensors",
            "mfh-weights.json",
        ]
        manifest = json.loads((machine.cache / "hmr2" / "mfh-weights.json").read_text())
        archive = Hub.repos[paper_world.MIRROR]["hmr2_data.tar.gz"]
        assert manifest["revision"] == COMMIT
        assert manifest["converted_from"] == [
            {
                "name": "hmr2_data.tar.gz",
                "size_bytes": len(archive),
                "sha256": hashlib.sha256(archive).hexdigest(),
            }
        ]
        assert not any("smpl" in path for _, path, _ in Hub.asked), "SMPL is not taken from a mirror"

        paper_world.smpl_file(machine.cache / "smpl")
        Hub.asked.clear()
        again = machine.run("weights", "fetch", "--preset", "paper")
        assert again.returncode == 0 and again.stderr == "" and again.stdout.count(": already in ") == 5
        assert not any("resolve" in path for _, path, _ in Hub.asked)

    # From here on the hub is gone.
    doctor = machine.run("doctor")
    state, *needs = paper_lines(doctor.stdout)
    assert state.split(maxsplit=2)[1:] == ["ok", "packages and model files are here; nothing was loaded to find out"]
    assert not [line for line in needs if "missing" in line or "cannot" in line or "only you" in line]

    noise = np.random.default_rng(0).integers(0, 255, (12, 16, 3), np.uint8)
    Image.fromarray(noise).resize((256, 192)).save(tmp_path / "photo.jpg")
    words = (
        "--paintings",
        "1",
        "--attempts",
        "3",
        "--steps",
        "10",
        "--seed",
        "2",
        "--fov-x-deg",
        "60",
        "--out",
        tmp_path / "out",
    )
    predicted = machine.run("predict", "photo.jpg", "--preset", "paper", *words)
    assert predicted.returncode == 0, predicted.stderr
    receipt = json.loads((tmp_path / "out" / "photo" / "receipt.json").read_text())
    assert receipt["preset"] == "paper" and receipt["models"] == {
        "relative_depth": "depth-anything-v1-large",
        "person_segmenter": "mask_rcnn",
        "human_mesh": "hmr2",
        "painter": "sd2 (steps 10)",
    }
    with np.load(tmp_path / "out" / "photo" / "depth.npz") as result:
        depth_m = result["depth_m"]
    assert depth_m.shape == (192, 256) and np.isfinite(depth_m).mean() > 0.5
    # The painted people are 1.7 m tall and fill nine tenths of the picture: 1.7 * 222 px / 0.81 / 173 px is 2.7 m.
    assert np.nanmedian(depth_m) == pytest.approx(2.7, rel=0.15)
    shutil.rmtree(tmp_path / "published")
