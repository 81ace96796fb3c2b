"""One contract for every method with a name: units, sizes, colours, focal length, on stand-ins of each package."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mfh.errors import BackendError, InputError, WeightsError
from mfh.weights.hub import cached_folder, parse_source
from mfh_lab.evaluation.methods.known import KNOWN
from mfh_lab.evaluation.methods.method import Method
from mfh_lab.evaluation.methods.named import method_contender
from mfh_lab.evaluation.methods.package import missing
from tests.lab.evaluation.methods import stand_ins
from tests.lab.evaluation.methods.stand_ins.scene import HEIGHT, WIDTH, scene

torch = pytest.importorskip("torch", reason="torch is not installed: pip install -e '.[hub]'")

BY_PACKAGE = [one.name for one in KNOWN.values() if one.way == "package"]
RESIZES = ("metric3d-v2", "depth-anything-3")
"""Networks with an input of their own size: their maps are enlarged again."""


@pytest.fixture
def weights(tmp_path, monkeypatch, no_network):
    """Put weights of every package into the cache."""
    monkeypatch.setenv("MFH_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "huggingface"))
    monkeypatch.setenv("MFH_DEVICE", "cpu")
    for name in BY_PACKAGE:
        known = KNOWN[name]
        folder = cached_folder(parse_source(known.weights))
        folder.mkdir(parents=True, exist_ok=True)
        (marker,) = known.markers
        if marker == "config.json":
            (folder / marker).write_text(json.dumps({"model_name": "da3metric-large"}))
        elif name.startswith("moge"):
            network = {"encoder": {}, "neck": {}, "refiner": {"depth": 3} if name == "moge-3" else None}
            torch.save({"model_config": network, "model": {"one": torch.ones(())}}, folder / marker)
        else:
            torch.save({"model_state_dict": {"weight": torch.tensor(7.0)}}, folder / marker)


@pytest.fixture
def packages(weights, monkeypatch):
    stand_ins.install(monkeypatch)


def answer(text, photo):
    method = method_contender(text).load()
    assert isinstance(method, Method)
    found = method.predict(photo, name="a")
    assert found.depth_m.shape == (HEIGHT, WIDTH) and found.depth_m.dtype == np.float32
    assert found.level_80 is None and found.space == KNOWN[text.partition("?")[0]].space
    return found.depth_m


@pytest.mark.parametrize("name", BY_PACKAGE)
def test_metres_come_out_as_they_are_known_at_the_photos_size(packages, name):
    # One depth everywhere: exact however the network resizes.
    photo, depth_m = scene(np.full((HEIGHT, WIDTH), 77, np.uint8))
    given = {"needed": name, "optional": f"{name}?focal=given"}[KNOWN[name].camera]
    np.testing.assert_allclose(answer(given, photo), depth_m, rtol=2e-6)
    # Another at every pixel: nothing is turned, mirrored, shifted or clamped, and it is z rather than the ray's length.
    red = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH), np.uint8)
    if name in RESIZES:
        red = np.add.outer(np.arange(HEIGHT) * 2, np.arange(WIDTH)).astype(np.uint8)
    photo, depth_m = scene(red)
    close = {"atol": 0.03} if name in RESIZES else {"rtol": 2e-6}
    np.testing.assert_allclose(answer(given, photo), depth_m, **close)


@pytest.mark.parametrize("name", [one for one in BY_PACKAGE if KNOWN[one].camera == "optional"])
def test_without_being_asked_a_method_goes_by_its_own_camera(packages, name):
    photo, depth_m = scene(np.full((HEIGHT, WIDTH), 30, np.uint8))
    # The stand-ins take the focal length for 1.25 times what it is.
    np.testing.assert_allclose(answer(name, photo), depth_m * 1.25, rtol=2e-6)
    np.testing.assert_allclose(answer(f"{name}?focal=estimated", photo), depth_m * 1.25, rtol=2e-6)
    own, given = (method_contender(one).settings for one in (name, f"{name}?focal=given"))
    assert (own["focal"], given["focal"]) == ("estimated", "given")


@pytest.mark.parametrize("name", [one for one in BY_PACKAGE if KNOWN[one].camera == "needed"])
def test_the_focal_length_is_an_input(packages, name):
    photo, depth_m = scene(np.full((HEIGHT, WIDTH), 30, np.uint8))
    longer = replace(photo, camera=replace(photo.camera, fx=100.0, fy=110.0))
    np.testing.assert_allclose(answer(name, longer), depth_m * 2, rtol=2e-6)
    with pytest.raises(InputError, match=f"{name} always goes by the camera; leave out"):
        method_contender(f"{name}?focal=estimated")


@pytest.mark.parametrize("name", BY_PACKAGE)
def test_a_missing_package_is_one_line_with_the_command(weights, monkeypatch, name):
    stand_ins.forget(monkeypatch)
    known = KNOWN[name]
    monkeypatch.setitem(sys.modules, known.module, None)
    contender = method_contender(name)
    with pytest.raises(BackendError) as caught:
        contender.load()
    assert f"needs the package '{known.module}" in str(caught.value) and known.install in str(caught.value)
    assert "\n" not in str(caught.value)
    assert missing(known) == [f"no package {known.module}: {known.install}"]


@pytest.mark.parametrize("name", BY_PACKAGE)
def test_missing_weights_are_one_line_with_the_command_and_no_network(tmp_path, monkeypatch, no_network, name):
    monkeypatch.setenv("MFH_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "huggingface"))
    stand_ins.install(monkeypatch)
    known = KNOWN[name]
    with pytest.raises(WeightsError) as caught:
        method_contender(name)
    assert str(caught.value) == f"{name} cannot run here: no weights {known.weights}: {known.fetch}"


def test_weights_of_a_folder_and_other_weights_are_another_method(packages, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    contender = method_contender(f"unidepth-v1:{folder}?focal=given")
    assert contender.settings["model"] == str(folder)
    photo, depth_m = scene(np.full((HEIGHT, WIDTH), 77, np.uint8))
    np.testing.assert_allclose(contender.load().predict(photo, name="a").depth_m, depth_m, rtol=2e-6)
    before = contender.settings["files"]
    (folder / "model.safetensors").write_text("x")
    assert method_contender(f"unidepth-v1:{folder}?focal=given").settings["files"] != before
    with pytest.raises(InputError, match=r"has no config\.json"):
        method_contender(f"unidepth-v1:{tmp_path}")
    with pytest.raises(WeightsError, match="no weights hf:me/mine: hf download me/mine"):
        method_contender("unidepth-v2:hf:me/mine")


def test_what_a_loader_would_fetch_by_itself_is_not_fetched(packages, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"wants": "timm/backbone"}))
    with pytest.raises(
        WeightsError, match="UniDepthV1 wants more of the hub than .*nothing is fetched while"
    ) as caught:
        method_contender(f"unidepth-v1:{folder}").load()
    assert "\n" not in str(caught.value)


def test_the_first_moge_has_no_scale_and_is_refused(packages, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    torch.save({"model_config": {"encoder": "dinov2_vitl14"}, "model": {}}, folder / "model.pt")
    with pytest.raises(WeightsError, match="is MoGe of version 1, whose depth has no scale: expected version 2 or 3"):
        method_contender(f"moge-2:{folder}").load()


@pytest.mark.slow
def test_hub_models_have_names_too(tmp_path, monkeypatch, no_network):
    tiny_depth = pytest.importorskip("tests.models.tiny_depth")
    monkeypatch.setenv("MFH_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "huggingface"))
    monkeypatch.setenv("MFH_DEVICE", "cpu")
    known = KNOWN["depth-anything-v2-indoor"]
    assert [one for one in missing(known) if "weights" in one] == [f"no weights {known.weights}: {known.fetch}"]
    tiny_depth.depth_anything(cached_folder(parse_source(known.weights)), metric=True)
    assert missing(known) == []
    contender = method_contender(known.name)
    assert contender.title == known.name and contender.name == known.weights
    photo, _ = scene(np.full((HEIGHT, WIDTH), 30, np.uint8))
    assert contender.load().predict(photo, name="a").depth_m.shape == (HEIGHT, WIDTH)
    tiny_depth.depth_pro(cached_folder(parse_source(KNOWN["depth-pro"].weights)))
    assert method_contender("depth-pro?focal=given").settings["focal"] == "given"


def test_what_is_compared_by_files_or_by_its_numbers_says_so():
    with pytest.raises(
        InputError, match=r"zerodepth is compared by files: run it .*--predictions zerodepth=DIR --unit m"
    ):
        method_contender("zerodepth")
    with pytest.raises(InputError, match=r"metrichmsr has published numbers alone: PROX: AbsRel 0\.13, δ1 0\.91 \("):
        method_contender("metrichmsr")
    with pytest.raises(InputError, match=r"expected \?focal=given or \?focal=estimated"):
        method_contender("unidepth-v1?focal=35")
    with pytest.raises(InputError, match="no folder 'nothing-known'"):
        method_contender("nothing-known")


def test_the_guide_has_the_facts_of_every_method():
    page = (Path(__file__).resolve().parents[4] / "docs" / "guide" / "comparing.md").read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| `")]
    table = {row[0].strip("`"): row for row in rows if len(row) == 9}
    assert [*table] == [*KNOWN]
    for name, (_, title, _, output, _, space, code, weights, commercial) in table.items():
        known = KNOWN[name]
        assert (title, output, space) == (known.title, known.output, known.space)
        assert (code, weights, commercial) == (known.code_licence, known.weights_licence, known.commercial)


def test_the_papers_tables_take_the_names(packages, tmp_path):
    from mfh.config import preset
    from mfh_lab.evaluation.datasets.registry import open_dataset
    from mfh_lab.evaluation.protocols import PAPER
    from mfh_lab.paper.comparison import Methods
    from tests.lab.evaluation.datasets import layouts

    layouts.write_folder(tmp_path / "photos")
    methods = Methods(preset("paper"), {"UniDepth": "unidepth-v1", "ZeroDepth": "zerodepth"}, {})
    opened = open_dataset("folder", tmp_path / "photos")
    assert methods.of("UniDepth", opened, PAPER).settings["model"] == KNOWN["unidepth-v1"].weights
    with pytest.raises(InputError, match="zerodepth is compared by files"):
        methods.of("ZeroDepth", opened, PAPER)


def test_every_method_says_what_it_is():
    for known in KNOWN.values():
        assert known.code_licence and known.weights_licence and known.paper and known.title
        assert bool(known.target) == (known.way == "package") and bool(known.files) == (known.way == "files")
        assert bool(known.published) == (known.way == "published")
        if known.way in ("package", "hub"):
            assert known.weights.startswith("hf:") and known.fetch and known.install
    assert {"moge-2", "moge-3", "depth-pro", "unidepth-v1", "unidepth-v2", "metric3d-v2", "zoedepth", "unik3d"} < {
        *KNOWN
    }
