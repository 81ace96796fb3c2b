"""Models carried in a folder: what arrives is what was sent, or nothing."""

import json
from pathlib import Path

import pytest

from mfh.errors import InputError, WeightsError
from mfh.io.contents import file_sha256
from mfh.weights import store as weights
from mfh.weights.hub import Source, cached_folder
from mfh.weights.manifest import MANIFEST, ListedFile, Manifest, write_manifest
from mfh.weights.transfer import carried_names, export_weights, import_weights


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


def _folder(place: Path, name: str, **files: bytes) -> Path:
    """A folder that claims to be a model of this name, with a manifest that is right about its files."""
    _write(place, **files)
    written = [file for file in sorted(place.rglob("*")) if file.is_file()]
    listed = [ListedFile(f.relative_to(place).as_posix(), f.stat().st_size, file_sha256(f)) for f in written]
    write_manifest(place, Manifest(name, "1", tuple(listed)))
    return place


def _everything(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.fixture
def mine(here) -> Path:
    """The user's own SMPL model, in the cache."""
    _write(weights.path("smpl"), **{"SMPL_NEUTRAL.pkl": b"mine"})
    return weights.path("smpl") / "SMPL_NEUTRAL.pkl"


def test_a_folder_that_claims_to_be_what_only_the_user_can_get_replaces_nothing(here, mine):
    (here / "claims").mkdir()
    (here / "claims" / "readme.txt").write_bytes(b"hi")
    folder = _folder(here / "claims", "smpl")
    for replace in (False, True):
        with pytest.raises(
            WeightsError, match=r"lists readme\.txt: expected SMPL_NEUTRAL\.npz, .*of which smpl consists"
        ):
            import_weights(folder, replace=replace)
    assert mine.read_bytes() == b"mine"


def test_even_another_such_model_replaces_it_only_where_the_user_says_so_and_keeps_it_then(here, mine, caplog):
    folder = _folder(here / "other", "smpl", **{"SMPL_NEUTRAL.npz": b"other"})
    before = _everything(here / "here")
    with pytest.raises(WeightsError, match=r"smpl holds SMPL_NEUTRAL\.pkl, which this would replace .*say --replace"):
        import_weights(folder)
    assert _everything(here / "here") == before
    assert import_weights(folder, replace=True) == ["smpl"]
    assert [file.name for file in weights.files_of("smpl")] == ["SMPL_NEUTRAL.npz"]
    kept = weights.path("smpl").with_name("smpl.replaced-1") / "SMPL_NEUTRAL.pkl"
    assert kept.read_bytes() == b"mine" and str(kept.parent) in caplog.text
    # The imported one is the user's too.
    another = _folder(here / "another", "smpl", **{"SMPL_NEUTRAL.npz": b"another"})
    with pytest.raises(WeightsError, match=r"smpl holds SMPL_NEUTRAL\.npz and 1 more"):
        import_weights(another)
    assert import_weights(folder) == ["smpl"], "what is there already is left as it is"


def test_a_file_of_the_users_in_a_fetched_models_folder_is_kept(here, monkeypatch):
    folder = weights.path("sd2")
    (folder / "notes.txt").write_bytes(b"mine")
    other = _folder(here / "other", "sd2", model_index_json=b"{1}", unet__x_st=b"other")
    before = _everything(here / "here")
    with pytest.raises(WeightsError, match=r"holds notes\.txt, which this would replace"):
        import_weights(other)
    assert _everything(here / "here") == before
    import_weights(other, replace=True)
    assert (folder.with_name(f"{folder.name}.replaced-1") / "notes.txt").read_bytes() == b"mine"


def test_nothing_is_written_before_everything_has_been_read(here, mine, monkeypatch):
    export_weights(["sd2", "zoedepth"], here / "carry")
    _folder(here / "carry" / "zz", "smpl", **{"SMPL_NEUTRAL.npz": b"other"})
    monkeypatch.setenv("MFH_WEIGHTS", str(here / "there"))
    _write(here / "there" / "smpl", **{"SMPL_NEUTRAL.pkl": b"mine"})
    with pytest.raises(WeightsError, match="which this would replace"):
        import_weights(here / "carry")
    assert sorted(path.name for path in (here / "there").iterdir()) == ["smpl"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        *((name, "is about .*: expected the name of model files") for name in ("../x", "/x", "x", "pocket-depth", "")),
        *((name, "not a hub model|no folder") for name in ("hf:../..", "hf:a/b@../../x", "hf:a", "hf:a/b@a\0b")),
    ],
)
def test_a_name_that_is_no_models_is_refused(here, name, message):
    folder = _folder(here / "claims", name, config_json=b"{}")
    before = _everything(here)
    with pytest.raises((WeightsError, InputError), match=message):
        import_weights(folder)
    assert _everything(here) == before


