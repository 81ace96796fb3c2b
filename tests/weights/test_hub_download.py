"""Fetching from a hub: the real client against a small server of our own on this machine."""

import hashlib
import threading

import pytest

from mfh.errors import BackendError, WeightsError
from mfh.weights import hub_download as weights_hub
from mfh.weights import store as weights
from mfh.weights.catalog import WeightFile
from mfh.weights.forms import RemoteFile, choose_files, form_of
from mfh.weights.hub import Source, cached_folder, locate
from mfh.weights.hub_download import fetch_repo
from mfh.weights.manifest import MANIFEST, read_manifest
from mfh.weights.model_folder import locked
from tests.weights.fake_hub import COMMIT, FILES, fake_hub

__all__ = ["fake_hub"]


def test_fetch_takes_what_a_model_is_loaded_from_and_proves_it(fake_hub):
    steps: list[tuple[str, float]] = []
    folder = weights.fetch("hf:org/name", progress=lambda step, fraction: steps.append((step, fraction)))
    source = Source(repo="org/name")
    assert folder == cached_folder(source) == locate(source, marker="config.json")
    names = sorted(file.name for file in folder.rglob("*"))
    assert names == ["config.json", MANIFEST, "model.safetensors", "preprocessor_config.json"]
    assert (folder / "model.safetensors").read_bytes() == FILES["model.safetensors"]
    manifest = read_manifest(folder)
    assert manifest.revision == COMMIT and manifest.name == "hf:org/name"
    for one in manifest.files:
        assert one.sha256 == hashlib.sha256(FILES[one.name]).hexdigest() and one.size_bytes == len(FILES[one.name])
    assert steps[0] == ("listing", 0.0) and steps[-1] == ("done", 1.0)
    assert list(folder.parent.iterdir()) == [folder], "nothing but the finished folder may stay"


def test_an_interrupted_fetch_goes_on_where_it_was_left(fake_hub, monkeypatch):
    fake_hub.cut_after = 500_000
    with pytest.raises(WeightsError, match="broke off .*run 'mfh weights fetch hf:org/name' again"):
        weights.fetch("hf:org/name")
    assert not cached_folder(Source(repo="org/name")).exists()
    fake_hub.cut_after = None
    fake_hub.asked.clear()
    folder = weights.fetch("hf:org/name")
    assert (folder / "model.safetensors").read_bytes() == FILES["model.safetensors"]
    resumed = [wanted for command, path, wanted in fake_hub.asked if command == "GET" and "model.safetensors" in path]
    assert resumed and all(wanted.startswith("bytes=") and wanted != "bytes=0-" for wanted in resumed)


def test_a_file_that_is_not_what_the_hub_lists_is_refused(fake_hub):
    fake_hub.damaged = True
    with pytest.raises(WeightsError, match="org/name/model.safetensors arrived damaged"):
        weights.fetch("hf:org/name")
    assert not cached_folder(Source(repo="org/name")).exists()
    fake_hub.damaged = False
    weights.fetch("hf:org/name")


def test_a_repository_that_is_not_there(fake_hub):
    with pytest.raises(WeightsError, match=r"hf:org/other is not on http://127\.0\.0\.1:\d+: check the name"):
        weights.fetch("hf:org/other")


def test_a_full_disk_is_said_before_the_download(fake_hub, monkeypatch):
    monkeypatch.setattr(weights_hub, "free_bytes", lambda folder: 1000)
    with pytest.raises(
        WeightsError, match=r"needs 0\.00 GB and .* has 0\.00 GB free: free some space, or set MFH_WEIGHTS"
    ):
        weights.fetch("hf:org/name")
    assert not any("resolve" in path for _, path, _ in fake_hub.asked)


def test_an_artefact_is_verified_against_its_manifest(fake_hub, monkeypatch):
    from dataclasses import replace

    from mfh.weights.catalog import HubRepo

    one = replace(weights.CATALOG["zoedepth"], hub=HubRepo("org/name", "config.json"))
    monkeypatch.setitem(weights.CATALOG, "zoedepth", one)
    assert not weights.installed("zoedepth")
    folder = weights.fetch("zoedepth")
    assert weights.installed("zoedepth") and weights.verify("zoedepth") and weights.require("zoedepth") == folder
    asked = len(fake_hub.asked)
    assert weights.fetch("zoedepth") == folder and len(fake_hub.asked) == asked, "what is here is not fetched again"
    file = folder / "model.safetensors"
    file.write_bytes(b"x" + file.read_bytes()[1:])
    assert weights.installed("zoedepth")
    with pytest.raises(
        WeightsError, match=r"has sha256 .*, expected .*: run 'mfh weights fetch zoedepth' to get it again"
    ):
        weights.verify("zoedepth")
    file.unlink()
    assert not weights.installed("zoedepth")


