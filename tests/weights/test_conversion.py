"""HMR 2.0 from its mirror, converted in one step, and commits that are kept from the first fetch on."""

import hashlib
import io
import json
import os
import shutil
from pathlib import Path

import pytest

from mfh.cli.main import main
from mfh.errors import BackendError, WeightsError
from mfh.models.fetching import fetch_model
from mfh.weights import store as weights
from mfh.weights.absent import absent_of
from mfh.weights.manifest import MANIFEST, read_manifest
from tests.models.human_mesh.hmr2_fixtures import TINY, random_network, save_training_checkpoint
from tests.weights.fake_hub import COMMIT, fake_hub

__all__ = ["fake_hub"]

MIRROR = "camenduru/4D-Humans"
CHECKPOINT = "train/multiruns/hmr2/0/checkpoints/epoch=35-step=1000000.ckpt"
LATER = "f" * 40


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> bytes:
    """The checkpoint."""
    state = dict(random_network(TINY).state_dict())
    return save_training_checkpoint(state, tmp_path_factory.mktemp("a") / "a.ckpt", sizes=TINY).read_bytes()


@pytest.fixture
def mirror(fake_hub, published, monkeypatch) -> type:
    """A hub with the mirror on it."""
    monkeypatch.delenv("MFH_HMR2", raising=False)
    files = {"README.md": b"x", "smpl/SMPL_NEUTRAL.pkl": b"x", CHECKPOINT: published, "hmr2_data.tar.gz": b"not read"}
    monkeypatch.setattr(fake_hub, "repos", {MIRROR: files})
    return fake_hub


def fetch(name: str = "hmr2", **options: bool) -> Path:
    steps: list[tuple[str, float]] = []
    folder = fetch_model(name, progress=lambda *step: steps.append(step), **options)
    assert all(0 <= fraction <= 1 for _, fraction in steps)
    return folder


def here() -> list[str]:
    """Return all files of the weights cache."""
    cache = weights.cache_folder()
    return sorted(path.relative_to(cache).as_posix() for path in cache.rglob("*") if path.is_file())


def asked_for(hub: type, what: str) -> list[str]:
    return [path for command, path, _ in hub.asked if command == "GET" and what in path]


def test_the_checkpoint_is_fetched_converted_and_recorded(mirror, published):
    folder = fetch()
    assert folder == weights.folder_of("hmr2").folder and here() == ["hmr2/hmr2.safetensors", f"hmr2/{MANIFEST}"]
    manifest = read_manifest(folder)
    assert manifest.name == "hmr2" and manifest.revision == COMMIT
    (source,) = manifest.converted_from
    assert (source.name, source.size_bytes) == (CHECKPOINT, len(published))
    assert source.sha256 == hashlib.sha256(published).hexdigest()
    assert asked_for(mirror, "resolve") == [f"/{MIRROR}/resolve/{COMMIT}/{CHECKPOINT.replace('=', '%3D')}"]
    assert weights.verify("hmr2") and weights.require("hmr2") == folder
    assert weights.version_of("hmr2") == f"commit {COMMIT[:12]} of the first fetch"
    mirror.asked.clear()
    assert fetch() == folder and mirror.asked == []


def test_an_interrupted_download_resumes_and_is_not_taken_for_the_model(mirror):
    mirror.cut_after = 300_000
    with pytest.raises(WeightsError, match="broke off .*run 'mfh weights fetch hmr2' again"):
        fetch()
    assert not weights.is_here("hmr2") and not weights.folder_of("hmr2").folder.exists()
    mirror.cut_after = None
    mirror.asked.clear()
    fetch()
    (wanted,) = [wanted for command, path, wanted in mirror.asked if command == "GET" and "resolve" in path]
    assert wanted == "bytes=300000-" and here() == ["hmr2/hmr2.safetensors", f"hmr2/{MANIFEST}"]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"README.md": b"x", "smpl/SMPL_NEUTRAL.pkl": b"x"}, "has no epoch=35.*only README.md, smpl/SMPL_NEUTRAL.pkl"),
        ({"a.ckpt": b"x", "b.ckpt": b"y"}, "has 2 files that may be the HMR 2.0 checkpoint"),
        ({CHECKPOINT: b"<html>"}, "is not a checkpoint"),
        ({"hmr2_data.tar.gz": b"\x1f\x8bnot an archive"}, "hmr2_data.tar.gz is damaged"),
    ],
)
def test_a_mirror_without_the_checkpoint_is_one_line_and_leaves_nothing(mirror, monkeypatch, files, message):
    monkeypatch.setattr(mirror, "repos", {MIRROR: files})
    with pytest.raises(WeightsError, match=message) as caught:
        fetch()
    assert "\n" not in str(caught.value) and here() == []


