"""Packages that unpickle without restriction and fetch code while loading: neither happens."""

import os
import pickle
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: pip install -e '.[hub]'")
from mfh.errors import BackendError, WeightsError  # noqa: E402  after the check that it is there
from mfh.models.restricted_loading import (  # noqa: E402
    RESTRICT,
    UNRESTRICT,
    NetworkRefused,
    computing,
    hub_cache_only,
    loading_restricted,
    weights_only,
)
from tests.models.stand_ins import put_into_hub_cache  # noqa: E402


class Malicious:
    """Writes a file when it is unpickled."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self):
        return (Path.touch, (self.place,))


@pytest.fixture
def malicious(tmp_path) -> tuple[Path, Path]:
    """A checkpoint and the file that shows up where it is read without restriction."""
    mark, checkpoint = tmp_path / "it ran", tmp_path / "model.ckpt"
    torch.save({"state_dict": {"a": torch.ones(2)}, "settings": Malicious(mark)}, checkpoint)
    return checkpoint, mark


def test_the_pickle_is_one_that_does_harm(malicious):
    checkpoint, mark = malicious
    torch.load(checkpoint, weights_only=False)
    assert mark.exists()


@pytest.mark.parametrize("legacy", [False, True])
def test_a_pickle_that_runs_something_is_refused_whatever_the_package_asks_for(tmp_path, legacy):
    mark, checkpoint = tmp_path / "it ran", tmp_path / "model.ckpt"
    torch.save({"state_dict": {}, "settings": Malicious(mark)}, checkpoint, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(WeightsError, match="holds more than numbers, .* refused .*; get the file of X from") as caught:
        with loading_restricted(checkpoint, "X"):
            torch.load(checkpoint, map_location="cpu", weights_only=False)
    assert not mark.exists() and "\n" not in str(caught.value) and str(checkpoint) in str(caught.value)


def test_it_is_refused_where_the_user_has_lifted_torchs_restriction(malicious, monkeypatch):
    checkpoint, mark = malicious
    monkeypatch.setenv(UNRESTRICT, "1")
    with pytest.raises(pickle.UnpicklingError), weights_only():
        torch.load(checkpoint)
    assert not mark.exists()
    assert os.environ[UNRESTRICT] == "1" and RESTRICT not in os.environ
    # And as it was before: lifted.
    with pytest.warns(UserWarning, match=UNRESTRICT):
        torch.load(checkpoint)
    assert mark.exists()


def test_what_was_set_before_is_set_again_even_after_an_error(monkeypatch):
    monkeypatch.setenv(RESTRICT, "0")
    monkeypatch.delenv(UNRESTRICT, raising=False)
    before = torch.hub.urlopen
    with pytest.raises(KeyError), weights_only(), hub_cache_only():
        assert os.environ[RESTRICT] == "1" and torch.hub.urlopen is not before
        raise KeyError
    assert os.environ[RESTRICT] == "0" and UNRESTRICT not in os.environ and torch.hub.urlopen is before


def test_loaders_in_several_threads_leave_everything_as_it_was(tmp_path, monkeypatch):
    import threading

    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.delenv(RESTRICT, raising=False)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    before, inside = torch.hub.urlopen, []

    def load():
        with loading_restricted(tmp_path, "X"):
            inside.append((os.environ[RESTRICT], constants.HF_HUB_OFFLINE, torch.hub.urlopen is before))
            # Long enough for the others to come, who must wait.
            threading.Event().wait(0.1)

    threads = [threading.Thread(target=load) for _ in range(3)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert inside == [("1", True, False)] * 3
    assert torch.hub.urlopen is before and not constants.HF_HUB_OFFLINE and RESTRICT not in os.environ


def test_numbers_alone_are_read(tmp_path):
    torch.save({"state_dict": {"a": torch.arange(3)}, "epoch": 4}, tmp_path / "model.ckpt")
    with loading_restricted(tmp_path, "X"):
        content = torch.load(tmp_path / "model.ckpt", weights_only=False)
    assert content["state_dict"]["a"].tolist() == [0, 1, 2]


def test_code_in_torch_hubs_cache_is_used_without_the_network(tmp_path, monkeypatch, no_network):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    put_into_hub_cache(tmp_path, "dinov3_vitl16")
    with loading_restricted(tmp_path, "X"):
        model = torch.hub.load("facebookresearch/dinov3", "dinov3_vitl16", pretrained=False)
    assert isinstance(model, torch.nn.Identity)


@pytest.mark.parametrize("repository", ["facebookresearch/dinov3", "facebookresearch/dinov3:main"])
def test_code_that_is_not_there_is_not_fetched_and_the_message_says_how_to_get_it(
    tmp_path, monkeypatch, no_network, repository
):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    command = f"'git clone https://github.com/facebookresearch/dinov3 {tmp_path}/hub/facebookresearch_dinov3_main'"
    with pytest.raises(WeightsError, match=f"X wants code of .*: run {command}") as caught:
        with loading_restricted(tmp_path, "X"):
            torch.hub.load(repository, "dinov3_vitl16", pretrained=False)
    assert "\n" not in str(caught.value)


def test_weights_by_address_are_not_fetched_either(tmp_path, monkeypatch, no_network):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(WeightsError, match=r"X wants https://example\.org/w\.pth, .*put the file below"):
        with loading_restricted(tmp_path, "X"):
            torch.hub.load_state_dict_from_url("https://example.org/w.pth")
    with pytest.raises(NetworkRefused), hub_cache_only():
        torch.hub.download_url_to_file("https://example.org/w.pth", str(tmp_path / "w.pth"))


def test_what_packages_print_is_not_in_the_way_of_results(capsys, tmp_path):
    with loading_restricted(tmp_path, "X"):
        print("Loading...")
    with computing("X"):
        print("Please make sure")
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err == "Loading...\nPlease make sure\n"
    assert sys.stdout is not sys.stderr


def test_what_goes_wrong_in_a_package_is_one_line(tmp_path):
    with pytest.raises(WeightsError, match=r"X cannot be loaded from .* \(KeyError: 'model_config'\)"):
        with loading_restricted(tmp_path, "X"):
            raise KeyError("model_config")
    with pytest.raises(BackendError, match=r"X failed in its own package \(AssertionError: no CUDA here\)"):
        with computing("X"):
            raise AssertionError("no\n CUDA here")
    # A missing package is the registry's to tell.
    with pytest.raises(ModuleNotFoundError), loading_restricted(tmp_path, "X"):
        raise ModuleNotFoundError(name="roma")
