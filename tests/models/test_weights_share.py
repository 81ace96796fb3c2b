"""Models carried in a folder: what arrives is what was sent, or nothing."""

import json
from pathlib import Path

import pytest

from mfh.errors import InputError, WeightsError
from mfh.io.contents import file_sha256
from mfh.models import weights
from mfh.models.hub import Source, cached_folder
from mfh.models.weights_manifest import MANIFEST, ListedFile, Manifest, write_manifest
from mfh.models.weights_share import carried_names, export_weights, import_weights


def _write(folder: Path, **files: bytes) -> None:
    for name, content in files.items():
        file = folder / name.replace("__", "/").replace("_json", ".json").replace("_st", ".safetensors")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


@pytest.fixture
def here(tmp_path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with a repository in the hub library's cache, as links, and two in the weights cache."""
    monkeypatch.setenv("MFH_WEIGHTS", str(tmp_path / "here"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "huggingface"))
    repo = tmp_path / "huggingface" / "hub" / "models--Intel--zoedepth-nyu-kitti"
    _write(repo / "blobs", first=b"network" * 100, second=b"{}")
    snapshot = repo / "snapshots" / "c0ffee"
    snapshot.mkdir(parents=True)
    (snapshot / "model.safetensors").symlink_to(repo / "blobs" / "first")
    (snapshot / "config.json").symlink_to(repo / "blobs" / "second")
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text("c0ffee")
    sd2 = cached_folder(Source(repo="sd2-community/stable-diffusion-2-inpainting"))
    _write(sd2, model_index_json=b"{}", unet__x_st=b"unet" * 50)
    other = cached_folder(Source(repo="org/name"))
    _write(other, config_json=b"{}")
    for folder, name in ((sd2, "sd2"), (other, "hf:org/name")):
        files = [file for file in folder.rglob("*") if file.is_file()]
        listed = [ListedFile(f.relative_to(folder).as_posix(), f.stat().st_size, file_sha256(f)) for f in files]
        write_manifest(folder, Manifest(name, "abc", tuple(listed)))
    return tmp_path


def test_what_is_exported_arrives(here, monkeypatch):
    assert carried_names() == ["sd2", "zoedepth"]
    target = here / "carry"
    folders = export_weights(["sd2", "zoedepth", "hf:org/name"], target)
    assert [folder.name for folder in folders] == ["sd2", "zoedepth", "org--name"]
    assert sorted(place.name for place in target.iterdir()) == ["org--name", "sd2", "zoedepth"]
    assert not (target / "zoedepth" / "config.json").is_symlink()
    assert json.loads((target / "zoedepth" / MANIFEST).read_text())["revision"] == "c0ffee"

    monkeypatch.setenv("MFH_WEIGHTS", str(here / "there"))
    monkeypatch.setenv("HF_HOME", str(here / "nothing"))
    assert not weights.installed("sd2") and not weights.installed("zoedepth")
    assert sorted(import_weights(target)) == ["hf:org/name", "sd2", "zoedepth"]
    assert weights.verify("sd2") and weights.verify("zoedepth")
    assert (weights.require("sd2") / "unet" / "x.safetensors").read_bytes() == b"unet" * 50
    assert (weights.require("zoedepth") / "model.safetensors").read_bytes() == b"network" * 100
    assert (cached_folder(Source(repo="org/name")) / "config.json").is_file()
    # One model of the folder can be named too.
    assert import_weights(target / "sd2") == ["sd2"]


def test_a_byte_that_changed_on_the_way_is_found_and_nothing_is_put_in_place(here, monkeypatch):
    (folder,) = export_weights(["sd2"], here / "carry")
    file = folder / "unet" / "x.safetensors"
    file.write_bytes(b"v" + file.read_bytes()[1:])
    monkeypatch.setenv("MFH_WEIGHTS", str(here / "there"))
    with pytest.raises(WeightsError, match=r"x\.safetensors has sha256 .*, expected .*: export it again"):
        import_weights(here / "carry")
    file.unlink()
    with pytest.raises(WeightsError, match=r"x\.safetensors is missing"):
        import_weights(here / "carry")
    assert not (here / "there").exists()


def test_a_manifest_from_elsewhere_cannot_reach_outside_its_folder(here):
    (folder,) = export_weights(["sd2"], here / "carry")
    tree = json.loads((folder / MANIFEST).read_text())
    for name in ("../../escape", "/etc/escape", "..\\escape", "C:escape"):
        tree["files"][0]["name"] = name
        (folder / MANIFEST).write_text(json.dumps(tree))
        with pytest.raises(WeightsError, match="expected plain names inside the folder"):
            import_weights(here / "carry")


def test_files_that_are_not_the_tables_are_refused_whatever_their_manifest_says(here, monkeypatch):
    folder = here / "carry" / "blazepose"
    _write(folder, **{"pose_detection.tflite": b"other"})
    file = folder / "pose_detection.tflite"
    write_manifest(folder, Manifest("blazepose", "1", (ListedFile(file.name, 5, file_sha256(file)),)))
    monkeypatch.setenv("MFH_WEIGHTS", str(here / "there"))
    with pytest.raises(WeightsError, match="it is not the blazepose that is meant"):
        import_weights(here / "carry")


def test_what_cannot_be_exported_or_imported_says_why(here):
    with pytest.raises(WeightsError, match="sd15 is not on this machine: run 'mfh weights fetch sd15'"):
        export_weights(["sd15"], here / "carry")
    with pytest.raises(InputError, match="pocket-depth is part of the package"):
        export_weights(["pocket-depth"], here / "carry")
    with pytest.raises(InputError, match="holds no exported models"):
        import_weights(here / "huggingface")
    (here / "file").write_text("")
    with pytest.raises(WeightsError, match="cannot write sd2 to .*file.*choose another folder"):
        export_weights(["sd2"], here / "file" / "carry")


def test_gated_files_travel_only_when_named(here):
    _write(weights.path("smpl"), **{"SMPL_NEUTRAL.npz": b"body"})
    assert "smpl" not in carried_names()
    assert export_weights(["smpl"], here / "carry") == [here / "carry" / "smpl"]


def test_only_the_users_file_is_exported_not_what_lies_beside_it(here, monkeypatch):
    _write(here / "downloads", **{"SMPL_NEUTRAL.pkl": b"body", "diary.txt": b"private"})
    monkeypatch.setenv("MFH_SMPL", str(here / "downloads" / "SMPL_NEUTRAL.pkl"))
    (folder,) = export_weights(["smpl"], here / "carry")
    assert sorted(file.name for file in folder.iterdir()) == ["SMPL_NEUTRAL.pkl", MANIFEST]
    assert weights.size_on_disk("smpl") == 4
    (here / "downloads" / "SMPL_NEUTRAL.pkl").rename(here / "downloads" / "mine.pkl")
    monkeypatch.setenv("MFH_SMPL", str(here / "downloads" / "mine.pkl"))
    with pytest.raises(WeightsError, match="mine.pkl: rename it to SMPL_NEUTRAL.npz"):
        export_weights(["smpl"], here / "carry")
