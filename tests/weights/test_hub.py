"""Where hub models come from; nothing here may wait for a network."""

import socket
import threading
import time

import pytest

from mfh.errors import InputError, WeightsError
from mfh.io.contents import file_sha256
from mfh.weights import hub
from mfh.weights.hub import (
    Source,
    cached_folder,
    half_variant,
    locate,
    locate_model,
    offline_reason,
    parse_source,
    read_json,
)
from mfh.weights.manifest import MANIFEST, ListedFile, Manifest, write_manifest


@pytest.fixture
def empty(tmp_path, monkeypatch: pytest.MonkeyPatch):
    """No caches at all."""
    monkeypatch.setenv("MFH_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "huggingface"))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "repo", "revision", "space"),
    [
        ("hf:org/name", "org/name", None, None),
        ("hf:org/name@abc", "org/name", "abc", None),
        ("hf:org/na.me-2@v1?space=depth", "org/na.me-2", "v1", "depth"),
    ],
)
def test_hub_sources(text, repo, revision, space):
    assert parse_source(text) == Source(repo=repo, revision=revision, space=space)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("org/name", "no folder 'org/name'.*a hub model is written hf:org/name"),
        ("hf:name", "not a hub model: expected hf:org/name"),
        ("hf:org/../name", "not a hub model"),
        ("hf:org/name?space=metres", "expected .space=disparity or .space=depth"),
    ],
)
def test_what_is_no_source(text, message):
    with pytest.raises(InputError, match=message):
        parse_source(text)


@pytest.mark.parametrize("old", ["stabilityai/stable-diffusion-2-inpainting", "runwayml/stable-diffusion-inpainting"])
def test_vanished_repositories_lead_to_their_successors_with_a_note(old, empty, caplog):
    source = parse_source(f"hf:{old}@fp16")
    assert source.repo != old and source.revision is None
    assert old in source.note and source.repo in source.note
    (cached_folder(source)).mkdir(parents=True)
    (cached_folder(source) / "model_index.json").write_text("{}")
    assert locate(source, marker="model_index.json") == cached_folder(source)
    assert source.note in caplog.text


def test_a_folder_is_used_as_it_is(empty):
    with pytest.raises(InputError, match=r"has no config\.json: expected a folder that save_pretrained made"):
        locate(parse_source(str(empty)), marker="config.json")
    (empty / "config.json").write_text("{}")
    assert locate(parse_source(str(empty)), marker="config.json") == empty


def test_the_weights_cache_comes_before_the_hub_librarys(empty):
    source = Source(repo="org/name")
    shared = empty / "huggingface" / "hub" / "models--org--name"
    (shared / "snapshots" / "c0ffee").mkdir(parents=True)
    (shared / "refs").mkdir()
    (shared / "refs" / "main").write_text("c0ffee\n")
    (shared / "snapshots" / "c0ffee" / "config.json").write_text("{}")
    assert locate(source, marker="config.json") == shared / "snapshots" / "c0ffee"
    assert locate(Source(repo="org/name", revision="c0ffee"), marker="config.json").name == "c0ffee"
    own = cached_folder(source)
    own.mkdir(parents=True)
    (own / "config.json").write_text("{}")
    assert locate(source, marker="config.json") == own


def test_a_missing_model_names_the_command_and_its_size_where_the_hub_answers(empty, monkeypatch):
    monkeypatch.setattr(hub, "offline_reason", lambda: "")
    with pytest.raises(WeightsError) as caught:
        locate_model("sd2")
    assert str(caught.value) == "sd2 is not on this machine: run 'mfh weights fetch sd2' (5.2 GB)"
    with pytest.raises(WeightsError, match="run 'mfh weights fetch hf:org/name@v2'"):
        locate(Source(repo="org/name", revision="v2"), marker="config.json")


def test_an_unreachable_hub_is_one_line_with_what_to_do(empty):
    with pytest.raises(WeightsError) as caught:
        locate_model("sd2")
    line = str(caught.value)
    assert "\n" not in line and "MFH_OFFLINE is set" in line
    for advice in ("--preset pocket", "mfh weights fetch sd2", "mfh weights export", "mfh weights import"):
        assert advice in line