def test_a_checkpoint_that_would_run_something_is_refused_and_not_kept(mirror, monkeypatch, capsys):
    import torch

    class Bomb:
        def __reduce__(self):
            return print, ("ran",)

    stream = io.BytesIO()
    torch.save({"state_dict": {}, "hyper_parameters": {"cfg": Bomb()}}, stream)
    monkeypatch.setattr(mirror, "repos", {MIRROR: {CHECKPOINT: stream.getvalue()}})
    with pytest.raises(WeightsError, match=r"wants to load __builtin__\.print, which is no part of a model: refused"):
        fetch()
    assert here() == [] and "ran" not in capsys.readouterr().out


def test_a_damaged_network_is_fetched_at_the_commit_of_the_first_fetch(mirror):
    folder = fetch()
    file = folder / "hmr2.safetensors"
    file.write_bytes(file.read_bytes()[:-1])
    mirror.main = LATER
    with pytest.raises(WeightsError, match="is missing, or not whole: run 'mfh weights fetch hmr2' to get it again"):
        weights.require("hmr2")
    mirror.asked.clear()
    assert fetch() == folder
    assert asked_for(mirror, "/api/models/") == [f"/api/models/{MIRROR}/revision/{COMMIT}?blobs=true"]
    assert read_manifest(folder).revision == COMMIT and weights.verify("hmr2")
    kept = folder.with_name("hmr2.replaced-1")
    assert (kept / "hmr2.safetensors").is_file(), "what is damaged is kept beside"


def test_the_users_own_network_stays(mirror, capsys):
    folder = weights.folder_of("hmr2").folder
    folder.mkdir(parents=True)
    (folder / "hmr2.safetensors").write_bytes(b"mine")
    assert main(["weights", "fetch", "hmr2"]) == 0
    assert "already in" in capsys.readouterr().out and mirror.asked == []
    assert (folder / "hmr2.safetensors").read_bytes() == b"mine"
    (folder / "hmr2.safetensors").rename(folder / "other.safetensors")
    with pytest.raises(WeightsError, match=r"holds other\.safetensors, which this would replace .*--replace"):
        fetch()
    fetch(replace=True)
    assert (folder.with_name("hmr2.replaced-1") / "other.safetensors").read_bytes() == b"mine"


def test_a_place_the_user_named_is_not_filled(mirror, monkeypatch, tmp_path):
    monkeypatch.setenv("MFH_HMR2", str(tmp_path / "mine.safetensors"))
    with pytest.raises(WeightsError, match=r"not in .*mine\.safetensors, which MFH_HMR2 names: unset it"):
        fetch()
    assert mirror.asked == []


def test_the_hub_librarys_cache_serves_without_a_network(mirror, monkeypatch, tmp_path):
    library = pytest.importorskip("huggingface_hub")
    cache = tmp_path / "huggingface" / "hub"
    library.snapshot_download(MIRROR, allow_patterns=["*.ckpt"], endpoint=os.environ["HF_ENDPOINT"], cache_dir=cache)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    mirror.asked.clear()
    absent = absent_of(["hmr2", "sd2", "smpl", "mask_rcnn"])
    assert absent.out_of_reach == ("sd2",) and absent.fetchable == ("hmr2", "mask_rcnn") and absent.by_user == ("smpl",)
    folder = fetch()
    manifest = read_manifest(folder)
    assert manifest.revision == COMMIT and manifest.converted_from[0].name == CHECKPOINT and mirror.asked == []
    shutil.rmtree(folder)
    shutil.rmtree(tmp_path / "huggingface")
    with pytest.raises(WeightsError, match="hmr2 cannot be fetched .HF_HUB_OFFLINE is set.: unset it, or use"):
        fetch()