def test_an_unreachable_hub_is_one_line(monkeypatch, tmp_path):
    monkeypatch.setenv("MFH_WEIGHTS", str(tmp_path))
    with pytest.raises(WeightsError, match="MFH_OFFLINE is set.*--preset pocket.*mfh weights import") as caught:
        weights.fetch("sd2")
    assert "\n" not in str(caught.value) and not any(tmp_path.iterdir())


def test_a_missing_client_names_the_extra(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(BackendError, match=r"needs the package .*metric-from-human\[hub\]"):
        weights.fetch("hf:org/name")


def _names(*files: str, only: tuple[str, ...] = ()) -> list[str]:
    return sorted(one.name for one in choose_files([RemoteFile(name, 1, None) for name in files], only))


def test_which_files_of_a_pipeline_are_fetched():
    assert _names(
        "model_index.json",
        "sd-v2-inpainting.ckpt",
        "512-inpainting-ema.safetensors",
        "README.md",
        "safety_checker/model.safetensors",
        "scheduler/scheduler_config.json",
        "text_encoder/config.json",
        "text_encoder/model.safetensors",
        "text_encoder/pytorch_model.bin",
        "tokenizer/merges.txt",
        "tokenizer/vocab.json",
        "unet/config.json",
        "unet/diffusion_pytorch_model.bin",
        "unet/diffusion_pytorch_model.fp16.safetensors",
        "unet/diffusion_pytorch_model.safetensors",
        "unet/diffusion_pytorch_model.non_ema.safetensors",
        "vae/diffusion_flax_model.msgpack",
        "vae/diffusion_pytorch_model.bin",
    ) == [
        "model_index.json",
        "scheduler/scheduler_config.json",
        "text_encoder/config.json",
        "text_encoder/model.safetensors",
        "tokenizer/merges.txt",
        "tokenizer/vocab.json",
        "unet/config.json",
        "unet/diffusion_pytorch_model.safetensors",
        "vae/diffusion_pytorch_model.bin",
    ]


def test_safetensors_come_before_pickles_and_full_precision_before_half():
    forms = ("model.safetensors", "model.fp16.safetensors", "pytorch_model.bin", "pytorch_model.fp16.bin")
    for k in range(len(forms)):
        assert _names("config.json", *reversed(forms[k:])) == sorted(["config.json", forms[k]])
    shards = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
    index = "model.safetensors.index.json"
    assert _names("config.json", *forms[1:], *shards, index) == sorted(["config.json", *shards, index])


@pytest.mark.parametrize(
    ("names", "form"),
    [
        (["config.json", "model.safetensors"], "safetensors"),
        (["unet/x.fp16.safetensors", "vae/x.fp16.safetensors"], "safetensors, half precision"),
        (["unet/x.fp16.safetensors", "vae/x.safetensors"], "safetensors, some in half precision"),
        (
            ["x.safetensors", "pytorch_model.fp16.bin"],
            "safetensors, pickles read as tensors only, some in half precision",
        ),
        (["net.onnx"], "ONNX"),
        (["config.json"], ""),
    ],
)
def test_the_form_is_told(names, form):
    assert form_of(names) == form


def test_shards_come_with_their_index_and_adapters_alone():
    shards = (
        "unet/diffusion_pytorch_model-00001-of-00002.safetensors",
        "unet/diffusion_pytorch_model-00002-of-00002.safetensors",
    )
    index = "unet/diffusion_pytorch_model.safetensors.index.json"
    assert _names("model_index.json", *shards, index) == sorted(["model_index.json", *shards, index])
    assert _names("lora.safetensors", "image.png", only=("lora.safetensors",)) == ["lora.safetensors"]


def _fetch_only(only: tuple[str, ...]):
    place = weights.folder_of("hf:org/name")
    with locked(place, report=lambda step, fraction: None):
        return fetch_repo(
            Source(repo="org/name"), place, name="hf:org/name", only=only, report=lambda step, fraction: None
        )


def test_of_a_repository_that_is_no_librarys_only_what_is_named_is_fetched(fake_hub, monkeypatch):
    monkeypatch.setattr(fake_hub, "files", {"model.ckpt": b"numbers", "assets/body.pt": b"body", "notes.json": b"{}"})
    only = ("model.ckpt", "assets/body.pt")
    folder = _fetch_only(only)
    found = sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())
    assert found == ["assets/body.pt", MANIFEST, "model.ckpt"]
    with pytest.raises(WeightsError, match=r"hf:org/name has no settings\.yaml: expected model\.ckpt, settings\.yaml"):
        _fetch_only(("model.ckpt", "settings.yaml"))