@pytest.mark.parametrize(
    ("name", "files", "message"),
    [
        ("sd2", {"config_json": b"{}"}, r"lacks model_index\.json: expected model_index\.json, of which sd2 consists"),
        ("moge", {"config_json": b"{}"}, r"lacks model\.pt"),
        ("blazepose", {"config_json": b"{}"}, r"lists config\.json: expected pose_detection\.tflite, "),
        ("hmr2", {"hmr2_st": b"x", "notes_json": b"x"}, r"lists notes\.json: expected hmr2\.safetensors"),
        ("mask_rcnn", {"x": b"x"}, "lists x: expected maskrcnn"),
    ],
)
def test_a_manifest_must_be_about_the_model_it_names(here, name, files, message):
    with pytest.raises(WeightsError, match=message):
        import_weights(_folder(here / "claims", name, **files))


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"[",
        b"null",
        b"[]",
        b"{}",
        b'{"files": []}',
        b'{"name": "sd2", "revision": "1", "files": {}, "x": 1}',
        b'{"name": 5, "revision": "1", "files": []}',
        b'{"name": "sd2", "revision": null, "files": []}',
        b'{"name": "sd2", "revision": "1", "files": [5]}',
        b'{"name": "sd2", "revision": "1", "files": [{"name": "a"}]}',
        b'{"name": "sd2", "revision": "1", "files": [{"name": "a", "size_bytes": -1, "sha256": "%s"}]}' % (b"0" * 64),
        b'{"name": "sd2", "revision": "1", "files": [{"name": "a", "size_bytes": 1e9, "sha256": "%s"}]}' % (b"0" * 64),
        b'{"name": "sd2", "revision": "1", "files": [{"name": "a", "size_bytes": 1, "sha256": "../x"}]}',
        b"[" * 100_000,
        b'{"name": "sd2", "revision": "1", "files": [' + b"{}," * 20_000 + b"{}]}",
        b'{"name": "sd2", "size": ' + b"9" * 5000 + b"}",
        b"\xff\xfe",
    ],
)
def test_a_damaged_manifest_is_one_line(here, damage):
    (folder,) = export_weights(["sd2"], here / "carry")
    (folder / MANIFEST).write_bytes(damage)
    with pytest.raises(WeightsError, match=f"{MANIFEST} .*expected .*list|{MANIFEST} lacks") as caught:
        import_weights(here / "carry")
    assert "\n" not in str(caught.value)


def test_a_name_that_is_listed_twice_is_refused(here):
    (folder,) = export_weights(["sd2"], here / "carry")
    tree = json.loads((folder / MANIFEST).read_text())
    for other in ("model_index.json", "MODEL_INDEX.json", MANIFEST):
        changed = {**tree, "files": [*tree["files"], {**tree["files"][0], "name": other}]}
        (folder / MANIFEST).write_text(json.dumps(changed))
        with pytest.raises(WeightsError, match="lists a name twice, or itself"):
            import_weights(folder)


