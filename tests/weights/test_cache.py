"""Where model files are kept, whatever the environment says, and which names they may have there."""

import os
from pathlib import Path

import pytest

from mfh.errors import WeightsError
from mfh.weights import cache as weights_place
from mfh.weights.cache import cache_folder, inside, listed_name, named_place


@pytest.fixture
def bare(tmp_path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder and nothing that chooses another place."""
    monkeypatch.delenv("MFH_WEIGHTS", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(weights_place.sys, "platform", "linux")
    return tmp_path


def test_an_empty_variable_chooses_nothing_and_a_relative_cache_is_ignored(bare, monkeypatch):
    usual = bare / "home" / ".cache" / "mfh" / "weights"
    assert cache_folder() == usual
    monkeypatch.setenv("MFH_WEIGHTS", "")
    assert cache_folder() == usual
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_folder() == usual
    monkeypatch.setenv("MFH_WEIGHTS", "relative/weights")
    assert cache_folder() == Path("relative/weights")
    monkeypatch.setenv("MFH_WEIGHTS", "~/mine")
    assert cache_folder() == bare / "home" / "mine"


def test_without_a_home_there_is_no_place(bare, monkeypatch):
    # As where HOME is not set and the system does not know the user.
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    with pytest.raises(WeightsError, match="there is no home folder .*HOME is not set.*: set MFH_WEIGHTS to a folder"):
        cache_folder()
    monkeypatch.setenv("MFH_WEIGHTS", "/chosen")
    assert cache_folder() == Path("/chosen")


def test_a_home_of_nobody_is_said(bare, monkeypatch):
    monkeypatch.setenv("MFH_WEIGHTS", "~nobody-has-this-name/weights")
    with pytest.raises(WeightsError, match=r"MFH_WEIGHTS is ~nobody-has-this-name/weights, and there is no such home"):
        cache_folder()
    with pytest.raises(WeightsError, match="MFH_SMPL is ~nobody-has-this-name"):
        named_place("~nobody-has-this-name", "MFH_SMPL")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda place: place.write_text("x"), r"MFH_WEIGHTS is .*/cache, which is a file: set MFH_WEIGHTS"),
        (lambda place: place.symlink_to("nowhere"), "which is a link to nowhere, which is not there: set MFH_WEIGHTS"),
        (lambda place: place.symlink_to("cache"), r"cannot be used \(Too many levels of symbolic links\)"),
    ],
)
def test_what_is_no_folder_is_one_line(bare, monkeypatch, make, message):
    make(bare / "cache")
    monkeypatch.setenv("MFH_WEIGHTS", str(bare / "cache"))
    with pytest.raises(WeightsError, match=message) as caught:
        cache_folder()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda place: place.write_text("x"), r"cannot be used \(Not a directory\)"),
        (lambda place: place.symlink_to("nowhere"), "which is behind .*/cache, a link to nowhere, which is not there"),
    ],
)
def test_what_lies_behind_no_folder_is_one_line(bare, monkeypatch, make, message):
    make(bare / "cache")
    monkeypatch.setenv("MFH_WEIGHTS", str(bare / "cache" / "deep" / "weights"))
    with pytest.raises(WeightsError, match=message):
        cache_folder()


def test_a_folder_that_cannot_be_read_is_one_line(bare, monkeypatch):
    monkeypatch.setenv("MFH_WEIGHTS", str(bare))
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(WeightsError, match="cannot be read .Permission denied.: set MFH_WEIGHTS"):
        cache_folder()


def test_a_name_of_any_bytes_is_a_folder_as_any_other(bare, monkeypatch):
    place = os.fsdecode(os.fsencode(bare) + b"/caf\xe9\n")
    monkeypatch.setenv("MFH_WEIGHTS", place)
    assert cache_folder() == Path(place)
    Path(place).write_text("x")
    with pytest.raises(WeightsError, match=r"caf\\xe9\\n, which is a file"):
        cache_folder()


@pytest.mark.parametrize("name", ["config.json", "unet/x.safetensors", "a b/c-d_e.f", "ü/人.bin"])
def test_plain_names(name):
    assert listed_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        *("../x", "/x", "a/../x", "a//x", "", ".", "..", "a/", "./a", "\\x", "a\\x", "C:x", "a\0b", "a\nb", "\udcff"),
        *("NUL", "a/con.json", "x.", "x ", ".hidden", "x" * 300, "/".join("abcdefghi"), None, 5, b"x", ["x"]),
    ],
)
def test_what_is_no_plain_name(name):
    with pytest.raises(ValueError, match="expected plain names inside the folder"):
        listed_name(name)


def test_a_link_that_leads_out_of_a_folder_is_refused(tmp_path):
    folder, outside = tmp_path / "model", tmp_path / "outside"
    (folder / "deep").mkdir(parents=True)
    outside.mkdir()
    (outside / "secret").write_text("secret")
    (folder / "file").symlink_to("../outside/secret")
    (folder / "links").symlink_to(outside)
    (folder / "within").symlink_to("deep/x")
    assert inside(folder, "deep/x") == folder / "deep" / "x"
    assert inside(folder, "within") == folder / "within"
    for name in ("file", "links/secret", "links/new"):
        with pytest.raises(WeightsError, match=r"leads out of its folder, to .*outside.*: refused"):
            inside(folder, name)