def test_a_repository_the_table_pins_is_fetched_at_that_commit_however_it_is_named(fake_hub, monkeypatch):
    from mfh.weights import hub

    monkeypatch.setattr(hub, "_pinned", lambda repo: "0badc0de")
    folder = weights.fetch("hf:org/name")
    assert folder.name == "org--name@0badc0de"
    listed = [path for _, path, _ in fake_hub.asked if path.startswith("/api/models/")]
    assert listed and all(path.startswith("/api/models/org/name/revision/0badc0de") for path in listed)


def test_a_file_at_a_plain_address_is_resumed_and_checked(fake_hub, monkeypatch):
    import os
    from dataclasses import replace

    content = FILES["model.safetensors"]
    url = f"{os.environ['HF_ENDPOINT']}/org/name/resolve/{COMMIT}/model.safetensors"
    digest = hashlib.sha256(content).hexdigest()
    one = replace(
        weights.CATALOG["mask_rcnn"], url=url, files=(WeightFile("net.pth", digest, len(content)),), version="1"
    )
    monkeypatch.setitem(weights.CATALOG, "mask_rcnn", one)
    fake_hub.cut_after = 700_000
    with pytest.raises(WeightsError, match="net.pth broke off .*run 'mfh weights fetch mask_rcnn' again"):
        weights.fetch("mask_rcnn")
    assert not weights.installed("mask_rcnn")
    fake_hub.cut_after = None
    folder = weights.fetch("mask_rcnn")
    assert fake_hub.asked[-1][2] == "bytes=700000-"
    assert [file.name for file in folder.iterdir()] == ["net.pth"] and weights.verify("mask_rcnn")
    (folder / "net.pth").unlink()
    monkeypatch.setitem(
        weights.CATALOG, "mask_rcnn", replace(one, version="2", files=(WeightFile("net.pth", "0" * 64, None),))
    )
    with pytest.raises(WeightsError, match="sha256 .*expected 000000000000"):
        weights.fetch("mask_rcnn")
    assert not weights.installed("mask_rcnn")


HOSTILE = ("../escape.json", "/escape.json", "a/../../escape.json", "..\\escape.json", "C:escape.json", "a//x.json")


@pytest.mark.parametrize("name", [*HOSTILE, "../x", "/x", "a\0b.json", "a\nb.json", ""])
def test_a_list_that_leads_out_of_the_folder_is_refused_whole(fake_hub, monkeypatch, tmp_path, name):
    monkeypatch.setattr(fake_hub, "files", {**FILES, name: b"escaped"})
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(
        WeightsError, match="the hub's list of hf:org/name .*which is no name inside a folder"
    ) as caught:
        weights.fetch("hf:org/name")
    assert "\n" not in str(caught.value)
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == before
    assert not any("resolve" in path for _, path, _ in fake_hub.asked), "nothing was fetched"


@pytest.mark.parametrize("name", ["con.json", "a?.json", "xx:y.json", f"{'x' * 200}.json", MANIFEST, "CONFIG.json"])
def test_names_that_are_files_on_one_system_only_are_not_fetched(fake_hub, monkeypatch, name):
    monkeypatch.setattr(fake_hub, "files", {**FILES, name: b"{}"})
    with pytest.raises(WeightsError, match="the hub's list of hf:org/name is damaged .*: expected plain names"):
        weights.fetch("hf:org/name")
    # Nobody minds a picture of that name.
    monkeypatch.setattr(fake_hub, "files", {**FILES, "what: a day?.png": b"picture"})
    weights.fetch("hf:org/name")