def test_links_that_lead_out_of_an_imported_folder_are_refused(here):
    folder = _folder(here / "claims", "sd2", model_index_json=b"{}", secret=b"secret")
    (here / "secret").write_bytes(b"secret")
    (folder / "secret").unlink()
    (folder / "secret").symlink_to(here / "secret")
    with pytest.raises(WeightsError, match="leads out of its folder"):
        import_weights(folder)
    (folder / "secret").unlink()
    (folder / "secret").symlink_to("model_index.json")
    with pytest.raises(WeightsError, match="secret is damaged|secret has sha256"):
        import_weights(folder)
    (folder / MANIFEST).rename(here / "manifest")
    (folder / MANIFEST).symlink_to(here / "manifest")
    with pytest.raises(WeightsError, match="leads out of its folder"):
        import_weights(folder)


def test_a_pipe_in_an_imported_folder_is_not_waited_for(here):
    import os

    folder = _folder(here / "claims", "sd2", model_index_json=b"{}", pipe=b"x")
    (folder / "pipe").unlink()
    os.mkfifo(folder / "pipe")
    with pytest.raises(WeightsError, match="pipe is not a regular file"):
        import_weights(folder)


def test_export_replaces_its_own_folder_and_no_other(here):
    (folder,) = export_weights(["sd2"], here / "carry")
    assert export_weights(["sd2"], here / "carry") == [folder]
    assert [path.name for path in (here / "carry").iterdir()] == ["sd2"]
    (folder / "notes.txt").write_bytes(b"mine")
    before = _everything(here / "carry")
    with pytest.raises(WeightsError, match=r"sd2 holds notes\.txt, which this would replace"):
        export_weights(["sd2"], here / "carry")
    assert _everything(here / "carry") == before
    _write(here / "other" / "sd2", **{"model_index.json": b"mine"})
    with pytest.raises(WeightsError, match="which this would replace"):
        export_weights(["sd2"], here / "other")
    assert _everything(here / "other") == {"sd2/model_index.json": b"mine"}


def test_export_into_the_cache_itself_is_refused(here, mine):
    before = _everything(here / "here")
    for target in (here / "here", here / "here" / "hub", here / "here" / ".." / "here" / "new"):
        with pytest.raises(InputError, match="is in the weights cache: expected a folder outside it"):
            export_weights(["smpl"], target)
    assert _everything(here / "here") == before


def test_a_cache_that_is_imported_into_itself_stays_as_it_is(here):
    before = _everything(here / "here")
    assert import_weights(here / "here" / "hub") == ["hf:org/name", "sd2"]
    assert _everything(here / "here") == before


def test_a_model_that_is_damaged_here_is_not_exported(here):
    file = weights.path("sd2") / "unet" / "x.safetensors"
    file.write_bytes(b"v" + file.read_bytes()[1:])
    with pytest.raises(
        WeightsError, match=r"x\.safetensors has sha256 .*: run 'mfh weights fetch sd2' to get it again"
    ):
        export_weights(["sd2"], here / "carry")
    assert not (here / "carry").exists()


def test_a_disk_that_fills_up_in_the_middle_leaves_nothing_that_looks_finished(here, monkeypatch):
    import errno

    from mfh.weights import manifest as weights_manifest

    real = weights_manifest._copied

    def full(source, copy, name):
        if name.startswith("unet"):
            copy.write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(source, copy, name)

    export_weights(["sd2"], here / "carry")
    monkeypatch.setattr(weights_manifest, "_copied", full)
    monkeypatch.setenv("MFH_WEIGHTS", str(here / "there"))
    for call in (lambda: import_weights(here / "carry"),):
        with pytest.raises(WeightsError, match=r"cannot write sd2 to .*\(No space left on device\): choose another"):
            call()
    assert not weights.installed("sd2") and _everything(here / "there") == {}
    monkeypatch.setenv("MFH_WEIGHTS", str(here / "here"))
    with pytest.raises(WeightsError, match="No space left on device"):
        export_weights(["sd2"], here / "more")
    assert _everything(here / "more") == {}