def test_a_hub_that_does_not_answer_is_given_up_in_time(empty, monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.delenv("MFH_OFFLINE")
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.invalid")
    forever = threading.Event()

    def hang(*_address: object, **_options: object) -> socket.socket:
        forever.wait(30)
        raise TimeoutError("timed out")

    monkeypatch.setattr(socket, "create_connection", hang)
    begin = time.monotonic()
    assert offline_reason(timeout_s=0.2) == "hub.invalid does not answer"
    assert time.monotonic() - begin < 20, "it waited for the connection, not for its own limit"
    forever.set()


def test_the_hubs_address_and_the_proxys_are_honoured(empty, monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.delenv("MFH_OFFLINE")
    server = socket.create_server(("127.0.0.1", 0))
    port = server.getsockname()[1]
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("no_proxy", "")
    assert offline_reason() == ""
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.invalid")
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
    assert offline_reason() == ""
    server.close()
    assert "cannot be reached" in offline_reason()


@pytest.mark.parametrize(
    ("files", "half", "expected"),
    [
        (["unet/a.safetensors"], True, None),
        (["unet/a.safetensors", "unet/a.fp16.safetensors"], True, "fp16"),
        (["unet/a.safetensors", "unet/a.fp16.safetensors"], False, None),
        (["unet/a.fp16.safetensors"], False, "fp16"),
        (["unet/a.fp16.safetensors", "text/a.safetensors"], False, "fp16"),
        ([], True, None),
    ],
)
def test_which_files_are_read(tmp_path, files, half, expected):
    for file in files:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).touch()
    assert half_variant(tmp_path, half=half) == expected


@pytest.mark.parametrize(
    "text",
    ["hf:a/b@../x", "hf:a/b@x..y", "hf:a/b@/x", "hf:a/b@a\0", "hf:a/b@" + "x" * 200, "hf:../b", "hf:a/.b", "hf:é/b"],
)
def test_a_repository_or_revision_that_is_none(text):
    with pytest.raises(InputError, match="is not a hub model: expected hf:org/name or hf:org/name@revision"):
        parse_source(text)


@pytest.mark.parametrize("text", ["x" * 5000, "~nobody-has-this-name/x", "a\0b", ""])
def test_a_folder_that_can_be_none_is_one_line(text):
    with pytest.raises(InputError, match="no folder|has no config.json"):
        locate(parse_source(text), marker="config.json")


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"null", b"{", b"[" * 100_000, b"\xff", b'{"a": ' + b"9" * 5000 + b"}"]
)
def test_a_configuration_that_is_none_is_one_line(tmp_path, content):
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(WeightsError, match=r"config\.json .*fetch or copy the model again") as caught:
        read_json(tmp_path / "config.json")
    assert "\n" not in str(caught.value)


def test_configurations_as_python_writes_them_are_read(tmp_path):
    (tmp_path / "config.json").write_text('\ufeff{"a": NaN, "b": -Infinity, "c": [1]}', encoding="utf-8")
    assert read_json(tmp_path / "config.json")["c"] == [1]


@pytest.mark.parametrize("content", [b"../../../outside", b"/outside", b"a\0b", b"\xff", b"x" * 5000, b"a/../b"])
def test_a_reference_of_the_hub_librarys_cache_leads_nowhere_else(empty, content):
    shared = empty / "huggingface" / "hub" / "models--org--name"
    (shared / "refs").mkdir(parents=True)
    (shared / "snapshots").mkdir()
    (empty / "outside").mkdir()
    (empty / "outside" / "config.json").write_text("{}")
    (shared / "refs" / "main").write_bytes(content)
    with pytest.raises(WeightsError, match="refs/main .*expected the commit that a revision means"):
        locate(Source(repo="org/name"), marker="config.json")


def test_without_a_home_there_is_no_cache_of_the_hub_library(empty, monkeypatch):
    import os

    monkeypatch.delenv("HF_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(empty / "cache"))
    (empty / "cache" / "huggingface" / "hub" / "models--org--name" / "snapshots" / "main").mkdir(parents=True)
    assert hub.hub_cache_folder(Source(repo="org/name")) is not None
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    assert hub.hub_cache_folder(Source(repo="org/name")) is None


@pytest.mark.parametrize(
    "address", ["http://[::1", "http://a:99999999", "file:///etc", "x", "http://", "http://a\0b", "http://" + "x" * 300]
)
def test_an_address_of_the_hub_that_is_none_is_a_few_words(empty, monkeypatch, address):
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.delenv("MFH_OFFLINE")
    monkeypatch.setattr(hub, "endpoint", lambda: address)
    assert offline_reason(timeout_s=5.0) != ""


def test_a_cached_file_that_changed_is_not_loaded(empty):
    folder = cached_folder(Source(repo="org/name"))
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    digest = file_sha256(folder / "config.json")
    write_manifest(folder, Manifest("hf:org/name", "abc", (ListedFile("config.json", 2, digest),)))
    assert locate(Source(repo="org/name"), marker="config.json") == folder
    (folder / "config.json").write_text("[]")
    with pytest.raises(WeightsError, match=r"config\.json has sha256 .*: run 'mfh weights fetch hf:org/name'"):
        locate(Source(repo="org/name"), marker="config.json")
    (folder / MANIFEST).write_text("{")
    with pytest.raises(WeightsError, match=f"{MANIFEST} is damaged"):
        locate(Source(repo="org/name"), marker="config.json")