@pytest.mark.parametrize(
    "change",
    [
        *({"size": size} for size in (-1, 2**60, 1e300, "5", None, True, [])),
        *({"lfs": {"sha256": digest, "size": 5, "pointerSize": 1}} for digest in ("x", "0" * 63, "../x", 5)),
        {"rfilename": None},
        {"rfilename": 5},
    ],
)
def test_sizes_and_digests_that_are_none_are_not_believed(fake_hub, monkeypatch, change):
    listing = fake_hub._listing

    def changed(self):
        tree = listing(self)
        tree["siblings"][2].update(change)
        return tree

    monkeypatch.setattr(fake_hub, "_listing", changed)
    with pytest.raises(WeightsError, match="hf:org/name") as caught:
        weights.fetch("hf:org/name")
    assert "\n" not in str(caught.value) and not cached_folder(Source(repo="org/name")).exists()


@pytest.mark.parametrize("commit", ["../../../escape", "main", "", None, 5, "0" * 41])
def test_a_commit_that_is_none_is_not_believed(fake_hub, monkeypatch, tmp_path, commit):
    listing = fake_hub._listing
    monkeypatch.setattr(fake_hub, "_listing", lambda self: {**listing(self), "sha": commit})
    with pytest.raises(WeightsError, match="hf:org/name"):
        weights.fetch("hf:org/name")
    assert not list(tmp_path.rglob("escape*"))


@pytest.mark.parametrize(
    "answer", [b"", b"[]", b"null", b"{", b'{"siblings": 5}', b"[" * 100_000, b"\xff", b'{"sha": 1}']
)
def test_an_answer_that_is_no_list_is_one_line(fake_hub, monkeypatch, answer):
    monkeypatch.setattr(fake_hub, "answer", answer)
    with pytest.raises(WeightsError, match="hf:org/name") as caught:
        weights.fetch("hf:org/name")
    assert "\n" not in str(caught.value)


def test_a_link_in_a_partial_download_does_not_lead_out_of_it(fake_hub, monkeypatch, tmp_path):
    monkeypatch.setattr(fake_hub, "files", {**FILES, "deep/model.safetensors": b"numbers"})
    (tmp_path / "mine").mkdir()
    partial = weights.folder_of("hf:org/name").folder.with_name(f".org--name@main~partial-{COMMIT[:12]}")
    partial.mkdir(parents=True)
    (partial / "deep").symlink_to(tmp_path / "mine")
    with pytest.raises(WeightsError, match="leads out of its folder"):
        weights.fetch("hf:org/name")
    assert not list((tmp_path / "mine").iterdir())


def test_files_may_come_from_another_host_but_only_of_the_web(fake_hub, monkeypatch):
    monkeypatch.setattr(fake_hub, "location", "file:///etc/passwd")
    with pytest.raises(WeightsError, match="refused, expected an address with https"):
        weights.fetch("hf:org/name")


def test_the_same_commit_is_not_fetched_twice_and_a_changed_file_is_fetched_again(fake_hub):
    folder = weights.fetch("hf:org/name")
    fake_hub.asked.clear()
    assert weights.fetch("hf:org/name") == folder
    assert not any("resolve" in path for _, path, _ in fake_hub.asked)
    file = folder / "model.safetensors"
    file.write_bytes(b"x" + file.read_bytes()[1:])
    with pytest.raises(WeightsError, match=r"model\.safetensors has sha256 .*: run 'mfh weights fetch hf:org/name'"):
        locate(Source(repo="org/name"), marker="config.json")
    weights.fetch("hf:org/name")
    locate(Source(repo="org/name"), marker="config.json")
    kept = folder.with_name(f"{folder.name}.replaced-1") / "model.safetensors"
    assert kept.read_bytes()[:1] == b"x", "it may have been somebody's own"


def test_what_a_user_put_into_the_folder_is_not_replaced_without_being_asked(fake_hub):
    folder = weights.fetch("hf:org/name")
    (folder / "notes.txt").write_text("mine")
    (folder / "config.json").unlink()
    with pytest.raises(WeightsError, match=r"holds notes\.txt, .*--replace"):
        weights.fetch("hf:org/name")
    assert (folder / "notes.txt").read_text() == "mine"
    weights.fetch("hf:org/name", replace=True)
    assert (folder.with_name(f"{folder.name}.replaced-1") / "notes.txt").read_text() == "mine"


def test_two_at_once_fetch_once(fake_hub):
    folders: list[object] = []
    threads = [threading.Thread(target=lambda: folders.append(weights.fetch("hf:org/name"))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert folders == [cached_folder(Source(repo="org/name"))] * 3
    fetched = [path for command, path, _ in fake_hub.asked if command == "GET" and "model.safetensors" in path]
    assert len(fetched) == 1
    assert [path.name for path in folders[0].parent.iterdir()] == ["org--name@main"]
