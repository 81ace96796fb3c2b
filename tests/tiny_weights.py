"""Models without the hub: tiny copies in a weights cache of their own, and no way out."""

import socket

import pytest

from tests.models import tiny_hub


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every attempt to connect anywhere a failure of the test."""

    def refuse(self: socket.socket, address: object) -> None:
        raise AssertionError(f"the network was asked for {address}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)


@pytest.fixture(scope="session")
def _tiny_cache(tmp_path_factory: pytest.TempPathFactory):
    return tmp_path_factory.mktemp("weights")


@pytest.fixture
def tiny_weights(_tiny_cache, no_network, monkeypatch: pytest.MonkeyPatch):
    """Return a function that puts tiny copies of models into the weights cache, which is used meanwhile."""
    pytest.importorskip("diffusers", reason="the hub's libraries are not installed: pip install -e '.[hub]'")
    monkeypatch.setenv("MFH_WEIGHTS", str(_tiny_cache))
    monkeypatch.setenv("MFH_DEVICE", "cpu")

    def install(*names: str):
        tiny_hub.install(names)
        return _tiny_cache

    return install