def test_without_torch_nothing_is_downloaded(mirror, monkeypatch):
    from mfh.models.human_mesh import hmr2_source

    monkeypatch.setattr(hmr2_source, "find_spec", lambda name: None if name == "torch" else name)
    with pytest.raises(BackendError, match=r"needs the package 'torch': pip install 'metric-from-human\[hub\]'"):
        fetch()
    assert mirror.asked == []


def test_a_disk_without_room_for_both_forms_is_told_before_the_download(mirror, monkeypatch, published):
    from mfh.weights import hub_download

    # Room for the download, but not for what it becomes.
    monkeypatch.setattr(hub_download, "free_bytes", lambda folder: 2 * len(published))
    with pytest.raises(WeightsError, match=r"hmr2 needs 0\.00 GB and .* has 0\.00 GB free"):
        fetch()
    assert asked_for(mirror, "resolve") == []


def test_where_it_came_from_is_carried_to_another_machine(mirror, tmp_path, monkeypatch):
    fetch()
    assert main(["weights", "export", str(tmp_path / "carry"), "hmr2"]) == 0
    monkeypatch.setenv("MFH_WEIGHTS", str(tmp_path / "there"))
    assert main(["weights", "import", str(tmp_path / "carry")]) == 0
    manifest = read_manifest(weights.folder_of("hmr2").folder)
    assert manifest.revision == COMMIT and manifest.converted_from[0].name == CHECKPOINT


def test_a_model_that_follows_a_branch_keeps_to_the_commit_of_its_first_fetch(fake_hub, monkeypatch, capsys):
    from tests.weights.fake_hub import FILES

    assert weights.CATALOG["zoedepth"].hub.revision is None
    monkeypatch.setattr(fake_hub, "repos", {"Intel/zoedepth-nyu-kitti": FILES})
    folder = fetch("zoedepth")
    assert read_manifest(folder).revision == COMMIT
    (folder / "config.json").write_text("{}")
    fake_hub.main = LATER
    fake_hub.asked.clear()
    fetch("zoedepth")
    assert read_manifest(folder).revision == COMMIT and weights.verify("zoedepth")
    assert all(COMMIT in path for path in asked_for(fake_hub, "zoedepth"))
    assert main(["weights", "list"]) == 0
    row = next(line for line in capsys.readouterr().out.splitlines() if str(folder) in line)
    assert f"commit {COMMIT[:12]} of the first fetch, safetensors)" in row
    # What the user names follows what they name.
    assert read_manifest(fetch("hf:org/name")).revision == LATER
    # A commit that is gone is told as such.
    (folder / "config.json").write_text("{}")
    monkeypatch.setattr(fake_hub, "repos", {})
    with pytest.raises(WeightsError, match="hf:Intel/zoedepth-nyu-kitti@0123456789ab.* is not on|no longer on"):
        fetch("zoedepth")


def test_an_old_manifest_is_read_and_a_foreign_list_of_sources_is_not(tmp_path):
    entry = {"name": "a", "size_bytes": 1, "sha256": "0" * 64}
    content = {"name": "hmr2", "revision": "1", "files": [entry]}
    (tmp_path / MANIFEST).write_text(json.dumps(content))
    assert read_manifest(tmp_path).converted_from == ()
    for odd in ([{**entry, "name": "../a"}], 5, [5], "x"):
        (tmp_path / MANIFEST).write_text(json.dumps({**content, "converted_from": odd}))
        with pytest.raises(WeightsError, match=f"{MANIFEST} is damaged"):
            read_manifest(tmp_path)
