"""The ways to the hub that users set: its address, proxies, and the hub library's caches without a network."""

import os
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from mfh.errors import WeightsError
from mfh.weights import store as weights
from mfh.weights.hub import Source, hub_obstacle, locate, locate_model
from tests.weights.fake_hub import COMMIT, FILES, FakeHub, close_session, fake_hub, serving
from tests.weights.fake_proxy import FakeProxy

__all__ = ["fake_hub"]


@pytest.fixture
def proxy(fake_hub):
    """A proxy beside the hub; yields its class and address."""
    host, port = os.environ["HF_ENDPOINT"].removeprefix("http://").split(":")

    class Proxy(FakeProxy):
        target = (host, int(port))
        asked: list[tuple[str, str]] = []

    with serving(Proxy) as address:
        yield Proxy, address


def is_fetched() -> bool:
    """Return whether org/name arrives whole."""
    folder = weights.fetch("hf:org/name")
    return (folder / "model.safetensors").read_bytes() == FILES["model.safetensors"]


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY"])
def test_all_of_a_fetch_goes_through_the_proxy(proxy, fake_hub, monkeypatch, variable):
    handler, address = proxy
    # A host that is nowhere: only the proxy knows where it leads.
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.invalid")
    monkeypatch.setenv(variable, address)
    assert hub_obstacle() == "" and is_fetched()
    assert handler.asked and all(path.startswith("http://hub.invalid/") for _, path in handler.asked)
    assert len(handler.asked) == len(fake_hub.asked), "every request came through it"


@pytest.mark.parametrize("variable", ["no_proxy", "NO_PROXY"])
def test_what_is_to_go_past_the_proxy_does(proxy, monkeypatch, variable):
    handler, address = proxy
    monkeypatch.setenv("http_proxy", address)
    monkeypatch.setenv(variable, "127.0.0.1")
    assert is_fetched() and handler.asked == []


def test_a_proxy_that_is_not_there_is_one_line(fake_hub, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with pytest.raises(WeightsError, match=r"127\.0\.0\.1 cannot be reached.*check the network, the proxy") as caught:
        weights.fetch("hf:org/name")
    assert "\n" not in str(caught.value) and fake_hub.asked == []


def test_a_hub_with_https_is_reached_through_a_tunnel(tmp_path, fake_hub, monkeypatch):
    if shutil.which("openssl") is None:
        pytest.skip("no openssl on this machine, to make a certificate with")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=hub.invalid"]
        + ["-addext", "subjectAltName=DNS:hub.invalid", "-keyout", str(key), "-out", str(certificate)],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    class Hub(FakeHub):
        asked: list[tuple[str, str, str]] = []

        def setup(self) -> None:
            self.request = context.wrap_socket(self.request, server_side=True)
            super().setup()

    with serving(Hub) as hub:

        class Proxy(FakeProxy):
            target = ("127.0.0.1", int(hub.rpartition(":")[2]))
            asked: list[tuple[str, str]] = []

        with serving(Proxy) as address:
            monkeypatch.setenv("HF_ENDPOINT", "https://hub.invalid")
            monkeypatch.setenv("HTTPS_PROXY", address)
            monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
            assert is_fetched()
            assert {path for _, path in Proxy.asked} == {"hub.invalid:443"} and len(Hub.asked) > 3
            # A certificate that no authority signed is refused.
            close_session()
            shutil.rmtree(weights.folder_of("hf:org/name").folder)
            monkeypatch.delenv("SSL_CERT_FILE")
            with pytest.raises(WeightsError, match="broke off .*CERTIFICATE_VERIFY_FAILED"):
                weights.fetch("hf:org/name")


@pytest.mark.parametrize("variable", ["HF_HOME", "HF_HUB_CACHE"])
def test_what_the_hub_library_fetched_is_used_without_a_network(fake_hub, monkeypatch, tmp_path, variable):
    library = pytest.importorskip("huggingface_hub")
    repo = "LiheYoung/depth-anything-large-hf"
    monkeypatch.setattr(fake_hub, "repos", {repo: FILES})
    cache = tmp_path / "theirs"
    hub = cache / "hub" if variable == "HF_HOME" else cache
    commit = weights.CATALOG["depth-anything-v1-large"].hub.revision
    for revision in (commit, "main"):
        library.snapshot_download(repo, revision=revision, endpoint=os.environ["HF_ENDPOINT"], cache_dir=hub)
    library.snapshot_download("org/name", endpoint=os.environ["HF_ENDPOINT"], cache_dir=hub)
    monkeypatch.delenv("HF_HOME")
    monkeypatch.setenv(variable, str(cache))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    fake_hub.asked.clear()
    assert weights.installed("depth-anything-v1-large")
    assert locate_model("depth-anything-v1-large").name == commit
    assert locate(Source(repo="org/name"), marker="config.json").name == COMMIT
    before = _files(cache)
    assert weights.fetch("depth-anything-v1-large") == locate_model("depth-anything-v1-large")
    assert fake_hub.asked == [] and _files(cache) == before, "the library's cache is never written"
    with pytest.raises(WeightsError, match="sd2 cannot be fetched .HF_HUB_OFFLINE is set.: unset it, or use --preset"):
        weights.fetch("sd2")


def _files(folder: Path) -> list[tuple[str, int]]:
    return sorted((str(path), path.lstat().st_mtime_ns) for path in folder.rglob("*"))


def test_an_endpoint_with_a_path_is_kept(fake_hub, monkeypatch):
    """Mirrors in companies lie below a path of their host."""
    address = os.environ["HF_ENDPOINT"]

    class Below(FakeHub):
        asked: list[tuple[str, str, str]] = []

        def _answer(self, *, body: bool) -> None:
            assert self.path.startswith("/mirror/hub")
            self.path = self.path.removeprefix("/mirror/hub")
            super()._answer(body=body)

    with serving(Below) as below:
        monkeypatch.setenv("HF_ENDPOINT", f"{below}/mirror/hub/")
        assert is_fetched() and len(Below.asked) > 3 and address != below
